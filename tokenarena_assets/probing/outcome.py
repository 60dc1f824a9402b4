"""The outcome class of an exchange (docs/methodology.md, "Outcome classes")."""

from __future__ import annotations

from tokenarena_assets.probing.exchange import Exchange
from tokenarena_assets.probing.stream import StreamResult

UNTIDY_END = frozenset({"dropped", "timeout_stall", "timeout_total"})


def classify(exchange: Exchange, result: StreamResult) -> tuple[str, str | None]:
    """The outcome class of an exchange and its error text."""
    status = exchange.http_status
    if status is not None and not 200 <= status < 300:
        kind = f"http_{status // 100}xx" if 300 <= status < 600 else "bad_response"
        detail = " (redirects are not followed: the key must not leave its host)" if kind == "http_3xx" else ""
        return ("http_429" if status == 429 else kind), f"HTTP {status}{detail}"
    # After the stream's own end the answer is whole, however the connection ends.
    if exchange.failure is not None and not (result.ended and exchange.failure[0] in UNTIDY_END):
        return exchange.failure
    if exchange.problem is not None:
        return "bad_response", exchange.problem
    if result.error is not None:
        return "in_stream_error", result.error
    if result.finish_class == "broken":
        return "in_stream_error", f"finish reason {result.finish_reason!r}"
    if result.finish_reason is None:
        return "dropped", "the answer ended without a finish reason"
    if result.finish_class == "content_filter":
        return "content_filter", None
    if result.first_generated_index is None:
        return "empty", "no generated token"
    return ("truncated" if result.finish_class == "length" else "ok"), None
