"""What is asked, what comes back, and what is made of it: the plain values that the other modules pass around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["cold", "warm", "full", "sentinel"]
AskKind = Literal["calibrate", "base", "rung"]
# What became of a rung: `truncated`, `short` (prompts were not of that length) and `refused` are no verdict on how well
# the model reads.
Decision = Literal["accept", "reject", "undetermined", "truncated", "short", "refused", "cannot_tell", "open"]
Status = Literal["ok", "undefined", "cannot_tell", "truncating"]
Method = Literal["two_calls", "one_call", "chars_per_token"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to make: a prompt of `chars` characters that should come to `target_tokens` tokens.

    `attempt` counts the requests of the same kind and target, 0 first. `predicted_tokens` is what the calibration
    expects the endpoint to report; None while calibrating.
    """

    kind: AskKind
    target_tokens: int
    chars: int
    attempt: int
    predicted_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an :class:`Ask`.

    `input_tokens` as reported, cached ones included. `hits` tells for each eighth of the prompt, first one first,
    whether its needle was found; None: there is no answer to grade. `prompt_chars` is how long the prompt really was.
    """

    status: str
    http_status: int | None
    error: str | None
    input_tokens: int | None
    hits: tuple[bool, ...] | None
    ttft_ms: float | None = None
    prompt_chars: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something seen on the way: its kind, the evidence in words, and the length in tokens at which it was seen.

    Kinds: limit, head_dropped, middle_dropped, tail_dropped, nothing_found, short_usage, usage_contradicted,
    calibration_short, no_usage, ttft_flat, longer_than_meant.
    """

    kind: str
    evidence: str
    target_tokens: int | None


@dataclass(frozen=True, slots=True)
class RungResult:
    """One length of the ladder: the answers scored there and what they come to.

    `hits` of `answers` (8 to a request) in `scored` requests; `set_aside` requests show signs of truncation and are
    not scored; `failed` ones got no answer. `accuracy` is raw; `isotonic` falls with the length (PAVA), with its 95 %
    interval `isotonic_lo` to `isotonic_hi` from a bootstrap of requests. `achieved_tokens` is the median of what the
    endpoint reported (or, failing that, of what was predicted), `residual` the median of reported/predicted - 1.
    """

    tokens: int
    decision: Decision
    hits: int
    answers: int
    scored: int
    set_aside: int
    failed: int
    accuracy: float | None
    isotonic: float | None
    isotonic_lo: float | None
    isotonic_hi: float | None
    achieved_tokens: float | None
    residual: float | None


@dataclass(frozen=True, slots=True)
class ContextResult:
    """The verdict on one endpoint and day. All lengths in tokens.

    `accepted`: longest prompt answered with HTTP 200 and not known to be shortened. `served`: longest one with no sign
    of shortening. `effective`: the effective length; with status ok it is None where even the first rung fails
    (`effective_hi` then names that rung). `effective_lo` and `effective_hi`: the last rung accepted and the first one
    not; `effective_hi` None: the top of the ladder was reached. `tokens_per_char` and `prompt_overhead_tokens` are
    slope and intercept of the calibration, `method` how they came about. `max_residual` is the residual farthest
    from 0, with its sign.
    """

    advertised: int | None
    accepted: int | None
    served: int | None
    effective: int | None
    effective_lo: int | None
    effective_hi: int | None
    base_accuracy: float | None
    n_base: int
    curve: tuple[RungResult, ...]
    status: Status
    findings: tuple[Finding, ...]
    prompt_overhead_tokens: float | None
    tokens_per_char: float | None
    method: Method
    mode: Mode
    requests: int
    max_residual: float | None
    finished: bool
