"""Start a fleet of local endpoints, wait until they answer, and leave nothing behind."""

from __future__ import annotations

import hashlib
import http.client
import importlib.resources
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from tokenarena_assets.errors import TokenArenaError

# All that a server may know of our environment: no key of a paid endpoint ever reaches it.
PASSED_ENVIRONMENT = ("PATH", "HOME", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
CHECKSUMS = "SHA256SUMS"
STOP_GRACE_S = 5.0
HEALTH_POLL_S = 0.02
LOG_TAIL_BYTES = 2000
CONTEXT_STEP = 256  # llama.cpp rounds a slot's context up to a multiple of this


class FleetError(TokenArenaError):
    """The embedded fleet cannot be served."""


@dataclass(frozen=True, slots=True)
class FleetServer:
    """What one process serves; `weights` is a file name in `weights/`.

    `context_tokens` is a multiple of 256; above what the model was made for (1,024) it has no effect.
    """

    weights: str
    threads: int
    context_tokens: int


@dataclass(frozen=True, slots=True)
class _Process:
    """A started server, and where its stderr goes (an unlinked file, so that a kill leaves none behind)."""

    name: str
    popen: subprocess.Popen[bytes]
    log: IO[bytes]


@contextmanager
def running_fleet(servers: Mapping[str, FleetServer], *, timeout_s: float = 60) -> Iterator[dict[str, str]]:
    """Start one process per name, wait until each answers, yield name -> base URL (".../v1"); stop all on exit."""
    _check_contexts(servers)
    weights = {name: weights_path(server.weights) for name, server in servers.items()}
    processes: list[_Process] = []
    try:
        for name, server in servers.items():
            processes.append(_start(name, server, weights[name]))
        deadline = time.monotonic() + timeout_s
        urls = {process.name: _announced_url(process, deadline) for process in processes}
        for process in processes:
            _wait_healthy(process, urls[process.name], deadline)
        yield urls
    finally:
        _stop(processes)


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


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in PASSED_ENVIRONMENT if name in os.environ}
    # The child must find this very package, also when the parent found it through its working directory.
    root = str(Path(str(importlib.resources.files("tokenarena_assets"))).parent)
    passed["PYTHONPATH"] = os.pathsep.join(filter(None, [root, passed.get("PYTHONPATH")]))
    return passed


def _start(name: str, server: FleetServer, weights: Path) -> _Process:
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _stop
    command = [sys.executable, "-m", "tokenarena_assets.fleet.server", "--weights", str(weights), "--alias", name]
    command += ["--threads", str(server.threads), "--context-tokens", str(server.context_tokens)]
    popen = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # held open: the server lives as long as this end does
        stdout=subprocess.PIPE,
        stderr=log,
        env=_environment(),
        start_new_session=True,  # Ctrl-C is for us; requests in flight end before the servers do
    )
    return _Process(name, popen, log)


def _announced_url(process: _Process, deadline: float) -> str:
    """The URL in the one line that the server prints when it listens."""
    stdout = process.popen.stdout
    assert stdout is not None
    readable, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
    line = stdout.readline() if readable else b""
    if not line:
        raise _not_up(process)
    return str(json.loads(line)["url"])


def _wait_healthy(process: _Process, url: str, deadline: float) -> None:
    while not _answers_health(url):
        if process.popen.poll() is not None or time.monotonic() > deadline:
            raise _not_up(process)
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


def _not_up(process: _Process) -> FleetError:
    try:
        state = f"ended with code {process.popen.wait(timeout=0.2)}"
    except subprocess.TimeoutExpired:
        state = "is still not listening"
    process.log.seek(max(0, process.log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
    tail = process.log.read().decode(errors="replace").strip()
    mend = "look at the end of its log above; `free -h` and `ulimit -a` show whether the machine is out of something"
    if "No module named 'xllamacpp'" in tail:
        mend = "install the serving engine: pip install xllamacpp"
    return FleetError(f"fleet server {process.name!r} {state}; end of its log:\n{tail or '(empty)'}", mend=mend)


def _stop(processes: list[_Process]) -> None:
    """Close every stdin (the sign to leave), then wait; kill what does not go."""
    for process in processes:
        if process.popen.stdin is not None:
            process.popen.stdin.close()
    deadline = time.monotonic() + STOP_GRACE_S
    for process in processes:
        try:
            process.popen.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.popen.kill()
            process.popen.wait()
        if process.popen.stdout is not None:
            process.popen.stdout.close()
        process.log.close()
