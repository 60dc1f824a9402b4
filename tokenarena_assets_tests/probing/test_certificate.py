"""Certificates: known lateness comes out as it went in, verdicts follow the budget, rows outlive a torn line."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.chain.certificates import CertificateLine
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.certificate import (
    BUDGET_VARIABLE,
    MIN_N_FOR_P99,
    Budget,
    Certificate,
    Sample,
    append_certificate,
    certificate,
    client_versions,
    sample_of,
    void_reasons,
)
from tokenarena_assets.probing.reference_server import Schedule
from tokenarena_assets.processes import ahead_of_others
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import rounds_of

DAY = date(2026, 11, 23)
BUDGET = Budget(2.0, 10.0)
NS_PER_MS = 1_000_000


def a_record(
    way_there_ms: float, lags_ms: list[float], *, true_ttft_ms: float = 200.0, status: str = "ok"
) -> dict[str, Any]:
    """The record of a probe whose request took `way_there_ms` to be read and whose tokens were seen so late."""
    t0 = 5_000_000_000
    read = t0 + round(way_there_ms * NS_PER_MS)
    frames = []
    for number, lag in enumerate(lags_ms):
        sent = read + round((true_ttft_ms + 10 * number) * NS_PER_MS)
        reference = ({"read_ns": read} if number == 0 else {}) | {"sent_ns": sent}
        frames.append([sent + round(lag * NS_PER_MS), json.dumps({"choices": [], "reference": reference})])
    first = frames[0][0] if frames else None
    end = frames[-1][0] if frames else t0
    frames += [[end, '{"choices": [], "usage": {}}'], [end, "[DONE]"]]
    return {"status": status, "stamps_ns": {"sent": t0, "first_token": first}, "frames": frames}


def judged(samples: list[Sample], *, n_failed: int = 0, budget: Budget = BUDGET, **more: Any) -> Certificate:
    return certificate(
        samples, n_failed=n_failed, budget=budget, phase="before", at_once=20, schedule=Schedule(), **more
    )


def late_by(ttft_ms: float, lag_ms: float, events: int = 64) -> Sample:
    return Sample(ttft_ms, (lag_ms,) * events)


@given(
    st.floats(0, 500),
    st.lists(st.floats(0, 500), min_size=1, max_size=40),
    st.floats(0, 5_000),
)
def test_lateness_that_was_put_in_comes_out(way_there: float, lags: list[float], true_ttft: float) -> None:
    sample = sample_of(a_record(way_there, lags, true_ttft_ms=true_ttft), len(lags))
    assert sample is not None
    assert sample.ttft_error_ms == pytest.approx(way_there + lags[0], abs=1e-5)
    assert sample.event_lags_ms == pytest.approx(lags, abs=1e-5)


@pytest.mark.parametrize(
    ("record", "tokens"),
    [
        (a_record(0.1, [0.1] * 3, status="dropped"), 3),
        (a_record(0.1, [0.1] * 3), 4),
        (a_record(0.1, [0.1] * 3), 2),
        (a_record(0.1, []), 0),
        ({"status": "connect_failed", "stamps_ns": {"sent": None, "first_token": None}, "frames": []}, 3),
    ],
)
def test_a_probe_that_failed_or_lost_a_token_is_no_sample(record: dict[str, Any], tokens: int) -> None:
    assert sample_of(record, tokens) is None


def test_percentiles_are_values_of_the_sample() -> None:
    found = judged([Sample(float(n), (n / 100,)) for n in range(1, 201)], budget=Budget(1_000, 1_000))
    assert (found.ttft_error_p50_ms, found.ttft_error_p99_ms) == (100, 198)
    assert (found.event_lag_p50_ms, found.event_lag_p99_ms) == (1.0, 1.98)
    assert (found.n_probes, found.n_events, found.n_failed) == (200, 200, 0)


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=300))
def test_a_percentile_has_its_share_at_or_below_it(values: list[float]) -> None:
    found = judged([Sample(value, (value,)) for value in values])
    for q, percentile in ((0.5, found.ttft_error_p50_ms), (0.99, found.ttft_error_p99_ms)):
        if percentile is None:
            assert q == 0.99
            assert len(values) < MIN_N_FOR_P99
        else:
            assert sum(value <= percentile for value in values) >= q * len(values)
            assert sum(value < percentile for value in values) < q * len(values)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([late_by(2.0, 2.0)] * 99, None),
        ([late_by(0.1, 0.1)] * 10, None),
        ([late_by(2.1, 0.1)] * 3, "TTFT error p50 2.10 ms, over 2 ms"),
        ([late_by(0.1, 2.1)] * 3, "event lag p50 2.10 ms, over 2 ms"),
        ([late_by(0.1, 0.1)] * 97 + [late_by(11, 0.1)] * 2, None),  # too few probes to know a p99
        ([late_by(0.1, 0.1)] * 98 + [late_by(11, 0.1)] * 2, "TTFT error p99 11.00 ms, over 10 ms"),
        ([late_by(0.1, 0.1, 49), late_by(0.1, 0.1, 49), late_by(0.1, 11, 1)], None),
        ([late_by(0.1, 0.1, 49), late_by(0.1, 0.1, 49), late_by(0.1, 11, 2)], "event lag p99 11.00 ms, over 10 ms"),
        (
            [late_by(3, 3)] * 100,
            "TTFT error p50 3.00 ms, over 2 ms; event lag p50 3.00 ms, over 2 ms",
        ),
    ],
)
def test_the_verdict_follows_the_budget(samples: list[Sample], reason: str | None) -> None:
    found = judged(samples)
    assert (found.within_budget, found.reason) == (reason is None, reason)


def test_a_wider_budget_allows_more() -> None:
    assert judged([late_by(3, 3)] * 100, budget=Budget(3, 3)).within_budget
    assert not judged([late_by(3, 3)] * 100, budget=Budget(2.9, 3)).within_budget


@pytest.mark.parametrize(("well", "failed", "within"), [(0, 0, False), (0, 5, False), (4, 4, False), (5, 4, True)])
def test_nothing_is_certified_by_probes_that_fail(well: int, failed: int, within: bool) -> None:
    found = judged([late_by(0.1, 0.1)] * well, n_failed=failed)
    assert found.within_budget is within
    assert within or found.reason == f"{failed} of {well + failed} probes of the reference server failed"


def test_void_reasons_name_phase_load_and_figure() -> None:
    good, bad = judged([late_by(0.1, 0.1)] * 3), judged([late_by(5, 0.1)] * 3)
    assert void_reasons([good]) == []
    assert void_reasons([good, replace(bad, phase="during")]) == [
        "the client's own error during the round, at 20 at once: TTFT error p50 5.00 ms, over 2 ms"
    ]


def test_budget_comes_from_the_option_the_environment_or_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BUDGET_VARIABLE)
    assert Budget.in_force() == Budget(2, 10)
    monkeypatch.setenv(BUDGET_VARIABLE, "3, 15.5")
    assert Budget.in_force() == Budget(3, 15.5)
    assert Budget.in_force("0.5,1") == Budget(0.5, 1)


@pytest.mark.parametrize("text", ["", "2", "2,10,20", "two,ten", "0,10", "-1,10", "10,2", "nan,nan", "2,inf"])
def test_a_budget_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(TokenArenaError, match="is no budget") as caught:
        Budget.parse(text)
    assert caught.value.mend


def test_rows_are_appended_where_the_chain_reads_them(tmp_path: Path) -> None:
    home, found = Home(tmp_path), judged([late_by(0.1, 0.2)] * 3, client={"tokenarena": "0", "scheduling": "normal"})
    for phase in ("before", "during"):
        path = append_certificate(home, DAY, "r-1", replace(found, phase=phase))  # type: ignore[arg-type]
    assert path == tmp_path / "raw" / "probes" / "day=2026-11-23" / "round=r-1.certificates.jsonl"
    lines = path.read_bytes().splitlines()
    rows = [msgspec.json.decode(line, type=CertificateLine) for line in lines]
    assert [row.phase for row in rows] == ["before", "during"]
    assert (rows[0].round_id, rows[0].day, rows[0].n_events) == ("r-1", DAY, 192)
    assert json.loads(lines[0])["ttft_error_p99_ms"] is None
    assert rounds_of(home, DAY) == [], "a file of certificates is no round"


def test_a_row_is_not_glued_to_a_torn_one(tmp_path: Path) -> None:
    home, found = Home(tmp_path), judged([late_by(0.1, 0.2)] * 3)
    path = append_certificate(home, DAY, "r-1", found)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    append_certificate(home, DAY, "r-1", found)
    assert path.read_bytes() == whole[:-20] + b"\n" + whole


def test_figures_of_an_infinite_clock_error_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        append_certificate(Home(tmp_path), DAY, "r-1", judged([late_by(math.inf, 0.1)] * 3))


def test_client_versions_tell_how_the_client_is_scheduled() -> None:
    assert set(client_versions()) == {"tokenarena", "python", "httpx", "httptools", "scheduling"}
    with ahead_of_others():
        inside = client_versions()["scheduling"]
    assert inside in ("real-time", "normal"), "as the system permits it"
    assert client_versions()["scheduling"] == "normal"
