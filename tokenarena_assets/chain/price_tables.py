"""Declarations of the tables of prices: what feeds said, the book, what it held back, and what rounds paid."""

from __future__ import annotations

from tokenarena_assets.chain.tables import DAY, FLAG, INT, PRICE, REAL, TEXT, TIME
from tokenarena_assets.storage.tables import Column, TableSpec

KIND_COLUMNS = (
    Column("input_usd_per_mtok", "price of input, USD per million tokens", PRICE),
    Column("cached_input_usd_per_mtok", "of input read from cache; null: not published, charged as input", PRICE),
    Column("cache_write_usd_per_mtok", "of input written to cache; null: not published, charged as input", PRICE),
    Column("output_usd_per_mtok", "of output", PRICE),
    Column("reasoning_output_usd_per_mtok", "of reasoning; null: charged as output", PRICE),
)
NO_NEGATIVE = (
    "least(input_usd_per_mtok, cached_input_usd_per_mtok, cache_write_usd_per_mtok, output_usd_per_mtok, "
    "reasoning_output_usd_per_mtok) >= 0"
)
POPULATION = (
    Column("is_probed", "an endpoint of the day's rounds", FLAG),
    Column("is_embedded", "served by the embedded fleet, its prices invented", FLAG),
    Column("is_market", "an endpoint of the shipped list of the real market", FLAG),
)
SERVICE_TIERS = "service_tier in ('standard', 'batch', 'flex', 'priority')"

PRICE_OBSERVATION = TableSpec(
    name="price_observation",
    description=(
        "What each price feed said on the day, read once from the evidence under raw/prices and from the catalogs that "
        "the rounds recorded. A past day has what was looked at on it, no more."
    ),
    grain="one price of one endpoint in one look at a feed",
    group="book",
    key=("observation_id",),
    not_null=("day", "observation_id", "feed", "is_probed", "is_embedded", "is_market", "raw_file", "raw_line"),
    rules={
        "price_or_problem": "(problem is null) = (price_json is not null)",
        "prices_not_negative": NO_NEGATIVE,
        "known_tier": SERVICE_TIERS,
    },
    published="view",
    columns=(
        Column("day", "UTC day on which the feed was looked at", DAY),
        Column("observation_id", "identity: a hash of its place and what it is of", TEXT),
        Column("endpoint_id", "provider/model@sku; null: the look failed as a whole", TEXT),
        Column("service_tier", "standard, batch, flex or priority; null with a problem", TEXT),
        Column("feed", "catalog (what our rounds recorded), shipped, genai-prices, models.dev, litellm", TEXT),
        Column("feed_version", "state of the feed: wheel, SHA-256 of the file, or the round", TEXT),
        Column("feed_key", "the endpoint's id in the feed", TEXT),
        Column("observed_at", "wall clock (UTC) of the look", TIME),
        Column("stated_on", "day of which it speaks, where that is not the day of the look", DAY),
        Column("effective_from", "UTC day since when the price holds, by the feed; null: it does not say", DAY),
        Column("currency", "currency of the prices", TEXT),
        *KIND_COLUMNS,
        Column("price_json", "the whole price with tiers and bands, in one form for equal prices", TEXT),
        Column("raw", "the feed's entry as it has it, JSON; hostile text", TEXT),
        Column("problem", "why it is no price; null for a good one", TEXT),
        *POPULATION,
        Column("raw_file", "file of the evidence", TEXT),
        Column("raw_line", "line in that file, from 1; 0: the file as a whole", INT),
    ),
)

PRICE_BOOK = TableSpec(
    name="price_book",
    description=(
        "The price book as it was known at the end of the day: every price that was ever in force, from when to when. "
        "The price of a day d is in the rows with valid_from <= d < valid_to."
    ),
    grain="one price of an endpoint and service tier for requests above a size, at some hours, from a day on",
    group="book",
    key=("price_id",),
    not_null=(
        "day",
        "price_id",
        "endpoint_id",
        "service_tier",
        "valid_from",
        "min_input_tokens",
        "currency",
        "input_usd_per_mtok",
        "output_usd_per_mtok",
        "basis",
        "feed",
        "n_feeds",
        "quality_flag",
        "is_probed",
        "is_embedded",
        "is_market",
    ),
    rules={
        "prices_not_negative": NO_NEGATIVE,
        "begins_before_it_ends": "valid_from < valid_to",
        "begins_by_its_day": "valid_from <= day",
        "ends_by_its_day": "valid_to <= day",
        "known_tier": SERVICE_TIERS,
        "known_basis": "basis in ('effective_date', 'observed_date')",
        "never_free": "input_usd_per_mtok + output_usd_per_mtok > 0 or quality_flag <> 'ok'",
        "sizes_from_zero": "min_input_tokens >= 0",
        "prices_in_range": "greatest(input_usd_per_mtok, output_usd_per_mtok) <= 10000",
    },
    columns=(
        Column("day", "UTC day at whose end the book was so", DAY),
        Column("price_id", "identity of the line: a hash of what it is of, since when, and its prices", TEXT),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("model_family", "family of the model; null: not known any more", TEXT),
        Column("service_tier", "standard, batch, flex or priority: each is a SKU of its own", TEXT),
        Column("valid_from", "first UTC day on which it was in force", DAY),
        Column("valid_to", "first UTC day on which it no longer was; null: still", DAY),
        Column(
            "min_input_tokens", "smallest request that pays it, input tokens, cached and written ones included", INT
        ),
        Column("band", "hours (UTC) at which it holds; null: all hours that have no band", TEXT),
        Column("currency", "currency of the list", TEXT),
        *KIND_COLUMNS,
        Column("basis", "effective_date: as the feed says; observed_date: when it was first seen", TEXT),
        Column("feed", "whose word is in force", TEXT),
        Column("feeds_agree", "feeds that say the same of input and output within 5 %, comma-separated", TEXT),
        Column("feeds_disagree", "JSON: feed -> 'input/output' of feeds that now say otherwise; null: none", TEXT),
        Column("n_feeds", "independent sources that agree: feeds that copy each other are one", INT),
        Column("quality_flag", "ok; feeds_differ; or what was doubtful when it was taken, and why it was taken", TEXT),
        *POPULATION,
        Column("price_json", "the whole price that the line is of, with tiers and bands", TEXT),
    ),
)

