"""Ranks of a day from small hand-made tables: who is told apart in each order, who shares a place, who has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from scipy import stats

from tokenarena_assets.chain.rank_tables import RANKS
from tokenarena_assets.chain.ranks import RANKED, rank_day
from tokenarena_assets_tests.sql_models.frames import DAY, Row, frame

PRESETS = ("chat", "rag")
ORDERS = {
    "usd_per_correct",
    "energy_j_per_correct",
    "blended_usd_per_mtok",
    "output_speed_tok_s",
    "ttft_ms",
    "e2e_p90_with_failures_ms",
    "quality",
    "fidelity",
    "context_effective_tokens",
}
BY_PRESET = {"usd_per_correct", "energy_j_per_correct", "blended_usd_per_mtok"}
A, B, C = "p/m@a", "q/m@b", "r/m@c"
Places = dict[str, Row]


def ranks(presets: Sequence[str] = PRESETS, **tables: Sequence[Row]) -> pl.DataFrame:
    """The ranks of a day on which every table not given is empty; they hold to the rules of their table."""
    given = {name: frame(table, tables.get(name, [])) for name, table in RANKED.items()}
    found = rank_day(DAY, presets, **given)
    assert found.schema == RANKS.polars_schema
    for rule, condition in RANKS.rules.items():
        broken = found.sql(f"select * from self where not ({condition})")
        assert broken.is_empty(), (rule, broken)
    for column in RANKS.not_null:
        assert found[column].null_count() == 0, column
    return found


def places(order: str, preset: str = "chat", **tables: Sequence[Row]) -> Places:
    """One order's rows by endpoint."""
    found = ranks(PRESETS, **tables).filter(ranked_by=order, preset=preset)
    return {row["endpoint_id"]: row for row in found.to_dicts()}


def place(found: Mapping[str, Row]) -> dict[str, tuple[int, int, int] | None]:
    """Each endpoint's rank with its interval."""
    return {
        name: None if row["rank"] is None else (row["rank"], row["rank_lo"], row["rank_hi"])
        for name, row in found.items()
    }


def card(endpoint_id: str, **given: Any) -> Row:
    """A row of the scorecard, of which only math was asked."""
    speed = {"latency_suite": "speed", "latency_prompt_tokens": 1000}
    return {"endpoint_id": endpoint_id, "domain": "math", **speed, **given}


def timed(name: str, value: float | None, n: int | None = 10, **given: Any) -> Row:
    ends = {} if value is None else {f"{name}_lo": 0.9 * value, f"{name}_hi": 1.1 * value}
    return {name: value, f"{name}_n": n, **ends, **given}


def probes(
    endpoint_id: str, figure: str, values: Sequence[float | None], round_id: str = "r0", tokens: int = 1000
) -> list[Row]:
    """Speed probes of one round; None is a failure."""
    return [
        {
            "endpoint_id": endpoint_id,
            "round_id": round_id,
            "suite": "speed",
            "prompt_tokens_target": tokens,
            "status": "http_5xx" if value is None else "ok",
            figure: value,
        }
        for value in values
    ]


def steps(first: float, n: int = 10) -> list[float]:
    """`n` values from `first` on, none alike."""
    return [first + 0.01 * i for i in range(n)]


def test_every_order_stands_in_every_preset_and_only_three_depend_on_it() -> None:
    scorecard = [
        card(A, **timed("ttft_ms", 20.0), **timed("quality", 0.5)),
        card(B, **timed("ttft_ms", 90.0), fidelity=91.0, fidelity_verdict="consistent"),
    ]
    requests = probes(A, "ttft_ms", steps(20)) + probes(B, "ttft_ms", steps(90))
    costs = [
        {"mix": mix, "domain": "math", "endpoint_id": name, "n_items": 9, "rank": rank, "rank_lo": 1, "rank_hi": 2}
        | dict.fromkeys(("usd_per_correct", "usd_per_correct_lo", "usd_per_correct_hi"), 0.1 * rank)
        for mix, first in (("chat", A), ("rag", B))
        for name, rank in ((first, 1), (B if first == A else A, 2))
    ]
    found = ranks(scorecard=scorecard, requests=requests, costs=costs)
    assert found.height == len(PRESETS) * len(ORDERS) * 2
    assert set(found["ranked_by"]) == ORDERS
    assert set(found.filter("by_preset")["ranked_by"]) == BY_PRESET
    chat, rag = (
        found.filter(pl.col("preset") == preset, ~pl.col("by_preset")).drop("preset").to_dicts() for preset in PRESETS
    )
    assert chat == rag
    firsts = found.filter(ranked_by="usd_per_correct", rank=1)
    assert dict(firsts.select("preset", "endpoint_id").iter_rows()) == {"chat": A, "rag": B}


