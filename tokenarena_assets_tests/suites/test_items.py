"""Items made from seeds: gold answers, solutions and reference implementations checked independently."""

from __future__ import annotations

import ast
import hashlib
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.grading import grade_math
from tokenarena_assets.suites.items import derived_seed, domain_of, rng_for
from tokenarena_assets.suites.reference import function_of
from tokenarena_assets.suites.tiny import code, facts, math, prose
from tokenarena_assets.suites.tiny.code_cases import make_task_item
from tokenarena_assets.suites.tiny.words import KEYS, NAMES

SEEDS = [derived_seed("test", number) for number in range(60)]
WORDED: dict[str, Callable[..., int]] = {
    "word_gets_more": lambda a, b: a + b,
    "word_gives_away": lambda a, b: a - b,
    "word_groups": lambda a, b: a * b,
    "word_buys_and_loses": lambda a, b, c: a + b - c,
    "word_groups_and_more": lambda a, b, c: a * b + c,
}


def recomputed(template_id: str, prompt: str) -> int:
    """The answer from the words of the question alone."""
    question = prompt.partition("\n")[0]
    if template_id in WORDED:
        return WORDED[template_id](*map(int, re.findall(r"\d+", question)))
    (expression,) = re.findall(r"\d+(?: [-+*] \d+)+", question)
    parts = expression.split(" ")
    total = int(parts[0])
    for sign, number in zip(parts[1::2], parts[2::2], strict=True):
        total = {"+": total + int(number), "-": total - int(number), "*": total * int(number)}[sign]
    return total


@pytest.mark.parametrize("template", math.TEMPLATES, ids=lambda t: t.template_id)
def test_math_gold_follows_from_the_question(template: math.Template) -> None:
    for seed in SEEDS:
        item = math.make_item(template, seed)
        assert int(item.answer_value) == recomputed(template.template_id, item.prompt)
        assert int(item.answer_value) >= 0
        assert item.prompt.endswith("\nLast line: Answer: <number>")


@pytest.mark.parametrize("template", math.TEMPLATES, ids=lambda t: t.template_id)
def test_math_solutions_are_graded_correct_and_reckon_rightly(template: math.Template) -> None:
    for seed in SEEDS:
        item = math.make_item(template, seed)
        assert grade_math(item.solution, item.answer_value).correct
        for line in item.solution.splitlines()[:-1]:
            left, right = line.split(" = ")
            assert recomputed("bare", left) == int(right)


def test_math_templates_differ_in_name_and_make_different_items() -> None:
    assert len(math.BY_ID) == len(math.TEMPLATES)
    for template in math.TEMPLATES:
        prompts = {math.make_item(template, seed).prompt for seed in SEEDS}
        assert len(prompts) > 40


def test_same_seed_same_item() -> None:
    for seed in SEEDS[:5]:
        assert math.make_item(math.TEMPLATES[0], seed) == math.make_item(math.TEMPLATES[0], seed)
        assert code.make_item(code.CODE_TEMPLATES[0], seed) == code.make_item(code.CODE_TEMPLATES[0], seed)


def test_seeds_are_the_first_bytes_of_a_hash() -> None:
    digest = hashlib.sha256(b"suite|2026-11-23|7").hexdigest()
    assert derived_seed("suite", "2026-11-23", 7) == int(digest[:16], 16)
    assert rng_for("a", 1).random() == random.Random(derived_seed("a", 1)).random()


