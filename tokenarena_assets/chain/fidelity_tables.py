"""Declarations of the fidelity tables: samples, what they are compared with, figures by channel, one row a day."""

from __future__ import annotations

from tokenarena_assets.chain.tables import DAY, FLAG, INT, REAL, TEXT
from tokenarena_assets.storage.tables import Column, TableSpec

CHANNELS = ("parity", "sampled", "greedy", "border", "logprobs")
STATUSES = ("measured", "not_applicable", "no_score", "not_asked")
VERDICTS = (
    "reference",
    "honest_floor",
    "no_reference",
    "no_score",
    "consistent",
    "suspect",
    "different",
    "undetermined",
)
OUTCOMES = ("answered", "refusal", "blank", "filtered", "missing", "not_sent")
REFERENCE_DAYS = 14  # of a reference that a verdict needs at least


def _in(column: str, values: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} in ({listed})"


FIDELITY_SAMPLES = TableSpec(
    name="fidelity_samples",
    description=(
        "Every request of the fidelity channels: what came of it. A refusal, a blank or a filtered answer is an "
        "outcome like another; what the transport lost is missing."
    ),
    grain="one fidelity request",
    group="fidelity",
    key=("request_id",),
    not_null=("day", "request_id", "endpoint_id", "channel", "prompt_id", "rep", "slot", "outcome", "counts", "cut"),
    rules={
        "known_channel": _in("channel", CHANNELS),
        "known_outcome": _in("outcome", OUTCOMES),
        "slot_is_hour": "slot between 0 and 23",
        "rep_from_zero": "rep >= 0",
        "stage_is_of_border": "(stage is null) = (channel <> 'border')",
        "answered_has_text": "outcome not in ('answered', 'refusal') or text is not null",
    },
    published="view",
    columns=(
        Column("day", "UTC day of the partition", DAY),
        Column("request_id", "identity of the probe", TEXT),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("model_family", "endpoints of one family are compared with its reference", TEXT),
        Column("channel", ", ".join(CHANNELS), TEXT),
        Column("stage", "of a border input: search, reference or monitor", TEXT),
        Column("prompt_id", "prompt that was asked", TEXT),
        Column("prompt_set", "fixed, rotating (by week), candidate or found (border inputs)", TEXT),
        Column("prompt_sha256", "first 16 hex digits of the SHA-256 of all messages that were sent", TEXT),
        Column("rep", "how often the prompt was planned for the day before, from 0", INT),
        Column("slot", "hour of the day (UTC) that it was planned for, 0 to 23", INT),
        Column("outcome", ", ".join(OUTCOMES), TEXT),
        Column("counts", "of several tries at one question on one day, the one that is used", FLAG),
        Column("cut", "the answer ended at the output cap: what it would have said next is not known", FLAG),
        Column("text", "visible answer; hostile text", TEXT),
        Column("first_token_top", "JSON [[token, log-probability], ...] of the first token; hostile text", TEXT),
        Column("input_tokens", "prompt tokens that the endpoint reports", INT),
        Column("output_tokens", "output tokens that the endpoint reports, reasoning included", INT),
        Column("rehearsal", "filed under a day on which it was not sent", FLAG),
        Column("raw_file", "file of the evidence in the day's raw folder", TEXT),
        Column("raw_line", "line in that file, from 1", INT),
    ),
)

FIDELITY_PROMPTS = TableSpec(
    name="fidelity_prompts",
    description=(
        "Prompts of the sampled channel by how alike a reference's own answers to them are. One whose answers are all "
        "the same, or all different, tells nothing, is left out on both sides and is not asked from the next day on."
    ),
    grain="one model family, prompt and last day of the pool",
    group="fidelity",
    key=("model_family", "channel", "prompt_id"),
    not_null=("day", "model_family", "channel", "prompt_id", "n_reference"),
    rules={
        "kernel_is_share": "within_kernel between 0 and 1",
        "known_or_undecided": "(fit is null) = (within_kernel is null)",
        "fit_or_explained": "coalesce(fit, false) = (reason is null)",
        "counts_not_negative": "n_reference >= 0",
    },
    columns=(
        Column("day", "last UTC day of the pool of 7", DAY),
        Column("model_family", "whose reference answered", TEXT),
        Column("channel", "sampled", TEXT),
        Column("prompt_id", "prompt that was asked", TEXT),
        Column("prompt_set", "fixed or rotating (by week)", TEXT),
        Column("n_reference", "answers of the reference; without one, of all endpoints of the family", INT),
        Column("within_kernel", "mean prefix kernel of two answers of one endpoint, 0 to 1; null: too few", REAL),
        Column("fit", "it is within 0.15 to 0.9; null: not known yet", FLAG),
        Column("reason", "why it is not fit", TEXT),
    ),
)