def test_a_day_without_endpoints_has_no_ranks_and_unknown_figures_have_reasons() -> None:
    assert ranks().is_empty()
    found = ranks(scorecard=[card(A)])
    assert found["rank"].null_count() == found.height == len(PRESETS) * len(ORDERS)
    why = dict(found.filter(preset="chat").select("ranked_by", "rank_note").iter_rows())
    assert why == {
        "usd_per_correct": "no graded answers",
        "energy_j_per_correct": "no graded answers",
        "blended_usd_per_mtok": "no price",
        "output_speed_tok_s": "not measured",
        "ttft_ms": "not measured",
        "e2e_p90_with_failures_ms": "not measured",
        "quality": "no graded answers",
        "fidelity": "not measured",
        "context_effective_tokens": "not measured that day",
    }


def test_dollars_per_correct_keep_the_ranks_that_they_were_given_and_their_reasons() -> None:
    own = {"mix": "chat", "domain": "math", "n_items": 40}
    ranked = {"usd_per_correct": 0.2, "usd_per_correct_lo": 0.1, "usd_per_correct_hi": 0.3}
    close = {"close_to": B, "close_p": 0.4, "more_n": 60}
    costs = [
        own | ranked | close | {"endpoint_id": A, "rank": 1, "rank_lo": 1, "rank_hi": 2},
        own | ranked | {"endpoint_id": B, "rank": 1, "rank_lo": 1, "rank_hi": 2},
        own | {"endpoint_id": C, "rank_note": "none correct"},
        # Of another domain and another mix: not what is ranked.
        own | ranked | {"endpoint_id": C, "domain": "code", "rank": 1, "rank_lo": 1, "rank_hi": 1},
        own | ranked | {"endpoint_id": C, "mix": "as_probed", "rank": 1, "rank_lo": 1, "rank_hi": 1},
    ]
    found = places("usd_per_correct", scorecard=[card(A), card(B), card(C)], costs=costs)
    assert place(found) == {A: (1, 1, 2), B: (1, 1, 2), C: None}
    assert (found[A]["close_to"], found[A]["close_p"], found[A]["more_n"]) == (B, 0.4, 60)
    assert (found[A]["value"], found[A]["value_lo"], found[A]["value_hi"], found[A]["n"]) == (0.2, 0.1, 0.3, 40)
    assert found[C]["rank_note"] == "none correct"


def test_joules_are_flagged_as_modeled_and_only_their_supported_ranks_are_shown() -> None:
    own = {"mix": "chat", "domain": "math", "n_items": 40}
    joules = {"energy_j_per_correct_p5": 1.0, "energy_j_per_correct_p50": 5.0, "energy_j_per_correct_p95": 30.0}
    energy = [
        own | joules | {"endpoint_id": A, "rank": 1, "rank_lo": 1, "rank_hi": 2},
        own | joules | {"endpoint_id": B, "energy_j_per_correct_p50": 25.0, "rank": 1, "rank_lo": 1, "rank_hi": 2},
        own | joules | {"endpoint_id": C, "energy_j_per_correct_p50": 2.0, "rank_note": "no supported comparison"},
    ]
    found = places("energy_j_per_correct", scorecard=[card(A), card(B), card(C)], energy=energy)
    assert place(found) == {A: (1, 1, 2), B: (1, 1, 2), C: None}  # five times as much, and not told apart
    assert all(row["modeled"] and row["unit"] == "J" for row in found.values())
    assert (found[A]["value_lo"], found[A]["value"], found[A]["value_hi"]) == (1.0, 5.0, 30.0)
    assert found[C]["rank_note"] == "no supported comparison"
    assert set(ranks(scorecard=[card(A)], energy=energy).filter("modeled")["ranked_by"]) == {"energy_j_per_correct"}


