"""Greedy divergence: how soon two deployments of one model part at temperature 0, against an honest pair's own rate."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

Units = str | Sequence[Hashable]  # code points of a text, or tokens where the tokenizer is known
FILTERED = "\x00filtered"  # outcomes that have no text: one unit like no other
REFUSED = "\x00refused"

MIN_FLOOR_DAYS = 3  # fewer repeated days cannot show over-dispersion
MIN_HONEST_FOR_SPREAD = 3  # fewer honest deployments do not tell how much hosts differ
ASSUMED_RATE_PER_1K = 15.0
ASSUMED_LOG_SD = 0.5  # known within a factor of 1.65 (1 sigma), 2.7 (2 sigma)
ZERO_COUNT = 0.5  # stands for a count of 0 in a logarithm


@dataclass(frozen=True, slots=True)
class Answer:
    """One greedy answer; `cut` where it stopped at the output cap, so that what follows is not known."""

    units: Units
    cut: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers to one prompt: the first differing unit, censored at the length that could be compared."""

    first_difference: int
    length: int

    @property
    def differs(self) -> bool:
        """Whether the answers were seen to part."""
        return self.first_difference < self.length

    @property
    def exposure(self) -> int:
        """Units at which they could have parted, the one at which they did included."""
        return min(self.first_difference + 1, self.length)


@dataclass(frozen=True, slots=True)
class Divergence:
    """Events over exposure, of many prompts."""

    events: int
    exposure_units: int
    units_per_token: float
    n_prompts: int = 0

    @property
    def tokens(self) -> float:
        """The exposure in the reference's tokens."""
        return self.exposure_units / self.units_per_token

    @property
    def rate_per_1k_tokens(self) -> float | None:
        """Divergences per 1,000 tokens; None without exposure."""
        return 1_000 * self.events / self.tokens if self.exposure_units else None


@dataclass(frozen=True, slots=True)
class Floor:
    """The rate at which honest deployments of the same precision part, and how well that is known."""

    rate_per_1k: float
    events: int | None  # None where it is assumed
    tokens: float | None
    source: str
    log_sd: float = 0.0  # of its logarithm, beyond what counting events explains


ASSUMED_FLOOR = Floor(ASSUMED_RATE_PER_1K, None, None, "assumed: 15 per 1k tokens, a simulated value", ASSUMED_LOG_SD)


@dataclass(frozen=True, slots=True)
class RateRatio:
    """The endpoint's rate over the floor's."""

    rr: float
    lo: float
    hi: float
    se_log: float
    p_one_sided: float  # of a ratio over 1


def first_difference(a: Units, b: Units) -> int:
    """Index of the first unit in which they differ; the shorter one's length where it is a prefix of the other."""
    for index, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return index
    return min(len(a), len(b))


def compare(a: Answer, b: Answer) -> Comparison:
    """Compare two answers, each followed by an END unit for ever unless it was cut.

    The length L that can be compared ends where a cut answer ends (what it would have said next is not known), and
    with the END of the longer one where neither was cut. So the shorter of two finished texts parts from the longer at
    its own END, two identical finished texts survive len + 1 units, and a text that was cut inside the other proves
    nothing beyond its last unit.
    """
    length = max(len(a.units), len(b.units)) + 1
    for answer in (a, b):
        if answer.cut:
            length = min(length, len(answer.units))
    same = first_difference(a.units, b.units)
    if len(a.units) == len(b.units) == same:
        return Comparison(length, length)
    return Comparison(min(same, length), length)


def divergence(pairs: Iterable[tuple[Answer, Answer]], units_per_token: float) -> Divergence:
    """The divergence rate of many prompts: sum 1[d < L] over sum min(d + 1, L).

    Args:
        pairs: The endpoint's and the reference's answer, per prompt.
        units_per_token: Of the reference's own outputs; 1 where units are its tokens.

    Raises:
        ValueError: `units_per_token` is not positive.
    """
    if not units_per_token > 0:
        raise ValueError(f"units_per_token must be positive, not {units_per_token}")
    found = [compare(a, b) for a, b in pairs]
    return Divergence(sum(c.differs for c in found), sum(c.exposure for c in found), units_per_token, len(found))


def pool(divergences: Sequence[Divergence]) -> Divergence:
    """Several days or deployments as one, in tokens of each one's own length."""
    tokens = sum(d.tokens for d in divergences)
    units = sum(d.exposure_units for d in divergences)
    return Divergence(
        sum(d.events for d in divergences),
        units,
        units / tokens if tokens else 1.0,
        sum(d.n_prompts for d in divergences),
    )