FIDELITY_REFERENCES = TableSpec(
    name="fidelity_references",
    description="What each model family is compared with, how that was chosen, and what it varies by itself.",
    grain="one model family and day",
    group="fidelity",
    key=("model_family",),
    not_null=("day", "model_family", "kind", "chosen_because", "n_endpoints", "n_reference_days", "day_pairs"),
    rules={
        "known_kind": _in("kind", ("own_api", "self_hosted", "partner", "consensus", "none")),
        "chosen_or_none": "(reference_endpoint_id is null) = (kind = 'none')",
        "days_add_up": f"missing_reference_days = greatest(0, {REFERENCE_DAYS} - n_reference_days)",
        "greedy_floor_positive": "greedy_floor_per_1k > 0 and greedy_phi >= 1",
        "logprob_floor_positive": "logprob_floor_nats > 0",
        "variance_not_negative": "day_variance >= 0",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("model_family", "the family", TEXT),
        Column("reference_endpoint_id", "whom its endpoints are compared with", TEXT),
        Column("kind", "own_api, self_hosted, partner, consensus (the family's medoid) or none", TEXT),
        Column("chosen_because", "why it is this one, or why there is none", TEXT),
        Column("n_endpoints", "endpoints of the family", INT),
        Column("n_consensus", "of a consensus: endpoints of the majority that agree", INT),
        Column("n_reference_days", "days of the last 28 with answers of the reference", INT),
        Column("missing_reference_days", f"days that it lacks to the {REFERENCE_DAYS} of a verdict", INT),
        Column("day_pairs", "pairs of such days that were compared with each other", INT),
        Column("day_mean", "mean of T (MMD squared) between two of its days", REAL),
        Column("day_variance", "variance of T between days over that of chance, at least 0", REAL),
        Column("greedy_floor_per_1k", "divergences per 1,000 tokens of an honest endpoint", REAL),
        Column("greedy_floor_source", "whether that was measured (of whom) or is assumed", TEXT),
        Column("greedy_self_per_1k", "the same of the reference asked twice", REAL),
        Column("greedy_phi", "how many times the floor varies more between days than by chance, at least 1", REAL),
        Column("logprob_floor_nats", "LT of an honest endpoint, nats", REAL),
        Column("logprob_floor_source", "whether that was measured (of whom) or is assumed", TEXT),
    ),
)