def test_prices_are_known_exactly_equal_ones_share_and_the_markets_are_left_out() -> None:
    def priced(endpoint_id: str, usd: str | None, population: str = "probed", **given: Any) -> Row:
        price = None if usd is None else Decimal(usd)
        own = {"endpoint_id": endpoint_id, "preset": "chat", "population": population}
        return own | {"blended_usd_per_mtok": price} | given

    dearest, unpriced = "s/m@d", "t/m@e"
    blended = [
        priced(A, "0.2"),
        priced(B, "0.1"),
        priced(C, "0.1"),
        priced(C, "0.01", "market"),
        priced("u/m@market", "0.001", "market"),
        priced(dearest, "0.200000001"),
        priced(unpriced, None, no_price_because="zero price: a trial"),
    ]
    found = places(
        "blended_usd_per_mtok", scorecard=[card(name) for name in (A, B, C, dearest, unpriced)], blended=blended
    )
    assert place(found) == {A: (3, 3, 3), B: (1, 1, 2), C: (1, 1, 2), dearest: (4, 4, 4), unpriced: None}
    assert found[unpriced]["rank_note"] == "zero price: a trial"
    assert {name: row["rank_badge"] for name, row in found.items()} == {A: 3, B: 1, C: 1, dearest: 4, unpriced: None}
    assert (found[B]["close_to"], found[B]["more_n"]) == (C, None)  # more probes do not part equal prices


@pytest.mark.parametrize(("figure", "higher"), [("ttft_ms", False), ("output_speed_tok_s", True)])
def test_clear_separation_gives_ranks_and_alike_samples_share(figure: str, higher: bool) -> None:
    why = "ttft_not_ranked_because" if figure == "ttft_ms" else "output_speed_not_ranked_because"
    refused = "s/m@d"
    scorecard = [
        card(A, **timed(figure, 50.0)),
        card(B, **timed(figure, 50.001)),
        card(C, **timed(figure, 90.0)),
        card(refused, **timed(figure, None), **{why: "under 80 % answered"}),
    ]
    requests = [
        *probes(A, figure, [50 + 0.02 * i for i in range(10)]),
        *probes(B, figure, [50.01 + 0.02 * i for i in range(10)]),
        *probes(C, figure, steps(90)),
        *probes(refused, figure, steps(1)),
    ]
    found = places(figure, scorecard=scorecard, requests=requests)
    near, far = ((2, 2, 3), (1, 1, 1)) if higher else ((1, 1, 2), (3, 3, 3))
    assert place(found) == {A: near, B: near, C: far, refused: None}
    assert found[refused]["rank_note"] == "under 80 % answered"
    ahead, behind = (B, A) if higher else (A, B)
    assert found[ahead]["close_to"] == behind
    expected = stats.mannwhitneyu(
        [50 + 0.02 * i for i in range(10)], [50.01 + 0.02 * i for i in range(10)], method="exact"
    ).pvalue
    assert found[ahead]["close_p"] == pytest.approx(expected)
    assert found[ahead]["more_n"] > 100  # hardly a difference: many more probes
    assert found[C]["close_to"] is None
    assert (found[A]["n"], found[A]["value_lo"], found[A]["higher_is_better"]) == (10, 45.0, higher)


