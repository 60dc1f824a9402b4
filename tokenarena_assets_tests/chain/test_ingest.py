"""Raw lines as rows: what is read, and that an unreadable line keeps its place and its reason."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tokenarena_assets.chain.ingest import probe_row
from tokenarena_assets.chain.tables import PROBE_LOG
from tokenarena_assets.storage.rawlog import RawLine

DAY = date(2026, 11, 23)
RECORD: dict[str, Any] = {
    "schema_version": 1,
    "round_id": "r0",
    "day": "2026-11-23",
    "request_id": "q1",
    "endpoint_id": "p/m@a",
    "suite": "quality_math",
    "started_at": "2026-11-23T03:00:00+02:00",
    "status": "ok",
    "http_status": 200,
    "stamps_ns": {
        "scheduled": 1,
        "sent": 2,
        "headers": 3,
        "first_token": 4,
        "first_answer": 4,
        "last_token": 5,
        "end": 6,
    },
    "timing": {
        "ttfb_ms": 1.0,
        "ttft_ms": 2.0,
        "ttfo_ms": 2.0,
        "e2e_ms": 3.0,
        "output_speed_tok_s": None,
        "speed_method": None,
        "speed_refusal": "too few tokens",
    },
    "usage": {"input_tokens": 30, "cached_tokens": None, "output_tokens": 10, "reasoning_tokens": 0, "raw": {"x": 1}},
    "text": "Answer: 4\x00\u202e",
    "item": {
        "item_id": "i1",
        "family": "tiny_math",
        "template_id": "add",
        "seed": 7,
        "difficulty": "easy",
        "answer_type": "int",
        "answer_value": "4",
    },
}


def row(record: object, problem: str | None = None) -> dict[str, Any]:
    data = record if isinstance(record, bytes) else json.dumps(record).encode()
    return probe_row(DAY, RawLine("round=r0.jsonl.zst", 5, data, problem))


def test_a_record_is_laid_out_in_columns() -> None:
    got = row(RECORD)
    assert tuple(got) == PROBE_LOG.column_names
    expected: dict[str, Any] = {
        "day": DAY,
        "raw_file": "round=r0.jsonl.zst",
        "raw_line": 5,
        "problem": None,
        "record_day": DAY,
        "request_id": "q1",
        "started_at": datetime(2026, 11, 23, 1, tzinfo=UTC),
        "ttft_ms": 2.0,
        "speed_refusal": "too few tokens",
        "input_tokens": 30,
        "cached_tokens": None,
        "reasoning_tokens": 0,
        "gold": "4",
        "item_id": "i1",
        "answer_type": "int",
        "text": "Answer: 4\x00\u202e",
    }
    assert {name: got[name] for name in expected} == expected
    assert PROBE_LOG.frame([got]).height == 1


def test_the_day_of_the_record_is_kept_beside_that_of_its_folder() -> None:
    got = row(RECORD | {"day": "2026-11-22"})
    assert (got["day"], got["record_day"]) == (DAY, date(2026, 11, 22))


def test_a_record_without_usage_or_item() -> None:
    got = row(RECORD | {"usage": None, "item": None})
    assert [got[name] for name in ("input_tokens", "output_tokens", "gold", "item_id", "problem")] == [None] * 5


def test_a_last_line_without_its_end_is_read_if_it_is_whole() -> None:
    assert row(RECORD, "no_line_end")["request_id"] == "q1"
    assert row(json.dumps(RECORD).encode()[:-9], "no_line_end")["problem"] == "malformed_json"


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (b"{half", "malformed_json"),
        (b"", "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (RECORD | {"status": "great"}, "bad_field: status: "),
        (RECORD | {"request_id": ""}, "bad_field: request_id: "),
        (RECORD | {"usage": RECORD["usage"] | {"output_tokens": -1}}, "bad_field: usage.output_tokens: "),
        (RECORD | {"schema_version": 2}, "bad_field: schema_version: "),
        ({name: value for name, value in RECORD.items() if name != "timing"}, "bad_field: timing: "),
        ([], "bad_field: : "),
    ],
)
def test_a_line_that_is_no_record_keeps_its_place_and_reason(record: object, problem: str) -> None:
    got = row(record)
    assert got["problem"].startswith(problem)
    assert (got["raw_file"], got["raw_line"], got["day"]) == ("round=r0.jsonl.zst", 5, DAY)
    assert {got[name] for name in PROBE_LOG.column_names[4:]} == {None}


def test_what_the_log_could_not_read_is_passed_on() -> None:
    assert row(b"", "unreadable_file: cut short")["problem"] == "unreadable_file: cut short"
