"""Processes of our own: ready in one line, told what they may know, quiet neighbours, gone with their parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tokenarena_assets.fleet.manager import FleetServer, running_fleet
from tokenarena_assets.processes import NICENESS, OwnProcess, ahead_of_others, scheduling

PATIENCE_S = 20.0  # bounds a wait; never the expected time
REFERENCE = "tokenarena_assets.probing.reference_server"
ASK = "from tokenarena_assets.processes import scheduling; print(scheduling())"


@pytest.fixture
def process() -> Iterator[OwnProcess]:
    started = OwnProcess(REFERENCE, ["--tokens", "3"])
    yield started
    OwnProcess.stop_all([started])


def _child() -> psutil.Process:
    (child,) = (found for found in psutil.Process().children() if REFERENCE in found.cmdline())
    return child


def test_it_announces_itself_and_ends_when_told(process: OwnProcess) -> None:
    announced = process.announcement(time.monotonic() + PATIENCE_S)
    assert announced is not None
    assert announced["pid"] == _child().pid
    assert not process.has_ended()
    OwnProcess.stop_all([process])
    assert process.has_ended()


def test_it_knows_no_key(process: OwnProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PROVIDER_API_KEY", "sk-not-for-children")
    other = OwnProcess(REFERENCE, [])
    try:
        assert other.announcement(time.monotonic() + PATIENCE_S) is not None
        for child in psutil.Process().children():
            assert "sk-not-for-children" not in child.environ().values()
    finally:
        OwnProcess.stop_all([other])


def test_no_line_in_time_is_no_announcement(process: OwnProcess) -> None:
    assert process.announcement(time.monotonic()) is None
    assert process.what_is_wrong().startswith("is still not listening")


def test_one_that_cannot_start_says_why() -> None:
    failing = OwnProcess(REFERENCE, ["--tokens", "none"])
    try:
        assert failing.announcement(time.monotonic() + PATIENCE_S) is None
        assert "ended with code 2; end of its log" in failing.what_is_wrong()
        assert "invalid int value: 'none'" in failing.what_is_wrong()
    finally:
        OwnProcess.stop_all([failing])


def test_one_that_does_not_listen_to_the_end_of_its_input_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = OwnProcess("http.server", ["0", "--bind", "127.0.0.1"])
    monkeypatch.setattr("tokenarena_assets.processes.STOP_GRACE_S", 0.2)
    OwnProcess.stop_all([deaf])
    assert deaf.has_ended()


def test_models_of_the_fleet_give_way_to_the_prober_and_the_reference_server_does_not(process: OwnProcess) -> None:
    assert process.announcement(time.monotonic() + PATIENCE_S) is not None
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, _child().pid) == ours
    with running_fleet({"a": FleetServer("arena-tiny-1m-f16.gguf", 1, 256)}):
        (model,) = (child for child in psutil.Process().children() if "--weights" in child.cmdline())
        assert os.getpriority(os.PRIO_PROCESS, model.pid) == min(19, ours + NICENESS)


def test_what_runs_ahead_of_others_leaves_no_trace() -> None:
    def in_a_thread() -> str:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(scheduling).result()

    before = os.sched_getparam(0).sched_priority
    with ahead_of_others():
        assert scheduling() in ("real-time", "normal"), "as the system permits it"
        assert in_a_thread() == "normal", "nobody inherits it"
        child = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
        assert child.stdout.strip() == "normal"
        with ahead_of_others():
            pass
    assert (scheduling(), os.sched_getparam(0).sched_priority) == ("normal", before)


def test_where_it_is_not_permitted_all_goes_on_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refused)
    with ahead_of_others():
        assert scheduling() == "normal"


POOL = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from tokenarena_assets.processes import end_with_starter

if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_starter) as pool:
        waiting = [pool.submit(time.sleep, 600) for _ in range(2)]
        while len(pool._processes) < 2 or not all(future.running() for future in waiting):
            time.sleep(0.01)
        print(*pool._processes, flush=True)
"""


def test_workers_of_a_killed_process_end_too(tmp_path: Path) -> None:
    program = tmp_path / "pool.py"
    program.write_text(POOL)
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        workers = [psutil.Process(int(number)) for number in starter.stdout.readline().split()]
        assert len(workers) == 2
        starter.kill()
    assert psutil.wait_procs(workers, timeout=PATIENCE_S)[1] == []
