"""Greedy divergence: censoring, rates, floors and ratios."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.fidelity.greedy import (
    ASSUMED_FLOOR,
    Answer,
    Divergence,
    Floor,
    choose_floor,
    compare,
    dispersion,
    divergence,
    first_difference,
    pool,
    rate_interval,
    rate_ratio,
)

ANSWERS = st.builds(Answer, st.text("ab", max_size=6), st.booleans())


def finished(text):
    return Answer(text, cut=False)


def cut(text):
    return Answer(text, cut=True)


def test_first_difference():
    assert first_difference("abcd", "abXd") == 2
    assert first_difference("ab", "abcd") == 2
    assert first_difference((), (1,)) == 0
    assert first_difference([3, 1], [3, 1]) == 2


@pytest.mark.parametrize(
    ("a", "b", "d", "length"),
    [
        pytest.param(finished("abc"), finished("abc"), 4, 4, id="same text, END compared as well"),
        pytest.param(finished("abc"), finished("abX"), 2, 4, id="other text"),
        pytest.param(finished("ab"), finished("abcd"), 2, 5, id="a prefix parts at its END"),
        pytest.param(finished(""), finished("abc"), 0, 4, id="a blank answer parts at once"),
        pytest.param(cut("abc"), cut("abc"), 3, 3, id="both at the cap"),
        pytest.param(cut("abc"), cut("abcde"), 3, 3, id="both at the cap, other lengths in code points"),
        pytest.param(cut("abc"), finished("abc"), 3, 3, id="the cut one may have gone on"),
        pytest.param(cut("ab"), finished("abcd"), 2, 2, id="cut inside the other"),
        pytest.param(cut("abcd"), finished("ab"), 2, 4, id="the finished one ended, the cut one had not"),
        pytest.param(cut("aXc"), cut("abc"), 1, 3, id="cut, and parted before"),
    ],
)
def test_censoring(a, b, d, length):
    for found in (compare(a, b), compare(b, a)):
        assert (found.first_difference, found.length) == (d, length)
        assert found.differs is (d < length)
        assert found.exposure == min(d + 1, length)


@given(ANSWERS, ANSWERS)
@settings(max_examples=50)
def test_a_difference_is_one_that_both_showed(a, b):
    """Brute force over what each side said at each unit: None where it is not known."""

    def said(answer, at):
        if at < len(answer.units):
            return answer.units[at]
        return None if answer.cut else "END"

    found = compare(a, b)
    assert found == compare(b, a)
    events = []
    for at in range(8):
        left, right = said(a, at), said(b, at)
        if left is None or right is None:
            break
        if left != right:
            events.append(at)
            break
    assert found.differs is bool(events)
    if events:
        assert found.first_difference == events[0]


def test_rate_by_hand():
    # d = 2 of L 4 (3 units), no difference in 3 units, d = 0 (1 unit): 2 events in 7 units of 2 a token.
    pairs = [(finished("abc"), finished("abX")), (cut("abc"), cut("abc")), (finished(""), finished("abc"))]
    found = divergence(pairs, units_per_token=2.0)
    assert (found.events, found.exposure_units, found.n_prompts) == (2, 7, 3)
    assert found.rate_per_1k_tokens == pytest.approx(1_000 * 2 / 3.5)


def test_nothing_compared_has_no_rate():
    nothing = divergence([], 4.0)
    assert nothing.rate_per_1k_tokens is None
    assert rate_interval(nothing) is None
    assert rate_ratio(nothing, ASSUMED_FLOOR) is None
    with pytest.raises(ValueError, match="positive"):
        divergence([], 0.0)


def test_pool_adds_tokens_of_each_ones_own_length():
    found = pool([Divergence(3, 400, 4.0, 5), Divergence(1, 100, 2.0, 2)])
    assert (found.events, found.tokens, found.n_prompts) == (4, pytest.approx(150.0), 7)
    assert pool([]).tokens == 0


def test_rate_interval_is_garwoods():
    # Tabulated exact 95 % limits of a Poisson count: 0 -> 3.689, 10 -> 4.795 to 18.390.
    assert rate_interval(Divergence(0, 1_000, 1.0)) == (0.0, pytest.approx(3.689, abs=1e-3))
    assert rate_interval(Divergence(10, 1_000, 1.0)) == (
        pytest.approx(4.795, abs=1e-3),
        pytest.approx(18.390, abs=1e-3),
    )


def test_rate_ratio_by_hand():
    floor = Floor(10.0, 25, 2_500.0, "measured")
    found = rate_ratio(Divergence(100, 4_000, 1.0), floor, phi=2.0)
    assert found.rr == pytest.approx(2.5)
    assert found.se_log == pytest.approx(2 * math.sqrt(1 / 100 + 1 / 25))
    reach = 1.959964 * found.se_log
    assert (found.lo, found.hi) == (pytest.approx(2.5 * math.exp(-reach)), pytest.approx(2.5 * math.exp(reach)))
    z = math.log(2.5) / found.se_log
    assert found.p_one_sided == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)))


def test_an_assumed_floor_adds_its_own_uncertainty():
    found = rate_ratio(Divergence(60, 4_000, 1.0), ASSUMED_FLOOR)
    assert found.rr == pytest.approx(1.0)
    assert found.se_log == pytest.approx(math.sqrt(1 / 60 + 0.25))
    assert found.p_one_sided == pytest.approx(0.5)


def test_a_zero_count_stands_as_a_half():
    found = rate_ratio(Divergence(0, 1_000, 1.0), Floor(0.5, 0, 1_000.0, "measured"))
    assert found.rr == pytest.approx(1.0)
    assert found.se_log == pytest.approx(math.sqrt(2 + 2))


def test_dispersion():
    even = [Divergence(10, 1_000, 1.0)] * 5
    assert dispersion(even) == 1.0
    assert dispersion([Divergence(0, 1_000, 1.0), Divergence(50, 1_000, 1.0)]) == 1.0
    # Counts 4, 10, 16 on equal exposures: chi-square (36 + 0 + 36) / 10 over 2 degrees of freedom.
    spread = [Divergence(n, 1_000, 1.0) for n in (4, 10, 16)]
    assert dispersion(spread) == pytest.approx(math.sqrt(3.6))


def test_floor_without_honest_deployments_is_assumed():
    assert choose_floor([]) is ASSUMED_FLOOR
    assert (ASSUMED_FLOOR.rate_per_1k, ASSUMED_FLOOR.log_sd) == (15.0, 0.5)
    assert "assumed" in ASSUMED_FLOOR.source


def test_floor_of_honest_deployments_is_pooled():
    one = choose_floor([Divergence(40, 4_000, 1.0)])
    assert (one.rate_per_1k, one.events, one.log_sd) == (pytest.approx(10.0), 40, 0.5)
    rates = [Divergence(n, 4_000, 1.0) for n in (20, 40, 80)]
    three = choose_floor(rates)
    assert three.rate_per_1k == pytest.approx(140 / 12)
    # Logs of the rates are -log 2, 0, log 2 around the middle: variance log(2)^2, less counting, for one host more.
    counting = (1 / 20 + 1 / 40 + 1 / 80) / 3
    assert three.log_sd == pytest.approx(math.sqrt((math.log(2) ** 2 - counting) * 4 / 3))


def test_floor_is_never_under_the_references_own():
    day_to_day = Divergence(80, 2_000, 1.0)
    floor = choose_floor([], [Divergence(0, 2_000, 1.0), day_to_day])
    assert (floor.rate_per_1k, floor.events, floor.log_sd) == (pytest.approx(40.0), 80, 0.5)
    assert "itself" in floor.source
    assert choose_floor([], [Divergence(1, 2_000, 1.0)]) is ASSUMED_FLOOR


@given(st.integers(0, 500), st.integers(0, 500), st.floats(1, 4))
@settings(max_examples=50)
def test_ratio_grows_with_events_and_its_interval_holds_it(events, more, phi):
    def ratio(n):
        return rate_ratio(Divergence(n, 10_000, 1.0), Floor(10.0, 100, 10_000.0, "measured"), phi)

    low, high = ratio(events), ratio(events + more)
    assert low.lo <= low.rr <= low.hi
    assert low.rr <= high.rr
    assert 0 <= low.p_one_sided <= 1
    assert (low.p_one_sided < 0.5) is (low.rr > 1)
