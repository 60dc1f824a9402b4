"""Billed against counted tokens of one endpoint: ratios with intervals, and what they allow to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tokenarena_assets.stats import RatioOfSums, ratio_with_interval

MIN_ANSWERS = 20  # below it nothing is said of an endpoint
MIN_TOKENS = 200
TOLERANCE = 0.02  # cutting a text into tokens once more does not always give those that were sent
# Marks around reasoning that are billed and not shown; gpt-oss has ten ("<|channel|>analysis<|message|>" and so on).
CHANNEL_TOKENS = 12
RESAMPLES = 2_000
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Verdict = Literal["agrees", "more", "less", "within the tokenizer's error", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens counted in a text, and what the endpoint's own tokenizer may make of it: `lo` to `hi`."""

    tokens: int
    lo: float
    hi: float

    @classmethod
    def by(cls, tokens: int, lo_ratio: float, hi_ratio: float) -> Counted:
        """From a count and the error of its tokenizer."""
        return cls(tokens, tokens * lo_ratio, tokens * hi_ratio)


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """One answer: tokens as billed and as counted, and the place of its evidence.

    `billed_output` includes `billed_reasoning`; `ended` is 1 where the answer stopped by itself: the end-of-text token
    is billed and sends no text. `prompt` is None where the prompt is not one plain text.
    """

    request_id: str
    raw_file: str
    raw_line: int
    billed_input: int | None
    billed_output: int | None
    billed_reasoning: int | None
    answer: Counted
    reasoning: Counted
    ended: int
    prompt: Counted | None
    events: int
    cost_usd: float | None = None
    reported_cost_usd: float | None = None

    @property
    def hidden(self) -> int:
        """Reasoning tokens that were billed and not shown: they cannot be counted."""
        billed = self.billed_reasoning or 0
        return billed - self.reasoning.tokens if billed > self.reasoning.hi + CHANNEL_TOKENS else 0

    @property
    def shown_billed(self) -> int:
        """Output tokens billed for what was shown."""
        return max(0, (self.billed_output or 0) - self.hidden)

    @property
    def counted(self) -> Counted:
        """What was shown, its end included; `lo` without the end, `hi` with marks around reasoning."""
        marks = CHANNEL_TOKENS if self.reasoning.tokens or self.billed_reasoning else 0
        return Counted(
            self.answer.tokens + self.reasoning.tokens + self.ended,
            self.answer.lo + self.reasoning.lo,
            self.answer.hi + self.reasoning.hi + self.ended + marks,
        )


@dataclass(frozen=True, slots=True)
class InputLine:
    """Billed prompt tokens = slope * counted + overhead; None where the prompts do not tell."""

    slope: float | None = None
    lo: float | None = None
    hi: float | None = None
    overhead: float | None = None
    n: int = 0


@dataclass(frozen=True, slots=True)
class BillingSummary:
    """One endpoint: billed over counted, with what the tokenizer's own error is on its texts."""

    n: int
    n_usage: int
    billed: int
    counted: int
    hidden: int
    ratio: RatioOfSums
    error_lo: float | None
    error_hi: float | None
    output_verdict: Verdict
    line: InputLine
    input_error_lo: float | None
    input_error_hi: float | None
    input_verdict: Verdict
    cost_ratio: RatioOfSums
    cost_usd: float | None
    reported_cost_usd: float | None

    @property
    def bills_more_than_text(self) -> bool:
        """Whether more is billed, of output or input, than the text holds by any tokenizer that it may have."""
        return "more" in (self.output_verdict, self.input_verdict)


