"""What a request costs: its usage at the list price, or an upper estimate by its characters where it reported none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from tokenarena_assets.pricing import ListPrice

# An upper estimate for text in any public tokenizer: forecasts and caps must not be too low.
CHARS_PER_TOKEN_LOWER = 2
NOTHING = Decimal(0)
GENERATED = ("text", "reasoning", "tool_arguments")


def is_billable(http_status: object) -> bool:
    """Whether an endpoint may bill for a response of this HTTP status: any 2xx, even one whose stream broke."""
    return isinstance(http_status, int) and 200 <= http_status < 300


def estimated_tokens(record: Mapping[str, Any]) -> tuple[int, int]:
    """Input and output tokens of a raw record by the characters of what was sent and what came back."""
    request = record.get("request")
    body = request.get("body") if isinstance(request, dict) else None
    sent = json.dumps(body, ensure_ascii=False)
    return tokens_of(sent), sum(tokens_of(record.get(channel)) for channel in GENERATED)


def tokens_of(text: object) -> int:
    """The most tokens that a text may be."""
    return -(-len(text) // CHARS_PER_TOKEN_LOWER) if isinstance(text, str) else 0


def cost_of(record: Mapping[str, Any], price: ListPrice) -> Decimal:
    """What one raw record cost at list price: its usage, else its characters, where it was answered at all.

    At the price of its hour and of its size. Where no moment is told and hours differ, the dearest one's.
    """
    if record.get("source") is not None or not is_billable(record.get("http_status")):
        return NOTHING
    usage = record.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    tokens_in, tokens_out = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
    if tokens_in is None or tokens_out is None:
        estimated_in, estimated_out = estimated_tokens(record)
        tokens_in = estimated_in if tokens_in is None else tokens_in
        tokens_out = estimated_out if tokens_out is None else tokens_out
    started = _moment(record.get("started_at"))
    if started is not None:
        rate = price.rate(started, tokens_in)
    else:
        rate = price.dearest(tokens_in) if price.bands else price.rate_of_size(tokens_in)
    parts = {name: _count(usage.get(name)) or 0 for name in ("cached_tokens", "cache_write_tokens", "reasoning_tokens")}
    return rate.cost_usd(tokens_in, tokens_out, **parts)


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
