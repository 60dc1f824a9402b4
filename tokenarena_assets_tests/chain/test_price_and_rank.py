"""Blended prices of a day and dollars per correct answer by preset, with numbers computed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from tokenarena_assets.chain.price import blend_prices
from tokenarena_assets.chain.price_tables import BLENDED_PRICES
from tokenarena_assets.chain.rank import AS_PROBED, cost_per_correct
from tokenarena_assets.chain.tables import COST_PER_CORRECT
from tokenarena_assets.endpoints import Preset, embedded_presets_path, load_presets
from tokenarena_assets.pricing import ListPrice, Tier
from tokenarena_assets.pricing.book import BookRow, priced_rows
from tokenarena_assets_tests.sql_models.frames import DAY, Row, at, frame

PRESETS = load_presets(embedded_presets_path())


NO_BAND = {"service_tier": "standard", "valid_from": DAY, "min_input_tokens": 0}


def booked(endpoint_id: str, price: ListPrice, **given: Any) -> list[Row]:
    """The lines of a price book in which one price is in force since the day."""
    row = BookRow(endpoint_id, "standard", price.canonical_json(), DAY, None, "observed_date", "catalog", "USD")
    return [
        {
            **NO_BAND,
            "endpoint_id": endpoint_id,
            "price_json": row.price_json,
            "price_id": line.price_id,
            "min_input_tokens": line.min_input_tokens,
            "band": line.band,
            **line.rate.prices(),
            **given,
        }
        for line in priced_rows(row)
    ]


def simple(price_in: str, price_out: str, cached: str | None = None) -> ListPrice:
    return ListPrice(
        input_usd_per_mtok=Decimal(price_in),
        output_usd_per_mtok=Decimal(price_out),
        cached_input_usd_per_mtok=None if cached is None else Decimal(cached),
    )


def blended(
    prices: Mapping[str, ListPrice | None], presets: Sequence[Preset] = PRESETS, requests: Sequence[Row] = ()
) -> pl.DataFrame:
    endpoints = [{"endpoint_id": name, "valid_from": at(1), "model_family": "m"} for name in prices]
    book = [line for name, price in prices.items() if price is not None for line in booked(name, price)]
    table = blend_prices(
        DAY, frame("endpoints", endpoints), frame("price_book", book), frame("requests", requests), presets
    )
    assert table.schema == BLENDED_PRICES.polars_schema
    return table.filter(population="probed")


def blends(
    prices: Mapping[str, ListPrice | None], presets: Sequence[Preset] = PRESETS
) -> dict[tuple[str, str], Decimal | None]:
    rows = blended(prices, presets).to_dicts()
    return {(row["endpoint_id"], row["preset"]): row["blended_usd_per_mtok"] for row in rows}


def test_blends_of_the_shipped_presets() -> None:
    assert blends({"p/m@a": simple("0.10", "0.32")}) == {
        ("p/m@a", "chat"): Decimal("0.155"),
        ("p/m@a", "rag"): Decimal("0.110476190"),  # 2.32 / 21
        ("p/m@a", "reasoning"): Decimal("0.283333333"),  # 1.70 / 6
    }


def test_a_preset_with_cached_input() -> None:
    agents = Preset(name="agents", input_ratio=20, output_ratio=1, request_input_tokens=9000, cached_share=0.5)
    got = blends({"p/m@a": simple("3", "15", "0.3"), "p/m@b": simple("3", "15")}, [agents])
    assert got == {("p/m@a", "agents"): Decimal("2.285714286"), ("p/m@b", "agents"): Decimal("3.571428571")}


def test_an_endpoint_without_a_price_or_with_one_of_nothing_says_so_and_has_no_blend() -> None:
    rows = blended({"p/m@a": None, "p/m@b": simple("0", "0")}, PRESETS[:1]).to_dicts()
    assert [(row["endpoint_id"], row["blended_usd_per_mtok"], row["no_price_because"]) for row in rows] == [
        ("p/m@a", None, "no price is in force: see price_book and price_quarantine"),
        ("p/m@b", None, "zero price: a trial or part of a plan, never ranked"),
    ]


def test_the_size_of_a_presets_requests_decides_the_tier() -> None:
    # gemini-2.5-pro as listed: 20:1 is 1.667 at 20,000 tokens and 3.095 where requests are over 200,000.
    gemini = ListPrice(
        input_usd_per_mtok=Decimal("1.25"),
        output_usd_per_mtok=Decimal(10),
        tiers=(Tier(above_input_tokens=200_000, input_usd_per_mtok=Decimal("2.5"), output_usd_per_mtok=Decimal(15)),),
    )
    sizes = {"small": 20_000, "edge": 200_000, "long": 200_001}
    presets = [Preset(name=n, input_ratio=20, output_ratio=1, request_input_tokens=s) for n, s in sizes.items()]
    rows = {row["preset"]: row for row in blended({"p/m@a": gemini}, presets).to_dicts()}
    assert {name: round(row["blended_usd_per_mtok"], 3) for name, row in rows.items()} == {
        "small": Decimal("1.667"),
        "edge": Decimal("1.667"),
        "long": Decimal("3.095"),
    }
    assert [row["above_input_tokens"] for row in rows.values()] == [None, None, 200_000]
    assert len({row["price_id"] for row in rows.values()}) == 2


def wordy(endpoint_id: str, tokens: int, n: int = 10) -> list[Row]:
    one = {"endpoint_id": endpoint_id, "suite": "quality_math", "status": "ok", "output_tokens": tokens}
    return [one | {"request_id": f"{endpoint_id}-{number}"} for number in range(n)]


def test_the_effective_blend_counts_the_output_that_answers_take_here() -> None:
    prices = {name: simple("0.10", "0.32") for name in ("p/m@a", "p/m@b", "p/m@c", "p/m@few")}
    requests = [*wordy("p/m@a", 100), *wordy("p/m@b", 200), *wordy("p/m@c", 300), *wordy("p/m@few", 900, 9)]
    rows = {row["endpoint_id"]: row for row in blended(prices, PRESETS[:1], requests).to_dicts()}
    # the family's median is 200; chat: (3 x 0.10 + m x 0.32) / 4
    assert {name: (row["output_multiplier"], row["effective_usd_per_mtok"]) for name, row in rows.items()} == {
        "p/m@a": (0.5, Decimal("0.115")),
        "p/m@b": (1.0, Decimal("0.155")),
        "p/m@c": (1.5, Decimal("0.195")),
        "p/m@few": (None, None),
    }
    assert rows["p/m@few"]["no_effective_because"] == "9 answers with usage, 10 needed"
    assert (rows["p/m@a"]["output_multiplier_n"], rows["p/m@a"]["output_multiplier_n_endpoints"]) == (10, 3)
    (alone,) = blended({"p/m@a": simple("1", "1")}, PRESETS[:1], wordy("p/m@a", 100)).to_dicts()
    assert alone["no_effective_because"] == "no other endpoint of its family was measured"


def answers(
    endpoint_id: str,
    scores: Sequence[bool | None],
    tokens: int | None = 100,
    cost: float | None = 1e-4,
    domain: str = "math",
    outcome: str | None = None,
) -> list[Row]:
    return [
        {
            "request_id": f"{endpoint_id}-{domain}-{i}",
            "endpoint_id": endpoint_id,
            "suite": f"quality_{domain}",
            "item_id": f"{domain}-{i}",
            "template_id": f"template-{i % 4}",
            "outcome": outcome or {True: "correct", False: "wrong", None: "missing"}[score],
            "correct": score,
            "output_tokens": tokens,
            "cost_usd": cost,
        }
        for i, score in enumerate(scores)
    ]


def price(endpoint_id: str, blend: str | None, preset: str = "chat") -> Row:
    return {
        "endpoint_id": endpoint_id,
        "preset": preset,
        "population": "probed",
        "blended_usd_per_mtok": None if blend is None else Decimal(blend),
    }


def ranked(rows: Sequence[Row], prices: Sequence[Row], presets: Sequence[Preset] = PRESETS[:1]) -> pl.DataFrame:
    table = cost_per_correct(DAY, frame("answers", rows), frame("blended_prices", prices), presets)
    assert table.schema == COST_PER_CORRECT.polars_schema
    return table


def of(table: pl.DataFrame, mix: str, endpoint_id: str = "p/m@a", domain: str = "math") -> Row:
    wanted = {"mix": mix, "endpoint_id": endpoint_id, "domain": domain}
    (row,) = table.filter(*(pl.col(name) == value for name, value in wanted.items())).to_dicts()
    return row


def test_costs_of_the_presets_by_hand() -> None:
    # Ten answers of 100 output tokens, eight right. At i:o an answer takes 100 i / o input tokens beside them:
    # chat (300 x 0.10 + 100 x 0.32) / 1e6 = 62e-6, rag (2000 x 0.10 + 32) / 1e6 = 232e-6, reasoning (2 + 32) / 1e6.
    prices = [
        price("p/m@a", blend, preset)
        for preset, blend in (("chat", "0.155"), ("rag", "0.110476190"), ("reasoning", "0.283333333"))
    ]
    table = ranked(answers("p/m@a", [True] * 8 + [False] * 2), prices, PRESETS)
    by_mix = {mix: of(table, mix)["usd_per_correct"] for mix in (AS_PROBED, "chat", "rag", "reasoning")}
    assert by_mix == {
        AS_PROBED: pytest.approx(10 * 1e-4 / 8),
        "chat": pytest.approx(10 * 62e-6 / 8),
        "rag": pytest.approx(10 * 232e-6 / 8, rel=1e-7),
        "reasoning": pytest.approx(10 * 34e-6 / 8, rel=1e-7),
    }
    row = of(table, "chat")
    assert (row["n_items"], row["n_correct"], row["rank"], row["rank_lo"], row["rank_hi"]) == (10, 8, 1, 1, 1)
    assert row["usd_per_correct_lo"] < row["usd_per_correct"] < row["usd_per_correct_hi"]


def test_wordiness_is_the_endpoints_own() -> None:
    rows = answers("p/m@short", [True] * 10, tokens=50) + answers("p/m@wordy", [True] * 10, tokens=150)
    table = ranked(rows, [price("p/m@short", "0.2"), price("p/m@wordy", "0.1")])
    short, wordy = of(table, "chat", "p/m@short"), of(table, "chat", "p/m@wordy")
    assert (short["usd_per_correct"], wordy["usd_per_correct"]) == (pytest.approx(40e-6), pytest.approx(60e-6))
    assert (short["rank"], wordy["rank"]) == (1, 2)


def test_an_unpriced_endpoint_has_a_row_and_says_why() -> None:
    table = ranked(answers("p/m@a", [True] * 9, cost=None), [price("p/m@a", None)])
    for mix in (AS_PROBED, "chat"):
        row = of(table, mix)
        assert (row["usd_per_correct"], row["usd_per_correct_lo"], row["rank"]) == (None, None, None)
        assert row["rank_note"] == "price or token usage unknown"


def test_one_answer_without_usage_leaves_the_endpoint_out() -> None:
    rows = answers("p/m@a", [True] * 9)
    rows[4]["output_tokens"] = rows[4]["cost_usd"] = None
    table = ranked(rows, [price("p/m@a", "0.155")])
    assert of(table, "chat")["rank_note"] == of(table, AS_PROBED)["rank_note"] == "price or token usage unknown"


def test_a_missing_answer_that_was_billed_costs_and_earns_nothing() -> None:
    table = ranked(answers("p/m@a", [True] * 39 + [None]), [price("p/m@a", "0.155")])
    row = of(table, "chat")
    assert (row["n_items"], row["n_correct"], row["rank"]) == (40, 39, 1)
    assert row["usd_per_correct"] == pytest.approx(62e-6 * 40 / 39)


def test_over_a_twentieth_missing_there_is_no_rank() -> None:
    table = ranked(answers("p/m@a", [True] * 8 + [None] * 2), [price("p/m@a", "0.155")])
    for mix in ("chat", AS_PROBED):
        row = of(table, mix)
        assert (row["rank"], row["usd_per_correct"]) == (None, None)
        assert row["rank_note"] == "over 5 % of its math answers are missing"


def test_an_endpoint_without_answers_is_there() -> None:
    table = ranked([], [price("p/m@a", "0.155")])
    assert of(table, "chat")["rank_note"] == of(table, AS_PROBED)["rank_note"] == "no graded answers"
    assert ranked([], []).height == 0


def test_an_endpoint_without_a_blend_is_there_too() -> None:
    table = ranked(answers("p/m@a", [True] * 9), [])
    assert of(table, AS_PROBED)["rank"] == 1
    assert of(table, "chat")["rank_note"] == "price or token usage unknown"


def test_none_correct_is_a_lower_bound_without_a_rank() -> None:
    row = of(ranked(answers("p/m@a", [False] * 10), [price("p/m@a", "0.155")]), "chat")
    assert (row["usd_per_correct"], row["usd_per_correct_hi"], row["rank"], row["n_correct"]) == (None, None, None, 0)
    assert row["usd_per_correct_lo"] == pytest.approx(62e-6 / (1 - 0.05**0.1))
    assert row["rank_note"] == "0 of 10 correct: lower bound only"


def domains(table: pl.DataFrame) -> list[str]:
    return sorted(table["domain"].unique())


def test_both_domains_and_their_mix_are_ranked_where_code_was_run() -> None:
    rows = answers("p/m@a", [True] * 60, cost=1e-4) + answers("p/m@a", [True, False] * 20, cost=3e-4, domain="code")
    table = ranked(rows, [price("p/m@a", "0.155")])
    assert domains(table) == ["all", "code", "math"]
    by_domain = {name: of(table, AS_PROBED, domain=name)["usd_per_correct"] for name in domains(table)}
    assert by_domain == {
        "math": pytest.approx(1e-4),
        "code": pytest.approx(6e-4),
        "all": pytest.approx((0.6 * 1e-4 + 0.4 * 3e-4) / (0.6 + 0.4 * 0.5)),
    }
    row = of(table, "chat", domain="all")
    assert (row["n_items"], row["n_correct"], row["rank"]) == (100, 80, 1)
    assert row["usd_per_correct_lo"] < row["usd_per_correct"] < row["usd_per_correct_hi"]


def test_code_that_was_not_run_is_no_wrong_answer_and_has_no_mix() -> None:
    rows = answers("p/m@a", [True] * 60) + answers("p/m@a", [None] * 40, domain="code", outcome="not_run")
    table = ranked(rows, [price("p/m@a", "0.155")])
    assert domains(table) == ["code", "math"]
    row = of(table, "chat", domain="code")
    assert (row["usd_per_correct"], row["usd_per_correct_lo"], row["rank_note"]) == (
        None,
        None,
        "code was not run: no sandbox",
    )
    assert of(table, "chat")["rank"] == 1


def test_who_lacks_one_domain_has_no_mix() -> None:
    code = answers("p/m@a", [True] * 20, domain="code")
    rows = answers("p/m@a", [True] * 60) + code + answers("p/m@b", [True] * 60)
    table = ranked(rows, [price("p/m@a", "0.155"), price("p/m@b", "0.155")])
    assert of(table, "chat", "p/m@b", "all")["rank_note"] == "no graded code answers"
    assert of(table, "chat", "p/m@b", "code")["rank_note"] == "no graded answers"
    assert of(table, "chat", "p/m@a", "all")["rank"] == 1


def test_public_and_own_items_cost_nobody_a_rank() -> None:
    own = [row | {"suite": suite} for suite in ("anchor", "own") for row in answers("p/m@a", [False] * 30)]
    row = of(ranked(answers("p/m@a", [True] * 9) + own, [price("p/m@a", "0.155")]), "chat")
    assert (row["n_items"], row["n_correct"]) == (9, 9)


def test_the_same_answers_give_the_same_intervals_in_any_order() -> None:
    rows = answers("p/m@a", [True, True, False] * 13)
    for index, row in enumerate(rows):
        row["output_tokens"] = 50 + 7 * index
    first = ranked(rows, [price("p/m@a", "0.155")])
    assert first.equals(ranked(rows[::-1], [price("p/m@a", "0.155")]))
