"""What each column of a table made by Python is computed from: its method, and the rows of other tables that go in.

SQL models need no entry: their lineage is read from the SQL. An input's `where` is SQL over `up` (a row of the input)
and `here` (the row that is explained); the day is matched by `days`, the last so many up to that of `here`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tokenarena_assets.chain.border import KNOWN_FOR_DAYS
from tokenarena_assets.chain.drift import DRIFT_DAYS
from tokenarena_assets.chain.fidelity_pool import POOL_DAYS as SAMPLED_DAYS
from tokenarena_assets.chain.fidelity_pool import WINDOW_DAYS
from tokenarena_assets.chain.pooling import POOL_DAYS
from tokenarena_assets.chain.price_book import BOOK_DAYS
from tokenarena_assets.fidelity.verdict import DAYS_IN_A_ROW


@dataclass(frozen=True, slots=True)
class Input:
    """Rows of another table that go into a row: `columns` of those for which `where` is true."""

    table: str
    columns: tuple[str, ...]
    where: str = "up.endpoint_id = here.endpoint_id"
    days: int = 1


@dataclass(frozen=True, slots=True)
class Source:
    """How a group of columns (shell patterns) is computed: the method in one line, the function, and its inputs."""

    columns: tuple[str, ...]
    method: str
    code: str
    inputs: tuple[Input, ...] = ()
    fixed: str | None = None  # why the column rests on no probe
    modeled: bool = False


def source_of(table: str, column: str) -> Source | None:
    """The first declared source of a column; None: none is declared."""
    for source in SOURCES.get(table, ()):
        if any(fnmatchcase(column, pattern) for pattern in source.columns):
            return source
    return None


ALL = ("*",)
SAME_REQUEST = "up.request_id = here.request_id"
SAME_SIZE = (
    "up.endpoint_id = here.endpoint_id and up.suite = here.suite "
    "and up.prompt_tokens_target is not distinct from here.prompt_tokens_target"
)
SENT = f"{SAME_SIZE} and up.status <> 'not_sent'"
TIMED = f"{SAME_SIZE} and up.status in ('ok', 'truncated') and up.timing_exclusion is null"
PARTITION = Source(("day",), "the UTC day of the partition", "defs.partitions:DAYS", fixed="it names the partition")


def _names(*names: str) -> Source:
    return Source(names, "names the row", "the table's key", fixed="it is part of the key")


def _timed(figure: str, *columns: str, method: str) -> Source:
    return Source(columns, method, "chain.measure:latency_by_endpoint", (Input("requests", (figure,), TIMED),))


MEDIAN = "median of requests.{0} over the probes that were answered in time, order-statistic interval"
TAIL = "order statistic of requests.{0} that the true percentile is below at 99 % confidence"
GRADES = (
    "up.endpoint_id = here.endpoint_id and (up.suite = here.suite "
    "or (here.suite = 'mix' and up.suite in ('quality_math', 'quality_code')))"
)
WITH_REFERENCE = GRADES.replace(
    "up.endpoint_id = here.endpoint_id", "up.endpoint_id in (here.endpoint_id, here.reference_id)"
)
VERSUS = ("reference_id", "difference*", "minimum_detectable_difference", "versus_reference")
OF_DOMAIN = (
    "up.suite in ('quality_math', 'quality_code') and (here.domain = 'all' or up.suite = 'quality_' || here.domain)"
)
OWN_ANSWERS = f"up.endpoint_id = here.endpoint_id and {OF_DOMAIN}"
MIX_PRICE = "up.endpoint_id = here.endpoint_id and up.preset = here.mix and up.population = 'probed'"
MEASURED = "up.endpoint_id = here.endpoint_id"
IN_FORCE = "up.price_id = here.price_id"
FROM_THERE = f"{MEASURED} and up.region_from = here.region_from"
OF_PLACE = f"{FROM_THERE} and up.suite = 'speed' and up.prompt_tokens_target = here.prompt_tokens_target"
TIMED_THERE = f"{OF_PLACE} and up.status in ('ok', 'truncated') and up.timing_exclusion is null"
CONNECTS = Input(
    "requests",
    ("connect_ms",),
    f"{FROM_THERE} and up.suite <> 'parallel' and up.timing_exclusion is null and up.connect_ms is not null",
)
SAME_TIER = "up.endpoint_id = here.endpoint_id and up.service_tier = here.service_tier and up.problem is null"
USED = "up.price_json = here.price_json"
ANSWERED_ITEMS = ("correct", "cost_usd", "output_tokens")
RANK_COLUMNS = ("rank", "rank_lo", "rank_hi", "rank_note", "close_*", "more_n")
CHANNEL_DAYS = (
    "up.channel = here.channel and (up.day = here.day or up.day > here.day - case here.channel when 'sampled' "
    f"then {SAMPLED_DAYS} when 'border' then {KNOWN_FOR_DAYS} else {WINDOW_DAYS} end) "
    "and (up.endpoint_id = here.endpoint_id or (up.endpoint_id in (select reference_endpoint_id from "
    "fidelity_references r where r.day = here.day and r.model_family = here.model_family)))"
)
SAMPLE = ("text", "first_token_top", "input_tokens", "outcome")


def _by(order: str, *inputs: Input) -> tuple[Input, ...]:
    return tuple(
        Input(each.table, each.columns, f"here.ranked_by = '{order}' and {each.where}", each.days) for each in inputs
    )


_CARD = "scorecard"
_RANK_VALUES = (
    *_by("usd_per_correct", Input("cost_per_correct", ("usd_per_correct",), (
        "up.endpoint_id = here.endpoint_id and up.mix = here.preset and up.domain = "
        "(select s.domain from scorecard s where s.day = here.day and s.endpoint_id = here.endpoint_id)"
    ))),
    *_by("blended_usd_per_mtok", Input("blended_prices", ("blended_usd_per_mtok",), (
        "up.endpoint_id = here.endpoint_id and up.preset = here.preset and up.population = 'probed'"
    ))),
    *_by("output_speed_tok_s", Input(_CARD, ("output_speed_tok_s",))),
    *_by("ttft_ms", Input(_CARD, ("ttft_ms",))),
    *_by("quality", Input(_CARD, ("quality",))),
    *_by("fidelity", Input(_CARD, ("fidelity",))),
    *_by("context_effective_tokens", Input("context_daily", ("effective_tokens",))),
    *_by("energy_j_per_correct", Input("energy_per_correct", ("energy_j_per_correct_p50",), (
        "up.endpoint_id = here.endpoint_id and up.mix = here.preset"
    ))),
    *_by("e2e_p90_with_failures_ms", Input("latency_daily", ("e2e_p90_with_failures_ms",), (
        "up.endpoint_id = here.endpoint_id and (up.suite, up.prompt_tokens_target) is not distinct from "
        "(select (s.latency_suite, s.latency_prompt_tokens) from scorecard s "
        "where s.day = here.day and s.endpoint_id = here.endpoint_id)"
    ))),
)  # fmt: skip


def _everybody(inputs: tuple[Input, ...]) -> tuple[Input, ...]:
    return tuple(
        Input(each.table, each.columns, each.where.replace("up.endpoint_id = here.endpoint_id and ", "").replace(
            "and up.endpoint_id = here.endpoint_id", ""
        ), each.days)
        for each in inputs
    )  # fmt: skip


SOURCES: dict[str, tuple[Source, ...]] = {
    "graded_answers": (
        PARTITION,
        _names("request_id"),
        Source(
            ALL,
            "the grader's verdict on requests.text against requests.gold: exact rationals, hidden tests in a sandbox",
            "chain.grade:grade_answers",
            (Input("requests", ("status", "text", "gold", "answer_type", "tolerance"), SAME_REQUEST),),
        ),
    ),
    "latency_daily": (
        PARTITION,
        _names("endpoint_id", "suite", "prompt_tokens_target"),
        Source(
            ("n_sent", "n_answered", "success_rate*"),
            "success_rate = n_answered / n_sent, Wilson interval",
            "chain.measure:latency_by_endpoint",
            (Input("requests", ("status",), SENT),),
        ),
        Source(
            ("n_not_sent",),
            "probes planned and not sent",
            "chain.measure:latency_by_endpoint",
            (Input("requests", ("status",), f"{SAME_SIZE} and up.status = 'not_sent'"),),
        ),
        Source(
            ("*_with_failures_*",),
            "order statistic of requests.e2e_ms over all probes sent, a failure counted as never",
            "chain.measure:latency_by_endpoint",
            (Input("requests", ("e2e_ms", "status"), SENT),),
        ),
        Source(
            ("*_not_ranked_because", "n_timing_excluded"),
            "why medians of so few or such probes rank nobody",
            "chain.gates:not_ranked_because",
            (Input("requests", ("status", "timing_exclusion", "ttft_refusal", "speed_refusal"), SENT),),
        ),
        _timed("ttft_ms", "ttft_p50*", "n_ttft", method=MEDIAN.format("ttft_ms")),
        _timed("ttft_ms", "ttft_p9*", method=TAIL.format("ttft_ms")),
        _timed("e2e_ms", "e2e_p50*", method=MEDIAN.format("e2e_ms")),
        _timed("e2e_ms", "e2e_p9*", method=TAIL.format("e2e_ms")),
        _timed("output_speed_tok_s", "output_speed_p50*", "n_speed*", method=MEDIAN.format("output_speed_tok_s")),
        _timed("ttfo_ms", "ttfo_p50_ms", method=MEDIAN.format("ttfo_ms")),
        _timed("readable_ms", "readable_p50_ms", method=MEDIAN.format("readable_ms")),
        _timed("e2e_from_schedule_ms", "e2e_from_schedule_p50_ms", method=MEDIAN.format("e2e_from_schedule_ms")),
        _timed("largest_burst_share", "largest_burst_share_p50", method=MEDIAN.format("largest_burst_share")),
        _timed("connection", *ALL, method="median over the probes that were answered in time, see the column"),
    ),
    "vantage_daily": (
        PARTITION,
        _names("endpoint_id", "region_from"),
        Source(
            ("prompt_tokens_target",),
            "the size of prompts that the endpoint was asked most, over all places",
            "chain.vantage:vantage_by_place",
            (Input("requests", ("prompt_tokens_target",), f"{MEASURED} and up.suite = 'speed'"),),
        ),
        Source(
            ("n_rounds",),
            "rounds from there that sent it anything",
            "chain.vantage:vantage_by_place",
            (Input("requests", ("round_id",), f"{FROM_THERE} and up.status <> 'not_sent'"),),
        ),
        Source(
            ("n_sent", "n_answered"),
            "probes of that size from there",
            "chain.vantage:vantage_by_place",
            (Input("requests", ("status",), f"{OF_PLACE} and up.status <> 'not_sent'"),),
        ),
        Source(
            ("n_connects", "round_trip*"),
            "median of requests.connect_ms over connections opened from there, bursts aside, order-statistic interval",
            "chain.vantage:vantage_by_place",
            (CONNECTS,),
        ),
        Source(
            ("ttft_less_network*",),
            "median TTFT minus median connect; the interval from both at 97.5 % (Bonferroni)",
            "chain.vantage:vantage_by_place",
            (Input("requests", ("ttft_ms",), TIMED_THERE), CONNECTS),
        ),
        Source(
            ("ttft_p50*", "n_ttft"),
            MEDIAN.format("ttft_ms"),
            "chain.vantage:vantage_by_place",
            (Input("requests", ("ttft_ms",), TIMED_THERE),),
        ),
        Source(
            ("output_speed*", "n_speed"),
            MEDIAN.format("output_speed_tok_s"),
            "chain.vantage:vantage_by_place",
            (Input("requests", ("output_speed_tok_s",), TIMED_THERE),),
        ),
    ),
    "blended_prices": (
        PARTITION,
        _names("population", "endpoint_id", "preset"),
        Source(
            ("*_ratio", "*_share", "request_input_tokens"),
            "the preset as it was in force",
            "endpoints.presets:load_presets",
            fixed="it is the preset's, see raw/config",
        ),
        Source(
            ("model_family",),
            "as the catalog has it",
            "chain.price:blend_prices",
            (Input("endpoints", ("model_family",)),),
        ),
        Source(
            ("output_multiplier*", "effective_usd_per_mtok", "no_effective_because"),
            "the blend at the endpoint's own output tokens: those of its shared items over the mean of all endpoints",
            "chain.price:blend_prices",
            (
                Input("requests", ("output_tokens",), f"{MEASURED} and up.suite in ('quality_math', 'quality_code')"),
                Input("price_book", ("price_json",), IN_FORCE),
            ),
        ),
        Source(
            ALL,
            "the preset's tokens by their prices over all tokens, on the lines of the price book in force, in decimals",
            "pricing.workload:workload_price",
            (Input("price_book", ("price_json", "valid_from", "feed"), IN_FORCE),),
        ),
    ),
    "price_book": (
        PARTITION,
        Source(
            ALL,
            "observations of the endpoint folded in the order of their days; the feed of the highest standing counts",
            "chain.price_book:price_day",
            (Input("price_observation", ("price_json", "effective_from"), f"{SAME_TIER} and {USED}", BOOK_DAYS),),
        ),
    ),
    "price_quarantine": (
        PARTITION,
        Source(
            ALL,
            "observations that broke a rule of plausibility, held until confirmed",
            "chain.price_book:price_day",
            (Input("price_observation", ("price_json",), SAME_TIER, BOOK_DAYS),),
        ),
    ),
    "price_verdicts": (
        PARTITION,
        Source(
            ALL,
            "what became of each observation of the day",
            "chain.price_book:price_day",
            (Input("price_observation", ("price_json",), "up.observation_id = here.observation_id"),),
        ),
    ),
    "round_prices": (
        PARTITION,
        _names("round_id", "endpoint_id", "from_minute", "min_input_tokens"),
        Source(
            ALL,
            "what the round pays: the price of its own catalog, else the book's",
            "chain.round_prices:round_prices",
            (
                Input("catalog_log", ("input_usd_per_mtok",), f"{MEASURED} and up.round_id = here.round_id"),
                Input("price_book", ("price_json",), "up.price_id = here.price_id"),
            ),
        ),
    ),
    "preset_churn": (
        PARTITION,
        _names("population", "ordered_by", "preset_a", "preset_b"),
        Source(
            ALL,
            "places of the two presets compared: who leaves the top, Kendall's tau-b",
            "chain.churn:churn_of_day",
            (
                Input(
                    "blended_prices",
                    ("blended_usd_per_mtok",),
                    "up.population = here.population and up.preset in (here.preset_a, here.preset_b)",
                ),
                Input("leaderboard", ("usd_per_correct",), "up.preset in (here.preset_a, here.preset_b)"),
            ),
        ),
    ),
    "billing_requests": (
        PARTITION,
        Source(
            ALL,
            "tokens of the prompt and of the answer counted again from their text",
            "chain.billing:count_requests",
            (
                Input(
                    "billing_sample",
                    ("text", "input_tokens", "output_tokens"),
                    "up.raw_file = here.raw_file and up.raw_line = here.raw_line",
                ),
            ),
        ),
    ),
    "billing_audit": (
        PARTITION,
        _names("endpoint_id"),
        Source(
            ALL,
            "billed over counted tokens of the sampled answers, bootstrap interval",
            "chain.billing:billing_of_day",
            (Input("billing_requests", ("billed_output_tokens", "counted_output_tokens", "billed_input_tokens")),),
        ),
    ),
    "billing_evidence": (
        PARTITION,
        _names("endpoint_id", "finding"),
        Source(
            ALL,
            "a finding of the audit and the answers that show it",
            "chain.billing:billing_of_day",
            (Input("billing_requests", ("billed_output_tokens", "counted_output_tokens")),),
        ),
    ),
    "answers_in_time": (
        PARTITION,
        _names("endpoint_id", "deadline_s"),
        Source(
            ALL,
            "share of items without an answer within the deadline; cost of all over correct ones in time",
            "chain.in_time:in_time_of_day",
            (Input("answer_waits", ("*",)),),
        ),
    ),
    "no_answer_daily": (
        PARTITION,
        _names("endpoint_id", "deadline_s", "cause"),
        Source(
            ALL,
            "share of items without an answer within the deadline, by cause",
            "chain.in_time:in_time_of_day",
            (Input("answer_waits", ("*",)),),
        ),
    ),
    "quality_daily": (
        PARTITION,
        _names("endpoint_id", "suite"),
        Source(
            VERSUS,
            "accuracy minus the reference's on shared items; exact McNemar test",
            "chain.quality:quality_by_endpoint",
            (Input("answers", ("correct", "outcome"), WITH_REFERENCE),),
        ),
        Source(
            ALL,
            "n_correct / n_graded, Wilson interval; of mix 0.6 math + 0.4 code",
            "chain.quality:quality_by_endpoint",
            (Input("answers", ("correct", "outcome"), GRADES),),
        ),
    ),
    "quality_pool": (
        PARTITION,
        _names("endpoint_id", "suite"),
        Source(
            VERSUS,
            "paired difference to the reference over the pool, clustered by template",
            "chain.quality:quality_of_pool",
            (Input("answers", ("correct", "outcome"), WITH_REFERENCE, POOL_DAYS),),
        ),
        Source(
            ALL,
            "n_correct / n_graded over the pool, interval clustered by template",
            "chain.quality:quality_of_pool",
            (Input("answers", ("correct", "outcome"), GRADES, POOL_DAYS),),
        ),
    ),
    "anchor_gap": (
        PARTITION,
        _names("endpoint_id", "domain"),
        Source(
            ALL,
            "accuracy on public items minus that on generated ones of the domain",
            "chain.quality:anchor_gaps",
            (
                Input(
                    "answers",
                    ("correct",),
                    "up.endpoint_id = here.endpoint_id and up.domain = here.domain and up.suite <> 'own'",
                    POOL_DAYS,
                ),
            ),
        ),
    ),
    "context_requests": (
        PARTITION,
        _names("request_id"),
        Source(
            ALL,
            "needles found in requests.text of those asked for",
            "chain.context:contexts_of",
            (Input("requests", ("text", "gold", "input_tokens", "status", "ttft_ms"), SAME_REQUEST),),
        ),
    ),
    "context_curve": (
        PARTITION,
        _names("endpoint_id", "target_tokens"),
        Source(
            ALL,
            "hits / needles at this length, made monotone; accepted by a sequential test",
            "chain.context:contexts_of",
            (
                Input(
                    "context_requests",
                    ("hits", "n", "residual"),
                    "up.endpoint_id = here.endpoint_id and up.target_tokens = here.target_tokens",
                ),
            ),
        ),
    ),
    "context_daily": (
        PARTITION,
        _names("endpoint_id"),
        Source(
            ("advertised_tokens",),
            "as the catalog claims",
            "chain.context:contexts_of",
            (Input("endpoints", ("context_tokens",)),),
        ),
        Source(
            ALL,
            "longest length that passes: needles found (effective), no sign of a cut (served), HTTP 200 (accepted)",
            "chain.context:contexts_of",
            (Input("context_requests", ("hits", "n", "input_tokens", "evidence", "status")),),
        ),
    ),
    "cost_per_correct": (
        PARTITION,
        _names("mix", "domain", "endpoint_id"),
        Source(
            RANK_COLUMNS,
            "place by usd_per_correct; every pair tested on shared items (delta method on log ratios), Holm at 5 %",
            "ranking:rank_per_correct",
            (
                Input("answers", ANSWERED_ITEMS, OF_DOMAIN),
                Input("blended_prices", ("blended_usd_per_mtok",), "up.preset = here.mix and up.population = 'probed'"),
            ),
        ),
        Source(
            ALL,
            "sum of costs / number correct over the same items; a preset sets the input by its ratio",
            "chain.rank:cost_per_correct",
            (
                Input("answers", ANSWERED_ITEMS, OWN_ANSWERS),
                Input("blended_prices", ("blended_usd_per_mtok",), MIX_PRICE),
            ),
        ),
    ),
    "ranks": (
        PARTITION,
        _names("preset", "ranked_by", "endpoint_id"),
        Source(
            ("unit", "higher_is_better", "modeled", "by_preset", "test"),
            "what the order is",
            "chain.ranks:rank_day",
            fixed="it describes the order",
        ),
        Source(
            ("rank_badge", *RANK_COLUMNS),
            "1 + endpoints significantly better, by the order's pairwise test with Holm's correction over all pairs",
            "chain.ranks:rank_day",
            _everybody(_RANK_VALUES),
        ),
        Source(ALL, "the figure that the order is by, as its own table has it", "chain.ranks:rank_day", _RANK_VALUES),
    ),
    "findings": (
        PARTITION,
        _names("finding"),
        Source(
            ALL,
            "the answer to the question in its column sql, over the tables of the day",
            "dbt_like_sql/findings",
            (
                Input(
                    "scorecard", ("quality", "usd_per_correct", "ttft_ms"), "contains(here.endpoints, up.endpoint_id)"
                ),
            ),
        ),
    ),
    "fidelity_samples": (
        PARTITION,
        _names("request_id"),
        Source(
            ALL,
            "what came of a fidelity request: answered, refusal, blank, filtered, missing",
            "chain.fidelity_samples:fidelity_samples",
            (Input("requests", ("status", "text", "first_token_top", "input_tokens"), SAME_REQUEST),),
        ),
    ),
    "border_inputs": (
        PARTITION,
        _names("endpoint_id", "prompt_id"),
        Source(
            ALL,
            "prompts at which the first token wavers, by counts of first tokens",
            "chain.border:border_inputs",
            (
                Input(
                    "fidelity_samples",
                    ("first_token_top", "outcome", "text"),
                    "up.endpoint_id = here.endpoint_id and up.channel = 'border' and up.prompt_id = here.prompt_id",
                    KNOWN_FOR_DAYS,
                ),
            ),
        ),
    ),
    "fidelity_prompts": (
        PARTITION,
        _names("model_family", "channel", "prompt_id"),
        Source(
            ALL,
            "mean prefix kernel of two answers of the reference to the prompt",
            "chain.fidelity_prompts:prompts_of",
            (
                Input(
                    "fidelity_samples",
                    ("text", "outcome"),
                    "up.model_family = here.model_family and up.channel = here.channel "
                    "and up.prompt_id = here.prompt_id",
                    SAMPLED_DAYS,
                ),
            ),
        ),
    ),
    "fidelity_references": (
        PARTITION,
        _names("model_family"),
        Source(
            ALL,
            "the ladder of references; its floors over the days of the window",
            "chain.fidelity_references:references_of",
            (
                Input(
                    "fidelity_samples",
                    SAMPLE,
                    "up.model_family = here.model_family and up.endpoint_id is not distinct from "
                    "here.reference_endpoint_id",
                    WINDOW_DAYS,
                ),
                Input("endpoints", ("is_reference", "reference_kind"), "up.model_family = here.model_family"),
            ),
        ),
    ),
    "fidelity_channels": (
        PARTITION,
        _names("endpoint_id", "channel"),
        Source(
            ALL,
            "the channel's statistic of the endpoint's answers against the reference's",
            "chain.fidelity_channels:fidelity_of_day",
            (Input("fidelity_samples", SAMPLE, CHANNEL_DAYS, KNOWN_FOR_DAYS),),
        ),
    ),
    "fidelity_daily": (
        PARTITION,
        _names("endpoint_id"),
        Source(
            ("model_family", "quantization", "limited"),
            "as the catalog has it",
            "chain.fidelity_daily:fidelity_daily",
            (Input("endpoints", ("model_family", "quantization", "thinks")),),
        ),
        Source(
            ("reference_*", "n_reference_days", "missing_reference_days"),
            "whom the family is compared with",
            "chain.fidelity_daily:fidelity_daily",
            (
                Input(
                    "fidelity_references",
                    ("kind", "reference_endpoint_id", "n_reference_days"),
                    "up.model_family = here.model_family",
                ),
            ),
        ),
        Source(
            ("verdict", "claim", "note", "suspect*", "channels_named", "p_endpoint", "e_value", "n_channels_tested"),
            "Benjamini-Hochberg at q = 0.05 over the day's endpoints; different: three days running and two channels",
            "chain.fidelity_daily:fidelity_daily",
            (Input("fidelity_channels", ("p", "named", "status"), days=DAYS_IN_A_ROW),),
        ),
        *(
            Source(
                columns,
                f"value of the channel {channel}",
                "chain.fidelity_daily:fidelity_daily",
                (
                    Input(
                        "fidelity_channels",
                        ("value", "lo", "hi", "n_prompts"),
                        f"up.endpoint_id = here.endpoint_id and up.channel = '{channel}'",
                    ),
                ),
            )
            for channel, columns in (
                ("greedy", ("greedy_*",)),
                ("logprobs", ("logprob_*",)),
                ("parity", ("parity_*",)),
                ("border", ("border_*",)),
                ("sampled", ("fidelity*",)),
            )
        ),
        Source(
            ALL,
            "from the endpoint's channels",
            "chain.fidelity_daily:fidelity_daily",
            (Input("fidelity_channels", ("status", "value")),),
        ),
    ),
    "change_points": (
        PARTITION,
        _names("endpoint_id", "event"),
        Source(
            ALL,
            "change points of the endpoint's daily figures over the window, with their probability",
            "chain.drift:change_points_of",
            (
                Input(
                    "drift_daily",
                    ("fidelity_day", "greedy_rate_per_1k", "accuracy_math", "output_speed_tok_s", "ttft_ms"),
                    days=DRIFT_DAYS,
                ),
            ),
        ),
    ),
    "energy_daily": (
        PARTITION,
        _names("endpoint_id", "workload"),
        Source(
            ALL,
            "draws of the energy model (decode roofline, PUE, grid) at the tokens of the workload",
            "chain.energy:energy_daily",
            (
                Input("endpoints", ("model", "quantization", "region")),
                Input("latency_daily", ("output_speed_p50_tok_s",)),
                Input("answers", ("input_tokens", "output_tokens"), "up.endpoint_id = here.endpoint_id"),
            ),
            modeled=True,
        ),
    ),
    "energy_per_correct": (
        PARTITION,
        _names("mix", "domain", "endpoint_id"),
        Source(
            ("output_tokens_per_correct*", "n_items", "n_correct", "n_attempts"),
            "output tokens of all attempts / correct answers",
            "chain.energy:energy_per_correct",
            (Input("answers", ("correct", "output_tokens"), OWN_ANSWERS),),
        ),
        Source(
            ALL,
            "modeled energy of all attempts / correct answers, draws shared between endpoints",
            "chain.energy:energy_per_correct",
            (
                Input("answers", ("correct", "output_tokens"), OWN_ANSWERS),
                Input("endpoints", ("model", "quantization", "region")),
                Input("latency_daily", ("output_speed_p50_tok_s",)),
            ),
            modeled=True,
        ),
    ),
    "energy_pairs": (
        PARTITION,
        _names("mix", "endpoint_a", "endpoint_b"),
        Source(
            ALL,
            "share of draws in which A takes less energy per correct answer than B",
            "chain.energy:energy_per_correct",
            (
                Input(
                    "energy_per_correct",
                    ("energy_j_per_correct_p50",),
                    "up.endpoint_id in (here.endpoint_a, here.endpoint_b) and up.mix = here.mix "
                    "and up.domain = here.domain",
                ),
            ),
            modeled=True,
        ),
    ),
    "energy_in_time": (
        PARTITION,
        _names("endpoint_id", "deadline_s"),
        Source(
            ALL,
            "modeled energy of all attempts / correct answers that came within the deadline",
            "chain.energy:energy_in_time",
            (
                Input("answers", ("correct", "output_tokens"), "up.endpoint_id = here.endpoint_id"),
                Input("answer_waits", ("wait_s",), "up.endpoint_id = here.endpoint_id"),
                Input("endpoints", ("model", "quantization", "region")),
                Input("latency_daily", ("output_speed_p50_tok_s",)),
            ),
            modeled=True,
        ),
    ),
}

# The tables that raw files are read into: here a chain ends, and the evidence begins.
RAW_TABLES = {
    "probe_log": "one line of a raw file, as it was received",
    "round_log": "the manifest and the seal of the round",
    "catalog_log": "the catalog as the round's manifest recorded it before its first request",
    "certificates": "one line of the round's certificate file",
    "price_observation": "one line of a price feed's file, or the round's own catalog",
}
