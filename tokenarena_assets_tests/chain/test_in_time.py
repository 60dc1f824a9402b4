"""Answers in time: from requests and answers to waits, causes and dollars, with figures made by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.chain.in_time import deadlines_of, in_time_of_day
from tokenarena_assets.endpoints import Preset, embedded_presets_path, load_presets
from tokenarena_assets.report.audit import in_time_rows
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets_tests.sql_models.frames import DAY, Row, at, frame, put, result

PRESETS = load_presets(embedded_presets_path())


def attempt(item: str, number: int, status: str, *, after_s: float = 0.0, e2e_ms: float | None = None) -> Row:
    return {
        "round_id": "r0",
        "request_id": f"{item}-{number}",
        "endpoint_id": "p/m@s",
        "suite": "quality_math",
        "item_id": item,
        "attempt": number,
        "started_at": at(1) + timedelta(seconds=after_s),
        "status": status,
        "e2e_from_schedule_ms": e2e_ms,
        "raw_file": "round=r0.jsonl.zst",
        "raw_line": number,
    }


def answered(item: str, counted: int, outcome: str = "correct", cost_usd: float | None = 0.001) -> Row:
    return {
        "request_id": f"{item}-{counted}",
        "round_id": "r0",
        "endpoint_id": "p/m@s",
        "suite": "quality_math",
        "item_id": item,
        "domain": "math",
        "outcome": outcome,
        "correct": None if outcome in ("missing", "not_run") else outcome == "correct",
        "cost_usd": cost_usd,
        "raw_file": "round=r0.jsonl.zst",
        "raw_line": counted,
    }


def test_waits_hold_the_retries_before_the_answer(tmp_path: Path) -> None:
    lake = ParquetLake(tmp_path)
    requests = [
        attempt("quick", 1, "ok", e2e_ms=800.0),
        attempt("limited", 1, "http_429"),
        attempt("limited", 2, "http_429", after_s=4.0),
        attempt("limited", 3, "ok", after_s=12.0, e2e_ms=1500.0),
        attempt("slow", 1, "truncated", e2e_ms=14_000.0),
        attempt("cut", 1, "dropped"),
        attempt("empty", 1, "empty"),
        attempt("stalls", 1, "timeout_stall"),
        attempt("unsent", 1, "not_sent"),
    ]
    answers = [
        answered("quick", 1),
        answered("limited", 3),
        answered("slow", 1, "truncated"),
        answered("cut", 1, "missing", None),
        answered("empty", 1, "empty"),
        answered("stalls", 1, "missing", None),
        answered("unsent", 1, "missing", None),
    ]
    put(lake, requests=requests, answers=answers)
    found = {
        row["item_id"]: (row["wait_s"], row["no_answer_cause"], row["n_sent_attempts"])
        for row in result(lake, "answer_waits")
    }
    assert found == {
        "quick": (0.8, None, 1),
        "limited": (13.5, "rate_limited", 3),
        "slow": (14.0, None, 1),
        "cut": (None, "cut", 1),
        "empty": (None, "no_text", 1),
        "stalls": (None, "stalled", 1),
    }


def waited(item: str, wait_s: float | None, outcome: str = "correct", **given: Any) -> Row:
    return {
        "endpoint_id": "p/m@s",
        "suite": "quality_math",
        "item_id": item,
        "domain": "math",
        "outcome": outcome,
        "correct": None if outcome in ("missing", "not_run") else outcome == "correct",
        "wait_s": wait_s,
        "cost_usd": 0.002,
        **given,
    }


def judged(waits: list[Row], presets: tuple[Preset, ...] = PRESETS) -> tuple[list[Row], list[Row]]:
    endpoints = frame("endpoints", [{"endpoint_id": "p/m@s"}, {"endpoint_id": "p/other@s"}])
    made = in_time_of_day(DAY, frame("answer_waits", waits), endpoints, presets)
    return made[0].to_dicts(), made[1].to_dicts()


def test_dollars_per_right_answer_in_time() -> None:
    waits = [
        waited("a", 1.0),
        waited("b", 13.5, no_answer_cause="rate_limited"),
        waited("c", 2.0, "wrong"),
        waited("d", 40.0),
        waited("e", None, "missing", no_answer_cause="cut", cost_usd=None),
    ]
    answers, causes = judged(waits)
    own = {row["deadline_s"]: row for row in answers if row["endpoint_id"] == "p/m@s"}
    assert set(own) == {10.0, 30.0}
    assert (own[10.0]["n_asked"], own[10.0]["n_in_time"], own[10.0]["n_correct_in_time"]) == (5, 2, 1)
    assert own[10.0]["p_no_answer"] == 0.6
    assert own[10.0]["usd_per_correct_in_time"] == pytest.approx(0.008)  # four billed items, one right in time
    assert own[30.0]["n_correct_in_time"] == 2
    assert own[30.0]["usd_per_correct_in_time"] == pytest.approx(0.004)
    seen = {(row["deadline_s"], row["cause"]): row["n"] for row in causes if row["n"]}
    assert seen == {
        (10.0, "rate_limited"): 1,
        (10.0, "too_slow"): 1,
        (10.0, "cut"): 1,
        (30.0, "too_slow"): 1,
        (30.0, "cut"): 1,
    }
    nobody = next(row for row in answers if row["endpoint_id"] == "p/other@s")
    assert (nobody["n_asked"], nobody["p_no_answer"], nobody["note"]) == (0, None, "no quality item was asked")
    shown = in_time_rows(answers, causes)
    assert shown[0][2].startswith("60.0% [")
    assert shown[0][3] == "rate limited 1, cut 1, too slow 1"


def test_none_right_in_time_is_a_lower_bound() -> None:
    answers, _ = judged([waited(str(n), 20.0) for n in range(10)])
    row = answers[0]
    assert (row["usd_per_correct_in_time"], row["usd_per_correct_in_time_hi"]) == (None, None)
    assert row["usd_per_correct_in_time_lo"] == pytest.approx(0.02 / (10 * (1 - 0.05**0.1)))
    assert row["note"] == "0 of 10 right within 10 s: lower bound only"


def test_an_unknown_cost_gives_no_ratio() -> None:
    answers, _ = judged([waited("a", 1.0), waited("b", 1.0, cost_usd=None)])
    assert answers[0]["usd_per_correct_in_time"] is None
    assert answers[0]["note"] == "price or token usage unknown"
    assert answers[0]["p_no_answer"] == 0.0


def test_math_and_code_have_their_fixed_shares() -> None:
    waits = [waited("m1", 1.0), waited("m2", 1.0, "wrong")]
    waits += [waited("c1", 1.0, suite="quality_code", domain="code", cost_usd=0.010)]
    row = judged(waits)[0][0]
    assert row["domain"] == "all"
    # 0.6 (mean cost of math) + 0.4 (of code) over 0.6 * 1/2 + 0.4 * 1
    assert row["usd_per_correct_in_time"] == pytest.approx((0.6 * 0.002 + 0.4 * 0.010) / (0.6 * 0.5 + 0.4))


def test_code_that_was_not_run_is_left_out() -> None:
    waits = [waited("m1", 1.0), waited("c1", 1.0, "not_run", suite="quality_code", domain="code")]
    row = judged(waits)[0][0]
    assert (row["domain"], row["n_asked"]) == ("math", 1)


def test_a_preset_may_set_its_own_deadline() -> None:
    voice = Preset(name="voice", input_ratio=3, output_ratio=1, request_input_tokens=500, deadline_s=2.5)
    assert deadlines_of([*PRESETS, voice]) == {2.5: ["voice"], 10.0: [], 30.0: []}
    answers, _ = judged([waited("a", 1.0), waited("b", 3.0)], (*PRESETS, voice))
    assert [(row["deadline_s"], row["presets"], row["n_in_time"]) for row in answers[:2]] == [
        (2.5, "voice", 1),
        (10.0, None, 2),
    ]
