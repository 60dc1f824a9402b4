"""Runs whose process was killed: they give back the slots of the pools that they held, or all later runs would wait."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from tokenarena_assets.storage.faults import explained
from tokenarena_assets.storage.home import Home

TAG = "tokenarena/waited-for-by"  # the name of the file below, in the tags of the run


def _folder(home: Home) -> Path:
    """A file a run of this command line that goes on; its lock dies with the process, wherever that ran."""
    return home.dagster / "running"


@contextmanager
def going_on(home: Home) -> Iterator[dict[str, str]]:
    """Inside the block others see that the process lives that waits for the run with these tags."""
    path = _folder(home) / str(uuid.uuid4())
    with explained(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(path)
    try:
        yield {TAG: path.name}
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)  # somebody took it for that of a dead run in between


def end_killed_runs(home: Home, instance: dg.DagsterInstance) -> list[str]:
    """Report the runs as failed whose process is gone, and free what they held; their ids."""
    ended = []
    for path in sorted(_folder(home).glob("*")):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # it lives
            for run in instance.get_runs(dg.RunsFilter(tags={TAG: path.name})):
                if not run.is_finished:
                    instance.report_run_failed(run, "its process was killed; run the day again")
                free_pools(instance, run.run_id)
                ended.append(run.run_id)
            path.unlink(missing_ok=True)
    return ended


def free_pools(instance: dg.DagsterInstance, run_id: str) -> None:
    """Give back what a run that is over still holds of the pools."""
    instance.event_log_storage.free_concurrency_slots_for_run(run_id)
