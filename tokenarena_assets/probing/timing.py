"""What the arrivals of a stream say: times, output speed and streaming quality, each known or refused with a reason.

Two units of arrival. A *read* is one return of the socket read: all events in it carry its stamp, and what lies within
one cannot be told apart. A *burst* is a run of reads that the endpoint had ready at the same time, however the network
cut it up: so that no figure moves with the cutting, speed and stalls are measured between bursts. A read belongs to the
burst of the one before it when the gap between them is

- under a tenth of the stream's median gap between reads, or
- too short for its text to have been written meanwhile (over 20,000 characters a second, which is 5,000 tokens a
  second at four characters each) and under a tenth of what it would be if the reads were spread evenly over the whole
  request. The second half keeps an endpoint that truly writes that fast from looking buffered, unless its answer took
  under a tenth of the time that it made one wait.

In nearly every stream each read is a burst of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, sqrt
from typing import Any, NamedTuple

NS_PER_MS = 1e6
NS_PER_S = 1e9
MIN_BURSTS = 10  # below this, what is timed is how reads fell, not how tokens came
MIN_TOKENS = 16
MIN_CHARS = 64  # MIN_TOKENS of four characters
HIDDEN_BELOW_CHARS_PER_TOKEN = 1.0  # reasoning billed with less text than this was withheld or summarised
SKIPPED_SHARE_OF_ANSWER = 0.2
BURST_SHARE_OF_GAP = 0.1
BURST_CHARS_PER_S = 20_000.0
READABLE_WORDS = 12
READABLE_CHARS = 200
MIN_WORDS_OF_SENTENCE = 3  # "1. " and "Dr. " end no sentence
WIDE_MARKS = "\u3002\uff01\uff1f"  # full stop, exclamation and question mark of Chinese and Japanese
SENTENCE_END = re.compile(rf"""[.!?\u2026]["'\u201d\u2019)\]*_]*\s|[{WIDE_MARKS}]""")


@dataclass(frozen=True, slots=True)
class Stamps:
    """Monotonic nanoseconds of one request; None for what did not happen."""

    scheduled_ns: int
    sent_ns: int | None
    headers_ns: int | None
    first_token_ns: int | None
    first_answer_ns: int | None
    last_token_ns: int | None


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """What usage says of the whole answer, and how the answer ended."""

    output_tokens: int | None  # billed, reasoning included
    reasoning_tokens: int | None
    stopped_by_itself: bool  # an end-of-text token may have been billed that sent no event
    streamed: bool = True


class Arrival(NamedTuple):
    """One generated event: when it was read, its text in all channels, and what of it a reader sees."""

    ns: int
    chars: int
    answer: str  # visible answer text; "" for reasoning, inline thought and tool calls
    tokens_so_far: int | None = None  # output tokens by the usage on this event, where the endpoint sends it


@dataclass(frozen=True, slots=True)
class Timing:
    """Figures of one request in milliseconds, tokens or characters per second; a `*_refusal` says why some are None.

    Attributes:
        ttfb_ms: sent -> response headers. All times start when the request was handed to an open connection.
        ttft_ms: sent -> first generated token in any channel (the rule of Artificial Analysis and AIPerf). With hidden
            reasoning it is the first token that was sent. Refused: `not_sent`, `no_tokens`, `not_streamed`.
        ttfo_ms: sent -> first visible answer token (AIPerf's TTFO). Refused: `not_sent`, `no_tokens`, `no_answer`.
        readable_ms: sent -> the visible answer holds something to read: a first sentence (a full stop, question or
            exclamation mark with white space behind it and three words before it, or its Chinese and Japanese form),
            or 12 whole words, or 200 characters, or all of it where it is shorter.
        e2e_ms: sent -> last generated token; usage and `[DONE]` do not count.
        e2e_from_schedule_ms: due -> last generated token. It holds what the client's own queue adds, which a latency
            from sending leaves out under load ("coordinated omission").
        output_speed_tok_s: (N - N_first) / (t_last - t_first): tokens after the first burst over the time they took.
            N - 1 would overstate wherever tokens come bundled, N over the whole latency mixes TTFT in (Artificial
            Analysis, MLCommons endpoints and AIPerf leave the first chunk's tokens out as well). Refused: `not_sent`,
            `no_tokens`, `not_streamed`, `stamps_out_of_order`, `no_usage`, `too_few_tokens` (16),
            `all_tokens_at_once`, `too_few_bursts` (10).
        speed_method: how tokens were counted. `usage_per_event`: by the usage on the events, both ends.
            `one_token_per_event`: as many events as billed tokens, or one less: the end-of-text token is billed, sends
            no event and does not count. `share_of_text`: by share of the text; where the answer stopped by itself one
            token less than billed. `last_80_percent_of_answer`: the reasoning was hidden, so that what came first may
            have been held back; only what follows the first fifth of the answer's bursts counts (as Artificial
            Analysis does). Tokens are counted in one of the other ways.
        output_chars_per_s: the same in characters of text: needs no usage, and compares models that count otherwise.
        inter_chunk_p50_ms: median gap between bursts. It is no time per token: a chunk may hold many.
        longest_stall_ms: longest gap between bursts.
        shortest_gap_ms: shortest gap between reads; below zero the stamps are broken and nothing is made of them.
        stall_ratio: longest gap / median gap; needs 10 bursts.
        burstiness: B = (s - m) / (s + m) of the gaps between reads, m their mean, s their standard deviation (Goh and
            Barabasi, EPL 81, 48002, 2008): -1 even, 0 as random as Poisson's, towards 1 in clumps; needs 10 reads,
            not all in one burst. It is not the shape of request arrivals that load generators call by that name.
        largest_burst_share: share of the text that came in one burst. Near 1, the answer was made first and sent
            afterwards ("fake streaming"). Needs 64 characters.
        streaming_refusal: why the first of these that is None is so: `not_sent`, `no_tokens`, `not_streamed`,
            `stamps_out_of_order`, `too_little_text`, `all_tokens_at_once`, `too_few_bursts`.
    """

    ttfb_ms: float | None = None
    ttft_ms: float | None = None
    ttft_refusal: str | None = None
    ttfo_ms: float | None = None
    ttfo_refusal: str | None = None
    readable_ms: float | None = None
    e2e_ms: float | None = None
    e2e_from_schedule_ms: float | None = None
    output_speed_tok_s: float | None = None
    speed_method: str | None = None
    speed_refusal: str | None = None
    output_chars_per_s: float | None = None
    inter_chunk_p50_ms: float | None = None
    longest_stall_ms: float | None = None
    shortest_gap_ms: float | None = None
    stall_ratio: float | None = None
    burstiness: float | None = None
    largest_burst_share: float | None = None
    streaming_refusal: str | None = None


