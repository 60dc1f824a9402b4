"""Flags of a day, verdicts over days, and what may be said."""

from __future__ import annotations

from itertools import chain, combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.fidelity.verdict import (
    COUNTED_CHANNELS,
    MIN_REFERENCE_DAYS,
    NO_FLAG,
    DayEvidence,
    Flag,
    claim,
    e_value,
    flag_day,
    judge,
    p_of_a_difference,
)

P = st.none() | st.floats(0, 1)
BOTH = Flag(0.001, 0.01, True, frozenset({"greedy", "logprobs"}))
ONE = Flag(0.001, 0.01, True, frozenset({"greedy"}))
CLEAR = Flag(0.5, 0.9, False, frozenset())


def evidence(flag, gap=(4.0, 6.0), **fields):
    return DayEvidence("endpoint", flag, *gap, **{"n_reference_days": 20, "reference_kind": "own_api"} | fields)


def test_benjamini_hochberg_by_hand():
    # Sorted p: 0.01, 0.02, 0.04, 0.2 against 0.0125, 0.025, 0.0375, 0.05: the first two are rejected.
    flags = flag_day({name: {"greedy": p} for name, p in {"a": 0.02, "b": 0.2, "c": 0.01, "d": 0.04}.items()})
    assert {name for name, flag in flags.items() if flag.suspect} == {"a", "c"}
    assert flags["a"].q_value == pytest.approx(0.04)
    assert flags["d"].q_value == pytest.approx(0.04 * 4 / 3)


def test_a_large_p_that_is_carried_by_larger_ranks():
    # 0.03 is over 0.05 / 3, and rejected with 0.049 under 0.05: BH steps up.
    flags = flag_day({"a": {"greedy": 0.03}, "b": {"greedy": 0.04}, "c": {"greedy": 0.049}})
    assert all(flag.suspect for flag in flags.values())


def test_channels_are_bonferroni_corrected_and_named():
    flags = flag_day(
        {
            "a": {"sampled": 0.3, "greedy": 0.001, "logprobs": 0.012},
            "b": {"sampled": None, "greedy": 0.9, "logprobs": None},
        }
    )
    assert flags["a"].p_endpoint == pytest.approx(0.003)
    assert flags["a"].suspect
    assert flags["a"].named == {"greedy"}  # 3 x 0.012 is over the day's largest rejected p, 0.003
    assert flags["b"].p_endpoint == pytest.approx(0.9)
    assert not flags["b"].named


def test_a_channel_under_the_threshold_of_others_is_named():
    flags = flag_day({"a": {"greedy": 0.001, "logprobs": 0.01}, "b": {"greedy": 0.03}})
    assert flags["b"].suspect
    assert flags["a"].named == {"greedy", "logprobs"}  # 2 x 0.01 <= 0.03


def test_what_is_shown_to_be_within_the_margin_is_no_finding_however_sure():
    assert p_of_a_difference(1e-9, 2.9) == 1
    assert p_of_a_difference(1e-9, 3.0) == 1e-9
    assert p_of_a_difference(1e-9, None) == 1e-9  # no interval, nothing shown
    assert p_of_a_difference(None, 2.9) is None


def test_channels_that_do_not_count_and_endpoints_without_p():
    flags = flag_day({"a": {"parity": 0.0, "border": 0.0, "sampled": None}, "b": {}})
    assert flags == {"a": NO_FLAG, "b": NO_FLAG}
    assert flag_day({}) == {}


@given(st.dictionaries(st.text("abc", min_size=1), st.fixed_dictionaries(dict.fromkeys(COUNTED_CHANNELS, P))))
@settings(max_examples=50)
def test_flags_hang_together(p):
    flags = flag_day(p)
    assert flags.keys() == p.keys()
    for name, flag in flags.items():
        known = [value for value in p[name].values() if value is not None]
        assert (flag.p_endpoint is None) is (not known)
        if known:
            assert flag.q_value >= flag.p_endpoint - 1e-12
        assert flag.suspect is bool(flag.named)
        assert all(p[name][channel] is not None for channel in flag.named)


def test_different_takes_three_days_two_channels_and_a_gap():
    found = judge(evidence(BOTH), [BOTH, BOTH])
    assert found.verdict == "different"
    assert "greedy, logprobs" in found.note


