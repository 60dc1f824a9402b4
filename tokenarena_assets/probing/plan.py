"""The plan of a round: which probes go to which endpoint, in which order, and what they will cost at most."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Any

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites import reading
from tokenarena_assets.suites.items import rng_for
from tokenarena_assets.suites.suite import SUITE_VERSION, SUITES, Question, SuiteSizes, main_size, questions

# An upper estimate for prompts in any public tokenizer: forecasts must not be too low.
CHARS_PER_TOKEN_LOWER = 2
CHAT_TEMPLATE_TOKENS = 16
# A prompt of n tokens may come to this many times n (rarer tokenizers, chat template); it must fit all the same.
FIT_MARGIN = 1.5
# Where `extra_body` may set another cap on output than the suite's, by whatever name the API has for it.
OUTPUT_CAPS = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"})
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
class ForecastRow:
    """What a round will ask of one endpoint: an upper estimate, output at its cap."""

    endpoint_id: str
    requests: int
    input_tokens_max: int
    output_tokens_max: int
    usd_max: Decimal | None  # None: the catalog has no price


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


def make_plan(
    endpoints: Sequence[Endpoint],
    options: PlanOptions,
    *,
    day: date,
    round_id: str,
    ordinal: int,
    burst_before: Collection[str] = (),
) -> dict[str, list[Probe]]:
    """Probes by suite, in the order in which they are sent: endpoints interleaved, shuffled by the round's seed.

    `burst_before` are the endpoints whose burst of the day is behind them: `parallel` is asked once a day. A suite that
    nobody is asked is left out.
    """
    plan: dict[str, list[Probe]] = {}
    for suite in options.suites:
        rows = []
        for endpoint in endpoints:
            fit = fit_of(endpoint, options)
            fitting = fit.speed if suite == "speed" else fit.parallel
            if suite == "parallel" and endpoint.endpoint_id in burst_before:
                fitting = ()
            asked = questions(
                suite, day, ordinal, round_id, options.sizes, endpoint_id=endpoint.endpoint_id, fitting=fitting
            )
            rows.append([Probe(_request_id(round_id, endpoint, q), endpoint.endpoint_id, q) for q in asked])
        rng = rng_for("order", round_id, suite)
        probes: list[Probe] = []
        if suite == "parallel":  # bursts are whole: one endpoint after the other
            rng.shuffle(rows)
            probes = [probe for row in rows for probe in row]
        else:
            for column in zip_longest(*rows):
                present = [probe for probe in column if probe is not None]
                rng.shuffle(present)
                probes += present
        if probes:
            plan[suite] = probes
    return plan


def _request_id(round_id: str, endpoint: Endpoint, question: Question) -> str:
    parts = "|".join((round_id, endpoint.endpoint_id, question.suite, question.key))
    return hashlib.sha256(parts.encode()).hexdigest()[:24]


def plan_key(endpoints: Sequence[Endpoint], options: PlanOptions) -> str:
    """A hash of all that makes the plan, the round's id left out: a round cut off is completed under the same key."""
    content = {
        "suite_version": SUITE_VERSION,
        "suites": options.suites,
        "sizes": asdict(options.sizes),
        "endpoints": [endpoint.model_dump(mode="json", exclude={"limits"}) for endpoint in endpoints],
        "misfits": [asdict(misfit) for endpoint in endpoints for misfit in fit_of(endpoint, options).misfits],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def input_tokens_at_most(question: Question) -> int:
    """An upper estimate of a prompt's tokens in any public tokenizer, for what a round may cost."""
    return -(-len(question.prompt) // CHARS_PER_TOKEN_LOWER) + CHAT_TEMPLATE_TOKENS


def input_tokens_about(question: Question) -> int:
    """A near estimate of a prompt's tokens, for limits of tokens a minute; a prompt with numbers in it is denser."""
    per_token = reading.CHARS_PER_TOKEN if question.prompt_tokens_target else CHARS_PER_TOKEN_LOWER
    return round(len(question.prompt) / per_token) + CHAT_TEMPLATE_TOKENS


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
    price = endpoint.price
    if price is None:
        return None
    tokens_in = input_tokens_at_most(probe.question)
    tokens_out = output_tokens_at_most(probe.question, endpoint)
    return (tokens_in * price.input_usd_per_mtok + tokens_out * price.output_usd_per_mtok) / 1_000_000


def forecast(plan: Mapping[str, Sequence[Probe]], endpoints: Sequence[Endpoint]) -> list[ForecastRow]:
    """An upper estimate of tokens and dollars by endpoint, in the catalog's order."""
    own: dict[str, list[Probe]] = {endpoint.endpoint_id: [] for endpoint in endpoints}
    for probes in plan.values():
        for probe in probes:
            own[probe.endpoint_id].append(probe)
    rows = []
    for endpoint in endpoints:
        asked = own[endpoint.endpoint_id]
        costs = [cost for probe in asked if (cost := usd_at_most(probe, endpoint)) is not None]
        rows.append(
            ForecastRow(
                endpoint.endpoint_id,
                len(asked),
                sum(input_tokens_at_most(probe.question) for probe in asked),
                sum(output_tokens_at_most(probe.question, endpoint) for probe in asked),
                None if endpoint.price is None else sum(costs, start=Decimal(0)),
            )
        )
    return rows
