"""How many tokens a prompt of so many characters is, without the endpoint's tokenizer: from what it reports itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tokenarena_assets.context.ladder import Ladder
from tokenarena_assets.context.records import Finding, Method

# The slope can hardly be below this share of public tokenizers', as no token is longer than a word of the prose: then
# the longer calibration prompt was itself shortened.
LEAST_SLOPE = 0.8


@dataclass(frozen=True, slots=True)
class Calibration:
    """`tokens = tokens_per_char * chars + overhead_tokens`; `tolerance` None: nothing is reported to compare with.

    `least_slope` bounds what prompts may cost where an endpoint reports far fewer tokens than it reads. The overhead is
    the chat template, any hidden system prompt, and what the questions are denser than the prose.
    """

    method: Method
    tokens_per_char: float
    overhead_tokens: float
    tolerance: float | None
    least_slope: float

    def tokens(self, chars: int) -> float:
        """What a prompt of `chars` characters should come to."""
        return self.tokens_per_char * chars + self.overhead_tokens

    def chars(self, tokens: int) -> int:
        """How long a prompt must be to come to `tokens` tokens; at least 1, and never absurdly long."""
        chars = round((tokens - self.overhead_tokens) / self.tokens_per_char)
        return max(1, min(chars, math.floor(tokens / self.least_slope)))

    def residual(self, chars: int, reported: int | None) -> float | None:
        """Reported / predicted - 1; None: nothing was reported."""
        predicted = self.tokens(chars)
        return None if reported is None or predicted <= 0 else reported / predicted - 1

    def falls_short(self, residual: float | None) -> bool:
        """Whether clearly fewer tokens were reported than sent."""
        return residual is not None and self.tolerance is not None and residual < -self.tolerance


def calibrate(points: Sequence[tuple[int, int | None]], ladder: Ladder) -> tuple[Calibration, tuple[Finding, ...]]:
    """The calibration from (characters, reported tokens) of its answered calls, and what it found on the way.

    From two calls a line; from one the slope of the prompts' generator; without usage that slope alone, which is
    within a fifth of public tokenizers' (`chars_per_token`).
    """
    slope = 1 / ladder.chars_per_token
    least = LEAST_SLOPE * slope
    known = sorted({chars: tokens for chars, tokens in points if tokens}.items())
    if not known:
        found = Finding("no_usage", "no input tokens are reported: lengths are +-20 %", None)
        return Calibration("chars_per_token", slope, 0.0, None, least), (found,) if points else ()
    (short, tokens), (long, more) = known[0], known[-1]
    if long > short and more - tokens >= least * (long - short):
        line = (more - tokens) / (long - short)
        return Calibration("two_calls", line, tokens - line * short, ladder.tolerance, least), ()
    evidence = ", ".join(f"{chars} characters were reported as {reported} tokens" for chars, reported in known)
    found = Finding("calibration_short", evidence, None)
    slope = max(min(slope, tokens / short), least)
    calibration = Calibration("one_call", slope, max(0.0, tokens - slope * short), ladder.loose_tolerance, least)
    return calibration, (found,) if long > short or tokens < least * short else ()
