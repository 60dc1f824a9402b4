"""Start a fleet of local endpoints, wait until they answer, and leave nothing behind."""

from __future__ import annotations

import hashlib
import http.client
import importlib.resources
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.processes import OwnProcess

CHECKSUMS = "SHA256SUMS"
HEALTH_POLL_S = 0.02
CONTEXT_STEP = 256  # llama.cpp rounds a slot's context up to a multiple of this


class FleetError(TokenArenaError):
    """The embedded fleet cannot be served."""


@dataclass(frozen=True, slots=True)
class FleetServer:
    """What one process serves; `weights` is a file name in `weights/`.

    `context_tokens` is a multiple of 256; above what the model was made for (1,024) it has no effect. With
    `keep_last_tokens` the server drops the head of a longer prompt and says nothing of it.
    """

    weights: str
    threads: int
    context_tokens: int
    keep_last_tokens: int | None = None


class Fleet:
    """Servers that run, one process a name; `urls` has their base URLs (".../v1")."""

    def __init__(self, timeout_s: float) -> None:
        self.urls: dict[str, str] = {}
        self._timeout_s = timeout_s
        self._servers: dict[str, FleetServer] = {}
        self._processes: dict[str, OwnProcess] = {}

    def serve(self, servers: Mapping[str, FleetServer]) -> None:
        """Start those that do not run as they are given here, in the place of what ran under their names, and wait.

        Raises:
            FleetError: one of them cannot be started, or does not answer.
        """
        new = {name: server for name, server in servers.items() if self._servers.get(name) != server}
        _check_contexts(new)
        weights = {name: weights_path(server.weights) for name, server in new.items()}
        OwnProcess.stop_all([self._processes.pop(name) for name in new if name in self._processes])
        for name, server in new.items():
            self._processes[name] = _start(name, server, weights[name])
        deadline = time.monotonic() + self._timeout_s
        for name in new:
            self.urls[name] = _announced_url(name, self._processes[name], deadline)
        for name, server in new.items():
            _wait_healthy(name, self._processes[name], self.urls[name], deadline)
            self._servers[name] = server

    def stop(self) -> None:
        """Stop them all."""
        OwnProcess.stop_all(self._processes.values())


@contextmanager
def running(servers: Mapping[str, FleetServer], *, timeout_s: float = 60) -> Iterator[Fleet]:
    """Start one process per name and wait until each answers; all are stopped on exit."""
    fleet = Fleet(timeout_s)
    try:
        fleet.serve(servers)
        yield fleet
    finally:
        fleet.stop()


@contextmanager
def running_fleet(servers: Mapping[str, FleetServer], *, timeout_s: float = 60) -> Iterator[dict[str, str]]:
    """As :func:`running`; yields name -> base URL."""
    with running(servers, timeout_s=timeout_s) as fleet:
        yield fleet.urls


def weights_path(name: str) -> Path:
    """The file of that name among the embedded weights."""
    path = _weights_folder() / name
    if Path(name).name != name or not path.is_file():
        known = ", ".join(sorted(found.name for found in _weights_folder().glob("*.gguf"))) or "none"
        raise FleetError(
            f"{path}: no such weights (present: {known})",
            mend="reinstall the package, or make the weights anew with `make train`",
        )
    return path


def verify_weights() -> list[str]:
    """Compare every file with `weights/SHA256SUMS`; one sentence per file that is missing, changed or not listed."""
    sums = _weights_folder() / CHECKSUMS
    if not sums.is_file():
        raise FleetError(f"{sums}: missing", mend="reinstall the package, or make the weights anew with `make train`")
    expected = {name: digest for digest, name in (line.split() for line in sums.read_text().splitlines())}
    present = {path.name for path in _weights_folder().glob("*.gguf")}
    problems = [f"{name}: not listed in {CHECKSUMS}" for name in sorted(present - expected.keys())]
    for name, digest in expected.items():
        path = _weights_folder() / name
        if not path.is_file():
            problems.append(f"{name}: missing")
        elif (found := hashlib.sha256(path.read_bytes()).hexdigest()) != digest:
            problems.append(f"{name}: SHA-256 is {found}, {CHECKSUMS} says {digest}")
    return problems


def _check_contexts(servers: Mapping[str, FleetServer]) -> None:
    """Refuse a context that would silently become a longer one."""
    for name, server in servers.items():
        if server.context_tokens <= 0 or server.context_tokens % CONTEXT_STEP:
            raise FleetError(
                f"fleet server {name!r}: context_tokens {server.context_tokens} is no multiple of {CONTEXT_STEP}",
                mend="choose 256, 512, 768 or 1024",
            )


def _weights_folder() -> Path:
    return Path(str(importlib.resources.files("tokenarena_assets.fleet"))) / "weights"


def _start(name: str, server: FleetServer, weights: Path) -> OwnProcess:
    arguments = ["--weights", str(weights), "--alias", name, "--threads", str(server.threads)]
    arguments += ["--context-tokens", str(server.context_tokens)]
    if server.keep_last_tokens is not None:
        arguments += ["--keep-last-tokens", str(server.keep_last_tokens)]
    return OwnProcess("tokenarena_assets.fleet.server", arguments)


def _announced_url(name: str, process: OwnProcess, deadline: float) -> str:
    announced = process.announcement(deadline)
    if announced is None:
        raise _not_up(name, process)
    return str(announced["url"])


def _wait_healthy(name: str, process: OwnProcess, url: str, deadline: float) -> None:
    while not _answers_health(url):
        if process.has_ended() or time.monotonic() > deadline:
            raise _not_up(name, process)
        time.sleep(HEALTH_POLL_S)


def _answers_health(url: str) -> bool:
    # http.client knows no proxy settings, which must not come between us and 127.0.0.1.
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _not_up(name: str, process: OwnProcess) -> FleetError:
    wrong = process.what_is_wrong()
    mend = "look at the end of its log above; `free -h` and `ulimit -a` show whether the machine is out of something"
    if "No module named 'xllamacpp'" in wrong:
        mend = "install the serving engine: pip install xllamacpp"
    return FleetError(f"fleet server {name!r} {wrong}", mend=mend)
