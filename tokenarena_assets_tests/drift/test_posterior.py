"""The probability of a change against the same integrals done by brute force, and its behaviour at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from tokenarena_assets.drift import change_posterior, log_bayes_factors
from tokenarena_assets.drift.posterior import CHANGES_PER_DAY, MEMORY, SHOWN_BY, Posterior

USUAL, SCATTER = 1.5, 0.1
FLAT = 100.0  # standard deviation of a level that is as good as flat


def brute_force(values: np.ndarray, weights: np.ndarray, position: int) -> float:
    """log of p(values | change at position) / p(values | none): normal densities of n dimensions on a fine grid."""
    n = len(values)
    mean = np.average(values, weights=weights)
    most = max(10 * SCATTER, 3 * np.sqrt(np.average((values - mean) ** 2, weights=weights)))
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    step = (np.arange(n) >= position).astype(float)
    scale = 1 / np.sqrt(np.outer(weights, weights))
    total = {False: 0.0, True: 0.0}
    for rho, prior in MEMORY:
        noise = scale * rho**apart / (1 - rho**2)
        for sigma in np.geomspace(SCATTER, most, 200):
            level = FLAT**2 * np.ones((n, n))
            for changed in total:
                spread = sigma**2 * noise + level + changed * USUAL**2 * np.outer(step, step)
                total[changed] += prior * multivariate_normal.pdf(values - mean, cov=spread)
    return float(np.log(total[True] / total[False]))


@pytest.mark.parametrize(
    ("values", "weights", "position"),
    [
        ([0.0, 0.3, -0.2, 0.1, 2.1, 1.8, 2.2], [1.0] * 7, 4),
        ([0.0, 0.3, -0.2, 0.1, 0.2, -0.3, 0.05], [1.0] * 7, 3),
        ([5.0, 5.1, 4.8, 9.0, 5.2, 5.9, 6.1, 6.0], [1.0, 1.0, 1.0, 0.1, 1.0, 1.0, 0.7, 1.0], 5),
    ],
)
def test_bayes_factor_is_that_of_the_integrals(values: list[float], weights: list[float], position: int) -> None:
    found, factors = log_bayes_factors(np.array(values), np.array(weights), usual=USUAL, scatter=SCATTER)
    expected = brute_force(np.array(values), np.array(weights), position)
    assert factors[found.tolist().index(position)] == pytest.approx(expected, abs=0.02)


def posterior(values: list[float], days: list[int] | None = None) -> Posterior:
    given_days = np.array(days or range(len(values)))
    return change_posterior(np.array(values), given_days, np.ones(len(values)), usual=USUAL, scatter=SCATTER)


def test_prior_and_factors_make_the_probability() -> None:
    values = [0.0, 0.3, -0.2, 0.1, 1.1, 0.8, 1.2, 0.4]
    _, factors = log_bayes_factors(np.array(values), np.ones(8), usual=USUAL, scatter=SCATTER)
    rate = CHANGES_PER_DAY * SHOWN_BY
    joint = rate * np.exp(factors)
    expected = joint.sum() / (1 - rate * len(factors) + joint.sum())
    assert posterior(values).probability == pytest.approx(expected, rel=1e-9)


def test_a_gap_before_a_position_may_hold_the_change_on_any_of_its_days() -> None:
    values = [0.0, 0.1, 0.0, 0.1, 0.0, 0.1]
    plain, gap = posterior(values), posterior(values, [0, 1, 2, 13, 14, 15])
    odds = [each.probability / (1 - each.probability) for each in (plain, gap)]
    rate = CHANGES_PER_DAY * SHOWN_BY
    assert odds[1] / odds[0] == pytest.approx(11 * (1 - rate) / (1 - 11 * rate), rel=1e-9)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_three_days_on_both_sides_are_needed(n: int) -> None:
    found = posterior([0.0, 0.0, 9.0, 9.0, 9.0][:n])
    assert found.probability == 0.0
    assert len(found.positions) == 0


def test_a_plain_step_is_certain_and_dated() -> None:
    found = posterior([0.0, 0.1, -0.1, 0.05, 4.0, 4.1, 3.9, 4.05])
    assert found.probability > 0.99
    assert found.most_likely == 4
    assert found.credible_range() == (4, 4)


def test_constant_series_do_not_change() -> None:
    assert posterior([3.0] * 30).probability < 0.01


@settings(max_examples=30)
@given(st.lists(st.floats(-5, 5), min_size=6, max_size=25), st.floats(-100, 100))
def test_probability_is_one_and_moves_with_nothing_but_differences(values: list[float], moved: float) -> None:
    found, other = posterior(values), posterior([value + moved for value in values])
    assert 0 <= found.probability <= 1
    assert found.mass.sum() == pytest.approx(found.probability)
    assert other.probability == pytest.approx(found.probability, abs=1e-6)
    assert posterior([-value for value in values]).probability == pytest.approx(found.probability, abs=1e-9)


@settings(max_examples=30)
@given(st.lists(st.floats(-5, 5), min_size=6, max_size=25))
def test_a_series_read_backwards_has_its_changes_backwards(values: list[float]) -> None:
    found, mirrored = posterior(values), posterior(values[::-1])
    assert mirrored.mass[::-1] == pytest.approx(found.mass, rel=1e-6, abs=1e-12)


def test_the_credible_range_holds_what_it_should() -> None:
    mass = np.array([0.02, 0.5, 0.3, 0.1, 0.03])
    found = Posterior(0.95, np.array([3, 4, 5, 6, 7]), mass)
    assert found.most_likely == 4
    assert found.credible_range(0.5) == (4, 4)
    assert found.credible_range(0.8) == (4, 5)
    assert found.credible_range(1.0) == (3, 7)
