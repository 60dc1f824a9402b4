"""Certificates of rounds as rows: what is read, and that a line which certifies nothing keeps its place and reason."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.chain.certificates import certificate_row, read_certificates
from tokenarena_assets.chain.tables import CERTIFICATES
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RawLine, RoundWriter, certificates_path
from tokenarena_assets_tests.evidence import certificate_line, write_certificates, write_round

DAY = date(2026, 11, 23)
ROUND = "20261123T010000Z-abcdef"
FILE = f"round={ROUND}.certificates.jsonl"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


def line(**given: Any) -> dict[str, Any]:
    return certificate_line(ROUND, DAY) | given | ({"within_budget": False} if given.get("reason") else {})


def rows(home: Home) -> list[dict[str, Any]]:
    table = read_certificates(home, DAY)
    assert table.schema == CERTIFICATES.polars_schema
    return table.to_dicts()


def test_a_certificate_is_laid_out_in_columns(home: Home) -> None:
    write_round(home, DAY, {"round_id": ROUND}, [])
    write_certificates(home, DAY, ROUND, line(), line(phase="during", process=1, reason="event lag p99 12.00 ms"))
    first, second = rows(home)
    expected = {
        "day": DAY,
        "round_id": ROUND,
        "raw_file": FILE,
        "raw_line": 1,
        "problem": None,
        "measured_at": datetime(2026, 11, 23, 1, tzinfo=UTC),
        "phase": "before",
        "ttft_error_p99_ms": None,
        "event_lag_p99_ms": 1.9,
        "within_budget": True,
        "reason": None,
        "client": "tokenarena 0.1.0, loop uvloop 0.22",
    }
    assert {name: first[name] for name in expected} == expected
    assert (second["raw_line"], second["process"], second["within_budget"]) == (2, 1, False)
    assert second["reason"] == "event lag p99 12.00 ms"


def test_a_round_without_certificates_has_no_row(home: Home) -> None:
    assert rows(home) == []
    write_round(home, DAY, {"round_id": ROUND}, [])
    assert rows(home) == []


def test_certificates_are_no_round_of_their_own_and_wait_for_theirs(home: Home) -> None:
    write_certificates(home, DAY, ROUND, line())
    assert rows(home) == []
    writer = RoundWriter(home, DAY, ROUND, {"round_id": ROUND})
    assert rows(home) == []  # it is being written
    writer.seal("complete")
    assert len(rows(home)) == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{half", "malformed_json"),
        (b"", "malformed_json"),
        (b"\xff\xfe\x00", "malformed_json"),
        (b"[]", "bad_field: "),
        (b"null", "bad_field: "),
        (line(within_budget="true"), "bad_field: within_budget: "),
        (line(n_probes="48"), "bad_field: n_probes: "),
        (line(n_probes=-1), "bad_field: n_probes: "),
        (line(phase="after"), "bad_field: phase: "),
        (line(schema_version=2), "bad_field: schema_version: "),
        (line(measured_at="yesterday"), "bad_field: measured_at: "),
        (line(ttft_error_p50_ms=float("nan")), "malformed_json"),
        ({name: value for name, value in line().items() if name != "reason"}, "bad_field: reason: "),
        (line(within_budget=False), "bad_field: reason: "),
        # A verdict that its own figures contradict.
        (line(ttft_error_p50_ms=2.1), "bad_field: within_budget: "),
        (line(event_lag_p50_ms=2.1), "bad_field: within_budget: "),
        (line(event_lag_p99_ms=10.1), "bad_field: within_budget: "),
        (line(ttft_error_p50_ms=None, event_lag_p50_ms=None, n_probes=0), "bad_field: within_budget: "),
        (line(round_id="another"), "other_round: another of 2026-11-23"),
        (line(day="2026-11-22"), f"other_round: {ROUND} of 2026-11-22"),
    ],
)
def test_a_line_that_certifies_nothing_keeps_its_place_and_reason(data: bytes | dict[str, Any], problem: str) -> None:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    got = certificate_row(DAY, ROUND, RawLine(FILE, 3, raw))
    assert got["problem"].startswith(problem)
    assert (got["round_id"], got["raw_file"], got["raw_line"], got["within_budget"]) == (ROUND, FILE, 3, None)
    assert CERTIFICATES.frame([got]).height == 1


def test_a_torn_end_is_one_bad_line_and_the_rest_is_read(home: Home) -> None:
    write_round(home, DAY, {"round_id": ROUND}, [])
    whole = json.dumps(line()).encode()
    write_certificates(home, DAY, ROUND, line(), whole[:40] + b"\n", line(process=2), whole)
    assert [(row["raw_line"], row["problem"]) for row in rows(home)] == [
        (1, None),
        (2, "malformed_json"),
        (3, None),
        (4, None),  # whole, but for its line end
    ]
    write_certificates(home, DAY, ROUND, line(), whole[:40])
    assert [row["problem"] for row in rows(home)] == [None, "malformed_json"]


def test_a_file_that_cannot_be_read_is_a_line_that_says_so(home: Home) -> None:
    write_round(home, DAY, {"round_id": ROUND}, [])
    certificates_path(home, DAY, ROUND).mkdir()
    (row,) = rows(home)
    assert row["problem"].startswith("unreadable_file: ")


def test_another_day_is_left_alone(home: Home) -> None:
    write_round(home, DAY, {"round_id": ROUND}, [])
    write_certificates(home, DAY, ROUND, line())
    assert read_certificates(home, DAY - timedelta(days=1)).height == 0


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.dictionaries(
            st.sampled_from(sorted(line())),
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        ).map(lambda changed: json.dumps(line() | changed).encode()),
    )
)
def test_no_line_breaks_the_reading(data: bytes) -> None:
    got = certificate_row(DAY, ROUND, RawLine(FILE, 1, data))
    assert tuple(got) == CERTIFICATES.column_names
    assert (got["problem"] is None) == (got["within_budget"] is not None)
    CERTIFICATES.frame([got])
