"""Key look-up in a list of facts: what the context ladder is made of at the tiny tier."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

from tokenarena_assets.suites.tiny import prose
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


OCTILES = 8


@dataclass(frozen=True, slots=True)
class LookUp:
    """One fact that is asked for, and the eighth of the sheet (0 first) that it stands in."""

    question: str
    sentence: str
    value: str
    octile: int


@dataclass(frozen=True, slots=True)
class LongSheet:
    """A list of facts among plain sentences; `look_ups` in the order in which they are asked."""

    ask: str
    body: str
    look_ups: tuple[LookUp, ...]

    @property
    def prompt(self) -> str:
        """The questions, the sheet, and the questions again: whoever loses one end still sees the other."""
        return f"{self.ask}\n{self.body}\n{self.ask}"

    @property
    def solution(self) -> str:
        """The answer in the form that is asked for."""
        return json.dumps([look_up.sentence for look_up in self.look_ups])


def make_long_sheet(rng: random.Random, chars: int, asked: int = OCTILES, distractors: int = OCTILES) -> LongSheet:
    """A sheet whose prompt is about `chars` characters long, or as short as its facts allow.

    Of `asked` facts one stands in each eighth of the sheet, by turns where they are more; `distractors` are facts of
    the same form that nobody asks for.
    """
    owned, codes = _owned(rng, asked + distractors), _codes(rng, asked + distractors)
    wanted = owned[: asked // 2] + codes[: asked - asked // 2]
    others = owned[asked // 2 : (asked + distractors) // 2] + codes[asked - asked // 2 : (asked + distractors + 1) // 2]
    rng.shuffle(wanted)
    octiles = [number % OCTILES for number in range(asked)]
    look_ups = [LookUp(row[1], row[0], row[3], octile) for row, octile in zip(wanted, octiles, strict=True)]
    rng.shuffle(look_ups)
    ask = "Answer as a JSON list:\n" + "\n".join(look_up.question for look_up in look_ups)
    plain = [row[0] for row in others]
    length = 2 * len(ask) + sum(len(line) + 1 for line in [*plain, *(row[0] for row in wanted)]) + 10
    while length < chars:
        plain.append(filler_sentence(rng) if rng.random() < 0.5 else prose.sentence(rng))
        length += len(plain[-1]) + 1
    rng.shuffle(plain)
    lines: list[str] = []
    for octile in range(OCTILES):
        part = plain[octile * len(plain) // OCTILES : (octile + 1) * len(plain) // OCTILES]
        for look_up in (look_up for look_up in look_ups if look_up.octile == octile):
            part.insert(rng.randint(0, len(part)), look_up.sentence)
        lines += part
    return LongSheet(ask, "Facts:\n" + "\n".join(lines), tuple(look_ups))
