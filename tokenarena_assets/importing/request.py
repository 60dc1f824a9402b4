"""One request as another tool tells it, and what tools cannot tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from tokenarena_assets.probing.apis.adapter import Usage
from tokenarena_assets.probing.record import Status

# What a row's `source.cannot_tell` may name.
CANNOT_TELL = {
    "cached_tokens": "whether the prompt was cached",
    "client_delay_ms": "how late the tool's own reading was",
    "connection": "whether a connection had to be opened: its times include it where one was",
    "finish_reason": "how the answer ended: one cut at the output cap counts as ok, and so may one that broke off",
    "first_token": "when the first token of any kind came: its clock stops at the first event, or at the first answer",
    "frames": "what was sent: its figures cannot be recomputed",
    "last_token": "when the last token came: its latency runs to the end of the response",
    "monotonic_clock": "times that hold when the wall clock is set: it subtracts wall clock times",
    "scheduled": "when the request was due",
    "started_at": "at what time of the day it was sent",
    "streaming": "when each chunk came: no stalls or bursts",
    "tokens_of_first_chunk": "how many tokens the first chunk brought: it is taken for an average one",
    "usage": "what was billed: tokens may have been counted by the tool",
}

TOLERANCE = 0.05  # between a recorded speed and its own tokens over its own latency


class BadRecordError(ValueError):
    """A record of a tool's file that cannot be taken as evidence, and why."""


class Chunk(NamedTuple):
    """One event with generated text: when it came since sending, and its text where the tool kept it."""

    ms: float
    chars: int | None = None
    answer: str = ""


class Speeds(NamedTuple):
    """A speed that the tool recorded, and what its own tokens and latency say."""

    recorded_tok_s: float
    recomputed_tok_s: float

    @property
    def differ(self) -> bool:
        """By more than can be rounding."""
        return abs(self.recorded_tok_s - self.recomputed_tok_s) > TOLERANCE * self.recomputed_tok_s

    @property
    def ratio(self) -> float:
        """How many times the smaller one the larger one is."""
        low, high = sorted(self)
        return high / low if low > 0 else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRequest:
    """One request; times in milliseconds since it was handed to an open connection, as far as the tool knows that.

    Attributes:
        line: line of the file, or place in its list, from 1.
        record: what the tool wrote, as it stands.
        identity: the tool's own unique name for the request.
        started_at: the wall clock when it was sent.
        offset_s: when it was sent on a clock without a date; used where `started_at` is unknown.
        waited_ms: due -> sent.
        chunks: the events with generated text; empty where the tool did not keep their times.
        events: how many there were, where only that is known.
        usage: token counts as billed.
        counted_tokens: output tokens as the tool counted them; stands in where nothing was billed.
        origin_ns: the moment of sending on the clock of `frames`.
        frames: what was received, with its stamps.
        speeds: a speed that the tool recorded beside the figures that make it.
    """

    line: int
    record: Any
    status: Status
    identity: str | None = None
    error: str | None = None
    http_status: int | None = None
    started_at: datetime | None = None
    offset_s: float | None = None
    waited_ms: float | None = None
    headers_ms: float | None = None
    first_token_ms: float | None = None
    first_answer_ms: float | None = None
    last_token_ms: float | None = None
    end_ms: float | None = None
    streamed: bool = True
    stopped_by_itself: bool = False
    chunks: Sequence[Chunk] = ()
    events: int | None = None
    usage: Usage | None = None
    counted_tokens: int | None = None
    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    response_id: str | None = None
    served_model: str | None = None
    connection: Literal["cold", "warm"] | None = None
    origin_ns: int = 0
    frames: Sequence[tuple[int, str]] = ()
    cannot_tell: frozenset[str] = frozenset()
    speeds: Speeds | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is kept as it stands and set aside."""

    line: int
    record: Any
    reason: str


@dataclass(frozen=True, slots=True)
class ToolFile:
    """What an adapter made of a file, in the order of the file; `dated` is what the file says of its day."""

    version: str | None
    entries: Sequence[ToolRequest | Unreadable]
    dated: str | None = None


def without(base: Iterable[str], *known: str) -> frozenset[str]:
    """The names of `base` that are not `known` after all."""
    return frozenset(base) - set(known)
