"""Every published cell leads to its formula and to the raw lines that it rests on, on a real round."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from statistics import median
from typing import Any

import polars as pl
import pytest

from tokenarena_assets.chain.catalog import PYTHON_TABLES, table_specs
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.explain.cell import Explainer, cell
from tokenarena_assets.explain.sources import RAW_TABLES, SOURCES, source_of
from tokenarena_assets.explain.text import cell_text, raw_text, summary_text
from tokenarena_assets.recompute.evidence import Evidence
from tokenarena_assets.storage.rawlog import read_lines, rounds_of
from tokenarena_assets_tests.evidence import Materialized

# Columns of the leaderboard that no probe is behind, by kind; every other one is measured (or modeled).
FIXED = {"day", "preset", "endpoint_id", "domain", "domain_note", "latency_suite", "latency_prompt_tokens"}
RECORDED = {
    "model_family",
    "quantization",
    "not_ready",
    "blended_usd_per_mtok",
    "context_advertised_tokens",
    "is_embedded",
    "n_rounds",
    "n_rounds_void",
    "n_rounds_uncertified",
}


@pytest.fixture(scope="module")
def explainer(materialized: Materialized) -> Iterator[Explainer]:
    with Explainer(Evidence.of_home(materialized.home), materialized.days[-1]) as made:
        yield made


@pytest.fixture(scope="module")
def records(materialized: Materialized) -> list[dict[str, Any]]:
    """The raw records of the last day, each with its place: read without the code under test."""
    found = rounds_of(materialized.home, materialized.days[-1])[0]
    return [json.loads(line.data) | {"line": line.line, "bytes": line.data} for line in read_lines(found.log)]


@pytest.fixture(scope="module")
def endpoint(materialized: Materialized) -> str:
    frame = Evidence.of_home(materialized.home).tables.read("leaderboard", materialized.days[-1])
    return str(frame.filter(pl.col("rank").is_not_null())["endpoint_id"].sort()[0])


def test_every_column_of_the_leaderboard_is_explained(explainer: Explainer, endpoint: str) -> None:
    row = explainer.row("leaderboard", "chat", endpoint, {})
    kinds: dict[str, set[str]] = {}
    for column in table_specs()["leaderboard"].column_names:
        found = explainer.cell("leaderboard", row, column)
        kinds.setdefault(found["kind"], set()).add(column)
        assert found["formula"], column
        assert found["comment"], column
        assert found["value"] == row[column]
        if found["kind"] == "measured" and not found["probes"]["total"]:
            assert found["no_probe_because"], column
        if found["probes"]["total"]:
            assert found["rounds"], column
            assert {each["file_state"] for each in found["probes"]["shown"]} == {"as sealed"}
        assert "not declared" not in " ".join(step["formula"] for step in found["chain"]), column
        json.dumps(found, default=str)
    assert kinds["fixed"] == FIXED
    assert kinds["recorded"] == RECORDED
    assert {"ttft_ms", "usd_per_correct", "quality", "fidelity", "rank"} <= kinds["measured"]


def test_a_median_rests_on_the_very_lines_that_give_it(
    explainer: Explainer, endpoint: str, records: list[dict[str, Any]]
) -> None:
    row = explainer.row("leaderboard", "chat", endpoint, {})
    found = explainer.cell("leaderboard", row, "ttft_ms", None)
    own = [
        record
        for record in records
        if record["endpoint_id"] == endpoint
        and record["suite"] == "speed"
        and record["prompt_tokens_target"] == row["latency_prompt_tokens"]
        and record["status"] in ("ok", "truncated")
    ]
    assert [each["raw_line"] for each in found["probes"]["shown"]] == [record["line"] for record in own]
    assert found["value"] == pytest.approx(median(record["timing"]["ttft_ms"] for record in own))
    assert found["n"] == found["probes"]["total"] == len(own)
    for shown, record in zip(found["probes"]["shown"], own, strict=True):
        assert shown["request_id"] == record["request_id"]
        assert shown["response_id"] == record["response_id"]
        assert shown["line_sha256"] == hashlib.sha256(record["bytes"]).hexdigest()


def test_dollars_rest_on_the_graded_answers_alone(
    explainer: Explainer, endpoint: str, records: list[dict[str, Any]]
) -> None:
    row = explainer.row("leaderboard", "chat", endpoint, {})
    found = explainer.cell("leaderboard", row, "usd_per_correct", None)
    suites = ("quality_math", "quality_code") if row["domain"] == "all" else ("quality_math",)
    own = [r["line"] for r in records if r["endpoint_id"] == endpoint and r["suite"] in suites]
    assert [each["raw_line"] for each in found["probes"]["shown"]] == own
    assert found["n"] == len(own)
    assert any("presets-" in place for place in found["recorded_in"])
    assert found["versions"]["grader_version"]
    assert found["rounds"][0]["certified"] is True
    assert found["rounds"][0]["client_ttft_error_p50_ms"] == 0.4


def test_the_hash_of_the_file_is_the_sealed_one(
    explainer: Explainer, endpoint: str, materialized: Materialized
) -> None:
    found = explainer.cell("leaderboard", explainer.row("leaderboard", "chat", endpoint, {}), "quality", 1)
    log = rounds_of(materialized.home, materialized.days[-1])[0]
    assert log.seal is not None
    (shown,) = found["probes"]["shown"]
    assert shown["file_sha256"] == shown["sealed_sha256"] == log.seal["sha256"]
    assert shown["file_sha256"] == hashlib.sha256(log.log.read_bytes()).hexdigest()
    assert found["probes"]["total"] > 1  # the count is of all, not of those shown


@pytest.mark.parametrize("order", ["ttft_ms", "quality", "usd_per_correct", "blended_usd_per_mtok"])
def test_ranks_lead_to_everybody_they_were_compared_with(explainer: Explainer, endpoint: str, order: str) -> None:
    row = explainer.row("ranks", "chat", endpoint, {"ranked_by": order})
    value, rank = (explainer.cell("ranks", row, column, None) for column in ("value", "rank"))
    assert value["rows"]
    if order == "blended_usd_per_mtok":
        assert value["kind"] == "recorded"
        return
    of_whom = {each["endpoint_id"] for each in rank["probes"]["shown"]}
    assert {each["endpoint_id"] for each in value["probes"]["shown"]} == {endpoint}
    assert endpoint in of_whom
    assert len(of_whom) > 1


@pytest.mark.parametrize("table", ["scorecard", "latency_daily", "quality_daily", "context_daily", "drift_daily"])
def test_other_tables_are_explained_as_well(explainer: Explainer, endpoint: str, table: str) -> None:
    frame = explainer.evidence.tables.read(table, explainer.day).filter(pl.col("endpoint_id") == endpoint)
    row = frame.row(0, named=True)
    for column in table_specs()[table].column_names:
        assert explainer.cell(table, row, column, 1)["formula"], column


def test_pools_reach_back_over_days(explainer: Explainer, endpoint: str, materialized: Materialized) -> None:
    row = explainer.row("quality_pool", "-", endpoint, {"suite": "quality_math"})
    found = explainer.cell("quality_pool", row, "accuracy", None)
    assert sorted({each["day"] for each in found["probes"]["shown"]}) == materialized.days


@pytest.mark.parametrize(
    ("table", "preset", "name", "where", "message"),
    [
        ("leaderboard", "chatt", None, {}, "did you mean chat"),
        ("leaderboard", "chat", "arena-tiny", {}, "there is no endpoint"),
        ("leaderbord", "chat", None, {}, "did you mean leaderboard"),
        ("ranks", "chat", None, {}, "ranked_by=quality"),
        ("ranks", "chat", None, {"ranked_by": "qualty"}, "did you mean quality"),
        ("ranks", "chat", None, {"order": "quality"}, "there is no column 'order'"),
        ("rounds", "-", None, {}, "no rows of endpoints"),
    ],
)
def test_what_there_is_not_is_told_with_what_there_is(
    explainer: Explainer, endpoint: str, table: str, preset: str, name: str | None, where: dict[str, str], message: str
) -> None:
    with pytest.raises(TokenArenaError) as caught:
        explainer.row(table, preset, name or endpoint, where)
    assert message in str(caught.value)


def test_an_unknown_column_or_day_is_told(explainer: Explainer, endpoint: str, materialized: Materialized) -> None:
    row = explainer.row("leaderboard", "chat", endpoint, {})
    with pytest.raises(TokenArenaError, match="did you mean ttft_ms"):
        explainer.cell("leaderboard", row, "tfft_ms")
    with pytest.raises(TokenArenaError, match=str(materialized.days[0])):
        cell(Evidence.of_home(materialized.home), materialized.days[0].replace(year=2025), "chat", endpoint, "ttft_ms")


def test_as_text_it_fits_the_terminal_and_hostile_text_is_shown_by_its_codes(
    explainer: Explainer, endpoint: str
) -> None:
    row = explainer.row("leaderboard", "chat", endpoint, {})
    text = cell_text(explainer.cell("leaderboard", row, "ttft_ms"))
    assert max(map(len, text.splitlines())) <= 120
    assert "order-statistic interval" in text
    assert "as sealed" in text
    brief = summary_text([explainer.cell("leaderboard", row, name, 0) for name in ("rank", "ttft_ms")])
    assert [line[0] for line in brief] == ["rank", "ttft_ms"]
    shown = "\n".join(raw_text([("file:1", 'a\x1b[31m\u202e"\ud83d'.encode("utf-8", "surrogatepass") + b"\xff")]))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b[31m\\u202e" in shown


def test_raw_lines_are_those_of_the_places(explainer: Explainer, endpoint: str, records: list[dict[str, Any]]) -> None:
    found = explainer.cell("leaderboard", explainer.row("leaderboard", "chat", endpoint, {}), "ttft_ms", 2)
    lines = explainer.raw_lines(found["probes"])
    by_line = {record["line"]: record["bytes"] for record in records}
    assert [data for _, data in lines] == [by_line[each["raw_line"]] for each in found["probes"]["shown"]]


def test_every_column_of_every_python_table_has_a_declared_source() -> None:
    lacking = [
        f"{spec.name}.{name}"
        for spec in PYTHON_TABLES
        if spec.name not in RAW_TABLES
        for name in spec.column_names
        if source_of(spec.name, name) is None
    ]
    assert lacking == []


def test_declared_sources_name_tables_and_columns_that_there_are() -> None:
    specs = table_specs()
    for table, sources in SOURCES.items():
        names = specs[table].column_names
        for source in sources:
            for pattern in source.columns:
                assert any(fnmatchcase(name, pattern) for name in names), f"{table}: {pattern}"
            for each in source.inputs:
                unknown = set(each.columns) - set(specs[each.table].column_names) - {"*"}
                assert not unknown, f"{table} <- {each.table}: {unknown}"
