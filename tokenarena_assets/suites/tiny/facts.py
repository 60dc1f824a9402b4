"""Key look-up in a list of facts: what the context ladder is made of at the tiny tier."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tokenarena_assets.suites.tiny.words import ANIMALS, COLOURS, KEYS, MOODS, NAMES, OBJECTS, PLACES


@dataclass(frozen=True, slots=True)
class FactSheet:
    """A list of facts and the questions it answers: `questions[i]` is (question, answer sentence, value)."""

    text: str
    questions: tuple[tuple[str, str, str], ...]


def _owned(rng: random.Random, count: int) -> list[tuple[str, str, str, str]]:
    names = rng.sample(NAMES, count)
    rows = []
    for name in names:
        thing = rng.choice(OBJECTS)
        rows.append((f"{name} has a {thing}.", f"What does {name} have?", f"{name} has a {thing}.", thing))
    return rows


def _codes(rng: random.Random, count: int) -> list[tuple[str, str, str, str]]:
    keys = rng.sample(KEYS, count)
    rows = []
    for key in keys:
        code = str(rng.randint(10, 999))
        rows.append((f"Code {key} is {code}.", f"What is code {key}?", f"Code {key} is {code}.", code))
    return rows


def filler_sentence(rng: random.Random) -> str:
    """A plain sentence that answers no question of the sheet."""
    return rng.choice(
        [
            f"The {rng.choice(ANIMALS)} is {rng.choice(MOODS)}.",
            f"The {rng.choice(PLACES)} looks {rng.choice(COLOURS)}.",
            f"A {rng.choice(COLOURS)} {rng.choice(ANIMALS)} sleeps near the {rng.choice(PLACES)}.",
        ]
    )


def make_sheet(rng: random.Random, facts: int, fillers: int, questions: int) -> FactSheet:
    """A sheet of `facts` facts shuffled among `fillers` plain sentences, with `questions` questions.

    `facts` is at most 47, the length of the shorter key list.
    """
    rows = _owned(rng, facts) if rng.random() < 0.5 else _codes(rng, facts)
    lines = [row[0] for row in rows] + [filler_sentence(rng) for _ in range(fillers)]
    rng.shuffle(lines)
    asked = rng.sample(rows, min(questions, facts))
    return FactSheet(
        text="Facts:\n" + "\n".join(lines),
        questions=tuple((question, answer, value) for _, question, answer, value in asked),
    )
