"""Dagster's records in SQLite files whose connections stay open: the same files, nothing left open, nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from tokenarena_assets.defs.instance import instance_of
from tokenarena_assets.defs.sqlite_storage import MOST_OPEN, OpenEventLogStorage
from tokenarena_assets.storage.home import Home

DAYS = dg.StaticPartitionsDefinition(["a", "b"])


@dg.multi_asset(
    specs=[dg.AssetSpec("thing", partitions_def=DAYS)], check_specs=[dg.AssetCheckSpec("well", asset="thing")]
)
def thing() -> Iterator[dg.MaterializeResult[None]]:
    """An asset with a check."""
    yield dg.MaterializeResult(asset_key="thing", check_results=[dg.AssetCheckResult(passed=True, check_name="well")])


def open_files(folder: Path) -> set[str]:
    return {Path(file.path).name for file in psutil.Process().open_files() if folder in Path(file.path).parents}


def run(instance: dg.DagsterInstance, key: str) -> str:
    return dg.materialize([thing], instance=instance, partition_key=key).run_id


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return Home(tmp_path / "home")


def test_the_instance_of_a_home_uses_it_and_closes_all_of_it(home: Home) -> None:
    with instance_of(home) as instance:
        assert isinstance(instance.event_log_storage, OpenEventLogStorage)
        run_id = run(instance, "a")
        assert {"index.db", "runs.db", f"{run_id}.db"} <= open_files(home.dagster)
    assert not open_files(home.dagster)


def test_dagsters_own_storage_reads_what_it_wrote(home: Home, tmp_path: Path) -> None:
    with instance_of(home) as instance:
        run_id = run(instance, "a")
    (home.dagster / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        assert type(instance.event_log_storage).__name__ == "SqliteEventLogStorage"
        assert instance.get_materialized_partitions(thing.key) == {"a"}
        assert [found.run_id for found in instance.get_runs()] == [run_id]
        evaluated = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        assert [entry.dagster_event_type for entry in instance.all_logs(run_id, of_type=evaluated)] == [evaluated]


def test_files_of_few_runs_stay_open(home: Home) -> None:
    with instance_of(home) as instance:
        runs = [run(instance, "a") for _ in range(MOST_OPEN + 3)]
        logs = open_files(home.dagster / "history" / "runs")
        assert len({name for name in logs if name.endswith(".db")}) == MOST_OPEN
        assert all(instance.all_logs(run_id) for run_id in runs)  # those that were closed are opened again


def test_wiped_events_are_gone_and_new_ones_are_kept(home: Home) -> None:
    with instance_of(home) as instance:
        old = run(instance, "a")
        storage = instance.event_log_storage
        assert isinstance(storage, OpenEventLogStorage)
        storage.wipe()
        assert not instance.get_materialized_partitions(thing.key)
        assert not (home.dagster / "history" / "runs" / f"{old}.db").exists()
        new = run(instance, "b")
        assert instance.get_materialized_partitions(thing.key) == {"b"}
        assert instance.all_logs(new)


def test_threads_share_it(home: Home) -> None:
    with instance_of(home) as instance:
        run_id = run(instance, "a")
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(len(instance.all_logs(run_id)))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(set(found)) == 1
        assert found[0] > 5
