"""Importing files: what is written, that nothing is lost or taken twice, and that hostile files harm nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenarena_assets.chain.lines import probe_frame
from tokenarena_assets.errors import ConfigError, TokenArenaError
from tokenarena_assets.importing import TOOLS
from tokenarena_assets.importing.documents import read_document
from tokenarena_assets.importing.request import CANNOT_TELL, ToolRequest
from tokenarena_assets.importing.rows import evidence
from tokenarena_assets.importing.tools import ADAPTERS, adapter_of
from tokenarena_assets.probing.record import ProbeRecord
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RawLine, RoundWriter, encoded, read_lines, rounds_of
from tokenarena_assets_tests.importing.files import ALL, DAY, ENDPOINT, FIXTURES, entries, imported, records, written

AIPERF, AIPERF_RAW = "aiperf-faults/profile_export.jsonl", "aiperf-faults/profile_export_raw.jsonl"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


@pytest.mark.parametrize(("path", "tool", "day"), ALL)
def test_every_record_is_a_sealed_row_with_its_source(home: Home, path: str, tool: str, day: date | None) -> None:
    (outcome,) = imported(home, tool, path, day=day)
    rows = records(outcome)
    assert outcome.records == len(rows) == sum(outcome.by_status.values()) + len(outcome.unreadable)
    assert not outcome.unreadable
    (found,) = rounds_of(home, DAY)
    assert found.seal is not None
    assert found.manifest is not None
    assert (found.seal["state"], found.seal["rows"]) == ("complete", len(rows))
    assert found.manifest["source"]["sha256"] == read_document(FIXTURES / path).sha256
    assert found.manifest["endpoints"][0]["price"]["output_usd_per_mtok"] == "2"
    for line, row in enumerate(rows, start=1):
        record = msgspec.json.decode(json.dumps(row), type=ProbeRecord)
        assert record.source is not None
        assert (record.source.tool, record.source.file, record.source.line) == (tool, Path(path).name, line)
        assert (record.suite, record.endpoint_id, record.day) == (f"imported:{tool}", "arena/tiny@standard", DAY)
        assert set(record.source.cannot_tell) <= CANNOT_TELL.keys()
        assert "client_delay_ms" in record.source.cannot_tell
        assert record.client_delay_ms is None
        assert row["tool_record"], "what the tool wrote is kept"


@pytest.mark.parametrize(("path", "tool", "day"), ALL)
def test_times_are_in_order(home: Home, path: str, tool: str, day: date | None) -> None:
    for row in records(imported(home, tool, path, day=day)[0]):
        timing = row["timing"]
        known = [timing[name] for name in ("ttfb_ms", "ttft_ms", "ttfo_ms", "e2e_ms") if timing[name] is not None]
        assert known == sorted(known)
        assert all(value >= 0 for value in known)


def test_a_file_is_taken_once(home: Home, tmp_path: Path) -> None:
    (first,) = imported(home, "aiperf", AIPERF)
    copy = written(tmp_path, "renamed.jsonl", (FIXTURES / AIPERF).read_text())
    for path in (AIPERF, copy):
        with pytest.raises(ConfigError, match=f"was imported before, as round {first.round_id}"):
            imported(home, "aiperf", path)
    (undated,) = imported(home, "llmperf", "llmperf-leaderboard.json", day=DAY)
    with pytest.raises(ConfigError, match=f"as round {undated.round_id}"):
        imported(home, "llmperf", "llmperf-leaderboard.json", day=DAY - timedelta(days=1))
    with pytest.raises(ConfigError, match="is given twice"):
        imported(home, "aiperf", AIPERF_RAW, AIPERF_RAW)
    assert len(rounds_of(home, DAY)) == 2


def test_nothing_is_written_unless_all_files_can_be(home: Home, tmp_path: Path) -> None:
    bad = written(tmp_path, "bad.jsonl", "{]\n")
    with pytest.raises(ConfigError, match=r"bad\.jsonl:1: is neither JSON nor JSON lines"):
        imported(home, "aiperf", AIPERF, bad)
    assert not home.root.exists()


def test_both_exports_of_a_run_name_its_requests_alike(home: Home, tmp_path: Path) -> None:
    raw = (FIXTURES / AIPERF_RAW).read_text()
    measured = json.loads((FIXTURES / AIPERF).read_text().splitlines()[0])
    measured["metadata"]["x_request_id"] = json.loads(raw.splitlines()[0])["metadata"]["x_request_id"]
    (first,) = imported(home, "aiperf", AIPERF_RAW)
    (second,) = imported(home, "aiperf", written(tmp_path, "profile_export.jsonl", json.dumps(measured) + "\n"))
    assert records(first)[0]["request_id"] == records(second)[0]["request_id"]


def test_an_import_that_was_killed_is_completed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    append, appended = RoundWriter.append, []

    def dies(writer: RoundWriter, record: dict[str, Any]) -> None:
        if len(appended) == 4:
            writer._file.write(b'{"schema_version": 1, "half')
            raise KeyboardInterrupt
        appended.append(record["request_id"])
        append(writer, record)

    with monkeypatch.context() as patched:
        patched.setattr(RoundWriter, "append", dies)
        with pytest.raises(KeyboardInterrupt):
            imported(home, "aiperf", AIPERF)
    (found,) = rounds_of(home, DAY)
    assert found.is_open
    (outcome,) = imported(home, "aiperf", AIPERF)
    lines = list(read_lines(outcome.path))
    whole = [json.loads(line.data)["request_id"] for line in lines if line.data.endswith(b"}")]
    assert len(lines) == outcome.records + 1, "the torn line stays, as evidence"
    assert len(set(whole)) == len(whole) == outcome.records
    assert not any(found.is_open for found in rounds_of(home, DAY))


def test_requests_before_and_after_midnight_are_of_their_own_days(home: Home, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (FIXTURES / AIPERF).read_text().splitlines()[:3]]
    midnight = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1e9)
    for line, seconds in zip(lines, (-2, -1, 1), strict=True):
        line["metadata"] |= {"request_start_ns": midnight + seconds * 10**9, "credit_issued_ns": None}
        line["metadata"] |= {"request_ack_ns": None, "request_end_ns": None}
    path = written(tmp_path, "profile_export.jsonl", "\n".join(map(json.dumps, lines)))
    before, after = imported(home, "aiperf", path)
    assert [(one.day, one.records) for one in (before, after)] == [(date(2026, 11, 22), 2), (date(2026, 11, 23), 1)]
    assert [row["day"] for row in records(before)] == ["2026-11-22"] * 2
    with pytest.raises(ConfigError, match="was imported before"):
        imported(home, "aiperf", path)


def test_a_day_is_asked_for_where_there_is_none_and_refused_where_there_is_another(home: Home) -> None:
    with pytest.raises(ConfigError, match="does not say of which UTC day it is"):
        imported(home, "inference-perf", "inference-perf-fleet.json")
    with pytest.raises(ConfigError, match="its date 20261123-213000 is in a time zone not named"):
        imported(home, "vllm", "vllm.json")
    with pytest.raises(ConfigError, match="its requests are of 2026-11-23, not of 2026-11-22"):
        imported(home, "aiperf", AIPERF, day=DAY - timedelta(days=1))
    with pytest.raises(TokenArenaError, match="has not come yet"):
        imported(home, "vllm", "vllm.json", day=date(9000, 1, 1))
    assert imported(home, "aiperf", AIPERF, day=DAY)


def test_a_clock_without_a_date_starts_with_the_day(home: Home) -> None:
    (outcome,) = imported(home, "vllm", "vllm.json", day=DAY)
    moments = [row["started_at"] for row in records(outcome)]
    assert moments[0] == "2026-11-23T00:00:00.000000+00:00"
    assert moments[2] == "2026-11-23T00:00:01.150000+00:00"


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("path", "of"), [(path, tool) for path, tool, _ in ALL])
def test_a_file_of_another_tool_is_told_so(tool: str, path: str, of: str) -> None:
    document = read_document(FIXTURES / path)
    if tool == of:
        assert adapter_of(tool, document) is ADAPTERS[tool]
    else:
        with pytest.raises(ConfigError, match=f"is not of {tool}: it looks like {of}'s") as told:
            adapter_of(tool, document)
        assert told.value.mend == f"give --from {of}"


@pytest.mark.parametrize(
    ("path", "mend"),
    [
        ("aiperf-fleet/profile_export_aiperf.json", "profile_export.jsonl"),
        ("vllm-summary.json", "--save-detailed"),
        ("llmperf_summary.json", "_individual_responses.json"),
    ],
)
def test_a_summary_is_told_which_file_to_give(path: str, mend: str) -> None:
    with pytest.raises(ConfigError, match="holds no single requests") as told:
        adapter_of("aiperf", read_document(FIXTURES / path))
    assert mend in str(told.value.mend)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "the file is empty"),
        (" \n", "the file is empty"),
        ("not json at all", "is neither JSON nor JSON lines"),
        ('[{"end_to_end_latency_s": 1, "ttft_s": 1', "is neither JSON nor JSON lines"),
        ("[" * 100_000, "is n"),
        ("7", "is none of llmperf's per-request results"),
        ("[]", "is none of llmperf's per-request results"),
        ("{}", "is none of llmperf's per-request results"),
        ('["a"]', "is none of llmperf's per-request results"),
        (
            '[{"end_to_end_latency_s": NaN, "ttft_s": 1, "number_output_tokens": 5}]',
            "holds no request that can be read",
        ),
    ],
)
def test_what_is_no_result_is_refused(home: Home, tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as told:
        imported(home, "llmperf", written(tmp_path, "result.json", content), day=DAY)
    assert "result.json" in str(told.value)
    assert told.value.mend
    assert not home.root.exists()


def test_a_missing_file_and_one_that_is_no_text(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        imported(home, "llmperf", tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00[")
    with pytest.raises(ConfigError, match="is neither JSON nor JSON lines"):
        imported(home, "llmperf", tmp_path / "binary.json")


def test_a_bad_record_in_a_good_file_is_kept_with_its_reason(home: Home, tmp_path: Path) -> None:
    good = (FIXTURES / AIPERF).read_text().splitlines()[0]
    nan, huge = json.loads(good), json.loads(good)
    nan["metrics"]["time_to_first_token"]["value"] = float("nan")
    huge["metadata"]["request_start_ns"] = 2**62
    lines = [good, '{"torn": ', json.dumps(nan), "[]", json.dumps(huge), '"text"', ""]
    path = written(tmp_path, "profile_export.jsonl", "\n".join(lines))
    (outcome,) = imported(home, "aiperf", path)
    assert outcome.records == 6
    assert outcome.by_status == {"ok": 1}
    reasons = {entry.line: entry.reason for entry in outcome.unreadable}
    assert reasons.keys() == {2, 3, 4, 5, 6}
    assert reasons[2].startswith("it is no JSON: ")
    assert reasons[3] == "metrics.time_to_first_token.value is nan, not a finite number"
    assert reasons[4] == "the record is [], not an object"
    assert reasons[5].endswith("not a moment of the past")
    rows = {row["source"]["line"]: row for row in records(outcome)}
    assert rows[2]["tool_record"] == '{"torn":'
    kept = rows[3]["tool_record"]["metrics"]["time_to_first_token"]["value"]
    assert kept == "NaN", "the figure stays, as JSON can hold it"
    assert rows[1]["source"]["problem"] is None
    assert [rows[line]["source"]["problem"] for line in range(2, 7)] == [reasons[line] for line in range(2, 7)]


def test_keys_are_not_taken_along(home: Home, tmp_path: Path) -> None:
    record = json.loads((FIXTURES / AIPERF_RAW).read_text().splitlines()[0])
    record["request_headers"] |= {"Authorization": "Bearer very-secret-1", "X-Api-Key": "very-secret-2"}
    record["payload"] |= {"api_key": "very-secret-3", "note": "curl -H 'Authorization: Bearer very-secret-4'"}
    record["payload"]["messages"].append({"role": "user", "content": "sk-very-secret-5-0123456789"})
    (outcome,) = imported(home, "aiperf", written(tmp_path, "profile_export_raw.jsonl", json.dumps(record)))
    assert "very-secret" not in json.dumps(records(outcome))
    assert outcome.version == "0.13.0", "which its User-Agent told"


def test_halves_of_surrogate_pairs_and_deep_nesting_are_no_reason_to_stop_half_way(home: Home, tmp_path: Path) -> None:
    record = json.loads((FIXTURES / AIPERF_RAW).read_text().splitlines()[0])
    record["metadata"]["x_request_id"] = "\ud800"
    record["request_headers"]["User-Agent"] = "aiperf/\ud800"
    record["payload"]["deep"] = json.loads("[" * 800 + "]" * 800)
    (outcome,) = imported(home, "aiperf", written(tmp_path, "profile_export_raw.jsonl", json.dumps(record)))
    (row,) = records(outcome)
    assert "nested more than 100 levels deep" in json.dumps(row["tool_record"])
    assert probe_frame(outcome.day, [RawLine("f", 1, encoded(row))])["problem"].to_list() == [None]


def test_a_report_among_other_lines_of_json(home: Home, tmp_path: Path) -> None:
    report = json.dumps(json.loads((FIXTURES / "guidellm-fleet.json").read_text()))
    (outcome,) = imported(home, "guidellm", written(tmp_path, "report.json", report + "\n{torn"))
    assert outcome.records > 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _spoilt(value: Any, path: list[Any], by: Any) -> Any:
    copy = json.loads(json.dumps(value))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = by
    return copy


def _paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    return [found for step, inner in steps for found in [(*prefix, step), *_paths(inner, (*prefix, step))]]


@pytest.mark.parametrize(
    ("tool", "path", "load"),
    [
        ("aiperf", AIPERF, lambda text: json.loads(text.splitlines()[0])),
        ("aiperf", AIPERF_RAW, lambda text: json.loads(text.splitlines()[0])),
        ("guidellm", "guidellm-faults.json", json.loads),
        ("vllm", "vllm.json", json.loads),
        ("llmperf", "llmperf-leaderboard.json", json.loads),
        ("inference-perf", "inference-perf-faults.json", lambda text: json.loads(text)[:1]),
    ],
)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_spoilt_field_is_read_or_refused(
    tmp_path: Path, tool: str, path: str, load: Callable[[str], Any], data: st.DataObject
) -> None:
    """Whatever stands in a field, the file gives rows that the raw log can hold, or an error for people."""
    good = load((FIXTURES / path).read_text())
    where = data.draw(st.sampled_from(_paths(good)))
    spoilt = _spoilt(good, list(where), data.draw(JSON))
    file = tmp_path / "spoilt.json"
    file.write_text(json.dumps(spoilt), encoding="utf-8", errors="replace")
    home = Home(tmp_path / "arena" / str(len(list(tmp_path.glob("arena/*")))))
    try:
        outcomes = imported(home, tool, file)
    except TokenArenaError as first:
        if "does not say of which UTC day" not in first.message:
            return
        outcomes = imported(home, tool, file, day=DAY)
    for outcome in outcomes:
        assert outcome.records == len(records(outcome)) == sum(outcome.by_status.values()) + len(outcome.unreadable)
        for row in records(outcome):
            if row["source"]["problem"] is None:
                msgspec.json.decode(json.dumps(row), type=ProbeRecord)


@settings(derandomize=True, deadline=None)
@given(JSON)
def test_what_is_kept_of_a_record_is_as_it_was(value: Any) -> None:
    """All of it that JSON can hold and that is no key."""
    text = json.dumps(value)
    if not any(word in text for word in ("NaN", "Infinity", "sk-", "earer", "eaders", "key", "uthorization")):
        assert json.dumps(evidence(json.loads(text))) == text
    json.dumps(evidence(value), allow_nan=False)


def test_entries_are_as_many_as_the_file_has() -> None:
    assert len(entries("aiperf", AIPERF)) == len((FIXTURES / AIPERF).read_text().splitlines())
    assert all(isinstance(entry, ToolRequest) for entry in entries("aiperf", AIPERF))
    assert ENDPOINT.endpoint_id == "arena/tiny@standard"
