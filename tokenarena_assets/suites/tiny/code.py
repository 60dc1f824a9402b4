"""One-line Python functions from a signature and a docstring."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tokenarena_assets.suites.items import Item


@dataclass(frozen=True, slots=True)
class CodeTemplate:
    """A way to make a function: `make` returns (arguments, docstring, return expression)."""

    template_id: str
    difficulty: str
    make: Callable[[random.Random], tuple[str, str, str]]


def _n(rng: random.Random) -> int:
    return rng.randint(2, 99)


def _linear(rng: random.Random) -> tuple[str, str, str]:
    a, b = _n(rng), _n(rng)
    return "x", f"Return x times {a} plus {b}.", f"x * {a} + {b}"


def _add_constant(rng: random.Random) -> tuple[str, str, str]:
    a = _n(rng)
    return "x", f"Return x plus {a}.", f"x + {a}"


def _divisible(rng: random.Random) -> tuple[str, str, str]:
    a = rng.randint(2, 20)
    return "x", f"Return True if x is divisible by {a}.", f"x % {a} == 0"


def _larger_of_two(rng: random.Random) -> tuple[str, str, str]:
    which, name = rng.choice([("larger", "max"), ("smaller", "min")])
    return "a, b", f"Return the {which} of a and b.", f"{name}(a, b)"


def _distance(rng: random.Random) -> tuple[str, str, str]:
    a = _n(rng)
    return "x", f"Return the distance between x and {a}.", f"abs(x - {a})"


def _in_range(rng: random.Random) -> tuple[str, str, str]:
    a = rng.randint(2, 49)
    b = a + rng.randint(2, 49)
    return "x", f"Return True if x is between {a} and {b}, both included.", f"{a} <= x <= {b}"


def _clamp(rng: random.Random) -> tuple[str, str, str]:
    a = rng.randint(2, 49)
    b = a + rng.randint(2, 49)
    return "x", f"Limit x to the range from {a} to {b}.", f"max({a}, min(x, {b}))"


def _reverse(rng: random.Random) -> tuple[str, str, str]:
    what, name = rng.choice([("text", "text"), ("list", "items")])
    return name, f"Return the {what} in reverse order.", f"{name}[::-1]"


def _repeat_text(rng: random.Random) -> tuple[str, str, str]:
    a = rng.randint(2, 9)
    return "text", f"Return the text repeated {a} times.", f"text * {a}"


def _first_chars(rng: random.Random) -> tuple[str, str, str]:
    a = rng.randint(2, 9)
    if rng.random() < 0.5:
        return "text", f"Return the first {a} characters of the text.", f"text[:{a}]"
    return "text", f"Return the last {a} characters of the text.", f"text[-{a}:]"


def _case(rng: random.Random) -> tuple[str, str, str]:
    word, method = rng.choice([("upper", "upper"), ("lower", "lower")])
    return "text", f"Return the text in {word} case.", f"text.{method}()"


def _count_letter(rng: random.Random) -> tuple[str, str, str]:
    letter = rng.choice("abcdefghijklmnopqrstuvwxyz")
    return "text", f"Count the letter {letter} in the text.", f'text.count("{letter}")'


def _sum_of_list(rng: random.Random) -> tuple[str, str, str]:
    word, name = rng.choice([("sum", "sum"), ("largest", "max"), ("smallest", "min")])
    return "items", f"Return the {word} of the items.", f"{name}(items)"


def _scale_list(rng: random.Random) -> tuple[str, str, str]:
    a = _n(rng)
    word, sign = rng.choice([("times", "*"), ("plus", "+")])
    return "items", f"Return a list with every item {word} {a}.", f"[x {sign} {a} for x in items]"


def _filter_list(rng: random.Random) -> tuple[str, str, str]:
    a = _n(rng)
    word, sign = rng.choice([("greater", ">"), ("less", "<")])
    return "items", f"Return a list of the items {word} than {a}.", f"[x for x in items if x {sign} {a}]"


def _filter_and_scale(rng: random.Random) -> tuple[str, str, str]:
    a, b = _n(rng), _n(rng)
    word, sign = rng.choice([("greater", ">"), ("less", "<")])
    doc = f"Take the items {word} than {a} and return a list of each times {b}."
    return "items", doc, f"[x * {b} for x in items if x {sign} {a}]"


def _sum_of_multiples(rng: random.Random) -> tuple[str, str, str]:
    a, b = rng.randint(2, 20), _n(rng)
    doc = f"Return the sum of the items divisible by {a}, plus {b}."
    return "items", doc, f"sum(x for x in items if x % {a} == 0) + {b}"


def _count_matching(rng: random.Random) -> tuple[str, str, str]:
    a = _n(rng)
    word, sign = rng.choice([("greater", ">"), ("less", "<")])
    return "items", f"Count the items {word} than {a}.", f"sum(1 for x in items if x {sign} {a})"


def _added_twice(rng: random.Random) -> tuple[str, str, str]:
    a, b = rng.randint(100, 999), rng.randint(100, 999)
    return "x", f"Return x plus {a} plus {b}, as one sum.", f"x + {a + b}"


def _scaled_twice(rng: random.Random) -> tuple[str, str, str]:
    a, b = rng.randint(11, 99), rng.randint(3, 12)
    return "x", f"Return x times {a} times {b}, as one product.", f"x * {a * b}"


def _minus_product(rng: random.Random) -> tuple[str, str, str]:
    a, b = rng.randint(11, 49), rng.randint(11, 19)
    return "x", f"Return x minus the product of {a} and {b}.", f"x - {a * b}"


def _items_above_difference(rng: random.Random) -> tuple[str, str, str]:
    b, a = sorted((rng.randint(100, 999), rng.randint(100, 999)))
    doc = f"Return a list of the items greater than {a} minus {b}."
    return "items", doc, f"[x for x in items if x > {a - b}]"


CODE_TEMPLATES: tuple[CodeTemplate, ...] = (
    CodeTemplate("add_constant", "easy", _add_constant),
    CodeTemplate("larger_of_two", "easy", _larger_of_two),
    CodeTemplate("reverse", "easy", _reverse),
    CodeTemplate("repeat_text", "easy", _repeat_text),
    CodeTemplate("change_case", "easy", _case),
    CodeTemplate("reduce_list", "easy", _sum_of_list),
    CodeTemplate("divisible", "medium", _divisible),
    CodeTemplate("linear", "medium", _linear),
    CodeTemplate("distance", "medium", _distance),
    CodeTemplate("first_or_last", "medium", _first_chars),
    CodeTemplate("count_letter", "medium", _count_letter),
    CodeTemplate("scale_list", "medium", _scale_list),
    CodeTemplate("in_range", "hard", _in_range),
    CodeTemplate("clamp", "hard", _clamp),
    CodeTemplate("filter_list", "medium", _filter_list),
    CodeTemplate("count_matching", "hard", _count_matching),
    CodeTemplate("filter_and_scale", "hard", _filter_and_scale),
    CodeTemplate("sum_of_multiples", "hard", _sum_of_multiples),
    CodeTemplate("added_twice", "hard", _added_twice),
    CodeTemplate("scaled_twice", "hard", _scaled_twice),
    CodeTemplate("minus_product", "hard", _minus_product),
    CodeTemplate("items_above_difference", "hard", _items_above_difference),
)
CODE_BY_ID = {template.template_id: template for template in CODE_TEMPLATES}
FUNCTION_NAMES = ("f", "g", "solve", "compute", "task", "run", "work", "apply")


def make_item(template: CodeTemplate, seed: int) -> Item:
    """The item that `template` makes from `seed`; its gold value is a reference implementation."""
    rng = random.Random(seed)
    arguments, docstring, expression = template.make(rng)
    name = rng.choice(FUNCTION_NAMES)
    head = f"def {name}({arguments}):"
    source = f"{head}\n    return {expression}"
    return Item(
        item_id=f"{template.template_id}-{seed:016x}",
        family="tiny_code",
        template_id=template.template_id,
        seed=seed,
        prompt=f'Write this Python function.\n{head}\n    """{docstring}"""',
        answer_type="code",
        answer_value=source,
        difficulty=template.difficulty,
        solution=f"```python\n{source}\n```",
    )
