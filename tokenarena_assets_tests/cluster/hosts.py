"""Hosts of their own on one machine: a network namespace each, and a line to it with delay and loss."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SERVICES = "10.77.0.1"  # where the coordinator's side listens
PREFIX = "ta"
LINK = Path(__file__).with_name("link.py")


def sh(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command; its output is part of the error where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done


@dataclass
class Host:
    """A network namespace behind a line; `number` is its place in the addresses."""

    name: str
    number: int
    one_way_ms: float
    loss: float
    line: subprocess.Popen[bytes] | None = None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        """Name of the namespace."""
        return f"{PREFIX}-{self.name}"

    @property
    def near(self) -> str:
        """The device on the coordinator's side."""
        return f"{PREFIX}{self.name}0"

    @property
    def far(self) -> str:
        """The device on the host's side."""
        return f"{PREFIX}{self.name}1"

    def up(self) -> None:
        """Make the namespace and the line to it."""
        sh("ip", "netns", "add", self.namespace)
        self.line = subprocess.Popen(
            [sys.executable, str(LINK), self.near, self.far, str(self.one_way_ms), str(self.loss), str(self.number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.line.stdout is not None
        if self.line.stdout.readline() != b"up\n":
            raise RuntimeError("the line between the hosts did not come up")
        here, there = f"10.77.{self.number}.1", f"10.77.{self.number}.2"
        sh("ip", "link", "set", self.far, "netns", self.namespace)
        sh("ip", "addr", "add", f"{here}/30", "dev", self.near)
        sh("ip", "link", "set", self.near, "up")
        inside = ("ip", "-n", self.namespace)
        sh(*inside, "link", "set", "lo", "up")
        sh(*inside, "addr", "add", f"{there}/30", "dev", self.far)
        sh(*inside, "link", "set", self.far, "up")
        sh(*inside, "route", "add", "default", "via", here)

    def cut(self) -> None:
        """Take the line down; what is on the way is lost."""
        sh("ip", "link", "set", self.near, "down")

    def mend(self) -> None:
        """Bring the line up again."""
        sh("ip", "link", "set", self.near, "up")

    def start(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a process on the host, the first of a process group of its own."""
        with log.open("ab") as file:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *command],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all that runs on the host."""
        for pid in sh("ip", "netns", "pids", self.namespace, check=False).stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), number)

    def kill(self) -> None:
        """End all that runs on the host at once, as a power cut would."""
        for process in self.processes:
            kill_group(process)
        self.processes.clear()
        self.signal(signal.SIGKILL)

    def down(self) -> None:
        """Remove it and all that runs on it."""
        self.kill()
        if self.line is not None:
            self.line.kill()
            self.line.wait()
        sh("ip", "netns", "del", self.namespace, check=False)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all of its session at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def services_up() -> None:
    """The address at which all hosts find the services."""
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "addr", "replace", f"{SERVICES}/32", "dev", "lo")


def services_down() -> None:
    """Remove it."""
    sh("ip", "addr", "del", f"{SERVICES}/32", "dev", "lo", check=False)


def wait_until(what: str, holds: object, timeout_s: float, every_s: float = 0.5) -> None:
    """Wait for a condition (a callable).

    Raises:
        TimeoutError: it did not come.
    """
    assert callable(holds)
    ends = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what} did not come within {timeout_s:g} s")
        time.sleep(every_s)
