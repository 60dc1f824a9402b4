"""The raw log: what was written is read back line for line, whatever happened to the file since."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tokenarena_assets.chain import ingest
from tokenarena_assets.chain.ingest import read_day
from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.errors import NoEvidenceError, TokenArenaError
from tokenarena_assets.probing.client import unsent_record
from tokenarena_assets.probing.plan import PlanOptions, make_plan
from tokenarena_assets.probing.round import seal_leftovers
from tokenarena_assets.storage import rawlog
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import (
    RawLine,
    RoundWriter,
    failures_by_endpoint,
    is_being_written,
    logs_of,
    read_lines,
    records_at,
    rounds_of,
)

DAY = date(2026, 11, 23)
EXAMPLES = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ROUND = "20261123T080000Z-abcdef"
ENDPOINT = Endpoint.model_validate({"provider": "test", "model": "a", "base_url": "http://127.0.0.1:9/v1"})
MANIFEST = {
    "round_id": ROUND,
    "ordinal": 0,
    "started_at": "2026-11-23T08:00:00.000+00:00",
    "endpoints": [ENDPOINT.model_dump(mode="json") | {"endpoint_id": ENDPOINT.endpoint_id}],
}
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".part": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


def _good_record(number: int = 0) -> dict[str, Any]:
    probe = make_plan([ENDPOINT], PlanOptions(), day=DAY, round_id=ROUND)["quality_math"][number]
    identity = {"round_id": ROUND, "day": DAY.isoformat()}
    return unsent_record(probe, "Grüße\n\u2028\x85 end", identity=identity, scheduled_ns=number)


def _day_file(home: Home, form: str, content: bytes) -> Path:
    path = home.raw_day(DAY) / f"round={ROUND}.jsonl{form}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _line(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def test_what_is_appended_is_read_back_before_and_after_the_seal(home: Home) -> None:
    records = [_good_record(number) for number in range(5)]
    writer = RoundWriter(home, DAY, ROUND, MANIFEST)
    for count, record in enumerate(records, start=1):
        writer.append(record)
        assert len(writer.path.read_bytes().split(b"\n")) == count + 1  # flushed, not kept back
    open_lines = [line.data for line in read_lines(writer.path)]
    (found,) = rounds_of(home, DAY)
    assert found.is_open
    sealed = writer.seal("complete")
    lines = list(read_lines(sealed))
    assert [line.data for line in lines] == open_lines
    assert [json.loads(line.data) for line in lines] == records
    assert [(line.file, line.line, line.problem) for line in lines] == [(sealed.name, n, None) for n in range(1, 6)]
    (found,) = rounds_of(home, DAY)
    assert (found.round_id, found.log, found.is_open, found.manifest) == (ROUND, sealed, False, MANIFEST)
    assert found.seal is not None
    assert (found.seal["state"], found.seal["rows"]) == ("complete", 5)
    assert found.seal["sha256"] == hashlib.sha256(sealed.read_bytes()).hexdigest()
    assert sorted(path.name.rsplit(".", 2)[-2] for path in sealed.parent.iterdir()) == ["jsonl", "manifest", "seal"]


@EXAMPLES
@given(st.lists(st.text(max_size=40), max_size=6))
def test_no_text_breaks_a_line(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    writer = RoundWriter(Home(tmp_path_factory.mktemp("home")), DAY, ROUND, MANIFEST)
    for text in texts:
        writer.append({"text": text})
    assert [json.loads(line.data)["text"] for line in read_lines(writer.seal("complete"))] == texts


def test_half_a_surrogate_does_not_stop_the_writer(home: Home) -> None:
    writer = RoundWriter(home, DAY, ROUND, MANIFEST)
    writer.append({"text": "a\ud83db"})
    assert [json.loads(line.data) for line in read_lines(writer.path)] == [{"text": "a?b"}]
    writer.close()


def test_what_json_cannot_hold_is_refused_and_leaves_no_trace(home: Home) -> None:
    writer = RoundWriter(home, DAY, ROUND, MANIFEST)
    with pytest.raises(ValueError, match="JSON"):
        writer.append({"ttft_ms": float("nan")})
    writer.append({"a": 1})
    assert [line.data for line in read_lines(writer.seal("complete"))] == [b'{"a":1}']


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", [b"one\ntwo\n", b"one\n\ntwo", b"\n", b"\r\nx\x85y\n", b"x" * 300_000 + b"\ny\n"])
def test_every_form_is_read_alike(home: Home, form: str, content: bytes) -> None:
    path = _day_file(home, form, FORMS[form](content))
    whole = content.endswith(b"\n")
    expected = content.removesuffix(b"\n").split(b"\n")
    lines = list(read_lines(path))
    assert [line.data for line in lines] == expected
    assert [line.problem for line in lines] == [None] * (len(lines) - 1) + [None if whole else "no_line_end"]
    assert [line.line for line in lines] == list(range(1, len(expected) + 1))


@EXAMPLES
@given(st.lists(st.integers(0, 90), max_size=30), st.sets(st.integers(1, 32)), st.integers(1, 64), st.booleans())
def test_picked_lines_are_those_of_all_lines(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], wanted: set[int], block: int, ended: bool
) -> None:
    lines = [json.dumps({"usage": number, "frames": "x" * size}).encode() for number, size in enumerate(sizes)]
    lines = [line if size else b"no record" for line, size in zip(lines, sizes, strict=True)]
    path = tmp_path_factory.mktemp("logs") / f"round={ROUND}.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n" * (ended and bool(lines)))
    all_of_them = {line.line: line.data for line in read_lines(path)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rawlog, "READ_BYTES", block)
        found = records_at(path, wanted, ("usage",))
    assert found == {
        number: {"usage": json.loads(data)["usage"]}
        for number, data in all_of_them.items()
        if number in wanted and data != b"no record"
    }


def test_of_bytes_that_are_no_utf8_the_rest_is_picked(home: Home) -> None:
    path = _day_file(home, "", b'{"usage":{"raw":"\xff"},"request":{"n":1}}\n{"usage":\n')
    assert records_at(path, {1, 2}, ("request", "usage")) == {1: {"request": {"n": 1}, "usage": {"raw": "\ufffd"}}}


@pytest.mark.parametrize("form", FORMS)
def test_lines_are_picked_from_every_form(home: Home, form: str) -> None:
    content = b"".join(b'{"request":{"n":%d},"frames":"%s"}\n' % (n, b"y" * 1000 * n) for n in range(1, 90))
    path = _day_file(home, form, FORMS[form](content))
    assert records_at(path, {1, 40, 89, 90}, ("request",)) == {n: {"request": {"n": n}} for n in (1, 40, 89)}
    path.write_bytes(path.read_bytes()[:-9])  # what can be read before a cut is there
    assert records_at(path, {1, 89}, ("request",))[1] == {"request": {"n": 1}}
    path.unlink()
    assert records_at(path, {1}, ("request",)) == {}


@pytest.mark.parametrize("form", FORMS)
def test_no_lines_in_no_content(home: Home, form: str) -> None:
    assert list(read_lines(_day_file(home, form, FORMS[form](b"")))) == []


def test_appended_frames_are_part_of_the_log(home: Home) -> None:
    frame = FORMS[".zst"]
    path = _day_file(home, ".zst", frame(b"one\ntw") + frame(b"") + frame(b"o\nthree\n"))
    assert [line.data for line in read_lines(path)] == [b"one", b"two", b"three"]


CONTENT = b"".join(b'{"number": %d, "text": "%d"}\n' % (n, n * 7919 % 1009) for n in range(4_000))


def _streamed(content: bytes) -> bytes:
    # As a pipe into a compressor makes it: without the content's size in its header.
    target = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(target, closefd=False) as writer:
        writer.write(content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("form", "damaged"),
    [
        (".zst", FORMS[".zst"](CONTENT)[:-2]),
        (".zst", FORMS[".zst"](CONTENT)[: len(FORMS[".zst"](CONTENT)) // 2]),
        (".zst", FORMS[".zst"](CONTENT)[:3]),
        (".zst", _streamed(CONTENT)[: len(_streamed(CONTENT)) // 2]),
        (".zst", FORMS[".zst"](CONTENT[:1000]) + FORMS[".zst"](CONTENT[1000:])[:2000]),
        (".zst", FORMS[".zst"](CONTENT) + b"garbage"),
        (".zst", b"no compressed file at all\n" * 10),
        (".zst", b""),
        (".zst", FORMS[".zst"](CONTENT)[:-1] + b"\0"),  # the checksum is wrong
        (".gz", gzip.compress(CONTENT)[: len(gzip.compress(CONTENT)) // 2]),
        (".gz", gzip.compress(b"")[:10] + b"\xff" * 100),
        (".gz", gzip.compress(CONTENT)[:-5] + b"\0" + gzip.compress(CONTENT)[-4:]),
        (".gz", gzip.compress(CONTENT) + b"garbage"),
        (".gz", b"no compressed file at all\n" * 10),
        (".gz", b""),
    ],
    ids=[
        "cut in its checksum", "cut in the middle", "cut in its header", "cut, size unknown", "cut in its second frame",
        "garbage after it", "garbage", "empty", "wrong checksum", "gz cut", "gz overwritten", "gz wrong checksum",
        "gz garbage after it", "gz garbage", "gz empty",
    ],
)  # fmt: skip
def test_a_damaged_file_says_so_after_what_can_be_read(home: Home, form: str, damaged: bytes) -> None:
    path = _day_file(home, form, damaged)
    *readable, last = read_lines(path)
    assert last.problem is not None
    assert last.problem.startswith(("unreadable_file: ", "damaged_file: "))
    assert (last.line, last.data) == (len(readable) + 1, b"")
    assert [line.data for line in readable if line.problem is None] == CONTENT.split(b"\n")[: len(readable)]
    day = read_day(home, DAY)
    assert day.probe_log.height == len(readable) + 1
    assert day.probe_log["problem"].null_count() == 0
    assert day.round_log["raw_rows"].to_list() == [len(readable) + 1]


def test_a_folder_in_the_place_of_a_log_is_reported(home: Home) -> None:
    path = _day_file(home, ".zst", b"")
    path.unlink()
    path.mkdir()
    (line,) = read_lines(path)
    assert (line.problem or "").startswith("unreadable_file: ")


@pytest.mark.parametrize("ending", [b"\nnext\n", b"", b"\n"])
def test_a_line_too_long_is_one_row(home: Home, monkeypatch: pytest.MonkeyPatch, ending: bytes) -> None:
    monkeypatch.setattr(rawlog, "MAX_LINE_BYTES", 100)
    path = _day_file(home, "", b"first\n" + b"x" * 250 + ending)
    name = path.name
    expected = [RawLine(name, 1, b"first"), RawLine(name, 2, b"x" * 100, "line_too_long")]
    assert list(read_lines(path)) == expected + ([RawLine(name, 3, b"next")] if b"next" in ending else [])


@pytest.mark.parametrize("torn", [b'{"request_id": "half', b"{", b"\xe2\x82"])
def test_a_torn_line_stays_and_the_next_record_starts_anew(home: Home, torn: bytes) -> None:
    writer = RoundWriter(home, DAY, ROUND, MANIFEST)
    writer.append(_good_record(0))
    writer.close()
    with writer.path.open("ab") as file:
        file.write(torn)
    before = writer.path.read_bytes()
    assert [line.problem for line in read_lines(writer.path)] == [None, "no_line_end"]
    assert read_day(home, DAY).probe_log["problem"].to_list() == [None, "malformed_json"]
    again = RoundWriter(home, DAY, ROUND, None)
    again.append(_good_record(1))
    sealed = again.seal("complete")
    lines = list(read_lines(sealed))
    assert b"\n".join(line.data for line in lines).startswith(before)
    assert [line.data == torn for line in lines] == [False, True, False]
    day = read_day(home, DAY)
    assert day.probe_log["problem"].to_list() == [None, "malformed_json", None]
    assert day.round_log.select("raw_rows", "sealed_rows").row(0) == (3, 3)


def test_going_on_with_a_whole_file_adds_no_empty_line(home: Home) -> None:
    RoundWriter(home, DAY, ROUND, MANIFEST).close()
    writer = RoundWriter(home, DAY, ROUND, None)
    writer.append({"a": 1})
    writer.close()
    RoundWriter(home, DAY, ROUND, None).close()
    assert writer.path.read_bytes() == b'{"a":1}\n'


def test_a_second_writer_is_refused_and_changes_nothing(home: Home) -> None:
    writer = RoundWriter(home, DAY, ROUND, MANIFEST)
    writer.append({"a": 1})
    assert is_being_written(writer.path)
    with pytest.raises(TokenArenaError, match="being written by another process"):
        RoundWriter(home, DAY, ROUND, None)
    assert writer.path.read_bytes() == b'{"a":1}\n'
    with pytest.raises(NoEvidenceError):
        read_day(home, DAY)
    assert seal_leftovers(home, DAY) == []
    writer.close()
    assert not is_being_written(writer.path)
    assert read_day(home, DAY).probe_log.height == 1


def test_the_lock_dies_with_its_process(home: Home) -> None:
    program = (
        "import os, sys, pathlib, datetime\n"
        "from tokenarena_assets.storage.home import Home\n"
        "from tokenarena_assets.storage.rawlog import RoundWriter\n"
        f"writer = RoundWriter(Home(pathlib.Path(sys.argv[1])), datetime.date(2026, 11, 23), {ROUND!r}, {{}})\n"
        "writer.append({'a': 1})\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(home.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(TokenArenaError, match="being written by another process"):
            RoundWriter(home, DAY, ROUND, None)
    finally:
        child.kill()
        child.communicate()
    writer = RoundWriter(home, DAY, ROUND, None)
    writer.append({"b": 2})
    assert [line.data for line in read_lines(writer.seal("complete"))] == [b'{"a":1}', b'{"b":2}']


def test_a_round_sealed_meanwhile_is_never_written_again(home: Home) -> None:
    writer = RoundWriter(home, DAY, ROUND, MANIFEST)
    writer.append({"a": 1})
    sealed = writer.seal("complete")
    before = sealed.read_bytes()
    with pytest.raises(TokenArenaError, match="sealed by another process"):
        RoundWriter(home, DAY, ROUND, None)
    assert list(sealed.parent.glob("*.part")) == []
    # Also where the open file was found before it went.
    _day_file(home, ".part", b"")
    with pytest.raises(TokenArenaError, match="sealed by another process"):
        RoundWriter(home, DAY, ROUND, None)
    assert sealed.read_bytes() == before


def test_a_log_that_has_just_gone_is_no_error_for_readers(home: Home) -> None:
    assert is_being_written(home.raw_day(DAY) / f"round={ROUND}.jsonl.part")


@pytest.mark.parametrize("sealed_too", [True, False])
def test_a_crash_while_sealing_leaves_each_line_read_once(home: Home, sealed_too: bool) -> None:
    writer = RoundWriter(home, DAY, ROUND, MANIFEST)
    for number in range(3):
        writer.append(_good_record(number))
    content = writer.path.read_bytes()
    sealed = writer.seal("complete")
    _day_file(home, ".part", content)
    seal = rawlog.seal_path(sealed, ROUND)
    if not sealed_too:
        seal.unlink()
    (found,) = rounds_of(home, DAY)
    assert (found.log, found.is_open) == (sealed, False)
    day = read_day(home, DAY)
    assert day.probe_log["request_id"].n_unique() == day.probe_log.height == 3
    assert day.round_log["state"].to_list() == ["complete" if sealed_too else "unsealed"]
    assert seal_leftovers(home, DAY) == []


def test_an_unfinished_compression_is_no_round(home: Home) -> None:
    writer = RoundWriter(home, DAY, ROUND, MANIFEST)
    writer.append(_good_record())
    writer.close()
    (home.raw_day(DAY) / f".round={ROUND}.jsonl.zst.123.tmp").write_bytes(b"half")
    (found,) = rounds_of(home, DAY)
    assert found.log == writer.path
    assert seal_leftovers(home, DAY) == [ROUND]
    (found,) = rounds_of(home, DAY)
    assert found.seal is not None
    assert (found.seal["state"], found.seal["rows"]) == ("partial", 1)


def test_of_a_round_in_two_files_the_second_is_stray(home: Home) -> None:
    """Its lines are read too, so that the chain can say of each that it is a double."""
    lines = b"".join(_line(_good_record(number)) for number in range(3))
    for form in (".gz", ".zst"):
        _day_file(home, form, FORMS[form](lines))
    (found,) = rounds_of(home, DAY)
    assert found.log.suffix == ".zst"
    day = read_day(home, DAY)
    name = f"round={ROUND}.jsonl"
    assert day.round_log.select("round_id", "state", "raw_rows").rows() == [
        (ROUND, "unsealed", 3),
        (f"{name}.gz", "stray", 3),
    ]
    assert day.probe_log["raw_file"].to_list() == [f"{name}.zst"] * 3 + [f"{name}.gz"] * 3
    assert day.probe_log["request_id"].n_unique() == 3


@pytest.mark.parametrize("name", ["kept.jsonl.zst", "round=a (1).jsonl.zst", "kept", "kept.bak"])
def test_a_renamed_log_stands_for_its_round(home: Home, name: str) -> None:
    writer = RoundWriter(home, DAY, ROUND, MANIFEST)
    writer.append(_good_record())
    sealed = writer.seal("complete")
    sealed.rename(sealed.with_name(name))
    assert rounds_of(home, DAY) == []
    (found,) = logs_of(home, DAY)
    assert (found.round_id, found.log.name, found.stray, found.manifest) == (ROUND, name, False, MANIFEST)
    assert read_day(home, DAY).round_log.select("round_id", "state", "raw_file").row(0) == (ROUND, "complete", name)


def test_a_file_of_no_round_is_read_line_by_line(home: Home) -> None:
    _day_file(home, "", _line(_good_record()))
    (home.raw_day(DAY) / "notes.txt").write_text("left here\nby hand\n")
    log = read_day(home, DAY).probe_log
    assert log.select("raw_file", "problem").rows()[1:] == [("notes.txt", "malformed_json")] * 2


@pytest.mark.parametrize("form", [".zst", ".gz"])
def test_the_form_is_told_by_the_bytes_where_the_name_lies(home: Home, form: str) -> None:
    for claimed in ("", ".zst", ".gz"):
        path = _day_file(home, claimed, FORMS[form](b"a\nb\n"))
        assert [line.data for line in read_lines(path)] == [b"a", b"b"]


@pytest.mark.parametrize("form", [".zst", ".gz"])
def test_nothing_of_a_damaged_file_is_trusted_and_a_cut_one_is_read_to_its_end(home: Home, form: str) -> None:
    whole = FORMS[form](b"".join(_line(_good_record() | {"request_id": f"q{number}"}) for number in range(500)))
    _day_file(home, form, whole[:-8] + bytes(8))
    assert read_day(home, DAY).probe_log["problem"].str.starts_with("damaged_file: ").all()
    _day_file(home, form, whole[: len(whole) // 2])
    log = read_day(home, DAY).probe_log
    assert log["problem"][-1].startswith("unreadable_file: ")
    assert log["problem"][:-1].null_count() >= log.height - 2  # the line in which it was cut


def test_other_rows_than_were_sealed_are_seen(home: Home) -> None:
    writer = RoundWriter(home, DAY, ROUND, MANIFEST)
    for number in range(3):
        writer.append(_good_record(number))
    sealed = writer.seal("complete")
    sealed.write_bytes(FORMS[".zst"](_line(_good_record())))
    assert read_day(home, DAY).round_log.select("state", "raw_rows", "sealed_rows").row(0) == ("damaged", 1, 3)


def test_a_large_day_is_read_by_several_processes_in_the_same_order(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        lines = [_line(_good_record() | {"request_id": f"{number}-{n}"}) for n in range(40)]
        (home.raw_day(DAY) / f"round=r{number:02}.jsonl").parent.mkdir(parents=True, exist_ok=True)
        (home.raw_day(DAY) / f"round=r{number:02}.jsonl").write_bytes(b"".join(lines) + b"torn" * (number % 3 == 0))
    alone = read_day(home, DAY)
    monkeypatch.setattr(ingest, "ALONE_BYTES", 0)
    monkeypatch.setattr(ingest, "TASK_BYTES", 100_000)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    together = read_day(home, DAY)
    assert_frame_equal(together.probe_log, alone.probe_log)
    assert alone.probe_log.height == 40 * 40 + 14
    assert together.round_log["raw_rows"].sum() == alone.probe_log.height


@pytest.mark.parametrize("content", ["{", "[]", "\ufeff{}", ""])
def test_a_broken_manifest_is_named(home: Home, content: str) -> None:
    path = _day_file(home, ".zst", FORMS[".zst"](b"x\n"))
    rawlog.manifest_path(path, ROUND).write_text(content)
    (found,) = rounds_of(home, DAY)
    with pytest.raises(TokenArenaError, match=rf"round={ROUND}\.manifest\.json"):
        found.manifest  # noqa: B018 - it is read when it is asked for


@pytest.mark.parametrize(
    "wrong", [{"started_at": 5}, {"started_at": "soon"}, {"endpoints": ["x"]}, {"endpoints": 3}, {"not_ready": 7}]
)
def test_a_manifest_of_another_form_is_named(home: Home, wrong: dict[str, Any]) -> None:
    path = _day_file(home, ".zst", FORMS[".zst"](_line(_good_record())))
    rawlog.manifest_path(path, ROUND).write_text(json.dumps(MANIFEST | wrong))
    with pytest.raises(TokenArenaError, match=rf"round={ROUND}\.manifest\.json"):
        read_day(home, DAY)


@pytest.mark.parametrize("wrong", [{"rows": ["x"]}, {"rows": "x"}, {"sealed_at": 3}])
def test_a_seal_of_another_form_is_named(home: Home, wrong: dict[str, Any]) -> None:
    path = _day_file(home, ".zst", FORMS[".zst"](_line(_good_record())))
    rawlog.seal_path(path, ROUND).write_text(json.dumps({"state": "complete"} | wrong))
    with pytest.raises(TokenArenaError, match=rf"round={ROUND}\.seal\.json"):
        read_day(home, DAY)


def test_rounds_come_in_order_and_other_files_are_passed_over(home: Home) -> None:
    folder = home.raw_day(DAY)
    folder.mkdir(parents=True)
    for name in ("round=b.jsonl", "round=a.jsonl.gz", "round=c.jsonl.part", "round=d.jsonl.bak", "notes.jsonl", ".x"):
        (folder / name).write_bytes(b"")
    assert [found.round_id for found in rounds_of(home, DAY)] == ["a", "b", "c"]
    assert rounds_of(home, date(2026, 11, 24)) == []
    with pytest.raises(NoEvidenceError, match="no probe round of 2026-11-24"):
        read_day(home, date(2026, 11, 24))


GOOD = _good_record()
NOT_RECORDS: dict[str, bytes] = {
    "malformed": b'{"schema_version": 1, ',
    "empty": b"",
    "spaces": b"   ",
    "two on a line": _line(GOOD)[:-1] * 2,
    "invalid utf-8": b'{"text": "\xff\xfe"}',
    "half a surrogate": _line(GOOD)[:-1].replace(b'"text": ""', b'"text": "\\ud83d"'),
    "array": b"[1, 2]",
    "text": b'"text"',
    "number": b"7",
    "null": b"null",
    "no fields": b"{}",
    "deep": b"[" * 100_000,
    "NUL": b"\0" * 100,
    "NaN": _line(GOOD | {"client_delay_ms": float("nan")})[:-1],
    "Infinity": _line(GOOD | {"timing": GOOD["timing"] | {"ttft_ms": float("inf")}})[:-1],
    "beyond a float": _line(GOOD)[:-1].replace(b'"ttft_ms": null', b'"ttft_ms": 1e999'),
} | {
    f"wrong {name}": _line(GOOD | {name: value})[:-1]
    for name, value in {
        "schema_version": 2,
        "status": "splendid",
        "round_id": "",
        "request_id": None,
        "endpoint_id": 7,
        "day": "yesterday",
        "started_at": "0001-01-01T00:00:00+14:00",
        "http_status": 10**30,
        "generated_events": -1,
        "generated_reads": 10**30,
        "timing": 5,
        "stamps_ns": [],
        "usage": {"input_tokens": 10**30, "cached_tokens": 0, "output_tokens": 1, "reasoning_tokens": 0, "raw": {}},
        "item": {"item_id": "a"},
        "text": 7,
    }.items()
}


def test_every_raw_line_has_its_row(home: Home) -> None:
    lines = [line for bad in NOT_RECORDS.values() for line in (bad, _line(GOOD)[:-1])]
    _day_file(home, "", b"\n".join(lines) + b"\n")
    log = read_day(home, DAY).probe_log
    assert log["raw_line"].to_list() == list(range(1, len(lines) + 1))
    assert log["raw_file"].unique().to_list() == [f"round={ROUND}.jsonl"]
    good = log.filter(log["raw_line"] % 2 == 0)
    assert good["problem"].null_count() == good.height == len(NOT_RECORDS)
    assert good["status"].unique().to_list() == ["not_sent"]
    problems = dict(zip(NOT_RECORDS, log.filter(log["raw_line"] % 2 == 1)["problem"].to_list(), strict=True))
    assert [name for name, problem in problems.items() if problem is None] == []
    assert problems["malformed"] == problems["empty"] == problems["invalid utf-8"] == "malformed_json"
    assert problems["wrong status"].startswith("bad_field: status: ")
    assert problems["wrong usage"].startswith("bad_field: usage.input_tokens: ")
    assert log.filter(log["problem"].is_not_null())["request_id"].null_count() == len(NOT_RECORDS)


@pytest.mark.parametrize("name", NOT_RECORDS)
def test_the_summary_of_failures_passes_over_what_is_no_record(home: Home, name: str) -> None:
    path = _day_file(home, "", NOT_RECORDS[name] + b"\n" + _line(GOOD))
    assert sum(failures_by_endpoint(path)["test/a@standard"].values()) >= 1
