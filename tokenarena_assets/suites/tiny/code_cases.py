"""Cases for the code items of the tiny tier, whose answers are judged by what they return."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.items import Item
from tokenarena_assets.suites.reference import function_of
from tokenarena_assets.suites.tiny.code import CodeTemplate, make_item

CASES = 30
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXTS = ("", "a", "Hello World", LETTERS, LETTERS.upper())


def make_task_item(template: CodeTemplate, seed: int) -> Item:
    """The item that `template` makes from `seed`, its gold value a CodeTask: the reference, and what it returns.

    Prompt and solution are those the embedded models were trained on.
    """
    item = make_item(template, seed)
    source = item.answer_value
    head = source.partition("\n")[0]
    name, arguments = head.removeprefix("def ").removesuffix("):").split("(")
    function = function_of(source, name)
    numbers = sorted({int(found) for found in re.findall(r"\d+", item.prompt + source)})
    pairs: dict[str, str] = {}
    for args in _arguments(arguments, numbers, random.Random(seed)):
        try:
            pairs.setdefault(repr(args), repr(function(*args)))
        except ValueError:  # the largest of no items
            continue
    asked = item.prompt.partition("\n")[2]
    return replace(item, answer_value=CodeTask(item.item_id, name, asked, source, tuple(pairs.items())).to_json())


def _arguments(names: str, numbers: list[int], rng: random.Random) -> list[tuple[Any, ...]]:
    """Arguments for a signature: unusual ones, ones about the numbers of the question, and drawn ones."""
    near = [number + step for number in numbers for step in (-1, 0, 1)]

    def number() -> int:
        return rng.choice(near) if near and rng.random() < 0.3 else rng.randint(-1_000, 1_000)

    def text() -> str:
        return "".join(rng.choice(LETTERS + "ABCDE  ") for _ in range(rng.randint(1, 30)))

    if names == "x":
        found: list[tuple[Any, ...]] = [(x,) for x in (0, 1, -1, *near, *(-number for number in numbers))]
        return found + [(rng.randint(-1_000, 1_000),) for _ in range(CASES - len(found))]
    if names == "a, b":
        return [(0, 0), (1, 2), (2, 1), (-3, 3), (-5, -4)] + [(number(), number()) for _ in range(CASES - 5)]
    if names == "text":
        return [(x,) for x in TEXTS] + [(text(),) for _ in range(CASES - len(TEXTS))]
    lists: list[tuple[Any, ...]] = [([],), ([0],), ([-1, -1],), (near,), ([2 * n for n in numbers],)]
    return lists + [([number() for _ in range(rng.randint(1, 12))],) for _ in range(CASES - len(lists))]
