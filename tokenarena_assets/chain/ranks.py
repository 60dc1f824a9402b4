"""Every endpoint's place in every order of every preset, with the test that each order's pairs are told apart by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from tokenarena_assets.chain.pooling import GENERATED_SUITES
from tokenarena_assets.chain.quality import MIX_WEIGHTS
from tokenarena_assets.chain.rank_tables import RANKS
from tokenarena_assets.probing.record import ANSWERED
from tokenarena_assets.ranking import (
    close_pairs,
    normal_p_values,
    rank_from_p_values,
    rank_sum_p_values,
    rank_upper_bound,
    tail_p_values,
    weighted_mcnemar_p_values,
)
from tokenarena_assets.stats.special import normal_quantile

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Row = Mapping[str, Any]
PAIRED_BY_ITEM = "paired by item: difference of log ratios, delta method"
BY_ROUND = "rank sum within each round (van Elteren), on equal prompt sizes"
TAIL = "quantile test: how often each exceeds their common p90, a failure counted as exceeding"
MCNEMAR = "McNemar's exact test on shared items, domains by their weights"
KNOWN = "known exactly"
NORMAL = "difference over its standard error, as if independent (conservative: references are shared)"
SHARED_DRAWS = "modeled: P(A < B) of at least 0.9 over shared draws; no difference is supported in between"
LADDER = "the last length accepted by one is not below the first that the other failed"


# The argument of `rank_day` and the table that it is.
RANKED = {
    "scorecard": "scorecard",
    "blended": "blended_prices",
    "costs": "cost_per_correct",
    "requests": "requests",
    "answers": "answers",
    "latency": "latency_daily",
    "context": "context_daily",
    "energy": "energy_per_correct",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One endpoint in one order: its value, interval and n, or why it is not ranked."""

    endpoint_id: str
    value: float | None
    lo: float | None = None
    hi: float | None = None
    n: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One order: its entries and what tells two of the ranked ones apart: (ids) -> raw p-values of shape (m, m)."""

    name: str
    unit: str
    higher_is_better: bool
    test: str
    entries: Sequence[Entry]
    p_values: Callable[[Sequence[str]], Matrix]
    by_preset: bool = False
    modeled: bool = False
    fixed: Mapping[str, Row] = field(default_factory=dict)  # places that were found before, by endpoint


def rank_day(
    day: date,
    presets: Sequence[str],
    *,
    scorecard: pl.DataFrame,
    blended: pl.DataFrame,
    costs: pl.DataFrame,
    requests: pl.DataFrame | pl.LazyFrame,
    answers: pl.DataFrame,
    latency: pl.DataFrame,
    context: pl.DataFrame,
    energy: pl.DataFrame,
) -> pl.DataFrame:
    """The `ranks` of a day from its tables; orders that do not depend on the preset stand in each, alike."""
    cards = scorecard.sort("endpoint_id").to_dicts()
    samples = _Samples.of(requests, cards)
    common = [
        _speed(cards, samples),
        _ttft(cards, samples),
        _tail(cards, samples, latency),
        _quality(cards, answers),
        _fidelity(cards),
        _context(cards, context),
    ]
    ranked_alike = [_places(order) for order in common]
    rows: list[dict[str, object]] = []
    for preset in presets:
        own = [_cost(cards, costs, preset), _joules(cards, energy, preset), _price(cards, blended, preset)]
        for places in [*(_places(order) for order in own), *ranked_alike]:
            rows += [{"day": day, "preset": preset, **place} for place in places]
    return RANKS.frame(rows)


def _places(order: Order) -> list[dict[str, object]]:
    """The rows of one order, day and preset left out."""
    ranked = [entry for entry in order.entries if entry.note is None and entry.value is not None]
    badges = _badges(ranked, order.higher_is_better)
    places = order.fixed or _tested(order, ranked)
    return [
        {
            "ranked_by": order.name,
            "endpoint_id": entry.endpoint_id,
            **{name: places.get(entry.endpoint_id, {}).get(name) for name in PLACE},
            "rank_badge": badges.get(entry.endpoint_id),
            "rank_note": entry.note or ("not known" if entry.value is None else None),
            "value": entry.value,
            "value_lo": entry.lo,
            "value_hi": entry.hi,
            "n": entry.n,
            "unit": order.unit,
            "higher_is_better": order.higher_is_better,
            "modeled": order.modeled,
            "by_preset": order.by_preset,
            "test": order.test,
        }
        for entry in order.entries
    ]


PLACE = ("rank", "rank_lo", "rank_hi", "close_to", "close_p", "more_n")


def _tested(order: Order, ranked: Sequence[Entry]) -> dict[str, Row]:
    ids = [entry.endpoint_id for entry in ranked]
    values = [entry.value or 0.0 for entry in ranked]
    p = order.p_values(ids)
    found = rank_from_p_values(values, p, higher_is_better=order.higher_is_better)
    close = close_pairs(found, values, p, [entry.n or 0 for entry in ranked], higher_is_better=order.higher_is_better)
    places: dict[str, dict[str, object]] = {
        name: {"rank": found.rank[i], "rank_lo": found.rank_lo[i], "rank_hi": found.rank_hi[i]}
        for i, name in enumerate(ids)
    }
    for pair in close:
        places[ids[pair.ahead]] |= {
            "close_to": ids[pair.behind],
            "close_p": pair.p_value,
            "more_n": pair.more_n if ranked[pair.ahead].n else None,
        }
    return dict(places)


def _badges(ranked: Sequence[Entry], higher_is_better: bool) -> dict[str, int]:
    bounded = [entry for entry in ranked if entry.lo is not None and entry.hi is not None]
    counted = rank_upper_bound(
        [entry.lo or 0.0 for entry in bounded], [entry.hi or 0.0 for entry in bounded], higher_is_better
    )
    return dict(zip((entry.endpoint_id for entry in bounded), counted, strict=True))


def _cost(cards: Sequence[Row], costs: pl.DataFrame, preset: str) -> Order:
    """Dollars per correct answer, whose places `cost_per_correct` has."""
    columns = ("usd_per_correct_lo", "usd_per_correct", "usd_per_correct_hi")
    entries, fixed = _placed(cards, costs, preset, columns)
    return Order("usd_per_correct", "USD", False, PAIRED_BY_ITEM, entries, _nobody, by_preset=True, fixed=fixed)


def _joules(cards: Sequence[Row], energy: pl.DataFrame, preset: str) -> Order:
    """Modeled joules per correct answer, whose places `energy_per_correct` has: only what is supported parts them."""
    columns = ("energy_j_per_correct_p5", "energy_j_per_correct_p50", "energy_j_per_correct_p95")
    entries, fixed = _placed(cards, energy, preset, columns)
    return Order(
        "energy_j_per_correct", "J", False, SHARED_DRAWS, entries, _nobody, by_preset=True, modeled=True, fixed=fixed
    )


def _placed(
    cards: Sequence[Row], table: pl.DataFrame, preset: str, columns: tuple[str, str, str]
) -> tuple[list[Entry], dict[str, Row]]:
    """Entries and places of a table that has found its places itself; `columns`: lower, middle and upper figure."""
    domain = cards[0]["domain"] if cards else None
    wanted = table.filter((pl.col("mix") == preset) & pl.col("domain").eq_missing(pl.lit(domain)))
    own = {row["endpoint_id"]: row for row in wanted.to_dicts()}
    entries: list[Entry] = []
    fixed: dict[str, Row] = {}
    for name in (card["endpoint_id"] for card in cards):
        row = own.get(name)
        if row is None:
            entries.append(Entry(name, None, note="no graded answers"))
            continue
        fixed[name] = {column: row.get(column) for column in PLACE}
        lo, value, hi = (row[column] for column in columns)
        entries.append(Entry(name, value, lo, hi, row["n_items"], row["rank_note"]))
    return entries, fixed


def _price(cards: Sequence[Row], blended: pl.DataFrame, preset: str) -> Order:
    probed = blended.filter((pl.col("preset") == preset) & (pl.col("population") == "probed"))
    own = {
        name: (price, because)
        for name, price, because in probed.select(
            "endpoint_id", pl.col("blended_usd_per_mtok").cast(pl.Float64), "no_price_because"
        ).iter_rows()
    }
    entries = [
        Entry(card["endpoint_id"], price, price, price, None, None if price is not None else because or "no price")
        for card in cards
        for price, because in [own.get(card["endpoint_id"], (None, None))]
    ]
    return Order(
        "blended_usd_per_mtok", "USD per million tokens", False, KNOWN, entries, _exact(entries), by_preset=True
    )


FIGURES = ("ttft_ms", "output_speed_tok_s", "e2e_ms")


@dataclass(frozen=True, slots=True)
class _Samples:
    """Of each endpoint the probes that its headline figures rest on, by round; and the prompt size that they are of."""

    size: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]

    @classmethod
    def of(cls, requests: pl.DataFrame | pl.LazyFrame, cards: Sequence[Row]) -> _Samples:
        size = {card["endpoint_id"]: (card["latency_suite"], card["latency_prompt_tokens"]) for card in cards}
        headline = pl.LazyFrame(
            [(endpoint_id, *own) for endpoint_id, own in size.items()],
            {"endpoint_id": pl.String(), "suite": pl.String(), "prompt_tokens_target": pl.Int64()},
            orient="row",
        )
        sent = requests.lazy().filter(pl.col("status") != "not_sent")
        own = sent.join(headline, on=headline.collect_schema().names(), how="semi", nulls_equal=True).select(
            "endpoint_id",
            *FIGURES,
            # Ten million of them must fit: what is the same in many rows is kept once.
            pl.col("round_id").cast(pl.Categorical()),
            is_answered=pl.col("status").is_in(ANSWERED),
            is_timed=pl.col("status").is_in(ANSWERED) & pl.col("timing_exclusion").is_null(),
        )
        frames = own.collect().partition_by("endpoint_id", as_dict=True, include_key=False)
        return cls(size, {str(key[0]): frame for key, frame in frames.items()})

    def timed(self, endpoint_id: str, figure: str) -> dict[str, Any]:
        """The figure of answered probes at which our own client was not late, by round."""
        kept = self.frames[endpoint_id].filter(pl.col("is_timed") & pl.col(figure).is_not_null())
        return {str(key[0]): part[figure].to_numpy() for key, part in kept.group_by("round_id")}

    def until_the_end(self, endpoint_id: str) -> Any:
        """Times to the last token, a failure as never."""
        own = self.frames[endpoint_id]
        times = own.filter("is_timed")["e2e_ms"].drop_nulls().to_numpy()
        return np.concatenate([times, np.full(len(own) - int(own["is_answered"].sum()), math.inf)])

    def comparable(self, ids: Sequence[str], p: Matrix) -> Matrix:
        """The p-values, with 1 between endpoints that were asked prompts of different sizes."""
        sizes = [self.size[name] for name in ids]
        alike = np.array([[a == b for b in sizes] for a in sizes]).reshape(len(ids), len(ids))
        return np.where(alike, p, 1.0)


def _figure_order(cards: Sequence[Row], samples: _Samples, name: str, unit: str, higher: bool, because: str) -> Order:
    entries = [
        Entry(
            card["endpoint_id"],
            card[name],
            card[f"{name}_lo"],
            card[f"{name}_hi"],
            card[f"{name}_n"],
            card[because] or (None if card[name] is not None else "not measured"),
        )
        for card in cards
    ]

    def p_values(ids: Sequence[str]) -> Matrix:
        return samples.comparable(ids, rank_sum_p_values([samples.timed(each, name) for each in ids]))

    return Order(name, unit, higher, BY_ROUND, entries, p_values)


def _speed(cards: Sequence[Row], samples: _Samples) -> Order:
    return _figure_order(
        cards, samples, "output_speed_tok_s", "tokens per second", True, "output_speed_not_ranked_because"
    )


def _ttft(cards: Sequence[Row], samples: _Samples) -> Order:
    return _figure_order(cards, samples, "ttft_ms", "ms", False, "ttft_not_ranked_because")


def _tail(cards: Sequence[Row], samples: _Samples, latency: pl.DataFrame) -> Order:
    own = {
        (row["endpoint_id"], (row["suite"], row["prompt_tokens_target"])): row
        for row in latency.select(
            "endpoint_id",
            "suite",
            "prompt_tokens_target",
            "n_sent",
            "e2e_p90_with_failures_ms",
            "e2e_p90_with_failures_note",
        ).to_dicts()
    }
    entries = []
    for card in cards:
        name = card["endpoint_id"]
        row = own.get((name, samples.size[name]))
        if row is None or name not in samples.frames:
            entries.append(Entry(name, None, note="not measured"))
            continue
        value, note = row["e2e_p90_with_failures_ms"], row["e2e_p90_with_failures_note"]
        entries.append(Entry(name, value, n=row["n_sent"], note=note))

    def p_values(ids: Sequence[str]) -> Matrix:
        return samples.comparable(ids, tail_p_values([samples.until_the_end(each) for each in ids], 0.9))

    return Order("e2e_p90_with_failures_ms", "ms", False, TAIL, entries, p_values)


def _quality(cards: Sequence[Row], answers: pl.DataFrame) -> Order:
    entries = [
        Entry(
            card["endpoint_id"],
            card["quality"],
            card["quality_lo"],
            card["quality_hi"],
            card["quality_n"],
            card["quality_not_scored_because"] or (None if card["quality"] is not None else "no graded answers"),
        )
        for card in cards
    ]
    domain = cards[0]["domain"] if cards else None
    suites = GENERATED_SUITES if domain == "all" else ("quality_math",)
    graded = answers.filter(pl.col("suite").is_in(suites) & pl.col("correct").is_not_null())

    scores: dict[tuple[str, str], dict[str, bool]] = {}
    for name, suite, item, correct in graded.select("endpoint_id", "suite", "item_id", "correct").iter_rows():
        scores.setdefault((name, suite), {})[item] = correct

    def p_values(ids: Sequence[str]) -> Matrix:
        strata = [(MIX_WEIGHTS[suite], [scores.get((name, suite), {}) for name in ids]) for suite in suites]
        return weighted_mcnemar_p_values(strata, len(ids))

    return Order("quality", "share", True, MCNEMAR, entries, p_values)


def _fidelity(cards: Sequence[Row]) -> Order:
    z = normal_quantile(0.975)
    entries = []
    for card in cards:
        value, lo, hi = (card[f"fidelity{end}"] for end in ("", "_lo", "_hi"))
        verdict, kind = card["fidelity_verdict"], card["fidelity_reference_kind"]
        note = None
        if verdict == "reference":
            note = "the reference itself"
        elif kind in (None, "none"):
            note = "no reference" if kind else "not measured"
        elif kind == "consensus":
            note = "compared with a consensus, not with a reference: ranked within its family alone"
        elif value is None or lo is None or hi is None:
            note = card["fidelity_note"] or "no score"
        entries.append(Entry(card["endpoint_id"], value, lo, hi, card["fidelity_n_prompts"], note))
    by_id = {entry.endpoint_id: entry for entry in entries}

    def p_values(ids: Sequence[str]) -> Matrix:
        own = [by_id[name] for name in ids]
        errors = [((entry.hi or 0.0) - (entry.lo or 0.0)) / (2 * z) for entry in own]
        return normal_p_values(np.array([entry.value or 0.0 for entry in own]), np.diag(np.square(errors)))

    return Order("fidelity", "F, 100 = as the reference", True, NORMAL, entries, p_values)


def _context(cards: Sequence[Row], context: pl.DataFrame) -> Order:
    own = {row["endpoint_id"]: row for row in context.to_dicts()}
    entries = []
    for card in cards:
        row = own.get(card["endpoint_id"])
        if row is None:
            entries.append(Entry(card["endpoint_id"], None, note="not measured that day"))
            continue
        value = row["effective_tokens"]
        note = None if value is not None else row["note"] or row["status"]
        entries.append(Entry(card["endpoint_id"], value, row["lo"], row["hi"], row["n_requests"], note))
    by_id = {entry.endpoint_id: entry for entry in entries}

    def p_values(ids: Sequence[str]) -> Matrix:
        lo = np.array([by_id[name].lo or by_id[name].value or 0.0 for name in ids])
        hi = np.array([math.inf if by_id[name].hi is None else float(by_id[name].hi or 0) for name in ids])
        apart = (lo[:, None] >= hi[None, :]) | (lo[None, :] >= hi[:, None])
        return np.where(apart, 0.0, 1.0)

    return Order("context_effective_tokens", "tokens", True, LADDER, entries, p_values)


def _exact(entries: Sequence[Entry]) -> Callable[[Sequence[str]], Matrix]:
    values = {entry.endpoint_id: entry.value for entry in entries}

    def p_values(ids: Sequence[str]) -> Matrix:
        own = np.array([values[name] for name in ids], dtype=float)
        return np.where(own[:, None] == own[None, :], 1.0, 0.0)

    return p_values


def _nobody(ids: Sequence[str]) -> Matrix:
    return np.ones((len(ids), len(ids)))
