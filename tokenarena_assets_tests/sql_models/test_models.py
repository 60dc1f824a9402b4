"""Each SQL model on small hand-made tables, with answers computed by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.checks.profile import profile_table
from tokenarena_assets.storage.lake import Lake
from tokenarena_assets_tests.sql_models.frames import DAY, Row, at, catalog_row, probe, put, result, whole_chain

RAW_FILE = "round=r0.jsonl.zst"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def verdicts(lake: Lake, *rows: Row) -> list[tuple[str | None, str | None]]:
    put(lake, probe_log=rows)
    return [(row["reject_reason"], row["reject_detail"]) for row in result(lake, "stg_probe_log")]


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
        ({"cached_tokens": 31}, "more_cached_than_input", "tokens in/cached/out/reasoning: 30/31/10/-"),
        ({"reasoning_tokens": 11}, "more_reasoning_than_output", "tokens in/cached/out/reasoning: 30/-/10/11"),
    ],
)  # fmt: skip
def test_each_reason_to_set_a_line_aside(lake: Lake, broken: Row, reason: str, detail: str) -> None:
    assert verdicts(lake, probe("q1", 1) | broken, probe("q2", 2)) == [(reason, detail), (None, None)]


@pytest.mark.parametrize(
    "unknown",
    [
        {},
        {"ttfb_ms": None, "ttft_ms": None, "ttfo_ms": None, "e2e_ms": None},
        {"ttfo_ms": None},
        {"e2e_ms": None},
        {"input_tokens": None, "cached_tokens": 5},
        {"output_tokens": None, "reasoning_tokens": 5},
        {"cached_tokens": 30, "reasoning_tokens": 10},
        {"ttfb_ms": 20.0, "ttft_ms": 20.0, "ttfo_ms": 20.0, "e2e_ms": 20.0},
        {"ttfb_ms": 0.0, "ttft_ms": 0.0, "ttfo_ms": 0.0, "e2e_ms": 0.0},
    ],
)
def test_what_is_unknown_or_equal_is_no_fault(lake: Lake, unknown: Row) -> None:
    assert verdicts(lake, probe("q1", 1) | unknown) == [(None, None)]


def test_the_first_reason_in_order_is_given(lake: Lake) -> None:
    everything = {"record_day": date(2026, 1, 1), "ttfb_ms": -1.0, "cached_tokens": 99}
    assert verdicts(lake, probe("q1", 1) | everything | {"problem": "bad_field: x"})[0][0] == "bad_field"
    assert verdicts(lake, probe("q1", 1) | everything)[0][0] == "other_day"
    assert verdicts(lake, probe("q1", 1) | everything | {"record_day": DAY})[0][0] == "negative_time"


def test_of_lines_with_one_identity_the_first_counts(lake: Lake) -> None:
    other_file = probe("q1", 1) | {"raw_file": "round=r1.jsonl.zst"}
    got = verdicts(lake, probe("q1", 7), probe("q1", 9), probe("q2", 8), other_file)
    assert got == [(None, None), (None, None), ("duplicate_request_id", "q1"), ("duplicate_request_id", "q1")]


def test_lines_that_cannot_be_read_are_no_duplicates_of_each_other(lake: Lake) -> None:
    broken = [{"raw_file": RAW_FILE, "raw_line": line, "problem": "malformed_json"} for line in (1, 2, 3)]
    assert {reason for reason, _ in verdicts(lake, *broken)} == {"malformed_json"}


def test_a_broken_line_does_not_make_a_sound_one_its_duplicate(lake: Lake) -> None:
    got = verdicts(lake, probe("q1", 1, ttfb_ms=-1.0), probe("q1", 2), probe("q1", 3))
    assert [reason for reason, _ in got] == ["negative_time", None, "duplicate_request_id"]


def test_lines_of_other_days_in_the_table_are_left_out(lake: Lake) -> None:
    put(lake, probe_log=[probe("q1", 1), probe("q2", 2, day=date(2026, 11, 22))])
    assert len(result(lake, "stg_probe_log")) == 1


def requests(lake: Lake, probes: list[Row], catalog: list[Row]) -> list[Row]:
    put(lake, probe_log=probes, catalog_log=catalog)
    result(lake, "stg_probe_log")
    return result(lake, "requests")


@pytest.mark.parametrize(
    ("tokens", "prices", "cost"),
    [
        # 30 x 1 + 10 x 3 = 60 millionths of a dollar
        ({}, {}, 60e-6),
        ({"cached_tokens": 0}, {}, 60e-6),
        # 20 of the 30 from cache at a tenth: 10 x 1 + 20 x 0.1 + 10 x 3
        ({"cached_tokens": 20}, {"cached_input_usd_per_mtok": Decimal("0.1")}, 42e-6),
        ({"cached_tokens": 30}, {"cached_input_usd_per_mtok": Decimal(0)}, 30e-6),
        ({"cached_tokens": 20}, {"cached_input_usd_per_mtok": None}, 60e-6),
        ({"reasoning_tokens": 7}, {}, 60e-6),  # part of the output already
        ({"output_tokens": 0}, {}, 30e-6),
        ({"input_tokens": 10**9, "output_tokens": 10**9}, {}, 4000.0),
        ({"input_tokens": None}, {}, None),
        ({"output_tokens": None}, {}, None),
        ({}, {"input_usd_per_mtok": None, "output_usd_per_mtok": None}, None),
        ({}, {"input_usd_per_mtok": Decimal(0), "output_usd_per_mtok": Decimal(0)}, 0.0),
    ],
)
def test_cost_of_a_request(lake: Lake, tokens: Row, prices: Row, cost: float | None) -> None:
    (row,) = requests(lake, [probe("q1", 1) | tokens], [catalog_row("p/m@a") | prices])
    assert row["cost_usd"] == (None if cost is None else pytest.approx(cost, rel=1e-12))


def test_a_request_is_charged_the_price_that_its_own_round_recorded(lake: Lake) -> None:
    later = {"round_id": "r1", "raw_file": "round=r1.jsonl.zst"}
    dear = {"input_usd_per_mtok": Decimal(10), "output_usd_per_mtok": Decimal(30)}
    got = requests(
        lake,
        [probe("q1", 1), probe("q2", 1) | later, probe("q3", 2, "p/m@unlisted")],
        [catalog_row("p/m@a"), catalog_row("p/m@a", "r1", 4, **dear), catalog_row("p/m@b", **dear)],
    )
    assert [row["cost_usd"] for row in got] == [pytest.approx(60e-6), pytest.approx(600e-6), None]


def test_requests_and_quarantine_share_out_the_lines(lake: Lake) -> None:
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


def test_rounds_balance_their_lines(lake: Lake) -> None:
    empty = {"round_id": "r2", "state": "open", "raw_file": "round=r2.jsonl.part", "raw_rows": 0}
    put(
        lake,
        round_log=[{"round_id": "r0", "state": "complete", "raw_file": RAW_FILE, "raw_rows": 5}, empty],
        requests=[
            {"request_id": "q1", "raw_file": RAW_FILE, "status": "ok", "cost_usd": 0.25},
            {"request_id": "q2", "raw_file": RAW_FILE, "status": "truncated", "cost_usd": 0.5},
            {"request_id": "q3", "raw_file": RAW_FILE, "status": "http_5xx", "cost_usd": None},
        ],
        quarantine=[{"raw_file": RAW_FILE, "raw_line": line, "reason": "x"} for line in (4, 5)],
    )
    counts = ("n_raw", "n_requests", "n_quarantined", "n_answered", "cost_usd")
    got = result(lake, "rounds")
    assert [tuple(row[name] for name in counts) for row in got] == [(5, 3, 2, 2, 0.75), (0, 0, 0, 0, None)]
    assert profile_violations(lake, "rounds") == {}


def profile_violations(lake: Lake, table: str) -> dict[str, int]:
    profile = profile_table(lake, table_specs()[table], DAY)
    return {rule.rule: rule.violations for rule in profile.rules if rule.violations and rule.kind == "ranges"}


def test_a_lost_line_breaks_the_balance_rule(lake: Lake) -> None:
    put(
        lake,
        round_log=[{"round_id": "r0", "state": "complete", "raw_file": RAW_FILE, "raw_rows": 2}],
        requests=[{"request_id": "q1", "raw_file": RAW_FILE, "status": "ok"}],
        quarantine=[],
    )
    result(lake, "rounds")
    assert profile_violations(lake, "rounds") == {"rows_balance": 1}


def claims(lake: Lake, *rows: Row) -> list[tuple[str, int]]:
    put(lake, catalog_log=rows)
    return [(row["endpoint_id"], row["valid_from"].hour) for row in result(lake, "endpoints")]


def test_an_unchanged_claim_is_one_row_of_the_first_round(lake: Lake) -> None:
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
        ({"region": "us"}, {"region": "eu"}),
        ({"model_family": "m"}, {"model_family": "n"}),
        ({"note": None}, {"note": "x"}),
    ],
)
def test_a_change_within_the_day_is_a_second_row(lake: Lake, before: Row, after: Row) -> None:
    rows = [catalog_row("p/m@a", "r1", 1, **before), catalog_row("p/m@a", "r2", 4, **after)]
    assert claims(lake, *rows) == [("p/m@a", 1), ("p/m@a", 4)]


def test_null_beside_null_is_no_change_and_a_change_back_is_one(lake: Lake) -> None:
    nothing = {"quantization": None, "region": None, "context_tokens": None, "input_usd_per_mtok": None}
    rows = [catalog_row("p/m@a", f"r{hour}", hour, **nothing) for hour in (1, 4)]
    assert claims(lake, *rows) == [("p/m@a", 1)]
    there_and_back = [
        catalog_row("p/m@a", f"r{hour}", hour, region=region) for hour, region in ((1, "us"), (4, "eu"), (7, "us"))
    ]
    assert claims(lake, *there_and_back) == [("p/m@a", 1), ("p/m@a", 4), ("p/m@a", 7)]


def test_endpoints_change_each_for_itself(lake: Lake) -> None:
    rows = [
        catalog_row("p/m@a", "r1", 1, region="us"),
        catalog_row("p/m@b", "r1", 1, region="eu"),
        catalog_row("p/m@a", "r2", 4, region="us"),
        catalog_row("p/m@b", "r2", 4, region="us"),
        catalog_row("p/m@c", "r2", 4),
    ]
    assert claims(lake, *rows) == [("p/m@a", 1), ("p/m@b", 1), ("p/m@b", 4), ("p/m@c", 4)]


def test_answers_join_the_grade_to_its_request(lake: Lake) -> None:
    put(
        lake,
        requests=[
            {
                "request_id": "q1",
                "endpoint_id": "p/m@a",
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
    }
    return inputs | changed


def test_the_scorecard_takes_the_last_claim_of_the_day(lake: Lake) -> None:
    first = scorecard_inputs()["endpoints"][0]
    later = first | {"valid_from": at(7), "quantization": "fp8", "context_tokens": 4096}
    put(lake, **scorecard_inputs(endpoints=[first | {"quantization": "fp16"}, later]))
    (row,) = result(lake, "scorecard")
    assert (row["quantization"], row["context_advertised_tokens"]) == ("fp8", 4096)


def test_an_endpoint_without_measurements_is_on_the_scorecard(lake: Lake) -> None:
    put(lake, **scorecard_inputs())
    (row,) = result(lake, "scorecard")
    assert row["versus_reference"] == "cannot tell"
    measured = ("output_speed_tok_s", "ttft_ms", "success_rate", "quality", "quality_difference", "usd_per_correct")
    assert all(row[name] is None and row[f"{name}_n"] is None for name in measured)


def test_the_scorecard_gathers_its_axes(lake: Lake) -> None:
    endpoint = {"endpoint_id": "p/m@a"}
    put(
        lake,
        **scorecard_inputs(
            latency_daily=[
                endpoint
                | {"ttft_p50_ms": 20.0, "ttft_p50_lo_ms": 19.0, "ttft_p50_hi_ms": 22.0, "n_answered": 7, "n_sent": 8}
                | {"output_speed_p50_tok_s": 50.0, "n_speed": 6, "success_rate": 0.875}
            ],
            quality_daily=[
                endpoint
                | {"suite": "quality_math", "accuracy": 0.8, "n_graded": 70, "versus_reference": "below"}
                | {"difference": -0.1, "difference_lo": -0.2, "difference_hi": -0.01, "difference_n": 69},
                endpoint | {"suite": "quality_code", "accuracy": 0.1, "n_graded": 5, "versus_reference": "above"},
            ],
            cost_per_correct=[
                endpoint | {"mix": "as_probed", "usd_per_correct": 0.01, "usd_per_correct_lo": 0.009, "n_items": 70},
                endpoint | {"mix": "chat", "usd_per_correct": 9.0, "n_items": 70},
            ],
        ),
    )
    (row,) = result(lake, "scorecard")
    expected: dict[str, Any] = {
        "ttft_ms": 20.0, "ttft_ms_lo": 19.0, "ttft_ms_hi": 22.0, "ttft_ms_n": 7,
        "output_speed_tok_s": 50.0, "output_speed_tok_s_n": 6,
        "success_rate": 0.875, "success_rate_n": 8,
        "quality": 0.8, "quality_n": 70, "versus_reference": "below",
        "quality_difference": -0.1, "quality_difference_lo": -0.2, "quality_difference_hi": -0.01,
        "quality_difference_n": 69,
        "usd_per_correct": 0.01, "usd_per_correct_lo": 0.009, "usd_per_correct_n": 70,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_the_leaderboard_holds_every_endpoint_priced_or_not(lake: Lake) -> None:
    put(
        lake,
        blended_prices=[
            {"endpoint_id": "p/m@a", "preset": "chat", "blended_usd_per_mtok": Decimal("0.155")},
            {"endpoint_id": "p/m@a", "preset": "rag", "blended_usd_per_mtok": Decimal("0.11")},
            {"endpoint_id": "p/m@free", "preset": "chat", "blended_usd_per_mtok": None},
        ],
        cost_per_correct=[
            {
                "endpoint_id": "p/m@a",
                "mix": "chat",
                "usd_per_correct": 0.5,
                "n_items": 70,
                "rank": 1,
                "rank_lo": 1,
                "rank_hi": 1,
            },
            {
                "endpoint_id": "p/m@a",
                "mix": "rag",
                "usd_per_correct": 0.7,
                "n_items": 70,
                "rank": 2,
                "rank_lo": 1,
                "rank_hi": 2,
            },
            {"endpoint_id": "p/m@free", "mix": "chat", "n_items": 0, "rank_note": "price or token usage unknown"},
        ],
        scorecard=[
            {"endpoint_id": "p/m@a", "usd_per_correct": 0.01, "quality": 0.8, "versus_reference": "reference"},
            {"endpoint_id": "p/m@free", "quality": 0.7, "versus_reference": "cannot tell"},
        ],
    )
    rows = {(row["preset"], row["endpoint_id"]): row for row in result(lake, "leaderboard")}
    assert list(rows) == [("chat", "p/m@a"), ("chat", "p/m@free"), ("rag", "p/m@a")]
    chat, rag, free = rows["chat", "p/m@a"], rows["rag", "p/m@a"], rows["chat", "p/m@free"]
    assert (chat["usd_per_correct"], chat["usd_per_correct_n"], chat["usd_per_correct_as_probed"]) == (0.5, 70, 0.01)
    assert (rag["usd_per_correct"], rag["rank"], rag["blended_usd_per_mtok"]) == (0.7, 2, Decimal("0.11"))
    assert (free["usd_per_correct"], free["rank"], free["blended_usd_per_mtok"]) == (None, None, None)
    assert (free["rank_note"], free["quality"]) == ("price or token usage unknown", 0.7)
    assert profile_violations(lake, "leaderboard") == {}


def test_an_endpoint_that_nobody_ranked_is_shown_and_breaks_the_rule_of_explanation(lake: Lake) -> None:
    put(lake, blended_prices=[{"endpoint_id": "p/m@a", "preset": "chat"}], cost_per_correct=[], scorecard=[])
    (row,) = result(lake, "leaderboard")
    assert (row["endpoint_id"], row["rank"], row["rank_note"]) == ("p/m@a", None, None)
    assert profile_violations(lake, "leaderboard") == {"ranked_or_explained": 1}


def test_a_whole_day_obeys_every_rule_of_every_table(lake: Lake) -> None:
    whole_chain(lake)
    for name, spec in table_specs().items():
        profile = profile_table(lake, spec, DAY)
        assert {rule.rule: rule.violations for rule in profile.rules if rule.violations} == {}, name
        assert profile.columns == spec.column_names, name
    (row,) = lake.read("rounds", DAY).to_dicts()
    assert (row["n_raw"], row["n_requests"], row["n_quarantined"]) == (37, 36, 1)
