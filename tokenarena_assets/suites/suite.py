"""The suites: what a round asks every endpoint, as probes made from seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import chain, cycle, islice

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites import reading
from tokenarena_assets.suites.items import Item, derived_seed, rng_for
from tokenarena_assets.suites.tiny import math, prose

SUITE_VERSION = "2026.11"
SUITES = ("speed", "parallel", "quality_math")
PROMPT_TOKENS = (100, 1_000, 10_000)
MAIN_PROMPT_TOKENS = 1_000  # what most speed probes ask: the size of an ordinary request
# Up to here prompts are told in the words of the tiny tier, which the embedded models know.
TOLD_UP_TO_TOKENS = 200
OPENING_CHARS = 20  # of the two words that each prompt begins with
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
    """What one probe asks: `together` with how many others of its suite, in a burst; 1: by itself."""

    suite: str
    key: str
    prompt: str
    max_output_tokens: int
    temperature: float
    item: Item | None
    prompt_tokens_target: int | None = None
    together: int = 1


@dataclass(frozen=True, slots=True)
class SuiteSizes:
    """How much a round asks of each endpoint, how long the prompts are and how long an answer may be."""

    speed_probes: int = 8
    math_items: int = 35
    speed_output_tokens: int = 200
    math_output_tokens: int = 512
    parallel_at_once: int = 10
    prompt_tokens: tuple[int, ...] = PROMPT_TOKENS


def questions(
    suite: str,
    day: date,
    round_ordinal: int,
    round_id: str,
    sizes: SuiteSizes,
    *,
    endpoint_id: str = "",
    fitting: Sequence[int] | None = None,
) -> Iterator[Question]:
    """The questions of one suite to one endpoint in one round.

    Items are the same for every endpoint. So is the text of a speed prompt, its first two words excepted: they are of
    this endpoint, round and probe alone, so that no cache answers, not even one that two endpoints have in common.
    `fitting` are the prompt sizes that the endpoint can take; None: all.

    Raises:
        TokenArenaError: there is no such suite.
    """
    fitting = sizes.prompt_tokens if fitting is None else fitting
    if suite == "speed":
        for number, target in enumerate(speed_pattern(fitting, sizes.speed_probes)):
            yield _speed(suite, number, target, round_id, endpoint_id, sizes.speed_output_tokens)
    elif suite == "parallel":
        burst = sizes.parallel_at_once
        for number in range(burst if fitting else 0):
            target = main_size(fitting)
            yield _speed(suite, number, target, round_id, endpoint_id, sizes.speed_output_tokens, together=burst)
    elif suite == "quality_math":
        yield from _quality_math(day, round_ordinal, sizes)
    else:
        raise TokenArenaError(f"there is no suite {suite!r}", mend=f"suites are: {', '.join(SUITES)}")


def main_size(fitting: Sequence[int]) -> int:
    """The size nearest to that of an ordinary request, by ratio."""
    return min(fitting, key=lambda size: (max(size / MAIN_PROMPT_TOKENS, MAIN_PROMPT_TOKENS / size), size))


def speed_pattern(fitting: Sequence[int], probes: int) -> list[int]:
    """The prompt size of each speed probe: every size once, then mostly the main one, and the smallest now and then.

    With the sizes as they are, eight probes are five of 1,000 tokens, two of 100 and one of 10,000.
    """
    if not fitting:
        return []
    main, smallest = main_size(fitting), min(fitting)
    once = [main, *sorted(set(fitting) - {main})]
    return list(islice(chain(once, cycle((main, smallest, main, main))), probes))


def _speed(
    suite: str, number: int, target: int, round_id: str, endpoint_id: str, output_tokens: int, together: int = 1
) -> Question:
    start = reading.opening(rng_for(SUITE_VERSION, suite, "opening", round_id, endpoint_id, number))
    prompt = f"{start}. {_text(suite, number, target, round_id)}"
    return Question(suite, f"{suite}-{number}", prompt, output_tokens, 1.0, None, target, together)


@lru_cache(maxsize=64)  # the same text goes to every endpoint
def _text(suite: str, number: int, target: int, round_id: str) -> str:
    rng = rng_for(SUITE_VERSION, suite, "text", round_id, number, target)
    ask = prose.story_prompt(rng)
    plain = target <= TOLD_UP_TO_TOKENS
    chars = round(target * (prose.CHARS_PER_TOKEN if plain else reading.CHARS_PER_TOKEN)) - len(ask) - OPENING_CHARS
    if chars <= 0:
        return ask
    return f"{prose.told(rng, chars) if plain else reading.prose(rng, chars)}\n{ask}"


def _quality_math(day: date, round_ordinal: int, sizes: SuiteSizes) -> Iterator[Question]:
    for number in range(sizes.math_items):
        template = math.BY_ID[MATH_MIX[number % len(MATH_MIX)]]
        seed = derived_seed(SUITE_VERSION, day.isoformat(), "quality_math", round_ordinal, template.template_id, number)
        item = math.make_item(template, seed)
        yield Question("quality_math", item.item_id, item.prompt, sizes.math_output_tokens, 0.0, item)
