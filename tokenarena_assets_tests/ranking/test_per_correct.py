"""Ranks by cost per correct answer: order, shared places, rank intervals and who gets no rank."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.ranking import Candidate, GradedItem, Ranked, rank_per_correct
from tokenarena_assets.ranking.per_correct import item_weights
from tokenarena_assets.stats import ratio_of_sums, ratio_with_interval


def candidate(endpoint_id: str, costs: list[float], correct: list[float] | None = None, first: int = 0) -> Candidate:
    scores = correct or [1.0] * len(costs)
    items = {f"item-{first + i:03}": GradedItem(*pair) for i, pair in enumerate(zip(costs, scores, strict=True))}
    return Candidate(endpoint_id, items)


def jittered(level: float, spread: float, seed: int, n: int = 40) -> list[float]:
    rng = random.Random(seed)
    return [level * (1 + spread * rng.uniform(-1, 1)) for _ in range(n)]


def places(ranked: list[Ranked]) -> list[tuple[str, int | None, int | None, int | None]]:
    return [(r.endpoint_id, r.rank, r.rank_lo, r.rank_hi) for r in ranked]


def test_clear_separation_gives_a_rank_of_its_own_to_each() -> None:
    levels = {"c": 4, "a": 1, "b": 2}
    got = rank_per_correct([candidate(name, jittered(level, 0.1, ord(name))) for name, level in levels.items()])
    assert places(got) == [("a", 1, 1, 1), ("b", 2, 2, 2), ("c", 3, 3, 3)]
    assert [r.note for r in got] == [None] * 3
    costs = jittered(1, 0.1, ord("a"))
    assert got[0].ratio == ratio_with_interval(costs, [1.0] * 40, range(40))
    assert got[0].ratio.value == ratio_of_sums(costs, [1.0] * 40).value


def test_identical_endpoints_share_the_first_rank() -> None:
    costs = jittered(1, 0.5, 1)
    got = rank_per_correct([candidate(name, costs) for name in "bca"])
    assert places(got) == [("a", 1, 1, 3), ("b", 1, 1, 3), ("c", 1, 1, 3)]


def test_after_a_shared_rank_the_next_counts_all_before_it() -> None:
    cheap, dear = jittered(1, 0.1, 1), jittered(3, 0.1, 2)
    got = rank_per_correct([candidate("a", cheap), candidate("b", cheap), candidate("c", dear)])
    assert places(got) == [("a", 1, 1, 2), ("b", 1, 1, 2), ("c", 3, 3, 3)]


def test_wrong_answers_cost_too() -> None:
    half = [1.0, 0.0] * 20
    got = rank_per_correct([candidate("half-right", [0.9] * 40, half), candidate("all-right", [1.0] * 40)])
    assert [r.endpoint_id for r in got] == ["all-right", "half-right"]
    assert [r.ratio.value for r in got] == [pytest.approx(1.0), pytest.approx(1.8)]


def test_fewer_than_five_correct_has_an_interval_and_no_rank() -> None:
    got = rank_per_correct(
        [
            candidate("four", [0.01] * 20, [1.0] * 4 + [0.0] * 16),
            candidate("five", jittered(1, 0.1, 1, 20), [1.0] * 5 + [0.0] * 15),
        ]
    )
    assert places(got) == [("five", 1, 1, 1), ("four", None, None, None)]
    assert got[1].note == "only 4 of 20 correct: at least 5 are needed for a rank"
    assert got[1].ratio.value == pytest.approx(0.05)
    assert got[1].ratio.lo < 0.05 < got[1].ratio.hi


def test_the_unranked_follow_and_those_without_a_value_come_last() -> None:
    got = rank_per_correct(
        [
            candidate("none-right", [0.001] * 20, [0.0] * 20),
            candidate("dear-few", [9.0] * 20, [1.0] * 2 + [0.0] * 18),
            candidate("not-asked", []),
            candidate("ranked", [100.0] * 20),
            candidate("cheap-few", [0.1] * 20, [1.0] * 2 + [0.0] * 18),
        ]
    )
    assert [r.endpoint_id for r in got] == ["ranked", "cheap-few", "dear-few", "none-right", "not-asked"]
    by_id = {r.endpoint_id: r for r in got}
    assert by_id["none-right"].note == "0 of 20 correct: lower bound only"
    assert by_id["none-right"].ratio.value is None
    assert by_id["none-right"].ratio.lo == pytest.approx(0.02 / (20 * (1 - 0.05 ** (1 / 20))))
    assert by_id["not-asked"].note == "no graded answers"
    assert [r.rank for r in got] == [1, None, None, None, None]


def test_without_shared_items_nobody_is_told_apart() -> None:
    got = rank_per_correct(
        [candidate("cheap", jittered(1, 0.1, 1)), candidate("dear", jittered(50, 0.1, 2), first=1000)]
    )
    assert places(got) == [("cheap", 1, 1, 2), ("dear", 1, 1, 2)]


def test_shared_items_that_say_the_opposite_do_not_make_it_significant() -> None:
    # "b" is cheaper on every shared item; only the items it alone was asked make it dearer over all.
    shared_a, shared_b = jittered(2, 0.1, 1), jittered(1, 0.1, 2)
    b = candidate("b", shared_b + [9.0] * 40)
    got = rank_per_correct([candidate("a", shared_a), b])
    assert places(got) == [("a", 1, 1, 2), ("b", 1, 1, 2)]


def test_nobody_gives_an_empty_list() -> None:
    assert rank_per_correct([]) == []


def test_one_alone_is_first() -> None:
    assert places(rank_per_correct([candidate("only", [1.0] * 9)])) == [("only", 1, 1, 1)]


CANDIDATES = st.lists(
    st.lists(st.tuples(st.floats(0.01, 100), st.sampled_from([0.0, 1.0, 1.0])), min_size=0, max_size=14),
    min_size=0,
    max_size=6,
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(rows=CANDIDATES)
def test_places_are_consistent(rows: list[list[tuple[float, float]]]) -> None:
    got = rank_per_correct(
        [candidate(str(i), [cost for cost, _ in row], [y for _, y in row]) for i, row in enumerate(rows)]
    )
    assert sorted(r.endpoint_id for r in got) == sorted(str(i) for i in range(len(rows)))
    ranked = [r for r in got if r.rank is not None]
    assert got[: len(ranked)] == ranked
    assert [r.ratio.value for r in ranked] == sorted(r.ratio.value for r in ranked)
    assert [r.rank for r in ranked] == sorted(r.rank for r in ranked)
    for index, r in enumerate(ranked):
        assert r.ratio.successes >= 5
        assert 1 <= r.rank_lo <= index + 1 <= r.rank_hi <= len(ranked)
        assert 1 <= r.rank <= r.rank_hi
        assert r.note is None
    for r in got[len(ranked) :]:
        assert (r.rank_lo, r.rank_hi) == (None, None)
        assert r.note
    # The rank interval is as wide as the tests leave it: better and worse are two sides of one relation.
    assert sum(r.rank_lo - 1 for r in ranked) == sum(len(ranked) - r.rank_hi for r in ranked)


def test_rank_lies_in_its_own_interval() -> None:
    # "noisy" leads and is told apart from nobody; "tight" is told apart from "dearer".
    noisy = [0.01, 2.05] * 20
    got = rank_per_correct(
        [
            candidate("noisy", noisy),
            candidate("tight", jittered(1.1, 0.01, 1)),
            candidate("dearer", jittered(1.2, 0.01, 2)),
        ]
    )
    assert [r.endpoint_id for r in got] == ["noisy", "tight", "dearer"]
    assert got[2].rank_lo == 2
    assert all(r.rank_lo <= r.rank <= r.rank_hi for r in got)


def mixed(endpoint_id: str, math: list[tuple[float, float]], code: list[tuple[float, float]]) -> Candidate:
    items = {f"m{i:03}": GradedItem(cost, y, f"t{i % 5}", "math") for i, (cost, y) in enumerate(math)}
    items |= {f"c{i:03}": GradedItem(cost, y, f"t{i % 5}", "code") for i, (cost, y) in enumerate(code)}
    return Candidate(endpoint_id, items)


SHARES = {"math": 0.6, "code": 0.4}


def test_domains_weigh_by_their_shares_however_many_items_each_has() -> None:
    few_code = mixed("a", [(1.0, 1.0)] * 60, [(3.0, 1.0)] * 10)
    (got,) = rank_per_correct([few_code], SHARES)
    assert got.ratio.value == pytest.approx(0.6 * 1 + 0.4 * 3)
    half_right = mixed("a", [(1.0, 1.0)] * 60, [(3.0, 1.0), (3.0, 0.0)] * 20)
    (got,) = rank_per_correct([half_right], SHARES)
    assert got.ratio.value == pytest.approx((0.6 * 1 + 0.4 * 3) / (0.6 + 0.4 * 0.5))
    assert (got.ratio.n, got.ratio.successes) == (100, 80)


def test_weights_keep_the_number_of_items() -> None:
    weights = item_weights(["math"] * 3 + ["code"], SHARES)
    assert weights.tolist() == pytest.approx([0.8] * 3 + [1.6])
    assert item_weights(["code"] * 2, SHARES).tolist() == [1.0, 1.0]
    assert item_weights(["", ""], None).tolist() == [1.0, 1.0]


def test_a_difference_in_one_domain_shows_in_the_mix() -> None:
    def noise(seed: int) -> list[tuple[float, float]]:
        return [(cost, 1.0) for cost in jittered(1, 0.1, seed, 60)]

    cheap = mixed("cheap", noise(1), noise(2)[:40])
    dear = mixed("dear", noise(1), [(2 * cost, y) for cost, y in noise(3)[:40]])
    got = rank_per_correct([dear, cheap], SHARES)
    assert places(got) == [("cheap", 1, 1, 1), ("dear", 2, 2, 2)]
