"""The plan of a round: which probes go to which endpoint, in which order, and what they will cost at most."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import zip_longest
from random import Random
from typing import Any

from tokenarena_assets.context import ladder_of, rungs_of, worst_case
from tokenarena_assets.context.records import Mode
from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.apis import adapter_for
from tokenarena_assets.probing.before import ITEM_SUITES, Before
from tokenarena_assets.probing.billing import CHARS_PER_TOKEN_LOWER
from tokenarena_assets.probing.inputs import Anchors, Inputs, anchors_in_force, items_file_in_force
from tokenarena_assets.suites import reading
from tokenarena_assets.suites.fidelity.ask import SLOTS
from tokenarena_assets.suites.items import rng_for
from tokenarena_assets.suites.suite import (
    FIDELITY_SUITES,
    SUITE_VERSION,
    SUITES,
    Question,
    SuiteSizes,
    main_size,
    questions,
)
from tokenarena_assets.suites.tiers import math_available

# A round every three hours asks what is planned for the hours until the next one.
HOURS_OF_A_ROUND = 3
LAST_SLOT = SLOTS - 1
FIRST_TOKEN_SUITES = frozenset({"greedy", "border", "logprobs"})  # which ask at temperature 0 how an answer begins
THINKS = "not applicable: reasoning cannot be switched off"
CHAT_TEMPLATE_TOKENS = 16
# A prompt of n tokens may come to this many times n (rarer tokenizers, chat template); it must fit all the same.
FIT_MARGIN = 1.5
# Where `extra_body` may set another cap on output than the suite's, by whatever name the API has for it.
OUTPUT_CAPS = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"})
# A prompt of the context suite is made to measure, but by two calibration calls: it may come out so much longer.
CONTEXT_MARGIN = 1.2
MONDAY = 0
MATH_SHARE = 0.6  # of an endpoint's `quality_items`
NOTHING_BEFORE = Before()
NO_INPUTS = Inputs()
NOBODY: Mapping[str, str] = {}
OPTIONAL_SUITES = ("anchor", "own")  # asked where a person brings items for them
NOT_ASKED = "not asked"  # the key of the one record that stands for a whole suite
DAY_CAP_VARIABLE = "TOKENARENA_MAX_USD_PER_DAY"
DEFAULT_DAY_CAP_USD = Decimal(20)


def day_cap_usd() -> Decimal:
    """What may be spent in a UTC day over all endpoints: TOKENARENA_MAX_USD_PER_DAY, else 20 USD; `inf`: no cap.

    Raises:
        TokenArenaError: the variable holds no amount.
    """
    text = os.environ.get(DAY_CAP_VARIABLE, "").strip()
    return usd_of(text, DAY_CAP_VARIABLE) if text else DEFAULT_DAY_CAP_USD


def usd_of(text: str, name: str) -> Decimal:
    """An amount of USD as a person wrote it.

    Raises:
        TokenArenaError: it is none.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount.is_nan() or amount < 0:
        raise TokenArenaError(f"{name}: {text!r} is no amount in USD", mend="write it as 2.50, or inf for no cap")
    return amount


@dataclass(frozen=True)  # without slots, for its defaults to be read from the class
class PlanOptions:
    """What a round does; the same options and endpoints on the same day make the same plan.

    `max_round_usd` and `max_day_usd` cap what may be spent in all; each endpoint may have a cap of its own in the
    catalog. `spread_s` is the time over which the starts are spread, `workers` the number of processes that send (0: as
    many as are needed), `max_pause_s` how long an endpoint may ask to be left alone in a round before it is given up.
    `anchors` are the files of public sets by name, `items_file` that of one's own items. An item whose answer was lost
    is asked again after `retry_pause_s`, then after twice and four times as long. `slots_due`: of the fidelity suites
    only what is planned for the hours up to the next round of a schedule, not all that is left of the day.
    """

    suites: tuple[str, ...] = SUITES
    sizes: SuiteSizes = field(default_factory=SuiteSizes)
    at_once: int = 16
    at_once_per_endpoint: int = 2
    at_once_asked: bool = False  # a person asked for `at_once`: hold it in every suite, however few the endpoints
    max_round_usd: Decimal = Decimal(5)
    max_day_usd: Decimal = field(default_factory=day_cap_usd)
    spread_s: float = 0.0
    max_pause_s: float = 120.0
    workers: int = 0
    anchors: Anchors = field(default_factory=anchors_in_force)
    items_file: str | None = field(default_factory=items_file_in_force)
    retry_pause_s: float = 1.0
    slots_due: bool = False

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> PlanOptions:
        """The options that a round's manifest recorded.

        Raises:
            KeyError, TypeError, ValueError, ArithmeticError: the record is of another form.
        """
        sizes = dict(record["sizes"])
        amounts = {name: Decimal(record[name]) for name in ("max_round_usd", "max_day_usd")}
        return cls(
            **dict(record)
            | amounts
            | {
                "suites": tuple(record["suites"]),
                "anchors": tuple((str(name), str(path)) for name, path in record["anchors"]),
                "sizes": SuiteSizes(**sizes | {"prompt_tokens": tuple(sizes["prompt_tokens"])}),
            }
        )


