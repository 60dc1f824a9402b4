"""Each SQL model on small hand-made tables, with answers computed by hand."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.checks.profile import profile_table
from tokenarena_assets.pricing import Band, ListPrice, Tier
from tokenarena_assets.probing.billing import cost_of
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets_tests.sql_models.frames import (
    DAY,
    Row,
    at,
    catalog_row,
    certificate_row,
    judged,
    probe,
    put,
    put_round_prices,
    result,
    whole_chain,
)

RAW_FILE = "round=r0.jsonl.zst"
CACHED = {"expects_cache": True}


@pytest.fixture
def lake(tmp_path: Path) -> ParquetLake:
    return ParquetLake(tmp_path / "lake")


def verdicts(lake: ParquetLake, *rows: Row, **given: Any) -> list[tuple[str | None, str | None]]:
    return [(row["reject_reason"], row["reject_detail"]) for row in judged(lake, rows, **given)]


@pytest.mark.parametrize(
    ("broken", "reason", "detail"),
    [
        ({"problem": "malformed_json", "request_id": None}, "malformed_json", "malformed_json"),
        ({"problem": "bad_field: usage: must be: >= 0"}, "bad_field", "bad_field: usage: must be: >= 0"),
        ({"record_day": date(2026, 11, 22)}, "other_day", "the record is of 2026-11-22"),
        ({"ttfb_ms": -0.5}, "negative_time", "ttfb/ttft/ttfo/e2e ms: -0.5/20.0/20.0/100.0"),
        ({"e2e_ms": -1.0, "ttft_ms": None, "ttfo_ms": None}, "negative_time", "ttfb/ttft/ttfo/e2e ms: 10.0/-/-/-1.0"),
        ({"ttft_ms": 101.0, "ttfo_ms": 101.0}, "stamps_out_of_order", "ttfb/ttft/ttfo/e2e ms: 10.0/101.0/101.0/100.0"),
        ({"ttft_ms": 30.0}, "stamps_out_of_order", "ttfb/ttft/ttfo/e2e ms: 10.0/30.0/20.0/100.0"),
        ({"ttfo_ms": 101.0}, "stamps_out_of_order", "ttfb/ttft/ttfo/e2e ms: 10.0/20.0/101.0/100.0"),
        ({"ttfb_ms": 21.0}, "stamps_out_of_order", "ttfb/ttft/ttfo/e2e ms: 21.0/20.0/20.0/100.0"),
        ({"readable_ms": -1.0}, "negative_time", "ttfb/ttft/ttfo/e2e ms: 10.0/20.0/20.0/100.0"),
        ({"connect_ms": -1.0}, "negative_time", "ttfb/ttft/ttfo/e2e ms: 10.0/20.0/20.0/100.0"),
        ({"shortest_gap_ms": -0.5}, "negative_gap", "shortest gap, e2e, e2e from schedule ms: -0.5/100.0/-"),
        ({"longest_stall_ms": -3.0}, "negative_gap", "shortest gap, e2e, e2e from schedule ms: -/100.0/-"),
        ({"e2e_from_schedule_ms": 99.0}, "negative_gap", "shortest gap, e2e, e2e from schedule ms: -/100.0/99.0"),
        ({"cached_tokens": 31}, "more_cached_than_input", "tokens in/cached/out/reasoning: 30/31/10/-"),
        ({"reasoning_tokens": 11}, "more_reasoning_than_output", "tokens in/cached/out/reasoning: 30/-/10/11"),
        ({"cached_tokens": 1}, "unasked_cache_hit", "tokens in/cached/out/reasoning: 30/1/10/-"),
        ({"cached_tokens": 1, "suite": "parallel"}, "unasked_cache_hit", "tokens in/cached/out/reasoning: 30/1/10/-"),
        ({"output_speed_tok_s": 5000.5}, "impossible_speed", "5000.5 tokens per second, and no fast_because"),
        ({"connect_ms": 40.5}, "faster_than_network", "ttft 20.0 ms, quickest connect 40.5 ms"),
        ({"text": "x" * 201, "output_tokens": 13}, "tokens_disagree_with_text", "201 characters of 13 tokens"),
        ({"text": "x" * 200, "output_tokens": 401}, "tokens_disagree_with_text", "200 characters of 401 tokens"),
        ({"text": "x" * 200, "output_tokens": 0}, "tokens_disagree_with_text", "200 characters of 0 tokens"),
    ],
)  # fmt: skip
def test_each_reason_to_set_a_line_aside(lake: ParquetLake, broken: Row, reason: str, detail: str) -> None:
    assert verdicts(lake, probe("q1", 1) | broken, probe("q2", 2, "p/m@b")) == [(reason, detail), (None, None)]


@pytest.mark.parametrize(
    "unknown",
    [
        {},
        {"ttfb_ms": None, "ttft_ms": None, "ttfo_ms": None, "e2e_ms": None},
        {"ttfo_ms": None},
        {"e2e_ms": None},
        {"input_tokens": None, "cached_tokens": 5, "suite": "quality_math"},
        {"output_tokens": None, "reasoning_tokens": 5},
        {"cached_tokens": 30, "reasoning_tokens": 10, "suite": "quality_math"},
        {"cached_tokens": 30, "expects_cache": True},
        {"cached_tokens": 0},
        {"output_speed_tok_s": 5000.0},
        {"connect_ms": 40.0},
        {"connect_ms": 1003.0},  # its first packet was lost
        {"connect_ms": 50.0, "client_delay_ms": 10.0},  # the client's own lateness is no part of the round trip
        {"e2e_from_schedule_ms": 100.0, "shortest_gap_ms": 0.0},
        {"text": "x" * 200, "output_tokens": 14},
        {"text": "x" * 200, "output_tokens": 400},
        {"text": "x" * 199, "output_tokens": 4000},  # too little text to judge by
        {"text": "x" * 4000, "output_tokens": None},
        # Hidden reasoning has tokens without text; shown reasoning is text.
        {"text": "x" * 200, "output_tokens": 4000, "reasoning_tokens": 3900},
        {"text": "x" * 200, "output_tokens": 4000, "reasoning_tokens": 3900, "reasoning": "x" * 3899},
        {"text": "x" * 200, "output_tokens": 4000, "reasoning_tokens": 3900, "reasoning": "x" * 15000},
        {"ttfb_ms": 20.0, "ttft_ms": 20.0, "ttfo_ms": 20.0, "e2e_ms": 20.0},
        {"ttfb_ms": 0.0, "ttft_ms": 0.0, "ttfo_ms": 0.0, "e2e_ms": 0.0},
    ],
)
def test_what_is_unknown_or_equal_is_no_fault(lake: ParquetLake, unknown: Row) -> None:
    assert verdicts(lake, probe("q1", 1) | unknown) == [(None, None)]


def test_the_first_reason_in_order_is_given(lake: ParquetLake) -> None:
    everything = {"record_day": date(2026, 1, 1), "ttfb_ms": -1.0, "cached_tokens": 99}
    assert verdicts(lake, probe("q1", 1) | everything | {"problem": "bad_field: x"})[0][0] == "bad_field"
    assert verdicts(lake, probe("q1", 1) | everything)[0][0] == "other_day"
    assert verdicts(lake, probe("q1", 1) | everything | {"record_day": DAY})[0][0] == "negative_time"


def test_of_lines_with_one_identity_the_first_counts(lake: ParquetLake) -> None:
    other_file = probe("q1", 1) | {"raw_file": "round=r1.jsonl.zst"}
    got = verdicts(lake, probe("q1", 7), probe("q1", 9), probe("q2", 8), other_file)
    assert got == [(None, None), (None, None), ("duplicate_request_id", "q1"), ("duplicate_request_id", "q1")]


def test_each_line_of_one_identity_has_its_number(lake: ParquetLake) -> None:
    """What was written twice was sent, and paid for, once."""
    unread = {"raw_file": RAW_FILE, "raw_line": 4, "problem": "malformed_json"}
    rows = judged(lake, [probe("q1", 1, ttfb_ms=-1.0), probe("q1", 2), probe("q2", 3), unread, probe("q1", 5)])
    assert [row["copy_number"] for row in rows] == [1, 2, 1, 1, 3]


@settings(derandomize=True, deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=12))
def test_of_each_identity_one_sound_line_counts(lake: ParquetLake, lines: list[tuple[str, bool]]) -> None:
    """As told by the lines one after the other, whatever is compared with what."""
    rows = [probe(name, n, **({} if sound else {"ttfb_ms": -1.0})) for n, (name, sound) in enumerate(lines, start=1)]
    seen: set[str] = set()
    expected: list[str | None] = []
    for name, sound in lines:
        expected.append("negative_time" if not sound else "duplicate_request_id" if name in seen else None)
        seen |= {name} if sound else set()
    assert [reason for reason, _ in verdicts(lake, *rows)] == expected


def test_lines_that_cannot_be_read_are_no_duplicates_of_each_other(lake: ParquetLake) -> None:
    broken = [{"raw_file": RAW_FILE, "raw_line": line, "problem": "malformed_json"} for line in (1, 2, 3)]
    assert {reason for reason, _ in verdicts(lake, *broken)} == {"malformed_json"}


def test_a_broken_line_does_not_make_a_sound_one_its_duplicate(lake: ParquetLake) -> None:
    got = verdicts(lake, probe("q1", 1, ttfb_ms=-1.0), probe("q1", 2), probe("q1", 3))
    assert [reason for reason, _ in got] == ["negative_time", None, "duplicate_request_id"]


@pytest.mark.parametrize(
    ("rehearsal_home", "reasons"),
    [(False, [None, "rehearsal_in_real_home"]), (True, ["real_in_rehearsal_home", None])],
)
def test_rehearsals_and_real_lines_do_not_mix(
    lake: ParquetLake, *, rehearsal_home: bool, reasons: list[str | None]
) -> None:
    lines = [probe("q1", 1), probe("q2", 2, rehearsal=True)]
    found = verdicts(lake, *lines, rehearsal_home=rehearsal_home)
    assert [reason for reason, _ in found] == reasons
    said = f"rehearsal is {str(not rehearsal_home).lower()} in the record"
    assert {detail for _, detail in found} == {None, said}
    aside = result(lake, "quarantine")
    kept = result(lake, "requests")
    assert len(aside) + len(kept) == len(lines)
    assert [(row["reason"], row["detail"]) for row in aside] == [(reason, said) for reason in reasons if reason]


def test_lines_of_other_days_in_the_table_are_left_out(lake: ParquetLake) -> None:
    assert len(judged(lake, [probe("q1", 1), probe("q2", 2, day=date(2026, 11, 22))])) == 1


def test_a_disclosed_reason_allows_a_speed_that_is_else_impossible(lake: ParquetLake) -> None:
    fast = probe("q1", 1, output_speed_tok_s=9000.0)
    for claim, reason in ((None, "impossible_speed"), ("wafer-scale chips", None)):
        catalog = [catalog_row("p/m@a", fast_because=claim), catalog_row("p/m@b", fast_because="not of this one")]
        assert verdicts(lake, fast, catalog=catalog)[0][0] == reason


def test_the_quickest_connect_of_an_endpoint_in_its_round_bounds_its_first_token(lake: ParquetLake) -> None:
    """A connect takes a round trip, and so does a request: half of the quickest is less than any can take."""
    other_round = {"round_id": "r1", "raw_file": "round=r1.jsonl.zst"}
    got = verdicts(
        lake,
        probe("q1", 1, connect_ms=90.0),
        probe("q2", 2, connect_ms=41.0),
        probe("q3", 3),
        probe("q4", 4, ttft_ms=20.5, ttfo_ms=20.5),
        probe("q5", 5, "p/m@near", connect_ms=3.0),
        probe("q6", 1) | other_round,
    )
    slow = "faster_than_network"
    assert [reason for reason, _ in got] == [slow, slow, slow, None, None, None]


VOID = "the client's own error before the round, at 16 at once: TTFT error p50 3.10 ms, over 2 ms"


def test_all_of_a_void_round_is_set_aside_whatever_its_lines_are(lake: ParquetLake) -> None:
    other_round = {"round_id": "r1", "raw_file": "round=r1.jsonl.zst"}
    lines = [
        probe("q1", 1),
        probe("q2", 2, ttft_ms=-1.0),
        {"raw_file": RAW_FILE, "raw_line": 3, "problem": "malformed_json"},
        probe("q1", 1) | other_round,
    ]
    seals = [
        certificate_row("r0", 1),
        certificate_row("r0", 2, within_budget=False),
        certificate_row("r0", 3, within_budget=False, reason="a later one"),
        certificate_row("r1", 1),
    ]
    assert verdicts(lake, *lines, certificates=seals) == [("void_round", VOID)] * 3 + [(None, None)]


def test_a_copy_under_another_name_does_not_bring_a_void_round_back(lake: ParquetLake) -> None:
    copy = {"raw_file": "kept.jsonl"}
    lines = [probe("q1", 1), probe("q1", 1) | copy, probe("q2", 2) | copy, probe("q3", 3) | copy | {"round_id": "r2"}]
    seals = [certificate_row("r0", 1, within_budget=False)]
    by_place = [reason for reason, _ in verdicts(lake, *lines, certificates=seals)]  # kept.jsonl comes first
    assert by_place == ["void_round", "void_round", None, "void_round"]


@pytest.mark.parametrize(
    ("seals", "certified", "void", "because"),
    [
        ([], False, False, "no certificate"),
        ([certificate_row(line=1), certificate_row(line=2, phase="during")], True, False, None),
        ([certificate_row(line=1), certificate_row(line=2, within_budget=False)], False, True, "over its budget"),
        (
            [certificate_row(line=1), {"round_id": "r0", "raw_file": "c", "raw_line": 2, "problem": "malformed_json"}],
            False,
            False,
            "1 certificate line(s) cannot be read",
        ),
        ([certificate_row("another")], False, False, "no certificate"),
    ],
)
def test_a_round_is_certified_void_or_neither(
    lake: ParquetLake, seals: list[Row], certified: bool, void: bool, because: str | None
) -> None:
    judged(lake, [probe("q1", 1)], certificates=seals)
    (row,) = result(lake, "stg_rounds")
    assert (row["certified"], row["void"], row["uncertified_because"]) == (certified, void, because)
    assert (row["void_reason"] is not None) == void
    assert profile_violations(lake, "stg_rounds") == {}


def test_the_client_error_of_a_round_is_the_worst_that_was_certified(lake: ParquetLake) -> None:
    seals = [certificate_row(line=1, ttft_error_p99_ms=4.0), certificate_row(line=2, ttft_error_p50_ms=1.5)]
    judged(lake, [probe("q1", 1)], certificates=seals)
    (row,) = result(lake, "stg_rounds")
    assert (row["client_ttft_error_p50_ms"], row["client_ttft_error_p99_ms"]) == (1.5, 4.0)
    assert (row["client_event_lag_p50_ms"], row["client_event_lag_p99_ms"], row["n_certificates"]) == (0.2, None, 2)


def test_times_are_left_out_where_the_client_was_late_and_the_answer_stays(lake: ParquetLake) -> None:
    rows = requests(
        lake,
        [probe(f"q{n}", n, client_delay_ms=delay) for n, delay in enumerate((None, 9.9, 10.0, 10.1))],
        [catalog_row("p/m@a")],
    )
    assert [row["timing_exclusion"] for row in rows] == [None, None, None, "client_delay"]
    assert all(row["ttft_ms"] == 20.0 for row in rows)


def requests(lake: ParquetLake, probes: list[Row], catalog: list[Row]) -> list[Row]:
    judged(lake, probes, catalog)
    return result(lake, "requests")


@pytest.mark.parametrize(
    ("tokens", "prices", "cost"),
    [
        # 30 x 1 + 10 x 3 = 60 millionths of a dollar
        ({}, {}, 60e-6),
        ({"cached_tokens": 0}, {}, 60e-6),
        # 20 of the 30 from cache at a tenth: 10 x 1 + 20 x 0.1 + 10 x 3
        (CACHED | {"cached_tokens": 20}, {"cached_input_usd_per_mtok": Decimal("0.1")}, 42e-6),
        (CACHED | {"cached_tokens": 30}, {"cached_input_usd_per_mtok": Decimal(0)}, 30e-6),
        (CACHED | {"cached_tokens": 20}, {"cached_input_usd_per_mtok": None}, 60e-6),
        ({"reasoning_tokens": 7}, {}, 60e-6),  # part of the output already
        ({"output_tokens": 0}, {}, 30e-6),
        ({"input_tokens": 10**9, "output_tokens": 10**9}, {}, 4000.0),
        ({"input_tokens": None}, {}, None),
        ({"output_tokens": None}, {}, None),
        ({}, {"input_usd_per_mtok": None, "output_usd_per_mtok": None}, None),
        ({}, {"input_usd_per_mtok": Decimal(0), "output_usd_per_mtok": Decimal(0)}, 0.0),
    ],
)
def test_cost_of_a_request(lake: ParquetLake, tokens: Row, prices: Row, cost: float | None) -> None:
    (row,) = requests(lake, [probe("q1", 1) | tokens], [catalog_row("p/m@a") | prices])
    assert row["cost_usd"] == (None if cost is None else pytest.approx(cost, rel=1e-12))


TIERED = ListPrice(
    input_usd_per_mtok=Decimal(1),
    output_usd_per_mtok=Decimal(10),
    cache_write_usd_per_mtok=Decimal("1.25"),
    tiers=(Tier(above_input_tokens=200, input_usd_per_mtok=Decimal(2), output_usd_per_mtok=Decimal(15)),),
)
PEAK = Band(from_utc=time(1), to_utc=time(4), input_usd_per_mtok=Decimal(2), output_usd_per_mtok=Decimal(6))
BANDED = ListPrice(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(3), bands=(PEAK,))
THINKING = ListPrice(
    input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(3), reasoning_output_usd_per_mtok=Decimal(9)
)


@pytest.mark.parametrize(
    ("given", "price", "millionths"),
    [
        ({"input_tokens": 200}, TIERED, 200 + 100),  # exactly the threshold is still below
        ({"input_tokens": 201}, TIERED, 2 * 201 + 150),  # and one more raises the price of all, output too
        # the threshold counts cached and written tokens: 201 in all; neither is priced in the tier
        (CACHED | {"input_tokens": 201, "cached_tokens": 100, "cache_write_tokens": 100}, TIERED, 2 * 201 + 150),
        ({"input_tokens": 100, "cache_write_tokens": 40}, TIERED, 60 + 40 * 1.25 + 100),
        ({"started_at": at(0)}, BANDED, 30 + 30),
        ({"started_at": at(1)}, BANDED, 60 + 60),
        ({"started_at": at(4) - timedelta(microseconds=1)}, BANDED, 60 + 60),
        ({"started_at": at(4)}, BANDED, 30 + 30),
        ({"reasoning_tokens": 4}, THINKING, 30 + 6 * 3 + 4 * 9),
        ({"reasoning_tokens": None}, THINKING, 30 + 30),
    ],
)
def test_cost_by_size_hour_and_kind_of_token(
    lake: ParquetLake, given: Row, price: ListPrice, millionths: float
) -> None:
    claim = catalog_row("p/m@a") | {"price_json": price.canonical_json()}
    (row,) = requests(lake, [probe("q1", 1) | {"suite": "quality_math"} | given], [claim])
    assert row["cost_usd"] == pytest.approx(millionths * 1e-6, rel=1e-12)
    # The spending caps charge the same, from the raw record.
    tokens = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
    usage = {name: row[name] for name in tokens}
    record = {"http_status": 200, "usage": usage, "started_at": row["started_at"].isoformat()}
    assert float(cost_of(record, price)) == pytest.approx(row["cost_usd"], rel=1e-12)


def test_more_cached_and_written_than_there_was_is_set_aside(lake: ParquetLake) -> None:
    got = verdicts(lake, probe("q1", 1, suite="quality_math", cached_tokens=20, cache_write_tokens=11))
    assert [reason for reason, _ in got] == ["more_cached_than_input"]


def test_what_the_round_did_not_record_is_charged_by_the_book(lake: ParquetLake) -> None:
    nothing = {"input_usd_per_mtok": None, "output_usd_per_mtok": None}
    judged(lake, [probe("q1", 1)], [catalog_row("p/m@a") | nothing])
    booked = {"price_id": "pbook", "endpoint_id": "p/m@a", "service_tier": "standard", "valid_from": date(2026, 1, 1)}
    prices = {"input_usd_per_mtok": Decimal(2), "output_usd_per_mtok": Decimal(4), "min_input_tokens": 0}
    text = ListPrice(input_usd_per_mtok=Decimal(2), output_usd_per_mtok=Decimal(4)).canonical_json()
    put_round_prices(lake, book=[booked | prices | {"price_json": text}])
    result(lake, "stg_probe_log")
    (row,) = result(lake, "requests")
    assert (row["price_id"], row["cost_usd"]) == ("pbook", pytest.approx(100e-6))
    put_round_prices(lake, book=[booked | prices | {"price_json": text, "valid_to": DAY}])  # it ended the day before
    result(lake, "stg_probe_log")
    (row,) = result(lake, "requests")
    assert (row["price_id"], row["cost_usd"]) == (None, None)


def test_an_answer_that_broke_off_is_estimated_by_its_characters(lake: ParquetLake) -> None:
    broken = {"status": "dropped", "input_tokens": None, "output_tokens": None, "suite": "quality_math"}
    guess = {"estimated_input_tokens": 100, "estimated_output_tokens": 20}
    rows = requests(lake, [probe("q1", 1) | broken | guess, probe("q2", 2) | broken], [catalog_row("p/m@a")])
    assert [(row["cost_usd"], row["estimated_cost_usd"]) for row in rows] == [
        (None, pytest.approx(160e-6)),
        (None, None),
    ]


def test_a_request_is_charged_the_price_that_its_own_round_recorded(lake: ParquetLake) -> None:
    later = {"round_id": "r1", "raw_file": "round=r1.jsonl.zst"}
    dear = {"input_usd_per_mtok": Decimal(10), "output_usd_per_mtok": Decimal(30)}
    got = requests(
        lake,
        [probe("q1", 1), probe("q2", 1) | later, probe("q3", 2, "p/m@unlisted")],
        [catalog_row("p/m@a"), catalog_row("p/m@a", "r1", 4, **dear), catalog_row("p/m@b", **dear)],
    )
    assert [row["cost_usd"] for row in got] == [pytest.approx(60e-6), pytest.approx(600e-6), None]


def test_requests_and_quarantine_share_out_the_lines(lake: ParquetLake) -> None:
    lines = [
        probe("q1", 1, status="http_5xx", ttft_ms=None, ttfo_ms=None, e2e_ms=None, output_tokens=None),
        probe("q2", 2, cached_tokens=99),
        {"raw_file": RAW_FILE, "raw_line": 3, "problem": "malformed_json"},
        probe("q1", 4),
        probe("q5", 5, status="not_sent"),
    ]
    kept = requests(lake, lines, [catalog_row("p/m@a")])
    assert [(row["request_id"], row["status"], row["raw_line"]) for row in kept] == [
        ("q1", "http_5xx", 1),
        ("q5", "not_sent", 5),
    ]
    aside = result(lake, "quarantine")
    assert [(row["raw_line"], row["reason"], row["request_id"], row["endpoint_id"]) for row in aside] == [
        (2, "more_cached_than_input", "q2", "p/m@a"),
        (3, "malformed_json", None, None),
        (4, "duplicate_request_id", "q1", "p/m@a"),
    ]
    assert all(row["detail"] for row in aside)


def test_rounds_balance_their_lines(lake: ParquetLake) -> None:
    empty = {"round_id": "r2", "state": "open", "raw_file": "round=r2.jsonl.part", "raw_rows": 0}
    put(
        lake,
        round_log=[{"round_id": "r0", "state": "complete", "raw_file": RAW_FILE, "raw_rows": 5}, empty],
        certificates=[certificate_row("r0")],
        requests=[
            {"request_id": "q1", "raw_file": RAW_FILE, "status": "ok", "cost_usd": 0.25},
            {"request_id": "q2", "raw_file": RAW_FILE, "status": "truncated", "cost_usd": 0.5},
            {"request_id": "q3", "raw_file": RAW_FILE, "status": "http_5xx", "cost_usd": None},
        ],
        quarantine=[{"raw_file": RAW_FILE, "raw_line": line, "reason": "x"} for line in (4, 5)],
    )
    counts = ("n_raw", "n_requests", "n_quarantined", "n_answered", "cost_usd", "certified", "void")
    result(lake, "stg_rounds")
    got = result(lake, "rounds")
    assert [tuple(row[name] for name in counts) for row in got] == [
        (5, 3, 2, 2, 0.75, True, False),
        (0, 0, 0, 0, None, False, False),
    ]
    assert profile_violations(lake, "rounds") == {}


def profile_violations(lake: ParquetLake, table: str) -> dict[str, int]:
    profile = profile_table(lake, table_specs()[table], DAY)
    return {rule.rule: rule.violations for rule in profile.rules if rule.violations and rule.kind == "ranges"}


def test_a_lost_line_breaks_the_balance_rule(lake: ParquetLake) -> None:
    put(
        lake,
        round_log=[{"round_id": "r0", "state": "complete", "raw_file": RAW_FILE, "raw_rows": 2}],
        requests=[{"request_id": "q1", "raw_file": RAW_FILE, "status": "ok"}],
        quarantine=[],
        certificates=[],
    )
    result(lake, "stg_rounds")
    result(lake, "rounds")
    assert profile_violations(lake, "rounds") == {"rows_balance": 1}


def claims(lake: ParquetLake, *rows: Row) -> list[tuple[str, int]]:
    put(lake, catalog_log=rows)
    return [(row["endpoint_id"], row["valid_from"].hour) for row in result(lake, "endpoints")]


def test_an_unchanged_claim_is_one_row_of_the_first_round(lake: ParquetLake) -> None:
    rows = [catalog_row("p/m@a", f"r{hour}", hour) for hour in (7, 1, 4)]
    assert claims(lake, *rows) == [("p/m@a", 1)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"quantization": None}, {"quantization": "fp8"}),
        ({"quantization": "fp8"}, {"quantization": None}),
        ({"output_usd_per_mtok": Decimal(3)}, {"output_usd_per_mtok": Decimal("2.999999999")}),
        ({"cached_input_usd_per_mtok": None}, {"cached_input_usd_per_mtok": Decimal(0)}),
        ({"context_tokens": 1000}, {"context_tokens": 2000}),
        ({"base_url": "https://a.example"}, {"base_url": "https://b.example"}),
        ({"request_model": "m"}, {"request_model": "m2"}),
        ({"api": "openai_chat"}, {"api": "anthropic_messages"}),
        ({"is_reference": False}, {"is_reference": True}),
        ({"reference_kind": "own_api"}, {"reference_kind": "partner"}),
        ({"honest": False}, {"honest": True}),
        ({"thinks": False}, {"thinks": True}),
        ({"quality_tier": "easy"}, {"quality_tier": "hard"}),
        ({"top_logprobs": 20}, {"top_logprobs": None}),
        ({"region": "us"}, {"region": "eu"}),
        ({"model_family": "m"}, {"model_family": "n"}),
        ({"fast_because": None}, {"fast_because": "wafer-scale chips"}),
        ({"note": None}, {"note": "x"}),
    ],
)
def test_a_change_within_the_day_is_a_second_row(lake: ParquetLake, before: Row, after: Row) -> None:
    rows = [catalog_row("p/m@a", "r1", 1, **before), catalog_row("p/m@a", "r2", 4, **after)]
    assert claims(lake, *rows) == [("p/m@a", 1), ("p/m@a", 4)]


def test_null_beside_null_is_no_change_and_a_change_back_is_one(lake: ParquetLake) -> None:
    nothing = {"quantization": None, "region": None, "context_tokens": None, "input_usd_per_mtok": None}
    rows = [catalog_row("p/m@a", f"r{hour}", hour, **nothing) for hour in (1, 4)]
    assert claims(lake, *rows) == [("p/m@a", 1)]
    there_and_back = [
        catalog_row("p/m@a", f"r{hour}", hour, region=region) for hour, region in ((1, "us"), (4, "eu"), (7, "us"))
    ]
    assert claims(lake, *there_and_back) == [("p/m@a", 1), ("p/m@a", 4), ("p/m@a", 7)]


def test_endpoints_change_each_for_itself(lake: ParquetLake) -> None:
    rows = [
        catalog_row("p/m@a", "r1", 1, region="us"),
        catalog_row("p/m@b", "r1", 1, region="eu"),
        catalog_row("p/m@a", "r2", 4, region="us"),
        catalog_row("p/m@b", "r2", 4, region="us"),
        catalog_row("p/m@c", "r2", 4),
    ]
    assert claims(lake, *rows) == [("p/m@a", 1), ("p/m@b", 1), ("p/m@b", 4), ("p/m@c", 4)]


def graded(request_id: str, outcome: str = "correct", **given: Any) -> Row:
    correct = None if outcome == "missing" else outcome == "correct"
    row = {"request_id": request_id, "outcome": outcome, "correct": correct, "attempt": 1, "domain": "math"}
    return row | {"source": "generated", "tier": "tiny", "grader_version": "x"} | given


def asked(request_id: str, hour: int, item_id: str = "i1", **given: Any) -> Row:
    row = {"request_id": request_id, "round_id": "r0", "endpoint_id": "p/m@a", "suite": "quality_math"}
    place = {"raw_file": RAW_FILE, "raw_line": hour, "started_at": at(hour), "item_id": item_id}
    return row | place | {"cost_usd": 0.5, "input_tokens": 10, "output_tokens": 5} | given


UNBILLED: Row = {"cost_usd": None, "input_tokens": None, "output_tokens": None}


def test_the_first_answered_attempt_counts_and_all_are_paid_for(lake: ParquetLake) -> None:
    put(
        lake,
        requests=[
            asked("q4", 4),
            asked("q3", 3),
            asked("q2", 2, status="http_5xx"),
            asked("q1", 1, status="http_429", **UNBILLED),
            asked("lost", 5, "i2", status="http_429", **UNBILLED),
            asked("lost-too", 6, "i2", status="http_429", cost_usd=0.25),
            asked("unknown", 7, "i3"),
            asked("unknown-too", 8, "i3", **UNBILLED),
        ],
        graded_answers=[
            graded("q1", "missing"),
            graded("q2", "missing", attempt=2),
            graded("q3", "wrong", attempt=3),
            graded("q4"),
            graded("lost", "missing"),
            graded("lost-too", "missing", attempt=2),
            graded("unknown"),
            graded("unknown-too"),
        ],
    )
    got = result(lake, "answers")
    names = ("item_id", "request_id", "attempt", "n_attempts", "correct", "cost_usd", "output_tokens", "raw_line")
    assert [tuple(row[name] for name in names) for row in got] == [
        ("i1", "q3", 3, 4, False, 1.5, 15, 3),
        ("i2", "lost", 1, 2, None, 0.25, 5, 5),
        ("i3", "unknown", 1, 2, True, None, None, 7),
    ]
    assert profile_violations(lake, "answers") == {}


def test_a_broken_answer_that_may_have_been_billed_is_counted_by_its_characters(lake: ParquetLake) -> None:
    guess = {"estimated_cost_usd": 0.125, "estimated_input_tokens": 7, "estimated_output_tokens": 3}
    put(
        lake,
        requests=[
            asked("broke", 1, status="dropped", **UNBILLED, **guess),
            asked("answered", 2),
            asked("broke-too", 3, "i2", status="dropped", **UNBILLED, **guess),
            asked("unknown", 4, "i3", **UNBILLED, **guess),  # answered: its cost is not known, and not guessed
        ],
        graded_answers=[
            graded("broke", "missing"),
            graded("answered"),
            graded("broke-too", "missing"),
            graded("unknown"),
        ],
    )
    names = ("item_id", "n_attempts", "n_attempts_estimated", "cost_usd", "cost_basis", "input_tokens", "output_tokens")
    assert [tuple(row[name] for name in names) for row in result(lake, "answers")] == [
        ("i1", 2, 1, 0.625, "usage_and_estimate", 17, 8),
        ("i2", 1, 1, 0.125, "usage_and_estimate", 7, 3),
        ("i3", 1, 0, None, None, None, None),
    ]
    assert profile_violations(lake, "answers") == {}


def test_answers_join_the_grade_to_its_request(lake: ParquetLake) -> None:
    put(
        lake,
        requests=[
            {
                "request_id": "q1",
                "endpoint_id": "p/m@a",
                "suite": "quality_math",
                "item_id": "i1",
                "gold": "4",
                "text": "Answer: 4",
                "cost_usd": 0.5,
            },
            {"request_id": "q2", "endpoint_id": "p/m@a", "suite": "speed"},
        ],
        graded_answers=[{"request_id": "q1", "outcome": "correct", "correct": True, "extracted": "4"}],
    )
    (row,) = result(lake, "answers")
    picked = {name: row[name] for name in ("request_id", "item_id", "gold", "text", "extracted", "correct", "cost_usd")}
    assert picked == {
        "request_id": "q1",
        "item_id": "i1",
        "gold": "4",
        "text": "Answer: 4",
        "extracted": "4",
        "correct": True,
        "cost_usd": 0.5,
    }


def scorecard_inputs(**changed: list[Row]) -> dict[str, list[Row]]:
    claim = {"valid_from": at(1), "provider": "p", "model": "m", "model_family": "m", "sku": "a", "is_reference": False}
    inputs: dict[str, list[Row]] = {
        "endpoints": [{**claim, "endpoint_id": "p/m@a"}],
        "latency_daily": [],
        "quality_daily": [],
        "cost_per_correct": [],
        "context_daily": [],
        "fidelity_daily": [],
    }
    return inputs | changed


def test_the_scorecard_takes_the_last_claim_of_the_day(lake: ParquetLake) -> None:
    first = scorecard_inputs()["endpoints"][0]
    later = first | {"valid_from": at(7), "quantization": "fp8", "context_tokens": 4096}
    put(lake, **scorecard_inputs(endpoints=[first | {"quantization": "fp16"}, later]))
    (row,) = result(lake, "scorecard")
    assert (row["quantization"], row["context_advertised_tokens"]) == ("fp8", 4096)


def test_an_endpoint_without_measurements_is_on_the_scorecard(lake: ParquetLake) -> None:
    put(lake, **scorecard_inputs())
    (row,) = result(lake, "scorecard")
    assert row["versus_reference"] == "cannot tell"
    measured = ("output_speed_tok_s", "ttft_ms", "success_rate", "quality", "quality_difference", "usd_per_correct")
    assert all(row[name] is None and row[f"{name}_n"] is None for name in measured)


LATENCY: Row = {
    "endpoint_id": "p/m@a",
    "suite": "speed",
    "ttft_p50_ms": 20.0,
    "ttft_p50_lo_ms": 19.0,
    "ttft_p50_hi_ms": 22.0,
    "n_ttft": 7,
    "n_sent": 8,
    "n_answered": 7,
    "output_speed_p50_tok_s": 50.0,
    "n_speed": 6,
    "success_rate": 0.875,
    "ttft_p90_note": "n too small: 7, needs 64",
    "e2e_p50_with_failures_ms": 900.0,
}


def test_the_scorecard_gathers_its_axes(lake: ParquetLake) -> None:
    endpoint = {"endpoint_id": "p/m@a"}
    put(
        lake,
        **scorecard_inputs(
            latency_daily=[LATENCY, LATENCY | {"suite": "parallel", "ttft_p50_ms": 80.0}],
            quality_daily=[
                endpoint
                | {"suite": "quality_math", "accuracy": 0.8, "n_graded": 70, "versus_reference": "below"}
                | {"difference": -0.1, "difference_lo": -0.2, "difference_hi": -0.01, "difference_n": 69},
                endpoint | {"suite": "quality_code", "accuracy": 0.1, "n_graded": 5, "versus_reference": "above"},
            ],
            cost_per_correct=[
                endpoint
                | {"mix": "as_probed", "domain": "math", "n_items": 70}
                | {"usd_per_correct": 0.01, "usd_per_correct_lo": 0.009},
                endpoint | {"mix": "as_probed", "domain": "code", "usd_per_correct": 7.0, "n_items": 5},
                endpoint | {"mix": "chat", "domain": "math", "usd_per_correct": 9.0, "n_items": 70},
            ],
            context_daily=[
                endpoint
                | {"accepted_tokens": 900, "served_tokens": 800, "effective_tokens": 640, "lo": 640, "hi": 768}
                | {"status": "ok", "truncating": False}
            ],
            fidelity_daily=[
                endpoint
                | {"fidelity": 88.5, "fidelity_lo": 85.0, "fidelity_hi": 92.0, "fidelity_n_prompts": 48}
                | {"fidelity_self_floor": 100.2, "fidelity_gap": 11.7, "reference_kind": "own_api"}
                | {"verdict": "suspect", "channels_named": "greedy", "claim": "outputs differ", "note": "13 missing"}
            ],
        ),
    )
    (row,) = result(lake, "scorecard")
    expected: dict[str, Any] = {
        "fidelity": 88.5, "fidelity_lo": 85.0, "fidelity_hi": 92.0, "fidelity_n_prompts": 48,
        "fidelity_self_floor": 100.2, "fidelity_gap": 11.7, "fidelity_reference_kind": "own_api",
        "fidelity_verdict": "suspect", "fidelity_channels_named": "greedy", "fidelity_claim": "outputs differ",
        "fidelity_note": "13 missing",
        "ttft_ms": 20.0, "ttft_ms_lo": 19.0, "ttft_ms_hi": 22.0, "ttft_ms_n": 7,
        "ttft_p90_ms": None, "ttft_p90_note": "n too small: 7, needs 64", "e2e_with_failures_ms": 900.0,
        "output_speed_tok_s": 50.0, "output_speed_tok_s_n": 6,
        "success_rate": 0.875, "success_rate_n": 8,
        "quality": 0.8, "quality_n": 70, "versus_reference": "below",
        "quality_difference": -0.1, "quality_difference_lo": -0.2, "quality_difference_hi": -0.01,
        "quality_difference_n": 69,
        "usd_per_correct": 0.01, "usd_per_correct_lo": 0.009, "usd_per_correct_n": 70,
        "domain": "math", "domain_note": "math only: code was asked and not run (no sandbox)",
        "quality_math": 0.8, "quality_code": 0.1, "quality_code_n": 5,
        "context_accepted_tokens": 900, "context_served_tokens": 800, "context_effective_tokens": 640,
        "context_effective_hi_tokens": 768, "context_truncating": False, "context_status": "ok",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_where_code_was_run_the_scorecard_is_of_the_mix(lake: ParquetLake) -> None:
    endpoint = {"endpoint_id": "p/m@a"}
    costs = {"math": 1.0, "code": 3.0, "all": 2.0}
    put(
        lake,
        **scorecard_inputs(
            quality_daily=[
                endpoint | {"suite": "quality_math", "accuracy": 0.8, "n_graded": 60, "versus_reference": "below"},
                endpoint | {"suite": "quality_code", "accuracy": 0.6, "n_graded": 40, "versus_reference": "below"},
                endpoint | {"suite": "mix", "accuracy": 0.72, "n_graded": 100, "versus_reference": "cannot tell"},
            ],
            cost_per_correct=[
                endpoint | {"mix": "as_probed", "domain": domain, "usd_per_correct": cost, "n_items": 9}
                for domain, cost in costs.items()
            ],
        ),
    )
    (row,) = result(lake, "scorecard")
    names = ("domain", "domain_note", "quality", "quality_math", "quality_code", "versus_reference", "usd_per_correct")
    assert tuple(row[name] for name in names) == ("all", None, 0.72, 0.8, 0.6, "cannot tell", 2.0)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ([100, 1000, 10_000], 1000),
        ([1000], 1000),
        ([10_000, 100], 100),
        ([None, 10_000], 10_000),
        ([None, 1000], 1000),
        ([None], None),
    ],
)
def test_the_headline_size_is_1000_tokens_else_the_smallest(
    lake: ParquetLake, asked: list[int | None], shown: int | None
) -> None:
    sizes = [LATENCY | {"prompt_tokens_target": size, "ttft_p50_ms": float(size or 5)} for size in asked]
    parallel = LATENCY | {"suite": "parallel", "prompt_tokens_target": 1, "ttft_p50_ms": 1.0}
    put(lake, **scorecard_inputs(latency_daily=[*sizes, parallel]))
    (row,) = result(lake, "scorecard")
    assert (row["latency_prompt_tokens"], row["ttft_ms"]) == (shown, float(shown or 5))


def test_another_tools_figures_stand_in_only_where_we_did_not_probe(lake: ParquetLake) -> None:
    small = LATENCY | {"suite": "imported:vllm", "n_sent": 3}
    large = LATENCY | {"suite": "imported:aiperf", "ttft_p50_ms": 30.0, "n_sent": 9}
    put(lake, **scorecard_inputs(latency_daily=[small, large, LATENCY]))
    assert [row["latency_suite"] for row in result(lake, "scorecard")] == ["speed"]
    put(lake, **scorecard_inputs(latency_daily=[small, large]))
    (row,) = result(lake, "scorecard")
    assert (row["latency_suite"], row["ttft_ms"]) == ("imported:aiperf", 30.0)


def test_who_fails_too_often_or_is_known_too_little_shows_why_and_no_figure(lake: ParquetLake) -> None:
    reason = "3 of 8 answered, 80% needed"
    failing = LATENCY | {"success_rate": 0.375, "ttft_not_ranked_because": reason, "speed_not_ranked_because": reason}
    put(lake, **scorecard_inputs(latency_daily=[failing]))
    (row,) = result(lake, "scorecard")
    assert (row["ttft_ms"], row["ttft_ms_lo"], row["output_speed_tok_s"]) == (None, None, None)
    assert (row["ttft_not_ranked_because"], row["output_speed_not_ranked_because"]) == (reason, reason)
    assert (row["success_rate"], row["ttft_ms_n"], row["e2e_with_failures_ms"]) == (0.375, 7, 900.0)
    assert profile_violations(lake, "scorecard") == {}
    few = LATENCY | {"speed_not_ranked_because": "known of 2 of 8, 5 needed"}
    put(lake, **scorecard_inputs(latency_daily=[few]))
    (row,) = result(lake, "scorecard")
    assert (row["ttft_ms"], row["output_speed_tok_s"]) == (20.0, None)


SPENDING = ("n_rounds", "n_sent", "n_not_sent", "forecast_usd_max", "booked_usd", "n_without_usage", "n_without_price")


def spending(
    lake: ParquetLake, probes: list[Row], catalog: list[Row], certificates: list[Row] | None = None
) -> list[Row]:
    judged(lake, probes, catalog, certificates or [])
    rows = result(lake, "spend_daily")
    assert profile_violations(lake, "spend_daily") == {}
    return rows


def test_spending_is_booked_from_usage_and_stands_beside_its_forecast(lake: ParquetLake) -> None:
    later = {"round_id": "r1", "raw_file": "round=r1.jsonl.zst"}
    forecast = {"forecast_requests": 3, "forecast_usd_max": 0.5, "max_usd_per_day": 2.0}
    (a, b) = spending(
        lake,
        [
            probe("q1", 1),  # 60 millionths of a dollar
            probe("q2", 2, status="http_5xx", input_tokens=None, output_tokens=None),
            probe("q3", 3, status="not_sent", input_tokens=None, output_tokens=None),
            probe("q1", 4),  # written twice
            probe("q4", 5, ttft_ms=-1.0),  # no evidence, but paid for
            probe("q5", 6, source_tool="aiperf"),  # somebody else's
            {"raw_file": RAW_FILE, "raw_line": 7, "problem": "malformed_json"},
            probe("q6", 1) | later,
            probe("q7", 2, "p/m@b") | later,
        ],
        [
            catalog_row("p/m@a", **forecast),
            catalog_row("p/m@a", "r1", 4, **forecast | {"max_usd_per_day": None}),
            catalog_row("p/m@b", "r1", 4, input_usd_per_mtok=None, output_usd_per_mtok=None, forecast_requests=1),
        ],
        [certificate_row("r1", within_budget=False)],  # a void round has cost what it has cost
    )
    assert tuple(a[name] for name in SPENDING) == (2, 4, 1, 1.0, pytest.approx(180e-6), 1, 0)
    assert (a["forecast_requests"], a["max_usd_per_day"]) == (6, None)  # the last catalog has no limit
    assert (a["input_tokens"], a["output_tokens"]) == (90, 30)
    assert tuple(b[name] for name in SPENDING) == (1, 1, 0, None, 0.0, 0, 1)


def test_spending_without_a_forecast_or_a_catalog(lake: ParquetLake) -> None:
    (row,) = spending(lake, [probe("q1", 1)], [catalog_row("p/m@a")])
    assert (row["forecast_requests"], row["forecast_usd_max"], row["booked_usd"]) == (None, None, pytest.approx(60e-6))
    (row,) = spending(lake, [probe("q1", 1)], [])
    assert tuple(row[name] for name in SPENDING) == (0, 1, 0, None, 0.0, 0, 1)
    put(lake, round_log=[{"round_id": "r0", "raw_file": RAW_FILE, "raw_rows": 0}], catalog_log=[catalog_row("p/m@a")])
    put(lake, probe_log=[], stg_probe_log=[])
    (row,) = result(lake, "spend_daily")
    assert tuple(row[name] for name in SPENDING) == (1, 0, 0, None, 0.0, 0, 0)


def test_imported_rounds_are_not_our_spending(lake: ParquetLake) -> None:
    lines = [probe("q1", 1), probe("q2", 1, source_tool="aiperf", raw_file="round=r1.jsonl.zst", round_id="r1")]
    imported = [catalog_row("p/m@a", "r1"), catalog_row("q/m@b", "r1")]
    judged(lake, lines, [catalog_row("p/m@a", forecast_usd_max=0.5), *imported])
    rounds = [{"round_id": "r0", "suites": "speed, parallel"}, {"round_id": "r1", "suites": "imported:aiperf"}]
    put(lake, round_log=[row | {"raw_file": f"round={row['round_id']}.jsonl.zst", "raw_rows": 1} for row in rounds])
    (row,) = result(lake, "spend_daily")
    assert tuple(row[name] for name in SPENDING) == (1, 1, 0, 0.5, pytest.approx(60e-6), 0, 0)


def test_the_leaderboard_holds_every_endpoint_priced_or_not(lake: ParquetLake) -> None:
    put(
        lake,
        blended_prices=[
            {
                "population": "probed",
                "endpoint_id": "p/m@a",
                "preset": "chat",
                "blended_usd_per_mtok": Decimal("0.155"),
            },
            {"population": "probed", "endpoint_id": "p/m@a", "preset": "rag", "blended_usd_per_mtok": Decimal("0.11")},
            {"population": "probed", "endpoint_id": "p/m@free", "preset": "chat", "blended_usd_per_mtok": None},
            {"population": "market", "endpoint_id": "p/m@market", "preset": "chat", "blended_usd_per_mtok": Decimal(1)},
        ],
        cost_per_correct=[
            {
                "endpoint_id": "p/m@a",
                "mix": "chat",
                "domain": "all",
                "usd_per_correct": 0.5,
                "n_items": 70,
                "rank": 1,
                "rank_lo": 1,
                "rank_hi": 1,
            },
            {"endpoint_id": "p/m@a", "mix": "chat", "domain": "math", "usd_per_correct": 9.0, "n_items": 70},
            {
                "endpoint_id": "p/m@a",
                "mix": "rag",
                "domain": "all",
                "usd_per_correct": 0.7,
                "n_items": 70,
                "rank": 2,
                "rank_lo": 1,
                "rank_hi": 2,
            },
            {
                "endpoint_id": "p/m@free",
                "mix": "chat",
                "domain": "all",
                "n_items": 0,
                "rank_note": "price or token usage unknown",
            },
        ],
        scorecard=[
            {"endpoint_id": "p/m@a", "usd_per_correct": 0.01, "quality": 0.8, "versus_reference": "reference"}
            | {"domain": "all", "context_effective_tokens": 640},
            {"endpoint_id": "p/m@free", "quality": 0.7, "versus_reference": "cannot tell", "domain": "all"},
        ],
        rounds=[
            {"round_id": "r0", "certified": True, "void": False},
            {"round_id": "r1", "certified": False, "void": True},
            {"round_id": "r2", "certified": False, "void": False},
        ],
        catalog_log=[],
    )
    rows = {(row["preset"], row["endpoint_id"]): row for row in result(lake, "leaderboard")}
    assert list(rows) == [("chat", "p/m@a"), ("chat", "p/m@free"), ("rag", "p/m@a")]
    chat, rag, free = rows["chat", "p/m@a"], rows["rag", "p/m@a"], rows["chat", "p/m@free"]
    assert (chat["usd_per_correct"], chat["usd_per_correct_n"], chat["usd_per_correct_as_probed"]) == (0.5, 70, 0.01)
    assert (chat["domain"], chat["context_effective_tokens"]) == ("all", 640)
    assert (rag["usd_per_correct"], rag["rank"], rag["blended_usd_per_mtok"]) == (0.7, 2, Decimal("0.11"))
    assert (free["usd_per_correct"], free["rank"], free["blended_usd_per_mtok"]) == (None, None, None)
    assert (free["rank_note"], free["quality"]) == ("price or token usage unknown", 0.7)
    assert all(
        (row["n_rounds"], row["n_rounds_void"], row["n_rounds_uncertified"]) == (3, 1, 1) for row in rows.values()
    )
    assert profile_violations(lake, "leaderboard") == {}


def test_an_endpoint_that_nobody_ranked_is_shown_and_breaks_the_rule_of_explanation(lake: ParquetLake) -> None:
    put(
        lake,
        blended_prices=[{"population": "probed", "endpoint_id": "p/m@a", "preset": "chat"}],
        cost_per_correct=[],
        scorecard=[],
        rounds=[],
    )
    put(lake, catalog_log=[])
    (row,) = result(lake, "leaderboard")
    assert (row["endpoint_id"], row["rank"], row["rank_note"]) == ("p/m@a", None, None)
    assert (row["n_rounds"], row["n_rounds_void"], row["n_rounds_uncertified"]) == (0, 0, 0)
    assert profile_violations(lake, "leaderboard") == {"ranked_or_explained": 1}


def test_who_was_never_sent_to_has_the_last_reason_for_having_no_rank(lake: ParquetLake) -> None:
    """One that was ready in one round of the day keeps what is known of it; else the last round's reason is told."""
    names = ("p/m@never", "p/m@once")
    unranked = {"mix": "chat", "domain": "all", "rank_note": "no graded answers"}
    put(
        lake,
        blended_prices=[{"population": "probed", "endpoint_id": name, "preset": "chat"} for name in names],
        cost_per_correct=[{"endpoint_id": name} | unranked for name in names],
        scorecard=[{"endpoint_id": name, "domain": "all"} for name in names],
        rounds=[],
        catalog_log=[
            catalog_row("p/m@never", round_id="r0", hour=1, not_ready="missing A, B"),
            catalog_row("p/m@never", round_id="r1", hour=2, not_ready="missing B"),
            catalog_row("p/m@once", round_id="r0", hour=1, not_ready="missing A"),
            catalog_row("p/m@once", round_id="r1", hour=2, not_ready=None),
        ],
    )
    found = {row["endpoint_id"]: (row["rank_note"], row["not_ready"]) for row in result(lake, "leaderboard")}
    assert found == {
        "p/m@never": ("not sent to: missing B", "missing B"),
        "p/m@once": ("no graded answers", None),
    }
    assert profile_violations(lake, "leaderboard") == {}


