"""Dollars per correct answer of a day, by endpoint, domain and input:output mix, with ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from tokenarena_assets.chain.gates import is_scored
from tokenarena_assets.chain.pooling import GENERATED_SUITES
from tokenarena_assets.chain.price import PROBED
from tokenarena_assets.chain.quality import MIX_WEIGHTS
from tokenarena_assets.chain.tables import COST_PER_CORRECT
from tokenarena_assets.endpoints.presets import Preset
from tokenarena_assets.ranking import Candidate, GradedItem, Ranked, rank_per_correct

AS_PROBED = "as_probed"
ALL = "all"
SHARES = {suite.removeprefix("quality_"): weight for suite, weight in MIX_WEIGHTS.items()}
NOT_RUN = "code was not run: no sandbox"
UNPRICED = "price or token usage unknown"


def cost_per_correct(
    day: date, answers: pl.DataFrame, blended: pl.DataFrame, presets: Sequence[Preset]
) -> pl.DataFrame:
    """One row an endpoint, mix and domain; of fresh generated items alone.

    `as_probed` takes what each item's attempts were billed. A preset keeps the output tokens that were measured
    (wordiness is the endpoint's own) and sets the input tokens by the preset's ratio: with ratio i:o, an answer of t
    output tokens costs t (i + o) / o tokens at the preset's blended price. Domain `all` weighs math and code by fixed
    shares, and is there where both were asked and code was run.
    """
    blended = blended.filter(pl.col("population") == PROBED)
    asked = fresh_answers(answers)
    # What was billed and not answered costs and earns nothing; what was not billed is not there.
    graded = asked.filter(pl.col("correct").is_not_null() | (pl.col("cost_usd") > 0)).with_columns(
        pl.col("correct").fill_null(value=False)
    )
    unscored = unscored_domains(asked)
    endpoints = sorted(set(blended["endpoint_id"]) | set(answers["endpoint_id"]))
    domains = domains_asked(asked)
    costed = {AS_PROBED: graded.with_columns(cost=pl.col("cost_usd").cast(pl.Float64))}
    for preset in presets:
        prices = blended.filter(pl.col("preset") == preset.name).select(
            "endpoint_id", price=pl.col("blended_usd_per_mtok").cast(pl.Float64)
        )
        tokens_per_output = (preset.input_ratio + preset.output_ratio) / preset.output_ratio
        costed[preset.name] = graded.join(prices, on="endpoint_id", how="left").with_columns(
            cost=pl.col("output_tokens") * tokens_per_output * pl.col("price") / 1e6
        )
    rows = [
        row
        for mix, frame in costed.items()
        for domain in domains
        for row in _mix_rows(day, mix, domain, endpoints, frame, unscored)
    ]
    return COST_PER_CORRECT.frame(rows)


def fresh_answers(answers: pl.DataFrame) -> pl.DataFrame:
    """The answers to fresh generated items, with their domain."""
    return answers.filter(pl.col("suite").is_in(GENERATED_SUITES)).with_columns(
        domain=pl.col("suite").str.strip_prefix("quality_")
    )


def widest_domain(domains: Sequence[str]) -> str:
    """`all` where both domains were asked and code was run, else math."""
    return ALL if ALL in domains else "math"


def domains_asked(asked: pl.DataFrame) -> list[str]:
    """The domains of a day's fresh items, `all` last where both were asked and code was run."""
    code = asked.filter(pl.col("domain") == "code")
    if code.is_empty():
        return ["math"]
    ran = code.filter(pl.col("correct").is_not_null())
    both = not ran.is_empty() and len(code) < len(asked)
    return ["math", "code", ALL] if both else ["math", "code"]


def unscored_domains(asked: pl.DataFrame) -> dict[tuple[str, str], str]:
    """Of which endpoint and domain too much is missing, and why."""
    counts = asked.group_by("endpoint_id", "domain").agg(
        asked=pl.len(), missing=pl.col("correct").is_null().sum(), not_run=(pl.col("outcome") == "not_run").sum()
    )
    found = {}
    for endpoint_id, domain, n, missing, not_run in counts.iter_rows():
        if not is_scored(n, missing):
            found[endpoint_id, domain] = NOT_RUN if not_run else f"over 5 % of its {domain} answers are missing"
    return found


def _mix_rows(
    day: date,
    mix: str,
    domain: str,
    endpoints: Sequence[str],
    costed: pl.DataFrame,
    unscored: Mapping[tuple[str, str], str],
) -> list[dict[str, object]]:
    items: dict[str, dict[str, GradedItem]] = {endpoint_id: {} for endpoint_id in endpoints}
    wanted = tuple(SHARES) if domain == ALL else (domain,)
    notes = {endpoint_id: why for (endpoint_id, own), why in unscored.items() if own in wanted}
    columns = ("endpoint_id", "item_id", "template_id", "domain", "cost", "correct")
    own = costed.filter(pl.col("domain").is_in(wanted))
    for endpoint_id, item_id, template, item_domain, cost, correct in own.select(columns).iter_rows():
        if cost is None:
            notes.setdefault(endpoint_id, UNPRICED)
        else:
            items[endpoint_id][item_id] = GradedItem(cost, float(correct), template, item_domain)
    for endpoint_id, found in items.items():
        lacking = [name for name in wanted if not any(item.domain == name for item in found.values())]
        if found and lacking:
            notes.setdefault(endpoint_id, f"no graded {lacking[0]} answers")
    # A ratio over the items that happen to have a cost, or an answer, would be of another population: all or nothing.
    candidates = [Candidate(endpoint_id, {} if endpoint_id in notes else found) for endpoint_id, found in items.items()]
    ranked = rank_per_correct(candidates, SHARES if domain == ALL else None)
    return [_row(day, mix, domain, each, notes.get(each.endpoint_id, each.note)) for each in ranked]


def _row(day: date, mix: str, domain: str, ranked: Ranked, note: str | None) -> dict[str, object]:
    ratio = ranked.ratio
    return {
        "day": day,
        "mix": mix,
        "domain": domain,
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
        "close_to": ranked.close_to,
        "close_p": ranked.close_p,
        "more_n": ranked.more_n,
    }
