"""The item: one question with its gold answer, made from a seed."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One question and its gold answer.

    `solution` is a worked answer in the form the prompt asks for. It is what the embedded models
    were trained on; grading never reads it.
    """

    item_id: str
    family: str
    template_id: str
    seed: int
    prompt: str
    answer_type: str  # int | rational | decimal | code | text
    answer_value: str
    difficulty: str  # easy | medium | hard
    solution: str


def derived_seed(*parts: object) -> int:
    """A 64-bit seed from `sha256("a|b|...")`, so that a day's items are the same for every endpoint."""
    text = "|".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def rng_for(*parts: object) -> random.Random:
    """A generator seeded by :func:`derived_seed` of the same parts."""
    return random.Random(derived_seed(*parts))