def test_a_disclosure_is_a_new_row_of_its_endpoint(lake: ParquetLake) -> None:
    told = {"disclosure_json": '{"batch": 48}', "service_tier": "standard", "vendor_family": "v"}
    put(
        lake,
        catalog_log=[
            catalog_row("p/m@a", round_id="r0", hour=1),
            catalog_row("p/m@a", round_id="r1", hour=2, **told),
            catalog_row("p/m@a", round_id="r2", hour=3, not_ready="missing A", **told),
        ],
    )
    rows = result(lake, "endpoints")
    assert [(row["disclosure_json"], row["service_tier"]) for row in rows] == [
        (None, None),
        ('{"batch": 48}', "standard"),
    ]


def test_a_whole_day_obeys_every_rule_of_every_table(lake: ParquetLake) -> None:
    whole_chain(lake)
    for name, spec in table_specs().items():
        profile = profile_table(lake, spec, DAY)
        assert {rule.rule: rule.violations for rule in profile.rules if rule.violations} == {}, name
        assert profile.columns == spec.column_names, name
    sound, void = lake.read("rounds", DAY).to_dicts()
    assert (sound["n_raw"], sound["n_requests"], sound["n_quarantined"], sound["certified"]) == (37, 36, 1, True)
    assert (void["n_raw"], void["n_requests"], void["n_quarantined"], void["void"]) == (1, 0, 1, True)


