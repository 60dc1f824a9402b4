"""`tokenarena import` as a person uses it, through to the tables and the leaderboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.chain.certificates import read_certificates
from tokenarena_assets.chain.ingest import read_day
from tokenarena_assets.checks.profile import profile_table
from tokenarena_assets.cli import app
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.importing import TOOLS
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import publish
from tokenarena_assets_tests.importing.files import DAY, FIXTURES, written
from tokenarena_assets_tests.importing.test_llmperf import response
from tokenarena_assets_tests.sql_models.frames import make_the_rest

CATALOG = """\
endpoints:
  - provider: arena
    model: tiny
    base_url: http://127.0.0.1:9/v1
    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}
  - {provider: other, model: tiny, base_url: "http://127.0.0.1:9/v1"}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "endpoints.yaml"
    path.write_text(CATALOG)
    return path


def tokenarena(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "250"})


def table(query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(tokenarena("sql", query, "--json").stdout)
    return rows


def make_tables(home: Home) -> None:
    """What `tokenarena run --day` makes of the day, without Dagster around it."""
    lake, raw = ParquetLake(home.lake), read_day(home, DAY)
    for name in ("probe_log", "round_log", "catalog_log"):
        lake.write(name, DAY, getattr(raw, name))
    lake.write("certificates", DAY, read_certificates(home, DAY))
    make_the_rest(lake, DAY)
    for name, spec in table_specs().items():
        broken = [rule.rule for rule in profile_table(lake, spec, DAY).rules if rule.violations]
        assert not broken, name
    publish(home, list(table_specs().values()))


def test_help_names_every_tool_and_has_an_example() -> None:
    shown = tokenarena("import", "--help").stdout
    assert "Example: tokenarena import --from aiperf" in shown
    assert all(tool in shown for tool in TOOLS)


def test_from_files_to_the_leaderboard(tmp_path: Path, catalog: Path) -> None:
    faults = (FIXTURES / "aiperf-faults/profile_export.jsonl").read_text()
    late = json.loads(faults.splitlines()[2])
    late["metrics"]["time_to_first_token"]["value"] += 1000  # after the last token
    late["metadata"]["x_request_id"] += "-late"
    torn = written(tmp_path, "profile_export.jsonl", f'{faults}{{"torn": \n{json.dumps(late)}\n')
    steady = [response(ttft_s=0.5 + i / 100, end_to_end_latency_s=2.5 + i / 100) for i in range(10)]
    to = ("--endpoints", catalog, "--endpoint")
    shown = tokenarena("import", "--from", "aiperf", torn, *to, "arena/tiny@standard")
    assert "13 records = 12 requests" in shown.stdout
    assert "+ 1 for quarantine" in shown.stdout
    assert "record 12: it is no JSON" in shown.stdout
    assert "tokenarena run --day 2026-11-23" in shown.stdout
    given = ("--day", "2026-11-23", *to, "other/tiny@standard")
    (told,) = json.loads(
        tokenarena("import", "--json", "--from", "llmperf", written(tmp_path, "ten.json", steady), *given).stdout
    )
    assert (told["records"], told["by_status"], told["speeds_compared"]) == (10, {"ok": 10}, 10)

    make_tables(Home.from_environment())
    assert table("select n_raw, n_requests, n_quarantined, certified, void from rounds order by n_raw") == [
        {"n_raw": 10, "n_requests": 10, "n_quarantined": 0, "certified": False, "void": False},
        {"n_raw": 13, "n_requests": 11, "n_quarantined": 2, "certified": False, "void": False},
    ]
    aside = {row["raw_line"]: row for row in table("select raw_line, reason, detail from quarantine")}
    assert (aside[12]["reason"], aside[13]["reason"]) == ("bad_import", "stamps_out_of_order")
    assert "it is no JSON" in aside[12]["detail"]
    by_tool = table(
        "select source_tool, suite, count(*) as n, count(*) filter (where status = 'ok') as ok, "
        "count(cost_usd) as priced, any_value(cannot_tell) as cannot_tell from requests group by 1, 2 order by 1"
    )
    assert [(row["source_tool"], row["suite"], row["n"], row["ok"], row["priced"]) for row in by_tool] == [
        ("aiperf", "imported:aiperf", 11, 4, 3),  # one of the four had no usage
        ("llmperf", "imported:llmperf", 10, 10, 0),
    ]
    assert "frames" in by_tool[0]["cannot_tell"]
    latency = table("select endpoint_id, suite, n_sent, n_answered, ttft_p50_ms from latency_daily order by 1")
    assert [(row["suite"], row["n_sent"], row["n_answered"]) for row in latency] == [
        ("imported:aiperf", 11, 4),
        ("imported:llmperf", 10, 10),
    ]
    assert latency[1]["ttft_p50_ms"] == pytest.approx(545)
    board = {row["endpoint_id"]: row for row in json.loads(tokenarena("leaderboard", "--json").stdout)}
    assert board["other/tiny@standard"]["latency_suite"] == "imported:llmperf"
    assert board["other/tiny@standard"]["output_speed_tok_s"] == pytest.approx(20)
    assert "4 of 11 answered" in board["arena/tiny@standard"]["ttft_not_ranked_because"]
    assert "by llmperf" in tokenarena("leaderboard", "--preset", "chat").stdout


def test_flagged_speeds_are_shown_as_a_table(catalog: Path) -> None:
    file = FIXTURES / "llmperf-leaderboard.json"
    to = ("--endpoints", catalog, "--endpoint", "arena/tiny@standard", "--day", "2026-11-23")
    shown = tokenarena("import", "--from", "llmperf", file, *to).stdout
    (row,) = [line.split() for line in shown.splitlines() if line.startswith("llmperf-leaderboard.json  ")]
    # n, how many differ, medians, the worst with both its speeds
    assert row[1:] == ["4", "2", "13.4", "27.6", "record", "1", "1.11", "28.4"]


@pytest.mark.parametrize(
    ("arguments", "problem", "mend"),
    [
        (("--from", "aiperf", "--endpoint", "arena/tiny@q9"), "has no 'arena/tiny@q9'", "arena/tiny@standard"),
        (("--from", "locust", "--endpoint", "arena/tiny@standard"), "there is no tool 'locust'", "aiperf, guidellm"),
        (("--from", "vllm", "--endpoint", "arena/tiny@standard"), "it looks like llmperf's", "--from llmperf"),
        (("--from", "llmperf", "--endpoint", "arena/tiny@standard"), "of which UTC day it is", "--day"),
        (("--from", "llmperf", "--endpoint", "arena/tiny@standard", "--day", "soon"), "is not a day", "2026-11-23"),
    ],
)
def test_a_mistake_is_told_with_its_mend(catalog: Path, arguments: tuple[str, ...], problem: str, mend: str) -> None:
    done = tokenarena("import", FIXTURES / "llmperf-leaderboard.json", "--endpoints", catalog, *arguments)
    assert done.exit_code == 1
    assert isinstance(done.exception, TokenArenaError)
    assert problem in done.exception.message
    assert mend in (done.exception.mend or "")
    assert not Home.from_environment().root.exists()