@dataclass(slots=True)
class _Burst:
    start_ns: int
    end_ns: int
    chars: int = 0
    answer_chars: int = 0
    events: int = 0
    answer_events: int = 0
    tokens_so_far: int | None = None

    def answer_part(self) -> _Burst:
        return replace(self, chars=self.answer_chars, events=self.answer_events)

    def add(self, later: _Burst) -> None:
        self.end_ns = later.end_ns
        self.chars += later.chars
        self.answer_chars += later.answer_chars
        self.events += later.events
        self.answer_events += later.answer_events
        self.tokens_so_far = later.tokens_so_far


def measure(stamps: Stamps, counts: TokenCounts, arrivals: Sequence[Arrival]) -> Timing:
    """Every figure of one request; `arrivals` are its generated events in order."""
    sent = stamps.sent_ns
    if sent is None:
        return Timing(ttft_refusal="not_sent", ttfo_refusal="not_sent", **_refused("not_sent"))

    def since_sent(end: int | None) -> float | None:
        return None if end is None else (end - sent) / NS_PER_MS

    last = stamps.last_token_ns
    missing = None if arrivals and stamps.first_token_ns is not None else "no_tokens"
    untimed = missing or (None if counts.streamed else "not_streamed")
    times: dict[str, Any] = {
        "ttfb_ms": since_sent(stamps.headers_ns),
        "ttft_ms": None if untimed else since_sent(stamps.first_token_ns),
        "ttft_refusal": untimed,
        "ttfo_ms": since_sent(stamps.first_answer_ns),
        "ttfo_refusal": missing or ("no_answer" if stamps.first_answer_ns is None else None),
        "readable_ms": since_sent(_readable_ns(arrivals)),
        "e2e_ms": since_sent(last),
        "e2e_from_schedule_ms": None if last is None else (last - stamps.scheduled_ns) / NS_PER_MS,
    }
    if untimed:
        return Timing(**times, **_refused(untimed))
    reads = _reads(arrivals)
    gaps = [later.start_ns - earlier.end_ns for earlier, later in pairwise(reads)]
    if gaps:
        times["shortest_gap_ms"] = min(gaps) / NS_PER_MS
        if min(gaps) < 0:
            return Timing(**times, **_refused("stamps_out_of_order"))
    bursts = _bursts(reads, gaps, reads[-1].end_ns - sent)
    return Timing(**times, **_speed(counts, bursts), **_streaming(gaps, bursts))


def _refused(reason: str) -> dict[str, Any]:
    return {"speed_refusal": reason, "streaming_refusal": reason}


def _readable_ns(arrivals: Sequence[Arrival]) -> int | None:
    text, seen = "", None
    for arrival in arrivals:
        if not arrival.answer:
            continue
        text, seen = text + arrival.answer, arrival.ns
        if len(text.strip()) >= READABLE_CHARS or _is_readable(text):
            break
    return seen if text.strip() else None


def _is_readable(text: str) -> bool:
    words = text.split()
    if len(words) > READABLE_WORDS or (len(words) == READABLE_WORDS and text[-1].isspace()):
        return True
    return any(
        mark[0] in WIDE_MARKS or len(text[: mark.start()].split()) >= MIN_WORDS_OF_SENTENCE
        for mark in SENTENCE_END.finditer(text)
    )


