"""The list of licences is that of the lock, and a licence that nobody has read fails it."""

from __future__ import annotations

import pytest

from scripts.licences import PAGE, is_allowed, listed, page_of, problems, rows_of


def test_the_page_is_current_and_all_licences_are_allowed() -> None:
    assert problems(listed(), PAGE.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND (GPL-3.0-only OR MIT)", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only", False),
        ("MIT AND AGPL-3.0-only", False),
        ("none stated", False),
    ],
)
def test_what_is_allowed(licence: str, allowed: bool) -> None:
    assert is_allowed(licence) is allowed


def test_what_has_changed_is_named() -> None:
    page = page_of({("a", "1"): "MIT", ("b", "1"): "MIT"})
    assert rows_of(page) == {("a", "1"): "MIT", ("b", "1"): "MIT"}
    found = problems({("a", "1"): "GPL-2.0-only", ("c", "1"): "MIT"}, page)
    assert found == [
        "a 1: the licence 'GPL-2.0-only' is not one of those allowed",
        "a: is GPL-2.0-only, licences.md says MIT",
        "b 1: in licences.md, not in the lock",
        "c 1: not in licences.md",
    ]