DOCSTRINGS: list[tuple[str, Callable[..., Any]]] = [
    (r"Return x plus (\d+)\.", lambda a: lambda x: x + a),
    (r"Return x times (\d+) plus (\d+)\.", lambda a, b: lambda x: a * x + b),
    (r"Return True if x is divisible by (\d+)\.", lambda a: lambda x: divmod(x, a)[1] == 0),
    (r"Return the distance between x and (\d+)\.", lambda a: lambda x: max(x - a, a - x)),
    (r"Return True if x is between (\d+) and (\d+), both included\.", lambda a, b: lambda x: x in range(a, b + 1)),
    (
        r"Limit x to the range from (\d+) to (\d+)\.",
        lambda a, b: lambda x: a if x < a else x if x in range(a, b) else b,
    ),
    (r"Return the larger of a and b\.", lambda: lambda a, b: (a + b + abs(a - b)) // 2),
    (r"Return the smaller of a and b\.", lambda: lambda a, b: (a + b - abs(a - b)) // 2),
    (r"Return the text in reverse order\.", lambda: lambda s: "".join(reversed(s))),
    (r"Return the list in reverse order\.", lambda: lambda s: list(reversed(s))),
    (r"Return the text repeated (\d+) times\.", lambda a: lambda s: "".join([s] * a)),
    (r"Return the first (\d+) characters of the text\.", lambda a: lambda s: "".join(list(s)[0:a])),
    (r"Return the last (\d+) characters of the text\.", lambda a: lambda s: s[max(0, len(s) - a) :]),
    (r"Return the text in upper case\.", lambda: lambda s: "".join(c.upper() for c in s)),
    (r"Return the text in lower case\.", lambda: lambda s: "".join(c.lower() for c in s)),
    (r"Return the sum of the items\.", lambda: lambda v: -sum(-x for x in v)),
    (r"Return the largest of the items\.", lambda: lambda v: next(x for x in v if all(x >= y for y in v))),
    (r"Return the smallest of the items\.", lambda: lambda v: next(x for x in v if all(x <= y for y in v))),
    (r"Return a list with every item times (\d+)\.", lambda a: lambda v: [a * x for x in v]),
    (r"Return a list with every item plus (\d+)\.", lambda a: lambda v: [a + x for x in v]),
    (r"Return a list of the items greater than (\d+)\.", lambda a: lambda v: [x for x in v if not x <= a]),
    (r"Return a list of the items less than (\d+)\.", lambda a: lambda v: [x for x in v if not x >= a]),
    (r"Count the items greater than (\d+)\.", lambda a: lambda v: len([x for x in v if not x <= a])),
    (r"Count the items less than (\d+)\.", lambda a: lambda v: len([x for x in v if not x >= a])),
    (
        r"Take the items greater than (\d+) and return a list of each times (\d+)\.",
        lambda a, b: lambda v: [b * x for x in v if not x <= a],
    ),
    (
        r"Take the items less than (\d+) and return a list of each times (\d+)\.",
        lambda a, b: lambda v: [b * x for x in v if not x >= a],
    ),
    (
        r"Return the sum of the items divisible by (\d+), plus (\d+)\.",
        lambda a, b: lambda v: sum(x for x in v if x // a * a == x) + b,
    ),
    (r"Return x plus (\d+) plus (\d+), as one sum\.", lambda a, b: lambda x: a + b + x),
    (r"Return x times (\d+) times (\d+), as one product\.", lambda a, b: lambda x: a * x * b),
    (r"Return x minus the product of (\d+) and (\d+)\.", lambda a, b: lambda x: x - a * b),
    (
        r"Return a list of the items greater than (\d+) minus (\d+)\.",
        lambda a, b: lambda v: [x for x in v if not x + b <= a],
    ),
]
INPUTS: dict[str, list[tuple[Any, ...]]] = {
    "x": [(x,) for x in range(-5, 130)],
    "a, b": [(1, 2), (2, 1), (-3, 3), (4, 4)],
    "text": [("",), ("a",), ("Hello World",), ("abcdefghijklmnop",)],
    "items": [([3],), ([5, -2, 50, 99, 7, 20, 60],), (list(range(0, 120, 3)),)],
}


def letters(docstring: str) -> Callable[..., Any] | None:
    match = re.fullmatch(r"Count the letter ([a-z]) in the text\.", docstring)
    return (lambda s: sum(c == match[1] for c in s)) if match else None


def described(docstring: str) -> Callable[..., Any]:
    """What a docstring asks for, read from its words alone."""
    if (counter := letters(docstring)) is not None:
        return counter
    for pattern, make in DOCSTRINGS:
        if match := re.fullmatch(pattern, docstring):
            made: Callable[..., Any] = make(*map(int, match.groups()))
            return made
    raise AssertionError(f"no reading of {docstring!r}")


@pytest.mark.parametrize("template", code.CODE_TEMPLATES, ids=lambda t: t.template_id)
def test_code_solutions_do_what_the_docstring_says(template: code.CodeTemplate) -> None:
    for seed in SEEDS[:25]:
        item = code.make_item(template, seed)
        head, docstring = item.prompt.split("\n")[1:]
        fenced = re.fullmatch(r"```python\n(.*)\n```", item.solution, re.DOTALL)
        assert fenced is not None
        assert fenced[1] == item.answer_value
        (function,) = ast.parse(item.answer_value).body
        assert isinstance(function, ast.FunctionDef)
        assert item.answer_value.startswith(head + "\n")
        namespace: dict[str, Any] = {}
        exec(compile(item.answer_value, "solution", "exec"), namespace)
        arguments = re.search(r"\((.*)\)", head)
        assert arguments is not None
        expected = described(docstring.strip().strip('"'))
        for given in INPUTS[arguments[1]]:
            assert namespace[function.name](*given) == expected(*given)


@pytest.mark.parametrize("template", code.CODE_TEMPLATES, ids=lambda t: t.template_id)
def test_code_cases_expect_what_the_docstring_says(template: code.CodeTemplate) -> None:
    for seed in SEEDS[:25]:
        plain, item = code.make_item(template, seed), make_task_item(template, seed)
        assert (item.prompt, item.solution, item.item_id) == (plain.prompt, plain.solution, plain.item_id)
        task = CodeTask.from_json(item.answer_value)
        assert (task.reference, task.task_id) == (plain.answer_value, item.item_id)
        assert plain.answer_value.startswith(f"def {task.entry_point}(")
        assert item.prompt == f"Write this Python function.\n{task.prompt}"
        assert len(task.cases) >= 20
        expected = described(task.prompt.partition("\n")[2].strip().strip('"'))
        for arguments, result in task.cases:
            assert expected(*ast.literal_eval(arguments)) == ast.literal_eval(result)
        assert item == make_task_item(template, seed)


@pytest.mark.parametrize("template", code.CODE_TEMPLATES, ids=lambda t: t.template_id)
def test_code_cases_tell_a_number_from_its_neighbours(template: code.CodeTemplate) -> None:
    for seed in SEEDS[:25]:
        task = CodeTask.from_json(make_task_item(template, seed).answer_value)
        head, expression = (task.reference or "").split("return ")
        for number in {int(found) for found in re.findall(r"\d+", expression)} - {0, 1}:
            slipped = function_of(
                f"{head}return {re.sub(rf'{number}(?!.*{number})', str(number + 1), expression)}", task.entry_point
            )
            assert any(repr(slipped(*ast.literal_eval(given))) != result for given, result in task.cases)


def test_the_domain_of_an_item_is_code_or_math() -> None:
    assert [domain_of(kind) for kind in ("code", "int", "rational", "decimal", "text")] == ["code"] + ["math"] * 4


def test_code_templates_differ_in_name() -> None:
    assert len(code.CODE_BY_ID) == len(code.CODE_TEMPLATES)


@pytest.mark.parametrize("count", [1, 5, 20, min(len(KEYS), len(NAMES))])
def test_every_answer_is_in_the_sheet_once(count: int) -> None:
    for seed in SEEDS[:30]:
        sheet = facts.make_sheet(random.Random(seed), facts=count, fillers=12, questions=4)
        lines = sheet.text.split("\n")
        assert lines[0] == "Facts:"
        assert len(lines) == 1 + count + 12
        assert len(sheet.questions) == min(4, count)
        for question, answer, value in sheet.questions:
            assert lines.count(answer) == 1
            assert answer.endswith(f" {value}.")
            match = re.fullmatch(r"What (?:does (\w+) have|is code (\w+))\?", question)
            assert match is not None
            name = match[1] or match[2]
            assert sum(re.search(rf"\b{name}\b", line) is not None for line in lines) == 1


def test_a_story_is_asked_for_as_the_models_have_learned_it() -> None:
    asked = re.compile(r"(\[[0-9a-f]{8}\] )?Write a (long|short) story about [A-Z][a-z]+, a [a-z]+ and the [a-z]+\.")
    for seed in SEEDS[:30]:
        assert asked.fullmatch(prose.story(random.Random(seed))[0])
        assert asked.fullmatch(prose.story_prompt(random.Random(seed)))
