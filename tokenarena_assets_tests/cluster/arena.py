"""The whole of it: services, two hosts with workers, a coordinator; and the day that runs over them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tokenarena_assets_tests.cluster.hosts import SERVICES, Host, kill_group, services_down, services_up, sh, wait_until
from tokenarena_assets_tests.cluster.services import POSTGRES_PORT, REDIS_PORT, Endpoints, Postgres, Redis

BIN = Path(sys.executable).parent
# What a round asks: enough speed probes for an interval of a median, a little of everything else.
ROUND = {
    "suites": ["speed", "parallel", "quality_math", "quality_code", "parity"],
    "speed_probes": 16,
    "math_items": 10,
    "code_items": 4,
}
BRIEF_ROUND = {"run_round": "always", "suites": ["speed"], "speed_probes": 8}
SECOND = 1000.0
FOLDER = "tokenarena-cluster-"


class Arena:
    """Everything that runs, in one temporary folder; nothing of it is left behind."""

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self.folder = Path(tempfile.mkdtemp(prefix=FOLDER))
        self.folder.chmod(0o755)  # PostgreSQL runs as a user of its own
        self.home = self.folder / "home"
        self.day = datetime.now(UTC).date().isoformat()
        self.seen: list[tuple[str, str, str]] = []
        self.postgres, self.redis, self.endpoints = (kind(self.folder) for kind in (Postgres, Redis, Endpoints))
        # Each write of a step to PostgreSQL takes some eight round trips: farther hosts would make the day longer.
        self.eu = Host("eu", 1, one_way_ms=1, loss=0.0)
        self.us = Host("us", 2, one_way_ms=10, loss=0.005)
        self.hosts = (self.eu, self.us)
        self._coordinators: list[subprocess.Popen[bytes]] = []
        self._tried = 0

    def __enter__(self) -> Arena:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> None:
        for host in self.hosts:  # what a killed run left
            host.down()
        for left in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
            if left != self.folder:
                Postgres(left).stop()
                Redis(left).end_leftover()
        services_up()
        self.postgres.start()
        self.redis.start()
        self.endpoints.start()
        for folder in (self.home, self.folder / "lake"):
            folder.mkdir()
        for host in self.hosts:
            host.up()
        for host in self.hosts:
            self.start_worker(host)

    def _stop(self) -> None:
        for process in self._coordinators:
            kill_group(process)
        for host in self.hosts:
            host.down()
            sh("umount", "-l", str(self.spool(host)), check=False)
        for stop in (self.endpoints.stop, self.redis.stop, self.postgres.stop, services_down):
            with suppress(Exception):
                stop()
        if self._keep:
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def spool(self, host: Host) -> Path:
        """The host's own disk."""
        return self.folder / f"spool-{host.name}"

    def log(self, host: Host) -> Path:
        """What its worker prints."""
        return self.folder / f"{host.name}.log"

    @property
    def env(self) -> dict[str, str]:
        """What every process of the cluster is given."""
        place = f"{SERVICES}:{POSTGRES_PORT}"
        lake = f"dbname=lake host={SERVICES} port={POSTGRES_PORT} user=tokenarena password={self.postgres.password}"
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("TOKENARENA_", "DAGSTER"))}
        return outside | {
            "TOKENARENA_HOME": str(self.home),
            "TOKENARENA_EXECUTOR": "celery",
            "TOKENARENA_REGIONS": "eu,us",
            "TOKENARENA_CELERY_BROKER": f"redis://:{self.redis.password}@{SERVICES}:{REDIS_PORT}/0",
            "TOKENARENA_POSTGRES_URL": f"postgresql+psycopg2://tokenarena:{self.postgres.password}@{place}/dagster",
            "TOKENARENA_LAKE": f"ducklake:postgres:{lake}",
            "TOKENARENA_LAKE_DATA": str(self.folder / "lake"),
            # All hosts, endpoints and services share this machine's processors.
            "TOKENARENA_CLIENT_ERROR_BUDGET_MS": "200,2000",
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "PYTHONUNBUFFERED": "1",
        }

    def start_worker(self, host: Host, *, before: tuple[str, ...] = (), env: Mapping[str, str] | None = None) -> None:
        """Start the worker of a host and wait until it takes steps."""
        self.spool(host).mkdir(exist_ok=True)
        log, earlier = self.log(host), self._ready(host)
        command = [*before, str(BIN / "tokenarena"), "worker", "--region", host.name]
        host.start(command, self.env | {"TOKENARENA_SPOOL": str(self.spool(host))} | dict(env or {}), log)
        wait_until(f"the worker of {host.name}", lambda: self._ready(host) > earlier, 120)

    def _ready(self, host: Host) -> int:
        return self.log(host).read_text().count(" ready.") if self.log(host).exists() else 0

    def begin(self, what: str, **asked: Any) -> subprocess.Popen[bytes]:
        """Start a command of the coordinator; `ended` waits for it."""
        self._tried += 1
        everywhere = {"day": self.day, "catalog": str(self.endpoints.catalog)}
        env = self.env
        if what == "single":  # one machine: no workers, no regions
            env = {
                name: value for name, value in env.items() if name not in ("TOKENARENA_EXECUTOR", "TOKENARENA_REGIONS")
            }
        log = self.folder / f"coordinator-{self._tried}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "tokenarena_assets_tests.cluster.coordinator", what,
                 json.dumps(everywhere | asked)],
                env=env,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )  # fmt: skip
        process.log = log  # type: ignore[attr-defined]
        self._coordinators.append(process)
        return process

    def ended(self, process: subprocess.Popen[bytes], timeout_s: float = 900) -> dict[str, Any]:
        """What a command of the coordinator came to; `log` has what it printed."""
        process.wait(timeout=timeout_s)
        self._coordinators.remove(process)
        text = process.log.read_text()  # type: ignore[attr-defined]
        try:
            found: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
        except (ValueError, IndexError):
            found = {"succeeded": False, "crashed": True}
        return found | {"log": text}

    def do(self, what: str, **asked: Any) -> dict[str, Any]:
        """A command of the coordinator from its start to its end."""
        return self.ended(self.begin(what, **asked))

    def steps_done(self, process: subprocess.Popen[bytes]) -> int:
        """How many steps a run has finished so far."""
        text = process.log.read_text()  # type: ignore[attr-defined]
        return sum(line.rstrip().endswith(" s") and line.startswith("  ") for line in text.splitlines())

    def raw(self) -> dict[str, Any]:
        """The raw rounds of the day as the shared home has them; none of their requests may be there twice."""
        found = self.do("raw")
        assert found["doubled"] == [], f"requests that are there more than once: {found['doubled'][:5]}"
        return found

    def whole_day(self) -> str:
        """A whole day over both hosts: rounds from eu and us, all tables by steps on either, on DuckLake."""
        found = self.do("run", round=ROUND)
        assert found["succeeded"], found["log"][-3000:]
        rounds = {each["region_from"]: each for each in self.raw()["rounds"]}
        assert rounds.keys() == {"eu", "us"}
        assert all(each["state"] == "complete" for each in rounds.values())
        done = {host.name: self.log(host).read_text().count(" succeeded in ") for host in self.hosts}
        assert all(done.values()), f"a host did no step: {done}"
        told = [f"round from {name}: {each['records']} records, {each['by_status']}" for name, each in rounds.items()]
        return "\n".join([*told, f"steps done: {done}"])

    def tables_are_those_of_one_machine(self) -> str:
        """The same raw rounds on one machine, in Parquet files: all tables, cell by cell."""
        found = self.do("single", folder=str(self.folder / f"single-{self._tried}"))
        told = (
            f"{found.get('tables')} tables of {found.get('of')}, {found.get('rows')} rows, {found.get('cells')} cells"
        )
        assert found["succeeded"], found["log"][-3000:]
        assert found["differing"] == 0, f"{told}: {found['differing']} differ: {found['problems']}"
        assert found["tables"] == found["of"], told
        return f"{told}: 0 differ"

    def a_snapshot_is_whole(self) -> str:
        """A snapshot of the home on DuckLake: raw rounds, tables and database are what its manifest says."""
        folder = self.folder / "snapshot"
        for arguments in (["--day", self.day, "--output", str(folder)], ["--verify", str(folder)]):
            command = [str(BIN / "tokenarena"), "snapshot", *arguments]
            done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False, timeout=600)
            assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
        return done.stdout.strip().splitlines()[-1]

    def distances_are_told(self) -> str:
        """Network distance told from serving speed: the round trip is the line's, the rest is the same from both."""
        rows = self.do("table", table="vantage_daily")["rows"]
        told = []
        for row in sorted(rows, key=lambda row: (row["endpoint_id"], row["region_from"])):
            trip, true = (
                row["round_trip_p50_ms"],
                2 * {host.name: host.one_way_ms for host in self.hosts}[row["region_from"]],
            )
            # No packet is faster than the line; on a busy machine many are slower: the interval is what is held.
            lo = row["round_trip_p50_lo_ms"]
            assert true <= lo <= true * 1.25 + 3, f"{row['endpoint_id']} from {row['region_from']}: {lo} ms, is {true}"
            assert row["ttft_less_network_p50_ms"] < row["ttft_p50_ms"] - true * 0.99
            told.append(
                f"{row['endpoint_id']:<48} from {row['region_from']}: round trip {trip:.1f} ms (true {true:g}, "
                f"n={row['n_connects']}), TTFT {row['ttft_p50_ms']:.1f} ms, less network "
                f"{row['ttft_less_network_p50_ms']:.1f} [{row['ttft_less_network_p50_lo_ms']:.1f}, "
                f"{row['ttft_less_network_p50_hi_ms']:.1f}] ms (n={row['n_ttft']})"
            )
        hi = max(row["round_trip_p50_hi_ms"] for row in rows if row["region_from"] == "eu")
        assert hi < min(row["round_trip_p50_lo_ms"] for row in rows if row["region_from"] == "us")
        apart = [
            name
            for name in {row["endpoint_id"] for row in rows}
            if _apart([r for r in rows if r["endpoint_id"] == name])
        ]
        told.append(f"serving that differs by place beyond its intervals: {', '.join(apart) or 'of no endpoint'}")
        return "\n".join(told)


def _apart(rows: list[dict[str, Any]]) -> bool:
    one, other = ((row["ttft_less_network_p50_lo_ms"], row["ttft_less_network_p50_hi_ms"]) for row in rows)
    return bool(one[1] < other[0] or other[1] < one[0])
