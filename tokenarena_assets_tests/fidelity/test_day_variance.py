"""Variance between days against every split of two days' samples, and days whose effect is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tokenarena_assets.fidelity import DayVariance, day_test, day_variance, encode
from tokenarena_assets_tests.fidelity.samples import LENGTH, t_of

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=30)
TEXTS = st.lists(st.text("ab", max_size=5), min_size=2, max_size=4)
Days = list[dict[str, list[str]]]


def measured(days: Days, min_prompts: int = 1, kernel: str = "prefix") -> DayVariance:
    encoded = {d: {name: encode(texts, LENGTH) for name, texts in day.items()} for d, day in enumerate(days)}
    return day_variance(encoded, kernel=kernel, min_prompts=min_prompts)  # type: ignore[arg-type]


def variance_of_splits(first: list[str], second: list[str]) -> float:
    pooled = first + second
    every = [
        t_of([pooled[i] for i in chosen], [t for i, t in enumerate(pooled) if i not in chosen])
        for chosen in combinations(range(len(pooled)), len(first))
    ]
    return float(np.var(every))


@EXAMPLES
@given(
    days=st.lists(st.fixed_dictionaries({}, optional={"p": TEXTS, "q": TEXTS, "r": TEXTS}), min_size=2, max_size=4),
    min_prompts=st.integers(1, 2),
)
def test_by_definition(days: Days, min_prompts: int) -> None:
    n, variances, taken = [], [], set()
    for i, j in combinations(range(len(days)), 2):
        common = sorted(days[i].keys() & days[j].keys())
        if len(common) >= min_prompts:
            n.append(np.mean([t_of(days[i][p], days[j][p]) for p in common]))
            variances.append(sum(variance_of_splits(days[i][p], days[j][p]) for p in common) / len(common) ** 2)
            taken |= {i, j}
    got = measured(days, min_prompts)
    assert (got.n_pairs, got.n_days) == (len(n), len(taken))
    if len(n) < 2:
        assert (got.mean, got.variance, got.mean_permutation_variance, got.s2_day) == (None, None, None, None)
        return
    assert got.mean == pytest.approx(np.mean(n), abs=1e-12)
    assert got.variance == pytest.approx(np.var(n, ddof=1), abs=1e-12)
    assert got.mean_permutation_variance == pytest.approx(np.mean(variances), abs=1e-12)
    assert got.s2_day == pytest.approx(max(0, np.var(n, ddof=1) - np.mean(variances)), abs=1e-12)


def test_days_in_closed_form() -> None:
    # All samples of a day alike, two of three days too: N = {0, 2, 2}. Of the six splits of two and two different
    # samples two have T = 2 and four T = -1, variance 2, with ten prompts a tenth of it; equal samples have none.
    days: Days = [{f"p{i}": [text, text] for i in range(10)} for text in ("a", "a", "b")]
    got = measured(days, min_prompts=10, kernel="delta")
    assert got.mean == pytest.approx(4 / 3)
    assert got.variance == pytest.approx(4 / 3)
    assert got.mean_permutation_variance == pytest.approx((0 + 0.2 + 0.2) / 3)
    assert got.s2_day == pytest.approx(4 / 3 - 0.4 / 3)
    assert (got.n_days, got.n_pairs) == (3, 3)
    assert measured(days, min_prompts=11, kernel="delta") == DayVariance(None, None, None, None, 0, 0)


def bernoulli_days(rng: np.random.Generator, shares: np.ndarray, prompts: int, n: int) -> Days:
    return [{f"p{i}": [("a", "b")[int(rng.random() < s)] for _ in range(n)] for i in range(prompts)} for s in shares]


def test_unchanging_days_add_no_variance() -> None:
    got = measured(bernoulli_days(np.random.default_rng(1), np.full(14, 0.4), 12, 10))
    assert (got.n_days, got.n_pairs) == (14, 91)
    assert got.mean == pytest.approx(0, abs=0.01)
    assert got.variance == pytest.approx(got.mean_permutation_variance, rel=0.4)


def test_what_days_add_is_found() -> None:
    # T estimates 2 (s - s')^2 for days whose share of one letter is s and s'.
    rng = np.random.default_rng(2)
    shares = rng.uniform(0.2, 0.8, 20)
    got = measured(bernoulli_days(rng, shares, 30, 20), kernel="delta")
    truth = [2 * (a - b) ** 2 for a, b in combinations(shares, 2)]
    assert got.mean == pytest.approx(np.mean(truth), abs=0.02)
    assert got.s2_day == pytest.approx(np.var(truth, ddof=1), rel=0.15)


def test_day_test_is_students() -> None:
    days = DayVariance(0.01, 0.0005, 0.0001, 0.0004, 15, 105)
    got = day_test(0.06, 0.0005, days)
    z = 0.05 / 0.03
    assert (got.z, got.df) == (pytest.approx(z), 14)
    assert got.p == pytest.approx(stats.t.sf(z, 14), rel=1e-9)
    below = day_test(-0.05, 0.0005, days)
    assert below.p is not None
    assert below.p > 0.9  # one-sided: only a large T speaks against an endpoint


def test_a_negative_mean_of_days_is_chance_and_accuses_nobody() -> None:
    # Days add nothing: N scatters around 0, here by chance below it. T of an unchanged endpoint is 0.
    days = DayVariance(-0.003, 0.00003, 0.00004, 0.0, 14, 91)
    unchanged = day_test(0.0, 0.002**2, days)
    assert (unchanged.z, unchanged.p) == (0.0, pytest.approx(0.5))
    assert day_test(0.004, 0.002**2, days).z == pytest.approx(2.0)


def test_day_test_without_what_it_needs() -> None:
    days = DayVariance(0.01, 0.0, 0.0, 0.0, 15, 105)
    nothing = day_test(None, 0.1, days)
    assert (nothing.z, nothing.p, nothing.df) == (None, None, None)
    for t, variance, known in (
        (0.1, None, days),
        (0.1, 0.1, DayVariance(None, None, None, None, 2, 1)),
        (0.1, 0.0, days),
    ):
        assert day_test(t, variance, known) == nothing
