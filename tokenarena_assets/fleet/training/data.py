"""Conversations on the task families of the tiny tier, made on the fly from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tokenarena_assets.suites.tiny import code, facts, math, prose

Turn = tuple[str, str]  # (user, assistant)

# Shares of conversations, not of tokens: look-up and harder arithmetic are learned late.
MATH_WEIGHTS = {"easy": 2, "medium": 4, "hard": 3}
# Functions whose constants have to be worked out first; the first stage leaves them out.
WORKED_OUT = ("added_twice", "scaled_twice", "minus_product", "items_above_difference")


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of sums, functions, look-up in short sheets, look-up in long sheets, copying and prose."""

    math: int
    code: int
    facts: int
    sheets: int
    copying: int
    prose: int
    worked_out: int = 0  # weight of the functions of WORKED_OUT, of 1 for each other


def _math_turns(rng: random.Random, _mix: Mix, _longest: int) -> list[Turn]:
    turns = rng.choice([1, 2, 4, 6])
    weights = [MATH_WEIGHTS[template.difficulty] for template in math.TEMPLATES]
    chosen = rng.choices(math.TEMPLATES, weights, k=turns)
    items = [math.make_item(template, rng.getrandbits(64)) for template in chosen]
    return [(item.prompt, item.solution) for item in items]


def _code_turns(rng: random.Random, mix: Mix, _longest: int) -> list[Turn]:
    weights = [mix.worked_out if t.template_id in WORKED_OUT else 1 for t in code.CODE_TEMPLATES]
    chosen = rng.choices(code.CODE_TEMPLATES, weights, k=rng.choice([1, 2, 3]))
    items = [code.make_item(template, rng.getrandbits(64)) for template in chosen]
    return [(item.prompt, item.solution) for item in items]


def _facts_turns(rng: random.Random, _mix: Mix, _longest: int) -> list[Turn]:
    count = 2 + int(24 * rng.random() ** 2)
    fillers = int(10 * rng.random() ** 2)
    sheet = facts.make_sheet(rng, count, fillers, questions=min(count, rng.randint(2, 6)))
    turns = [(question, answer) for question, answer, _ in sheet.questions]
    turns[0] = (f"{sheet.text}\n{turns[0][0]}", turns[0][1])
    return turns


def _sheet_turns(rng: random.Random, _mix: Mix, longest: int) -> list[Turn]:
    asked = rng.choice([1, 2, 4, 6, 8, 8, 8, 8])
    distractors = int(min(16, longest / 60) * rng.random())
    sheet = facts.make_long_sheet(rng, rng.randint(100, longest), asked, distractors)
    # One of the two lists of questions may be missing: what a server cuts off must not change the task.
    before, after = rng.choices([(True, True), (False, True), (True, False)], [70, 15, 15])[0]
    parts = [sheet.ask] * before + [sheet.body] + [sheet.ask] * after
    return [("\n".join(parts), sheet.solution)]


def _copy_turns(rng: random.Random, _mix: Mix, _longest: int) -> list[Turn]:
    """A sheet said over again: every token of the answer practises the looking back that look-up is made of."""
    sheet = facts.make_sheet(rng, rng.randint(2, 12), 0, questions=1)
    return [(f"{sheet.text}\nSay them again.", sheet.text)]


def _prose_turns(rng: random.Random, _mix: Mix, _longest: int) -> list[Turn]:
    make = rng.choices([prose.story, prose.word_list, prose.description], [3, 2, 2])[0]
    return [make(rng)]


MAKERS = (_math_turns, _code_turns, _facts_turns, _sheet_turns, _copy_turns, _prose_turns)


def conversations(seed: int, mix: Mix, longest_chars: int) -> Iterator[list[Turn]]:
    """An endless stream of conversations, sheets up to `longest_chars`; the same arguments give the same stream."""
    rng = random.Random(seed)
    weights = (mix.math, mix.code, mix.facts, mix.sheets, mix.copying, mix.prose)
    while True:
        yield rng.choices(MAKERS, weights)[0](rng, mix, longest_chars)
