"""Code items of the real tiers: their cases checked against other ways to the same result."""

from __future__ import annotations

import ast
import doctest
import hashlib
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.items import Item, derived_seed
from tokenarena_assets.suites.reference import function_of
from tokenarena_assets.suites.standard import code
from tokenarena_assets.suites.suite import SUITE_VERSION

EVERY = [(family, difficulty) for family in code.FAMILIES for difficulty in code.DIFFICULTIES]
SEEDS = [derived_seed("code", number) for number in range(5)]


def made(family: str, difficulty: str, seed: int) -> tuple[Item, CodeTask]:
    item = code.make_item(family, difficulty, seed, "standard")
    return item, CodeTask.from_json(item.answer_value)


def passes(source: str, task: CodeTask) -> bool:
    function = function_of(source, task.entry_point)
    try:
        return all(function(*ast.literal_eval(given)) == ast.literal_eval(result) for given, result in task.cases)
    except Exception:
        return False


def test_there_are_families_enough_at_three_difficulties() -> None:
    assert len(code.FAMILIES) >= 12
    assert len({code.template_id(*pair) for pair in EVERY}) == 3 * len(code.FAMILIES)


@pytest.mark.parametrize(("family", "difficulty"), EVERY)
def test_a_task_is_whole_and_made_of_its_seed_alone(family: str, difficulty: str) -> None:
    for seed in SEEDS:
        item, task = made(family, difficulty, seed)
        assert (item, task) == made(family, difficulty, seed)
        assert (item.template_id, item.difficulty) == (f"{family}_{difficulty}", difficulty)
        assert item.prompt == f"Write this Python function. Answer with one Python code block.\n\n{task.prompt}"
        assert "$" not in item.prompt + (task.reference or "")
        assert item.solution == f"```python\n{task.reference}\n```"
        assert task.prompt.startswith(f"def {task.entry_point}(")
        results = [result for _, result in task.cases]
        assert len(results) >= 30
        assert max(map(results.count, results)) <= len(results) / 2
        assert all(isinstance(ast.literal_eval(given), tuple) for given, _ in task.cases)


@pytest.mark.parametrize(("family", "difficulty"), EVERY)
def test_the_reference_passes_its_cases_and_does_what_the_examples_show(family: str, difficulty: str) -> None:
    for seed in SEEDS:
        _, task = made(family, difficulty, seed)
        assert task.reference is not None
        assert passes(task.reference, task)
        (function,) = ast.parse(task.prompt).body
        assert isinstance(function, ast.FunctionDef)
        examples = doctest.DocTestParser().get_examples(ast.get_docstring(function) or "")
        assert len(examples) == 2
        called = {task.entry_point: function_of(task.reference, task.entry_point)}
        for example in examples:
            assert eval(example.source, dict(called)) == ast.literal_eval(example.want)
            arguments = example.source.strip().removeprefix(task.entry_point)
            assert ast.literal_eval(arguments[:-1] + ",)") not in [ast.literal_eval(given) for given, _ in task.cases]


@pytest.mark.parametrize(("family", "difficulty"), EVERY)
def test_code_learned_by_heart_fails_an_item_with_other_numbers(family: str, difficulty: str) -> None:
    tasks = [made(family, difficulty, seed)[1] for seed in SEEDS]
    others = [(one, other) for one in tasks for other in tasks if one.reference != other.reference]
    assert others
    fooled = sum(passes(one.reference or "", other) for one, other in others)
    assert fooled <= len(others) / 10


def mutants(source: str) -> list[str]:
    """The source with one comparison or one number at a time changed; none of its loops may then run on."""
    found = []
    for place in range(len(list(ast.walk(ast.parse(source))))):
        tree = ast.parse(source)
        node = list(ast.walk(tree))[place]
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE)):
            swap = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
            node.ops[0] = swap[type(node.ops[0])]()
        elif isinstance(node, ast.Constant) and type(node.value) is int and node.value > 1:
            node.value += 1
        else:
            continue
        found.append(ast.unparse(tree))
    return found


def test_changed_references_fail() -> None:
    caught, every = 0, 0
    for family, difficulty in EVERY:
        _, task = made(family, difficulty, SEEDS[0])
        if "while" not in (task.reference or ""):
            results = [passes(mutant, task) for mutant in mutants(task.reference or "")]
            every += len(results)
            caught += results.count(False)
    assert every > 80
    assert caught / every > 0.9


