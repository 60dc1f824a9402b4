"""One process tree that is fed, drained, watched and ended: the running part of the sandbox, whatever it runs."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Literal

STDOUT_BYTES = 64 * 1000
STDERR_BYTES = 4_000
REPORT_BYTES = 4 * 2**20
START_S = 20.0  # how long the start may take on a busy machine before that is our fault
END_S = 10.0
WATCH_S = 0.1
READY = b"ready\n"
PAGE = os.sysconf("SC_PAGE_SIZE")

Status = Literal["exited", "timeout", "killed", "fault"]


@dataclass(frozen=True, slots=True)
class SandboxRun:
    """What one run came to.

    `exited`: the program ended by itself, with `exit_code`. `timeout`: it was ended at its wall time. `killed`: it died
    of a signal (`exit_code` is 128 + signal) or was ended because all its processes together took too much. `fault`: it
    never began, which is ours and says nothing about the program. `stdout` is the first 64 kB of what it printed, `cut`
    whether there was more, `report` what it wrote to descriptor 3, `wall_s` its seconds from its first instruction on.
    """

    status: Status
    exit_code: int | None
    stdout: bytes
    cut: bool
    wall_s: float
    error: str | None = None
    report: bytes = b""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a run may take: seconds of wall time, and of all its processes together resident bytes and their number."""

    wall_s: float
    memory_bytes: int
    processes: int


@cache
def _cpus() -> tuple[Iterator[int], threading.Lock]:
    return itertools.cycle(sorted(os.sched_getaffinity(0))), threading.Lock()


@cache
def _setpriv() -> str | None:
    """A program that changes the user: a child that Python changes itself costs a copy of our page tables, 30 ms."""
    return shutil.which("setpriv", path="/usr/bin:/bin")


@contextlib.contextmanager
def _on_one_cpu() -> Iterator[None]:
    """What this thread starts meanwhile gets one processor, the next one each time."""
    cpus, lock = _cpus()
    before = os.sched_getaffinity(0)
    with lock:
        chosen = next(cpus)
    try:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {chosen})
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, before)


