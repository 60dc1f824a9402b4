"""The suites: what a round asks every endpoint, as probes made from seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites.items import Item, derived_seed, rng_for
from tokenarena_assets.suites.tiny import math, prose

SUITE_VERSION = "2026.11"
SUITES = ("speed", "quality_math")
# Shares of a round's math items, chosen so that the unquantized embedded models solve 60-85 % of them.
MATH_MIX = (
    "add_4_digit",
    "subtract_2_digit",
    "subtract_3_digit",
    "multiply_2_by_1",
    "multiply_2_by_2",
    "word_gives_away",
    "word_buys_and_loses",
)


@dataclass(frozen=True, slots=True)
class Question:
    """What one probe asks, before it is addressed to an endpoint."""

    suite: str
    key: str
    prompt: str
    max_output_tokens: int
    temperature: float
    item: Item | None


@dataclass(frozen=True, slots=True)
class SuiteSizes:
    """How much a round asks of each endpoint, and how long an answer may be."""

    speed_probes: int = 8
    math_items: int = 35
    speed_output_tokens: int = 200
    math_output_tokens: int = 512


def questions(suite: str, day: date, round_ordinal: int, round_id: str, sizes: SuiteSizes) -> Iterator[Question]:
    """The questions of one suite in one round: the same for every endpoint.

    Raises:
        TokenArenaError: there is no such suite.
    """
    if suite == "speed":
        yield from _speed(round_id, sizes)
    elif suite == "quality_math":
        yield from _quality_math(day, round_ordinal, sizes)
    else:
        raise TokenArenaError(f"there is no suite {suite!r}", mend=f"suites are: {', '.join(SUITES)}")


def _speed(round_id: str, sizes: SuiteSizes) -> Iterator[Question]:
    for number in range(sizes.speed_probes):
        rng = rng_for(SUITE_VERSION, "speed", round_id, number)
        # The tag makes each prompt unique from its first word, so that no prefix cache can answer for the model.
        prompt = prose.story_prompt(rng, tag=f"[{rng.randrange(16**8):08x}] ")
        yield Question("speed", f"speed-{number}", prompt, sizes.speed_output_tokens, 1.0, None)


def _quality_math(day: date, round_ordinal: int, sizes: SuiteSizes) -> Iterator[Question]:
    for number in range(sizes.math_items):
        template = math.BY_ID[MATH_MIX[number % len(MATH_MIX)]]
        seed = derived_seed(SUITE_VERSION, day.isoformat(), "quality_math", round_ordinal, template.template_id, number)
        item = math.make_item(template, seed)
        yield Question("quality_math", item.item_id, item.prompt, sizes.math_output_tokens, 0.0, item)
