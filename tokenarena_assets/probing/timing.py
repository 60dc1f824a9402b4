"""What the stamps of a stream say: TTFT, TTFO, end-to-end and output speed, each known or refused with a reason.

Definitions (docs/methodology.md): the clock starts when the request is handed to an open connection; TTFT ends at the
first generated token in any channel, TTFO at the first visible answer token; end-to-end ends at the last token.
Output speed is (N - N_first) / (t_last - t_first), N_first being the tokens that the first read from the socket
brought: N - 1 would overstate whenever tokens come bundled, and N over the whole latency mixes TTFT in.
"""

from __future__ import annotations

from dataclasses import dataclass

NS_PER_MS = 1e6
MIN_READS = 10  # below this, what is timed is how reads fell, not how tokens came
MIN_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Stamps:
    """Monotonic nanoseconds of one request; None for what did not happen."""

    sent_ns: int
    headers_ns: int | None
    first_token_ns: int | None
    first_answer_ns: int | None
    last_token_ns: int | None


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """What is known of the number of tokens: the total, and what the first read from the socket brought of it."""

    output_tokens: int | None
    generated_events: int
    generated_reads: int
    generated_chars: int
    first_read_events: int
    first_read_chars: int
    first_read_tokens: int | None  # from usage on every event
    hidden_reasoning: bool


@dataclass(frozen=True, slots=True)
class Timing:
    """Times in milliseconds and output speed in tokens per second; `speed_refusal` says why speed is None."""

    ttfb_ms: float | None
    ttft_ms: float | None
    ttfo_ms: float | None
    e2e_ms: float | None
    output_speed_tok_s: float | None
    speed_method: str | None
    speed_refusal: str | None


def measure(stamps: Stamps, counts: TokenCounts) -> Timing:
    """Times and speed of one request."""

    def since_sent(end: int | None) -> float | None:
        return None if end is None else (end - stamps.sent_ns) / NS_PER_MS

    speed, method, refusal = _output_speed(stamps, counts)
    return Timing(
        ttfb_ms=since_sent(stamps.headers_ns),
        ttft_ms=since_sent(stamps.first_token_ns),
        ttfo_ms=since_sent(stamps.first_answer_ns),
        e2e_ms=since_sent(stamps.last_token_ns),
        output_speed_tok_s=speed,
        speed_method=method,
        speed_refusal=refusal,
    )


def _output_speed(stamps: Stamps, counts: TokenCounts) -> tuple[float | None, str | None, str | None]:
    first, last, total = stamps.first_token_ns, stamps.last_token_ns, counts.output_tokens
    if first is None or last is None:
        return None, None, "no_tokens"
    if total is None:
        return None, None, "no_usage"
    if counts.hidden_reasoning:
        return None, None, "hidden_reasoning"
    if total < MIN_TOKENS:
        return None, None, "too_few_tokens"
    if counts.generated_reads < MIN_READS:
        return None, None, "too_few_reads"
    bundled, method = tokens_of_first_read(counts, total)
    if total <= bundled or last <= first:
        return None, None, "all_tokens_at_once"
    return (total - bundled) / ((last - first) / 1e9), method, None


def tokens_of_first_read(counts: TokenCounts, total: int) -> tuple[float, str]:
    """How many of the `total` tokens came with the first read, and by which method that is known.

    Usage on every event says it; as many events as tokens means one each; else the read's share of the text stands
    for its share of the tokens.
    """
    if counts.first_read_tokens is not None and 0 < counts.first_read_tokens < total:
        return float(counts.first_read_tokens), "usage_per_event"
    if total - 1 <= counts.generated_events <= total:  # the end-of-text token is billed but sends no event
        return float(counts.first_read_events), "one_token_per_event"
    return total * counts.first_read_chars / counts.generated_chars, "share_of_text"
