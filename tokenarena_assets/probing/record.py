"""The raw record: one JSON object per request, schema-versioned, complete enough to recompute every figure."""

from __future__ import annotations

from datetime import date, datetime
from math import inf
from typing import Annotated, Any, Literal

import msgspec

from tokenarena_assets.probing.timing import Timing

SCHEMA_VERSION = 1

# Which responses count as what (docs/methodology.md, "Outcome classes").
ANSWERED = ("ok", "truncated")
# What an endpoint did itself; the rest was lost on the way.
ITS_OWN_DOING = frozenset({*ANSWERED, "empty", "content_filter"})
Status = Literal[
    "ok",
    "truncated",
    "empty",
    "content_filter",
    "dropped",
    "in_stream_error",
    "bad_response",
    "http_3xx",
    "http_429",
    "http_4xx",
    "http_5xx",
    "connect_failed",
    "timeout_connect",
    "timeout_first",
    "timeout_stall",
    "timeout_total",
    "too_large",
    "not_sent",
]


Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Positive = Annotated[int, msgspec.Meta(gt=0, lt=2**53)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class Part(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Part of a line of evidence. Types are strict: "12" is no number, 1 is no flag; unknown fields are left alone."""


class ItemRecord(Part, frozen=True, kw_only=True, gc=False):
    """The item that a probe asked, with its gold answer (never sent); `source`: who made it, `tier`: for whom."""

    item_id: str
    family: str
    template_id: str
    seed: int
    difficulty: str
    answer_type: str
    answer_value: str
    tier: str = "tiny"
    source: str = "generated"
    tolerance: str | None = None


class SampleRecord(Part, frozen=True, kw_only=True, gc=False):
    """The place of a probe in the fidelity suites: which prompt of which set, for the how manieth time, in which hour.

    `prompt_sha256` proves that a prompt that is made anew from its id is the one that was sent.
    """

    prompt_id: Name
    prompt_set: str
    rep: Count
    slot: Annotated[int, msgspec.Meta(ge=0, le=23)]
    stage: str = ""
    prompt_sha256: str


class StampsRecord(Part, frozen=True, kw_only=True, gc=False):
    """Monotonic nanoseconds (`perf_counter_ns` of one process); `scheduled` is when the probe was due."""

    scheduled: int
    sent: int | None = None
    headers: int | None = None
    first_token: int | None = None
    first_answer: int | None = None
    last_token: int | None = None
    end: int


class UsageRecord(Part, frozen=True, kw_only=True, gc=False):
    """Normalised token counts and the provider's own block; `input_tokens` has cached and cache-written ones in it."""

    input_tokens: Count | None
    cached_tokens: Count | None
    cache_write_tokens: Count | None = None
    output_tokens: Count | None
    reasoning_tokens: Count | None
    raw: dict[str, Any]


class SourceRecord(Part, frozen=True, kw_only=True, gc=False):
    """Where an imported row comes from: another tool's file, and what that tool cannot tell.

    `problem` says why a record of that file is no evidence; such a row ends in quarantine.
    """

    tool: Name
    version: str | None = None
    file: str
    line: Count
    cannot_tell: tuple[str, ...] = ()
    problem: str | None = None


class ProbeRecord(Part, frozen=True, kw_only=True, gc=False):
    """One request as it was sent and as it came back."""

    schema_version: Literal[1]
    round_id: Name
    day: date
    request_id: Name
    endpoint_id: Name
    suite: str
    prompt_tokens_target: Positive | None = None
    attempt: Positive = 1
    expects_cache: bool = False
    source: SourceRecord | None = None
    started_at: datetime
    status: Status
    error: str | None = None
    http_status: Annotated[int, msgspec.Meta(ge=0, le=999)] | None = None
    connection: Literal["cold", "warm"] | None = None
    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    stale_connections: Count = 0
    in_flight: Positive | None = None
    client_delay_ms: float | None = None
    stamps_ns: StampsRecord
    timing: Timing
    usage: UsageRecord | None = None
    generated_events: Count = 0
    generated_reads: Count = 0
    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    response_id: str | None = None
    served_model: str | None = None
    item: ItemRecord | None = None
    sample: SampleRecord | None = None
    # What the first generated token could have been, the likeliest first, the chosen one among them.
    first_token_top: tuple[tuple[str, float], ...] | None = None
    rehearsal: bool = False

    def __post_init__(self) -> None:
        timing = self.timing
        if (timing.output_speed_tok_s is None) == (timing.speed_refusal is None):
            raise ValueError("timing: needs either output_speed_tok_s or speed_refusal")
        for name, least, most in _BOUNDS:
            figure = getattr(timing, name)
            if figure is not None and not least <= figure <= most:
                raise ValueError(f"timing: {name} is not between {least:g} and {most:g}")
        if not 1970 <= self.started_at.year < 9999:  # beyond them lie moments that cannot be told in UTC
            raise ValueError("started_at: is not a moment of our time")


_BOUNDS = (("output_speed_tok_s", 0.0, inf), ("burstiness", -1.0, 1.0), ("largest_burst_share", 0.0, 1.0))