def test_only_rounds_that_both_were_in_and_probes_that_were_timed_are_compared() -> None:
    scorecard = [card(A, **timed("ttft_ms", 20.0)), card(B, **timed("ttft_ms", 90.0))]
    apart = probes(A, "ttft_ms", steps(20)) + probes(B, "ttft_ms", steps(90), "r1")
    assert place(places("ttft_ms", scorecard=scorecard, requests=apart)) == {A: (1, 1, 2), B: (1, 1, 2)}
    together = probes(A, "ttft_ms", steps(20)) + probes(B, "ttft_ms", steps(90))
    assert place(places("ttft_ms", scorecard=scorecard, requests=together)) == {A: (1, 1, 1), B: (2, 2, 2)}
    late = [row | {"timing_exclusion": "client late"} for row in together]
    assert place(places("ttft_ms", scorecard=scorecard, requests=late)) == {A: (1, 1, 2), B: (1, 1, 2)}


def test_prompts_of_different_sizes_are_never_told_apart() -> None:
    def of_size(endpoint_id: str, ms: float, tokens: int) -> Row:
        return card(endpoint_id, **timed("ttft_ms", ms)) | {"latency_prompt_tokens": tokens}

    scorecard = [of_size(A, 20.0, 1000), of_size(B, 900.0, 8000), of_size(C, 90.0, 1000)]
    requests = [
        *probes(A, "ttft_ms", steps(20)),
        *probes(B, "ttft_ms", steps(900), tokens=8000),
        *probes(B, "ttft_ms", steps(1), tokens=1000),  # asked, and not what its headline is of
        *probes(C, "ttft_ms", steps(90)),
    ]
    found = places("ttft_ms", scorecard=scorecard, requests=requests)
    # C is told apart from A; B from nobody.
    assert place(found) == {A: (1, 1, 2), B: (2, 1, 3), C: (2, 2, 3)}
    assert found[C]["close_to"] == B
    assert found[C]["more_n"] is None


def tailed(endpoint_id: str, p90: float | None, n: int, note: str | None = None) -> Row:
    size = {"endpoint_id": endpoint_id, "suite": "speed", "prompt_tokens_target": 1000, "n_sent": n}
    return size | {"e2e_p90_with_failures_ms": p90, "e2e_p90_with_failures_note": note}


def test_failures_count_in_the_tail() -> None:
    # B is quicker whenever it answers and fails a quarter of the time; C fails nearly always and has no p90.
    requests = [
        *probes(A, "e2e_ms", steps(100, 80)),
        *probes(B, "e2e_ms", [*steps(50, 60), *[None] * 20]),
        *probes(C, "e2e_ms", [None] * 80),
    ]
    latency = [tailed(A, 100.8, 80), tailed(B, 1e9, 80), tailed(C, None, 80, "over a tenth failed")]
    found = places(
        "e2e_p90_with_failures_ms", scorecard=[card(A), card(B), card(C)], requests=requests, latency=latency
    )
    assert place(found) == {A: (1, 1, 1), B: (2, 2, 2), C: None}
    assert (found[C]["rank_note"], found[A]["n"], found[A]["rank_badge"]) == ("over a tenth failed", 80, None)
    # What was not sent is no failure: now B is the quicker one.
    unsent = [row | {"status": "not_sent" if row["status"] == "http_5xx" else "ok"} for row in requests]
    quick = [latency[0], tailed(B, 50.6, 60)]
    found = places("e2e_p90_with_failures_ms", scorecard=[card(A), card(B)], requests=unsent, latency=quick)
    assert place(found) == {B: (1, 1, 1), A: (2, 2, 2)}


