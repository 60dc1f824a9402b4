"""Runs whose process was killed: they give back the slots of the pools that they held, or all later runs would wait."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from tokenarena_assets.storage.faults import explained
from tokenarena_assets.storage.home import Home


def _folder(home: Home) -> Path:
    """A file a run of this command line that goes on; its lock dies with the process, wherever that ran."""
    return home.dagster / "running"


@contextmanager
def going_on(home: Home, run_id: str) -> Iterator[None]:
    """Inside the block others see that the process of this run lives."""
    path = _folder(home) / run_id
    with explained(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(path)
    try:
        yield
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
            run = instance.get_run_by_id(path.name)
            if run is not None and not run.is_finished:
                instance.report_run_failed(run, "its process was killed; run the day again")
            instance.event_log_storage.free_concurrency_slots_for_run(path.name)
            path.unlink(missing_ok=True)
            ended.append(path.name)
    return ended
