"""The rule of the effective length against tables that others published, and the rungs of the ladder."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.context import STANDARD, TINY, effective_length, ladder_of, rungs_of
from tokenarena_assets_tests.context import published


@pytest.mark.parametrize("model", published.NOLIMA)
def test_nolimas_effective_lengths(model: str) -> None:
    base, theirs, scores = published.NOLIMA[model]
    assert effective_length(published.NOLIMA_LENGTHS, scores, base_accuracy=base) == (theirs or None)


@pytest.mark.parametrize("model", published.RULER)
def test_rulers_effective_lengths(model: str) -> None:
    theirs, scores = published.RULER[model]
    ours = effective_length(published.RULER_LENGTHS, scores, base_accuracy=published.RULER_THRESHOLD, threshold=1.0)
    assert ours == (theirs or None)


@pytest.mark.parametrize("model", published.RULER_AGAINST_ITSELF)
def test_rows_that_contradict_rulers_own_threshold(model: str) -> None:
    theirs, scores = published.RULER_AGAINST_ITSELF[model]
    assert scores[published.RULER_LENGTHS.index(theirs)] < published.RULER_THRESHOLD
    ours = effective_length(published.RULER_LENGTHS, scores, base_accuracy=published.RULER_THRESHOLD, threshold=1.0)
    assert ours == published.RULER_LENGTHS[published.RULER_LENGTHS.index(theirs) - 1]


def test_a_length_after_one_that_fails_does_not_count() -> None:
    assert effective_length([4, 8, 16, 32], [0.9, 0.5, 0.9, 0.9], base_accuracy=1.0) == 4


def test_any_order_exact_thresholds_and_nothing() -> None:
    assert effective_length([16, 4, 8], [0.1, 0.85, 17 / 20], base_accuracy=1.0) == 8
    assert effective_length([4], [0.68], base_accuracy=0.8) == 4
    assert effective_length([4, 8], [0.9, math.nan], base_accuracy=1.0) == 4
    assert effective_length([4], [0.84], base_accuracy=1.0) is None
    assert effective_length([], [], base_accuracy=1.0) is None


@pytest.mark.parametrize(
    ("lengths", "accuracies", "base"),
    [
        ([4], [0.9, 0.9], 1.0),
        ([4, 4], [0.9, 0.9], 1.0),
        ([0], [0.9], 1.0),
        ([math.nan], [0.9], 1.0),
        ([4], [0.9], 0.0),
        ([4], [0.9], math.nan),
    ],
)
def test_what_makes_no_sense_is_refused(lengths, accuracies, base) -> None:
    with pytest.raises(ValueError, match=r"length|accurac|base"):
        effective_length(lengths, accuracies, base_accuracy=base)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0.1, 1), st.randoms(use_true_random=False))
def test_the_run_is_unbroken(accuracies: list[float], base: float, rng: random.Random) -> None:
    lengths = [2**index for index in range(len(accuracies))]
    pairs = list(zip(lengths, accuracies, strict=True))
    rng.shuffle(pairs)
    found = effective_length([length for length, _ in pairs], [accuracy for _, accuracy in pairs], base_accuracy=base)
    passing = [accuracy >= 0.85 * base * (1 - 1e-9) for accuracy in accuracies]
    assert found == (None if not passing[0] else 2 ** ((*passing, False).index(False) - 1))


def test_the_top_rung_leaves_an_eighth_for_the_answer() -> None:
    assert rungs_of(STANDARD, 131_072) == (4_000, 8_000, 16_000, 32_000, 64_000, 114_688)
    assert rungs_of(STANDARD, 1_048_576)[-3:] == (256_000, 512_000, 917_504)
    assert rungs_of(TINY, 1_024) == (384, 512, 640, 768, 896)
    assert rungs_of(TINY, 768) == (384, 512, 672)


def test_rungs_near_the_top_are_left_out_and_bounds_are_kept() -> None:
    assert rungs_of(STANDARD, 75_000) == (4_000, 8_000, 16_000, 32_000, 65_625)
    assert rungs_of(STANDARD, 131_072, 40_000) == (4_000, 8_000, 16_000, 32_000)
    assert rungs_of(STANDARD, None) == (4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000)
    assert rungs_of(STANDARD, 2_000) == ()
    assert ladder_of("tiny") is TINY
    assert ladder_of("hard") is STANDARD
