"""A run that was killed while it held a pool does not keep the next one waiting."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tokenarena_assets.defs.instance import instance_of
from tokenarena_assets.defs.killed_runs import end_killed_runs, going_on
from tokenarena_assets.storage.home import Home

POOL = "probe"
HOLDS_A_POOL = """
import sys, time
from pathlib import Path
import dagster as dg
from tokenarena_assets.defs.instance import instance_of
from tokenarena_assets.defs.killed_runs import going_on
from tokenarena_assets.storage.home import Home
home, run_id = Home(Path(sys.argv[1])), sys.argv[2]
with instance_of(home) as instance, going_on(home) as mark:
    instance.add_run(dg.DagsterRun("materialize_day", run_id=run_id, status=dg.DagsterRunStatus.STARTED, tags=mark))
    claim = instance.event_log_storage.claim_concurrency_slot("probe", run_id, "probe_rounds")
    print(claim.is_claimed, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with instance_of(home) as made:
        made.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        yield made


def test_what_a_killed_run_held_is_free_for_the_next(home: Home, instance: dg.DagsterInstance) -> None:
    run_id = "11111111-1111-4111-8111-111111111111"
    storage = instance.event_log_storage
    command = [sys.executable, "-c", HOLDS_A_POOL, str(home.root), run_id]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "True\n"
            assert end_killed_runs(home, instance) == [], "it lives"
            assert not storage.claim_concurrency_slot(POOL, "another", "probe_rounds").is_claimed
            storage.free_concurrency_slots_for_run("another")
        finally:
            holder.kill()
    assert not storage.claim_concurrency_slot(POOL, "another", "probe_rounds").is_claimed, (
        "it is dead and holds it still"
    )
    assert end_killed_runs(home, instance) == [run_id]
    assert storage.claim_concurrency_slot(POOL, "another", "probe_rounds").is_claimed
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert end_killed_runs(home, instance) == []


def test_a_run_that_ends_leaves_nothing(home: Home, instance: dg.DagsterInstance) -> None:
    with going_on(home):
        assert end_killed_runs(home, instance) == []
    assert list((home.dagster / "running").iterdir()) == []