def summarise(answers: Sequence[AnswerCounts], *, exact: bool) -> BillingSummary:
    """The audit of an endpoint's answers; `exact`: they were counted by the endpoint's own tokenizer."""
    known = [answer for answer in answers if answer.billed_output is not None]
    counted = [answer.counted for answer in known]
    billed = [answer.shown_billed for answer in known]
    tokens = sum(each.tokens for each in counted)
    ratio = _ratio(billed, [each.tokens for each in counted])
    error = _error(counted)
    line, input_error = _input_line(answers)
    priced = [
        (answer.reported_cost_usd, answer.cost_usd)
        for answer in answers
        if answer.reported_cost_usd is not None and answer.cost_usd is not None
    ]
    enough = len(known) >= MIN_ANSWERS and tokens >= MIN_TOKENS
    return BillingSummary(
        n=len(answers),
        n_usage=len(known),
        billed=sum(answer.billed_output or 0 for answer in known),
        counted=tokens,
        hidden=sum(answer.hidden for answer in known),
        ratio=ratio,
        error_lo=error[0],
        error_hi=error[1],
        output_verdict=_verdict((ratio.lo, ratio.hi), error, exact=exact) if enough else "cannot tell",
        line=line,
        input_error_lo=input_error[0],
        input_error_hi=input_error[1],
        input_verdict=_verdict((line.lo, line.hi), input_error, exact=exact),
        cost_ratio=_ratio([reported for reported, _ in priced], [ours for _, ours in priced]),
        cost_usd=sum(ours for _, ours in priced) if priced else None,
        reported_cost_usd=sum(reported for reported, _ in priced) if priced else None,
    )


def _ratio(above: Sequence[float], below: Sequence[float]) -> RatioOfSums:
    if not below or not sum(below):
        return RatioOfSums(None, None, None, len(below), 0.0)
    if not sum(above):
        return RatioOfSums(0.0, 0.0, 0.0, len(below), float(sum(below)))
    return ratio_with_interval(above, below, range(len(below)))


def _error(counted: Sequence[Counted]) -> tuple[float | None, float | None]:
    tokens = sum(each.tokens for each in counted)
    if not tokens:
        return None, None
    return sum(each.lo for each in counted) / tokens, sum(each.hi for each in counted) / tokens


def _verdict(
    interval: tuple[float | None, float | None], error: tuple[float | None, float | None], *, exact: bool
) -> Verdict:
    (lo, hi), (least, most) = interval, error
    if lo is None or hi is None or least is None or most is None:
        return "cannot tell"
    least, most = least * (1 - TOLERANCE), most * (1 + TOLERANCE)
    if lo > most:
        return "more"
    if hi < least:
        return "less"
    if lo >= least and hi <= most:
        return "agrees" if exact else "within the tokenizer's error"
    return "cannot tell"


def _input_line(answers: Sequence[AnswerCounts]) -> tuple[InputLine, tuple[float | None, float | None]]:
    """Least squares over prompts of different length, with a bootstrap of the requests.

    The intercept is what each request is billed beside its text: the chat template, and a system prompt that was not
    asked for. It needs prompts of which the longest has twice the tokens of the shortest, and 100 more.
    """
    pairs = [(answer.prompt, answer.billed_input) for answer in answers if answer.prompt is not None]
    known = [(prompt, billed) for prompt, billed in pairs if billed is not None]
    x = np.array([prompt.tokens for prompt, _ in known], dtype=float)
    y = np.array([billed for _, billed in known], dtype=float)
    error = _error([prompt for prompt, _ in known])
    if len(known) < MIN_ANSWERS or x.max() < 2 * x.min() or x.max() < x.min() + 100:
        return InputLine(n=len(known)), error
    slope, overhead = _least_squares(x[None, :], y[None, :])
    rows = np.random.default_rng(0).integers(0, len(x), size=(RESAMPLES, len(x)))
    slopes, _ = _least_squares(x[rows], y[rows])
    lo, hi = (float(np.nanquantile(slopes, q)) for q in (0.025, 0.975))
    value = float(slope[0])
    return InputLine(value, min(lo, value), max(hi, value), float(overhead[0]), len(x)), error


def _least_squares(
    x: np.ndarray[tuple[int, int], np.dtype[np.float64]], y: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> tuple[Floats, Floats]:
    """Slope and intercept of each row of (rows, n); NaN where all x are the same."""
    mean_x, mean_y = x.mean(axis=1), y.mean(axis=1)
    away = x - mean_x[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (away * (y - mean_y[:, None])).sum(axis=1) / (away**2).sum(axis=1)
    return slope, mean_y - slope * mean_x
