"""Declarations of the tables of modeled energy. No column holds a point without its interval."""

from __future__ import annotations

from tokenarena_assets.chain.tables import DAY, FLAG, INT, REAL, TEXT
from tokenarena_assets.storage.tables import Column, TableSpec

PERCENTILES = ("p5", "p50", "p95")
GRADES = "A: chip and throughput disclosed; B: chip disclosed; C: class priors; D: outside of the model, interval alone"


def modeled(name: str, comment: str) -> tuple[Column, ...]:
    """A modeled quantity: its three percentiles."""
    said = {"p5": f"{comment}; modeled, P5", "p50": "P50 of the same", "p95": "P95 of the same"}
    return tuple(Column(f"{name}_{percentile}", said[percentile], REAL) for percentile in PERCENTILES)


def ordered(*names: str) -> dict[str, str]:
    """The rules that percentiles rise, and stand together or not at all."""
    rules = {f"{name}_ordered": f"{name}_p5 <= {name}_p50 and {name}_p50 <= {name}_p95" for name in names}
    return rules | {
        f"{name}_whole": f"({name}_p5 is null) = ({name}_p50 is null) and ({name}_p50 is null) = ({name}_p95 is null)"
        for name in names
    }


PROVENANCE = (
    Column("label", "modeled, always: nobody but the provider can measure it", TEXT),
    Column("evidence_grade", GRADES, TEXT),
    Column("model_version", "version of the energy model", TEXT),
    Column("constants_version", "hash of the constants that it read", TEXT),
    Column("seed", "seed of the draws: the same seed gives the same digits", INT),
    Column("n_draws", "draws", INT),
)
KNOWN_GRADE = {"known_grade": "evidence_grade in ('A', 'B', 'C', 'D')", "labelled": "label = 'modeled'"}

ENERGY_DAILY = TableSpec(
    name="energy_daily",
    description=(
        "Modeled energy and carbon of one request of each workload: accelerators, host, idle reserve and facility, as "
        "90 % intervals with the evidence that they rest on."
    ),
    grain="one endpoint, workload and day",
    group="energy",
    key=("endpoint_id", "workload"),
    not_null=("day", "endpoint_id", "workload", "label"),
    rules={
        **ordered(
            "energy_j_per_request",
            "energy_wh_per_request",
            "energy_j_per_output_token",
            "accelerator_j_per_output_token",
            "energy_j_per_input_token",
            "energy_j_per_cached_token",
            "energy_j_per_decoded_token",
            "gco2e_per_request",
            "gco2e_marginal_per_request",
        ),
        "labelled": "label = 'modeled'",
        "modeled_or_explained": "(energy_j_per_request_p50 is null) = (not_modeled_because is not null)",
        "known_grade": "evidence_grade in ('A', 'B', 'C', 'D')",
        "positive": "energy_j_per_request_p5 > 0",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("workload", "a preset, or as_probed: the mean tokens of the day's quality items", TEXT),
        Column("input_tokens", "input tokens of the request, cached ones included", REAL),
        Column("cached_tokens", "of them read from a cache", REAL),
        Column("output_tokens", "output tokens of the request, reasoning included", REAL),
        Column("not_modeled_because", "why there is no energy", TEXT),
        *modeled("energy_j_per_request", "J of one request, facility included"),
        *modeled("energy_wh_per_request", "the same in Wh"),
        *modeled("energy_j_per_output_token", "J per output token, the request's prefill and the facility included"),
        *modeled("accelerator_j_per_output_token", "J per output token on the accelerators alone, prefill included"),
        *modeled("energy_j_per_input_token", "J per uncached input token, facility included"),
        *modeled("energy_j_per_cached_token", "J per input token read from a cache, facility included"),
        *modeled("energy_j_per_decoded_token", "J per output token without any prefill, facility included"),
        *modeled("gco2e_per_request", "grams CO2e of one request, location-based, life cycle, by country"),
        *modeled("gco2e_marginal_per_request", "grams CO2e at the region's marginal intensity, where published"),
        Column("region", "region that the grid is of", TEXT),
        Column("region_basis", "known: disclosed; assumed", TEXT),
        Column("carbon_basis", "what the grid's figure is: life cycle or direct, whose", TEXT),
        Column("is_ranked", "inside of the model: may be ranked where a comparison supports it", FLAG),
        Column("confidence", "modeled, or low confidence", TEXT),
        Column("assumptions", "what was not disclosed, and what stands in its place", TEXT),
        Column("drivers", "JSON: first-order share of the variance of ln J by what is not known, largest first", TEXT),
        Column("would_narrow", "the disclosure that would narrow the interval most", TEXT),
        Column("price_ceiling_share", "share of draws whose electricity costs over a fifth of the list price", REAL),
        *PROVENANCE,
    ),
)