class ProcessRun:
    """Runs one `bwrap` command line. Use as a context manager: leaving it ends what still runs."""

    def __init__(self, bounds: Bounds, feed: bytes) -> None:
        self._bounds = bounds
        self._feed = memoryview(feed)
        self._kept = {name: bytearray() for name in ("stdout", "stderr", "report", "info")}
        self._most = {"stdout": STDOUT_BYTES, "stderr": STDERR_BYTES, "report": REPORT_BYTES, "info": STDERR_BYTES}
        self._cut = False
        self._ended: tuple[Status, str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._init: tuple[int, int] | None = None  # pid, pidfd of the namespace's first: with it all others end
        self._stack = contextlib.ExitStack()
        self._report, self.report_in = self._pipe()
        self._info, self.info_in = self._pipe()
        self._ready: float | None = None

    def __enter__(self) -> ProcessRun:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._end_all()
        finally:
            self._stack.close()

    def holding(self, data: bytes) -> int:
        """A descriptor to read `data` (less than a pipe holds) from."""
        out, into = self._pipe()
        into.write(data)
        into.close()
        return out.fileno()

    def finish(self, command: Sequence[str], descriptors: Sequence[int], user: int | None) -> SandboxRun:
        """Start `command` as `user` (None: as we are) with `descriptors`, and see it to its end."""
        setpriv = None if user is None else _setpriv()
        if setpriv is not None:
            command = [setpriv, f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
            user = None
        with _on_one_cpu():
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env={},
                bufsize=0,
                pass_fds=[*descriptors, self.report_in.fileno(), self.info_in.fileno()],
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        self.report_in.close()
        self.info_in.close()
        begun = time.monotonic()
        self._attend(begun)
        wall_s = time.monotonic() - (self._ready or begun)
        self._end_all()
        return self._outcome(wall_s)

    def _pipe(self) -> tuple[IO[bytes], IO[bytes]]:
        out, into = os.pipe()
        return self._stack.enter_context(os.fdopen(out, "rb", 0)), self._stack.enter_context(os.fdopen(into, "wb", 0))

    def _attend(self, begun: float) -> None:
        """Feed and drain until the process is over or must be ended."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for stream in (process.stdin, process.stdout, process.stderr):
            self._stack.enter_context(stream)
        over = os.pidfd_open(process.pid)
        self._stack.callback(os.close, over)
        reads = {process.stdout: "stdout", process.stderr: "stderr", self._report: "report", self._info: "info"}
        with selectors.DefaultSelector() as selector:
            for stream, name in reads.items():
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ, name)
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE, "stdin")
            selector.register(over, selectors.EVENT_READ, "over")
            watched = begun
            running = True
            while running and self._ended is None:
                for key, _ in selector.select(WATCH_S):
                    if key.data == "over":
                        running = False
                    elif not (self._write(key.fd) if key.data == "stdin" else self._read(key.fd, key.data)):
                        selector.unregister(key.fileobj)
                        if key.data == "stdin":
                            process.stdin.close()
                now = time.monotonic()
                if running and now - watched >= WATCH_S:
                    watched = now
                    self._judge(now, begun)
            if self._ended is not None:
                self._end_all()
            for stream, name in reads.items():
                while self._read(stream.fileno(), name, at_end=True):
                    pass

    def _write(self, descriptor: int) -> bool:
        """Whether there is more to write."""
        try:
            written = os.write(descriptor, self._feed[:65536])
        except BlockingIOError:
            return True
        except OSError:
            return False  # nobody reads it
        self._feed = self._feed[written:]
        return len(self._feed) > 0

    def _read(self, descriptor: int, name: str, at_end: bool = False) -> bool:
        """Whether there is more to read; what is over the bound is dropped."""
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return not at_end
        kept, most = self._kept[name], self._most[name]
        if len(kept) + len(data) > most:
            if name == "stdout":
                self._cut = True
            elif name == "report" and self._ended is None:
                self._ended = ("killed", f"its report passed {most} bytes")
        kept += data[: max(0, most - len(kept))]
        if name == "info" and self._init is None:
            self._meet_init()
        elif name == "report" and self._ready is None and kept.startswith(READY):
            self._ready = time.monotonic()
        return bool(data)

    def _meet_init(self) -> None:
        with contextlib.suppress(ValueError, KeyError, OSError):
            pid = int(json.loads(self._kept["info"])["child-pid"])
            handle = os.pidfd_open(pid)
            self._stack.callback(os.close, handle)
            # it will be killed, so it had better be the one that bwrap meant
            parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
            if self._process is not None and int(parent) == self._process.pid:
                self._init = (pid, handle)

    def _judge(self, now: float, begun: float) -> None:
        """End the run where its time is up or its processes together take too much."""
        if self._ready is None:
            if now - begun > START_S:
                self._ended = ("fault", f"it did not start within {START_S:g} s")
        elif now - self._ready > self._bounds.wall_s:
            self._ended = ("timeout", f"it was not done after {self._bounds.wall_s:.3g} s")
        elif self._init is not None:
            tree = list(_tree(self._init[0]))
            if len(tree) > self._bounds.processes + 2:
                self._ended = ("killed", f"more than {self._bounds.processes} processes")
            elif sum(map(_resident, tree)) > self._bounds.memory_bytes:
                self._ended = (
                    "killed",
                    f"its processes took over {self._bounds.memory_bytes / 2**20:.0f} MiB of memory",
                )

    def _end_all(self) -> None:
        """Kill what still runs and wait until it is gone."""
        if self._init is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init[1], signal.SIGKILL)
            with selectors.DefaultSelector() as selector:
                selector.register(self._init[1], selectors.EVENT_READ)
                selector.select(END_S)  # readable when the namespace's first process, and so every other, is gone
        if self._process is not None and self._process.returncode is None:
            if self._ended is not None or self._init is None:
                self._process.kill()
            self._process.wait(END_S)

    def _outcome(self, wall_s: float) -> SandboxRun:
        assert self._process is not None
        report, code = bytes(self._kept["report"]), self._process.returncode
        status, error = self._ended or ("exited", None)
        said = self._kept["stderr"].decode(errors="replace").strip()
        if not report.startswith(READY):
            status, error = "fault", error or said[:400] or f"bwrap ended with {code}"
        elif status == "exited" and not 0 <= code < 128:
            status, error = "killed", f"signal {abs(code) % 128}"
        elif status == "exited" and code != 0:
            error = said[-400:] or None
        exit_code = code if status in ("exited", "killed") else None
        return SandboxRun(
            status, exit_code, bytes(self._kept["stdout"]), self._cut, wall_s, error, report[len(READY) :]
        )


def _tree(pid: int, depth: int = 0) -> Iterator[int]:
    """`pid` and all its descendants; orphans of a process namespace are children of its first process."""
    yield pid
    if depth > 200:
        return
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child), depth + 1)


def _resident(pid: int) -> int:
    """Bytes that are in memory for this process alone, files and shared memory left out."""
    with contextlib.suppress(OSError, ValueError):
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
        return (resident - shared) * PAGE
    return 0