def _reads(arrivals: Sequence[Arrival]) -> list[_Burst]:
    """The reads, each as a burst of its own."""
    reads: list[_Burst] = []
    for ns, chars, answer, tokens_so_far in arrivals:
        if not reads or ns != reads[-1].end_ns:
            reads.append(_Burst(ns, ns))
        read = reads[-1]
        read.chars += chars
        read.events += 1
        read.answer_chars += len(answer)
        read.answer_events += bool(answer)
        read.tokens_so_far = tokens_so_far
    return reads


def _bursts(reads: list[_Burst], gaps: list[int], whole_ns: int) -> list[_Burst]:
    """The reads joined to bursts; `whole_ns` is from sending to the last of them."""
    by_stream = BURST_SHARE_OF_GAP * _median(gaps) if gaps else 0.0
    by_request = BURST_SHARE_OF_GAP * whole_ns / len(reads)
    bursts = [reads[0]]
    for read, gap in zip(reads[1:], gaps, strict=True):
        by_writing = read.chars * NS_PER_S / BURST_CHARS_PER_S
        if gap < by_stream or gap < min(by_writing, by_request):
            bursts[-1].add(read)
        else:
            bursts.append(read)
    return bursts


def _median(values: Sequence[int]) -> float:
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _speed(counts: TokenCounts, bursts: list[_Burst]) -> dict[str, Any]:
    speed, method, refusal = _token_speed(counts, bursts)
    took = bursts[-1].end_ns - bursts[0].end_ns
    chars = sum(burst.chars for burst in bursts)
    known = len(bursts) >= MIN_BURSTS and chars >= MIN_CHARS
    return {
        "output_speed_tok_s": speed,
        "speed_method": method,
        "speed_refusal": refusal,
        "output_chars_per_s": (chars - bursts[0].chars) / (took / NS_PER_S) if known else None,
    }


def _token_speed(counts: TokenCounts, bursts: list[_Burst]) -> tuple[float | None, str | None, str | None]:
    total, reasoning = counts.output_tokens, counts.reasoning_tokens or 0
    if total is None:
        return None, None, "no_usage"
    hidden = _hides_reasoning(reasoning, bursts)
    if hidden:
        bursts, total = [burst.answer_part() for burst in bursts if burst.answer_chars], total - reasoning
    if total < MIN_TOKENS:
        return None, None, "too_few_tokens"
    if len(bursts) < 2:
        return None, None, "all_tokens_at_once"
    left_out = ceil(SKIPPED_SHARE_OF_ANSWER * len(bursts)) if hidden else 1
    if len(bursts) - left_out + 1 < MIN_BURSTS:
        return None, None, "too_few_bursts"
    tokens, method = _tokens_after(bursts, left_out, total, counts)
    speed = tokens / ((bursts[-1].end_ns - bursts[left_out - 1].end_ns) / NS_PER_S)
    return speed, "last_80_percent_of_answer" if hidden else method, None


def _hides_reasoning(reasoning_tokens: int, bursts: list[_Burst]) -> bool:
    shown = sum(burst.chars - burst.answer_chars for burst in bursts)
    return reasoning_tokens > 0 and shown < HIDDEN_BELOW_CHARS_PER_TOKEN * reasoning_tokens


def _tokens_after(bursts: list[_Burst], left_out: int, total: int, counts: TokenCounts) -> tuple[float, str]:
    """How many of `total` tokens came after the first `left_out` bursts, and by which method that is known."""
    before, at_end = bursts[left_out - 1].tokens_so_far, bursts[-1].tokens_so_far
    if before is not None and at_end is not None and 0 < before < at_end <= (counts.output_tokens or 0):
        return at_end - before, "usage_per_event"
    after = bursts[left_out:]
    if total - 1 <= sum(burst.events for burst in bursts) <= total:
        return sum(burst.events for burst in after), "one_token_per_event"
    share = sum(burst.chars for burst in after) / max(1, sum(burst.chars for burst in bursts))
    return (total - counts.stopped_by_itself) * share, "share_of_text"


def _streaming(gaps: list[int], bursts: list[_Burst]) -> dict[str, Any]:
    chars = sum(burst.chars for burst in bursts)
    pauses = [later.start_ns - earlier.end_ns for earlier, later in pairwise(bursts)]
    enough = len(bursts) >= MIN_BURSTS
    typical, longest = (_median(pauses), max(pauses)) if pauses else (None, None)
    refusal = "all_tokens_at_once" if not pauses else None if enough else "too_few_bursts"
    return {
        "inter_chunk_p50_ms": None if typical is None else typical / NS_PER_MS,
        "longest_stall_ms": None if longest is None else longest / NS_PER_MS,
        "stall_ratio": longest / typical if enough and longest is not None and typical else None,
        "burstiness": _burstiness(gaps) if pauses and len(gaps) + 1 >= MIN_BURSTS else None,
        "largest_burst_share": max(burst.chars for burst in bursts) / chars if chars >= MIN_CHARS else None,
        "streaming_refusal": "too_little_text" if chars < MIN_CHARS else refusal,
    }


def _burstiness(gaps: list[int]) -> float:
    mean = sum(gaps) / len(gaps)
    deviation = sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    return (deviation - mean) / (deviation + mean)
