"""Math items for real models, by the generators of reasoning-gym (Apache-2.0) that ask for one exact number.

An item is a function of its tier, template, seed and the library's version, which its template names: another version
makes other items and is seen to. Each gold answer is parsed to an exact number and must be accepted by the generator's
own scorer. Left out are generators whose answer is no number, whose next term is a matter of taste (number_sequence),
whose question gives its own answer away (fraction_simplification, where equal numbers are equally right), whose facts
are disputed (leg_counting), and gsm_symbolic, a port of templates under a licence that we do not rely on.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from importlib import metadata
from typing import Any

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites.items import Item

ASK = "\n\nEnd with a line of this form: Answer: <number>"
EXACT = " Give it exactly, as a fraction of whole numbers."
MEND = "make generators (it needs a C compiler)"
# What the generators say about the form of an answer, where it is at odds with the line that we ask for.
CONTRARY = (
    r"Give only the [^.]* as your final answer\.",
    r"(Answer with|Provide the count as|Respond with just|Write|State the amount as|Reply with|Express your answer as)"
    r" (a|the)( total)? (number|numerical value)\.|Give the count numerically\.",
    r"Return only the angle as your answer\.\s*Do not give the units in your answer\.",
    r"Please respond with a reduced fraction representing the probability \[ex\., 1/60\]\.",
    r"For all geometry problems:\n(\d\. .*\n?)+",
    r"Your task is to convert a number between two different bases\.\s*If the target base is > 10[^.]*\.\s*Now, ",
)


@dataclass(frozen=True, slots=True)
class Generator:
    """A dataset of reasoning-gym with its settings, and what to add to its questions."""

    dataset: str
    difficulty: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    add: str = ""
    tolerance: str | None = None


def math_available() -> str | None:
    """Why no math of the tiers above tiny can be made here; None: it can."""
    return None if importlib.util.find_spec("reasoning_gym") else "reasoning-gym is not installed"


def template_id(generator: Generator) -> str:
    """`rg-<version of the library>/<dataset>`.

    Raises:
        TokenArenaError: the library is not installed.
    """
    _require()
    return f"rg-{metadata.version('reasoning-gym')}/{generator.dataset}"


def make_item(generator: Generator, seed: int, tier: str) -> Item:
    """The item that `generator` makes from `seed`.

    Raises:
        TokenArenaError: the library is not installed, or rejects its own answer.
    """
    name = template_id(generator)
    dataset = _library().create_dataset(generator.dataset, seed=seed, size=1, **generator.settings)
    entry = dataset[0]
    if not dataset.score_answer(entry["answer"], entry) == 1.0:
        raise TokenArenaError(f"{name}, seed {seed}: the generator rejects its own answer", mend=MEND)
    gold = gold_of(entry)
    return Item(
        item_id=f"{name}-{seed:016x}",
        family="reasoning_gym",
        template_id=name,
        seed=seed,
        prompt=_question(entry["question"], generator.add) + ASK,
        answer_type="rational" if "/" in gold else "decimal" if "." in gold else "int",
        answer_value=gold,
        difficulty=generator.difficulty,
        solution=f"Answer: {gold}",
        tier=tier,
        tolerance=generator.tolerance,
    )


def gold_of(entry: Mapping[str, Any]) -> str:
    """The exact number that is the answer of an entry: a whole number, `a/b` or a decimal.

    Raises:
        ValueError: the answer is none.
    """
    exact = entry["metadata"].get("rational")  # where the answer itself is rounded
    if exact:
        return str(Fraction(exact["numerator"], exact["denominator"]))
    text = re.sub(r"(°| days?)$", "", str(entry["answer"]).strip())
    value = Fraction(text)
    return str(value) if value.denominator == 1 else text


def _question(text: str, add: str) -> str:
    for pattern in CONTRARY:
        text = re.sub(pattern, "", text)
    text = re.sub(r"\bin D days\b", "in days", text.strip())
    return text[:1].upper() + text[1:] + add


def _require() -> None:
    reason = math_available()
    if reason:
        raise TokenArenaError(f"the math of this tier cannot be made: {reason}", mend=MEND)


@cache
def _library() -> Any:
    """The library, which takes seconds to import."""
    _require()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other people's modules
        return importlib.import_module("reasoning_gym")


def _generators(difficulty: str, *rows: tuple[str, Mapping[str, Any], *tuple[str, ...]]) -> tuple[Generator, ...]:
    return tuple(Generator(dataset, difficulty, settings, *rest) for dataset, settings, *rest in rows)


def _between(**ranges: tuple[int, int]) -> dict[str, int]:
    """Settings `min_<name>` and `max_<name>`."""
    return {
        f"{end}_{name}": value for name, pair in ranges.items() for end, value in zip(("min", "max"), pair, strict=True)
    }


BARE_DIGITS = ". Write its digits alone, without a prefix."
THREE_DECIMALS = " Round to 3 decimal places."
WHOLE = {"operators": ("+", "-", "*")}  # with division, its answer is rounded to a whole number now and then
COUNTS = {"tasks": ["count_days", "count_business_days"]}
GENERATORS: dict[str, tuple[Generator, ...]] = {
    "easy": _generators(
        "easy",
        ("chain_sum", _between(terms=(3, 5), digits=(2, 3))),
        ("basic_arithmetic", {**_between(terms=(3, 4), digits=(1, 2)), **WHOLE}),
        ("gcd", _between(value=(12, 300))),
        ("calendar_arithmetic", {"tasks": ["count_days"], "offset_upper_bound": 60}),
        ("decimal_chain_sum", _between(terms=(2, 3), digits=(1, 2), decimal_places=(1, 2))),
        ("simple_equations", _between(terms=(2, 4), value=(1, 30))),
        ("coin_flip", _between(trials=(3, 6)), EXACT),
        ("products", _between(digits=(2, 2))),
        ("simple_geometry", _between(sides=(3, 5))),
        ("lcm", _between(value=(4, 60))),
        ("base_conversion", _between(base=(2, 8), value=(10, 200)), BARE_DIGITS),
        ("time_intervals", {"task_types": ["date"], "max_date_difference_days": 60}),
        ("count_bits", _between(n=(50, 1_000))),
    ),
    "standard": _generators(
        "medium",
        ("chain_sum", _between(terms=(8, 12), digits=(4, 6))),
        ("dice", {"num_dice": 4, "max_dice_size": 12}, EXACT),
        ("basic_arithmetic", {**_between(terms=(5, 6), digits=(2, 4)), **WHOLE}),
        ("largest_island", _between(rows=(8, 12), cols=(8, 12), num_islands=(3, 6), island_size=(3, 20))),
        ("calendar_arithmetic", {**COUNTS, "offset_upper_bound": 300}),
        ("products", _between(digits=(4, 4))),
        ("count_primes", _between(n=(100, 600))),
        ("decimal_chain_sum", _between(terms=(5, 7), digits=(3, 4), decimal_places=(2, 4))),
        ("self_reference", {"difficulty": 5}),
        ("lcm", _between(numbers=(3, 3), value=(20, 200))),
        ("coin_flip", _between(trials=(9, 14)), EXACT),
        ("base_conversion", _between(base=(2, 9), value=(1_000, 60_000)), BARE_DIGITS),
        ("binary_alternation", {**_between(n=(16, 28)), "p_solvable": 0.9}),
        ("simple_equations", _between(terms=(6, 9), value=(10, 200))),
        ("rotten_oranges", _between(n=(6, 8))),
    ),
    "hard": _generators(
        "hard",
        ("products", _between(digits=(7, 8))),
        ("dice", {"num_dice": 6, "max_dice_size": 20}, EXACT),
        ("largest_island", _between(rows=(18, 24), cols=(18, 24), num_islands=(6, 12), island_size=(10, 60))),
        ("count_primes", _between(n=(1_000, 4_000))),
        ("basic_arithmetic", {**_between(terms=(8, 10), digits=(4, 6)), **WHOLE}),
        ("rotten_oranges", _between(n=(14, 20))),
        ("simple_equations", _between(terms=(12, 18), value=(50, 900))),
        ("advanced_geometry", {"task_types": ["incircle_radius"]}, THREE_DECIMALS, "0.001"),
        ("lcm", _between(numbers=(4, 5), value=(100, 900))),
        ("self_reference", {"difficulty": 9}),
        ("chain_sum", _between(terms=(20, 28), digits=(7, 9))),
        ("base_conversion", _between(base=(2, 9), value=(10**8, 10**10)), BARE_DIGITS),
        ("coin_flip", _between(trials=(22, 30)), EXACT),
        ("binary_alternation", {**_between(n=(70, 100)), "p_solvable": 0.9}),
        ("decimal_chain_sum", _between(terms=(10, 14), digits=(6, 8), decimal_places=(3, 6))),
    ),
}
