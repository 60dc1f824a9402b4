"""Kernels against their definitions, pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.fidelity import delta_kernel, encode, gram, hamming_kernel, prefix_kernel, within_kernel
from tokenarena_assets.fidelity.kernels import Kernel
from tokenarena_assets.fidelity.sequences import Sequences

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=50)
# Two letters, so that prefixes are shared and texts are equal.
TEXTS = st.lists(st.text("ab", max_size=8), min_size=1, max_size=9)
KERNELS: dict[Kernel, tuple[Callable[..., object], Callable[[list[int], list[int]], float]]] = {
    "prefix": (
        prefix_kernel,
        lambda a, b: len(list(takewhile(lambda p: p[0] == p[1], zip(a, b, strict=True)))) / len(a),
    ),
    "hamming": (hamming_kernel, lambda a, b: sum(s == t for s, t in zip(a, b, strict=True)) / len(a)),
    "delta": (delta_kernel, lambda a, b: float(a == b)),
}


def by_definition(a: Sequences, b: Sequences, kernel: Kernel) -> np.ndarray:
    return np.array([[KERNELS[kernel][1](s, t) for t in b.tolist()] for s in a.tolist()])


@pytest.mark.parametrize("kernel", KERNELS)
@EXAMPLES
@given(x=TEXTS, y=TEXTS, length=st.integers(1, 9))
def test_every_pair(kernel: Kernel, x: list[str], y: list[str], length: int) -> None:
    a, b = encode(x, length), encode(y, length)
    np.testing.assert_array_equal(KERNELS[kernel][0](a, b), by_definition(a, b, kernel))
    got = gram(a, kernel)
    np.testing.assert_array_equal(got, by_definition(a, a, kernel))
    assert (np.diag(got) == 1).all()
    assert np.linalg.eigvalsh(got).min() > -1e-9  # a kernel is positive semidefinite


@pytest.mark.parametrize("kernel", KERNELS)
def test_many_symbols_and_long_sequences(kernel: Kernel) -> None:
    rng = np.random.default_rng(3)
    wide = rng.integers(-4, 0x10FFFF, size=(12, 40)).astype(np.int32)
    wide[6:, :20] = wide[:6, :20]
    long = rng.integers(0, 3, size=(5, 700)).astype(np.int32)
    long[1:, :600] = long[0, :600]
    for sequences in (wide, long):
        np.testing.assert_array_equal(gram(sequences, kernel), by_definition(sequences, sequences, kernel))


def test_delta_and_prefix_are_one_only_for_equal_texts() -> None:
    a = encode(["abc", "abc", "abcd"], 4)
    np.testing.assert_array_equal(prefix_kernel(a[:1], a), [[1, 1, 0.75]])
    np.testing.assert_array_equal(delta_kernel(a[:1], a), [[1, 1, 0]])
    np.testing.assert_array_equal(hamming_kernel(a[:1], a), [[1, 1, 0.75]])


def test_padding_counts_as_equal_for_hamming_alone() -> None:
    a = encode(["x", "y"], 10)
    assert gram(a, "hamming")[0, 1] == 0.9
    assert gram(a, "prefix")[0, 1] == 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_sequences(kernel: Kernel) -> None:
    none, one = encode([], 5), encode(["a"], 5)
    assert gram(none, kernel).shape == (0, 0)
    assert gram(one, kernel).tolist() == [[1.0]]
    assert KERNELS[kernel][0](none, one).shape == (0, 1)  # type: ignore[attr-defined]


def test_mean_within_a_side() -> None:
    assert within_kernel(encode(["ab", "ab", "ac"], 2)) == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert within_kernel(encode(["ab", "ab", "ac"], 2), "delta") == pytest.approx(1 / 3)
    assert within_kernel(encode(["ab"], 2)) is None
    assert within_kernel(encode([], 2)) is None
