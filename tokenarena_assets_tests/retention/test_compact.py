"""A compaction of small homes: what goes, what stays, what is recorded, and a kill at each step of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenarena_assets.errors import NoEvidenceError, TokenArenaError
from tokenarena_assets.retention import compact as module
from tokenarena_assets.retention import tables as tables_module
from tokenarena_assets.retention.compact import Compaction, compact
from tokenarena_assets.retention.ledger import Ledger, ledger_path
from tokenarena_assets.retention.needs import NEEDS, require_texts
from tokenarena_assets.retention.policy import Policy, Terms
from tokenarena_assets.retention.seals import expiry_of, hashes
from tokenarena_assets.retention.texts import TABLE_TEXTS
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import lake_of
from tokenarena_assets.storage.rawlog import RoundWriter, read_lines, rounds_of
from tokenarena_assets_tests.retention.homes import ALL, DAY, LATER, ROUND, SECRET, make_home, make_tables, record

TORN = b'{"suite": "speed", "text": "the secret of line 9'
LINES = [record(0), record(1, "greedy"), TORN, record(2, "own"), record(3, "context", status="not_sent")]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "arena")
    made.begin_writing()
    make_home(made, LINES)
    return made


def run(home: Home, today: date = LATER, policy: Policy = ALL, **given: Any) -> Compaction:
    return compact(home, policy, [DAY], today, lambda _: None, **given)


def contents(home: Home) -> dict[str, bytes]:
    return {
        path.relative_to(home.root).as_posix(): path.read_bytes()
        for path in sorted(home.root.rglob("*"))
        if path.is_file() and path.name != ".retention.lock"
    }


def raw_lines(home: Home) -> list[bytes]:
    return [line.data for line in read_lines(rounds_of(home, DAY)[0].log)]


def ledger_lines(home: Home) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ledger_path(home).read_text().splitlines()]


def test_texts_are_gone_everywhere_and_numbers_are_not(home: Home) -> None:
    before = {table: lake_of(home).read(table, DAY) for table in TABLE_TEXTS}
    original = rounds_of(home, DAY)[0].seal or {}
    run(home)
    for name, data in contents(home).items():
        assert SECRET.encode() not in data, name
    assert all(SECRET.encode() not in line for line in raw_lines(home))
    assert [json.loads(line)["request_id"] for line in raw_lines(home) if line.startswith(b"{")] == [
        "request-0", "request-1", "request-2", "request-3",
    ]  # fmt: skip
    lake = lake_of(home)
    for table, was in before.items():
        now = lake.read(table, DAY)
        numbers = [name for name in was.columns if name not in TABLE_TEXTS[table] and name != "gold"]
        assert now.select(numbers).equals(was.select(numbers))
        assert now.schema == was.schema
    requests = lake.read("requests", DAY)
    assert requests["text"].to_list() == requests["first_token_top"].to_list() == [None] * 4
    assert requests["gold"].to_list() == ["gold 0", "gold 1", None, "gold 3"]  # that of own items is a person's text
    graded = lake.read("graded_answers", DAY)
    assert graded["extracted"].to_list() == [None] * 4
    assert graded["detail"].to_list() == [None, "expired", None, None]  # a rule wants one where code was not run
    seal = rounds_of(home, DAY)[0].seal or {}
    assert {name: seal[name] for name in original} == original
    assert hashes(seal) == [original["sha256"], hashlib.sha256(rounds_of(home, DAY)[0].log.read_bytes()).hexdigest()]
    assert expiry_of(home, DAY).texts.keys() == {"", "context", "greedy", "own", "speed"}


def test_an_answer_that_was_empty_stays_known_as_such(tmp_path: Path) -> None:
    home = Home(tmp_path / "arena")
    make_home(home, [record(0, text="", first_token_top=None), record(1)])
    run(home)
    assert lake_of(home).read("requests", DAY)["text"].to_list() == ["", None]


def test_frames_go_before_texts_and_tables_stay(home: Home) -> None:
    before = contents(home)
    done = run(home, DAY + timedelta(days=59))
    assert sum(each.frames_rows for each in done.removed.values()) == 4
    assert sum(each.texts_rows for each in done.removed.values()) == 0
    assert done.tables == {}
    changed = {name for name, data in contents(home).items() if before.get(name) != data}
    folder = f"raw/probes/day={DAY}/round={ROUND}"
    assert changed == {f"{folder}.jsonl.zst", f"{folder}.seal.json", "raw/retention.jsonl"}
    require_texts(home, NEEDS, [DAY])  # frames are no reason not to make the tables anew
    run(home)
    seal = rounds_of(home, DAY)[0].seal or {}
    assert len(hashes(seal)) == 3
    with pytest.raises(TokenArenaError, match=rf"{DAY} cannot be made anew: texts of .*greedy.* expired on {LATER}"):
        require_texts(home, NEEDS, [DAY])


def test_the_ledger_says_what_when_and_under_which_policy(home: Home) -> None:
    sealed = (rounds_of(home, DAY)[0].seal or {})["sha256"]
    run(home)
    begun, done, tables = ledger_lines(home)
    assert [begun["state"], done["state"], tables["state"]] == ["begun", "done", "tables"]
    assert done["rows"] == len(LINES)
    assert done["frames"] == {"": 0, "context": 1, "greedy": 1, "own": 1, "speed": 1}
    assert done["texts"] == {"": 1, "context": 1, "greedy": 1, "own": 1, "speed": 1}
    assert (done["sha256_before"], done["on"], done["policy_sha256"]) == (sealed, LATER.isoformat(), ALL.sha256)
    assert done["policy"] == ALL.as_record()
    assert tables["rows"]["requests"] == 4
    assert {name: value for name, value in begun.items() if name not in ("state", "at")} == {
        name: value for name, value in done.items() if name not in ("state", "at")
    }
    assert Ledger(home).expiry(DAY) == expiry_of(home, DAY)


def test_a_torn_line_of_the_ledger_is_passed_over_and_a_strange_one_named(home: Home) -> None:
    run(home)
    path = ledger_path(home)
    path.write_bytes(path.read_bytes() + b'{"schema_version": 1, "sta\n')
    assert Ledger(home).expiry(DAY) == expiry_of(home, DAY)
    path.write_bytes(path.read_bytes() + b'{"schema_version": 1, "state": "done"}\n')
    with pytest.raises(TokenArenaError, match="holds a line of another form"):
        Ledger(home)


def test_the_second_time_nothing_is_done(home: Home) -> None:
    run(home)
    before = contents(home)
    done = run(home, LATER + timedelta(days=1))
    assert (done.removed, done.tables, done.kept) == ({}, {}, [])
    assert contents(home) == before


def test_a_log_without_anything_due_is_read_once_and_left(home: Home) -> None:
    policy = Policy(suites={"sampled": Terms(frames_days=1, texts_days=40)})
    log = rounds_of(home, DAY)[0].log
    before = log.read_bytes()
    run(home, policy=policy)
    assert log.read_bytes() == before
    assert [line["state"] for line in ledger_lines(home)] == ["looked_at"]
    everything = contents(home)
    run(home, policy=policy)
    assert contents(home) == everything
    run(home)  # another policy: then it is not left
    assert expiry_of(home, DAY).texts


def test_a_dry_run_writes_nothing_and_counts_the_same(home: Home) -> None:
    before = contents(home)
    dry = run(home, dry=True)
    assert contents(home) == before
    assert dry.removed == run(home).removed


def test_today_and_days_without_logs(home: Home) -> None:
    before = contents(home)
    assert run(home, DAY, Policy(Terms(frames_days=1, texts_days=31))).removed == {}
    assert contents(home) == before
    with pytest.raises(NoEvidenceError, match=str(LATER)):
        compact(home, ALL, [LATER], LATER, lambda _: None)


def test_what_is_not_as_sealed_is_left_and_named(home: Home) -> None:
    log = rounds_of(home, DAY)[0].log
    log.write_bytes(log.read_bytes() + b"\0")
    before = contents(home)
    done = run(home)
    assert contents(home) == before
    (broken,) = done.broken
    assert log.name in broken


def test_texts_stay_where_their_tables_were_not_made(home: Home) -> None:
    shutil.rmtree(home.lake / "graded_answers")
    (kept,) = run(home).kept
    assert "its texts stay: the day has no table graded_answers: tokenarena run --day 2026-11-02" in kept
    found = expiry_of(home, DAY)
    assert (bool(found.frames), bool(found.texts)) == (True, False)
    make_tables(home)
    assert run(home).kept == []
    assert expiry_of(home, DAY).texts


def test_texts_stay_while_a_later_day_that_reads_them_has_no_tables(home: Home) -> None:
    later = DAY + timedelta(days=27)
    make_home(home, [record(7, "greedy", day=later.isoformat())], later, "20261129T000000Z-abcdef")
    shutil.rmtree(home.lake / "fidelity_channels" / f"day={later}")
    (kept,) = run(home).kept
    assert f"tables of {later} read them and were not made" in kept


def test_a_round_that_came_after_its_tables_keeps_its_texts(home: Home) -> None:
    other = "20261102T030000Z-abcdef"
    writer = RoundWriter(home, DAY, other, {"round_id": other})
    writer.append(record(8))
    writer.seal("complete")
    assert all(f"the tables lack round {other}" in kept for kept in run(home).kept)
    assert not expiry_of(home, DAY).texts


def test_a_round_that_is_not_sealed_stays(home: Home) -> None:
    other = "20261102T030000Z-abcdef"
    writer = RoundWriter(home, DAY, other, {"round_id": other})
    writer.append(record(8))
    writer.close()
    make_tables(home)
    (kept,) = run(home).kept
    assert kept == f"{DAY} round {other}: it is not sealed: tokenarena run closes what was cut off"
    assert writer.path.read_bytes().count(SECRET.encode()) > 5


class _Killed(BaseException):
    """Nothing that cleans up after errors may catch it."""


def _killing(monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool) -> Callable[[], int]:
    """Raise at the `at`-th write of a compaction, before it or after it came true; how many writes there were."""
    calls = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **given: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at and not after:
                raise _Killed
            result = function(*args, **given)
            if calls == at:
                raise _Killed
            return result

        return wrapped

    monkeypatch.setattr(Path, "replace", counted(Path.replace))  # logs, seals and partitions take their places
    monkeypatch.setattr(Ledger, "append", counted(Ledger.append))
    monkeypatch.setattr(module, "write_text", counted(module.write_text))
    monkeypatch.setattr(module, "expire_tables", counted(tables_module.expire_tables))
    return lambda: calls


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_any_step_leaves_whole_files_and_the_next_run_ends_it(tmp_path: Path, after: bool) -> None:
    source = Home(tmp_path / "source")
    make_home(source, LINES)
    whole = Home(tmp_path / "whole")
    shutil.copytree(source.root, whole.root)
    run(whole)
    goal = {name: data for name, data in contents(whole).items() if not name.endswith("retention.jsonl")}
    old_lines, new_lines = raw_lines(source), raw_lines(whole)
    for at in range(1, 100):
        home = Home(tmp_path / f"killed-{at}")
        shutil.copytree(source.root, home.root)
        with pytest.MonkeyPatch.context() as patch:
            calls = _killing(patch, at, after=after)
            with suppress(_Killed):
                run(home)
            if calls() < at:
                break
        found = raw_lines(home)
        assert found in (old_lines, new_lines)
        if found == new_lines:  # from here on the tables must not be made anew
            with pytest.raises(TokenArenaError, match="cannot be made anew"):
                require_texts(home, NEEDS, [DAY])
        run(home)
        assert {n: d for n, d in contents(home).items() if not n.endswith("retention.jsonl")} == goal
        states = [(line["state"], line.get("sha256_after")) for line in ledger_lines(home)]
        assert states.count(("done", hashes(rounds_of(home, DAY)[0].seal or {})[-1])) == 1
        assert states[-1][0] == "tables" or ("tables", None) in states
        settled = contents(home)
        run(home)
        assert contents(home) == settled
    assert at > 8


SUITE = st.sampled_from(["speed", "greedy", "quality_math", "own", "context"])
DAYS = st.one_of(st.none(), st.integers(31, 90))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suites=st.lists(SUITE, min_size=1, max_size=6),
    default=DAYS,
    own=st.dictionaries(SUITE, DAYS),
    age=st.integers(20, 120),
)
def test_under_any_policy_numbers_and_rows_stay(
    tmp_path_factory: pytest.TempPathFactory,
    suites: list[str],
    default: int | None,
    own: dict[str, int | None],
    age: int,
) -> None:
    home = Home(tmp_path_factory.mktemp("any") / "arena")
    make_home(home, [record(number, suite) for number, suite in enumerate(suites)])
    policy = Policy(
        Terms(frames_days=25, texts_days=default),
        {suite: Terms(frames_days=31, texts_days=days) for suite, days in own.items()},
    )
    lake = lake_of(home)
    before = {table: lake.read(table, DAY) for table in ("requests", "probe_log", "graded_answers")}
    today = DAY + timedelta(days=age)
    run(home, today, policy)
    expired = {
        suite
        for suite in suites
        if (days := own.get(suite, default) if suite in own else default) is not None and age >= days
    }
    lines = raw_lines(home)
    assert len(lines) == len(suites)
    for number, (suite, line) in enumerate(zip(suites, lines, strict=True)):
        found, was = json.loads(line), record(number, suite)
        assert found["timing"] == was["timing"]
        assert found["usage"] == was["usage"]
        assert bool(found["text"]) is (suite not in expired)
        assert bool(found["frames"]) is (age < (31 if suite in own else 25))
    for table, was in before.items():
        now = lake.read(table, DAY)
        texts = [*TABLE_TEXTS[table], *(["gold"] if "gold" in was.columns else [])]
        assert now.drop(texts).equals(was.drop(texts))
    now = lake.read("requests", DAY)
    assert set(now.filter(pl.col("text").is_null())["suite"]) == expired
    settled = contents(home)
    run(home, today, policy)
    assert contents(home) == settled
