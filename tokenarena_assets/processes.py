"""Processes of our own: each says in one line of JSON that it is ready, and none outlives the one that started it."""

from __future__ import annotations

import importlib.resources
import json
import multiprocessing
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

# All that such a process may know of our environment: no key of a paid endpoint ever reaches it.
PASSED_ENVIRONMENT = ("PATH", "HOME", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
STOP_GRACE_S = 5.0
LOG_TAIL_BYTES = 2000
PARENT_POLL_S = 1.0
NICENESS = 5  # a third of the share of others, where there is not enough for all
AUTOGROUP = Path("/proc/self/autogroup")


class OwnProcess:
    """A module of this package run as a process; its stderr goes to an unlinked file, so that a kill leaves none."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop_all
        self._popen = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,  # held open: the process lives as long as this end does
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for us; requests in flight end before the servers do
        )

    def announcement(self, deadline: float) -> dict[str, Any] | None:
        """The one line that the process prints when it is ready; None: there was none until `deadline` (monotonic)."""
        stdout = self._popen.stdout
        assert stdout is not None
        readable, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
        line = stdout.readline() if readable else b""
        return dict(json.loads(line)) if line else None

    def has_ended(self) -> bool:
        """Whether the process is there no more."""
        return self._popen.poll() is not None

    def what_is_wrong(self) -> str:
        """What became of a process that is not ready, with the end of its log."""
        try:
            state = f"ended with code {self._popen.wait(timeout=0.2)}"
        except subprocess.TimeoutExpired:
            state = "is still not listening"
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
        tail = self._log.read().decode(errors="replace").strip()
        return f"{state}; end of its log:\n{tail or '(empty)'}"

    def _ask_to_leave(self) -> None:
        if self._popen.stdin is not None:
            self._popen.stdin.close()

    def _wait(self, deadline: float) -> None:
        try:
            self._popen.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        if self._popen.stdout is not None:
            self._popen.stdout.close()
        self._log.close()

    @staticmethod
    def stop_all(processes: Iterable[OwnProcess]) -> None:
        """Close every stdin (the sign to leave), then wait; kill what does not go."""
        leaving = list(processes)
        for process in leaving:
            process._ask_to_leave()
        deadline = time.monotonic() + STOP_GRACE_S
        for process in leaving:
            process._wait(deadline)


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in PASSED_ENVIRONMENT if name in os.environ}
    # The child must find this very package, also when the parent found it through its working directory.
    root = str(Path(str(importlib.resources.files("tokenarena_assets"))).parent)
    passed["PYTHONPATH"] = os.pathsep.join(filter(None, [root, passed.get("PYTHONPATH")]))
    return passed


def end_with_parent() -> threading.Thread:
    """In such a process: end it, from a thread, as soon as its stdin ends or its parent changes.

    The second guards against a stranger that inherited the other end of the pipe. `os._exit` because threads of native
    code must not be waited for.
    """
    watcher = threading.Thread(target=_exit_with_parent, name="parent-watch", daemon=True)
    watcher.start()
    return watcher


def end_with_starter() -> None:
    """In a worker of `multiprocessing`: end it, from a thread, once the process that started it is gone or killed."""
    starter = multiprocessing.parent_process()
    if starter is not None:
        threading.Thread(target=_exit_after, args=(starter.sentinel,), name="starter-watch", daemon=True).start()


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def give_way() -> None:
    """In such a process: let whatever else runs on this machine go first.

    A model that answers here would otherwise keep the prober from the processor, and its own figures with it. Linux
    schedules each session as a group with a priority of its own, beside that of its processes.
    """
    os.nice(NICENESS)
    with suppress(OSError):  # no autogroups here
        AUTOGROUP.write_text(str(NICENESS))


@contextmanager
def ahead_of_others() -> Iterator[None]:
    """Inside the block the calling thread runs before all others of this machine, where the system permits it.

    A stamp is late by as long as its thread waits for a processor; on a busy machine that is tens of milliseconds, by
    which an endpoint would seem slower. It takes root, CAP_SYS_NICE or a limit on real-time priority; threads and
    processes that are started from here do not inherit it, and the kernel leaves the others their share.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        try:
            os.sched_setscheduler(0, policy, parameter)
        except PermissionError:  # without CAP_SYS_NICE what is not inherited stays so
            os.sched_setscheduler(0, policy | os.SCHED_RESET_ON_FORK, parameter)


def scheduling() -> str:
    """How the system schedules the calling thread: `real-time` or `normal`."""
    if sys.platform != "linux":
        return "normal"
    policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
    return "real-time" if policy in (os.SCHED_FIFO, os.SCHED_RR) else "normal"


def _exit_with_parent() -> None:
    parent, stdin = os.getppid(), sys.stdin.fileno()
    while os.getppid() == parent:
        readable, _, _ = select.select([stdin], [], [], PARENT_POLL_S)
        if readable and not os.read(stdin, 4096):
            break
    os._exit(0)