@dataclass(frozen=True, slots=True)
class Probe:
    """One request to one endpoint."""

    request_id: str
    endpoint_id: str
    question: Question


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """What the context suite may ask of one endpoint at most: which requests it takes shows as it goes.

    `search_id` names it in the round. Tokens are of all requests together, but for `output_tokens`, the cap of one.
    """

    search_id: str
    endpoint_id: str
    tier: str
    mode: Mode
    known_tokens: int | None
    advertised_tokens: int | None
    most_tokens: int
    output_tokens: int
    requests: int
    input_tokens_max: int
    output_tokens_max: int
    spent_usd: Decimal = Decimal(0)  # by an earlier try

    def usd_at_most(self, endpoint: Endpoint) -> Decimal | None:
        """What the rest of it may cost; None where the catalog has no price."""
        usd = usd_of_tokens(self.input_tokens_max, self.output_tokens_max, endpoint)
        return None if usd is None else max(Decimal(0), usd - self.spent_usd)


@dataclass(frozen=True, slots=True)
class ForecastRow:
    """What a round will ask of one endpoint: an upper estimate, output at its cap.

    `context_requests` of the requests are at most what the context suite takes.
    """

    endpoint_id: str
    requests: int
    input_tokens_max: int
    output_tokens_max: int
    usd_max: Decimal | None  # None: the catalog has no price
    context_requests: int = 0


@dataclass(frozen=True, slots=True)
class SuiteForecast:
    """What a round will ask in one suite, of all endpoints: an upper estimate, output at its cap."""

    suite: str
    requests: int
    input_tokens_max: int
    output_tokens_max: int
    usd_max: Decimal  # of what has a price
    unpriced_requests: int


@dataclass(frozen=True, slots=True)
class Misfit:
    """What a suite asks and an endpoint cannot take, so that it is not asked."""

    endpoint_id: str
    suite: str
    prompt_tokens: int | None  # None: the whole suite
    reason: str


@dataclass(frozen=True, slots=True)
class Fit:
    """Which prompt sizes an endpoint can take, in the speed suite and in a burst, and what it cannot."""

    speed: tuple[int, ...]
    parallel: tuple[int, ...]
    misfits: tuple[Misfit, ...]


