"""Answers as sequences of whole numbers of one length, and the samples of a prompt on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

Sequences = np.ndarray[Any, np.dtype[np.int32]]
Blocks = np.ndarray[Any, np.dtype[np.int64]]
HOURS_PER_DAY = 24
END = -1


class Outcome(StrEnum):
    """What came of a request, where anything but a transport error did. All but ANSWERED are one symbol, repeated."""

    ANSWERED = "answered"
    BLANK = "blank"
    FILTERED = "filtered"
    REFUSAL = "refusal"


SYMBOLS = {Outcome.BLANK: -2, Outcome.FILTERED: -3, Outcome.REFUSAL: -4}


@dataclass(frozen=True, slots=True)
class PromptSamples:
    """The samples of one prompt: `x` the endpoint's, of shape (n, L), `y` the reference's, of shape (r, L).

    `x_blocks`, of shape (n,), and `y_blocks`, of shape (r,), tell the hour slot that each was drawn in, counted from
    some day 0: day * 24 + slot. The samples of a day are in the order of their repeats.
    """

    prompt_id: str
    x: Sequences
    y: Sequences
    x_blocks: Blocks
    y_blocks: Blocks

    def __post_init__(self) -> None:
        """Refuse what does not fit together.

        Raises:
            ValueError: samples of other lengths, or not one block for each.
        """
        if self.x.ndim != 2 or self.y.ndim != 2 or self.x.shape[1] != self.y.shape[1]:
            raise ValueError(f"{self.prompt_id}: sequences of shapes {self.x.shape} and {self.y.shape}")
        if len(self.x_blocks) != len(self.x) or len(self.y_blocks) != len(self.y):
            raise ValueError(f"{self.prompt_id}: not one block a sample")


def encode(texts: Sequence[str], length: int, outcomes: Sequence[str] | None = None) -> Sequences:
    """Sequences of shape (n, length): the first `length` Unicode code points of each text, then END.

    A text whose outcome is blank, filtered or refusal becomes the symbol of that outcome, repeated, whatever it says.

    Raises:
        ValueError: a length under 1, another number of outcomes than of texts, or an unknown outcome.
    """
    if length < 1:
        raise ValueError(f"sequences of length {length}")
    cut = [text[:length] for text in texts]
    points = np.frombuffer("".join(cut).encode("utf-32-le", "surrogatepass"), dtype="<i4")
    lengths = np.fromiter(map(len, cut), dtype=np.int64, count=len(cut))
    sequences = np.full((len(cut), length), END, dtype=np.int32)
    sequences[np.arange(length) < lengths[:, None]] = points
    if outcomes is not None:
        if len(outcomes) != len(texts):
            raise ValueError(f"{len(texts)} texts and {len(outcomes)} outcomes")
        for row, outcome in enumerate(map(Outcome, outcomes)):
            if outcome in SYMBOLS:
                sequences[row] = SYMBOLS[outcome]
    return sequences


def dense_codes(sequences: Sequences) -> tuple[Sequences, int]:
    """The same sequences with their symbols numbered from 0, and how many symbols there are."""
    if not sequences.size:
        return sequences, 0
    lowest = int(sequences.min())
    table = np.zeros(int(sequences.max()) - lowest + 1, dtype=np.int32)
    shifted = sequences - lowest
    table[shifted] = 1
    count = int(table.sum())
    return (np.cumsum(table, dtype=np.int32) - 1)[shifted], count