PRICE_QUARANTINE = TableSpec(
    name="price_quarantine",
    description=(
        "Prices that were not taken for true: the price before stays in force until a second feed or a person agrees "
        "(tokenarena prices release). Kept for ever, with what came of them."
    ),
    grain="one doubtful price of an endpoint and service tier",
    group="book",
    key=("endpoint_id", "service_tier", "held_on", "price_json"),
    not_null=("day", "endpoint_id", "service_tier", "feed", "held_on", "reasons", "state", "price_json"),
    rules={
        "known_state": "state in ('held', 'released', 'withdrawn')",
        "resolved_or_held": "(state = 'held') = (resolved_on is null)",
        "known_tier": SERVICE_TIERS,
    },
    columns=(
        Column("day", "UTC day at whose end it was so", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("service_tier", "standard, batch, flex or priority", TEXT),
        Column("feed", "which feed said it", TEXT),
        Column("held_on", "UTC day on which it was first said", DAY),
        *KIND_COLUMNS,
        Column("reasons", "rules that it broke, with the figures", TEXT),
        Column("kept_input_usd_per_mtok", "price of input that stays in force; null: none is", PRICE),
        Column("kept_output_usd_per_mtok", "of output", PRICE),
        Column("state", "held; released: it is in the book; withdrawn: it is no longer said", TEXT),
        Column("resolved_on", "UTC day on which it was released or withdrawn", DAY),
        Column("resolved_because", "why", TEXT),
        Column("price_json", "the whole price", TEXT),
    ),
)

PRICE_VERDICTS = TableSpec(
    name="price_verdicts",
    description="What became of each observation of the day: observations = used + superseded + quarantined.",
    grain="one observation of the day",
    group="book",
    key=("observation_id",),
    not_null=("day", "observation_id", "feed", "verdict", "because"),
    rules={"known_verdict": "verdict in ('used', 'superseded', 'quarantined')"},
    columns=(
        Column("day", "UTC day", DAY),
        Column("observation_id", "the observation", TEXT),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("service_tier", "standard, batch, flex or priority", TEXT),
        Column("feed", "whose it is", TEXT),
        Column("verdict", "used: in force by its word; superseded: another word counts; quarantined", TEXT),
        Column("because", "why", TEXT),
    ),
)

ROUND_PRICES = TableSpec(
    name="round_prices",
    description=(
        "What a request of each round pays, by its minute and its size: the catalog's price as the round recorded it, "
        "else the price book's. The rows of a round and endpoint cover every minute of the week and every size once."
    ),
    grain="one round, endpoint, stretch of the week and size of request",
    group="book",
    key=("round_id", "endpoint_id", "from_minute", "min_input_tokens"),
    not_null=(
        "day",
        "round_id",
        "endpoint_id",
        "from_minute",
        "to_minute",
        "min_input_tokens",
        "price_source",
        "price_id",
        "input_usd_per_mtok",
        "output_usd_per_mtok",
    ),
    rules={
        "prices_not_negative": NO_NEGATIVE,
        "minutes_of_a_week": "from_minute >= 0 and from_minute < to_minute and to_minute <= 10080",
        "sizes_rise": "min_input_tokens >= 0 and min_input_tokens <= max_input_tokens",
        "known_source": "price_source in ('round', 'round_and_book', 'book')",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("round_id", "round", TEXT),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("from_minute", "first minute of the week that it holds in, from Monday 00:00 UTC", INT),
        Column("to_minute", "first minute that it no longer does", INT),
        Column("min_input_tokens", "smallest request, input tokens, cached and written ones included", INT),
        Column("max_input_tokens", "largest; null: any", INT),
        Column(
            "price_source",
            "round_and_book; round: the book holds another price or none; book: the round has none",
            TEXT,
        ),
        Column("price_id", "line of the price book, or an id of the same form for the round's own price", TEXT),
        *KIND_COLUMNS,
    ),
)

BLENDED_PRICES = TableSpec(
    name="blended_prices",
    description=(
        "Blended prices of each preset: of the list, and of what answers take here. Of the probed endpoints, and of "
        "the shipped list of the real market."
    ),
    grain="one endpoint, preset, population and day",
    group="price",
    key=("population", "endpoint_id", "preset"),
    not_null=("day", "population", "endpoint_id", "preset", "input_ratio", "output_ratio", "request_input_tokens"),
    rules={
        "known_population": "population in ('probed', 'market')",
        "price_positive": "blended_usd_per_mtok > 0 and effective_usd_per_mtok > 0",
        "shares_in_range": "least(cached_share, cache_write_share, reasoning_share) >= 0 "
        "and cached_share + cache_write_share <= 1 and reasoning_share <= 1",
        "priced_or_explained": "(blended_usd_per_mtok is null) = (no_price_because is not null)",
        "effective_or_explained": "(effective_usd_per_mtok is null) = (no_effective_because is not null)",
        "multiplier_positive": "output_multiplier > 0",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("population", "probed: an endpoint of the day's rounds; market: of the shipped list", TEXT),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("model_family", "endpoints of one family are compared with its reference", TEXT),
        Column("preset", "workload", TEXT),
        Column("input_ratio", "input tokens of the mix", INT),
        Column("output_ratio", "output tokens of the mix", INT),
        Column("request_input_tokens", "size of one request, input tokens: it decides the context tier", INT),
        Column("cached_share", "share of input read from cache", REAL),
        Column("cache_write_share", "share of input written to cache", REAL),
        Column("reasoning_share", "share of output that is reasoning", REAL),
        Column("blended_usd_per_mtok", "list blend, USD per million tokens", PRICE),
        Column("no_price_because", "why there is none", TEXT),
        Column(
            "output_multiplier", "mean output tokens an answer / median over the family's endpoints, measured", REAL
        ),
        Column("output_multiplier_n", "answers of the endpoint that it rests on", INT),
        Column("output_multiplier_n_endpoints", "endpoints of the family that the median is over", INT),
        Column(
            "effective_usd_per_mtok", "the blend with output times output_multiplier, USD per million tokens", PRICE
        ),
        Column("no_effective_because", "why there is none", TEXT),
        Column("above_input_tokens", "context tier that a request reaches, tokens; null: the base price", INT),
        Column("n_bands", "prices of different hours that the day's price is a mean of", INT),
        Column("price_id", "line of the price book that a request of this size pays outside of bands", TEXT),
        Column("feeds_agree", "feeds that say the same price, comma-separated", TEXT),
        Column("feeds_disagree", "JSON: feed -> 'input/output' of those that say otherwise; null: none", TEXT),
        Column("n_feeds", "independent sources that agree", INT),
        Column("quality_flag", "of the price book", TEXT),
    ),
)

PRESET_CHURN = TableSpec(
    name="preset_churn",
    description=(
        "How much the order of endpoints depends on the workload: who leaves the first ten from one preset to another, "
        "and Kendall's tau-b over all. Only orders that depend on the preset; by speed, quality or fidelity nobody "
        "moves."
    ),
    grain="one population, order and pair of presets",
    group="rank",
    key=("population", "ordered_by", "preset_a", "preset_b"),
    not_null=("day", "population", "ordered_by", "preset_a", "preset_b", "n", "n_only_one", "top_n"),
    rules={
        "tau_in_range": "kendall_tau_b between -1 and 1",
        "as_many_leave_as_enter": "n_out = n_in",
        "out_within_top": "n_out between 0 and top_n",
        "counted_or_explained": "(n_out is null) = (note is not null)",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("population", "probed, or market: the shipped list of real endpoints", TEXT),
        Column("ordered_by", "blended_usd_per_mtok, effective_usd_per_mtok or usd_per_correct", TEXT),
        Column("preset_a", "from this preset", TEXT),
        Column("preset_b", "to this one", TEXT),
        Column("n", "endpoints that both orders have", INT),
        Column("n_only_one", "endpoints that only one of them has; left out", INT),
        Column("top_n", "places that are looked at", INT),
        Column("n_out", "how many of a's first places are not among b's", INT),
        Column("n_in", "how many of b's are not among a's", INT),
        Column("out_endpoints", "who leaves, comma-separated", TEXT),
        Column("in_endpoints", "who enters", TEXT),
        Column("kendall_tau_b", "rank correlation over all n, ties accounted for; null: not defined", REAL),
        Column("note", "why nothing is counted", TEXT),
    ),
)

PRICE_TABLES = (
    PRICE_OBSERVATION,
    PRICE_BOOK,
    PRICE_QUARANTINE,
    PRICE_VERDICTS,
    ROUND_PRICES,
    BLENDED_PRICES,
    PRESET_CHURN,
)
