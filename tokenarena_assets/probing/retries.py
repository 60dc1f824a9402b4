"""Asking again: which failures are tried once more, how often, and what money may be spent on it.

An item whose answer was lost on the way would be missing, and a wrong figure would come of many such. Speed probes and
bursts are never sent again: there a failure is what is measured. Nor are questions of the fidelity suites: a later
round of the day asks what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenarena_assets.probing.before import ITEM_SUITES
from tokenarena_assets.probing.exchange import Limits
from tokenarena_assets.probing.plan import Probe, request_id
from tokenarena_assets.storage.rawlog import records_of
from tokenarena_assets.suites.suite import FIDELITY_SUITES, Question

MAX_ATTEMPTS = 4
RETRIED_SUITES = frozenset({*ITEM_SUITES, "context"})
PATIENT_SUITES = RETRIED_SUITES | frozenset(FIDELITY_SUITES)
# Failures that may pass. The rest is the endpoint's answer, or would be the same again.
RETRYABLE = frozenset(
    {
        "http_429",
        "http_5xx",
        "timeout_connect",
        "timeout_first",
        "timeout_stall",
        "timeout_total",
        "connect_failed",
        "dropped",
        "in_stream_error",
    }
)
UNBOUNDED = Decimal("Infinity")
# How slow an endpoint may be with long prompts and long answers before that counts as a failure. No speed is measured
# here, and what thinks out of sight is long silent before its first token.
PATIENCE = 4
SLOWEST_READING_TOK_S = 2_000
SLOWEST_WRITING_TOK_S = 40


def next_attempt(probe: Probe, round_id: str, statuses: Mapping[str, str]) -> Probe | None:
    """The attempt to send, given what the round has recorded (request_id -> status); None: there is none."""
    attempt: Probe | None = probe
    while attempt is not None and (status := statuses.get(attempt.request_id)) is not None:
        attempt = again(attempt, round_id, status)
    return attempt


def again(probe: Probe, round_id: str, status: str) -> Probe | None:
    """The attempt after one that ended in `status`; None: it is not tried again."""
    question = probe.question
    if question.suite not in RETRIED_SUITES or status not in RETRYABLE or question.attempt >= MAX_ATTEMPTS:
        return None
    question = replace(question, attempt=question.attempt + 1)
    return Probe(request_id(round_id, probe.endpoint_id, question), probe.endpoint_id, question)


def limits_of(question: Question, limits: Limits) -> Limits:
    """The time limits of a probe: where it is no speed that is measured, longer ones, by what is asked."""
    if question.suite not in PATIENT_SUITES:
        return limits
    reading_s = (question.prompt_tokens_target or 0) / SLOWEST_READING_TOK_S
    writing_s = question.max_output_tokens / SLOWEST_WRITING_TOK_S
    return replace(
        limits, first_s=PATIENCE * limits.first_s + reading_s, total_s=limits.total_s + reading_s + writing_s
    )


@dataclass(slots=True)
class Purse:
    """What may still be spent beyond the plan's own estimate, in USD: in all, and at each endpoint with a cap.

    It begins with what the caps leave over after that estimate, and grows where a request came out cheaper than
    estimated (a refused one costs nothing). A retry is paid from it before it is sent; so no cap can be passed.
    """

    total: Decimal = UNBOUNDED
    by_endpoint: dict[str, Decimal] = field(default_factory=dict)

    def take(self, endpoint_id: str, usd: Decimal | None) -> bool:
        """Take the most that a request may cost; False: there is not as much. What has no price costs nothing."""
        if usd and min(self.total, self.by_endpoint.get(endpoint_id, UNBOUNDED)) < usd:
            return False
        self.give(endpoint_id, -(usd or Decimal(0)))
        return True

    def give(self, endpoint_id: str, usd: Decimal) -> None:
        """Put back what was estimated and not spent."""
        self.total += usd
        if endpoint_id in self.by_endpoint:
            self.by_endpoint[endpoint_id] += usd

    def part(self, endpoints: list[str], of: int) -> Purse:
        """The share of a process that sends to `endpoints`, of `of` in all."""
        own = {name: usd for name, usd in self.by_endpoint.items() if name in endpoints}
        return Purse(self.total * len(endpoints) / of, own)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a round has recorded so far: the status of each request, and the context suite's records, less frames."""

    statuses: dict[str, str] = field(default_factory=dict)
    context: dict[str, dict[str, Any]] = field(default_factory=dict)


def recorded_of(path: Path) -> Recorded:
    """What an open round has recorded; a torn line is none."""
    recorded = Recorded()
    for record in records_of(path):
        name = record.get("request_id")
        if isinstance(name, str):
            recorded.statuses[name] = str(record.get("status"))
            if record.get("suite") == "context":
                left_out = ("frames", "request", "logprobs")
                recorded.context[name] = {key: value for key, value in record.items() if key not in left_out}
    return recorded
