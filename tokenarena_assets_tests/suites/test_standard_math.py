"""Math items of the real tiers: their gold answers reckoned anew from the words of the question."""

from __future__ import annotations

import ast
import math as arithmetic
import random
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from importlib import metadata

import pytest

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites.grading import grade_math
from tokenarena_assets.suites.items import derived_seed
from tokenarena_assets.suites.standard import math

pytest.importorskip("reasoning_gym", reason="the generators are an optional extra")
EVERY = [(tier, generator) for tier, generators in math.GENERATORS.items() for generator in generators]
SEEDS = [derived_seed("math", number) for number in range(12)]


def evaluated(text: str) -> Fraction:
    """A sum of Python's own syntax, exactly."""

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp):
            left, right = value(node.left), value(node.right)
            kinds: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
                ast.Add: lambda a, b: a + b,
                ast.Sub: lambda a, b: a - b,
                ast.Mult: lambda a, b: a * b,
                ast.Div: lambda a, b: a / b,
            }
            return kinds[type(node.op)](left, right)
        if isinstance(node, ast.UnaryOp):
            return -value(node.operand)
        return Fraction(ast.unparse(node))

    return value(ast.parse(re.sub(r"(?<![\d.])0+(?=\d)", "", text.strip()), mode="eval").body)


def numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"\d+", text)]


def at_least(dice: list[int], target: int) -> Fraction:
    totals = Counter({0: 1})
    for sides in dice:
        sums = [(total + face, ways) for total, ways in totals.items() for face in range(1, sides + 1)]
        totals = Counter()
        for total, ways in sums:
            totals[total] += ways
    return Fraction(sum(ways for total, ways in totals.items() if total >= target), arithmetic.prod(dice))


def heads(question: str) -> Fraction:
    k, n = numbers(question)
    counts = [k] if "exactly" in question else range(k, n + 1)
    return Fraction(sum(arithmetic.comb(n, count) for count in counts), 2**n)


def grid(question: str) -> dict[tuple[int, int], str]:
    rows = [line.split() for line in question.splitlines() if re.fullmatch(r"[0-2]( [0-2])+", line.strip())]
    return {(i, j): cell for i, row in enumerate(rows) for j, cell in enumerate(row)}


def around(place: tuple[int, int]) -> list[tuple[int, int]]:
    i, j = place
    return [(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)]


def island(question: str) -> int:
    land = {place for place, cell in grid(question).items() if cell == "1"}
    best = 0
    while land:
        front, size = [land.pop()], 0
        while front:
            size += 1
            near = land.intersection(around(front.pop()))
            land -= near
            front += near
        best = max(best, size)
    return best


def rotten(question: str) -> int:
    cells = grid(question)
    fresh = {place for place, cell in cells.items() if cell == "1"}
    front, minutes = {place for place, cell in cells.items() if cell == "2"}, 0
    while fresh:
        front = {near for place in front for near in around(place)} & fresh
        if not front:
            return -1
        fresh -= front
        minutes += 1
    return minutes


