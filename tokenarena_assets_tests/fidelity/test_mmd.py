"""MMD^2 against the whole matrices that the authors of Model Equality Testing make, and figures of their package."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.fidelity import mmd, mmd_hamming

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=50)
Pairs = list[tuple[str, str]]
SAMPLES = st.lists(st.tuples(st.sampled_from("abcd"), st.text("xy\0é😀", max_size=14)), min_size=1, max_size=14)
# The example of the README of model-equality-testing (MIT); the figures are those of its package 0.0.2.
README_X = [
    (0, "...a time to be born and a time to die"),
    (1, "'Laughter,' I said, 'is madness.'"),
    (0, "...a time to weep and a time to laugh"),
]
README_Y = [
    (0, "...a time to mourn and a time to dance"),
    (0, "...a time to embrace and a time to refrain from embracing"),
    (1, "I said to myself, 'Come now, I will test you'"),
]


def slow(x: Pairs, y: Pairs, length: int) -> float:
    """All pairs of all samples, zero across prompts, normalised by the diagonal, which is then left out."""

    def units(text: str) -> list[int]:
        return ([ord(c) for c in text] + [-1] * length)[:length]

    def kernel(a: Pairs, b: Pairs) -> np.ndarray:
        return np.array(
            [
                [float(sum(s == t for s, t in zip(units(u), units(v), strict=True))) * (p == q) for q, v in b]
                for p, u in a
            ]
        )

    def pairs(a: Pairs, b: Pairs) -> int:
        return sum(p == q for p, _ in a for q, _ in b)

    k_xx, k_yy, k_xy = kernel(x, x), kernel(y, y), kernel(x, y)
    root_x, root_y = np.sqrt(np.diag(k_xx)), np.sqrt(np.diag(k_yy))
    k_xx, k_yy, k_xy = k_xx / np.outer(root_x, root_x), k_yy / np.outer(root_y, root_y), k_xy / np.outer(root_x, root_y)
    np.fill_diagonal(k_xx, 0)
    np.fill_diagonal(k_yy, 0)
    counts = pairs(x, x) - len(x), pairs(y, y) - len(y), pairs(x, y)
    if 0 in counts:
        return math.nan
    return float(k_xx.sum() / counts[0] + k_yy.sum() / counts[1] - 2 * k_xy.sum() / counts[2])


@EXAMPLES
@given(x=SAMPLES, y=SAMPLES, length=st.sampled_from([1, 2, 7, 10, 40]))
def test_agrees_with_the_matrices(x: Pairs, y: Pairs, length: int) -> None:
    assert mmd_hamming(x, y, length) == pytest.approx(slow(x, y, length), abs=1e-12, nan_ok=True)


@EXAMPLES
@given(x=SAMPLES, y=SAMPLES, seed=st.integers(0, 9))
def test_sides_and_order_do_not_matter(x: Pairs, y: Pairs, seed: int) -> None:
    shuffled = [x[i] for i in np.random.default_rng(seed).permutation(len(x))]
    assert mmd_hamming(x, y, 20) == pytest.approx(mmd_hamming(y, shuffled, 20), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("length", "between", "itself"), [(20, 0.41, -0.3), (200, 0.008, -0.132), (1000, 0.0016, -0.0264)]
)
def test_the_example_of_the_authors(length: int, between: float, itself: float) -> None:
    assert mmd_hamming(README_X, README_Y, length) == pytest.approx(between, abs=1e-12)
    assert mmd_hamming(README_X, README_X, length) == pytest.approx(itself, abs=1e-12)


def test_default_length_is_theirs() -> None:
    assert mmd_hamming(README_X, README_Y) == mmd_hamming(README_X, README_Y, 1000)


def test_a_prompt_of_one_side_counts_in_that_sides_own_sum() -> None:
    x = [("a", "pq"), ("a", "pr"), ("b", "zz"), ("b", "zz"), ("b", "zz")]
    y = [("a", "pq"), ("a", "pq")]
    # Within x: one pair of a at 1/2 and three of b at 1, each in both orders; between: 1 and 1/2.
    assert mmd_hamming(x, y, 2) == pytest.approx((0.5 + 3) / 4 + 1 - 2 * 0.75)


def test_no_pairs_of_a_kind_is_no_number() -> None:
    two = [("a", "x"), ("a", "y")]
    assert math.isnan(mmd_hamming([("a", "x")], two))
    assert math.isnan(mmd_hamming(two, [("b", "x"), ("b", "y")]))
    assert math.isnan(mmd_hamming([], two))
    with pytest.raises(ValueError, match="length 0"):
        mmd_hamming(two, two, 0)


def test_parts_of_the_positions_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mmd_hamming(README_X, README_Y, 60)
    monkeypatch.setattr(mmd, "CELLS", 64)
    assert mmd_hamming(README_X, README_Y, 60) == whole
