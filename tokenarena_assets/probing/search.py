"""The context suite at one endpoint: asks what the search wants to know next, one request after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from math import ceil
from typing import Any

from tokenarena_assets.context import Ask, ContextSearch, ladder_of, question_of, reply_of
from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.probing.billing import cost_of
from tokenarena_assets.probing.plan import (
    CONTEXT_MARGIN,
    ContextPlan,
    Probe,
    input_tokens_at_most,
    output_tokens_at_most,
    request_id,
    usd_of_tokens,
)
from tokenarena_assets.probing.retries import Purse, Recorded, again

Send = Callable[[Probe], Awaitable[dict[str, Any] | None]]  # None: it was refused, or cannot be paid


@dataclass(slots=True)
class _Allowance:
    """The money of one search: what was reserved for it, then the purse."""

    endpoint: Endpoint
    reserved: Decimal
    purse: Purse
    _taken: dict[str, Decimal] = field(default_factory=dict)

    def take(self, probe: Probe, ask: Ask) -> bool:
        tokens = input_tokens_at_most(probe.question)
        if ask.predicted_tokens is not None:
            tokens = min(tokens, ceil(max(ask.predicted_tokens, ask.target_tokens) * CONTEXT_MARGIN))
        usd = usd_of_tokens(tokens, output_tokens_at_most(probe.question, self.endpoint), self.endpoint)
        if usd is None:
            return True
        beyond = max(Decimal(0), usd - self.reserved)
        if not self.purse.take(probe.endpoint_id, beyond):
            return False
        self.reserved -= usd - beyond
        self._taken[probe.request_id] = usd
        return True

    def settle(self, probe: Probe, record: Mapping[str, Any]) -> None:
        if self.endpoint.price is not None:
            taken = self._taken.pop(probe.request_id, Decimal(0))
            self.reserved = max(Decimal(0), self.reserved + taken - cost_of(record, self.endpoint.price))

    def close(self) -> None:
        self.purse.give(self.endpoint.endpoint_id, self.reserved)
        self.reserved = Decimal(0)


async def search_context(
    plan: ContextPlan,
    endpoint: Endpoint,
    *,
    day: date,
    round_id: str,
    send: Send,
    purse: Purse,
    recorded: Recorded,
) -> None:
    """Run one search to its end; what the round has recorded of it is read, not asked again.

    It ends early where the endpoint is given up, or where the next request may cost more than is left.
    """
    search = ContextSearch(
        ladder=ladder_of(plan.tier),
        advertised_tokens=plan.advertised_tokens,
        mode=plan.mode,
        known_tokens=plan.known_tokens,
        most_tokens=plan.most_tokens,
    )
    allowance = _Allowance(endpoint, plan.usd_at_most(endpoint) or Decimal(0), purse)
    while (ask := search.next()) is not None:
        question = question_of(
            ask,
            tier=plan.tier,
            day=day,
            endpoint_id=plan.endpoint_id,
            round_id=round_id,
            output_tokens=plan.output_tokens,
            mode=plan.mode,
            known_tokens=plan.known_tokens,
            advertised_tokens=plan.advertised_tokens,
            most_tokens=plan.most_tokens,
        )
        probe = Probe(request_id(round_id, plan.endpoint_id, question), plan.endpoint_id, question)
        record = await _answer(probe, ask, round_id, send, allowance, recorded)
        if record is None or record["status"] == "not_sent":
            break
        search.take(ask, reply_of(**_fields(question.item.answer_value if question.item else "", record))[1])
    allowance.close()


async def _answer(
    probe: Probe, ask: Ask, round_id: str, send: Send, allowance: _Allowance, recorded: Recorded
) -> Mapping[str, Any] | None:
    """The record of the last attempt of an ask; None: it could not be sent even once."""
    last: Mapping[str, Any] | None = None
    attempt: Probe | None = probe
    while attempt is not None:
        record: Mapping[str, Any] | None = recorded.context.get(attempt.request_id)
        if record is None:
            if not allowance.take(attempt, ask):
                return last
            record = await send(attempt)
            if record is None:
                return last
            allowance.settle(attempt, record)
        last = record
        attempt = again(attempt, round_id, str(record["status"]))
    return last


def _fields(answer_value: str, record: Mapping[str, Any]) -> dict[str, Any]:
    usage, timing = record.get("usage") or {}, record.get("timing") or {}
    return {
        "answer_value": answer_value,
        "status": record["status"],
        "http_status": record.get("http_status"),
        "error": record.get("error"),
        "input_tokens": usage.get("input_tokens"),
        "text": record.get("text") or "",
        "ttft_ms": timing.get("ttft_ms"),
    }
