"""Border inputs: prompts whose first token ties at temperature 0, watched for change (B3IT, arXiv 2602.11083)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, stdev

import numpy as np

Counts = Mapping[str, int]  # first tokens and how often each came

# The published monitor's own settings.
WINDOW_DAYS = 14
EXCLUDED_DAYS = 4  # the newest before the judged day: a change must not become its own baseline
MIN_BASELINE_DAYS = 5
LEAST_DEVIATION = 0.2
SIGMAS = 4.0
DAYS_RUNNING = 3
INPUTS = 20


@dataclass(frozen=True, slots=True)
class BorderAlarm:
    """What the alarm rule says of one day; change of this endpoint against itself, never against the reference."""

    state: str  # not_measured, no_baseline, steady, deviates (fewer than three days running), alarm
    tv: float | None
    baseline_mean: float | None
    baseline_sd: float | None
    n_baseline_days: int
    since: date | None  # first of the deviating days running
    reason: str


def is_border(first_tokens: Sequence[str]) -> bool:
    """Whether answers at temperature 0 to one prompt are not all the same: its two best tokens tie."""
    return len(set(first_tokens)) > 1


def balance(counts: Counts) -> float:
    """The second token's count over the first's: 1 is a perfect tie, 0 no tie at all."""
    best = sorted(counts.values(), reverse=True)
    return best[1] / best[0] if len(best) > 1 and best[0] else 0.0


def choose_inputs(reference: Mapping[str, Counts], n: int = INPUTS) -> tuple[str, ...]:
    """The `n` best balanced prompts that tie at all, best first; by name where they are equal."""
    tied = [prompt for prompt, counts in reference.items() if balance(counts) > 0]
    return tuple(sorted(tied, key=lambda prompt: (-balance(reference[prompt]), prompt))[:n])


def total_variation(a: Counts, b: Counts) -> float | None:
    """Half the summed difference of two first-token distributions, 0 to 1; None where a side is empty."""
    n_a, n_b = sum(a.values()), sum(b.values())
    if not n_a or not n_b:
        return None
    return sum(abs(a.get(token, 0) / n_a - b.get(token, 0) / n_b) for token in sorted(a.keys() | b.keys())) / 2


def mean_tv(pairs: Iterable[tuple[Counts, Counts]]) -> float | None:
    """Mean total variation over prompts that both sides answered; None where there is none."""
    found = [tv for a, b in pairs if (tv := total_variation(a, b)) is not None]
    return fmean(found) if found else None


def expected_tv_iid(reference: Counts, n: int) -> float:
    """Mean total variation of `n` answers of an unchanged endpoint, were all answers independent.

    Both counts are draws from the reference's frequencies, so the reference's own sampling noise is in it. Real days
    vary more than this: answers of one day are correlated. It is printed beside the measured value, not tested.

    Raises:
        ValueError: no answers on a side.
    """
    from scipy.stats import binom  # noqa: PLC0415 - a second that starting need not wait for

    m = sum(reference.values())
    if n < 1 or m < 1:
        raise ValueError("total variation needs answers on both sides")
    away = np.abs(np.arange(n + 1)[:, None] / n - np.arange(m + 1)[None, :] / m)
    return 0.5 * sum(
        float(binom.pmf(np.arange(n + 1), n, c / m) @ away @ binom.pmf(np.arange(m + 1), m, c / m))
        for c in reference.values()
    )


def border_alarm(daily_tv: Mapping[date, float], day: date) -> BorderAlarm:
    """The rule of B3IT on daily mean total variation to the endpoint's own reference answers.

    A day deviates where it is over 0.2 and over 4 standard deviations from the mean of its baseline: the days measured
    among the 14 that end 5 days before it. An alarm is three calendar days running that deviate, each by its own
    baseline; a day that was not measured breaks the run. Under 5 days of baseline there is no rule to apply.
    """
    tv = daily_tv.get(day)
    if tv is None:
        return BorderAlarm("not_measured", None, None, None, 0, None, f"no border inputs measured on {day}")
    baseline = _baseline(daily_tv, day)
    if len(baseline) < MIN_BASELINE_DAYS:
        missing = MIN_BASELINE_DAYS - len(baseline)
        reason = f"no baseline: {missing} day{'s' if missing > 1 else ''} missing"
        return BorderAlarm("no_baseline", tv, None, None, len(baseline), None, reason)
    mean, sd = fmean(baseline), stdev(baseline)
    if not _deviates(daily_tv, day):
        reason = f"mean TV {tv:.3f}, baseline {mean:.3f} +- {sd:.3f} of {len(baseline)} days"
        return BorderAlarm("steady", tv, mean, sd, len(baseline), None, reason)
    since = day
    while _deviates(daily_tv, since - timedelta(days=1)):
        since -= timedelta(days=1)
    running = (day - since).days + 1
    state = "alarm" if running >= DAYS_RUNNING else "deviates"
    reason = f"mean TV {tv:.3f} against a baseline of {mean:.3f} +- {sd:.3f}, day {running} running"
    return BorderAlarm(state, tv, mean, sd, len(baseline), since, reason)


def _baseline(daily_tv: Mapping[date, float], day: date) -> list[float]:
    newest = day - timedelta(days=EXCLUDED_DAYS + 1)
    days = (newest - timedelta(days=back) for back in range(WINDOW_DAYS))
    return [daily_tv[d] for d in days if d in daily_tv]


def _deviates(daily_tv: Mapping[date, float], day: date) -> bool:
    baseline = _baseline(daily_tv, day)
    if day not in daily_tv or len(baseline) < MIN_BASELINE_DAYS:
        return False
    away = abs(daily_tv[day] - fmean(baseline))
    return away > LEAST_DEVIATION and away > SIGMAS * stdev(baseline)