def fit_of(endpoint: Endpoint, options: PlanOptions) -> Fit:
    """What of `options` the endpoint can take, by its context and its limits.

    The smallest size is asked with whatever room is left for the answer, for it is what every endpoint should take.
    """
    sizes, limits = options.sizes, endpoint.limits
    cap = sizes.speed_output_tokens
    misfits = []
    speed = []
    for target in sorted(set(sizes.prompt_tokens)):
        prompt = round(target * FIT_MARGIN)
        needed = prompt + (0 if target == min(sizes.prompt_tokens) else cap)
        if endpoint.context_tokens is not None and needed > endpoint.context_tokens:
            reason = f"may need {needed} tokens of context, of {endpoint.context_tokens}"
        elif limits.tpm is not None and prompt + cap > limits.tpm:
            reason = f"may need {prompt + cap} tokens, of {limits.tpm} a minute"
        else:
            speed.append(target)
            continue
        misfits.append(Misfit(endpoint.endpoint_id, "speed", target, reason))
    burst = sizes.parallel_at_once
    tokens = burst * (round(main_size(speed) * FIT_MARGIN) + cap) if speed else 0
    no_burst = None
    if not speed:
        no_burst = "no prompt size fits"
    elif options.at_once < burst:
        no_burst = f"{burst} at once, of {options.at_once} allowed in flight"
    elif limits.max_in_flight is not None and limits.max_in_flight < burst:
        no_burst = f"{burst} at once, of {limits.max_in_flight} allowed in flight at this endpoint"
    elif limits.rpm is not None and limits.rpm < burst:
        no_burst = f"{burst} at once, of {limits.rpm} requests a minute"
    elif limits.tpm is not None and limits.tpm < tokens:
        no_burst = f"{burst} at once may need {tokens} tokens, of {limits.tpm} a minute"
    if no_burst is not None:
        misfits.append(Misfit(endpoint.endpoint_id, "parallel", None, no_burst))
    return Fit(tuple(speed), () if no_burst else tuple(speed), tuple(m for m in misfits if m.suite in options.suites))


def misfits_of(endpoint: Endpoint, options: PlanOptions, day: date, inputs: Inputs = NO_INPUTS) -> tuple[Misfit, ...]:
    """All that `options` ask and the endpoint cannot take, the items of `day` included."""
    found = list(fit_of(endpoint, options).misfits)
    for suite in options.suites:
        if suite in ITEM_SUITES:
            reason = _no_items(endpoint, suite, options, day, inputs)
        elif suite in FIDELITY_SUITES:
            reason = _no_fidelity(endpoint, suite, options, day, inputs)
        else:
            reason = _no_context(endpoint, options) if suite == "context" else None
        if reason is not None:
            found.append(Misfit(endpoint.endpoint_id, suite, None, reason))
    return tuple(found)


def _no_items(endpoint: Endpoint, suite: str, options: PlanOptions, day: date, inputs: Inputs) -> str | None:
    """Why an endpoint cannot be asked the items of a suite; None: it can, or there are none."""
    if suite == "quality_math" and endpoint.quality_tier != "tiny" and (reason := math_available()) is not None:
        return reason
    asked = _item_questions(endpoint, suite, options, day, "", NOTHING_BEFORE, inputs)
    too_long = _too_long(endpoint, asked)
    return None if too_long is None else f"{too_long} (quality_output_tokens sets the cap)"


def _too_long(endpoint: Endpoint, asked: Sequence[Question]) -> str | None:
    """Why one of the questions is too long for the endpoint's context or limits; None: none is."""
    outputs = [output_tokens_at_most(question, endpoint) for question in asked]
    longest = max(outputs, default=0)
    if endpoint.max_output_tokens is not None and longest > endpoint.max_output_tokens:
        return f"may ask for {longest} output tokens, of {endpoint.max_output_tokens}"
    window = max((input_tokens_at_most(q) + cap for q, cap in zip(asked, outputs, strict=True)), default=0)
    minute = max((input_tokens_about(q) + cap for q, cap in zip(asked, outputs, strict=True)), default=0)
    tpm = endpoint.limits.tpm
    if endpoint.context_tokens is not None and window > endpoint.context_tokens:
        return f"may need {window} tokens of context, of {endpoint.context_tokens}"
    if tpm is not None and minute > tpm:
        return f"may need {minute} tokens, of {tpm} a minute"
    return None


def _no_fidelity(endpoint: Endpoint, suite: str, options: PlanOptions, day: date, inputs: Inputs) -> str | None:
    """Why a fidelity suite cannot be asked of an endpoint; None: it can."""
    if suite == "logprobs" and not adapter_for(endpoint.api).has_logprobs:
        return "not applicable: its API gives no log-probabilities"
    if suite == "logprobs" and endpoint.top_logprobs is None:
        return "not applicable: the catalog gives no top_logprobs"
    if suite in FIRST_TOKEN_SUITES and endpoint.thinks:
        return THINKS
    temperature = _temperature_set(endpoint.extra_body)
    if suite in FIRST_TOKEN_SUITES and _sends_no_temperature(endpoint.extra_body):
        return "not applicable: extra_body takes the temperature out of the request"
    if suite != "parity" and temperature is not None and temperature != (1 if suite == "sampled" else 0):
        return f"not applicable: extra_body sets the temperature to {temperature}"
    return _too_long(endpoint, _longest_questions(suite, day, options.sizes, **_fidelity_of(endpoint, options, inputs)))


