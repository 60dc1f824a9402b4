"""Who sends what: the shares of worker processes, a round that they send, and what if one side is gone."""

from __future__ import annotations

import gc
import json
import multiprocessing
import pickle
import socket
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.certificate import Budget
from tokenarena_assets.probing.exchange import Limits
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.retries import Recorded
from tokenarena_assets.probing.round import RoundPlan, plan_round, run_round, today
from tokenarena_assets.probing.session import Share, _Pipe, run_session, shares_of, undisturbed, workers_of
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import certificates_path, read_lines
from tokenarena_assets_tests.probing.rounds import endpoint, planned_ids, run, speed_only
from tokenarena_assets_tests.servers.misbehaving import Answer, MisbehavingServer, in_company, streams

PATIENCE_S = 60.0  # bounds a wait; never the expected time
LONG = Limits(PATIENCE_S, PATIENCE_S, PATIENCE_S, PATIENCE_S)
ANY = Budget(1_000.0, 10_000.0)  # whether this machine is quiet is not the question here


# Shares.


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> RoundPlan:
    home = Home(tmp_path_factory.mktemp("session") / "arena")
    endpoints = [endpoint(f"m{number}") for number in range(12)]
    return plan_round(home, today(), endpoints, PlanOptions(suites=("speed", "parallel", "quality_math")))


