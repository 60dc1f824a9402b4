"""The figures of a tool's request by our definitions (`probing.timing`), as far as what it kept allows."""

from __future__ import annotations

from dataclasses import replace

from tokenarena_assets.importing.request import ToolRequest
from tokenarena_assets.probing import timing
from tokenarena_assets.probing.timing import MIN_BURSTS, MIN_TOKENS, NS_PER_MS, Arrival, Stamps, Timing, TokenCounts

CHARS_PER_TOKEN = 4  # where the text was not kept; it only tells bursts from reads
MAX_WRITTEN_TOK_S = 5_000.0  # an answer that came faster, and in a moment, had been written before
MOMENT_SHARE = 0.1


def stamps_of(request: ToolRequest) -> dict[str, int | None]:
    """The stamps of the raw record, on the clock of its frames; what is not known is None."""
    origin, end = request.origin_ns, request.end_ms if request.end_ms is not None else request.last_token_ms

    def at(moment: float | None) -> int | None:
        return None if moment is None else origin + round(moment * NS_PER_MS)

    return {
        "scheduled": at(-(request.waited_ms or 0.0)),
        "sent": origin,
        "headers": at(request.headers_ms),
        "first_token": at(request.first_token_ms),
        "first_answer": at(request.first_answer_ms),
        "last_token": at(request.last_token_ms),
        "end": at(end or 0.0),
    }


def timing_of(request: ToolRequest) -> Timing:
    """Every figure that the tool's record allows."""
    measured = _from_chunks(request) if request.chunks else _from_totals(request)
    if request.waited_ms is None:
        measured = replace(measured, e2e_from_schedule_ms=None)
    if _billed(request) is None and request.counted_tokens is not None and measured.speed_method is not None:
        measured = replace(measured, speed_method=f"client_tokens_{measured.speed_method}")
    return measured


def _billed(request: ToolRequest) -> int | None:
    return request.usage.output_tokens if request.usage else None


def _tokens(request: ToolRequest) -> int | None:
    billed = _billed(request)
    return request.counted_tokens if billed is None else billed


def _stamps(request: ToolRequest) -> Stamps:
    at = stamps_of(request)
    assert at["scheduled"] is not None
    return Stamps(at["scheduled"], at["sent"], at["headers"], at["first_token"], at["first_answer"], at["last_token"])


def _counts(request: ToolRequest) -> TokenCounts:
    reasoning = request.usage.reasoning_tokens if request.usage else None
    return TokenCounts(_tokens(request), reasoning, request.stopped_by_itself, request.streamed)


def _from_chunks(request: ToolRequest) -> Timing:
    chunks, tokens = request.chunks, _tokens(request)
    texts_known = all(chunk.chars is not None for chunk in chunks)
    typical = round(len(request.text) / len(chunks)) or round(CHARS_PER_TOKEN * (tokens or 0) / len(chunks)) or 1
    arrivals = [
        Arrival(
            request.origin_ns + round(chunk.ms * NS_PER_MS),
            typical if chunk.chars is None else chunk.chars,
            chunk.answer,
        )
        for chunk in chunks
    ]
    stamps = _stamps(request)
    timed = stamps if stamps.first_token_ns is not None else replace(stamps, first_token_ns=arrivals[0].ns)
    measured = timing.measure(timed, _counts(request), arrivals)
    if stamps.first_token_ns is None:
        measured = replace(measured, ttft_ms=None, ttft_refusal="not_told")
    if texts_known:
        return measured
    by_text = measured.speed_method == "share_of_text"
    return replace(
        measured,
        ttfo_refusal="not_told" if measured.ttfo_ms is None else None,
        readable_ms=None,
        output_chars_per_s=None,
        largest_burst_share=None,
        speed_method="share_of_events" if by_text else measured.speed_method,
    )


def _from_totals(request: ToolRequest) -> Timing:
    measured = timing.measure(_stamps(request), _counts(request), ())  # the times; there is nothing to count
    generated = request.last_token_ms is not None
    untimed = "not_streamed" if generated and not request.streamed else None if generated else "no_tokens"
    first = _whole_ns(request.first_token_ms) if request.streamed else None
    speed, method, refusal = (None, None, untimed) if untimed else _speed(request)
    return replace(
        measured,
        ttft_ms=first,
        ttft_refusal=None if first is not None else untimed or "not_told",
        ttfo_refusal=None if measured.ttfo_ms is not None else "not_told" if generated else "no_tokens",
        output_speed_tok_s=speed,
        speed_method=method,
        speed_refusal=refusal,
        streaming_refusal=untimed or "not_told",
    )


def _whole_ns(moment: float | None) -> float | None:
    """As it is in the stamps, so that no order is turned round by rounding."""
    return None if moment is None else round(moment * NS_PER_MS) / NS_PER_MS


def _speed(request: ToolRequest) -> tuple[float | None, str | None, str | None]:
    """Output speed from a total alone: the first chunk counts for an average one, or for one token."""
    tokens, events = _tokens(request), request.events
    first, last = request.first_token_ms, request.last_token_ms
    if first is None or last is None:
        return None, None, "not_told"
    if tokens is None:
        return None, None, "no_usage"
    if tokens < MIN_TOKENS:
        return None, None, "too_few_tokens"
    if events is not None and events < MIN_BURSTS:
        return None, None, "too_few_bursts"
    if last <= first:
        return None, None, "all_tokens_at_once"
    after_first, method = _tokens_after_first_event(tokens, events)
    speed = after_first / (last - first) * 1e3
    if speed > MAX_WRITTEN_TOK_S and last - first < MOMENT_SHARE * last:
        return None, None, "all_tokens_at_once"
    return speed, method, None


def _tokens_after_first_event(tokens: int, events: int | None) -> tuple[float, str]:
    if events is None:
        return tokens - 1, "first_token_alone"
    if tokens - 1 <= events <= tokens:  # the end-of-text token is billed but sends no event
        return events - 1, "one_token_per_event"
    return tokens - tokens / events, "mean_tokens_per_event"