def swaps(question: str) -> int:
    (text,) = re.findall(r"[01]{5,}", question.rpartition(":")[2])
    found = []
    for first in "01":
        ideal = (first + "10"[int(first)]) * len(text)
        wrong = [cell for cell, right in zip(text, ideal, strict=False) if cell != right]
        if wrong.count("0") == wrong.count("1"):
            found.append(len(wrong) // 2)
    return min(found, default=-1)


def converted(question: str) -> int:
    named = {"binary": 2, "hexadecimal": 16}
    bases = [
        named.get(name) or int(name.partition("-")[2]) for name in re.findall(r"binary|hexadecimal|base-\d+", question)
    ]
    (digits,) = re.findall(r"number ([0-9a-f]+) to", question)
    value, text = int(digits, bases[0]), ""
    while value:
        value, digit = divmod(value, bases[1])
        text = str(digit) + text
    return int(text)


def inscribed(question: str) -> float:
    a, b, c = (complex(int(x), int(y)) for x, y in re.findall(r"\((-?\d+), (-?\d+)\)", question))
    twice = abs(((b - a).conjugate() * (c - a)).imag)
    return twice / (abs(a - b) + abs(b - c) + abs(c - a))


def consistent(question: str) -> int:
    """How many truth values of the seven statements make each say the truth about itself and the others."""
    least, _, most, _, true, _, false, _ = numbers(re.sub(r"Statement \d", "", question))
    count = 0
    for bits in range(2**7):
        said = [bool(bits >> place & 1) for place in range(7)]
        trues = sum(said)
        truth = [
            trues >= least,
            7 - trues <= most,
            trues == true,
            7 - trues == false,
            said[2] != said[3],
            trues in (2, 3, 5, 7),
            7 - trues in (4, 6),
        ]
        count += said == truth
    return count


def primes(question: str) -> int:
    low, high = numbers(question)
    return sum(all(n % d for d in range(2, arithmetic.isqrt(n) + 1)) for n in range(max(low, 2), high + 1))


def polygon(question: str) -> Fraction:
    (sides,) = re.findall(r"with (\d+) sides|has (\d+) sides|(\d+)-gon", question)
    angles = re.findall(r"[\d.]+(?=°)", question)
    return (int("".join(sides)) - 2) * 180 - sum(map(Fraction, angles), Fraction(0))


ANEW: dict[str, Callable[[str], Fraction | int | float]] = {
    "chain_sum": lambda q: evaluated(q.partition(":")[2].rstrip("= ")),
    "decimal_chain_sum": lambda q: evaluated(q.partition(":")[2].rstrip("= ")),
    "basic_arithmetic": lambda q: evaluated(q.removeprefix("Calculate").rstrip(".")),
    "products": lambda q: evaluated(q.partition(":")[2].rstrip(".")),
    "gcd": lambda q: arithmetic.gcd(*numbers(q)),
    "lcm": lambda q: arithmetic.lcm(*numbers(q)),
    "count_bits": lambda q: f"{numbers(q)[-1]:b}".count("1"),
    "count_primes": primes,
    "coin_flip": heads,
    "dice": lambda q: at_least(
        [int(found) for found in re.findall(r"1d(\d+)", q.partition("(")[0])],
        int(q.partition("rolling ")[2].split()[0]),
    ),
    "largest_island": island,
    "rotten_oranges": rotten,
    "binary_alternation": swaps,
    "base_conversion": converted,
    "self_reference": consistent,
    "simple_geometry": polygon,
    "advanced_geometry": inscribed,
}


@pytest.mark.parametrize(("tier", "generator"), EVERY, ids=lambda value: getattr(value, "dataset", value))
def test_gold_answers_follow_from_the_question(tier: str, generator: math.Generator) -> None:
    anew = ANEW.get(generator.dataset)
    for seed in SEEDS:
        item = math.make_item(generator, seed, tier)
        question = item.prompt.removesuffix(math.ASK).removesuffix(generator.add)
        gold = Fraction(item.answer_value)
        if generator.dataset == "simple_equations":
            equation = question.partition(": ")[2]
            (name,) = set(re.findall(r"[a-z]", equation))
            left, right = re.sub(rf"\b{name}\b", f"({gold})", equation).split("=")
            assert evaluated(left) == evaluated(right)
        elif anew is not None:
            assert float(anew(question)) == pytest.approx(float(gold), abs=0.0006 if item.tolerance else 0, rel=1e-12)
        else:
            assert generator.dataset in ("calendar_arithmetic", "time_intervals")


@pytest.mark.parametrize(("tier", "generator"), EVERY, ids=lambda value: getattr(value, "dataset", value))
def test_items_are_made_of_their_seed_alone_and_ask_for_our_last_line(tier: str, generator: math.Generator) -> None:
    made = [math.make_item(generator, seed, tier) for seed in SEEDS]
    random.seed(5)
    assert [math.make_item(generator, seed, tier) for seed in reversed(SEEDS)] == made[::-1]
    assert len({item.prompt for item in made}) > len(SEEDS) // 2
    for item in made:
        assert item.prompt.endswith("\n\nEnd with a line of this form: Answer: <number>")
        assert not re.search(r"(?i)\b(only|your answer|final answer\.|numerically|with a number)\b", item.prompt)
        assert grade_math(item.solution, item.answer_value, tolerance=item.tolerance).correct
        assert item.answer_type == (
            "rational" if "/" in item.answer_value else "decimal" if "." in item.answer_value else "int"
        )
        assert item.template_id == f"rg-{metadata.version('reasoning-gym')}/{generator.dataset}"


def test_what_a_generator_rejects_itself_is_no_item(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __getitem__(self, place: int) -> dict[str, object]:
            return {"question": "?", "answer": "1", "metadata": {}}

        def score_answer(self, answer: str, entry: object) -> float:
            return 0.5

    class Library:
        @staticmethod
        def create_dataset(name: str, **settings: object) -> Broken:
            return Broken()

    monkeypatch.setattr(math, "_library", Library)
    with pytest.raises(TokenArenaError, match="rejects its own answer"):
        math.make_item(math.GENERATORS["easy"][0], 1, "easy")


def test_an_answer_that_is_no_number_is_no_gold() -> None:
    assert math.gold_of({"answer": "17 days", "metadata": {}}) == "17"
    assert math.gold_of({"answer": "2.50", "metadata": {}}) == "2.50"
    with pytest.raises(ValueError, match="blue"):
        math.gold_of({"answer": "blue", "metadata": {}})
