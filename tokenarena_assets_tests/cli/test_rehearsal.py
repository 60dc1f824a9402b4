"""A home of rehearsals on the command line: it says what it is, and refuses real rounds."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.cli import app
from tokenarena_assets.fleet.rehearsal import Asked, begin, new_rehearsal
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import publish
from tokenarena_assets.storage.rehearsal import BANNER, RehearsalError
from tokenarena_assets_tests.report.rows import leaderboard_row
from tokenarena_assets_tests.sql_models.frames import frame

DAY = date(2026, 3, 2)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    """A rehearsal that was begun, in the folder that the environment names."""
    home = Home(tmp_path / "rehearsed")
    begin(home, new_rehearsal(Asked(days=2)))
    monkeypatch.setenv("TOKENARENA_HOME", str(home.root))
    monkeypatch.chdir(tmp_path)
    return home


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def said(result: Result, *, to_people: bool = False) -> bool:
    """Whether the banner was told: on stdout to people, on stderr beside what is for a program."""
    assert result.exit_code == 0
    told, other = (result.stdout, result.stderr) if to_people else (result.stderr, result.stdout)
    assert BANNER not in other
    return BANNER in told


@pytest.mark.parametrize(
    "command",
    [
        ("demo",),
        ("run",),
        ("run", "--day", "2026-03-01"),
        ("probe",),
        ("probe", "--dry-run"),
        ("import", "--from", "aiperf", "absent.jsonl", "--endpoint", "northwind/arena-tiny-1m@f16-replica"),
    ],
)
def test_real_rounds_are_refused_with_a_way_out(home: Home, command: tuple[str, ...]) -> None:
    before = sorted(home.root.rglob("*"))
    with pytest.raises(RehearsalError, match="takes no real rounds") as caught:
        invoke(*command)
    assert "TOKENARENA_HOME" in str(caught.value.mend)
    assert sorted(home.root.rglob("*")) == before


def test_what_is_shown_says_so(home: Home) -> None:
    rows = [leaderboard_row(day=DAY, is_embedded=True)]
    ParquetLake(home.lake).write("leaderboard", DAY, frame("leaderboard", rows, DAY))
    publish(home, list(table_specs().values()))
    shown = invoke("leaderboard")
    assert said(shown, to_people=True)
    assert shown.stdout.startswith(BANNER)
    for command in (("leaderboard", "--json"), ("sql", "select rehearsal from leaderboard", "--json")):
        answered = invoke(*command)
        assert said(answered)
        assert [row["rehearsal"] for row in json.loads(answered.stdout)] == [True]
    assert said(invoke("sql", "select rehearsal from leaderboard", "--csv"))
    assert said(invoke("publish"))
    doctor = {found["check"]: found for found in json.loads(invoke("doctor", "--json").stdout)}
    assert doctor["rounds"]["level"] == "warn"
    assert BANNER in doctor["rounds"]["finding"]


def test_a_real_home_is_silent(home: Home) -> None:
    home.rehearsal_marker.unlink()
    ParquetLake(home.lake).write(
        "leaderboard", DAY, frame("leaderboard", [leaderboard_row(day=DAY, is_embedded=True)], DAY)
    )
    publish(home, list(table_specs().values()))
    shown = [invoke("leaderboard"), invoke("sql", "select rehearsal from leaderboard")]
    assert not any(BANNER in result.stdout + result.stderr for result in shown)
    assert "False" in shown[1].stdout


def test_going_on_with_another_rehearsal_is_refused(home: Home) -> None:
    with pytest.raises(RehearsalError, match=r"^--days: not as the rehearsal was begun"):
        invoke("fleet", "rehearse", "--days", "3")
    with pytest.raises(RehearsalError, match=r"^--swap: not as the rehearsal was begun"):
        invoke("fleet", "rehearse", "--no-swap", "--home", str(home.root))


def test_a_home_of_real_rounds_is_not_rehearsed_in(tmp_path: Path) -> None:
    real = Home(tmp_path / "real")
    real.raw_day(DAY).mkdir(parents=True)
    with pytest.raises(RehearsalError, match="is a home of real rounds: it has raw"):
        invoke("fleet", "rehearse", "--days", "2", "--home", str(real.root))
    assert not real.is_rehearsal