ENERGY_PER_CORRECT = TableSpec(
    name="energy_per_correct",
    description=(
        "Joules and grams CO2e per correct answer: tokens per correct answer (measured) and J per token (modeled), "
        "apart and as their product; ranked only where a paired comparison supports it."
    ),
    grain="one endpoint, mix, domain and day",
    group="energy",
    key=("mix", "domain", "endpoint_id"),
    not_null=("day", "mix", "domain", "endpoint_id", "n_items", "n_correct", "n_attempts", "label"),
    rules={
        **ordered("energy_j_per_correct", "energy_j_per_output_token", "gco2e_per_correct"),
        "labelled": "label = 'modeled'",
        "tokens_ordered": "output_tokens_per_correct_lo <= output_tokens_per_correct_hi",
        "sampling_ordered": "energy_j_per_correct_sampling_lo <= energy_j_per_correct_sampling_hi",
        "rank_in_its_interval": "rank_lo >= 1 and rank_lo <= rank and rank <= rank_hi",
        "ranked_or_explained": "(rank is null) = (rank_note is not null)",
        "known_grade": "evidence_grade in ('A', 'B', 'C', 'D')",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("mix", "a preset, or as_probed: the tokens as they were billed", TEXT),
        Column("domain", "math, code, or all: both at fixed weights of 60 and 40 %", TEXT),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("n_items", "items whose answer was graded and whose tokens are known", INT),
        Column("n_correct", "of them correct", INT),
        Column("n_attempts", "attempts that they took, failures included", INT),
        Column("output_tokens_per_correct", "output tokens of all attempts / correct answers; measured", REAL),
        Column("output_tokens_per_correct_lo", "its 95 % interval by drawing templates anew, lower", REAL),
        Column("output_tokens_per_correct_hi", "upper", REAL),
        *modeled("energy_j_per_output_token", "J per output token of the mix, prefill and facility included"),
        *modeled("energy_j_per_correct", "J per correct answer, items drawn anew in each draw"),
        Column(
            "energy_j_per_correct_sampling_lo", "the items' part alone, energy at its P50: 95 % interval, lower", REAL
        ),
        Column("energy_j_per_correct_sampling_hi", "upper", REAL),
        Column("energy_j_per_correct_at_least", "with none correct: what a correct answer takes at least, J", REAL),
        *modeled("gco2e_per_correct", "grams CO2e per correct answer, location-based, life cycle, by country"),
        Column("region", "region that the grid is of", TEXT),
        Column("region_basis", "known: disclosed; assumed", TEXT),
        Column("rank", "place by P50 among those that a comparison supports; shared where none does", INT),
        Column("rank_lo", "1 + number of endpoints that take less with P >= 0.9", INT),
        Column("rank_hi", "number of endpoints minus those that take more with P >= 0.9", INT),
        Column("rank_note", "why there is no rank", TEXT),
        *PROVENANCE,
    ),
)

ENERGY_PAIRS = TableSpec(
    name="energy_pairs",
    description=(
        "Does one endpoint take less energy per correct answer than another of its model? P(A < B) with the draws that "
        "they share; no difference is supported between 0.1 and 0.9. Grade D, outside of the model, is left out."
    ),
    grain="two endpoints of a model family, mix and day",
    group="energy",
    key=("mix", "endpoint_a", "endpoint_b"),
    not_null=("day", "mix", "domain", "endpoint_a", "endpoint_b", "p_a_less", "supported", "finding", "label"),
    rules={
        **ordered("ratio"),
        "probability": "p_a_less between 0 and 1",
        "supported_as_said": "supported = (p_a_less >= 0.9 or p_a_less <= 0.1)",
        "in_order": "endpoint_a < endpoint_b",
        "labelled": "label = 'modeled'",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("mix", "a preset, or as_probed", TEXT),
        Column("domain", "what the answers are of", TEXT),
        Column("model_family", "the model that both serve", TEXT),
        Column("endpoint_a", "provider/model@sku", TEXT),
        Column("endpoint_b", "provider/model@sku", TEXT),
        Column("p_a_less", "probability that A takes less energy per correct answer; modeled", REAL),
        *modeled("ratio", "energy per correct answer of A over that of B"),
        Column("supported", "P at least 0.9 either way", FLAG),
        Column("finding", "in words", TEXT),
        Column("label", "modeled", TEXT),
    ),
)

ENERGY_IN_TIME = TableSpec(
    name="energy_in_time",
    description=(
        "Failures as cost in joules: modeled energy of all attempts per correct answer that came within a deadline, "
        "tokens as probed. Beside it stand dollars and the share without an answer, in answers_in_time."
    ),
    grain="one endpoint and deadline",
    group="energy",
    key=("endpoint_id", "deadline_s"),
    not_null=("day", "endpoint_id", "deadline_s", "domain", "n_items", "n_correct_in_time", "label"),
    rules={
        **ordered("energy_j_per_correct_in_time"),
        "labelled": "label = 'modeled'",
        "modeled_or_explained": "energy_j_per_correct_in_time_p50 is not null or note is not null",
        "known_grade": "evidence_grade in ('A', 'B', 'C', 'D')",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("deadline_s", "how long one waits for an answer, seconds", REAL),
        Column("domain", "math, code, or all: both at fixed weights of 60 and 40 %", TEXT),
        Column("n_items", "items whose tokens are known", INT),
        Column("n_correct_in_time", "of them answered rightly within the deadline", INT),
        *modeled("energy_j_per_correct_in_time", "J of all attempts per correct answer in time, facility included"),
        Column("energy_j_per_correct_in_time_at_least", "with none right in time: what one takes at least, J", REAL),
        Column("note", "why there is no ratio", TEXT),
        *PROVENANCE,
    ),
)

ENERGY_TABLES = (ENERGY_DAILY, ENERGY_PER_CORRECT, ENERGY_PAIRS, ENERGY_IN_TIME)