def _sends_no_temperature(extra_body: Mapping[str, Any]) -> bool:
    config = extra_body.get("generationConfig")
    places = (extra_body, config if isinstance(config, dict) else {})
    return any("temperature" in place and place["temperature"] is None for place in places)


def _temperature_set(extra_body: Mapping[str, Any]) -> Any:
    """The temperature that the catalog sets in place of the suite's; None: it sets none."""
    config = extra_body.get("generationConfig")  # Google's place for it
    own = config.get("temperature") if isinstance(config, dict) else None
    return extra_body.get("temperature", own)


def _no_context(endpoint: Endpoint, options: PlanOptions) -> str | None:
    """Why the effective context of an endpoint cannot be searched; None: it can."""
    ladder, tpm = ladder_of(endpoint.quality_tier), endpoint.limits.tpm
    most = context_most_tokens(endpoint, options.sizes)
    if rungs_of(ladder, endpoint.context_tokens, None) == ():
        return f"{endpoint.context_tokens} tokens of context are too few for a ladder of lengths"
    if rungs_of(ladder, endpoint.context_tokens, most) == ():
        limit = f"{most} tokens" if tpm is None else f"{tpm} tokens a minute"
        return f"may need more than {limit} even on the shortest rung"
    return None


def make_plan(
    endpoints: Sequence[Endpoint],
    options: PlanOptions,
    *,
    day: date,
    round_id: str,
    before: Before = NOTHING_BEFORE,
    inputs: Inputs = NO_INPUTS,
) -> dict[str, list[Probe]]:
    """Probes by suite, in the order in which they are sent: endpoints interleaved, shuffled by the round's seed.

    What `before` says was asked or answered is not asked again. A suite that nobody is asked is left out, and so is
    `context`, whose requests show as it goes: see :func:`context_plans`.
    """
    plan: dict[str, list[Probe]] = {}
    for suite in options.suites:
        rows = []
        for endpoint in endpoints:
            name = endpoint.endpoint_id
            if suite in ITEM_SUITES:
                unfit = _no_items(endpoint, suite, options, day, inputs) is not None
                asked = [] if unfit else _item_questions(endpoint, suite, options, day, round_id, before, inputs)
            elif suite in FIDELITY_SUITES:
                unfit = _no_fidelity(endpoint, suite, options, day, inputs) is not None
                asked = [] if unfit else _fidelity_questions(endpoint, suite, options, day, before, inputs)
            else:
                fit = fit_of(endpoint, options)
                fitting = fit.speed if suite == "speed" else fit.parallel
                if suite == "parallel" and before.was_asked(suite, name):
                    fitting = ()
                asked = list(questions(suite, day, round_id, options.sizes, endpoint_id=name, fitting=fitting))
            rows.append([Probe(request_id(round_id, name, question), name, question) for question in asked])
        rng = rng_for("order", round_id, suite)
        probes: list[Probe] = []
        if suite == "parallel":  # bursts are whole: one endpoint after the other
            rng.shuffle(rows)
            probes = [probe for row in rows for probe in row]
        elif suite in FIDELITY_SUITES:
            probes = _by_slot(rows, rng)
        else:
            for column in zip_longest(*rows):
                present = [probe for probe in column if probe is not None]
                rng.shuffle(present)
                probes += present
        if probes:
            plan[suite] = probes
    return plan


def _item_questions(
    endpoint: Endpoint,
    suite: str,
    options: PlanOptions,
    day: date,
    round_id: str,
    before: Before,
    inputs: Inputs,
) -> list[Question]:
    skipped = before.skipped(suite, endpoint.endpoint_id)
    if skipped is None:
        return []
    return list(
        questions(
            suite,
            day,
            round_id,
            sizes_of(endpoint, options.sizes),
            endpoint_id=endpoint.endpoint_id,
            tier=endpoint.quality_tier,
            skip_items=skipped,
            extra_items=inputs.items.get(suite, ()),
            output_tokens=options.sizes.quality_output_tokens or endpoint.quality_output_tokens,
        )
    )


