"""From requests and replies to the verdict: pure, so that every figure can be derived again from the raw log."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from tokenarena_assets.context import curve, truncation
from tokenarena_assets.context.ladder import Ladder
from tokenarena_assets.context.reading import LEAST_BASE_ACCURACY, OPEN, Length, Reading
from tokenarena_assets.context.records import Ask, ContextResult, Finding, Mode, Reply, RungResult, Status
from tokenarena_assets.context.steps import next_ask
from tokenarena_assets.context.truncation import OCTILES

LONGER_THAN_MEANT = 0.10


def verdict(
    pairs: Sequence[tuple[Ask, Reply]],
    *,
    advertised_tokens: int | None,
    ladder: Ladder,
    mode: Mode,
    known_tokens: int | None = None,
    most_tokens: int | None = None,
) -> ContextResult:
    """What the replies of one search come to.

    The arguments are those of the search that made the asks. Several replies to one ask are attempts at it: the first
    answered one counts. A search cut off before its end is told as `cannot_tell`, with what is known so far.
    """
    reading = Reading(
        pairs,
        ladder=ladder,
        advertised_tokens=advertised_tokens,
        mode=mode,
        known_tokens=known_tokens,
        most_tokens=most_tokens,
    )
    return result_of(reading)


def result_of(reading: Reading) -> ContextResult:
    """The verdict on a reading."""
    finished = next_ask(reading) is None
    below, above = reading.bounds
    rungs, sentinel = reading.rungs, reading.passed_sentinel
    status = _status(reading, finished=finished)
    told = status in ("ok", "truncating") and finished and not _blocked(reading)
    lo = rungs[below] if below >= 0 else None
    if sentinel:
        lo = reading.known
    effective = lo if told else None
    if lo is None and reading.base_accuracy is not None and reading.base_accuracy >= LEAST_BASE_ACCURACY:
        lo = reading.ladder.base_tokens
    accepted, served = _accepted(reading), _served(reading)
    residuals = _residuals(reading)
    return ContextResult(
        advertised=reading.advertised,
        accepted=accepted,
        served=served,
        effective=effective,
        effective_lo=lo,
        effective_hi=None if sentinel or above >= len(rungs) else rungs[above],
        base_accuracy=reading.base_accuracy,
        n_base=reading.base.answers,
        curve=_curve(reading),
        status=status,
        findings=_findings(reading),
        prompt_overhead_tokens=reading.calibration.overhead_tokens if reading.calls else None,
        tokens_per_char=reading.calibration.tokens_per_char if reading.calls else None,
        method=reading.calibration.method,
        mode=reading.mode,
        requests=len(reading.pairs),
        max_residual=max(residuals, key=abs, default=None),
        finished=finished,
    )


def _status(reading: Reading, *, finished: bool) -> Status:
    lengths = [reading.base, *reading.lengths.values()]
    if any(length.decision == "truncated" for length in lengths):
        return "truncating"
    if reading.passed_sentinel:
        return "ok" if finished else "cannot_tell"
    if reading.base_accuracy is not None and reading.base_accuracy < LEAST_BASE_ACCURACY:
        return "undefined"
    if not finished or reading.base_accuracy is None or not reading.rungs or _blocked(reading):
        return "cannot_tell"
    return "ok"


def _blocked(reading: Reading) -> bool:
    """Whether a length that matters could not be measured, for want of answers."""
    if reading.base.decision in ("cannot_tell", "refused", "truncated"):
        return True
    below, above = reading.bounds
    between = reading.rungs[below + 1 : above]
    return any(reading.lengths[rung].decision == "cannot_tell" for rung in between)


def _accepted(reading: Reading) -> int | None:
    """The longest prompt answered and not known to be shortened."""
    return max(
        (
            length.tokens
            for length in (reading.base, *reading.lengths.values())
            if length.decision != "truncated" and any(not sign.set_aside for sign in length.signs)
        ),
        default=None,
    )


def _served(reading: Reading) -> int | None:
    """The longest prompt answered without any sign of shortening, below all that are shortened."""
    lengths = (reading.base, *reading.lengths.values())
    cut = min((length.tokens for length in lengths if length.decision == "truncated"), default=None)
    return max(
        (
            length.tokens
            for length in lengths
            if (cut is None or length.tokens < cut)
            and any(not sign.short or sign.contradicted for sign in length.signs)
        ),
        default=None,
    )


def _residuals(reading: Reading) -> list[float]:
    if reading.calibration.tolerance is None:
        return []
    lengths = (reading.base, *reading.lengths.values())
    return [sign.residual for length in lengths for sign in length.signs if sign.residual is not None]


def _curve(reading: Reading) -> tuple[RungResult, ...]:
    asked = [length for length in reading.lengths.values() if length.asks]
    scored = [length for length in asked if length.scored]
    fitted = curve.falling(
        [length.hits / length.answers for length in scored], [len(length.scored) for length in scored]
    )
    spread = curve.intervals([[sum(reply.hits or ()) for _, reply in length.scored] for length in scored], OCTILES)
    smooth = dict(zip((length.tokens for length in scored), zip(fitted, spread, strict=True), strict=True))
    return tuple(_rung(length, reading, smooth.get(length.tokens)) for length in asked)


def _rung(length: Length, reading: Reading, smooth: tuple[float, tuple[float, float]] | None) -> RungResult:
    decision = length.decision
    if decision == OPEN and reading.passed_sentinel:
        decision = "accept"
    scored = length.scored
    achieved = [
        float(pair[1].input_tokens) if pair[1].input_tokens else reading.calibration.tokens(truncation.chars_of(pair))
        for pair in length.answered
    ]
    residuals = [sign.residual for sign in length.signs if sign.residual is not None]
    return RungResult(
        tokens=length.tokens,
        decision=decision,
        hits=length.hits,
        answers=length.answers,
        scored=len(scored),
        set_aside=len(length.answered) - len(scored),
        failed=length.failed,
        accuracy=length.hits / length.answers if length.answers else None,
        isotonic=smooth[0] if smooth else None,
        isotonic_lo=smooth[1][0] if smooth else None,
        isotonic_hi=smooth[1][1] if smooth else None,
        achieved_tokens=median(achieved) if achieved else None,
        residual=median(residuals) if residuals else None,
    )


def _findings(reading: Reading) -> tuple[Finding, ...]:
    lengths = (reading.base, *reading.lengths.values())
    found = list(reading.calibration_findings)
    found += [truncation.limit(pair) for pair in reading.calls if truncation.names_limit(pair[1])]
    for length in lengths:
        if length.finding is not None:
            found.append(length.finding)
        if length.decision == "truncated":
            continue
        residuals = ", ".join(f"{sign.residual:+.1%}" for sign in length.signs if sign.short)
        if any(sign.contradicted for sign in length.signs):
            evidence = f"reported tokens are off by {residuals}, but what would be lost then was found"
            found.append(Finding("usage_contradicted", evidence, length.tokens))
        elif residuals:
            found.append(Finding("short_usage", f"reported tokens are off by {residuals}", length.tokens))
        longer = [sign.residual or 0.0 for sign in length.signs if (sign.residual or 0.0) > LONGER_THAN_MEANT]
        if longer:
            evidence = f"reported tokens are off by {max(longer):+.0%}: the length is not the one meant"
            found.append(Finding("longer_than_meant", evidence, length.tokens))
    flat = truncation.flat_ttft(
        [
            (length.tokens, median(times))
            for length in lengths
            if length.decision != "truncated" and not any(sign.short for sign in length.signs)
            if (times := [pair[1].ttft_ms for pair in length.answered if pair[1].ttft_ms is not None])
        ]
    )
    return (*found, flat) if flat else tuple(found)
