"""A home of rehearsals in Dagster: it can be looked at and made anew, and nothing is sent from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tokenarena_assets.chain.tables import ROUND_LOG
from tokenarena_assets.defs import factory
from tokenarena_assets.defs.execute import materializing
from tokenarena_assets.defs.probe.assets import probe_assets
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.endpoints import embedded_catalog_path, load_catalog
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import plan_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import open_published, run_query
from tokenarena_assets.storage.rawlog import RoundWriter, rounds_of
from tokenarena_assets.storage.rehearsal import BANNER, RehearsalError, write_marker


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "rehearsed")
    write_marker(home, {})
    return home


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def materialize(
    home: Home, instance: dg.DagsterInstance, day: date, run_round: str, *, fails: bool = False
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        probe_assets(()),
        partition_key=day.isoformat(),
        instance=instance,
        resources={"arena": Arena(home_folder=str(home.root))},
        run_config={
            "ops": {"probe_rounds": {"config": {"run_round": run_round}}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        raise_on_error=not fails,
    )


def write_empty_round(home: Home, day: date, *, seal: bool = True) -> None:
    endpoints = load_catalog(embedded_catalog_path()).endpoints[:1]
    plan = plan_round(home, day, endpoints, PlanOptions(suites=("speed",)), rehearsal=True)
    writer = RoundWriter(home, day, plan.round_id, plan.manifest)
    if seal:
        writer.seal("complete")
    writer.close()


def error_of(result: dg.ExecuteInProcessResult) -> Any:
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    error = failure.step_failure_data.error
    assert error is not None
    while error.cause is not None:
        error = error.cause
    return error


@pytest.mark.parametrize("run_round", ["if_none", "always"])
def test_a_round_is_refused(home: Home, instance: dg.DagsterInstance, run_round: str) -> None:
    result = materialize(home, instance, today(), run_round, fails=True)
    assert not result.success
    error = error_of(result)
    assert error.cls_name == RehearsalError.__name__
    assert "takes no real rounds" in error.message
    assert "mend: set TOKENARENA_HOME" in error.message
    assert rounds_of(home, today()) == []


@pytest.mark.parametrize("back", [0, 3])
def test_rehearsed_days_are_read_again(home: Home, instance: dg.DagsterInstance, back: int) -> None:
    day = today() - timedelta(days=back)
    write_empty_round(home, day)
    result = materialize(home, instance, day, "if_none")
    (materialized,) = result.asset_materializations_for_node("probe_rounds")
    assert materialized.metadata["rounds"].value == 1
    assert materialized.metadata["rehearsal"].value is True
    assert len(rounds_of(home, day)) == 1


def test_what_was_cut_off_is_left_to_be_completed(home: Home, instance: dg.DagsterInstance) -> None:
    day = today() - timedelta(days=3)
    write_empty_round(home, day, seal=False)
    assert not materialize(home, instance, day, "if_none", fails=True).success  # it has no evidence yet
    (found,) = rounds_of(home, day)
    assert found.is_open


def test_a_day_that_was_not_rehearsed_names_what_makes_one(home: Home, instance: dg.DagsterInstance) -> None:
    result = materialize(home, instance, today() - timedelta(days=3), "if_none", fails=True)
    assert "tokenarena fleet rehearse" in error_of(result).message


def test_every_page_of_a_partition_says_so(home: Home) -> None:
    page = {"table": dg.MetadataValue.md("| a |"), "rows": 3}
    shown = factory.marked(home, page)
    assert (shown["rehearsal"], shown["rows"]) == (True, 3)
    assert shown["table"] == dg.MetadataValue.md(f"**{BANNER}**\n\n| a |")
    home.rehearsal_marker.unlink()
    assert factory.marked(home, page) == page


def test_the_metadata_of_tables_say_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory, "check_results", lambda *_: [])
    lake, day = ParquetLake(home.lake), today()
    row: dict[str, Any] = dict.fromkeys(ROUND_LOG.column_names)
    row |= {"day": day, "round_id": "r", "state": "complete", "raw_file": "f", "raw_rows": 0}
    lake.write("round_log", day, ROUND_LOG.frame([row]))
    context = dg.build_asset_context(partition_key=day.isoformat())
    told: list[dict[str, Any]] = []
    context.add_asset_metadata = lambda metadata, **_: told.append(metadata)  # type: ignore[method-assign]
    arena = Arena(home_folder=str(home.root))
    list(factory.finish(context, arena, [ROUND_LOG], [day], lambda *_: {"page": dg.MetadataValue.md("x")}))
    (metadata,) = told
    assert metadata["rehearsal"] is True
    assert metadata["page"].md_str.startswith(f"**{BANNER}**")


def test_many_days_are_published_by_one_run(home: Home) -> None:
    days = [today() - timedelta(days=back) for back in (1, 0)]
    for day in days:
        ParquetLake(home.lake).write("round_log", day, ROUND_LOG.frame([]))
    with materializing(home, log="problems") as run:
        assert run(days, assets=["published_database"])
    with open_published(home) as connection:
        assert run_query(connection, "select table_name from duckdb_tables() where not internal")[1] == [("round_log",)]
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        made = instance.get_materialized_partitions(dg.AssetKey("published_database"))
    assert made == {day.isoformat() for day in days}
