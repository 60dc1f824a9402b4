"""The commands explain, recompute and snapshot as a person types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tokenarena_assets.cli import app
from tokenarena_assets.commands.snapshot import days_of
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets_tests.evidence import Materialized

run = CliRunner()


@pytest.fixture
def at_home(materialized: Materialized, monkeypatch: pytest.MonkeyPatch) -> Materialized:
    monkeypatch.setenv("TOKENARENA_HOME", str(materialized.home.root))
    return materialized


@pytest.mark.parametrize("command", ["explain", "recompute", "snapshot"])
def test_help_has_an_example(command: str) -> None:
    result = run.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Example: tokenarena" in result.output


def test_explain_prints_text_json_and_raw_lines(at_home: Materialized) -> None:
    day = str(at_home.days[-1])
    brief = run.invoke(app, ["explain", day, "chat", "nobody/at-all@x"])
    assert isinstance(brief.exception, TokenArenaError)
    endpoint = "arena-first-party/arena-tiny-1m@f16-reference"
    assert endpoint in str(brief.exception)
    every = run.invoke(app, ["explain", day, "chat", endpoint])
    assert every.exit_code == 0, every.output
    assert "usd_per_correct" in every.output
    shown = run.invoke(app, ["explain", day, "chat", endpoint, "ttft_ms", "--raw", "--limit", "1"])
    assert shown.exit_code == 0, shown.output
    assert '"request_id"' in shown.output
    found = json.loads(run.invoke(app, ["explain", day, "chat", endpoint, "ttft_ms", "--json"]).stdout)
    assert found["column"] == "ttft_ms"
    assert found["probes"]["total"] == found["n"]


def test_a_snapshot_is_written_checked_and_damaged(at_home: Materialized, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    day = str(at_home.days[0])
    made = run.invoke(app, ["snapshot", "--day", day, "--output", str(folder), "--json"])
    assert made.exit_code == 0, made.output
    assert run.invoke(app, ["snapshot", "--verify", str(folder)]).exit_code == 0
    victim = next(folder.glob("tables/leaderboard/*/*.parquet"))
    shutil.copyfile(next(folder.glob("tables/scorecard/*/*.parquet")), victim)
    checked = run.invoke(app, ["snapshot", "--verify", str(folder)])
    assert checked.exit_code == 1
    assert victim.relative_to(folder).as_posix() in checked.output
    again = run.invoke(app, ["recompute", str(folder)])
    assert again.exit_code == 1


@pytest.mark.parametrize(
    ("day", "days", "message"),
    [
        ("2026-11-01", "2026-11-01..2026-11-02", "exclude each other"),
        ("yesterday", None, "is not a day"),
        (None, "2026-11-01", "is no range"),
        (None, "2026-11-02..2026-11-01", "ends before it begins"),
        (None, "2025-01-01..2025-01-02", "no tables of"),
    ],
)
def test_days_that_are_none_are_refused(
    materialized: Materialized, day: str | None, days: str | None, message: str
) -> None:
    with pytest.raises(TokenArenaError, match=message):
        days_of(day, days, materialized.days)


def test_recompute_refuses_what_is_no_day_and_no_folder() -> None:
    result = run.invoke(app, ["recompute", "nowhere"])
    assert isinstance(result.exception, TokenArenaError)
    assert "is no day and no folder" in str(result.exception)
