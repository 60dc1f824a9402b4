"""Grades that cannot be given again are taken as published and said; every other difference stays one."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.chain.tables import GRADED_ANSWERS
from tokenarena_assets.recompute import rerun
from tokenarena_assets.recompute.evidence import Evidence
from tokenarena_assets.recompute.rerun import Recomputed, compare_all
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake

DAY = date(2026, 11, 2)


def graded(request_id: str, outcome: str) -> dict[str, Any]:
    ours = outcome in ("not_run", "grader_fault", "missing")
    return {
        "day": DAY,
        "request_id": request_id,
        "domain": "code",
        "source": "generated",
        "tier": "tiny",
        "attempt": 1,
        "outcome": outcome,
        "correct": None if ours else outcome == "correct",
        "lenient_correct": None if ours else outcome == "correct",
        "extracted": None,
        "detail": "why" if ours else None,
        "grader_version": "code-1",
    }


@pytest.fixture
def lakes(tmp_path: Path) -> tuple[Evidence, ParquetLake]:
    return Evidence(tmp_path / "published", ParquetLake(tmp_path / "published" / "lake")), ParquetLake(
        tmp_path / "ours"
    )


def run(
    monkeypatch: pytest.MonkeyPatch,
    lakes: tuple[Evidence, ParquetLake],
    published: dict[str, str],
    ours: dict[str, str],
    again: dict[str, str],
) -> tuple[Recomputed, list[set[str]], int]:
    """Grade `ours`, and `again` where it is asked for once more: findings, what was asked for, cells that differ."""
    evidence, lake = lakes
    for target, outcomes in ((evidence.tables, published), (lake, ours)):
        target.write("graded_answers", DAY, GRADED_ANSWERS.frame([graded(*each) for each in outcomes.items()]))
    asked: list[set[str]] = []

    def make(_: object, tables: set[str]) -> None:
        asked.append(tables)
        lake.write("graded_answers", DAY, GRADED_ANSWERS.frame([graded(*each) for each in again.items()]))

    monkeypatch.setattr(rerun._Rerun, "make", make)
    found = Recomputed([DAY])
    chunk = rerun._Chunk([DAY], Path("presets.yaml"))
    rerun._take_graded(rerun._Rerun(evidence, lake, Home(lake.root.parent), [chunk], found, lambda _: None))
    (compared,) = compare_all(evidence.tables, lake, [DAY], found)
    return found, asked, compared.differing


def test_a_time_out_that_passes_the_second_time_is_no_difference(
    monkeypatch: pytest.MonkeyPatch, lakes: tuple[Evidence, ParquetLake]
) -> None:
    same = {"a": "correct", "b": "wrong"}
    found, asked, differing = run(monkeypatch, lakes, same, same | {"a": "code_timeout"}, same)
    assert asked == [{"graded_answers"}]
    assert (found.timing, found.taken, differing) == ([], {}, 0)


def test_one_that_does_not_is_named_and_taken(
    monkeypatch: pytest.MonkeyPatch, lakes: tuple[Evidence, ParquetLake]
) -> None:
    published, ours = {"a": "code_timeout", "b": "wrong"}, {"a": "correct", "b": "wrong"}
    found, _, differing = run(monkeypatch, lakes, published, ours, ours)
    assert found.timing == ["2026-11-02 a"]
    assert found.taken == {"graded_answers": "1 grades not reproducible: timing"}
    assert differing == 0


def test_code_that_was_not_run_on_one_side_is_taken(
    monkeypatch: pytest.MonkeyPatch, lakes: tuple[Evidence, ParquetLake]
) -> None:
    published, ours = {"a": "correct", "b": "wrong"}, {"a": "not_run", "b": "not_run"}
    found, asked, differing = run(monkeypatch, lakes, published, ours, ours)
    assert asked == []
    assert found.taken["graded_answers"].startswith("2 grades of code that only one")
    assert differing == 0


def test_another_grade_stays_a_difference(monkeypatch: pytest.MonkeyPatch, lakes: tuple[Evidence, ParquetLake]) -> None:
    published, ours = {"a": "correct", "b": "code_timeout"}, {"a": "wrong", "b": "code_timeout"}
    found, _, differing = run(monkeypatch, lakes, published, ours, ours)
    assert found.taken == {}
    assert differing == 3  # outcome, correct, lenient_correct
