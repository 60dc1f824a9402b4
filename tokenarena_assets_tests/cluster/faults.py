"""What goes wrong between machines, one thing after the other; after each: nothing doubled, and a re-run converges."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tokenarena_assets_tests.cluster.arena import BIN, BRIEF_ROUND, SECOND, Arena
from tokenarena_assets_tests.cluster.hosts import Host, sh, wait_until

# libfaketime 0.9.10 refuses Python's sleep (clock_nanosleep to a moment) where the monotonic clock is left true.
SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds)\n"
# A chain of steps, each of which reads what the one before it wrote.
CHAIN = ("stg_rounds", "stg_probe_log", "requests", "quarantine", "rounds", "latency_daily", "vantage_daily")


def worker_killed(arena: Arena) -> str:
    """A worker killed (SIGKILL) in a step: the step goes to the other host, and the run completes."""
    run = arena.begin("run", assets=CHAIN)
    wait_until("a first step", lambda: arena.steps_done(run) >= 1 or run.poll() is not None, 180)
    arena.eu.kill()
    found = arena.ended(run)
    arena.start_worker(arena.eu)
    told = _converges(arena, found, assets=CHAIN)
    return f"the run {_came(found)}; {told}"


def worker_late(arena: Arena) -> str:
    """A worker that stands still (SIGSTOP) in a step and goes on when the other host has done it: it writes nothing."""
    before = {host.name: _received(arena, host) for host in arena.hosts}
    run = arena.begin("run", assets=CHAIN)
    late: list[Host] = []

    def one_has_begun() -> bool:  # a step: far from its end, which is some hundred round trips away
        late.extend(host for host in arena.hosts if _received(arena, host) > before[host.name])
        return bool(late)

    wait_until("a step on a host", one_has_begun, 180, 0.02)
    late[0].signal(signal.SIGSTOP)
    try:
        found = arena.ended(run)
        versions = arena.do("versions", tables=CHAIN)["versions"]
    finally:
        late[0].signal(signal.SIGCONT)
    assert found["succeeded"], found["log"][-3000:]
    wait_until("its word that it comes too late", lambda: "is not written: " in arena.log(late[0]).read_text(), 180)
    assert arena.do("versions", tables=CHAIN)["versions"] == versions, "a table was written late"
    said = next(line.strip() for line in arena.log(late[0]).read_text().splitlines() if "is not written: " in line)
    return f"the run completed meanwhile; then {late[0].name} said: {said[-160:]}\n{_converges(arena, found)}"


def postgres_restarted(arena: Arena) -> str:
    """PostgreSQL crashed and recovered (restart -m immediate) in the middle of a run."""
    run = arena.begin("run", assets=CHAIN)
    wait_until("a first step", lambda: arena.steps_done(run) >= 1 or run.poll() is not None, 180)
    arena.postgres.restart()
    found = arena.ended(run)
    return f"the run {_came(found)}; {_converges(arena, found, assets=CHAIN)}"


def redis_restarted(arena: Arena) -> str:
    """Redis killed and started again in the middle of a run."""
    run = arena.begin("run", assets=CHAIN)
    wait_until("a first step", lambda: arena.steps_done(run) >= 1 or run.poll() is not None, 180)
    arena.redis.restart()
    found = arena.ended(run)
    return f"the run {_came(found)}; {_converges(arena, found, assets=CHAIN)}"


def host_cut_off(arena: Arena) -> str:
    """A host cut off from the network for 15 s in the middle of its round, and back."""
    before = len(arena.raw()["rounds"])
    run = arena.begin("run", round=BRIEF_ROUND, assets=("probe_rounds",))
    wait_until("a record of the round of us", lambda: _open_round_of(arena.spool(arena.us)) is not None, 180, 0.1)
    arena.us.cut()
    time.sleep(15)
    arena.us.mend()
    found = arena.ended(run)
    told = [f"the run of the day {_came(found)}"]
    if left := _open_round_of(arena.spool(arena.us)):
        told.append(f"the round of us was left open ({left.name})")
    again = arena.do("run", round={"run_round": "if_none"}, assets=("probe_rounds",))
    assert again["succeeded"], again["log"][-3000:]
    rounds = arena.raw()["rounds"]
    assert len(rounds) == before + 2, f"{len(rounds) - before} rounds came of two"
    assert _open_round_of(arena.spool(arena.us)) is None, "a round was left open"
    last = next(each for each in reversed(rounds) if each["region_from"] == "us")
    told.append(f"in the end one round from each place; that of us {last['state']}: {last['by_status']}")
    return "\n".join(told)


def disk_full(arena: Arena) -> str:
    """The disk of one host full while it writes a round, then room again."""
    before = len(arena.raw()["rounds"])
    spool = arena.spool(arena.us)
    arena.us.kill()  # a worker that runs sees no disk that is mounted after it
    sh("mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(spool))
    arena.start_worker(arena.us)
    found = arena.do("run", round=BRIEF_ROUND, assets=("probe_rounds",))
    assert found["succeeded"], found["log"][-3000:]
    assert "probe_rounds_us failed" in found["log"], found["log"][-3000:]
    said = next(line.strip() for line in found["log"].splitlines() if "probe_rounds_us failed" in line)
    assert len(arena.raw()["rounds"]) == before + 1
    sh("mount", "-o", "remount,size=64m", str(spool))
    again = arena.do("run", round={"run_round": "if_none"}, assets=("probe_rounds",))
    assert again["succeeded"], again["log"][-3000:]
    rounds = arena.raw()["rounds"]
    assert len(rounds) == before + 2
    assert _files(spool) == [], f"still in the spool: {_files(spool)}"
    arena.us.kill()
    sh("umount", str(spool))
    arena.start_worker(arena.us)
    return f"the day completed without that round; {said}\nwith room again the same round was completed and shipped"


def two_publishers(arena: Arena) -> str:
    """Two runs publish at once, and two commands beside them; a reader looks all the while."""
    runs = [arena.begin("run", assets=("published_database",)) for _ in range(2)]
    publish = [
        subprocess.Popen([BIN / "tokenarena", "publish"], env=arena.env, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]  # fmt: skip
    looked = set()
    while any(run.poll() is None for run in [*runs, *publish]):
        looked.add(_published_rows(arena))
    said = [process.communicate()[1] for process in publish]
    assert all(process.returncode == 0 for process in publish), said
    for run in runs:
        found = arena.ended(run)
        assert found["succeeded"], found["log"][-3000:]
    looked.add(_published_rows(arena))
    assert len(looked) == 1, f"a reader saw {looked}"
    return f"all four succeeded; a reader saw the same {looked.pop()} throughout"


def clock_skew(arena: Arena) -> str:
    """The clock of a host 5 minutes ahead (libfaketime): its round is told with that, and no row is lost."""
    before = len(arena.raw()["rounds"])
    arena.us.kill()
    mended = arena.folder / "faketime"
    mended.mkdir()
    (mended / "sitecustomize.py").write_text(SLEEP)
    path = os.pathsep.join(filter(None, [str(mended), os.environ.get("PYTHONPATH")]))
    env = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "PYTHONPATH": path}
    arena.start_worker(arena.us, before=("faketime", "-f", "+300s"), env=env)
    warned = [line for line in arena.log(arena.us).read_text().splitlines() if "clock is" in line]
    assert warned, "the worker said nothing of its clock"
    found = arena.do("run", round=BRIEF_ROUND, up_to=("rounds",))
    assert found["succeeded"], found["log"][-3000:]
    assert "probe_rounds_us: clock" in found["log"], found["log"][-3000:]
    rounds = arena.raw()["rounds"]
    assert len(rounds) == before + 2
    latest = {region: [each for each in rounds if each["region_from"] == region][-1] for region in ("eu", "us")}
    offset = latest["us"]["clock"]["offset_ms"]
    assert abs(offset + 300 * SECOND) < SECOND, offset
    assert abs(latest["eu"]["clock"]["offset_ms"]) < SECOND
    own = {row["round_id"]: row for row in arena.do("table", table="rounds")["rows"]}[latest["us"]["round_id"]]
    assert own["n_quarantined"] == 0
    assert own["n_requests"] == own["n_raw"] == latest["us"]["records"]
    arena.us.kill()
    arena.start_worker(arena.us)
    return (
        f"clock_offset_ms {offset:.0f} +- {latest['us']['clock']['uncertainty_ms']:.0f}, the check `clock` warned; "
        f"{own['n_requests']} of {own['n_raw']} rows are requests\nthe worker said: {warned[-1].strip()}"
    )


def day_converges(arena: Arena) -> str:
    """After all of it: the whole day once more, its tables against those of one machine."""
    found = arena.do("run", round={"run_round": "if_none"})
    assert found["succeeded"], found["log"][-3000:]
    rounds = arena.raw()["rounds"]
    assert all(each["state"] == "complete" for each in rounds), rounds
    return f"{len(rounds)} rounds, no request twice; {arena.tables_are_those_of_one_machine()}"


FAULTS = (
    worker_killed,
    worker_late,
    postgres_restarted,
    redis_restarted,
    host_cut_off,
    disk_full,
    two_publishers,
    clock_skew,
    day_converges,
)


def _received(arena: Arena, host: Host) -> int:
    """How many steps a worker has been given so far."""
    return arena.log(host).read_text().count(" received\n")


def _came(found: dict[str, Any]) -> str:
    if found["succeeded"]:
        return "completed"
    if found.get("crashed"):
        return f"crashed and said: {found['log'].strip().splitlines()[-1][:160]}"
    failed = [line.strip() for line in found["log"].splitlines() if " failed:" in line or "Lost" in line]
    return f"failed and said: {failed[0][:160] if failed else found['log'].strip().splitlines()[-2][:160]}"


def _converges(arena: Arena, found: dict[str, Any], **asked: Any) -> str:
    """A run that failed is run once more; what the day has is then as if nothing had been."""
    arena.raw()
    if found["succeeded"]:
        return "no re-run was needed"
    again = arena.do("run", **asked)
    assert again["succeeded"], again["log"][-3000:]
    return "run once more, it completed"


def _open_round_of(spool: Path) -> Path | None:
    """A round in a spool that has a record and is not sealed."""
    return next((path for path in spool.rglob("round=*.jsonl.part") if path.stat().st_size), None)


def _files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("round=*")]


def _published_rows(arena: Arena) -> str:
    command = [BIN / "tokenarena", "sql", "select count(*) as n from leaderboard", "--csv"]
    done = subprocess.run(command, env=arena.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return f"{done.stdout.split()[-1]} rows of leaderboard"
