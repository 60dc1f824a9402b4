"""Samples for the tests, and U-statistics of them by their definition."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from tokenarena_assets.fidelity import PromptSamples, encode

LENGTH = 6


def prompt(
    x: Sequence[str],
    y: Sequence[str],
    x_blocks: Sequence[int] | None = None,
    y_blocks: Sequence[int] | None = None,
    name: str = "p",
) -> PromptSamples:
    """Texts as samples of LENGTH units; one slot a sample, unless told."""
    return PromptSamples(
        name,
        encode(x, LENGTH),
        encode(y, LENGTH),
        np.array(range(len(x)) if x_blocks is None else x_blocks, dtype=np.int64),
        np.array(range(len(y)) if y_blocks is None else y_blocks, dtype=np.int64),
    )


def random_texts(rng: np.random.Generator, count: int, letters: str = "ab", length: int = LENGTH) -> list[str]:
    """Random words, none longer than `length`."""
    return ["".join(rng.choice(list(letters), size=rng.integers(1, length + 1))) for _ in range(count)]


def random_prompts(seed: int, count: int, n: int = 4, r: int = 6) -> list[PromptSamples]:
    """Prompts whose samples differ in length and share prefixes, from slots of two days."""
    rng = np.random.default_rng(seed)
    return [
        prompt(
            random_texts(rng, n),
            random_texts(rng, r),
            rng.integers(0, 48, n).tolist(),
            [*rng.integers(0, 24, r // 2).tolist(), *rng.integers(24, 48, r - r // 2).tolist()],
            f"p{i}",
        )
        for i in range(count)
    ]


def k(a: str, b: str) -> float:
    """The prefix kernel of two texts."""
    if a[:LENGTH] == b[:LENGTH]:
        return 1.0
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(a[:LENGTH], b[:LENGTH], strict=False)))) / LENGTH


def u(first: Sequence[str], second: Sequence[str]) -> tuple[float, float, float]:
    """A, B and C of one prompt, pair by pair."""

    def within(texts: Sequence[str]) -> float:
        found = [k(a, b) for i, a in enumerate(texts) for j, b in enumerate(texts) if i != j]
        return float(np.mean(found)) if found else float("nan")

    return within(first), within(second), float(np.mean([k(a, b) for a in first for b in second]))


def t_of(first: Sequence[str], second: Sequence[str]) -> float:
    """A + B - 2 C of one prompt."""
    a, b, c = u(first, second)
    return a + b - 2 * c


def texts_of(sequences: np.ndarray) -> list[str]:
    """Back from code points."""
    return ["".join(chr(c) for c in row if c >= 0) for row in sequences.tolist()]
