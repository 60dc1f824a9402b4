"""The suites: what a round asks every endpoint, as probes made from seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import chain, cycle, islice

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites import reading
from tokenarena_assets.suites.fidelity.ask import FIDELITY_SUITES
from tokenarena_assets.suites.fidelity.border import BorderState
from tokenarena_assets.suites.fidelity.questions import fidelity_questions
from tokenarena_assets.suites.items import Item, derived_seed, domain_of, rng_for
from tokenarena_assets.suites.question import PROMPT_TOKENS, Question, SuiteSizes
from tokenarena_assets.suites.tiers import tier_named
from tokenarena_assets.suites.tiny import prose
from tokenarena_assets.suites.version import SUITE_VERSION

__all__ = [
    "DOMAINS",
    "FIDELITY_SUITES",
    "PROMPT_TOKENS",
    "SUITES",
    "SUITE_VERSION",
    "Question",
    "SuiteSizes",
    "day_items",
    "main_size",
    "questions",
    "speed_pattern",
]

SUITES = ("speed", "parallel", "quality_math", "quality_code", "anchor", "own", "context", *FIDELITY_SUITES)
DOMAINS = {"quality_math": "math", "quality_code": "code"}  # of the suites whose items are generated
REDRAWS = 100  # of an item that the day has already, for a fresh one
MAIN_PROMPT_TOKENS = 1_000  # what most speed probes ask: the size of an ordinary request
# Up to here prompts are told in the words of the tiny tier, which the embedded models know.
TOLD_UP_TO_TOKENS = 200
OPENING_CHARS = 20  # of the two words that each prompt begins with


def questions(
    suite: str,
    day: date,
    round_id: str,
    sizes: SuiteSizes,
    *,
    endpoint_id: str = "",
    fitting: Sequence[int] | None = None,
    tier: str = "tiny",
    skip_items: Collection[str] = (),
    extra_items: Sequence[Item] = (),
    output_tokens: int | None = None,
    is_reference: bool = False,
    private_seed: str = "",
    unfit: Collection[str] = (),
    border: BorderState | None = None,
    thinks: bool = False,
    multi_turn: bool = True,
    top_logprobs: int | None = None,
) -> Iterator[Question]:
    """The questions of one suite to one endpoint in one round.

    The text of a speed prompt is the same for every endpoint, its first two words excepted: they are of this endpoint,
    round and probe alone, so that no cache answers, not even one that two endpoints have in common. `fitting` are the
    prompt sizes that the endpoint can take; None: all.

    `quality_math` and `quality_code` ask the items of the day in the endpoint's `tier`, the same in every round: those
    whose `item_id` is in `skip_items` (the day has their answer) are left out. `anchor` and `own` ask `extra_items`,
    likewise. All these are asked at temperature 0, and an answer may have `output_tokens`, else
    `sizes.quality_output_tokens`, else what the tier allows the item's domain. `context` yields nothing: what it asks
    depends on what came back, see `tokenarena_assets.context`.

    The fidelity suites ask what :func:`fidelity_questions` says, with the keywords that it has; `skip_items` are keys
    there.

    Raises:
        TokenArenaError: there is no such suite or tier, or what the tier's generators need is not installed.
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
    elif suite in DOMAINS or suite in ("anchor", "own"):
        items = day_items(suite, day, tier, sizes) if suite in DOMAINS else extra_items
        allowed = output_tokens or sizes.quality_output_tokens
        for item in items:
            if item.item_id not in skip_items:
                cap = allowed or tier_named(tier).output_tokens(domain_of(item.answer_type))
                yield Question(suite, item.item_id, item.prompt, cap, 0.0, item)
    elif suite in FIDELITY_SUITES:
        yield from fidelity_questions(
            suite,
            day,
            sizes,
            endpoint_id=endpoint_id,
            tier=tier,
            is_reference=is_reference,
            private_seed=private_seed,
            unfit=unfit,
            border=border,
            thinks=thinks,
            quality_output_tokens=output_tokens or sizes.quality_output_tokens,
            multi_turn=multi_turn,
            top_logprobs=top_logprobs,
            skip=skip_items,
        )
    elif suite != "context":
        raise TokenArenaError(f"there is no suite {suite!r}", mend=f"suites are: {', '.join(SUITES)}")


def day_items(suite: str, day: date, tier: str, sizes: SuiteSizes) -> tuple[Item, ...]:
    """The items of `quality_math` or `quality_code` that every endpoint of `tier` is asked on `day`.

    They are made from seeds of the day, suite, tier, template and number alone. Templates take turns, so that the first
    k items of any day are the whole of a day of size k and as balanced. No two items of a day ask the same, as long as
    their template has more to ask.

    Raises:
        TokenArenaError: there is no such suite or tier, or what the tier's generators need is not installed.
    """
    if suite not in DOMAINS:
        raise TokenArenaError(f"no items are generated for {suite!r}", mend=f"suites are: {', '.join(DOMAINS)}")
    return _day_items(suite, day, tier, sizes.math_items if suite == "quality_math" else sizes.code_items)


@lru_cache(maxsize=32)
def _day_items(suite: str, day: date, tier: str, count: int) -> tuple[Item, ...]:
    templates = tier_named(tier).templates(DOMAINS[suite])
    items: list[Item] = []
    asked: set[str] = set()
    for number in range(count):
        template = templates[number % len(templates)]
        for again in range(REDRAWS):
            parts = (SUITE_VERSION, day.isoformat(), suite, tier, template.template_id, number)
            item = template.make(derived_seed(*parts, again) if again else derived_seed(*parts))
            if item.prompt not in asked:
                break
        asked.add(item.prompt)
        items.append(item)
    return tuple(items)


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