def test_quality_is_compared_on_shared_items() -> None:
    def answers(endpoint_id: str, right: int, n: int = 12, suite: str = "quality_math") -> list[Row]:
        own = {"endpoint_id": endpoint_id, "suite": suite}
        return [own | {"item_id": f"{suite}-{i}", "correct": i < right} for i in range(n)]

    scorecard = [
        card(A, **timed("quality", 11 / 12, 12)),
        card(B, **timed("quality", 10 / 12, 12)),
        card(C, **timed("quality", 0.0, 12)),
        card("s/m@d", quality_n=0, quality_not_scored_because="under 80 % answered"),
    ]
    given = answers(A, 11) + answers(B, 10) + answers(C, 0)
    # Suites other than math are not of this day's domain.
    given += answers(B, 0, 40, "quality_code") + answers(A, 40, 40, "quality_code")
    found = places("quality", scorecard=scorecard, answers=given)
    assert place(found) == {A: (1, 1, 2), B: (1, 1, 2), C: (3, 3, 3), "s/m@d": None}
    assert found["s/m@d"]["rank_note"] == "under 80 % answered"
    # One item that only A has right: McNemar's p is 1, and no number of items like these is named.
    assert (found[A]["close_to"], found[A]["close_p"], found[A]["more_n"]) == (B, 1.0, None)
    both = [row | {"domain": "all"} for row in scorecard]
    assert place(places("quality", scorecard=both, answers=given))[B] != (1, 1, 2)


def judged(endpoint_id: str, f: float | None, verdict: str, kind: str = "own_api", half: float = 2.0) -> Row:
    ends = {} if f is None else {"fidelity_lo": f - half, "fidelity_hi": f + half}
    own = {"fidelity": f, "fidelity_verdict": verdict, "fidelity_reference_kind": kind, "fidelity_n_prompts": 90}
    return card(endpoint_id, **own, **ends)


def test_fidelity_ranks_whoever_was_compared_with_a_reference() -> None:
    reference, consensus, alone, dumb = "s/m@d", "t/m@e", "u/m@f", "v/m@g"
    scorecard = [
        judged(A, 99.0, "consistent"),
        judged(B, 98.0, "consistent"),
        judged(C, 60.0, "different"),
        judged(reference, 100.0, "reference"),
        judged(consensus, 99.0, "undetermined", "consensus"),
        judged(alone, None, "no_reference", "none"),
        judged(dumb, None, "no_score") | {"fidelity_note": "9 prompts"},
    ]
    found = places("fidelity", scorecard=scorecard)
    assert place({name: found[name] for name in (A, B, C)}) == {A: (1, 1, 2), B: (1, 1, 2), C: (3, 3, 3)}
    # A difference of 1 with standard errors of 2 / 1.96 each: z = 0.693, p = 0.488; Holm: the second of three.
    assert found[A]["close_p"] == pytest.approx(stats.norm.sf(0.98 / 2**0.5) * 2, rel=1e-4)
    notes = {name: row["rank_note"] for name, row in found.items() if row["rank"] is None}
    assert notes == {
        reference: "the reference itself",
        consensus: "compared with a consensus, not with a reference: ranked within its family alone",
        alone: "no reference",
        dumb: "9 prompts",
    }


def test_context_is_told_apart_by_its_ladder() -> None:
    def reached(endpoint_id: str, effective: int | None, lo: int | None, hi: int | None, **given: Any) -> Row:
        own = {"effective_tokens": effective, "lo": lo, "hi": hi, "n_requests": 30, "status": "ok"}
        return own | {"endpoint_id": endpoint_id} | given

    whole, unclear, unmeasured = "s/m@d", "t/m@e", "u/m@f"
    context = [
        reached(A, 8_000, 8_000, 16_000),
        reached(B, 12_000, 12_000, 20_000),  # 12,000 accepted, A failed at 16,000: not told apart
        reached(C, 16_000, 16_000, 32_000),  # accepted what A failed at
        reached(whole, 32_000, 32_000, None),  # none failed
        reached(unclear, None, None, None, status="cannot_tell", note="too few requests"),
    ]
    names = (A, B, C, whole, unclear, unmeasured)
    found = places("context_effective_tokens", scorecard=[card(name) for name in names], context=context)
    assert place(found) == {
        whole: (1, 1, 1),
        C: (2, 2, 3),
        B: (2, 2, 4),
        A: (4, 3, 4),
        unclear: None,
        unmeasured: None,
    }
    assert found[unclear]["rank_note"] == "too few requests"
    assert found[unmeasured]["rank_note"] == "not measured that day"
    assert (found[whole]["value_hi"], found[whole]["rank_badge"]) == (None, None)
    assert (found[C]["close_to"], found[B]["close_to"]) == (B, A)
