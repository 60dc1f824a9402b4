"""Declaration of the table of ranks: every endpoint's place in every order of every preset."""

from __future__ import annotations

from tokenarena_assets.chain.tables import DAY, FLAG, INT, REAL, TEXT
from tokenarena_assets.storage.tables import Column, TableSpec

ORDERS = (
    "usd_per_correct",
    "energy_j_per_correct",
    "blended_usd_per_mtok",
    "output_speed_tok_s",
    "ttft_ms",
    "e2e_p90_with_failures_ms",
    "quality",
    "fidelity",
    "context_effective_tokens",
)

RANKS = TableSpec(
    name="ranks",
    description=(
        "Places with their uncertainty: each endpoint in each order, by pairwise tests with Holm's correction over all "
        "pairs. Who cannot be told apart shares a rank, and it is said how many more probes would tell."
    ),
    grain="one endpoint, preset, order and day",
    group="rank",
    key=("preset", "ranked_by", "endpoint_id"),
    not_null=("day", "preset", "ranked_by", "endpoint_id", "unit", "higher_is_better", "modeled", "by_preset"),
    rules={
        "rank_in_its_interval": "rank_lo >= 1 and rank_lo <= rank and rank <= rank_hi",
        "ranked_or_explained": "(rank is null) = (rank_note is not null)",
        "ranked_has_a_value": "rank is null or value is not null",
        "interval_ordered": "value_lo <= value_hi",
        "badge_from_one": "rank_badge >= 1",
        "more_is_some": "more_n >= 1",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("preset", "workload", TEXT),
        Column(
            "ranked_by",
            f"the order: {', '.join(ORDERS)}",
            TEXT,
        ),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("rank", "shared by those of whom none is told apart from a better one; null: see rank_note", INT),
        Column("rank_lo", "1 + number of endpoints significantly better", INT),
        Column("rank_hi", "number of ranked endpoints minus those significantly worse", INT),
        Column("rank_badge", "LMArena's rank(UB): 1 + endpoints whose interval is wholly better; not corrected", INT),
        Column("rank_note", "why there is no rank", TEXT),
        Column("value", "what it is ranked by, in `unit`; of modeled orders the P50", REAL),
        Column("value_lo", "its interval, lower: 95 %, of modeled orders P5", REAL),
        Column("value_hi", "upper: 95 %, of modeled orders P95", REAL),
        Column("n", "probes, answers or prompts that it rests on; null: known exactly, or modeled", INT),
        Column("unit", "unit of the values", TEXT),
        Column("higher_is_better", "whether more is better", FLAG),
        Column("modeled", "modeled, not measured", FLAG),
        Column("by_preset", "whether the order depends on the preset", FLAG),
        Column("test", "what tells two endpoints apart in this order", TEXT),
        Column("close_to", "the next in the order, where the two are not told apart", TEXT),
        Column("close_p", "p-value between the two, corrected", REAL),
        Column("more_n", "about how many more probes each of the two needs to be told apart; null: no telling", INT),
    ),
)

FINDINGS = TableSpec(
    name="findings",
    description="What a reader should know of the day, each finding with its figure and the query that gives it.",
    grain="one finding and day",
    group="rank",
    key=("finding",),
    not_null=("day", "finding", "headline", "unit", "n", "endpoints", "modeled", "sql", "about"),
    rules={
        "interval_ordered": "value_lo <= value and value <= value_hi",
        "value_or_cannot_tell": "value is not null or starts_with(headline, 'cannot tell')",
        "counts_not_negative": "n >= 0",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("finding", "name of the finding", TEXT),
        Column("about", "what it asks", TEXT),
        Column("headline", "the finding in a sentence; names in it are hostile text", TEXT),
        Column("value", "its figure, in `unit`; null: cannot tell", REAL),
        Column("value_lo", "its interval, lower; of what is known exactly the value; null: none is known", REAL),
        Column("value_hi", "upper", REAL),
        Column("unit", "unit of the figures", TEXT),
        Column("n", "what it rests on", INT),
        Column("endpoints", "JSON list: whom it is about", TEXT),
        Column("supported", "whether the evidence carries it; null: known exactly, or nothing to support", FLAG),
        Column("modeled", "rests on modeled energy", FLAG),
        Column("detail", "what limits it", TEXT),
        Column("sql", "the query that gives it, for `tokenarena sql`", TEXT),
    ),
)

RANK_TABLES = (RANKS, FINDINGS)
