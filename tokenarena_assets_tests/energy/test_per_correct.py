"""Joules per correct answer: sums by hand, shared draws, bounds with none correct, probabilities by enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.energy.per_correct import (
    AnsweredItem,
    PerToken,
    Resampling,
    finite_interval,
    joules_per_correct,
    lower_bound_j,
    probabilities_less,
)

DRAWS = 400


def item(number: int, correct: float, output: float = 100.0, fresh: float = 50.0, domain: str = "math") -> AnsweredItem:
    return AnsweredItem((domain, f"t{number}"), 1.0, fresh, 10.0, output, correct)


def energy(fresh: float = 0.1, cached: float = 0.01, output: float = 2.0) -> PerToken:
    return PerToken(*(np.full(DRAWS, each) for each in (fresh, cached, output, 0.5)))


def resampling(*lists: list[AnsweredItem]) -> Resampling:
    return Resampling([each.cluster for items in lists for each in items], DRAWS, 7)


def test_equal_items_give_the_ratio_of_sums_in_every_draw() -> None:
    # 50 x 0.1 + 10 x 0.01 + 100 x 2 = 205.1 J an item, every one right.
    items = [item(i, 1.0) for i in range(8)]
    got = joules_per_correct(items, energy(), resampling(items))
    assert got.joules == pytest.approx(np.full(DRAWS, 205.1))
    assert got.grams == pytest.approx(got.joules * 0.5)
    assert got.tokens == pytest.approx(np.full(DRAWS, 100.0))
    assert got.sampling == pytest.approx(got.joules)


def test_wrong_answers_take_energy_too() -> None:
    # One cluster alone is drawn whole each time: three items' energy for one correct answer.
    items = [AnsweredItem(("math", "one"), 1.0, 50.0, 10.0, 100.0, right) for right in (1.0, 0.0, 0.0)]
    assert joules_per_correct(items, energy(), resampling(items)).joules == pytest.approx(np.full(DRAWS, 3 * 205.1))


def test_the_middle_is_the_ratio_of_sums_and_the_spread_that_of_the_delta_method() -> None:
    rng = np.random.default_rng(1)
    items = [item(i, float(rng.random() < 0.8), output=float(rng.gamma(4, 25))) for i in range(100)]
    drawn = Resampling([each.cluster for each in items], 5_000, 7)
    big = PerToken(*(np.full(5_000, each) for each in (0.1, 0.01, 2.0, 0.5)))
    got = joules_per_correct(items, big, drawn)
    costs = np.array([5.1 + 2.0 * each.output_tokens for each in items])
    right = np.array([each.correct for each in items])
    ratio = costs.sum() / right.sum()
    pull = costs / costs.mean() - right / right.mean()
    assert np.median(got.joules) == pytest.approx(ratio, rel=0.01)
    assert np.log(got.joules).std() == pytest.approx(pull.std() / 10, rel=0.05)


def test_what_two_share_cancels() -> None:
    rng = np.random.default_rng(2)
    items = [item(i, 1.0, output=float(rng.gamma(2, 50))) for i in range(30)]
    twice = [AnsweredItem(i.cluster, 1.0, 2 * i.fresh_input_tokens, 20.0, 2 * i.output_tokens, 1.0) for i in items]
    drawn = resampling(items, twice)
    spread = PerToken(*(rng.lognormal(0, 1, DRAWS) for _ in range(4)))
    a, b = (joules_per_correct(each, spread, drawn).joules for each in (items, twice))
    assert b / a == pytest.approx(np.full(DRAWS, 2.0))
    assert probabilities_less({"a": a, "b": b}).tolist() == [[0.5, 1.0], [0.0, 0.5]]


def test_the_product_of_tokens_and_energy_per_token_is_the_energy() -> None:
    rng = np.random.default_rng(3)
    items = [item(i, float(i % 3 > 0), output=float(rng.gamma(2, 50))) for i in range(30)]
    got = joules_per_correct(items, energy(fresh=0.0, cached=0.0, output=3.0), resampling(items))
    assert got.joules == pytest.approx(got.tokens * 3.0)


def test_none_correct_is_a_bound_and_never_a_ratio() -> None:
    items = [item(i, 0.0) for i in range(20)]
    got = joules_per_correct(items, energy(), resampling(items))
    assert np.isinf(got.joules).all()
    assert finite_interval(got.joules) is None
    assert lower_bound_j(items, energy()) == pytest.approx(205.1 / (1 - 0.05 ** (1 / 20)))
    with pytest.raises(ValueError, match="no items"):
        lower_bound_j([], energy())


def test_domains_are_drawn_each_by_itself() -> None:
    items = [item(i, 1.0) for i in range(5)] + [item(i, 1.0, output=300.0, domain="code") for i in range(5)]
    got = joules_per_correct(items, energy(0.0, 0.0, 1.0), resampling(items))
    assert got.joules == pytest.approx(np.full(DRAWS, 200.0))  # five of each in every draw


def test_the_same_seed_gives_the_same_digits_whatever_else_is_drawn() -> None:
    items = [item(i, float(i % 4 > 0)) for i in range(20)]
    code = [item(i, 1.0, domain="code") for i in range(9)]
    alone, beside = resampling(items), resampling(items, code)
    assert (
        joules_per_correct(items, energy(), alone).joules.tolist()
        == joules_per_correct(items, energy(), beside).joules.tolist()
    )


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.0, math.inf]), min_size=6, max_size=6), max_size=5))
def test_probabilities_are_counts_of_draws(table: list[list[float]]) -> None:
    got = probabilities_less({str(i): np.array(row) for i, row in enumerate(table)})
    for a, first in enumerate(table):
        for b, second in enumerate(table):
            wins = sum((x < y) + (x == y) / 2 for x, y in zip(first, second, strict=True))
            assert got[a, b] == pytest.approx(wins / 6)
