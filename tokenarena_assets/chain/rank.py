"""Dollars per correct answer of a day, by endpoint and input:output mix, with ranks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from tokenarena_assets.chain.gates import is_scored
from tokenarena_assets.chain.tables import COST_PER_CORRECT
from tokenarena_assets.endpoints.presets import Preset
from tokenarena_assets.ranking import Candidate, Ranked, rank_per_correct

AS_PROBED = "as_probed"


def cost_per_correct(
    day: date, answers: pl.DataFrame, blended: pl.DataFrame, presets: Sequence[Preset]
) -> pl.DataFrame:
    """One row an endpoint and mix.

    `as_probed` takes each attempt's billed cost. A preset keeps the output tokens that were measured (wordiness is
    the endpoint's own) and sets the input tokens by the preset's ratio: with ratio i:o, an answer of t output tokens
    costs t (i + o) / o tokens at the preset's blended price.
    """
    # What was billed and not answered costs and earns nothing; what was not billed is not there.
    graded = answers.filter(pl.col("correct").is_not_null() | (pl.col("cost_usd") > 0)).with_columns(
        pl.col("correct").fill_null(value=False)
    )
    unscored = _unscored(answers)
    endpoints = sorted(set(blended["endpoint_id"]) | set(answers["endpoint_id"]))
    rows = _mix_rows(day, AS_PROBED, endpoints, graded.with_columns(cost=pl.col("cost_usd").cast(pl.Float64)), unscored)
    for preset in presets:
        prices = blended.filter(pl.col("preset") == preset.name).select(
            "endpoint_id", price=pl.col("blended_usd_per_mtok").cast(pl.Float64)
        )
        tokens_per_output = (preset.input_ratio + preset.output_ratio) / preset.output_ratio
        costed = graded.join(prices, on="endpoint_id", how="left").with_columns(
            cost=pl.col("output_tokens") * tokens_per_output * pl.col("price") / 1e6
        )
        rows += _mix_rows(day, preset.name, endpoints, costed, unscored)
    return COST_PER_CORRECT.frame(rows)


def _unscored(answers: pl.DataFrame) -> set[str]:
    """Endpoints of which too many answers are missing."""
    counts = answers.group_by("endpoint_id").agg(asked=pl.len(), missing=pl.col("correct").is_null().sum())
    return {endpoint_id for endpoint_id, asked, missing in counts.iter_rows() if not is_scored(asked, missing)}


def _mix_rows(
    day: date, mix: str, endpoints: Sequence[str], costed: pl.DataFrame, unscored: set[str]
) -> list[dict[str, object]]:
    items: dict[str, dict[str, tuple[float, float]]] = {endpoint_id: {} for endpoint_id in endpoints}
    unpriced: set[str] = set()
    for endpoint_id, item_id, cost, correct in costed.select("endpoint_id", "item_id", "cost", "correct").iter_rows():
        if cost is None:
            unpriced.add(endpoint_id)
        else:
            earlier_cost, _ = items[endpoint_id].get(item_id, (0.0, 0.0))
            items[endpoint_id][item_id] = (earlier_cost + cost, float(correct))
    # A ratio over the items that happen to have a cost, or an answer, would be of another population: all or nothing.
    notes = dict.fromkeys(unscored, "over 5 % of its answers are missing") | dict.fromkeys(
        unpriced, "price or token usage unknown"
    )
    candidates = [Candidate(endpoint_id, {} if endpoint_id in notes else own) for endpoint_id, own in items.items()]
    return [
        _row(day, mix, ranked, notes.get(ranked.endpoint_id, ranked.note)) for ranked in rank_per_correct(candidates)
    ]


def _row(day: date, mix: str, ranked: Ranked, note: str | None) -> dict[str, object]:
    ratio = ranked.ratio
    return {
        "day": day,
        "mix": mix,
        "endpoint_id": ranked.endpoint_id,
        "n_items": ratio.n,
        "n_correct": int(ratio.successes),
        "usd_per_correct": ratio.value,
        "usd_per_correct_lo": ratio.lo,
        "usd_per_correct_hi": ratio.hi,
        "rank": ranked.rank,
        "rank_lo": ranked.rank_lo,
        "rank_hi": ranked.rank_hi,
        "rank_note": note,
    }
