"""Kill -9 `tokenarena probe` and `tokenarena run` at random instants, and before each operation on a file of the home.

`--of probe|run|operations|all --kills 100 --seed 1 --complete-each 5 --minutes 120 --json`. The commands are real
processes in a home of their own. Two endpoints are a local server that notes every request which it has answered to its
end; the third is of the embedded fleet, so that llama.cpp servers have to die with the killed prober.

After every kill: no process of it is left; every raw line parses but one torn at a kill; no request has two rows; of
what the server has answered in this life of the prober only requests that were in flight (as many as the endpoint's
`max_in_flight`, and the last ones) have no row; every partition of the lake is whole; the published database opens and
answers. After every few kills the command is left alone: it must complete the round or the day, leave no temporary
file, and every raw line must be in `requests` or in `quarantine`, once. It ends with 1 where any of this does not hold.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tokenarena_assets.errors import MissingTableError
from tokenarena_assets.probing.round import today
from tokenarena_assets.storage.files import HOST
from tokenarena_assets.storage.health import partitions
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.publish import open_published, rows_of
from tokenarena_assets.storage.rawlog import read_lines, rounds_of
from tokenarena_assets_tests.servers.misbehaving import Answer, MisbehavingServer, Reply, streams

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_S = 600.0  # bounds a wait; never the expected time
GRACE_S = 10.0  # for the children of a killed process to go
IN_FLIGHT = {"north": 1, "south": 3}
ANSWER = Answer(gap_s=0.003, first_after_s=0.02)
FLEET = "{provider: fleet, model: tiny, fleet: {weights: arena-tiny-1m-q4_0.gguf, threads: 1, context_tokens: 1024}"
# Counts the operations on files below the home, as Python announces them, and dies before number `at` of them.
DIES = """
import os, signal, sys
at, journal, home = int(sys.argv[1]), sys.argv[2], sys.argv[3]
done = 0
def watch(event, arguments):
    global done
    if event not in ("open", "os.rename", "os.remove", "os.mkdir"):
        return
    path = arguments[0]
    if event == "open" and (not isinstance(arguments[2], int) or not arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        return
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path).startswith(home):
        return
    done += 1
    if done == at:
        os.kill(os.getpid(), signal.SIGKILL)
    if at == 0:
        os.write(log, f"{event} {os.fspath(path)[len(home):]}\\n".encode())
log = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if at == 0 else -1
sys.addaudithook(watch)
sys.argv = ["tokenarena", *sys.argv[4:]]
from tokenarena_assets.cli import main
main()
"""


@dataclass
class Arena:
    """A home, its catalog and the server that counts; `answered`: (route, SHA-256 of the body) to the end."""

    folder: Path
    server: MisbehavingServer
    answered: list[tuple[str, str]]
    seen_before: int
    probes: int = 20
    lost: int = 0
    in_flight: int = 0
    doubled: int = 0
    torn: int = 0
    kills: int = 0
    completed: int = 0
    slowest_end_s: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def home(self) -> Home:
        return Home(self.folder / "arena")

    def command(self, name: str, *, at: int | None = None) -> list[str]:
        """The command; with `at` it dies before that operation on a file, or tells all of them at 0."""
        asked = ["--endpoints", str(self.folder / "endpoints.yaml")]
        if name == "probe":
            asked += ["--suite", "speed", "--speed-probes", str(self.probes), "--prompt-tokens", "100"]
            asked += ["--suite", "quality_math", "--math-items", "8", "--max-output-tokens", "24"]
        if name == "publish":
            asked = []
        python = [sys.executable, "-m", "tokenarena_assets.cli"]
        if at is not None:
            python = [sys.executable, "-c", DIES, str(at), str(self.folder / "operations"), str(self.home.root)]
        return [*python, name, *asked]

    def start(self, name: str, *, at: int | None = None) -> subprocess.Popen[bytes]:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        told = (self.folder / "told").open("wb")
        with told:
            return subprocess.Popen(
                self.command(name, at=at),
                stdout=told,
                stderr=told,
                start_new_session=True,
                env=os.environ
                | {
                    "TOKENARENA_HOME": str(self.home.root),
                    "TMPDIR": str(temporary),
                    # How busy this machine is must not void the rounds.
                    "TOKENARENA_CLIENT_ERROR_BUDGET_MS": "10000,60000",
                    "DAGSTER_DISABLE_TELEMETRY": "yes",
                    "PYTHONFAULTHANDLER": "1",
                },
            )

    def fault(self, text: str) -> None:
        self.faults.append(text)
        print(f"FAULT {text}", file=sys.stderr, flush=True)


def arena_in(folder: Path, server: MisbehavingServer, answered: list[tuple[str, str]]) -> Arena:
    price = "price: {input_usd_per_mtok: 0.5, output_usd_per_mtok: 2}, quality_tier: tiny, context_tokens: 1024}"
    lines = [
        f"  - {{provider: local, model: {name}, base_url: '{server.url(f'steady/{name}')}', "
        f"limits: {{max_in_flight: {most}}}, {price}"
        for name, most in IN_FLIGHT.items()
    ]
    folder.mkdir(parents=True)
    (folder / "endpoints.yaml").write_text("\n".join(["endpoints:", *lines, f"  - {FLEET}, {price}", ""]))
    return Arena(folder, server, answered, len(server.seen))


def counting(answered: list[tuple[str, str]]) -> Callable[[Reply], Any]:
    behave = streams(ANSWER)

    async def count(reply: Reply) -> None:
        await behave(reply)
        answered.append((reply.request.route, hashlib.sha256(reply.request.body).hexdigest()))

    return count


def left_behind() -> tuple[float, list[str]]:
    """Seconds until no descendant of ours was left, and those that were there still after the grace."""
    started = time.monotonic()
    while True:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        alive = psutil.Process().children(recursive=True)
        if not alive or time.monotonic() - started > GRACE_S:
            return time.monotonic() - started, [" ".join(_cmdline(each))[:120] for each in alive]
        time.sleep(0.01)


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return ["?"]


def rows_on_disk(arena: Arena) -> tuple[list[dict[str, Any]], int]:
    """The records of all rounds, and how many lines are none."""
    records, torn = [], 0
    for found in rounds_of(arena.home, today()):
        for line in read_lines(found.log):
            try:
                records.append(json.loads(line.data))
            except ValueError:
                torn += 1
    return records, torn


def check(arena: Arena, seen_from: int, answered_from: int, *, killed: bool) -> None:
    """What must hold at every instant; `*_from`: where the lists of the server began with this life of the prober."""
    took_s, orphans = left_behind()
    arena.slowest_end_s = max(arena.slowest_end_s, took_s)
    for orphan in orphans:
        arena.fault(f"left behind: {orphan}")
    records, torn = rows_on_disk(arena)
    arena.torn = max(arena.torn, torn)
    if torn > arena.kills:
        arena.fault(f"{torn} torn lines of {arena.kills} kills")
    twice = [name for name, n in Counter(record["request_id"] for record in records).items() if n > 1]
    arena.doubled += len(twice)
    if twice:
        arena.fault(f"rows twice: {twice}")
    _check_lost(arena, {record["request"]["sha256"] for record in records if record.get("request")}, seen_from,
                answered_from, killed=killed)  # fmt: skip
    for damaged in partitions(arena.home)[1]:
        arena.fault(str(damaged))
    with suppress(MissingTableError), open_published(arena.home) as connection:
        rows_of(connection, "select * from rounds")
        rows_of(connection, "select * from leaderboard")


def _check_lost(arena: Arena, rows: set[str], seen_from: int, answered_from: int, *, killed: bool) -> None:
    for name, most in IN_FLIGHT.items():
        route = f"steady/{name}"
        sent = [
            hashlib.sha256(request.body).hexdigest()
            for request in arena.server.seen[seen_from:]
            if request.route == route
        ]
        answered = [body for at, body in arena.answered[answered_from:] if at == route]
        lost = [body for body in answered if body not in rows]
        unrecorded = [body for body in sent if body not in rows]
        arena.lost += len(lost)
        arena.in_flight += len(unrecorded)
        # The last ones: a further request is sent when a row is written.
        if len(unrecorded) > (most if killed else 0) or not set(unrecorded) <= set(sent[-2 * most :]):
            arena.fault(f"{name}: {len(unrecorded)} of {len(sent)} requests have no row, {most} may be in flight")


def state_of(arena: Arena, name: str, before: dict[Path, int], lines_before: int) -> str:
    """What a kill hit, read from what lies on disk."""
    home = arena.home
    temporaries = {path.name.partition(f".{HOST}.")[0] for path in home.leftovers()}
    found = rounds_of(home, today())
    if "." + home.database.name in temporaries:
        return "while the database was built"
    if any(each.is_open and each.seal is not None for each in found):
        return "while a round was sealed"
    if name == "run":
        made = sum(1 for path in home.lake.glob("*/day=*/*.parquet") if before.get(path) != path.stat().st_mtime_ns)
        if temporaries:
            return "while a partition was written"
        if home.database.exists() and before.get(home.database) != home.database.stat().st_mtime_ns:
            return "after the database was published"
        if made:
            return "between partitions"
    opened = [each for each in found if each.is_open]
    if not opened:
        return "before or after a round"
    lines = sum(sum(1 for _ in read_lines(each.log)) for each in opened)
    return "between the first row of a round and its seal" if lines > lines_before else "before its first row"


def stamps(home: Home) -> dict[Path, int]:
    paths = [*home.lake.glob("*/day=*/*.parquet"), home.database]
    return {path: path.stat().st_mtime_ns for path in paths if path.exists()}


def open_lines(home: Home) -> int:
    return sum(sum(1 for _ in read_lines(each.log)) for each in rounds_of(home, today()) if each.is_open)


def life(arena: Arena, name: str, *, after_s: float | None = None, at: int | None = None) -> bool:
    """One process from its start to its end, or to its kill; whether it was killed."""
    seen_from, answered_from = len(arena.server.seen), len(arena.answered)
    before, lines = stamps(arena.home), open_lines(arena.home)
    process = arena.start(name, at=at)
    try:
        process.wait(after_s if after_s is not None else PATIENCE_S)
    except subprocess.TimeoutExpired:
        # It alone: its children have to see by themselves. What hangs tells where.
        os.kill(process.pid, signal.SIGABRT if after_s is None else signal.SIGKILL)
        process.wait()
    killed = process.returncode == -signal.SIGKILL
    if killed:
        arena.kills += 1
        arena.states[state_of(arena, name, before, lines)] += 1
    elif process.returncode != 0:
        arena.fault(f"{name} ended with {process.returncode}: {(arena.folder / 'told').read_text()[-4000:]}")
    check(arena, seen_from, answered_from, killed=killed)
    return killed


def complete(arena: Arena, name: str) -> float:
    """Leave the command alone; seconds it took. Everything must be whole then."""
    started = time.monotonic()
    life(arena, name)
    took_s = time.monotonic() - started
    arena.completed += 1
    for path in arena.home.leftovers():
        arena.fault(f"{path} was left")
    for found in rounds_of(arena.home, today()):
        if found.is_open or found.seal is None:
            arena.fault(f"{found.log} was not sealed")
    last = [found for found in rounds_of(arena.home, today()) if (found.seal or {}).get("state") == "complete"]
    if name == "run":
        _check_balance(arena)
    elif name == "probe" and not last:
        arena.fault("no round is complete")
    return took_s


def _check_balance(arena: Arena) -> None:
    lines = [(found.log.name, line.line) for found in rounds_of(arena.home, today()) for line in read_lines(found.log)]
    query = "select raw_file, raw_line from requests union all select raw_file, raw_line from quarantine"
    with open_published(arena.home) as connection:
        published = [(row["raw_file"], row["raw_line"]) for row in rows_of(connection, query)]
    if Counter(lines) != Counter(published):
        arena.fault(f"{len(lines)} raw lines, {len(published)} rows in requests and quarantine")


def random_kills(
    arena: Arena, name: str, kills: int, complete_each: int, chance: random.Random, *, until_s: float
) -> None:
    """Kill `name` at instants of its own length; every few kills it may end."""
    if name == "run":
        begin_round(arena, chance)
    usual_s = complete(arena, name)
    print(f"{name}: {usual_s:.1f} s when left alone", file=sys.stderr, flush=True)
    done = arena.kills
    while arena.kills - done < kills and time.monotonic() < until_s:
        if name == "run":
            begin_round(arena, chance)
        for _ in range(min(complete_each, kills - (arena.kills - done))):
            life(arena, name, after_s=chance.uniform(0.0, usual_s))
        usual_s = complete(arena, name)  # as busy as the machine is by now
        print(f"{name}: {arena.kills - done} kills, completed in {usual_s:.1f} s", file=sys.stderr, flush=True)


def begin_round(arena: Arena, chance: random.Random) -> None:
    """A round that is cut off after a few rows, for `run` to complete."""
    killed, before = arena.kills, arena.states.copy()
    while not any(found.is_open for found in rounds_of(arena.home, today())):
        life(arena, "probe", after_s=chance.uniform(2.0, 4.0))
    arena.kills, arena.states = killed, before  # of the other command


def operations(arena: Arena, name: str, only: str = "") -> None:
    """Die before every operation on a file of the home, one after the other, and complete after each."""
    life(arena, name, at=0)
    told = (arena.folder / "operations").read_text().splitlines()
    chosen = [number for number, line in enumerate(told, start=1) if only in line]
    print(f"{name}: dies before each of {len(chosen)} operations on files", file=sys.stderr, flush=True)
    for number in chosen:
        life(arena, name, at=number)
        complete(arena, name)


def main() -> int:
    """Kill, check, complete, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=("probe", "run", "operations", "all"), default="all")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--complete-each", type=int, default=5, help="kills before the command is left alone once")
    parser.add_argument("--minutes", type=float, default=120.0, help="no further kills of a command after so long")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans come to us, so that none is overlooked
    answered: list[tuple[str, str]] = []
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, MisbehavingServer({"steady": counting(answered)}) as server:
        for name in ("probe", "run", "operations") if given.of == "all" else (given.of,):
            arena = arena_in(Path(folder, name), server, answered)
            started = time.monotonic()
            if name == "operations":
                operations(arena, "probe")
                complete(arena, "run")
                operations(arena, "publish")
                operations(arena, "run", "os.rename /lake/leaderboard/")
            else:
                chance = random.Random(given.seed)
                random_kills(
                    arena, name, given.kills, given.complete_each, chance, until_s=started + given.minutes * 60
                )
            results[name] = told(arena, time.monotonic() - started)
    if given.json:
        print(json.dumps(results))
    else:
        for name, result in results.items():
            print(name, *(f"  {key}: {value}" for key, value in result.items()), sep="\n")
    return 1 if any(result["faults"] for result in results.values()) else 0


def told(arena: Arena, wall_s: float) -> dict[str, Any]:
    """The figures of one arena."""
    records, torn = rows_on_disk(arena)
    litter = sorted(path.name for path in (arena.folder / "tmp").iterdir())
    return {
        "kills": arena.kills,
        "hit": dict(arena.states.most_common()),
        "completed_after": arena.completed,
        "requests_that_the_counting_server_saw": len(arena.server.seen) - arena.seen_before,
        "without_a_row_when_killed": arena.in_flight,
        "of_them_answered": arena.lost,
        "rows": len(records),
        "doubled": arena.doubled,
        "torn_lines": torn,
        "slowest_end_of_children_s": round(arena.slowest_end_s, 2),
        "left_in_the_systems_temporary_folder": len(litter),
        "wall_s": round(wall_s),
        "faults": arena.faults,
    }


if __name__ == "__main__":
    sys.exit(main())
