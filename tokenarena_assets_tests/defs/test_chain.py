"""The whole chain through Dagster on real evidence: tables, conservation, idempotence, backfills, blocking checks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.defs.build import build_defs
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.probing.certificate import BUDGET_VARIABLE
from tokenarena_assets.probing.round import today
from tokenarena_assets.report.page import default_path
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import open_published
from tokenarena_assets.storage.rawlog import RoundWriter
from tokenarena_assets_tests.evidence import RealRound, certificate_line, write_certificates, write_round

PAST = date(2026, 11, 1)


@pytest.fixture(autouse=True)
def _patient_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """No round is void because of how busy the machine of the tests is."""
    monkeypatch.setenv(BUDGET_VARIABLE, "60000,60000")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def execute(
    home: Home,
    instance: dg.DagsterInstance,
    days: list[date],
    *,
    catalog: Path | None = None,
    round_config: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    arena = Arena(home_folder=str(home.root), endpoints_file=str(catalog or ""))
    job = build_defs({"arena": arena}).resolve_job_def("materialize_day")
    ops = {name: {"config": round_config} for name in ("round_forecast", "probe_rounds")} if round_config else {}
    config = {"ops": ops, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if len(days) == 1:
        return job.execute_in_process(
            run_config=config, partition_key=days[0].isoformat(), instance=instance, raise_on_error=False, tags=tags
        )
    window = {
        "dagster/asset_partition_range_start": days[0].isoformat(),
        "dagster/asset_partition_range_end": days[-1].isoformat(),
    }
    return job.execute_in_process(
        run_config=config, tags=window | (tags or {}), instance=instance, raise_on_error=False
    )


def failure_text(result: dg.ExecuteInProcessResult) -> str:
    texts = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None:
                texts.append(error.message)
                error = error.cause
    return "\n".join(texts)


def tables(home: Home, day: date) -> dict[str, pl.DataFrame]:
    lake = ParquetLake(home.lake)
    return {name: lake.read(name, day) for name in table_specs()}


def test_a_past_day_becomes_tables_from_its_raw_rounds(
    home: Home, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    manifest, records = real_round.moved(PAST)
    write_round(home, PAST, manifest, records)
    result = execute(home, instance, [PAST])
    assert result.success, failure_text(result)
    made = tables(home, PAST)
    assert made["requests"].height == len(records)
    assert made["quarantine"].height == 0
    assert made["rounds"].select("n_raw", "n_requests", "n_quarantined").row(0) == (len(records), len(records), 0)
    assert made["leaderboard"].height == 3 * len(manifest["endpoints"])
    assert set(made["leaderboard"]["preset"]) == {"chat", "rag", "reasoning"}
    of_math = made["answers"].filter(pl.col("suite") == "quality_math")
    assert made["answers"]["n_attempts"].sum() == made["graded_answers"].height
    correct = of_math.group_by("endpoint_id").agg(pl.len(), pl.col("correct").sum(), pl.col("cost_usd").sum())
    probed = made["cost_per_correct"].filter(mix="as_probed", domain="math")
    for endpoint_id, asked, right, cost in correct.iter_rows():
        row = made["scorecard"].row(by_predicate=pl.col("endpoint_id") == endpoint_id, named=True)
        assert row["quality_math_n"] == asked
        (per_correct,) = probed.filter(endpoint_id=endpoint_id)["usd_per_correct"]
        if right:
            assert per_correct == pytest.approx(cost / right)
    assert set(made["quality_pool"]["n_days"]) == {1}
    assert made["quality_pool"].height == made["quality_daily"].height
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert checks["answers_are_conserved"].passed
    ours = made["graded_answers"].filter(pl.col("outcome").is_in(("not_run", "grader_fault"))).height
    assert checks["grader_is_sound"].passed == (ours == 0)
    scored = made["quality_daily"].filter(pl.col("suite").str.starts_with("quality_"), versus_reference="reference")
    fits = scored["accuracy"].drop_nulls().is_between(0.60, 0.85).all()
    assert checks["tiers_fit"].passed == fits
    # Code that no sandbox ran is not wrong, and the leaderboard says what it is of.
    ran = made["graded_answers"].filter(domain="code")["correct"].count() > 0
    assert set(made["leaderboard"]["domain"]) == ({"all"} if ran else {"math"})
    assert made["leaderboard"]["domain_note"].null_count() == (made["leaderboard"].height if ran else 0)
    with open_published(home) as connection:
        found = connection.execute("select count(*) from leaderboard").fetchone()
    assert found == (3 * len(manifest["endpoints"]),)
    page = default_path(home, PAST).read_text(encoding="utf-8")
    assert all(f'"{endpoint}"' in page for endpoint in made["leaderboard"]["endpoint_id"])
    first = made["answers"].filter(pl.col("suite") != "anchor").sort("raw_file", "raw_line").row(0, named=True)
    assert f'"{first["request_id"]}"' in page


def test_materializing_twice_gives_identical_tables(
    home: Home, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    write_round(home, PAST, *real_round.moved(PAST))
    assert execute(home, instance, [PAST]).success
    first = tables(home, PAST)
    assert execute(home, instance, [PAST]).success
    for name, frame in tables(home, PAST).items():
        assert_frame_equal(frame, first[name])


def test_a_backfill_equals_its_days_one_by_one_and_sends_nothing(
    tmp_path: Path, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    days = [PAST, PAST + timedelta(days=1), PAST + timedelta(days=2)]
    together, apart = Home(tmp_path / "together"), Home(tmp_path / "apart")
    for number, day in enumerate(days):
        manifest, records = real_round.moved(day, number)
        write_round(together, day, manifest, records[: len(records) - number])
    shutil.copytree(together.root, apart.root)
    result = execute(together, instance, days, tags={"dagster/backfill": "b"})
    assert result.success, failure_text(result)
    for day in days:
        assert execute(apart, instance, [day]).success
        for name, frame in tables(apart, day).items():
            assert_frame_equal(tables(together, day)[name], frame)
    checks = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    assert all(check.passed for check in checks if check.severity == dg.AssetCheckSeverity.ERROR)
    with open_published(together) as connection:
        assert connection.execute("select count(distinct day) from leaderboard").fetchone() == (3,)


def test_bad_lines_are_quarantined_with_reason_and_place(
    home: Home, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    manifest, records = real_round.moved(PAST)
    other_day = records[1] | {"request_id": "other", "day": "2026-10-31"}
    impossible = json.loads(json.dumps(records[2] | {"request_id": "impossible"}))
    impossible["timing"]["ttft_ms"] = -4.0
    cached = json.loads(json.dumps(next(r for r in records if r["suite"] == "speed") | {"request_id": "cached"}))
    cached["usage"]["cached_tokens"] = 1
    write_round(home, PAST, manifest, [*records, records[0], other_day, impossible, {"schema_version": 1}, cached])
    result = execute(home, instance, [PAST])
    assert result.success, failure_text(result)
    made = tables(home, PAST)
    reasons = dict(made["quarantine"].select("raw_line", "reason").iter_rows())
    base = len(records)
    assert reasons == {
        base + 1: "duplicate_request_id",
        base + 2: "other_day",
        base + 3: "negative_time",
        base + 4: "bad_field",
        base + 5: "unasked_cache_hit",
    }
    assert made["requests"].height + made["quarantine"].height == base + 5


def test_nothing_is_published_from_a_void_round(
    home: Home, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    """Three days: of a certified round and a void one, of a void round alone, of a round whose certificate is torn."""
    mixed, empty, torn = days = [PAST, PAST + timedelta(days=1), PAST + timedelta(days=2)]
    rounds = {}
    for day, number in ((mixed, 0), (mixed, 1), (empty, 2), (torn, 3)):
        manifest, records = real_round.moved(day, number)
        write_round(home, day, manifest, records)
        rounds[number] = manifest["round_id"]
    each, over = len(real_round.records), "event lag p99 68.34 ms, over 10 ms"
    for day, number, reasons in ((mixed, 0, (None, None)), (mixed, 1, (None, over)), (empty, 2, (over,))):
        lines = [certificate_line(rounds[number], day, **({"reason": why} if why else {})) for why in reasons]
        write_certificates(home, day, rounds[number], *lines)
    write_certificates(home, torn, rounds[3], certificate_line(rounds[3], torn), b'{"schema_ver')
    result = execute(home, instance, days, tags={"dagster/backfill": "b"})
    assert result.success, failure_text(result)

    made = tables(home, mixed)
    names = ("round_id", "certified", "void", "n_raw", "n_requests", "n_quarantined")
    assert made["rounds"].select(names).rows() == [
        (rounds[0], True, False, each, each, 0),
        (rounds[1], False, True, each, 0, each),
    ]
    assert made["rounds"]["void_reason"][1].endswith(f"before the round, at 16 at once: {over}")
    assert set(made["quarantine"]["reason"]) == {"void_round"}
    assert set(made["requests"]["round_id"]) == {rounds[0]}
    counts = ("n_rounds", "n_rounds_void", "n_rounds_uncertified")
    assert made["leaderboard"].select(counts).unique().rows() == [(2, 1, 0)]
    # What was spent was spent.
    assert made["spend_daily"]["booked_usd"].sum() == pytest.approx(2 * made["rounds"]["cost_usd"].sum())

    made = tables(home, empty)
    assert (made["requests"].height, made["quarantine"].height) == (0, each)
    assert (made["latency_daily"].height, made["quality_daily"].height) == (0, 0)
    assert set(made["leaderboard"]["rank_note"]) == {"no graded answers"}

    made = tables(home, torn)
    assert made["certificates"]["problem"].to_list() == [None, "malformed_json"]
    assert made["rounds"].select("certified", "void", "n_requests").row(0) == (False, False, each)
    assert made["leaderboard"].select(counts).unique().rows() == [(1, 0, 1)]


def test_a_past_day_without_evidence_fails_and_says_so(home: Home, instance: dg.DagsterInstance) -> None:
    result = execute(home, instance, [PAST])
    assert not result.success
    assert f"there is no probe round of {PAST}" in failure_text(result)
    assert "cannot be made today" in failure_text(result)
    assert not home.lake.exists()


def test_a_backfill_never_sends_even_for_today(home: Home, instance: dg.DagsterInstance) -> None:
    result = execute(home, instance, [today()], tags={"dagster/backfill": "b"})
    assert not result.success
    assert not home.raw_day(today()).exists()


def test_today_runs_its_first_round_by_itself_and_only_once(
    home: Home, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    catalog = tmp_path / "one.yaml"
    catalog.write_text(
        "endpoints:\n"
        "  - provider: arena\n    model: tiny\n    sku: q4\n"
        "    fleet: {weights: arena-tiny-1m-q4_0.gguf}\n"
        "    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}\n"
    )
    small = {"suites": ["speed", "quality_math"], "speed_probes": 2, "math_items": 3}
    poor = execute(home, instance, [today()], catalog=catalog, round_config=small | {"max_usd_per_day": "0.0000001"})
    assert "there is no probe round of" in failure_text(poor), "no money, no round"
    first = execute(home, instance, [today()], catalog=catalog, round_config=small)
    assert first.success, failure_text(first)
    assert tables(home, today())["requests"].height == 5
    assert execute(home, instance, [today()], catalog=catalog, round_config=small).success
    assert tables(home, today())["requests"].height == 5
    always = execute(home, instance, [today()], catalog=catalog, round_config=small | {"run_round": "always"})
    assert always.success, failure_text(always)
    made = tables(home, today())
    assert made["requests"].height == 7
    assert made["answers"]["item_id"].n_unique() == 3, "a later round asks only what no earlier one got an answer to"


def test_a_table_that_breaks_its_rules_does_not_go_on(
    home: Home, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    manifest, records = real_round.moved(PAST)
    manifest["endpoints"][0]["context_tokens"] = -1
    write_round(home, PAST, manifest, records)
    result = execute(home, instance, [PAST])
    assert not result.success
    failed = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION" and not event.asset_check_evaluation_data.passed
    ]
    assert {(check.asset_key.to_user_string(), check.check_name) for check in failed} == {("catalog_log", "ranges")}
    assert failed[0].metadata["unexpected_count"].value == 1
    assert manifest["endpoints"][0]["endpoint_id"] in str(failed[0].metadata["samples"].value)
    assert not (home.lake / "leaderboard").exists()
    assert not home.database.exists()


def test_materialization_metadata_tells_rows_schema_and_lineage(
    home: Home, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    manifest, records = real_round.moved(PAST)
    write_round(home, PAST, manifest, records)
    result = execute(home, instance, [PAST])
    metadata = result.asset_materializations_for_node("requests")[0].metadata
    assert metadata["dagster/partition_row_count"].value == len(records)
    schema = metadata["dagster/column_schema"].value
    assert {column.name: column.type for column in schema.columns}["ttft_ms"] == "DOUBLE"
    assert all(column.description for column in schema.columns)
    lineage = metadata["dagster/column_lineage"].value.deps_by_column["cost_usd"]
    assert {dep.asset_key.to_user_string() for dep in lineage} == {"probe_log", "round_prices"}
    intervals = result.asset_materializations_for_node("latency_daily")[0].metadata["intervals"].value
    assert "TTFT p50 ms" in intervals
    assert "[" in intervals
    shown = result.asset_materializations_for_node("leaderboard")[0].metadata["leaderboard"].value
    assert "### chat" in shown
    assert f"n={ParquetLake(home.lake).read('leaderboard', PAST)['quality_n'][0]}" in shown


def test_a_day_whose_round_holds_nothing_becomes_empty_tables(
    home: Home, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    manifest, _ = real_round.moved(PAST)
    write_round(home, PAST, manifest, [])
    result = execute(home, instance, [PAST])
    assert result.success, failure_text(result)
    made = tables(home, PAST)
    assert made["requests"].height == 0
    assert made["leaderboard"]["rank"].is_null().all()
    assert set(made["leaderboard"]["rank_note"]) == {"no graded answers"}


def test_an_endpoint_without_success_keeps_its_rows(
    home: Home, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    manifest, records = real_round.moved(PAST)
    down = manifest["endpoints"][0]["endpoint_id"]
    timing = dict.fromkeys(records[0]["timing"]) | {"speed_refusal": "no_tokens"}
    for record in records:
        if record["endpoint_id"] == down:
            record |= {"status": "connect_failed", "error": "refused", "usage": None, "timing": timing, "text": ""}
    write_round(home, PAST, manifest, records)
    result = execute(home, instance, [PAST])
    assert result.success, failure_text(result)
    made = tables(home, PAST)
    row = made["scorecard"].row(by_predicate=pl.col("endpoint_id") == down, named=True)
    assert (row["success_rate"], row["ttft_ms"], row["quality"], row["usd_per_correct"]) == (0.0, None, None, None)
    notes = made["leaderboard"].filter(pl.col("endpoint_id") == down)
    assert notes["rank"].is_null().all()
    assert notes["rank_note"].is_not_null().all()
    assert made["leaderboard"].filter(pl.col("endpoint_id") != down)["rank"].is_not_null().any()


def test_a_round_that_was_cut_off_is_completed_as_it_was_planned(
    home: Home, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    """Whatever the catalog and the sizes of the run that finds it: what was begun is what is completed."""
    writer = RoundWriter(home, real_round.day, real_round.manifest["round_id"], real_round.manifest)
    for record in real_round.records[:9]:
        writer.append(record)
    writer.close()
    result = execute(home, instance, [today()])
    assert result.success, failure_text(result)
    made = tables(home, today())
    asked = made["requests"].filter(pl.col("suite") != "context")["request_id"].sort().to_list()
    assert asked == sorted(r["request_id"] for r in real_round.records if r["suite"] != "context")
    assert set(made["context_daily"]["endpoint_id"]) == set(made["endpoints"]["endpoint_id"])
    assert made["rounds"].select("round_id", "state", "n_quarantined").rows() == [
        (real_round.manifest["round_id"], "complete", 0)
    ]
