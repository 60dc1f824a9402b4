"""Regions in Dagster: what the graph has of them, what is sent from where, and a region that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from tokenarena_assets.cluster.services import POSTGRES_VARIABLE
from tokenarena_assets.defs.build import build_defs
from tokenarena_assets.defs.instance import CLUSTER_CONFIG, by_workers, prepare_instance
from tokenarena_assets.defs.probe import regions as module
from tokenarena_assets.defs.probe.assets import probe_assets
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.endpoints import Catalog
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import plan_round, today
from tokenarena_assets.probing.vantage import Clock, Vantage
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundWriter, rounds_in, rounds_of
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets_tests.evidence import RealRound, write_round

REGIONS = ("eu", "us")
PAST = date(2026, 11, 2)
BRIEF = {"suites": ["speed"], "speed_probes": 1}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def catalog(few_endpoints: Catalog, tmp_path: Path) -> str:
    """Two endpoints of the fleet, as a file."""
    path = tmp_path / "endpoints.yaml"
    entries = [each.model_dump(mode="json", exclude_defaults=True) for each in few_endpoints.endpoints[:2]]
    path.write_text(yaml.safe_dump({"endpoints": entries}))
    return str(path)


def execute(
    home: Home, instance: dg.DagsterInstance, only: str, day: date, catalog: str = "", **config: Any
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        probe_assets(REGIONS),
        selection=[only],
        partition_key=day.isoformat(),
        instance=instance,
        resources={"arena": Arena(home_folder=str(home.root), endpoints_file=catalog)},
        run_config={
            "ops": {only: {"config": config}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        raise_on_error=False,
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {each.check_name: each for each in result.get_asset_check_evaluations()}


def error_of(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    error = failure.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    assert error is not None
    return error.message


def test_each_region_has_a_step_a_queue_a_pool_a_job_and_a_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENARENA_REGIONS", "eu,us")
    defs = build_defs()
    graph = defs.resolve_asset_graph()
    for region in REGIONS:
        key = dg.AssetKey(f"probe_rounds_{region}")
        step = defs.get_assets_def(key)
        assert step.op.tags["dagster-celery/queue"] == f"region-{region}"
        assert step.op.pool == f"probe_{region}"
        assert graph.get(key).child_keys == {dg.AssetKey("probe_rounds")}
        job = defs.resolve_job_def(f"probe_round_{region}")
        assert job.asset_layer.executable_asset_keys == {key}
        schedule = defs.resolve_schedule_def(f"round_every_3_hours_{region}")
        assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
        tick = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 23, 3, tzinfo=UTC))
        request: Any = schedule(tick)
        dg.validate_run_config(job, request.run_config)
    for name in ("materialize_day", "close_day"):
        executed = defs.resolve_job_def(name).asset_layer.executable_asset_keys
        assert not {key for key in executed if key.path[0].startswith("probe_rounds_")}, "they send nothing"
        assert len(executed) == len(graph.executable_asset_keys) - len(REGIONS)
    for name in ("tables_every_3_hours", "close_yesterday"):
        assert defs.resolve_schedule_def(name).default_status == dg.DefaultScheduleStatus.STOPPED


def test_a_day_goes_on_without_a_region_and_names_it(
    home: Home, instance: dg.DagsterInstance, real_round: RealRound
) -> None:
    manifest, records = real_round.moved(PAST)
    write_round(home, PAST, manifest | {"region_from": "eu"}, records)
    result = execute(home, instance, "probe_rounds", PAST)
    assert result.success
    found = checks(result)
    assert found["has_evidence"].passed
    assert not found["all_regions"].passed
    assert found["all_regions"].severity == dg.AssetCheckSeverity.WARN
    assert found["all_regions"].description == f"{PAST}: no closed round from us"


def test_where_regions_probe_the_day_itself_sends_nothing(
    home: Home, instance: dg.DagsterInstance, catalog: str
) -> None:
    result = execute(home, instance, "probe_rounds", today(), catalog, run_round="always", **BRIEF)
    assert not result.success
    assert "run one: the jobs probe_round_eu, probe_round_us" in error_of(result)
    assert not home.root.exists()


def test_nothing_is_sent_in_the_name_of_another_region(
    home: Home, instance: dg.DagsterInstance, catalog: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOKENARENA_REGION_FROM", "eu")
    monkeypatch.setenv("TOKENARENA_SPOOL", str(tmp_path / "spool"))
    result = execute(home, instance, "probe_rounds_us", today(), catalog, **BRIEF)
    assert "this host probes from 'eu', not from 'us'" in error_of(result)
    assert not (tmp_path / "spool").exists()
    assert execute(home, instance, "probe_rounds_us", PAST).success, "a past day is only read"


def test_a_round_is_written_to_the_spool_shipped_and_told_with_its_clock(
    home: Home, instance: dg.DagsterInstance, catalog: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOKENARENA_REGION_FROM", "us")
    monkeypatch.setenv("TOKENARENA_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setattr(module, "shared_clock", lambda: Clock(-1500.0, 3.0))
    result = execute(home, instance, "probe_rounds_us", today(), catalog, **BRIEF)
    assert result.success, error_of(result)
    found = checks(result)
    assert found["shipped"].passed
    assert not found["clock"].passed
    assert found["clock"].metadata["offset_ms"].value == -1500.0
    (shipped,) = rounds_of(home, today())
    assert shipped.manifest is not None
    assert (shipped.manifest["region_from"], shipped.manifest["clock"]["offset_ms"]) == ("us", -1500.0)
    host = replace(home, spool=tmp_path / "spool")
    assert rounds_in(host.written_day(today())) == []
    assert execute(home, instance, "probe_rounds_us", today(), catalog, **BRIEF).success
    assert len(rounds_of(home, today())) == 1, "today has its round from here"


def test_a_step_that_is_tried_again_runs_its_round_once(home: Home, few_endpoints: Catalog) -> None:
    from tokenarena_assets.defs.probe.rounds import not_due_because

    vantage = Vantage("eu", REGIONS, run_id="run-1")
    options = PlanOptions(suites=("speed",), sizes=SuiteSizes(speed_probes=1))
    assert not_due_because(home, today(), "always", vantage) is None
    plan = plan_round(home, today(), few_endpoints.endpoints, options, vantage=vantage)
    writer = RoundWriter(home, today(), plan.round_id, plan.manifest)
    assert "is being run" in str(not_due_because(home, today(), "always", vantage)), "another worker has it"
    writer.close()
    assert not_due_because(home, today(), "always", vantage) is None, "cut off: to be completed"
    RoundWriter(home, today(), plan.round_id, None).seal("complete")
    assert "was run for this very run" in str(not_due_because(home, today(), "always", vantage))
    assert not_due_because(home, today(), "always", replace(vantage, run_id="run-2")) is None


def test_a_single_place_takes_what_the_day_has(home: Home, few_endpoints: Catalog) -> None:
    from tokenarena_assets.defs.probe.rounds import not_due_because

    plan = plan_round(home, today(), few_endpoints.endpoints, PlanOptions(), vantage=Vantage("eu", REGIONS))
    RoundWriter(home, today(), plan.round_id, plan.manifest).seal("complete")
    assert not_due_because(home, today(), "if_none", Vantage()) == "the day has a round already"
    assert not_due_because(home, today(), "if_none", Vantage("us", REGIONS)) is None


def test_the_instance_is_that_of_the_mode(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_instance(home)
    monkeypatch.setenv("TOKENARENA_EXECUTOR", "celery")
    assert by_workers(home)
    assert not by_workers(Home(tmp_path / "recomputed")), "it is nobody else's"
    with pytest.raises(TokenArenaError, match="which workers on others cannot share"):
        prepare_instance(home)
    (home.dagster / "dagster.yaml").unlink()
    prepare_instance(home)
    assert (home.dagster / "dagster.yaml").read_text() == CLUSTER_CONFIG
    assert POSTGRES_VARIABLE in CLUSTER_CONFIG
