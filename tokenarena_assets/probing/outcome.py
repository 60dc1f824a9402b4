"""The outcome class of an exchange (docs/methodology.md, "Outcome classes")."""

from __future__ import annotations

import json
import textwrap

from tokenarena_assets.probing.exchange import Exchange
from tokenarena_assets.probing.stream import StreamResult

TOLD_IN = ("error", "message", "msg", "detail")  # where providers and web frameworks put the text of an error
MAX_TOLD_CHARS = 300
UNTIDY_END = frozenset({"dropped", "timeout_stall", "timeout_total"})


def classify(exchange: Exchange, result: StreamResult) -> tuple[str, str | None]:
    """The outcome class of an exchange and its error text."""
    status = exchange.http_status
    if status is not None and not 200 <= status < 300:
        kind = f"http_{status // 100}xx" if 300 <= status < 600 else "bad_response"
        detail = " (redirects are not followed: the key must not leave its host)" if kind == "http_3xx" else ""
        return ("http_429" if status == 429 else kind), f"HTTP {status}{detail}{_told(exchange.error_body)}"
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


def _told(body: str | None) -> str:
    """What an error body says in the forms that providers share, as the end of a sentence; nothing where it is another.

    It is cut between words: half of a key that it repeats could not be found and taken out.
    """
    try:
        document = json.loads(body or "")
    except (ValueError, RecursionError):
        return ""
    for _ in range(3):
        if isinstance(document, list) and document:
            document = document[0]
        elif isinstance(document, dict):
            document = next((document[name] for name in TOLD_IN if document.get(name)), None)
    if not isinstance(document, str) or not document.strip():
        return ""
    told = textwrap.shorten(
        document, MAX_TOLD_CHARS, placeholder=" ...", break_long_words=False, break_on_hyphens=False
    )
    return f": {told}"
