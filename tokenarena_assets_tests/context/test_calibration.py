"""Tokens from characters; the falling curve."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.context import STANDARD, TINY
from tokenarena_assets.context.calibration import calibrate
from tokenarena_assets.context.curve import falling, intervals


def test_a_line_through_two_calls() -> None:
    calibration, findings = calibrate([(4_000, 1_050), (16_000, 4_050)], STANDARD)
    assert (calibration.method, calibration.tokens_per_char, calibration.overhead_tokens) == ("two_calls", 0.25, 50)
    assert not findings
    assert calibration.chars(64_000) == 255_800
    assert calibration.residual(16_000, 4_050) == 0
    assert calibration.residual(16_000, 2_025) == -0.5
    assert calibration.falls_short(-0.031)
    assert not calibration.falls_short(-0.029)
    assert calibration.residual(16_000, None) is None


def test_one_call_takes_the_slope_of_the_generator() -> None:
    calibration, findings = calibrate([(4_000, 900), (16_000, None)], STANDARD)
    assert calibration.method == "one_call"
    assert calibration.tokens(4_000) == pytest.approx(900)
    assert not calibration.falls_short(-0.15)
    assert calibration.falls_short(-0.25)
    assert not findings
    fewer, _ = calibrate([(4_000, 800)], STANDARD)  # fewer than the generator's slope gives
    assert (fewer.tokens(4_000), fewer.overhead_tokens) == (800, 0)


def test_usage_far_too_low_does_not_make_prompts_endless() -> None:
    calibration, findings = calibrate([(4_000, 88), (16_000, 352)], STANDARD)
    assert [finding.kind for finding in findings] == ["calibration_short"]
    assert calibration.chars(64_000) <= 64_000 * 4.55 / 0.8
    assert calibrate([(4_000, 88)], STANDARD)[1] != ()


def test_without_usage_lengths_are_estimates() -> None:
    calibration, findings = calibrate([(4_000, None), (16_000, None)], STANDARD)
    assert calibration.method == "chars_per_token"
    assert calibration.tokens(4_550) == pytest.approx(1_000)
    assert [finding.kind for finding in findings] == ["no_usage"]
    assert calibrate([], STANDARD)[1] == ()


def test_a_longer_call_that_was_itself_shortened_is_not_believed() -> None:
    """16,000 characters of the generator are 3,500 tokens of any tokenizer; a window of 2,048 shows."""
    calibration, findings = calibrate([(4_000, 900), (16_000, 1_026)], STANDARD)
    assert calibration.method == "one_call"
    assert [finding.kind for finding in findings] == ["calibration_short"]
    assert calibrate([(666, 251), (1_800, 512)], TINY)[0].method == "one_call"


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 6)), min_size=1, max_size=9))
def test_pooling_falls_and_keeps_the_mean(points: list[tuple[float, int]]) -> None:
    values, weights = zip(*points, strict=True)
    fitted = falling(values, weights)
    assert all(first >= second - 1e-12 for first, second in pairwise(fitted))
    mean = sum(value * weight for value, weight in points)
    assert sum(value * weight for value, weight in zip(fitted, weights, strict=True)) == pytest.approx(mean)


def test_adjacent_violators_are_pooled() -> None:
    assert falling([1.0, 0.5, 0.8], [2, 1, 2]) == pytest.approx((1.0, 0.7, 0.7))
    assert falling([], []) == ()


def test_intervals_hold_the_curve_and_are_the_same_each_time() -> None:
    requests = [[8, 8, 7], [8, 4, 6, 5], [2, 3]]
    bands = intervals(requests, 8)
    assert bands == intervals(requests, 8)
    fitted = falling([sum(hits) / len(hits) / 8 for hits in requests], [len(hits) for hits in requests])
    assert all(low <= value <= high for (low, high), value in zip(bands, fitted, strict=True))
    assert intervals([[8, 8]], 8) == ((1.0, 1.0),)
    assert intervals([], 8) == ()