def _fidelity_questions(
    endpoint: Endpoint, suite: str, options: PlanOptions, day: date, before: Before, inputs: Inputs
) -> list[Question]:
    skipped = before.skipped(suite, endpoint.endpoint_id)
    if skipped is None:
        return []
    asked = questions(
        suite,
        day,
        "",
        options.sizes,
        endpoint_id=endpoint.endpoint_id,
        skip_items=skipped,
        unfit=before.unfit.get(endpoint.model_family, frozenset()),
        border=before.border.get(endpoint.endpoint_id),
        **_fidelity_of(endpoint, options, inputs),
    )
    until = LAST_SLOT if before.slot is None else before.slot
    return [question for question in asked if question.ask is not None and question.ask.slot <= until]


def _fidelity_of(endpoint: Endpoint, options: PlanOptions, inputs: Inputs) -> dict[str, Any]:
    """What of an endpoint makes its questions what they are, as keywords of :func:`questions`."""
    return {
        "tier": endpoint.quality_tier,
        "is_reference": endpoint.reference,
        "private_seed": inputs.private_seed,
        "thinks": endpoint.thinks,
        "multi_turn": adapter_for(endpoint.api).multi_turn,
        "top_logprobs": endpoint.top_logprobs,
        "output_tokens": options.sizes.quality_output_tokens or endpoint.quality_output_tokens,
    }


@lru_cache(maxsize=256)  # of thousands of questions, the same of every endpoint of a family
def _longest_questions(suite: str, day: date, sizes: SuiteSizes, **keywords: Any) -> tuple[Question, ...]:
    asked = list(questions(suite, day, "", sizes, **keywords))
    return tuple(max(asked, key=tokens) for tokens in (input_tokens_at_most, input_tokens_about) if asked)


def last_slot_due(hour: int) -> int:
    """The last hour of the day whose questions a round that starts in `hour` asks, with another one three hours on."""
    return min(hour + HOURS_OF_A_ROUND - 1, LAST_SLOT)


def _by_slot(rows: Sequence[Sequence[Probe]], rng: Random) -> list[Probe]:
    """Probes by the hour that they are planned for; within one, those of each endpoint evenly among the others'.

    A reference is asked more often: were endpoints to take turns, the rest of its probes would come last, at another
    time than what they are compared with.
    """
    placed: list[tuple[int, float, Probe]] = []
    for row in rows:
        by_slot: dict[int, list[Probe]] = {}
        for probe in row:
            by_slot.setdefault(probe.question.ask.slot if probe.question.ask else 0, []).append(probe)
        for slot, own in by_slot.items():
            placed += [(slot, (number + rng.random()) / len(own), probe) for number, probe in enumerate(own)]
    return [probe for _, _, probe in sorted(placed, key=lambda at: at[:2])]


def sizes_of(endpoint: Endpoint, sizes: SuiteSizes) -> SuiteSizes:
    """The sizes for one endpoint: of the day's items no more than its `quality_items`, 60 of 100 of them math."""
    if endpoint.quality_items is None:
        return sizes
    math = round(MATH_SHARE * endpoint.quality_items)
    return replace(
        sizes,
        math_items=min(sizes.math_items, math),
        code_items=min(sizes.code_items, endpoint.quality_items - math),
    )


def context_plans(
    endpoints: Sequence[Endpoint],
    options: PlanOptions,
    *,
    day: date,
    round_id: str,
    before: Before = NOTHING_BEFORE,
) -> list[ContextPlan]:
    """What the context suite may ask of each endpoint that the day has not asked yet.

    An endpoint of which no effective context is known is searched cold; else, on a Monday, on the full ladder; else one
    request looks after what is known.
    """
    found = []
    for endpoint in endpoints if "context" in options.suites else ():
        name = endpoint.endpoint_id
        if before.was_asked("context", name) or _no_context(endpoint, options) is not None:
            continue
        most, output = context_most_tokens(endpoint, options.sizes), _context_output_tokens(endpoint, options.sizes)
        known = before.context_tokens.get(name)
        mode: Mode = "cold" if known is None else "full" if day.weekday() == MONDAY else "sentinel"
        worst = worst_case(ladder_of(endpoint.quality_tier), endpoint.context_tokens, mode, most, output, known)
        found.append(
            ContextPlan(
                hashlib.sha256(f"{round_id}|{name}|context".encode()).hexdigest()[:24],
                name,
                endpoint.quality_tier,
                mode,
                known,
                endpoint.context_tokens,
                most,
                output,
                worst.requests,
                worst.input_tokens,
                worst.output_tokens,
            )
        )
    return found


