"""The tiers of difficulty: what math and code the models of a family are asked, and how long their answers may be.

A family belongs to the tier in which its reference endpoint answers 60-85 % of the items rightly: there two endpoints
differ on most items, and a difference shows soonest. Retune once a quarter, never within a window over which results
are pooled: move the family to another tier, or change a mix, a pattern or a generator's settings together with
`SUITE_VERSION`. The math of the tiny tier was chosen from what the embedded models get wrong; the tiers above it are
set by judgment, and wait for their first quarter of answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites.items import Item
from tokenarena_assets.suites.standard import code, math
from tokenarena_assets.suites.standard.math import math_available
from tokenarena_assets.suites.tiny import code as tiny_code
from tokenarena_assets.suites.tiny import math as tiny_math
from tokenarena_assets.suites.tiny.code_cases import make_task_item

__all__ = ["TIERS", "TINY_CODE_MIX", "TINY_MATH_MIX", "Template", "Tier", "math_available", "tier_named"]

TINY_MATH_MIX = (
    "add_4_digit",
    "subtract_2_digit",
    "subtract_3_digit",
    "multiply_2_by_1",
    "multiply_2_by_2",
    "word_gives_away",
    "word_buys_and_loses",
)
# Of these the unquantized arena-tiny-1m and -2m are right on 80 and 71 % (model card), and coarse forms on fewer.
TINY_CODE_MIX = (
    "linear",
    "minus_product",
    "in_range",
    "items_above_difference",
    "scale_list",
    "clamp",
    "sum_of_multiples",
)
# The difficulties that the families of code tasks take in turn.
CODE_PATTERNS = {"easy": ("easy", "easy", "medium"), "standard": ("medium", "hard"), "hard": ("hard",)}


@dataclass(frozen=True, slots=True)
class Template:
    """A way to make items: the same seed, the same item."""

    template_id: str
    make: Callable[[int], Item]


@dataclass(frozen=True, slots=True)
class Tier:
    """What one tier asks: templates by domain, which take turns, and the longest answer in tokens."""

    name: str
    math: Callable[[], tuple[Template, ...]]
    code: Callable[[], tuple[Template, ...]]
    math_output_tokens: int
    code_output_tokens: int

    def templates(self, domain: str) -> tuple[Template, ...]:
        """The templates of `math` or `code`, in the order in which they take turns.

        Raises:
            TokenArenaError: what the generators need is not installed.
        """
        return self.code() if domain == "code" else self.math()

    def output_tokens(self, domain: str) -> int:
        """The longest answer, in tokens, to an item of `math` or `code`."""
        return self.code_output_tokens if domain == "code" else self.math_output_tokens


def _tiny_math() -> tuple[Template, ...]:
    return tuple(Template(name, partial(tiny_math.make_item, tiny_math.BY_ID[name])) for name in TINY_MATH_MIX)


def _tiny_code() -> tuple[Template, ...]:
    return tuple(Template(name, partial(make_task_item, tiny_code.CODE_BY_ID[name])) for name in TINY_CODE_MIX)


def _math(tier: str) -> tuple[Template, ...]:
    return tuple(
        Template(math.template_id(generator), partial(math.make_item, generator, tier=tier))
        for generator in math.GENERATORS[tier]
    )


def _code(tier: str) -> tuple[Template, ...]:
    pattern, families = CODE_PATTERNS[tier], tuple(code.FAMILIES)
    turns = [
        (family, pattern[(place + shift) % len(pattern)])
        for shift in range(len(pattern))
        for place, family in enumerate(families)
    ]
    return tuple(
        Template(code.template_id(family, difficulty), partial(code.make_item, family, difficulty, tier=tier))
        for family, difficulty in turns
    )


def _tier(name: str, output_tokens: int) -> Tier:
    return Tier(name, partial(_math, name), partial(_code, name), output_tokens, output_tokens)


TIERS = {
    tier.name: tier
    for tier in (
        Tier("tiny", _tiny_math, _tiny_code, 512, 512),
        _tier("easy", 1_024),
        _tier("standard", 2_048),
        _tier("hard", 8_192),
    )
}


def tier_named(name: str) -> Tier:
    """The tier of that name.

    Raises:
        TokenArenaError: there is none.
    """
    if name not in TIERS:
        raise TokenArenaError(f"there is no tier {name!r}", mend=f"tiers are: {', '.join(TIERS)}")
    return TIERS[name]