def rate_interval(found: Divergence, confidence: float = 0.95) -> tuple[float, float] | None:
    """Exact Poisson interval (Garwood 1936) of the rate per 1,000 tokens; None without exposure."""
    from scipy.stats import chi2  # noqa: PLC0415 - a second that starting need not wait for

    if not found.exposure_units:
        return None
    tail = (1 - confidence) / 2
    lo = float(chi2.ppf(tail, 2 * found.events)) / 2 if found.events else 0.0
    hi = float(chi2.isf(tail, 2 * found.events + 2)) / 2
    return 1_000 * lo / found.tokens, 1_000 * hi / found.tokens


def dispersion(daily: Sequence[Divergence]) -> float:
    """Phi: how many times wider than Poisson repeated days of one floor spread; at least 1.

    Square root of Pearson's chi-square over its degrees of freedom, the expected counts being those of the pooled
    rate. With fewer than three days, or no event, there is nothing to estimate it from: 1.
    """
    days = [d for d in daily if d.exposure_units]
    total = pool(days)
    if len(days) < MIN_FLOOR_DAYS or not total.events:
        return 1.0
    expected = [total.events * d.tokens / total.tokens for d in days]
    chi_square = sum((d.events - e) ** 2 / e for d, e in zip(days, expected, strict=True))
    return max(1.0, math.sqrt(chi_square / (len(days) - 1)))


def choose_floor(honest: Sequence[Divergence], own: Sequence[Divergence] = ()) -> Floor:
    """The floor to judge by: honest deployments on other hardware where there are any, else the assumed one.

    Fewer than three honest deployments show a rate and not how much it differs from host to host, so the assumed
    uncertainty stays; from three on it is the spread of their rates, for one more host of that kind. Either way the
    floor is never under the reference's own: nobody is held to more agreement than the reference has with itself.

    Args:
        honest: Divergences from the reference, one for each honest deployment (its days pooled).
        own: Divergences of the reference from itself: two runs of one day, and, on the fixed prompts, each day from
            the day before. The second shows what a day changes, which the first cannot.
    """
    measured = [d for d in honest if d.exposure_units]
    floor = ASSUMED_FLOOR
    if measured:
        pooled = pool(measured)
        floor = Floor(
            1_000 * max(pooled.events, ZERO_COUNT) / pooled.tokens,
            pooled.events,
            pooled.tokens,
            f"measured: {len(measured)} honest deployment{'s' if len(measured) > 1 else ''}",
            _host_log_sd(measured),
        )
    for found in own:
        rate = found.rate_per_1k_tokens
        if rate is not None and rate > floor.rate_per_1k:
            source = "the reference against itself, which is over any other floor"
            floor = Floor(rate, found.events, found.tokens, source, floor.log_sd)
    return floor


def _host_log_sd(honest: Sequence[Divergence]) -> float:
    """Standard deviation of the log rate from host to host beyond counting, for one host more (a prediction)."""
    n = len(honest)
    if n < MIN_HONEST_FOR_SPREAD:
        return ASSUMED_LOG_SD
    logs = [math.log(max(d.events, ZERO_COUNT) / d.tokens) for d in honest]
    mean = sum(logs) / n
    spread = sum((x - mean) ** 2 for x in logs) / (n - 1)
    counting = sum(1 / max(d.events, ZERO_COUNT) for d in honest) / n
    return math.sqrt(max(0.0, spread - counting) * (1 + 1 / n))


def rate_ratio(endpoint: Divergence, floor: Floor, phi: float = 1.0, extra_log_sd: float = 0.0) -> RateRatio | None:
    """RR = rate / floor, with se(log RR)^2 = phi^2 (1/e1 + 1/e0) + the floor's own log variance (+ `extra_log_sd`^2).

    A zero count stands as 0.5, in the rate and in the variance. An assumed floor has no events: its 1/e0 is 0 and its
    `log_sd` says how well it is known. 95 % interval and one-sided p are of the normal on the log scale. None without
    exposure.
    """
    from scipy.stats import norm  # noqa: PLC0415 - a second that starting need not wait for

    if not endpoint.exposure_units:
        return None
    events = max(endpoint.events, ZERO_COUNT)
    log_rr = math.log(1_000 * events / endpoint.tokens / floor.rate_per_1k)
    counting = 1 / events + (1 / max(floor.events, ZERO_COUNT) if floor.events is not None else 0.0)
    se = math.sqrt(phi**2 * counting + floor.log_sd**2 + extra_log_sd**2)
    reach = float(norm.isf(0.025)) * se
    return RateRatio(
        math.exp(log_rr), math.exp(log_rr - reach), math.exp(log_rr + reach), se, float(norm.sf(log_rr / se))
    )