def context_most_tokens(endpoint: Endpoint, sizes: SuiteSizes) -> int:
    """The longest prompt of the context suite, in tokens: as the sizes allow, and as fits in a minute's tokens."""
    tpm = endpoint.limits.tpm
    if tpm is None:
        return sizes.context_most_tokens
    return min(sizes.context_most_tokens, round((tpm - _context_output_tokens(endpoint, sizes)) / CONTEXT_MARGIN))


def _context_output_tokens(endpoint: Endpoint, sizes: SuiteSizes) -> int:
    # Who thinks before quality answers thinks before these.
    return max(sizes.context_output_tokens, endpoint.quality_output_tokens or 0, *_caps_in(endpoint.extra_body))


def request_id(round_id: str, endpoint_id: str, question: Question) -> str:
    """The identity of a probe: of its round, endpoint, question and attempt."""
    key = question.key if question.attempt == 1 else f"{question.key}#{question.attempt}"
    parts = "|".join((round_id, endpoint_id, question.suite, key))
    return hashlib.sha256(parts.encode()).hexdigest()[:24]


def unasked(
    endpoints: Sequence[Endpoint],
    not_ready: Mapping[str, str],
    options: PlanOptions,
    *,
    day: date,
    round_id: str,
    inputs: Inputs = NO_INPUTS,
) -> list[tuple[Probe, str]]:
    """One entry a suite that an endpoint would be asked were it ready, and the reason why it is not.

    Its questions are not made: thousands of rows would say the same. What cannot be probed at all was not going to be
    asked, and has no entry.
    """
    found = []
    for endpoint in endpoints:
        reason = not_ready.get(endpoint.endpoint_id)
        if reason is None or endpoint.cannot_probe is not None:
            continue
        unfit = {misfit.suite for misfit in misfits_of(endpoint, options, day, inputs) if misfit.prompt_tokens is None}
        for suite in options.suites:
            # An item suite without items is asked of nobody.
            if suite not in unfit and (suite in inputs.items or suite not in OPTIONAL_SUITES):
                question = Question(suite, NOT_ASKED, "", 0, 0.0, None)
                name = endpoint.endpoint_id
                found.append((Probe(request_id(round_id, name, question), name, question), reason))
    return found


