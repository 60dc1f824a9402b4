"""The ladder of prompt lengths, and the rule that says which of them still counts as effective."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tokenarena_assets.suites import reading

TOP_SHARE = 0.875  # of the advertised length; the rest is for the answer and its thinking
THRESHOLD = 0.85
ROUNDING = 1e-9  # 17 of 20 is 0.85, whatever the last bit of a product says
NEAR_TOP = 0.9  # a rung this near to the top rung tells nothing that the top rung does not
# Longer rungs cost a dollar and more each: only an endpoint that advertises such lengths is asked them.
UNADVERTISED_TOKENS = 256_000


@dataclass(frozen=True, slots=True)
class Ladder:
    """The lengths in tokens to try: `base_tokens`, where every endpoint should do well, and the rungs above it.

    `calibration_chars` are the lengths of the two calibration prompts; `chars_per_token` is that of the prompts'
    generator, for endpoints that report no usage. Reported tokens may fall short of predicted ones by the share
    `tolerance` before it is a sign of shortening, by `loose_tolerance` where only one calibration call was answered.
    """

    base_tokens: int
    rungs: tuple[int, ...]
    calibration_chars: tuple[int, int] = (4_000, 16_000)
    chars_per_token: float = reading.CHARS_PER_TOKEN
    tolerance: float = 0.03
    loose_tolerance: float = 0.20  # tokenizers differ


STANDARD = Ladder(2_000, tuple(4_000 * 2**doubling for doubling in range(9)))
# Prompts this short, in a tokenizer of 1,024 entries, scatter about the line by 2.5 % (standard deviation, measured);
# and the tokenizer is the same for all.
TINY = Ladder(256, (384, 512, 640, 768), (600, 1_800), 3.27, tolerance=0.08, loose_tolerance=0.10)


def ladder_of(tier: str) -> Ladder:
    """The ladder of a quality tier: the embedded models' own, or the one for all others."""
    return TINY if tier == "tiny" else STANDARD


def rungs_of(ladder: Ladder, advertised_tokens: int | None, most_tokens: int | None = None) -> tuple[int, ...]:
    """The rungs to climb, shortest first: those of the ladder and, on top, 7/8 of the advertised length.

    `most_tokens` is the longest prompt to send at all; None: no such bound. Without an advertised length the ladder
    ends at 256,000 tokens.
    """
    most = math.inf if most_tokens is None else most_tokens
    if advertised_tokens is None:
        return tuple(rung for rung in ladder.rungs if rung <= min(most, UNADVERTISED_TOKENS))
    top = math.floor(TOP_SHARE * advertised_tokens)
    rungs = [rung for rung in ladder.rungs if rung < NEAR_TOP * top]
    if top > ladder.base_tokens:
        rungs.append(top)
    return tuple(rung for rung in rungs if rung <= most)


def effective_length(
    lengths: Sequence[float], accuracies: Sequence[float], base_accuracy: float, threshold: float = THRESHOLD
) -> int | None:
    """The largest length such that it and every smaller one has an accuracy of at least `threshold * base_accuracy`.

    The relative rule of NoLiMa (Modarressi et al., ICML 2025), as an unbroken run from the shortest length on: what
    comes after a length that fails does not count. `lengths` may come in any order; accuracies and base in the same
    unit (shares or percent). A fixed threshold such as RULER's 85.6 is `base_accuracy=85.6, threshold=1`. An accuracy
    that is NaN was not measured, and ends the run. None: not even the shortest length passes, or there is none.
    That the base is good enough to be compared with at all is for the caller to see to.

    Raises:
        ValueError: there are not as many accuracies as lengths, a length comes twice, is not above 0 or not finite, or
            base or threshold are not above 0 and finite.
    """
    if len(lengths) != len(accuracies):
        raise ValueError(f"{len(lengths)} lengths, but {len(accuracies)} accuracies")
    if len(set(lengths)) != len(lengths):
        raise ValueError("a length comes twice")
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        raise ValueError("lengths must be above 0 and finite")
    least = threshold * base_accuracy
    if not (math.isfinite(least) and threshold > 0 and base_accuracy > 0):
        raise ValueError("base accuracy and threshold must be above 0 and finite")
    longest: int | None = None
    for length, accuracy in sorted(zip(lengths, accuracies, strict=True)):
        if not accuracy >= least * (1 - ROUNDING):
            break
        longest = int(length)
    return longest