FIDELITY_CHANNELS = TableSpec(
    name="fidelity_channels",
    description=(
        "What each channel says of each endpoint. sampled: F over 7 days; greedy: divergences per 1,000 tokens; "
        "logprobs: LT in nats; parity: message sets whose token count differs; border: total variation of first tokens."
    ),
    grain="one endpoint, channel and day",
    group="fidelity",
    key=("endpoint_id", "channel"),
    not_null=(
        "day",
        "endpoint_id",
        "model_family",
        "channel",
        "status",
        "n_prompts",
        "n_asked",
        "n_samples",
        "n_set_aside",
        "n_missing",
        "named",
        "judged",
    ),
    rules={
        "known_channel": _in("channel", CHANNELS),
        "known_status": _in("status", STATUSES),
        "measured_or_explained": (
            "(status = 'measured') = (value is not null) and (value is not null or note is not null)"
        ),
        "what_was_asked_is_accounted_for": "n_asked = n_samples + n_set_aside + n_missing",
        "counts_not_negative": "least(n_prompts, n_asked, n_samples, n_set_aside, n_missing) >= 0",
        "interval_ordered": "lo <= hi",
        "p_is_probability": "p between 0 and 1 and p_permutation between 0 and 1 and p_endpoint between 0 and 1",
        "only_measured_is_named": "not named or (status = 'measured' and p is not null)",
        "only_sampled_greedy_logprobs_are_tested": "p is null or channel in ('sampled', 'greedy', 'logprobs')",
        "only_judged_is_named": "not named or judged",
    },
    columns=(
        Column("day", "UTC day; of sampled, the last of a pool of 7", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("model_family", "endpoints of one family are compared with its reference", TEXT),
        Column("channel", ", ".join(CHANNELS), TEXT),
        Column("status", ", ".join(STATUSES), TEXT),
        Column("note", "why there is no value, or what limits it", TEXT),
        Column("statistic", "what value is", TEXT),
        Column("value", "the figure of the channel, in unit", REAL),
        Column("lo", "its 95 % interval, lower; null: not known", REAL),
        Column("hi", "upper", REAL),
        Column("unit", "of value and floor: points, divergences per 1k tokens, nats, message sets, share", TEXT),
        Column("floor", "the same figure of the reference against itself, or of an honest endpoint", REAL),
        Column("floor_source", "where floor is from; assumed: not measured yet", TEXT),
        Column("contrast", "sampled: floor minus value, points; greedy: value / floor; logprobs: value / floor", REAL),
        Column("contrast_lo", "its 95 % interval, lower", REAL),
        Column("contrast_hi", "upper", REAL),
        Column("day_value", "sampled: value of this day's own samples alone, not pooled, for change points", REAL),
        Column("day_lo", "its 95 % interval, lower", REAL),
        Column("day_hi", "upper", REAL),
        Column("day_n_prompts", "prompts that it rests on", INT),
        Column("n_prompts", "prompts that value rests on", INT),
        Column("n_asked", "requests sent to the endpoint, those of the whole pool", INT),
        Column("n_samples", "of them used", INT),
        Column("n_set_aside", "of them not used: their prompt tells nothing, or was dropped, or is not compared", INT),
        Column("n_missing", "of them lost on the way", INT),
        Column(
            "second", "sampled: T (MMD squared); logprobs: KL of the shared top-k, nats; parity: sets compared", REAL
        ),
        Column("z", "of the test of T that knows the variance between days", REAL),
        Column("p_permutation", "p of the permutation of hour slots; a diagnostic, it knows no variance of days", REAL),
        Column("p", "one-sided p of the channel; null: none, or not admitted (under 14 reference days)", REAL),
        Column(
            "p_endpoint",
            "p of the endpoint: the smallest p times the number of channels that have one; sampled counts as 1 where "
            "contrast_hi is under 3 points",
            REAL,
        ),
        Column("judged", "endpoint of the day's test: neither a reference nor honest, and with a reference", FLAG),
        Column("named", "this channel is why the endpoint is suspect (Benjamini-Hochberg, q = 0.05)", FLAG),
        Column("state", "border: not_measured, no_baseline, steady, deviates, alarm (three days running)", TEXT),
    ),
)

FIDELITY_DAILY = TableSpec(
    name="fidelity_daily",
    description=(
        "Whether each endpoint serves the model of its family's reference. `undetermined` is a proper answer: the "
        "evidence does not decide. A verdict needs 14 days of the reference, `different` three days and two channels."
    ),
    grain="one endpoint and day",
    group="fidelity",
    key=("endpoint_id",),
    not_null=("day", "endpoint_id", "model_family", "reference_kind", "verdict", "suspect", "limited", "rehearsal"),
    rules={
        "known_verdict": _in("verdict", VERDICTS),
        "different_needs_14_days": f"verdict <> 'different' or n_reference_days >= {REFERENCE_DAYS}",
        "consistent_needs_14_days": f"verdict <> 'consistent' or n_reference_days >= {REFERENCE_DAYS}",
        "different_is_suspect": "verdict <> 'different' or suspect",
        "suspect_names_channels": "suspect = (channels_named is not null)",
        "suspect_is_shown": "not suspect or verdict in ('suspect', 'different')",
        "no_claim_from_consensus": (
            "reference_kind <> 'consensus' or verdict in ('undetermined', 'honest_floor', 'no_score')"
        ),
        "claim_where_suspect": "(claim is not null) = (verdict in ('suspect', 'different'))",
        "interval_ordered": "fidelity_lo <= fidelity_hi and fidelity_gap_lo <= fidelity_gap_hi",
        "scored_or_explained": "fidelity is not null or note is not null",
        "p_is_probability": "p_endpoint between 0 and 1",
        "mismatches_within_compared": "parity_mismatched between 0 and parity_compared",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("model_family", "endpoints of one family are compared with its reference", TEXT),
        Column("quantization", "as disclosed; null = undisclosed", TEXT),
        Column("reference_endpoint_id", "whom it is compared with", TEXT),
        Column("reference_kind", "own_api, self_hosted, partner, consensus or none", TEXT),
        Column("n_reference_days", "days of the last 28 with answers of the reference", INT),
        Column("missing_reference_days", f"days that it lacks to the {REFERENCE_DAYS} of a verdict", INT),
        Column("verdict", ", ".join(VERDICTS), TEXT),
        Column("claim", "what may be said of a suspect or different endpoint, no more", TEXT),
        Column("note", "what limits the figures or the verdict", TEXT),
        Column("suspect", "its p is among those rejected at q = 0.05 over the day's endpoints", FLAG),
        Column("channels_named", "channels that it is suspect by, comma-separated", TEXT),
        Column("suspect_days", "days in a row up to this one on which it is suspect, at most 3", INT),
        Column("n_channels_tested", "channels with a p", INT),
        Column("p_endpoint", "smallest p of its channels times their number, at most 1; see fidelity_channels", REAL),
        Column("e_value", "0.5 / sqrt(p_endpoint), of this day alone", REAL),
        Column("fidelity", "F = 100 S of sampled answers of 7 days, unclipped; 100: as the reference", REAL),
        Column("fidelity_lo", "its 95 % interval over prompts, lower", REAL),
        Column("fidelity_hi", "upper", REAL),
        Column("fidelity_n_prompts", "prompts that it rests on", INT),
        Column("fidelity_n_samples", "answers of the endpoint that it rests on", INT),
        Column("fidelity_self_floor", "F of the reference's own answers against each other", REAL),
        Column("fidelity_self_floor_split", "what halves them: days, or repeats while the pool has one day", TEXT),
        Column("fidelity_gap", "fidelity_self_floor - fidelity, points", REAL),
        Column("fidelity_gap_lo", "its 95 % interval, lower", REAL),
        Column("fidelity_gap_hi", "upper", REAL),
        Column("fidelity_day", "F of this day's samples alone, not pooled, for change points", REAL),
        Column("fidelity_day_lo", "its 95 % interval, lower", REAL),
        Column("fidelity_day_hi", "upper", REAL),
        Column("fidelity_day_n_prompts", "prompts that it rests on", INT),
        Column("fidelity_rank_in_family", "place by fidelity in its family, 1 the most alike; no claim", INT),
        Column("greedy_rate_per_1k", "divergences from the reference per 1,000 tokens at temperature 0", REAL),
        Column("greedy_rate_lo", "its 95 % interval, lower", REAL),
        Column("greedy_rate_hi", "upper", REAL),
        Column("greedy_rate_ratio", "that rate over the floor's", REAL),
        Column("greedy_n_prompts", "prompts that it rests on", INT),
        Column("logprob_lt_nats", "mean difference of log-probabilities of the first token, nats", REAL),
        Column("logprob_lt_lo", "its 95 % interval, lower", REAL),
        Column("logprob_lt_hi", "upper", REAL),
        Column("logprob_kl_nats", "KL divergence over the shared alternatives and the rest, nats", REAL),
        Column("logprob_n_prompts", "prompts that they rest on", INT),
        Column("parity_compared", "message sets whose reported tokens were compared with the reference's", INT),
        Column("parity_mismatched", "of them with another count: another template or a hidden prompt", INT),
        Column("border_tv", "mean total variation of first tokens of border inputs against their own reference", REAL),
        Column("border_n_prompts", "border inputs that it rests on", INT),
        Column("border_alarm", "it has changed by its own baseline, three days running; null: no baseline yet", FLAG),
        Column("limited", "its reasoning cannot be switched off: only its visible answers are compared", FLAG),
        Column("rehearsal", "figures of a rehearsal: its days were not lived through", FLAG),
    ),
)

BORDER_INPUTS = TableSpec(
    name="border_inputs",
    description="Border inputs of each endpoint: prompts at which its first token wavers, and candidates tried.",
    grain="one endpoint, candidate prompt and day",
    group="fidelity",
    key=("endpoint_id", "prompt_id"),
    not_null=("day", "endpoint_id", "prompt_id", "state", "has_reference", "n_reference"),
    rules={
        "known_state": _in("state", ("found", "tried")),
        "found_has_day": "(state = 'found') = (found_on is not null)",
        "only_found_have_reference": "state = 'found' or (n_reference = 0 and counts is null)",
        "counts_not_negative": "n_reference >= 0",
    },
    published="view",
    columns=(
        Column("day", "UTC day; what is known of the 30 up to it", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("prompt_id", "candidate prompt", TEXT),
        Column("state", "found: its first token wavers; tried: it does not", TEXT),
        Column("found_on", "UTC day on which it was found", DAY),
        Column("has_reference", "its first tokens were counted often enough to compare with", FLAG),
        Column("n_reference", "first tokens counted", INT),
        Column("counts", "JSON object {first token: count} of the reference stage; hostile text", TEXT),
    ),
)

FIDELITY_TABLES = (
    FIDELITY_SAMPLES,
    BORDER_INPUTS,
    FIDELITY_PROMPTS,
    FIDELITY_REFERENCES,
    FIDELITY_CHANNELS,
    FIDELITY_DAILY,
)
