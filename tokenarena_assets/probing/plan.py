"""The plan of a round: which probes go to which endpoint, in which order, and what they will cost at most."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.suites.items import rng_for
from tokenarena_assets.suites.suite import SUITE_VERSION, SUITES, Question, SuiteSizes, questions

# An upper estimate for prompts in any public tokenizer: forecasts must not be too low.
CHARS_PER_TOKEN_LOWER = 2


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a round does; the same options and endpoints on the same day make the same plan."""

    suites: tuple[str, ...] = SUITES
    sizes: SuiteSizes = field(default_factory=SuiteSizes)
    at_once: int = 16
    at_once_per_endpoint: int = 2
    at_once_asked: bool = False  # a person asked for `at_once`: hold it in every suite, however few the endpoints
    max_round_usd: Decimal = Decimal(5)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> PlanOptions:
        """The options that a round's manifest recorded.

        Raises:
            KeyError, TypeError, ValueError: the record is of another form.
        """
        sizes = SuiteSizes(**record["sizes"])
        kept = {name: record[name] for name in ("at_once", "at_once_per_endpoint", "at_once_asked")}
        return cls(tuple(record["suites"]), sizes, max_round_usd=Decimal(record["max_round_usd"]), **kept)


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


def make_plan(
    endpoints: Sequence[Endpoint], options: PlanOptions, *, day: date, round_id: str, ordinal: int
) -> dict[str, list[Probe]]:
    """Probes by suite, in the order in which they are sent: endpoints interleaved, shuffled by the round's seed."""
    plan: dict[str, list[Probe]] = {}
    for suite in options.suites:
        asked = list(questions(suite, day, ordinal, round_id, options.sizes))
        rng = rng_for("order", round_id, suite)
        probes: list[Probe] = []
        for question in asked:
            row = [
                Probe(_request_id(round_id, endpoint, question), endpoint.endpoint_id, question)
                for endpoint in endpoints
            ]
            rng.shuffle(row)
            probes += row
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
        "endpoints": [endpoint.model_dump(mode="json") for endpoint in endpoints],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def forecast(plan: Mapping[str, Sequence[Probe]], endpoints: Sequence[Endpoint]) -> list[ForecastRow]:
    """An upper estimate of tokens and dollars by endpoint, in the catalog's order."""
    rows = []
    for endpoint in endpoints:
        own = [
            probe.question for probes in plan.values() for probe in probes if probe.endpoint_id == endpoint.endpoint_id
        ]
        tokens_in = sum(-(-len(question.prompt) // CHARS_PER_TOKEN_LOWER) + 16 for question in own)
        tokens_out = sum(question.max_output_tokens for question in own)
        price = endpoint.price
        usd = None
        if price is not None:
            usd = (tokens_in * price.input_usd_per_mtok + tokens_out * price.output_usd_per_mtok) / 1_000_000
        rows.append(ForecastRow(endpoint.endpoint_id, len(own), tokens_in, tokens_out, usd))
    return rows
