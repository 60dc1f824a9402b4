"""Conversations on the task families of the tiny tier, made on the fly from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tokenarena_assets.suites.tiny import code, facts, math, prose

Turn = tuple[str, str]  # (user, assistant)

# Shares of conversations, not of tokens: look-up and harder arithmetic are learned late.
MATH_WEIGHTS = {"easy": 2, "medium": 4, "hard": 3}


def _math_turns(rng: random.Random) -> list[Turn]:
    turns = rng.choice([1, 2, 4, 6])
    weights = [MATH_WEIGHTS[template.difficulty] for template in math.TEMPLATES]
    chosen = rng.choices(math.TEMPLATES, weights, k=turns)
    items = [math.make_item(template, rng.getrandbits(64)) for template in chosen]
    return [(item.prompt, item.solution) for item in items]


def _code_turns(rng: random.Random) -> list[Turn]:
    chosen = rng.choices(code.CODE_TEMPLATES, k=rng.choice([1, 2, 3]))
    items = [code.make_item(template, rng.getrandbits(64)) for template in chosen]
    return [(item.prompt, item.solution) for item in items]


def _facts_turns(rng: random.Random) -> list[Turn]:
    count = 2 + int(24 * rng.random() ** 2)
    fillers = int(10 * rng.random() ** 2)
    sheet = facts.make_sheet(rng, count, fillers, questions=min(count, rng.randint(2, 6)))
    turns = [(question, answer) for question, answer, _ in sheet.questions]
    turns[0] = (f"{sheet.text}\n{turns[0][0]}", turns[0][1])
    return turns


def _prose_turns(rng: random.Random) -> list[Turn]:
    make = rng.choices([prose.story, prose.word_list, prose.description], [3, 2, 2])[0]
    return [make(rng)]


def conversations(seed: int) -> Iterator[list[Turn]]:
    """An endless stream of conversations; the same seed gives the same stream."""
    rng = random.Random(seed)
    makers = [_math_turns, _code_turns, _facts_turns, _prose_turns]
    while True:
        yield rng.choices(makers, [42, 12, 34, 12])[0](rng)