@given(
    names=st.lists(st.integers(0, 11), min_size=1, max_size=12, unique=True),
    at_once=st.integers(1, 300),
    workers=st.integers(1, 20),
    gone=st.sets(st.integers(0, 400)),
    suites=st.sets(st.sampled_from(["speed", "parallel", "quality_math"])),
)
def test_shares_are_a_division(
    plan: RoundPlan, names: list[int], at_once: int, workers: int, gone: set[int], suites: set[str]
) -> None:
    endpoints = tuple(plan.endpoints[number] for number in names)
    ids = [e.endpoint_id for e in endpoints]
    probes = {
        suite: [p for number, p in enumerate(asked) if p.endpoint_id in ids and number not in gone]
        for suite, asked in plan.probes.items()
        if suite in suites
    }
    burst = max((probe.question.together for asked in probes.values() for probe in asked), default=1)
    whole = Share(replace(plan, endpoints=endpoints), probes, at_once, LONG, ANY)
    shares = shares_of(whole, workers)
    assert len(shares) == max(1, min(workers, len(endpoints), at_once // burst))
    assert [share.number for share in shares] == list(range(len(shares)))
    # Whole endpoints, each in one place, as evenly as can be.
    parts = [[e.endpoint_id for e in share.plan.endpoints] for share in shares]
    assert sorted(name for part in parts for name in part) == sorted(ids)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    # As many in flight as were asked for, and in each share as many as a burst needs, if that was asked for at all.
    assert sum(share.at_once for share in shares) == at_once
    assert min(share.at_once for share in shares) >= min(burst, at_once)
    for suite, asked in probes.items():
        for share, part in zip(shares, parts, strict=True):
            assert share.probes[suite] == [probe for probe in asked if probe.endpoint_id in part]
        assert sum(len(share.probes[suite]) for share in shares) == len(asked)


@pytest.mark.parametrize(
    ("options", "workers"),
    [
        ({"at_once": 1}, 1),
        ({"at_once": 100}, 1),
        ({"at_once": 101}, 2),
        ({"at_once": 1000}, 10),
        ({"at_once": 16, "workers": 3}, 3),
        ({"at_once": 1000, "workers": 1}, 1),
    ],
)
def test_as_many_workers_as_the_streams_need(plan: RoundPlan, options: dict[str, int], workers: int) -> None:
    assert workers_of(replace(plan, options=replace(plan.options, **options))) == workers


def test_the_embedded_fleet_needs_one_worker_however_much_is_allowed(tmp_path: Path) -> None:
    local = endpoint("local", base_url=None, fleet={"weights": "tiny.gguf"}, price=None)
    planned = plan_round(Home(tmp_path), today(), [local], speed_only(at_once=1000))
    assert workers_of(planned) == 1


# A round of several processes.


def test_workers_send_every_probe_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-of-the-workers")
    told: list[tuple[str, int, int, int]] = []
    with MisbehavingServer({"good": in_company(4, streams(Answer()))}) as server:
        endpoints = [endpoint(name, server.url(f"good/{name}"), api_key_env="TEST_KEY") for name in "abcde"]
        plan = plan_round(home, today(), endpoints, speed_only(3, at_once=4, at_once_asked=True, workers=2))
        urls = {e.endpoint_id: str(e.base_url) for e in endpoints}
        outcome = run_round(home, plan, urls, limits=LONG, budget=ANY, progress=lambda *step: told.append(step))
        assert server.most_in_flight == 4
        assert {request.headers["authorization"] for request in server.seen} == {"Bearer sk-of-the-workers"}
    records = [json.loads(line.data) for line in read_lines(outcome.path)]
    assert sorted(record["request_id"] for record in records) == planned_ids(plan)
    assert Counter(record["status"] for record in records) == {"ok": 15} == outcome.by_status
    assert told == [("speed", number, 15, 0) for number in range(1, 16)]
    rows = [json.loads(line.data) for line in read_lines(certificates_path(home, plan.day, plan.round_id))]
    assert sorted((row["process"], row["phase"]) for row in rows) == [
        (process, phase) for process in (0, 1) for phase in ("before", "during")
    ]
    assert {row["at_once"] for row in rows} == {2}
    assert multiprocessing.active_children() == []


def test_when_nothing_can_be_written_the_workers_end(home: Home) -> None:
    def fails(line: bytes) -> None:
        raise OSError(28, "No space left on device")

    with MisbehavingServer({"good": streams(Answer())}) as server:
        endpoints = [endpoint(name, server.url(f"good/{name}")) for name in "ab"]
        plan = plan_round(home, today(), endpoints, speed_only(50, workers=2))
        with pytest.raises(OSError, match="No space left"):
            run_session(
                plan,
                {e.endpoint_id: str(e.base_url) for e in endpoints},
                write=fails,
                certify=lambda found: None,
                limits=LONG,
                budget=ANY,
                progress=None,
                recorded=Recorded(),
            )
        assert len(server.seen) < 100
    assert multiprocessing.active_children() == []


def test_an_error_keeps_its_advice_on_its_way_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(TokenArenaError("the reference server died", mend="look at its log")))
    assert (error.message, error.mend) == ("the reference server died", "look at its log")


def test_a_full_pipe_holds_up_nobody() -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe(duplex=False)
    sink, line = _Pipe(theirs), b"x" * 100_000
    for number in range(300):  # 30 MB, which nobody reads yet: without a thread of its own this would never return
        sink.record("speed", "ok", b"%d" % number + line)
    found: list[Any] = [ours.recv() for _ in range(300)]
    assert found == [("speed", "ok", b"%d" % number + line) for number in range(300)]
    sink.close(None)
    assert ours.recv() is None
    ours.close()
    theirs.close()


ORPHAN = """
import multiprocessing, os, time
from tokenarena_assets.probing import session

def stay():
    session.Thread(target=session._end_with_parent, daemon=True).start()
    time.sleep(600)

if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=stay, daemon=True)
    worker.start()
    print(worker.pid, flush=True)
    time.sleep(600)
"""


def test_a_worker_does_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(ORPHAN)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, alive = psutil.wait_procs([worker], timeout=PATIENCE_S)
    assert alive == []
    assert gone == [worker]


def test_no_lookup_of_a_name_waits_for_another(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    of = 20
    everyone, look_up = threading.Barrier(of), socket.getaddrinfo

    def together(host: bytes | str, *args: Any, **kwargs: Any) -> Any:
        if host == b"localhost":
            everyone.wait(10)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", together)
    with MisbehavingServer({"good": streams(Answer())}) as server:
        urls = [server.url(f"good/{number}").replace("127.0.0.1", "localhost") for number in range(of)]
        ran = run(home, [endpoint(f"m{n}", url) for n, url in enumerate(urls)], speed_only(at_once=of), LONG)
    assert ran.outcome.by_status == {"ok": of}


# The collector.


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_rests_and_is_left_as_it_was(was_on: bool) -> None:
    (gc.enable if was_on else gc.disable)()
    try:
        with suppress(ZeroDivisionError), undisturbed():
            within = gc.isenabled(), gc.get_freeze_count()
            raise ZeroDivisionError
        assert within[0] is False
        assert within[1] > 0
        assert gc.isenabled() is was_on
        assert gc.get_freeze_count() == 0
    finally:
        gc.enable()
