"""The questions of the five fidelity suites to one endpoint on one day, in the order of their hours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites.fidelity.ask import FIDELITY_SUITES, FidelityAsk, seed_of, slot_of
from tokenarena_assets.suites.fidelity.border import (
    MOST_CANDIDATES,
    SEARCH_REPS,
    BorderState,
    border_candidates,
    border_prompt,
)
from tokenarena_assets.suites.fidelity.parity import BY_ID, MESSAGE_SETS
from tokenarena_assets.suites.fidelity.pools import Pool
from tokenarena_assets.suites.fidelity.standard import STANDARD
from tokenarena_assets.suites.fidelity.tiny import TINY
from tokenarena_assets.suites.items import derived_seed
from tokenarena_assets.suites.question import Question, SuiteSizes
from tokenarena_assets.suites.tiers import tier_named
from tokenarena_assets.suites.version import SUITE_VERSION

GREEDY_REFERENCE_REPS = 2  # how far they are apart is the reference's own floor
MOST_TOP_LOGPROBS = 20  # of the next token, that any API gives
FIRST_TOKEN_SUITES = ("greedy", "border", "logprobs")  # of who thinks first, these would tell of the thoughts


@dataclass(frozen=True, slots=True)
class _Asked:
    """One prompt and how often it is asked."""

    prompt_id: str
    prompt_set: str
    text: str
    reps: int
    stage: str = ""
    earlier: tuple[tuple[str, str], ...] = ()


def sequence_units(tier: str) -> int:
    """How many code points of a sampled answer are compared: the embedded models' answers part sooner than others'."""
    return 32 if tier == "tiny" else 160


def pool_of(tier: str) -> Pool:
    """The prompts of a tier: tiny has its own, the others share theirs."""
    return TINY if tier_named(tier).name == "tiny" else STANDARD


def prompt_of(tier: str, prompt_id: str, *, private_seed: str = "") -> str:
    """The text of a prompt from its id alone (of the last user message, where there are several).

    Raises:
        TokenArenaError: no prompt has this id, or it was made from another private seed.
    """
    if prompt_id in BY_ID:
        return BY_ID[prompt_id].prompt
    candidate = border_prompt(tier, prompt_id)
    return pool_of(tier).text_of(prompt_id, private_seed) if candidate is None else candidate


def fidelity_questions(
    suite: str,
    day: date,
    sizes: SuiteSizes,
    *,
    endpoint_id: str,
    tier: str,
    is_reference: bool,
    private_seed: str,
    unfit: Collection[str] = (),
    border: BorderState | None = None,
    thinks: bool = False,
    quality_output_tokens: int | None = None,
    multi_turn: bool = True,
    top_logprobs: int | None = None,
    skip: Collection[str] = (),
) -> Iterator[Question]:
    """The questions of `suite` to an endpoint on `day`, ordered by slot; those whose key is in `skip` are left out.

    Every endpoint of a tier is asked the same prompts, a reference more often. `unfit` are the ids of prompts that are
    set aside: the next ones of their kind take their place. Who `thinks` is not asked what its first tokens tell, and
    may answer with `quality_output_tokens`, else what the tier allows. Without `top_logprobs` nothing is asked in
    `logprobs`. Without `multi_turn` only the message sets of a single turn are asked in `parity`.

    Raises:
        TokenArenaError: there is no such suite or tier.
    """
    if suite not in FIDELITY_SUITES:
        raise TokenArenaError(f"no fidelity suite is {suite!r}", mend=f"they are: {', '.join(FIDELITY_SUITES)}")
    if thinks and suite in FIRST_TOKEN_SUITES:
        return
    pool, border, unfit = pool_of(tier), border or BorderState(), frozenset(unfit)
    asked: Iterable[_Asked] = ()
    output_tokens, temperature = 1, 0.0
    if suite == "parity":
        asked = (
            _Asked(messages.prompt_id, "fixed", messages.prompt, 1, earlier=messages.earlier)
            for messages in MESSAGE_SETS
            if multi_turn or not messages.earlier
        )
    elif suite == "sampled":
        reps = sizes.sampled_reference_reps if is_reference else sizes.sampled_reps
        prompts = pool.prompts(suite, sizes.sampled_prompts, day, private_seed, unfit)
        asked = (_Asked(*prompt, reps) for prompt in prompts)
        output_tokens, temperature = sizes.sampled_output_tokens, 1.0
        if thinks:
            output_tokens = quality_output_tokens or tier_named(tier).output_tokens("math")
    elif suite == "greedy":
        reps = GREEDY_REFERENCE_REPS if is_reference else 1
        prompts = pool.prompts(suite, sizes.greedy_prompts, day, private_seed, unfit)
        asked = (_Asked(*prompt, reps) for prompt in prompts)
        output_tokens = sizes.greedy_output_tokens
    elif suite == "border":
        asked = _border(tier, endpoint_id, sizes, border)
    elif top_logprobs:
        asked = (_Asked(*prompt, sizes.logprob_reps) for prompt in pool.fixed(suite, sizes.logprob_prompts))
    found = [
        Question(
            suite,
            key,
            prompt.text,
            output_tokens,
            temperature,
            None,
            ask=FidelityAsk(
                prompt.prompt_id, prompt.prompt_set, rep, slot_of(day, suite, prompt.prompt_id, rep), prompt.stage
            ),
            seed=seed_of(day, suite, prompt.prompt_id, rep) if suite == "greedy" else None,
            top_logprobs=min(top_logprobs, MOST_TOP_LOGPROBS) if top_logprobs and suite == "logprobs" else None,
            earlier=prompt.earlier,
        )
        for prompt in asked
        for rep in range(prompt.reps)
        if (key := _key(prompt, rep)) not in skip
    ]
    yield from sorted(found, key=lambda question: _turn(day, question))


def _border(tier: str, endpoint_id: str, sizes: SuiteSizes, state: BorderState) -> Iterator[_Asked]:
    stage = state.stage(sizes.border_inputs)
    if stage == "search":
        how_many = min(sizes.border_candidates, MOST_CANDIDATES - state.tried)
        for prompt_id, text in border_candidates(tier, endpoint_id, state.tried, how_many):
            yield _Asked(prompt_id, "candidate", text, SEARCH_REPS, stage)
    elif stage:
        reps = sizes.border_reps if stage == "monitor" else sizes.border_reference_reps
        for prompt_id in state.inputs[: sizes.border_inputs]:
            yield _Asked(prompt_id, "found", prompt_of(tier, prompt_id), reps, stage)


def _key(asked: _Asked, rep: int) -> str:
    return ".".join(filter(None, (asked.prompt_id, asked.stage, str(rep))))


def _turn(day: date, question: Question) -> tuple[int, int]:
    """By the hour, and within it in an order that is the same for every endpoint and favours no prompt."""
    slot = question.ask.slot if question.ask is not None else 0
    return slot, derived_seed(SUITE_VERSION, day.isoformat(), "turn", question.suite, question.key)
