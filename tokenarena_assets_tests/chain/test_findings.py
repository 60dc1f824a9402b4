"""Findings of a day on small hand-made tables, with figures computed by hand; and as the stored query gives them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.chain.findings import findings_of_day, questions, tables_asked
from tokenarena_assets.chain.rank_tables import FINDINGS
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import open_published, publish, rows_of, run_query
from tokenarena_assets_tests.sql_models.frames import DAY, Row, put

A, B, C = "p/m@a", "q/m@b", "r/n@c"
HOSTILE = "p/{0}{:.1f}%s$day'\"--\n[red]@a", "q/{}%'';drop@b"


@pytest.fixture
def lake(tmp_path: Path) -> ParquetLake:
    return ParquetLake(tmp_path / "arena" / "lake")


def found(lake: ParquetLake, **tables: Sequence[Row]) -> dict[str, Row]:
    """The findings by name; tables not given are empty."""
    whole: dict[str, Sequence[Row]] = dict.fromkeys(tables_asked(), ())
    put(lake, DAY, **whole | tables)
    answers = findings_of_day(DAY, lake)
    assert answers.schema == FINDINGS.polars_schema
    for rule, condition in FINDINGS.rules.items():
        broken = answers.sql(f"select finding from self where not ({condition})")
        assert broken.is_empty(), (rule, broken)
    for column in FINDINGS.not_null:
        assert answers[column].null_count() == 0, (column, answers.filter(answers[column].is_null()))
    for headline in answers["headline"]:
        assert not {"none", "nan", "null", "inf"} & set(headline.replace(":", "").lower().split()), headline
    return {row["finding"]: row | {"endpoints": json.loads(row["endpoints"])} for row in answers.to_dicts()}


def figures(row: Row) -> tuple[Any, ...]:
    """Value, interval, n and whom it is about."""
    ends = (row["value"], row["value_lo"], row["value_hi"])
    return (*(None if end is None else pytest.approx(end) for end in ends), row["n"], row["endpoints"])


def test_of_empty_tables_nothing_can_be_told(lake: ParquetLake) -> None:
    told = found(lake)
    assert set(told) == set(questions())
    for name, row in told.items():
        assert row["headline"].startswith("cannot tell"), name
        assert (row["value"], row["value_lo"], row["value_hi"], row["n"], row["endpoints"]) == (None, None, None, 0, [])
        assert row["supported"] is not True


def test_questions_read_only_published_tables() -> None:
    assert set(tables_asked()) <= table_specs().keys()


def card(endpoint_id: str, **given: Any) -> Row:
    size = {"latency_suite": "speed", "latency_prompt_tokens": 1000}
    return {"endpoint_id": endpoint_id, "model_family": "m", "domain": "math", **size, **given}


def answers(endpoint_id: str, right: Sequence[bool], suite: str = "quality_math") -> list[Row]:
    own = {"endpoint_id": endpoint_id, "suite": suite}
    return [own | {"item_id": f"i{i}", "correct": each} for i, each in enumerate(right)]


def test_accuracy_spread_is_paired_by_item(lake: ParquetLake) -> None:
    # 24 shared items: 20 that only A has right, 1 that only B has, 3 alike.
    first, other = [True] * 20 + [False] + [True] * 3, [False] * 20 + [True] + [True] * 3
    graded = answers(A, first) + answers(B, other) + answers(B, [True] * 40, "quality_code")
    scorecard = [card(A, quality=0.96), card(B, quality=0.17), card(C, quality=0.01) | {"model_family": "n"}]
    row = found(lake, scorecard=scorecard, answers=graded)["accuracy_spread"]
    points = 100 * 19 / 24
    error = 100 * ((21 / 24 - (19 / 24) ** 2) / 23) ** 0.5
    assert figures(row) == (points, points - 1.96 * error, points + 1.96 * error, 24, [A, B])
    # One pair: 2 exp(-19^2 / 42) = 0.0004.
    assert row["supported"] is True
    assert row["headline"] == f"{A} answers 79.2 points more of the items rightly than {B}, which sells the same model"


@pytest.mark.parametrize(
    ("first", "other", "supported"),
    [
        # Nothing but wins: 2 exp(-n / 2) is 0.27 for 4 items and 0.0135 for 10; the spread is not known.
        ([True] * 4, [False] * 4, False),
        ([True] * 10, [False] * 10, True),
    ],
)
def test_accuracy_spread_without_spread_has_no_interval(
    lake: ParquetLake, first: list[bool], other: list[bool], supported: bool
) -> None:
    scorecard = [card(A, quality=1.0), card(B, quality=0.0)]
    row = found(lake, scorecard=scorecard, answers=answers(A, first) + answers(B, other))["accuracy_spread"]
    assert (row["value"], row["value_lo"], row["value_hi"], row["supported"]) == (100.0, None, None, supported)


def test_accuracy_spread_that_is_none_on_shared_items(lake: ParquetLake) -> None:
    scorecard = [card(A, quality=0.9), card(B, quality=0.5)]
    alike = answers(A, [True, False, True]) + answers(B, [True, True, False])
    row = found(lake, scorecard=scorecard, answers=alike)["accuracy_spread"]
    assert (row["value"], row["supported"]) == (0.0, False)
    assert (
        row["headline"]
        == f"the widest gap of accuracy within a model is not seen on the items that both {A} and {B} answered"
    )
    apart = answers(A, [True]) + [row | {"item_id": "other"} for row in answers(B, [False])]
    row = found(lake, scorecard=scorecard, answers=apart)["accuracy_spread"]
    assert row["headline"] == f"cannot tell: {A} and {B} have answered no item in common"
    assert (row["value"], row["n"]) == (None, 0)


def test_bills_context_and_suspects_are_counted(lake: ParquetLake) -> None:
    bills = [
        {"endpoint_id": A, "n_audited": 9, "bills_more_than_text": True},
        {"endpoint_id": B, "n_audited": 9, "bills_more_than_text": False},
        {"endpoint_id": C, "n_audited": 0, "bills_more_than_text": None},
    ]
    context: list[Row] = [
        {"endpoint_id": A, "truncating": False},
        {"endpoint_id": B, "truncating": True},
        {"endpoint_id": C, "truncating": None},
    ]
    verdicts = {
        A: "consistent",
        B: "suspect",
        C: "undetermined",
        "d/m@d": "different",
        "e/m@e": "reference",
        "f/m@f": "no_score",
        "g/m@g": "no_reference",
        "h/m@h": "honest_floor",
    }
    fidelity = [{"endpoint_id": e, "verdict": v, "claim": f"{v}!"} for e, v in verdicts.items()]
    told = found(lake, billing_audit=bills, context_daily=context, fidelity_daily=fidelity)
    assert figures(told["bills_more_than_text"]) == (1.0, 1.0, 1.0, 2, [A])
    assert told["bills_more_than_text"]["headline"] == "1 of 2 endpoints bill more tokens than their text holds"
    assert figures(told["context_truncated"]) == (1.0, 1.0, 1.0, 3, [B])
    assert figures(told["suspects"]) == (2.0, 2.0, 3.0, 4, ["d/m@d", B])
    assert told["suspects"]["headline"] == "2 of 4 endpoints are suspect, of them 1 different; of 1 nobody can tell yet"
    assert told["suspects"]["detail"] == f"d/m@d: different!; {B}: suspect!"


def test_none_counted_is_an_answer_and_no_doubt(lake: ParquetLake) -> None:
    bills = [{"endpoint_id": A, "n_audited": 9, "bills_more_than_text": False}]
    told = found(lake, billing_audit=bills, context_daily=[{"endpoint_id": A, "truncating": False}])
    for name in ("bills_more_than_text", "context_truncated"):
        assert figures(told[name]) == (0.0, 0.0, 0.0, 1, [])
        assert told[name]["headline"].startswith("0 of 1 endpoints")


def test_changed_this_week(lake: ParquetLake) -> None:
    def event(endpoint_id: str, verdict: str, days_ago: int | None = None, number: int = 1) -> Row:
        on = None if days_ago is None else DAY.fromordinal(DAY.toordinal() - days_ago)
        claim = None if on is None else f"changed {days_ago} days ago."
        return {"endpoint_id": endpoint_id, "event": number, "verdict": verdict, "changed_on": on, "claim": claim}

    events = [
        event(A, "changed", 6),
        event(A, "changed", 2, 2),
        event(B, "changed", 7),
        event(C, "cannot tell"),
        event("d/m@d", "no change"),
    ]
    row = found(lake, change_points=events)["changed_this_week"]
    assert figures(row) == (1.0, 1.0, 2.0, 4, [A])
    assert row["headline"] == "1 of 4 endpoints changed this week; of 1 nobody can tell yet"
    assert row["detail"] == "changed 6 days ago. changed 2 days ago."
    row = found(lake, change_points=[event(C, "cannot tell")])["changed_this_week"]
    assert (row["value"], row["n"]) == (None, 1)
    assert row["headline"].startswith("cannot tell")


def pair(a: str, b: str, p5: float, p50: float, p95: float, p_a_less: float, mix: str = "as_probed") -> Row:
    own = {"endpoint_a": a, "endpoint_b": b, "mix": mix, "domain": "math", "model_family": "m"}
    told = {"p_a_less": p_a_less, "supported": not 0.1 < p_a_less < 0.9, "finding": f"{a} and {b}"}
    return own | told | {"ratio_p5": p5, "ratio_p50": p50, "ratio_p95": p95}


def test_energy_spread_is_the_widest_pair_either_way(lake: ParquetLake) -> None:
    pairs = [
        pair(A, B, 0.1, 0.25, 0.5, 0.99),
        pair(A, "d/m@d", 1.0, 3.0, 9.0, 0.05),
        pair(A, B, 1.0, 90.0, 900.0, 0.01, "chat"),
    ]
    row = found(lake, energy_pairs=pairs)["energy_spread"]
    assert figures(row) == (4.0, 2.0, 10.0, 2, [B, A])  # who takes more stands first
    assert (row["supported"], row["modeled"]) == (True, True)
    assert row["headline"].endswith(f"within a model: {A} and {B}")
    row = found(lake, energy_pairs=[pair(A, B, 0.5, 8.0, 90.0, 0.2)])["energy_spread"]
    assert figures(row) == (8.0, 0.5, 90.0, 1, [A, B])
    assert row["supported"] is False
    assert row["headline"].endswith("is no supported difference")


def compared(endpoint_id: str, gap: float | None, verdict: str, kind: str = "own_api") -> Row:
    ends = {} if gap is None else {"fidelity_gap": gap, "fidelity_gap_lo": gap - 2, "fidelity_gap_hi": gap + 2}
    own = {"endpoint_id": endpoint_id, "reference_endpoint_id": C, "reference_kind": kind, "verdict": verdict}
    return own | ends | {"fidelity_n_prompts": 80, "claim": "x"}


def test_fidelity_gap_is_to_a_reference_and_no_consensus(lake: ParquetLake) -> None:
    rows = [
        compared(A, 12.0, "different"),
        compared(B, 3.0, "consistent"),
        compared("d/m@d", 40.0, "undetermined", "consensus"),
        compared(C, None, "reference"),
    ]
    row = found(lake, fidelity_daily=rows)["fidelity_gap"]
    assert figures(row) == (12.0, 10.0, 14.0, 80, [A, C])
    assert row["supported"] is True
    assert row["headline"] == f"{A} is 12.0 points less like {C} than that is like itself"
    row = found(lake, fidelity_daily=[compared(B, -1.0, "consistent")])["fidelity_gap"]
    assert (row["value"], row["supported"]) == (-1.0, False)
    assert row["headline"] == "no endpoint is less like its reference than that is like itself"


def moved(n_out: int | None, a: str, b: str, out: str | None, **given: Any) -> Row:
    own = {"population": "probed", "ordered_by": "usd_per_correct", "n": 14, "top_n": 10, "kendall_tau_b": 0.5}
    return own | {"n_out": n_out, "n_in": n_out, "preset_a": a, "preset_b": b, "out_endpoints": out} | given


def test_churn_of_the_first_ten(lake: ParquetLake) -> None:
    listed = {"population": "market", "ordered_by": "blended_usd_per_mtok"}
    rows = [
        moved(1, "chat", "rag", A),
        moved(2, "chat", "reasoning", f"{A}, {B}"),
        moved(9, "chat", "rag", None, population="probed", ordered_by="blended_usd_per_mtok"),
        moved(3, "chat", "rag", f"{A}, {B}, {C}", n=200, **listed),
        moved(9, "chat", "reasoning", None, n=200, **listed),
    ]
    told = found(lake, preset_churn=rows)
    assert figures(told["top_ten_churn"]) == (2.0, None, None, 14, [A, B])
    assert told["top_ten_churn"]["headline"].endswith("leave from chat to reasoning")
    assert figures(told["market_price_churn"]) == (3.0, 3.0, 3.0, 200, [A, B, C])
    assert told["market_price_churn"]["detail"] == "Kendall's tau 0.500"
    few = [moved(None, "chat", "rag", None, n=4, note="4 endpoints: nobody can leave the first 10", **listed)]
    row = found(lake, preset_churn=few)["market_price_churn"]
    assert (row["value"], row["n"]) == (None, 4)
    assert row["headline"] == "cannot tell: 4 endpoints: nobody can leave the first 10"
    assert figures(found(lake, preset_churn=[moved(0, "chat", "rag", None)])["top_ten_churn"])[0] == 0.0


def test_no_answer_in_time(lake: ParquetLake) -> None:
    def waited(endpoint_id: str, p: float | None, domain: str = "all", deadline: float = 30.0) -> Row:
        own = {"endpoint_id": endpoint_id, "domain": domain, "deadline_s": deadline, "n_asked": 50}
        return own | ({} if p is None else {"p_no_answer": p, "p_no_answer_lo": 0.9 * p, "p_no_answer_hi": 1.1 * p})

    rows = [waited(A, 0.1), waited(A, 0.9, "code"), waited(B, 0.2, "math"), waited(C, 0.8, deadline=10.0)]
    row = found(lake, answers_in_time=rows)["no_answer"]
    assert figures(row) == (0.2, 0.18, 0.22, 50, [B])
    assert row["headline"] == f"{B} left 20.0 % of its items without an answer within 30 s"
    row = found(lake, answers_in_time=[waited(A, 0.0), waited(B, None)])["no_answer"]
    assert figures(row) == (0.0, 0.0, 0.0, 50, [])
    assert row["headline"] == "every item of every endpoint was answered within 30 s"


def priced(endpoint_id: str, usd: str, preset: str = "chat", population: str = "probed", family: str = "m") -> Row:
    own = {"endpoint_id": endpoint_id, "preset": preset, "population": population, "model_family": family}
    return own | {"blended_usd_per_mtok": Decimal(usd)}


def test_price_spread_is_within_a_model_of_those_probed(lake: ParquetLake) -> None:
    rows = [
        priced(A, "0.3"),
        priced(B, "0.12"),
        priced("d/m@d", "0.2"),
        priced("e/m@e", "0"),
        priced(C, "90", family="n"),
        priced(B, "0.001", "rag"),
        priced("f/m@f", "0.001", population="market"),
    ]
    row = found(lake, blended_prices=rows)["price_spread"]
    assert figures(row) == (2.5, 2.5, 2.5, 3, [A, B])
    assert row["headline"] == f"{A} costs 2.5 times as much for chat as {B}"


def tailed(endpoint_id: str, p90: float | None, n: int, suite: str = "speed", note: str | None = None) -> Row:
    size = {"endpoint_id": endpoint_id, "suite": suite, "prompt_tokens_target": 1000, "n_sent": n}
    return size | {"e2e_p90_with_failures_ms": p90, "e2e_p90_with_failures_note": note}


def test_tail_latency_spread_is_of_one_size_and_one_tool(lake: ParquetLake) -> None:
    imported = "imported:aiperf"
    scorecard = [card(A), card(B), card("d/m@d", latency_suite=imported), card(C) | {"model_family": "n"}]
    latency = [tailed(A, 900.0, 64), tailed(B, 300.0, 48), tailed("d/m@d", 1.0, 99, imported), tailed(C, 9e9, 64)]
    row = found(lake, scorecard=scorecard, latency_daily=latency)["tail_latency_spread"]
    assert figures(row) == (3.0, None, None, 48, [A, B])
    assert row["headline"] == f"nine of ten answers of {A} are there after 3.0 times the time of {B}"
    row = found(lake, scorecard=scorecard[:1], latency_daily=latency)["tail_latency_spread"]
    assert row["headline"].endswith("no model has two endpoints with one that can be compared")
    few = [tailed(A, None, 9, note="9 probes, 44 needed")]
    row = found(lake, scorecard=scorecard[:1], latency_daily=few)["tail_latency_spread"]
    assert (row["value"], row["n"]) == (None, 9)
    assert row["headline"] == "cannot tell the spread of tails within a model: 9 probes, 44 needed"


def hostile_day(lake: ParquetLake) -> dict[str, Row]:
    """Every finding is about two endpoints whose names are no names."""
    first, second = HOSTILE
    return found(
        lake,
        scorecard=[card(first, quality=1.0), card(second, quality=0.0)],
        answers=answers(first, [True] * 12) + answers(second, [False] * 12),
        latency_daily=[tailed(first, 900.0, 64), tailed(second, 300.0, 64)],
        blended_prices=[priced(first, "2"), priced(second, "1")],
        energy_pairs=[pair(first, second, 2.0, 3.0, 4.0, 0.01)],
        fidelity_daily=[compared(first, 12.0, "different")],
        context_daily=[{"endpoint_id": second, "truncating": True}],
        billing_audit=[{"endpoint_id": first, "n_audited": 9, "bills_more_than_text": True}],
        answers_in_time=[{"endpoint_id": first, "deadline_s": 30.0, "domain": "all", "p_no_answer": 0.5, "n_asked": 4}],
        preset_churn=[moved(1, "chat", "rag", first)],
        change_points=[{"endpoint_id": first, "event": 1, "verdict": "changed", "changed_on": DAY, "claim": "{}%"}],
    )


def test_names_in_findings_are_only_text(lake: ParquetLake) -> None:
    told = hostile_day(lake)
    assert told["price_spread"]["headline"] == f"{HOSTILE[0]} costs 2.0 times as much for chat as {HOSTILE[1]}"
    assert told["top_ten_churn"]["endpoints"] == [HOSTILE[0]]
    assert [name for name, row in told.items() if row["value"] is None] == ["market_price_churn"]


def test_the_stored_query_gives_the_same_of_the_published_database(lake: ParquetLake) -> None:
    told = hostile_day(lake)
    earlier = DAY.fromordinal(DAY.toordinal() - 1)
    # Another day, on which all is different, changes nothing.
    others: dict[str, Sequence[Row]] = dict.fromkeys(tables_asked(), ())
    put(lake, earlier, **others | {"blended_prices": [priced(A, "9"), priced(B, "1")]})
    lake.write("findings", DAY, findings_of_day(DAY, lake))
    home = Home(lake.root.parent)
    publish(home, [table_specs()[name] for name in (*tables_asked(), "findings")])
    with open_published(home) as connection:
        stored = rows_of(connection, "select * from findings")
        assert {row["finding"] for row in stored} == told.keys()
        for row in stored:
            names, answers_found = run_query(connection, row["sql"])
            (answer,) = (dict(zip(names, each, strict=True)) for each in answers_found)
            answer["endpoints"] = json.dumps(answer["endpoints"], ensure_ascii=False)
            assert answer == {name: row[name] for name in answer}, row["finding"]