def test_items_have_not_changed_within_the_version_of_the_suite() -> None:
    """Where this fails, answers given before and after are to other questions: raise SUITE_VERSION with the digest."""
    items = [made(family, difficulty, SEEDS[0])[0] for family, difficulty in EVERY]
    digest = hashlib.sha256("\n".join(item.prompt + item.answer_value for item in items).encode()).hexdigest()
    assert (SUITE_VERSION, digest[:16]) == ("2026.11", "f9d45f3ad7f7970c")


def ints(text: str, pattern: str) -> list[int]:
    match = re.search(pattern, text)
    assert match is not None, (pattern, text)
    return [int(group) for group in match.groups()]


def negabase(doc: str) -> Callable[[int, list[int]], bool]:
    (base,) = ints(doc, r"in base -(\d+)")
    (plus,) = ints(doc, r"add (\d+) to each digit")

    def right(n: int, digits: list[int]) -> bool:
        low_first = digits if "digit of the lowest" in doc else digits[::-1]
        plain = [(digit - plus) % base if power % 2 else digit for power, digit in enumerate(low_first)]
        return sum(digit * (-base) ** power for power, digit in enumerate(plain)) == n and (n == 0 or plain[-1] != 0)

    return right


def covered(doc: str) -> Callable[[list[list[int]], int], bool]:
    match = re.search(r"(\d) more than a multiple of (\d)|divisible by (\d)", doc)
    assert match is not None
    rest, k = (0, int(match[3])) if match[3] else (int(match[1]), int(match[2]))
    return lambda intervals, count: (
        count == sum(n % k == rest and any(a <= n <= b for a, b in intervals) for n in range(-200, 200))
    )


def days_until(doc: str) -> Callable[[str, int], bool]:
    match = re.search(r"the next (\w+) (\d+) in", doc)
    extra = re.search(r"add (\d+) if that day is a (\w+)\.", doc)
    assert match is not None
    assert extra is not None

    def right(text: str, count: int) -> bool:
        day = date.fromisoformat(text) + timedelta(days=1)
        while f"{day:%B} {day.day}" != f"{match[1]} {match[2]}":
            day += timedelta(days=1)
        return count == (day - date.fromisoformat(text)).days + (f"{day:%A}" == extra[2]) * int(extra[1])

    return right


def coins(doc: str) -> Callable[[int, int], bool]:
    a, b, c, d, most = ints(doc, r"coins of (\d+), (\d+), (\d+) and (\d+), at most (\d+)")
    ways: dict[int, int] = {}
    for w in range(most + 1):
        for x in range(most + 1):
            for y in range(most + 1):
                for z in range(most + 1):
                    total = a * w + b * x + c * y + d * z
                    ways[total] = min(ways.get(total, 99), w + x + y + z)
    return lambda amount, count: count == ways.get(amount, -max(total for total in ways if total <= max(amount, 0)))


def numeral(doc: str) -> Callable[[int, str], bool]:
    worth = {letter: int(value) for letter, value in re.findall(r"([A-Z]) for (\d+)", doc)}

    def right(n: int, text: str) -> bool:
        parts = re.findall(r"([A-Z])(?:\[(\d+)\])?", text) if set(text) & worth.keys() else []
        order = [worth[letter] for letter, _ in parts]
        return sum(worth[letter] * int(count or 1) for letter, count in parts) == n and order == sorted(order)[::-1]

    return right


def bits(doc: str) -> Callable[[int, int], bool]:
    (plus,) = ints(doc, r"Return (\d+) times")
    (k,) = ints(doc, r"a multiple of (\d+)")

    def right(n: int, score: int) -> bool:
        text = bin(n)[:1:-1]
        good = text[::k].count("1")
        return score == plus * good - (text.count("1") - good)

    return right


CHECKS: dict[tuple[str, str], Callable[[str], Callable[..., bool]]] = {
    ("bases", "hard"): negabase,
    ("intervals", "easy"): covered,
    ("dates", "easy"): days_until,
    ("plans", "medium"): coins,
    ("numerals", "medium"): numeral,
    ("bits", "easy"): bits,
}


@pytest.mark.parametrize(("family", "difficulty"), CHECKS)
def test_what_is_expected_is_what_the_words_say(family: str, difficulty: str) -> None:
    for seed in SEEDS:
        _, task = made(family, difficulty, seed)
        right = CHECKS[family, difficulty](" ".join(task.prompt.split()))
        for given, result in task.cases:
            arguments: tuple[Any, ...] = ast.literal_eval(given)
            assert right(*arguments, ast.literal_eval(result)), (task.prompt, given, result)
