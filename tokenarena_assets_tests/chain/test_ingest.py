"""Raw lines as rows: what is read, and that an unreadable line keeps its place and its reason."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.chain.ingest import read_day
from tokenarena_assets.chain.tables import PROBE_LOG
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RawLine
from tokenarena_assets_tests.evidence import probe_row, write_round

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
    "prompt_tokens_target": 1000,
    "expects_cache": False,
    "connection": "cold",
    "dns_ms": 1.5,
    "connect_ms": 2,
    "tls_ms": None,
    "in_flight": 3,
    "client_delay_ms": 0.25,
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
        "readable_ms": 2.5,
        "largest_burst_share": 0.25,
        "streaming_refusal": "too_few_bursts",
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


def test_a_fidelity_record_is_laid_out_in_columns() -> None:
    sample = {
        "prompt_id": "tiny-story-f-003",
        "prompt_set": "fixed",
        "rep": 4,
        "slot": 23,
        "stage": "",
        "prompt_sha256": "0123456789abcdef",
    }
    top = [["<b>é", -0.25], ["\u202e", -2]]
    record = {name: value for name, value in RECORD.items() if name != "item"}
    got = row(record | {"suite": "logprobs", "sample": sample, "first_token_top": top})
    assert tuple(got) == PROBE_LOG.column_names
    assert {name: got[name] for name in sample} == sample | {"stage": None}
    assert json.loads(got["first_token_top"]) == top
    assert got["item_id"] is None
    assert PROBE_LOG.frame([got])["slot"].to_list() == [23]
    border = row(record | {"suite": "border", "sample": sample | {"stage": "search"}})
    assert (border["stage"], border["first_token_top"]) == ("search", None)
    plain = row(RECORD)
    assert [plain[name] for name in (*sample, "first_token_top")] == [None] * 7


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sample", {"prompt_id": "p", "prompt_set": "fixed", "rep": 0, "slot": 24, "prompt_sha256": ""}),
        ("sample", {"prompt_id": "", "prompt_set": "fixed", "rep": 0, "slot": 0, "prompt_sha256": ""}),
        ("sample", {"prompt_id": "p", "prompt_set": "fixed", "rep": -1, "slot": 0, "prompt_sha256": ""}),
        ("first_token_top", [["a", "-1"]]),
        ("first_token_top", [["a"]]),
        ("first_token_top", {"a": -1}),
    ],
)
def test_a_fidelity_record_of_another_form_is_none(field: str, value: Any) -> None:
    assert str(row(RECORD | {field: value})["problem"]).startswith(f"bad_field: {field}")


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
        "readable_ms": 2.5,
        "largest_burst_share": 0.25,
        "streaming_refusal": "too_few_bursts",
        "speed_refusal": "too few tokens",
        "prompt_tokens_target": 1000,
        "expects_cache": False,
        "connection": "cold",
        "dns_ms": 1.5,
        "connect_ms": 2.0,
        "in_flight": 3,
        "stale_connections": 0,
        "client_delay_ms": 0.25,
        "source_tool": None,
        "input_tokens": 30,
        "cached_tokens": None,
        "reasoning_tokens": 0,
        "gold": "4",
        "item_id": "i1",
        "answer_type": "int",
        # an old record, which has none of these
        "attempt": 1,
        "tier": "tiny",
        "item_source": "generated",
        "tolerance": None,
        "text": "Answer: 4\x00\u202e",
    }
    assert {name: got[name] for name in expected} == expected
    assert PROBE_LOG.frame([got]).height == 1


def test_tier_source_tolerance_and_attempt_come_from_the_record() -> None:
    item = RECORD["item"] | {"tier": "hard", "source": "own:mine.jsonl", "tolerance": "0.5"}
    got = row(RECORD | {"attempt": 3, "item": item})
    assert [got[name] for name in ("attempt", "tier", "item_source", "tolerance")] == [
        3,
        "hard",
        "own:mine.jsonl",
        "0.5",
    ]


def test_the_day_of_the_record_is_kept_beside_that_of_its_folder() -> None:
    got = row(RECORD | {"day": "2026-11-22"})
    assert (got["day"], got["record_day"]) == (DAY, date(2026, 11, 22))


def test_an_imported_record_names_its_source_and_what_it_cannot_tell() -> None:
    source = {"tool": "aiperf", "version": "0.13", "file": "a.jsonl", "line": 7, "cannot_tell": ["ttfb_ms", "dns_ms"]}
    got = row(RECORD | {"source": source})
    columns = ("source_tool", "source_version", "source_file", "source_line", "cannot_tell")
    assert [got[name] for name in columns] == ["aiperf", "0.13", "a.jsonl", 7, "ttfb_ms, dns_ms"]


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
        # Types are strict, and figures must be possible.
        (RECORD | {"http_status": "200"}, "bad_field: http_status: "),
        (RECORD | {"connect_ms": True}, "bad_field: connect_ms: "),
        (RECORD | {"expects_cache": 0}, "bad_field: expects_cache: "),
        (RECORD | {"connection": "lukewarm"}, "bad_field: connection: "),
        (RECORD | {"prompt_tokens_target": 0}, "bad_field: prompt_tokens_target: "),
        (RECORD | {"in_flight": 1.5}, "bad_field: in_flight: "),
        (RECORD | {"source": {"tool": "x"}}, "bad_field: source.file: "),
        (RECORD | {"timing": RECORD["timing"] | {"ttft_ms": "2"}}, "bad_field: timing.ttft_ms: "),
        (RECORD | {"timing": RECORD["timing"] | {"ttft_ms": float("nan")}}, "malformed_json"),
        (RECORD | {"timing": RECORD["timing"] | {"speed_refusal": None}}, "bad_field: timing: "),
        (RECORD | {"timing": RECORD["timing"] | {"output_speed_tok_s": 5.0}}, "bad_field: timing: "),
        (RECORD | {"timing": RECORD["timing"] | {"largest_burst_share": 1.5}}, "bad_field: timing: "),
        (RECORD | {"timing": RECORD["timing"] | {"burstiness": -2.0}}, "bad_field: timing: "),
    ],
)
def test_a_line_that_is_no_record_keeps_its_place_and_reason(record: object, problem: str) -> None:
    got = row(record)
    assert got["problem"].startswith(problem)
    assert (got["raw_file"], got["raw_line"], got["day"]) == ("round=r0.jsonl.zst", 5, DAY)
    assert {got[name] for name in PROBE_LOG.column_names[4:]} == {None}


def test_what_the_log_could_not_read_is_passed_on() -> None:
    assert row(b"", "unreadable_file: cut short")["problem"] == "unreadable_file: cut short"


ENDPOINT: dict[str, Any] = {
    "endpoint_id": "p/m@a",
    "provider": "p",
    "model": "m",
    "model_family": "m",
    "sku": "a",
    "api": "openai_chat",
    "base_url": "https://a.example",
    "fleet": None,
    "price": {"input_usd_per_mtok": "0.1", "output_usd_per_mtok": "0.4", "cached_input_usd_per_mtok": None},
}


def catalog_of(tmp_path: Path, endpoint: dict[str, Any], **manifest: Any) -> dict[str, Any]:
    home = Home(tmp_path / "arena")
    start = {"round_id": "r0", "started_at": "2026-11-23T01:00:00+00:00"}
    write_round(home, DAY, start | {"endpoints": [endpoint]} | manifest, [])
    (found,) = read_day(home, DAY).catalog_log.to_dicts()
    return found


def test_the_catalog_of_a_round_with_its_limits_and_forecast(tmp_path: Path) -> None:
    endpoint = ENDPOINT | {"limits": {"rpm": 60, "max_usd_per_day": "1.5"}, "fast_because": "wafer-scale chips"}
    forecast = [
        {"endpoint_id": "p/m@b", "requests": 9, "usd_max": None},
        {
            "endpoint_id": "p/m@a",
            "requests": 43,
            "input_tokens_max": 9,
            "output_tokens_max": 9,
            "usd_max": "0.0123456789012",
        },
    ]
    got = catalog_of(tmp_path, endpoint, forecast=forecast)
    assert (got["max_usd_per_day"], got["fast_because"]) == (1.5, "wafer-scale chips")
    assert (got["forecast_requests"], got["forecast_usd_max"]) == (43, pytest.approx(0.0123456789012))


def test_a_round_that_forecast_nothing(tmp_path: Path) -> None:
    got = catalog_of(tmp_path, ENDPOINT)
    names = ("max_usd_per_day", "fast_because", "forecast_requests", "forecast_usd_max")
    assert [got[name] for name in names] == [None] * 4


def test_what_a_round_recorded_of_serving_and_readiness(tmp_path: Path) -> None:
    disclosure = {"batch": 48.0, "source": "their report", "as_of": "2026-10-01"}
    told = {"service_tier": "flex", "vendor_family": "v", "max_output_tokens": 9, "disclosure": disclosure}
    got = catalog_of(tmp_path, ENDPOINT | told, not_ready={"p/m@a": "missing A_KEY", "p/m@b": "missing B_KEY"})
    assert (got["service_tier"], got["vendor_family"], got["max_output_tokens"]) == ("flex", "v", 9)
    assert json.loads(got["disclosure_json"]) == disclosure
    assert (got["not_ready"], got["cannot_probe"], got["model_facts_json"]) == ("missing A_KEY", None, None)


def test_a_manifest_of_an_earlier_version_tells_none_of_it(tmp_path: Path) -> None:
    got = catalog_of(tmp_path, ENDPOINT)
    names = ("service_tier", "vendor_family", "cannot_probe", "not_ready", "model_facts_json", "disclosure_json")
    assert [got[name] for name in names] == [None] * 6


SENT = {"request": {"body": {"x": "y" * 10}}, "text": "z" * 9, "tool_arguments": "{}"}  # 19 and 11 characters


@pytest.mark.parametrize(
    ("changed", "estimates"),
    [
        ({}, (None, None)),
        ({"usage": None}, (10, 6)),
        ({"usage": None, "status": "dropped", "http_status": 206}, (10, 6)),
        ({"usage": RECORD["usage"] | {"output_tokens": None}}, (None, 6)),
        ({"usage": None, "http_status": 503}, (None, None)),
        ({"usage": None, "http_status": None}, (None, None)),
        ({"usage": None, "source": {"tool": "aiperf", "file": "f", "line": 1}}, (None, None)),
    ],
)
def test_what_a_broken_answer_may_have_cost_is_told_by_its_characters(
    changed: dict[str, Any], estimates: tuple[int | None, int | None]
) -> None:
    got = row(RECORD | {"http_status": 200} | SENT | changed)
    assert got["problem"] is None
    assert (got["estimated_input_tokens"], got["estimated_output_tokens"]) == estimates


def test_tokens_written_to_a_cache_come_from_the_record() -> None:
    assert row(RECORD)["cache_write_tokens"] is None  # an old record has none
    assert row(RECORD | {"usage": RECORD["usage"] | {"cache_write_tokens": 7}})["cache_write_tokens"] == 7


@pytest.mark.parametrize("more", [b"9" * 5000, b"[" * 900 + b"]" * 900, b'"\xff"'])
def test_what_python_reads_unwillingly_in_a_field_of_no_use_stops_no_day(more: bytes) -> None:
    record = RECORD | {"usage": None, "request": {"body": {"messages": []}}}
    line = json.dumps(record).encode()[:-1] + b', "more": ' + more + b"}"
    row = probe_row(DAY, RawLine("round=r0.jsonl.zst", 5, line))
    assert row["problem"] is None
    assert row["estimated_input_tokens"] == 8  # half of {"messages": []}
