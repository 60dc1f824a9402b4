"""Prompt-token parity."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.fidelity.parity import parity

COUNTS = {"short": 12, "long": 410, "turns": 77}


def test_equal_counts_are_equal():
    found = parity(COUNTS, COUNTS)
    assert (found.n, found.equal, found.mismatched, found.offset) == (3, 3, (), None)
    assert found.note == "token counts equal on all 3 message sets"


def test_a_hidden_prompt_adds_the_same_to_all():
    found = parity({name: n + 23 for name, n in COUNTS.items()}, COUNTS)
    assert (found.equal, found.offset) == (0, 23)
    assert found.mismatched[0] == ("long", 433, 410)
    assert found.note == "a hidden prompt or another template of about +23 tokens, on all 3 message sets"


def test_a_shorter_template_is_an_offset_too():
    assert parity({name: n - 4 for name, n in COUNTS.items()}, COUNTS).offset == -4


def test_an_offset_on_some_sets_only_is_no_hidden_prompt():
    found = parity(COUNTS | {"turns": 80}, COUNTS)
    assert (found.n, found.equal, found.offset) == (3, 2, None)
    assert "differ on 1 of 3" in found.note


def test_one_set_alone_shows_no_offset():
    assert parity({"short": 20}, COUNTS).offset is None


def test_counts_that_were_not_given_are_missing():
    found = parity({"short": 12, "long": None, "other": 3}, COUNTS)
    assert (found.n, found.n_missing, found.equal) == (1, 3, 1)
    assert parity({}, {}).note == "no message set was counted by both sides"


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 99) | st.none()), st.integers(-50, 50))
def test_sets_are_equal_mismatched_or_missing(reference, shift):
    endpoint = {name: None if n is None else n + shift for name, n in reference.items()}
    found = parity(endpoint, reference)
    assert found.equal + len(found.mismatched) == found.n
    assert found.n + found.n_missing == len(reference)
    assert found.offset == (shift if shift and found.n >= 2 else None)
