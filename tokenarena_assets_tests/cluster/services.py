"""PostgreSQL and Redis of Debian's packages, in a folder of their own, and the endpoints that are probed."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from tokenarena_assets.endpoints import embedded_catalog_path, load_catalog
from tokenarena_assets.fleet.manager import weights_path
from tokenarena_assets.processes import OwnProcess
from tokenarena_assets_tests.cluster.hosts import SERVICES, sh, wait_until

POSTGRES_PORT, REDIS_PORT = 54329, 63799
FLEET = ("arena-first-party/arena-tiny-1m@f16-reference", "northwind/arena-tiny-1m@f16-replica")
FLEET = (*FLEET, "emberworks/arena-tiny-1m@economy")


def postgres_folder() -> Path | None:
    """Where PostgreSQL's programs lie; None: it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) if Path("/usr/lib/postgresql").is_dir() else []
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def missing() -> list[str]:
    """What this machine lacks for the test."""
    found = []
    if os.geteuid() != 0:
        found.append("root (to make network namespaces)")
    if shutil.which("ip") is None:
        found.append("ip (package iproute2)")
    if not Path("/dev/net/tun").exists():
        found.append("/dev/net/tun")
    if postgres_folder() is None:
        found.append("PostgreSQL (package postgresql)")
    else:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            found.append("the user postgres (package postgresql)")
    if shutil.which("redis-server") is None:
        found.append("Redis (package redis-server)")
    if shutil.which("faketime") is None:
        found.append("faketime (package faketime)")
    if not found:
        tried = sh("ip", "netns", "add", "ta-tried", check=False)
        if tried.returncode:
            found.append(f"network namespaces: {tried.stderr.strip()}")
        sh("ip", "netns", "del", "ta-tried", check=False)
    return found


class Postgres:
    """A PostgreSQL server with the databases `dagster` and `lake`."""

    def __init__(self, folder: Path) -> None:
        programs = postgres_folder()
        assert programs is not None
        self._programs, self._data = programs, folder / "postgres"
        self._log = folder / "postgres.log"
        self.password = secrets.token_hex(12)

    def start(self) -> None:
        """Make the server and start it."""
        owner = pwd.getpwnam("postgres")
        self._data.mkdir()
        os.chown(self._data, owner.pw_uid, owner.pw_gid)
        self._log.touch()
        os.chown(self._log, owner.pw_uid, owner.pw_gid)
        self._do("initdb", "-D", str(self._data), "-A", "trust", "--no-sync")
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write("host all all 10.77.0.0/16 scram-sha-256\n")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(
                f"listen_addresses = '{SERVICES}'\nport = {POSTGRES_PORT}\nunix_socket_directories = '{self._data}'\n"
                "max_connections = 200\n"
            )
        self._control("start")
        self._query(f"create role tokenarena superuser login password '{self.password}'")
        for database in ("dagster", "lake"):
            self._query(f"create database {database} owner tokenarena")

    def restart(self) -> None:
        """As after a crash: connections are dropped, and it recovers from its log."""
        self._control("restart", "-m", "immediate")

    def stop(self) -> None:
        """Stop it."""
        if (self._data / "postmaster.pid").exists():
            self._control("stop", "-m", "immediate")

    def _control(self, *what: str) -> None:
        # pg_ctl's own server would keep our pipes open for ever
        self._do("pg_ctl", "-D", str(self._data), "-l", str(self._log), "-w", *what, quiet=True)

    def _query(self, text: str) -> None:
        place = ("-h", str(self._data), "-p", str(POSTGRES_PORT), "-d", "postgres")
        self._do("psql", *place, "-q", "-c", text)

    def _do(self, program: str, *arguments: str, quiet: bool = False) -> None:
        command = ["runuser", "-u", "postgres", "--", str(self._programs / program), *arguments]
        if quiet:
            done = subprocess.run(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", check=False
            )  # fmt: skip
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)} failed: {self._log.read_text()[-2000:]}")
        else:
            sh(*command)


class Redis:
    """A Redis server whose queue survives a restart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "redis"
        self.password = secrets.token_hex(12)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._folder.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            ["redis-server", "--bind", SERVICES, "--port", str(REDIS_PORT), "--requirepass", self.password,
             "--appendonly", "yes", "--dir", str(self._folder), "--save", "", "--pidfile", str(self._folder / "pid")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until("Redis", self._answers, 20, 0.1)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((SERVICES, REDIS_PORT), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                time.sleep(0.05)
                return b"PONG" in connection.recv(200)
        except OSError:
            return False

    def restart(self) -> None:
        """As after a crash."""
        self.stop(signal.SIGKILL)
        self.start()

    def end_leftover(self) -> None:
        """End a server whose starter was killed."""
        with suppress(FileNotFoundError, ProcessLookupError, ValueError):
            pid = int((self._folder / "pid").read_text())
            if b"redis-server" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None


class Endpoints:
    """Endpoints of the embedded fleet at an address that the hosts reach, and a catalog of them."""

    def __init__(self, folder: Path) -> None:
        self.catalog = folder / "endpoints.yaml"
        self._processes: list[OwnProcess] = []

    def start(self) -> None:
        """Start their servers and write the catalog."""
        entries: list[dict[str, Any]] = []
        known = {each.endpoint_id: each for each in load_catalog(embedded_catalog_path()).endpoints}
        for endpoint_id in FLEET:
            endpoint = known[endpoint_id]
            assert endpoint.fleet is not None
            self._processes.append(
                OwnProcess(
                    "tokenarena_assets.fleet.server",
                    ["--weights", str(weights_path(endpoint.fleet.weights)), "--alias", endpoint_id,
                     "--threads", "1", "--context-tokens", str(endpoint.fleet.context_tokens), "--host", SERVICES],
                )
            )  # fmt: skip
            entries.append(endpoint.model_dump(mode="json", exclude={"fleet"}, exclude_defaults=True))
        for entry, process in zip(entries, self._processes, strict=True):
            announced = process.announcement(time.monotonic() + 60)
            if announced is None:
                raise RuntimeError(f"an endpoint did not come up: {process.what_is_wrong()}")
            entry["base_url"] = announced["url"]
        self.catalog.write_text(yaml.safe_dump({"endpoints": json.loads(json.dumps(entries))}))

    def stop(self) -> None:
        """Stop them."""
        OwnProcess.stop_all(self._processes)
