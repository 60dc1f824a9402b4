"""The sequential test: its published constants, and its error rates by simulation."""

from __future__ import annotations

import random

import pytest

from tokenarena_assets.context import SequentialTest


def test_the_steps_and_bounds_with_a_perfect_base() -> None:
    test = SequentialTest(1.0)
    assert round(test.per_miss, 2) == 0.98
    assert round(test.per_hit, 2) == -0.35
    assert (round(test.lower, 2), round(test.upper, 2)) == (-2.94, 2.94)


def simulated(accuracy: float, runs: int = 4_000) -> tuple[float, float, float]:
    """Shares accepted and rejected (undetermined included), and requests on average."""
    rng = random.Random(f"{accuracy}")
    decisions, requests = [], 0
    for _ in range(runs):
        test = SequentialTest(1.0)
        while test.decision is None:
            hits = sum(rng.random() < accuracy for _ in range(8))
            test.add(hits, 8 - hits)
        decisions.append(test.decision)
        requests += test.requests
    return decisions.count("accept") / runs, decisions.count("reject") / runs, requests / runs


def test_error_rates_and_requests() -> None:
    accepted, _, requests = simulated(0.95)
    assert accepted > 0.99
    assert requests == pytest.approx(2.2, abs=0.15)
    accepted, _, requests = simulated(0.90)
    assert accepted > 0.98
    assert requests == pytest.approx(2.6, abs=0.15)
    accepted, rejected, _ = simulated(0.60)
    assert rejected == pytest.approx(0.93, abs=0.03)
    assert accepted < 0.05
    accepted, rejected, _ = simulated(0.75)
    assert accepted == pytest.approx(0.43, abs=0.05)
    assert rejected == pytest.approx(0.28, abs=0.05)


def test_at_least_two_requests_and_at_most_six() -> None:
    test = SequentialTest(1.0)
    test.add(0, 8)
    assert test.decision is None
    test.add(0, 8)
    assert test.decision == "reject"
    test.add(800, 0)  # what is decided stands
    assert (test.decision, test.requests) == ("reject", 2)
    grey = SequentialTest(1.0)
    for _ in range(6):
        assert grey.decision is None
        grey.add(6, 2)
    assert grey.decision == "undetermined"


@pytest.mark.parametrize(
    "named",
    [
        {"base_accuracy": 0.0},
        {"base_accuracy": 1.2},
        {"base_accuracy": 1.0, "accept": 0.6, "reject": 0.85},
        {"base_accuracy": 1.0, "alpha": 0.0},
        {"base_accuracy": 1.0, "min_requests": 7},
    ],
)
def test_arguments_out_of_range(named: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="needs"):
        SequentialTest(**named)  # type: ignore[arg-type]


def test_counts_are_counts() -> None:
    with pytest.raises(ValueError, match="counts"):
        SequentialTest(1.0).add(-1, 2)