def plan_key(
    endpoints: Sequence[Endpoint],
    options: PlanOptions,
    *,
    day: date,
    inputs: Inputs = NO_INPUTS,
    not_ready: Mapping[str, str] = NOBODY,
) -> str:
    """A hash of all that makes the plan, the round's id left out: a round cut off is completed under the same key."""
    content = {
        "suite_version": SUITE_VERSION,
        "not_ready": sorted(not_ready),
        "suites": options.suites,
        "sizes": asdict(options.sizes),
        "endpoints": [endpoint.model_dump(mode="json", exclude={"limits"}) for endpoint in endpoints],
        "misfits": [asdict(misfit) for endpoint in endpoints for misfit in misfits_of(endpoint, options, day, inputs)],
        "files": inputs.sha256,
        "private_seed": inputs.seed_mark,
        "slots_due": options.slots_due,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def input_tokens_at_most(question: Question) -> int:
    """An upper estimate of a prompt's tokens in any public tokenizer, for what a round may cost."""
    turns = (*(text for _, text in question.earlier), question.prompt)
    return sum(-(-len(text) // CHARS_PER_TOKEN_LOWER) + CHAT_TEMPLATE_TOKENS for text in turns)


def input_tokens_about(question: Question) -> int:
    """A near estimate of a prompt's tokens, for limits of tokens a minute; a prompt with numbers in it is denser."""
    per_token = reading.CHARS_PER_TOKEN if question.prompt_tokens_target else CHARS_PER_TOKEN_LOWER
    turns = (*(text for _, text in question.earlier), question.prompt)
    return round(sum(map(len, turns)) / per_token) + len(turns) * CHAT_TEMPLATE_TOKENS


def output_tokens_at_most(question: Question, endpoint: Endpoint) -> int:
    """The output cap of a probe: the suite's, or a higher one that the endpoint's `extra_body` sets."""
    return max(question.max_output_tokens, *_caps_in(endpoint.extra_body), 0)


def _caps_in(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        for name, entry in value.items():
            if name in OUTPUT_CAPS and isinstance(entry, int):
                yield entry
            yield from _caps_in(entry)


def usd_at_most(probe: Probe, endpoint: Endpoint) -> Decimal | None:
    """What one probe may cost; None where the catalog has no price."""
    question = probe.question
    return usd_of_tokens(input_tokens_at_most(question), output_tokens_at_most(question, endpoint), endpoint)


def usd_of_tokens(tokens_in: int, tokens_out: int, endpoint: Endpoint) -> Decimal | None:
    """What so many tokens cost at most, whatever their hour and kind; None where the catalog has no price."""
    if endpoint.price is None:
        return None
    return endpoint.price.dearest(tokens_in).cost_usd(tokens_in, tokens_out)


def forecast(
    plan: Mapping[str, Sequence[Probe]], endpoints: Sequence[Endpoint], contexts: Sequence[ContextPlan] = ()
) -> list[ForecastRow]:
    """An upper estimate of tokens and dollars by endpoint, in the catalog's order."""
    own: dict[str, list[Probe]] = {endpoint.endpoint_id: [] for endpoint in endpoints}
    for probes in plan.values():
        for probe in probes:
            own[probe.endpoint_id].append(probe)
    searches = {search.endpoint_id: search for search in contexts}
    rows = []
    for endpoint in endpoints:
        asked, search = own[endpoint.endpoint_id], searches.get(endpoint.endpoint_id)
        costs = [usd_at_most(probe, endpoint) for probe in asked]
        tokens_in = sum(input_tokens_at_most(probe.question) for probe in asked)
        tokens_out = sum(output_tokens_at_most(probe.question, endpoint) for probe in asked)
        requests = 0
        if search is not None:
            costs.append(search.usd_at_most(endpoint))
            tokens_in += search.input_tokens_max
            tokens_out += search.output_tokens_max
            requests = search.requests
        rows.append(
            ForecastRow(
                endpoint.endpoint_id,
                len(asked) + requests,
                tokens_in,
                tokens_out,
                None if endpoint.price is None else sum((cost for cost in costs if cost is not None), start=Decimal(0)),
                requests,
            )
        )
    return rows


def forecast_by_suite(
    plan: Mapping[str, Sequence[Probe]], endpoints: Sequence[Endpoint], contexts: Sequence[ContextPlan] = ()
) -> list[SuiteForecast]:
    """The same estimate by suite, in the order in which they are sent."""
    catalog = {endpoint.endpoint_id: endpoint for endpoint in endpoints}
    rows = []
    for suite, probes in plan.items():
        costs = [usd_at_most(probe, catalog[probe.endpoint_id]) for probe in probes]
        rows.append(
            SuiteForecast(
                suite,
                len(probes),
                sum(input_tokens_at_most(probe.question) for probe in probes),
                sum(output_tokens_at_most(probe.question, catalog[probe.endpoint_id]) for probe in probes),
                sum((cost for cost in costs if cost is not None), start=Decimal(0)),
                costs.count(None),
            )
        )
    if contexts:
        searches = [(search, search.usd_at_most(catalog[search.endpoint_id])) for search in contexts]
        rows.append(
            SuiteForecast(
                "context",
                sum(search.requests for search, _ in searches),
                sum(search.input_tokens_max for search, _ in searches),
                sum(search.output_tokens_max for search, _ in searches),
                sum((usd for _, usd in searches if usd is not None), start=Decimal(0)),
                sum(search.requests for search, usd in searches if usd is None),
            )
        )
    return [row for row in rows if row.requests]
