"""The item: one question with its gold answer, made from a seed."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

# Published items carry this text, so that who trains on them by accident can find and drop them; no prompt holds it.
CANARY = "tokenarena items: keep out of training corpora; canary 5b0e2f7a-6d1c-4c3e-9f58-2a7c41d09be6"


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
    answer_type: str  # int | rational | decimal | code | text | context
    answer_value: str  # of `code`: the JSON of a CodeTask; of `context`: the JSON of what was asked
    difficulty: str  # easy | medium | hard
    solution: str
    tier: str = "tiny"  # tiny | easy | standard | hard
    source: str = "generated"  # generated | gsm8k | humaneval | mbpp | own:<file name>
    tolerance: str | None = None  # how far from `answer_value` an answer may be; None: exactly it


def domain_of(answer_type: str) -> str:
    """The domain whose accuracy an item counts for: `code` or `math`."""
    return "code" if answer_type == "code" else "math"


def derived_seed(*parts: object) -> int:
    """A 64-bit seed from `sha256("a|b|...")`, so that a day's items are the same for every endpoint."""
    text = "|".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def rng_for(*parts: object) -> random.Random:
    """A generator seeded by :func:`derived_seed` of the same parts."""
    return random.Random(derived_seed(*parts))
