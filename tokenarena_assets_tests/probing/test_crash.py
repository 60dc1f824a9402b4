"""A prober killed in the middle of a round: what it wrote stays, and the next try completes the same round."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.chain.ingest import read_day
from tokenarena_assets.probing.round import today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, read_lines, rounds_of
from tokenarena_assets_tests.servers.misbehaving import BEHAVIOURS, MisbehavingServer, in_turn

PATIENCE_S = 30.0  # bounds a wait; never the expected time
NAMES = ("north", "south")
PROBES = 6
ANSWERED = 2  # by each endpoint, before it hangs


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    good, hang = BEHAVIOURS["good"], BEHAVIOURS["hang_before_headers"]
    with MisbehavingServer({"slow": in_turn(*[good] * ANSWERED, hang, good)}) as running:
        yield running


def _command(home: Home, server: MisbehavingServer, *more: str, probes: int = PROBES) -> subprocess.Popen[str]:
    catalog = home.root.parent / "endpoints.yaml"
    lines = [
        f"  - {{provider: test, model: {name}, base_url: '{server.url(f'slow/{name}')}', api_key_env: TEST_KEY}}"
        for name in NAMES
    ]
    catalog.write_text("\n".join(["endpoints:", *lines, ""]))
    arguments = ["probe", "--endpoints", str(catalog), "--suite", "speed", "--speed-probes", str(probes), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "tokenarena_assets.cli", *arguments],
        env=os.environ | {"TOKENARENA_HOME": str(home.root), "TEST_KEY": "sk-secret"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    return out


def _cut_off(home: Home, server: MisbehavingServer, how: signal.Signals = signal.SIGKILL) -> RoundFiles:
    """A round killed when each endpoint has answered twice and holds a third request."""
    process = _command(home, server)
    flushed = ANSWERED * len(NAMES)
    try:
        _wait_until(lambda: len(server.seen) == flushed + len(NAMES) or process.poll() is not None)
        (part,) = home.raw_day(today()).glob("*.part")
        _wait_until(lambda: part.read_bytes().count(b"\n") == flushed)
    finally:
        process.send_signal(how)
        process.communicate(timeout=PATIENCE_S)
    (found,) = rounds_of(home, today())
    assert found.is_open
    assert len(list(read_lines(found.log))) == flushed
    return found


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line.data) for line in read_lines(path) if line.data.startswith(b"{") and b"}" in line.data]


def test_a_killed_round_is_completed_under_its_own_id(home: Home, server: MisbehavingServer) -> None:
    cut = _cut_off(home, server)
    before = cut.log.read_bytes()
    told = json.loads(_finish(_command(home, server, "--json")))
    assert (told["round_id"], told["records_kept"], told["records_written"]) == (cut.round_id, 4, 8)
    assert told["by_status"] == {"ok": 8}
    (completed,) = rounds_of(home, today())
    assert completed.round_id == cut.round_id
    assert completed.manifest == cut.manifest
    assert completed.seal is not None
    assert (completed.seal["state"], completed.seal["rows"]) == ("complete", 12)
    assert not list(home.raw_day(today()).glob("*.part"))
    lines = [line.data for line in read_lines(completed.log)]
    assert b"\n".join(lines[:4]) + b"\n" == before
    records = _records(completed.log)
    assert len({record["request_id"] for record in records}) == len(records) == 12
    assert Counter(record["endpoint_id"] for record in records) == dict.fromkeys(
        (f"test/{name}@standard" for name in NAMES), PROBES
    )
    assert {record["status"] for record in records} == {"ok"}
    # Nothing that was answered was asked again: only what hung.
    assert len(server.seen) == 12 + len(NAMES)
    assert read_day(home, today()).probe_log.height == 12


def test_a_torn_line_stays_as_a_line_of_its_own(home: Home, server: MisbehavingServer) -> None:
    cut = _cut_off(home, server)
    torn = b'{"schema_version":1,"request_id":"half of it'
    with cut.log.open("ab") as file:
        file.write(torn)
    before = cut.log.read_bytes()
    assert "8 records, 4 kept of an earlier try" in _finish(_command(home, server))
    (completed,) = rounds_of(home, today())
    lines = [line.data for line in read_lines(completed.log)]
    assert b"\n".join(lines[:5]) == before
    assert lines[4] == torn
    assert len(lines) == 13
    assert len({record["request_id"] for record in _records(completed.log)}) == 12
    log = read_day(home, today()).probe_log
    assert log.filter(log["problem"].is_not_null())["raw_line"].to_list() == [5]


def test_under_another_plan_the_cut_off_round_is_closed_as_partial(home: Home, server: MisbehavingServer) -> None:
    cut = _cut_off(home, server)
    told = json.loads(_finish(_command(home, server, "--json", probes=PROBES - 1)))
    assert told["round_id"] != cut.round_id
    assert (told["records_kept"], told["records_written"]) == (0, 10)
    rounds = {found.round_id: found for found in rounds_of(home, today())}
    assert {name: (found.seal or {})["state"] for name, found in rounds.items()} == {
        cut.round_id: "partial",
        told["round_id"]: "complete",
    }
    assert len(_records(rounds[cut.round_id].log)) == 4
    assert rounds[told["round_id"]].manifest is not None
    assert rounds[told["round_id"]].manifest["ordinal"] == 1
    assert read_day(home, today()).probe_log.height == 14


def test_an_interrupted_round_waits_for_the_next_try(home: Home, server: MisbehavingServer) -> None:
    cut = _cut_off(home, server, signal.SIGINT)
    told = json.loads(_finish(_command(home, server, "--json")))
    assert (told["round_id"], told["records_kept"], told["records_written"]) == (cut.round_id, 4, 8)


def test_a_round_that_another_process_writes_is_left_alone(home: Home, server: MisbehavingServer) -> None:
    first = _command(home, server)
    try:
        _wait_until(lambda: len(server.seen) == (ANSWERED + 1) * len(NAMES) or first.poll() is not None)
        (running,) = rounds_of(home, today())
        told = json.loads(_finish(_command(home, server, "--json")))
        assert told["round_id"] != running.round_id
        assert told["records_written"] == 12
        assert first.poll() is None
        assert running.log.exists()
    finally:
        first.kill()
        first.communicate(timeout=PATIENCE_S)
