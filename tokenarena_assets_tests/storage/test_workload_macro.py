"""The macro `workload` of the published database, with dollars, seconds and joules computed by hand."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.cli import app
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import open_published, publish, rows_of, run_query
from tokenarena_assets_tests.sql_models.frames import DAY, Row, at, put

READ = ("scorecard", "price_book", "endpoints", "blended_prices", "latency_daily", "energy_daily")
EARLIER = DAY - timedelta(days=1)
A, B, C = "p/m@a", "q/m@b", "r/n@c"
Tables = dict[str, list[Row]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


def put_day(home: Home, day: Any = DAY, **tables: Sequence[Row]) -> None:
    put(ParquetLake(home.lake), day, **(dict.fromkeys(READ, ()) | tables))


def asked(home: Home, arguments: str) -> dict[str, Row]:
    """What `workload(...)` says, by endpoint in its order."""
    with open_published(home) as connection:
        return {row["endpoint_id"]: row for row in rows_of(connection, f"select * from workload({arguments})")}


def workload(home: Home, arguments: str, **tables: Sequence[Row]) -> dict[str, Row]:
    put_day(home, **tables)
    publish(home, [table_specs()[name] for name in READ])
    return asked(home, arguments)


def one(home: Home, arguments: str, **tables: Sequence[Row]) -> Row:
    (row,) = workload(home, arguments, **tables).values()
    return row


def card(endpoint_id: str = A, **given: Any) -> Row:
    return {"endpoint_id": endpoint_id, "model_family": "m", **given}


def served(endpoint_id: str = A, **given: Any) -> Row:
    return {"endpoint_id": endpoint_id, "valid_from": at(1), **given}


def line(usd_in: str, usd_out: str, endpoint_id: str = A, above: int = 0, **given: Any) -> Row:
    """A line of the price book in force."""
    own = {"endpoint_id": endpoint_id, "price_id": f"{usd_in}/{usd_out}", "min_input_tokens": above}
    prices = {"input_usd_per_mtok": Decimal(usd_in), "output_usd_per_mtok": Decimal(usd_out)}
    return own | {"service_tier": "standard", "valid_from": EARLIER} | prices | given


def timed(tokens: int, ttft_ms: float, endpoint_id: str = A, half: float | None = 10.0, **given: Any) -> Row:
    ends = {} if half is None else {"ttft_p50_lo_ms": ttft_ms - half, "ttft_p50_hi_ms": ttft_ms + half}
    own = {"endpoint_id": endpoint_id, "suite": "speed", "prompt_tokens_target": tokens, "ttft_p50_ms": ttft_ms}
    return own | ends | given


def test_nothing_measured_is_a_row_of_unknowns(home: Home) -> None:
    row = one(home, "1000, 100", scorecard=[card()])
    known = {name: value for name, value in row.items() if value is not None}
    assert known == {
        "day": DAY,
        "endpoint_id": A,
        "model_family": "m",
        "meets": "met",
        "limits": "",
        "on_front": False,
        "expected_output_tokens": 100.0,
    }


@pytest.mark.parametrize(
    ("arguments", "usd", "price_id"),
    [
        ("1000, 100", (1000 * 1 + 100 * 4) / 1e6, "1/4"),
        ("200000, 100", (200_000 * 1 + 100 * 4) / 1e6, "1/4"),
        ("200001, 100", (200_001 * 2 + 100 * 6) / 1e6, "2/6"),  # the cliff: all tokens at the dearer tier
        ("1000, 0", 1000 / 1e6, "1/4"),
        ("1000, 100, cached_share := 0.8", (200 * 1 + 800 * 0.1 + 100 * 4) / 1e6, "1/4"),
        ("300000, 0, cached_share := 0.5", (150_000 * 2 + 150_000 * 2) / 1e6, "2/6"),  # no price of cached tokens there
    ],
)
def test_dollars_by_size_and_cached_share(home: Home, arguments: str, usd: float, price_id: str) -> None:
    book = [
        line("1", "4", cached_input_usd_per_mtok=Decimal("0.1")),
        line("2", "6", above=200_001),
        line("0.01", "0.01", band="night"),
        line("0.02", "0.02", service_tier="batch"),
        line("0.03", "0.03", valid_to=DAY),
        line("0.04", "0.04", valid_from=DAY + timedelta(days=1)),
    ]
    row = one(home, arguments, scorecard=[card()], endpoints=[served()], price_book=book)
    assert row["usd_per_request"] == pytest.approx(usd)
    assert row["price_id"] == price_id
    assert row["usd_per_correct"] is None  # no quality is known


def test_the_tier_of_the_endpoint_is_what_it_costs_and_its_wordiness_counts(home: Home) -> None:
    row = one(
        home,
        "1000, 100",
        scorecard=[card(quality=0.5, quality_lo=0.4, quality_hi=0.8)],
        endpoints=[served(service_tier="batch")],
        price_book=[line("1", "4"), line("0.5", "2", service_tier="batch")],
        blended_prices=[{"endpoint_id": A, "population": "probed", "preset": "chat", "output_multiplier": 1.5}],
    )
    assert row["expected_output_tokens"] == 150
    usd = (1000 * 0.5 + 150 * 2) / 1e6
    assert row["usd_per_request"] == pytest.approx(usd)
    found = (row["usd_per_correct"], row["usd_per_correct_lo"], row["usd_per_correct_hi"])
    assert found == pytest.approx((usd / 0.5, usd / 0.8, usd / 0.4))


def test_with_none_correct_nothing_is_per_correct(home: Home) -> None:
    scorecard = [card(quality=0.0, quality_lo=0.0, quality_hi=0.2)]
    row = one(home, "1000, 100", scorecard=scorecard, endpoints=[served()], price_book=[line("1", "4")])
    assert (row["usd_per_correct"], row["usd_per_correct_hi"]) == (None, None)
    assert row["usd_per_correct_lo"] == pytest.approx(0.0014 / 0.2)


@pytest.mark.parametrize(
    ("tokens", "ttft", "note"),
    [
        (1000, 200.0, None),
        (3000, 400.0, None),  # two of seven thousand from 200 to 900
        (8000, 900.0, None),
        (500, 200.0, "TTFT of 1000 tokens, the fewest measured"),
        (9000, 900.0, "TTFT of 8000 tokens, the most measured"),
    ],
)
def test_seconds_between_and_beyond_the_sizes_measured(home: Home, tokens: int, ttft: float, note: str | None) -> None:
    latency = [
        timed(1000, 200.0),
        timed(8000, 900.0),
        timed(2000, 9999.0, ttft_not_ranked_because="few"),
        timed(2000, 9999.0) | {"suite": "imported:aiperf"},
    ]
    scorecard = [card(output_speed_tok_s=50.0, quality=0.5)]
    row = one(home, f"{tokens}, 100", scorecard=scorecard, latency_daily=latency)
    assert (row["ttft_ms"], row["ttft_ms_lo"], row["ttft_ms_hi"]) == pytest.approx((ttft, ttft - 10, ttft + 10))
    assert row["ttft_note"] == note
    assert row["seconds_per_request"] == pytest.approx(ttft / 1000 + 2)
    assert row["seconds_per_correct"] == pytest.approx(2 * (ttft / 1000 + 2))


def test_ttft_without_an_interval_has_none_and_no_speed_no_seconds(home: Home) -> None:
    row = one(home, "2000, 100", scorecard=[card()], latency_daily=[timed(1000, 200.0), timed(8000, 900.0, half=None)])
    assert (row["ttft_ms"], row["ttft_ms_lo"], row["ttft_ms_hi"]) == (pytest.approx(300.0), None, None)
    assert row["seconds_per_request"] is None


@pytest.mark.parametrize(
    ("limits", "meets", "said"),
    [
        ("max_ttft_ms := 210", "met", ""),
        ("max_ttft_ms := 209", "cannot tell", "TTFT: cannot tell"),
        ("max_ttft_ms := 190", "cannot tell", "TTFT: cannot tell"),
        ("max_ttft_ms := 189", "failed", "TTFT: failed"),
        ("min_quality := 0.4", "met", ""),
        ("min_quality := 0.41", "cannot tell", "quality: cannot tell"),
        ("min_quality := 0.8", "cannot tell", "quality: cannot tell"),
        ("min_quality := 0.81", "failed", "quality: failed"),
        ("max_ttft_ms := 200, min_quality := 0.9", "failed", "TTFT: cannot tell, quality: failed"),
    ],
)
def test_limits_are_met_and_failed_by_whole_intervals(home: Home, limits: str, meets: str, said: str) -> None:
    scorecard = [card(quality=0.5, quality_lo=0.4, quality_hi=0.8)]
    row = one(home, f"1000, 100, {limits}", scorecard=scorecard, latency_daily=[timed(1000, 200.0)])
    assert (row["meets"], row["limits"]) == (meets, said)


def test_a_limit_on_what_was_not_measured_cannot_be_told(home: Home) -> None:
    row = one(home, "1000, 100, max_ttft_ms := 1, min_quality := 0.9", scorecard=[card()])
    assert (row["meets"], row["limits"]) == ("cannot tell", "TTFT: cannot tell, quality: cannot tell")


@pytest.mark.parametrize(
    ("given", "meets"),
    [
        ({"context_advertised_tokens": 1100}, "met"),
        ({"context_advertised_tokens": 1099}, "failed"),  # the answer must fit too
        ({"context_accepted_tokens": 999, "context_status": "ok"}, "failed"),
        ({"context_accepted_tokens": 999, "context_status": "truncating"}, "failed"),
        ({"context_accepted_tokens": 999, "context_status": "cannot_tell"}, "met"),  # longer ones were not tried
        ({"context_accepted_tokens": 1000, "context_status": "ok"}, "met"),
        ({"context_effective_tokens": 999, "context_accepted_tokens": 4000, "context_status": "ok"}, "cannot tell"),
    ],
)
def test_what_does_not_fit_the_context_fails(home: Home, given: Row, meets: str) -> None:
    row = one(home, "1000, 100", scorecard=[card(**given)])
    assert (row["meets"], row["limits"]) == (meets, "" if meets == "met" else f"context: {meets}")


def test_the_front_is_of_those_who_may_meet_the_limits(home: Home) -> None:
    def whole(name: str, usd: str, speed: float, **given: Any) -> tuple[Row, Row, Row, Row]:
        good = {"quality": 0.5, "quality_lo": 0.4, "quality_hi": 0.6, "output_speed_tok_s": speed}
        return card(name, **good | given), served(name), line(usd, usd, name), timed(1000, 100.0, name)

    given = [
        whole("a/m@cheap", "1", 10.0),
        whole("b/m@quick", "3", 90.0),
        whole("c/m@beaten", "3", 80.0),  # as dear as the quick one, and slower
        whole("d/m@twin", "1", 10.0),  # equal in both: beaten by nobody
        whole("e/m@best", "0.1", 900.0, quality_hi=0.45),  # and fails the limit
        whole("f/m@unknown", "0.1", 900.0, output_speed_tok_s=None),
    ]
    scorecard, endpoints, book, latency = (list(each) for each in zip(*given, strict=True))
    tables: Tables = {
        "scorecard": scorecard,
        "endpoints": endpoints,
        "price_book": book,
        "latency_daily": latency,
    }
    found = workload(home, "1000, 100, min_quality := 0.5", **tables)
    assert [name for name, row in found.items() if row["on_front"]] == ["a/m@cheap", "d/m@twin", "b/m@quick"]
    # Cheapest first, those that fail last.
    assert list(found) == ["f/m@unknown", "a/m@cheap", "d/m@twin", "b/m@quick", "c/m@beaten", "e/m@best"]
    assert [name for name, row in asked(home, "1000, 100").items() if row["on_front"]] == ["e/m@best"]


def modeled(name: str, tokens: float, per_token: float, endpoint_id: str = A) -> Row:
    own = {"endpoint_id": endpoint_id, "workload": name, "input_tokens": tokens, "evidence_grade": "C"}
    for kind, share in (("input", 1.0), ("cached", 0.1), ("decoded", 10.0)):
        own |= {
            f"energy_j_per_{kind}_token_{p}": share * per_token * by for p, by in (("p5", 0.5), ("p50", 1), ("p95", 3))
        }
    return own


def test_joules_are_those_of_the_workload_nearest_in_size(home: Home) -> None:
    energy = [modeled("chat", 1000.0, 0.001), modeled("rag", 16_000.0, 0.002), modeled("none", 4100.0, 0.0)]
    energy[2] |= {"energy_j_per_decoded_token_p50": None}  # not modeled
    scorecard = [card(quality=0.5)]
    # 4,000 is the middle of 1,000 and 16,000 by ratio: just under it is nearer to the lesser.
    row = one(home, "3999, 100, cached_share := 0.5", scorecard=scorecard, energy_daily=energy)
    joules = 0.001 * (1999.5 + 0.1 * 1999.5 + 10 * 100)
    found = [row[f"energy_j_per_request_{p}"] for p in ("p5", "p50", "p95")]
    assert found == pytest.approx([joules / 2, joules, 3 * joules])
    assert row["energy_j_per_correct_p50"] == pytest.approx(2 * joules)
    assert row["evidence_grade"] == "C"
    row = asked(home, "4001, 0")[A]
    assert row["energy_j_per_request_p50"] == pytest.approx(0.002 * 4001)


def test_a_day_that_is_asked_for_and_the_latest_otherwise(home: Home) -> None:
    put_day(home, EARLIER, scorecard=[card(B)])
    assert set(workload(home, "10, 1", scorecard=[card(A), card(C)])) == {A, C}
    assert set(asked(home, f"10, 1, on_day := '{EARLIER}'")) == {B}
    assert asked(home, "10, 1, on_day := date '1999-01-01'") == {}


def test_it_is_left_out_where_a_table_that_it_reads_is_not_published(home: Home) -> None:
    put_day(home, scorecard=[card()])
    publish(home, [table_specs()[name] for name in READ if name != "energy_daily"])
    with open_published(home) as connection, pytest.raises(TokenArenaError, match="workload"):
        run_query(connection, "select * from workload(10, 1)")


def test_it_works_from_the_shell_and_of_any_duckdb(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    found = workload(home, "1000, 100", scorecard=[card()], endpoints=[served()], price_book=[line("1", "4")])
    monkeypatch.setenv("TOKENARENA_HOME", str(home.root))
    query = "select endpoint_id, usd_per_request from workload(1000, 100, cached_share := 0.0)"
    done = CliRunner().invoke(app, ["sql", query, "--csv"])
    assert done.exit_code == 0, done.output
    assert list(csv.reader(io.StringIO(done.stdout)))[1] == [A, str(found[A]["usd_per_request"])]
    with duckdb.connect(str(home.database), read_only=True) as connection:
        assert connection.execute(query).fetchall() == [(A, found[A]["usd_per_request"])]