EXAMPLES = settings(derandomize=True, deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
FIGURE = st.one_of(st.none(), st.sampled_from([-1.0, 0.0, 0.5, 20.0, 40.0, 100.0, 9000.0]))
TOKENS = st.one_of(st.none(), st.sampled_from([0, 1, 10, 30, 500]))
LINES = st.fixed_dictionaries(
    {
        "request_id": st.sampled_from([f"q{n}" for n in range(30)]),
        "endpoint_id": st.sampled_from(["p/m@a", "p/m@b"]),
        "suite": st.sampled_from(["speed", "parallel", "quality_math"]),
        "problem": st.sampled_from([None, None, None, "malformed_json"]),
        "status": st.sampled_from(["ok", "truncated", "http_5xx", "not_sent"]),
        "raw_file": st.sampled_from(["round=r0.jsonl.zst", "round=r1.jsonl.zst", "round=r2.jsonl.part"]),
        "text": st.sampled_from([None, "", "x" * 300]),
        **dict.fromkeys(
            ("ttfb_ms", "ttft_ms", "ttfo_ms", "e2e_ms", "connect_ms", "shortest_gap_ms", "output_speed_tok_s"), FIGURE
        ),
        **dict.fromkeys(
            ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"), TOKENS
        ),
    }
)


@EXAMPLES
@given(st.lists(LINES, min_size=20, max_size=60), st.sets(st.sampled_from(["r0", "r1", "r2"])))
def test_whatever_the_lines_hold_each_is_in_exactly_one_table_and_none_of_a_void_round_is_a_request(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Row], void: set[str]
) -> None:
    lake = ParquetLake(tmp_path_factory.mktemp("balance"))
    probes = [probe(line["request_id"], number) | line for number, line in enumerate(lines, start=1)]
    for row in probes:
        row["round_id"] = row["raw_file"].removeprefix("round=").split(".")[0]
        if row["problem"]:
            row |= {"request_id": None, "endpoint_id": None}
    seals = [certificate_row(name, within_budget=name not in void) for name in ("r0", "r1")]
    seals += [certificate_row("r2", within_budget=False)] if "r2" in void else []
    judged(lake, probes, certificates=seals)
    kept, aside = result(lake, "requests"), result(lake, "quarantine")
    places = [(row["raw_file"], row["raw_line"]) for row in [*kept, *aside]]
    assert sorted(places) == sorted((row["raw_file"], row["raw_line"]) for row in probes)
    assert not {row["round_id"] for row in kept} & void
    assert {row["reason"] for row in aside if row["raw_file"].removeprefix("round=").split(".")[0] in void} <= {
        "void_round"
    }
    assert all(re.fullmatch("[a-z_]+", row["reason"]) and row["detail"] for row in aside)
    assert len({row["request_id"] for row in kept}) == len(kept)
    result(lake, "rounds")
    result(lake, "spend_daily")
    for table in ("rounds", "stg_rounds", "stg_probe_log", "spend_daily"):
        assert profile_violations(lake, table) == {}
    balances = {"times_positive", "ttft_within_e2e", "gaps_not_negative", "tokens_not_negative", "cost_not_negative"}
    assert not profile_violations(lake, "requests").keys() & balances
