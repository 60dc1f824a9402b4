"""Sums and word problems: integer answers on a last line `Answer: <number>`."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tokenarena_assets.suites.items import Item
from tokenarena_assets.suites.tiny.words import CONTAINERS, COUNTED, NAMES, PLACES

ASK = "\nLast line: Answer: <number>"


@dataclass(frozen=True, slots=True)
class Template:
    """A way to make a question: `make` returns the question, its steps of arithmetic and the result."""

    template_id: str
    difficulty: str
    make: Callable[[random.Random], tuple[str, str, int]]


def _ask_sum(rng: random.Random, expression: str) -> str:
    return rng.choice(["What is {}?", "Work out {}.", "Compute {}.", "{} = ?"]).format(expression)


def _add(low: int, high: int) -> Callable[[random.Random], tuple[str, str, int]]:
    def make(rng: random.Random) -> tuple[str, str, int]:
        a, b = rng.randint(low, high), rng.randint(low, high)
        return _ask_sum(rng, f"{a} + {b}"), f"{a} + {b} = {a + b}", a + b

    return make


def _subtract(low: int, high: int) -> Callable[[random.Random], tuple[str, str, int]]:
    def make(rng: random.Random) -> tuple[str, str, int]:
        b, a = sorted((rng.randint(low, high), rng.randint(low, high)))
        return _ask_sum(rng, f"{a} - {b}"), f"{a} - {b} = {a - b}", a - b

    return make


def _multiply(a_range: tuple[int, int], b_range: tuple[int, int]) -> Callable[[random.Random], tuple[str, str, int]]:
    def make(rng: random.Random) -> tuple[str, str, int]:
        a, b = rng.randint(*a_range), rng.randint(*b_range)
        return _ask_sum(rng, f"{a} * {b}"), f"{a} * {b} = {a * b}", a * b

    return make


def _three_terms(rng: random.Random) -> tuple[str, str, int]:
    a, b, c = rng.randint(10, 99), rng.randint(10, 99), rng.randint(2, 20)
    ab = a + b
    return _ask_sum(rng, f"{a} + {b} - {c}"), f"{a} + {b} = {ab}\n{ab} - {c} = {ab - c}", ab - c


def _gets_more(rng: random.Random) -> tuple[str, str, int]:
    name, thing = rng.choice(NAMES), rng.choice(COUNTED)
    a, b = rng.randint(5, 99), rng.randint(5, 99)
    verb = rng.choice(["finds", "buys", "gets"])
    question = f"{name} has {a} {thing} and {verb} {b} more. How many {thing} does {name} have now?"
    return question, f"{a} + {b} = {a + b}", a + b


def _gives_away(rng: random.Random) -> tuple[str, str, int]:
    name, other = rng.sample(NAMES, 2)
    thing = rng.choice(COUNTED)
    b, a = sorted((rng.randint(3, 99), rng.randint(3, 99)))
    verb = rng.choice(["gives", "sells", "sends"])
    question = f"{name} has {a} {thing} and {verb} {b} of them to {other}. How many {thing} does {name} have left?"
    return question, f"{a} - {b} = {a - b}", a - b


def _groups(rng: random.Random) -> tuple[str, str, int]:
    thing, box, place = rng.choice(COUNTED), rng.choice(CONTAINERS), rng.choice(PLACES)
    a, b = rng.randint(2, 12), rng.randint(2, 12)
    question = f"At the {place} there are {a} {box} with {b} {thing} each. How many {thing} are there in all?"
    return question, f"{a} * {b} = {a * b}", a * b


def _buys_and_loses(rng: random.Random) -> tuple[str, str, int]:
    name, thing, place = rng.choice(NAMES), rng.choice(COUNTED), rng.choice(PLACES)
    a, b = rng.randint(10, 99), rng.randint(10, 99)
    c = rng.randint(2, min(60, a + b - 1))
    ab = a + b
    question = (
        f"{name} has {a} {thing}, buys {b} more and loses {c} at the {place}. How many {thing} does {name} have now?"
    )
    return question, f"{a} + {b} = {ab}\n{ab} - {c} = {ab - c}", ab - c


def _groups_and_more(rng: random.Random) -> tuple[str, str, int]:
    name, thing, box = rng.choice(NAMES), rng.choice(COUNTED), rng.choice(CONTAINERS)
    a, b, c = rng.randint(2, 9), rng.randint(3, 12), rng.randint(5, 60)
    ab = a * b
    question = (
        f"{name} fills {a} {box} with {b} {thing} each and has {c} {thing} over. How many {thing} does {name} have?"
    )
    return question, f"{a} * {b} = {ab}\n{ab} + {c} = {ab + c}", ab + c


TEMPLATES: tuple[Template, ...] = (
    Template("add_2_digit", "easy", _add(10, 99)),
    Template("add_3_digit", "medium", _add(100, 999)),
    Template("add_4_digit", "hard", _add(1000, 9999)),
    Template("subtract_2_digit", "easy", _subtract(10, 99)),
    Template("subtract_3_digit", "hard", _subtract(100, 999)),
    Template("multiply_table", "easy", _multiply((2, 12), (2, 12))),
    Template("multiply_2_by_1", "medium", _multiply((11, 99), (2, 9))),
    Template("multiply_2_by_2", "hard", _multiply((11, 49), (11, 29))),
    Template("three_terms", "medium", _three_terms),
    Template("word_gets_more", "easy", _gets_more),
    Template("word_gives_away", "easy", _gives_away),
    Template("word_groups", "easy", _groups),
    Template("word_buys_and_loses", "medium", _buys_and_loses),
    Template("word_groups_and_more", "medium", _groups_and_more),
)
BY_ID = {template.template_id: template for template in TEMPLATES}


def make_item(template: Template, seed: int) -> Item:
    """The item that `template` makes from `seed` (same seed, same item)."""
    question, steps, result = template.make(random.Random(seed))
    return Item(
        item_id=f"{template.template_id}-{seed:016x}",
        family="tiny_math",
        template_id=template.template_id,
        seed=seed,
        prompt=question + ASK,
        answer_type="int",
        answer_value=str(result),
        difficulty=template.difficulty,
        solution=f"{steps}\nAnswer: {result}",
    )