@pytest.mark.parametrize(
    ("today", "history", "note"),
    [
        pytest.param(evidence(BOTH), [BOTH, CLEAR], "3 days in a row", id="a clear day between"),
        pytest.param(evidence(BOTH), [BOTH, None], "3 days in a row", id="a day without flag"),
        pytest.param(evidence(BOTH), [BOTH], "3 days in a row", id="only two days"),
        pytest.param(evidence(BOTH), [BOTH, ONE], "2 channels", id="one channel on one day"),
        pytest.param(evidence(ONE), [ONE, ONE], "2 channels", id="one channel"),
        pytest.param(evidence(BOTH, (3.0, 6.0)), [BOTH, BOTH], "over 3 points", id="gap on the margin"),
        pytest.param(evidence(BOTH, (None, None)), [BOTH, BOTH], "over 3 points", id="no gap"),
    ],
)
def test_what_is_short_of_different_is_suspect(today, history, note):
    found = judge(today, history)
    assert found.verdict == "suspect"
    assert note in found.note


def test_other_channels_each_day_do_not_corroborate():
    other = Flag(0.001, 0.01, True, frozenset({"greedy", "sampled"}))
    assert judge(evidence(BOTH), [BOTH, other]).verdict == "suspect"


def test_consistent_and_undetermined():
    assert judge(evidence(CLEAR, (-1.0, 2.9)), []).verdict == "consistent"
    assert judge(evidence(CLEAR, (-1.0, 3.0)), []).verdict == "undetermined"
    assert judge(evidence(CLEAR, (4.0, 9.0)), []).verdict == "undetermined"
    assert judge(evidence(CLEAR, (None, None)), []).verdict == "undetermined"


def test_it_clears_by_itself():
    assert judge(evidence(CLEAR, (-1.0, 1.0)), [BOTH, BOTH]).verdict == "consistent"


def test_no_verdict_before_14_reference_days():
    for days in range(MIN_REFERENCE_DAYS):
        clear = judge(evidence(CLEAR, (-1.0, 1.0), n_reference_days=days), [])
        assert clear.verdict == "undetermined"
        assert clear.note == f"no verdict before 14 reference days: {14 - days} missing"
        assert judge(evidence(BOTH, n_reference_days=days), [BOTH, BOTH]).verdict == "suspect"


def test_who_is_not_judged():
    assert judge(DayEvidence("reference", None, None, None, 0, "own_api"), []).verdict == "reference"
    assert judge(DayEvidence("honest", BOTH, 9.0, 9.0, 20, "own_api"), [BOTH, BOTH]).verdict == "honest_floor"
    none = judge(evidence(BOTH, reference_kind="none", why_no_reference="no majority"), [BOTH, BOTH])
    assert (none.verdict, none.note) == ("no_reference", "no majority")
    consensus = judge(evidence(BOTH, reference_kind="consensus", n_consensus=5), [BOTH, BOTH])
    assert consensus.verdict == "undetermined"
    assert consensus.note == "consensus of 5 endpoints: no claim of deviation"
    nothing = judge(evidence(NO_FLAG, (None, None), why_no_score="8 prompts fit, 10 needed"), [])
    assert (nothing.verdict, nothing.note) == ("no_score", "8 prompts fit, 10 needed")


def test_claims():
    exact = {"greedy", "logprobs"}
    assert claim("different", exact, "f16", "f16") == "outputs differ from the f16 that is disclosed (greedy, logprobs)"
    assert (
        claim("suspect", {"greedy"}, "q4_0", "f16")
        == "differs from the reference, as its disclosed q4_0 would (greedy)"
    )
    assert claim("suspect", exact, None, "f16") == "outputs differ from the reference's (greedy, logprobs)"
    assert claim("suspect", {"sampled"}, "f16", "f16") == "text differs from the reference's (sampled)"
    assert claim("consistent", exact, "f16", "f16") == ""


def test_sampled_text_alone_never_speaks_of_precision():
    """Over everything that can be asked: no quantization from sampled text, and never an undisclosed one at all."""
    subsets = chain.from_iterable(combinations((*COUNTED_CHANNELS, "parity", "border"), n) for n in range(6))
    verdicts = ("reference", "honest_floor", "no_reference", "no_score", "consistent", "suspect", "different")
    precisions = (None, "f16", "q8_0", "q4_0", "fp8")
    for verdict, named, own, reference in product((*verdicts, "undetermined"), subsets, precisions, precisions):
        said = claim(verdict, named, own, reference).lower()
        assert "undisclosed" not in said
        assert "quanti" not in said
        if not {"greedy", "logprobs"} & set(named):
            assert not any(precision in said for precision in precisions if precision)
        if verdict not in {"suspect", "different"}:
            assert said == ""


def test_e_value():
    assert e_value(0.25) == 1.0
    assert e_value(0.0001) == pytest.approx(50)
    assert e_value(0.0) > 1e100
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match="p value"):
            e_value(p)
