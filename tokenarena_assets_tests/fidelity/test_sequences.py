"""Encoding of answers against code points read one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.fidelity import END, Outcome, PromptSamples, encode
from tokenarena_assets.fidelity.sequences import dense_codes

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=50)
# Surrogates too: a model may send half a pair.
TEXTS = st.lists(st.text(st.characters(exclude_categories=()), max_size=12), max_size=6)


@EXAMPLES
@given(texts=TEXTS, length=st.integers(1, 9))
def test_code_points_then_end(texts: list[str], length: int) -> None:
    got = encode(texts, length)
    assert (got.dtype, got.shape) == (np.int32, (len(texts), length))
    for row, text in zip(got.tolist(), texts, strict=True):
        assert row == ([ord(c) for c in text[:length]] + [END] * length)[:length]


def test_characters_outside_the_basic_plane_and_nul_are_one_unit_each() -> None:
    assert encode(["😀\0é", ""], 4).tolist() == [[0x1F600, 0, 0xE9, END], [END] * 4]


def test_outcomes_are_symbols_of_their_own_whatever_the_text() -> None:
    outcomes = [Outcome.ANSWERED, Outcome.BLANK, Outcome.FILTERED, Outcome.REFUSAL, "refusal", "answered"]
    got = encode(["a", "", "cut o", "I cannot", "Sorry", ""], 3, outcomes)
    symbols = [set(row) for row in got.tolist()]
    assert symbols[0] == {ord("a"), END}
    assert [len(s) for s in symbols[1:]] == [1] * 5
    blank, filtered, refusal, again, empty = (s.pop() for s in symbols[1:])
    assert refusal == again
    assert len({blank, filtered, refusal, empty}) == 4
    assert empty == END
    assert max(blank, filtered, refusal) < END


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="length 0"):
        encode(["a"], 0)
    with pytest.raises(ValueError, match="1 texts and 2 outcomes"):
        encode(["a"], 3, ["answered", "blank"])
    with pytest.raises(ValueError, match="missing"):
        encode(["a"], 3, ["missing"])
    two, three = encode(["a", "b"], 2), encode(["a"], 3)
    with pytest.raises(ValueError, match="shapes"):
        PromptSamples("p", two, three, np.arange(2), np.arange(1))
    with pytest.raises(ValueError, match="one block"):
        PromptSamples("p", two, two, np.arange(2), np.arange(1))


@EXAMPLES
@given(rows=st.lists(st.lists(st.integers(-4, 50), min_size=3, max_size=3), max_size=6))
def test_dense_codes_tell_the_same_symbols_apart(rows: list[list[int]]) -> None:
    sequences = np.array(rows, dtype=np.int32).reshape(-1, 3)
    codes, count = dense_codes(sequences)
    symbols, inverse = np.unique(sequences, return_inverse=True)
    assert count == len(symbols)
    np.testing.assert_array_equal(codes, inverse.reshape(sequences.shape))
