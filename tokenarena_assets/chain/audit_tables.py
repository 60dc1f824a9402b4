"""Declarations of the audit's tables: bills against text, and answers against the clock."""

from __future__ import annotations

from tokenarena_assets.chain.tables import DAY, FLAG, INT, REAL, TEXT
from tokenarena_assets.storage.tables import Column, TableSpec

VERDICTS = "('agrees', 'more', 'less', 'within the tokenizer''s error', 'cannot tell')"
VERDICT_WORDS = "agrees, more, less, within the tokenizer's error, cannot tell"
BASIS = "family: the endpoint's own tokenizer; common: o200k_base, with the error that it has on other families' text"

BILLING_REQUESTS = TableSpec(
    name="billing_requests",
    description="Each audited answer: what it was billed, what its text and prompt count to, what it reported to cost.",
    grain="one audited answer",
    group="audit",
    key=("raw_file", "raw_line"),
    not_null=("day", "endpoint_id", "request_id", "raw_file", "raw_line", "tokenizer", "tokenizer_basis"),
    rules={
        "counts_not_negative": (
            "least(counted_answer_tokens, counted_reasoning_tokens, end_tokens, hidden_reasoning_tokens) >= 0"
        ),
        "bounds_ordered": "counted_output_lo <= counted_output_hi",
        "count_within_bounds_of_its_own_tokenizer": (
            "tokenizer_basis <> 'family' or counted_output_tokens between counted_output_lo and counted_output_hi"
        ),
        "counted_is_its_parts": (
            "counted_output_tokens = counted_answer_tokens + counted_reasoning_tokens + end_tokens"
        ),
        "hidden_within_billed": "hidden_reasoning_tokens <= billed_reasoning_tokens",
        "cost_not_negative": "least(cost_usd, reported_cost_usd) >= 0",
        "reported_cost_has_a_field": "(reported_cost_usd is null) = (reported_cost_field is null)",
        "known_basis": "tokenizer_basis in ('family', 'common')",
    },
    published="view",
    columns=(
        Column("day", "UTC day of the partition", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("request_id", "identity of the probe", TEXT),
        Column("suite", "what was asked", TEXT),
        Column("raw_file", "file of the evidence in the day's raw folder", TEXT),
        Column("raw_line", "line in that file, from 1", INT),
        Column("reject_reason", "why it is in quarantine and audited all the same", TEXT),
        Column("tokenizer", "what counted it", TEXT),
        Column("tokenizer_basis", BASIS, TEXT),
        Column("billed_input_tokens", "prompt tokens billed, cached ones included", INT),
        Column("counted_input_tokens", "tokens of the prompt's text; null: it is not one plain text", INT),
        Column("counted_input_lo", "least that the family's own tokenizer may make of it", REAL),
        Column("counted_input_hi", "most", REAL),
        Column("billed_output_tokens", "output tokens billed, reasoning included; null: no usage", INT),
        Column("billed_reasoning_tokens", "of them reasoning, where reported", INT),
        Column("counted_answer_tokens", "tokens of the visible answer", INT),
        Column("counted_answer_lo", "least that the family's own tokenizer may make of it", REAL),
        Column("counted_answer_hi", "most", REAL),
        Column("counted_reasoning_tokens", "tokens of the reasoning that was shown, inline thought included", INT),
        Column("counted_reasoning_lo", "least that the family's own tokenizer may make of it", REAL),
        Column("counted_reasoning_hi", "most", REAL),
        Column("end_tokens", "1 where the answer ended by itself: that token is billed and sends no event", INT),
        Column("counted_output_tokens", "answer, shown reasoning and end", INT),
        Column("counted_output_lo", "least that the family's own tokenizer may make of it, without its end", REAL),
        Column("counted_output_hi", "most, with marks around reasoning where there is some", REAL),
        Column("hidden_reasoning_tokens", "reasoning billed beyond what was shown", INT),
        Column("generated_events", "events that brought generated text", INT),
        Column("cached_place", "cached tokens inside the prompt tokens or outside; null: none", TEXT),
        Column("reasoning_place", "reasoning tokens inside the output tokens or outside; null: none", TEXT),
        Column("cost_usd", "cost at the list price that the round recorded, USD", REAL),
        Column("reported_cost_usd", "cost that the endpoint itself reports, USD", REAL),
        Column("reported_cost_field", "the field of its usage that says so", TEXT),
    ),
)

BILLING_AUDIT = TableSpec(
    name="billing_audit",
    description=(
        "Does an endpoint bill what its text holds? Output, input and reported cost against our own count, of up to "
        "200 answers a day."
    ),
    grain="one endpoint",
    group="audit",
    key=("endpoint_id",),
    not_null=(
        "day",
        "endpoint_id",
        "n_answered",
        "n_audited",
        "n_without_usage",
        "output_verdict",
        "input_verdict",
        "bills_more_than_text",
        "findings",
        "claim",
    ),
    rules={
        "audited_within_answered": "n_audited between 0 and least(n_answered, 200)",
        "ratio_interval_ordered": "output_ratio_lo <= output_ratio and output_ratio <= output_ratio_hi",
        "slope_interval_ordered": "input_slope_lo <= input_slope and input_slope <= input_slope_hi",
        "hidden_is_share": "hidden_reasoning_share between 0 and 1",
        "known_verdicts": f"output_verdict in {VERDICTS} and input_verdict in {VERDICTS}",
        "flag_has_a_verdict": "bills_more_than_text = (output_verdict = 'more' or input_verdict = 'more')",
        "no_accusation_within_the_error": "output_verdict <> 'more' or output_ratio_lo > output_error_hi",
        "no_accusation_within_the_input_error": "input_verdict <> 'more' or input_slope_lo > input_error_hi",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("n_answered", "answers of the day that could be audited", INT),
        Column("n_audited", "of them audited", INT),
        Column("n_without_usage", "of all that could be audited those without usage", INT),
        Column("tokenizer", "what counted", TEXT),
        Column("tokenizer_basis", BASIS, TEXT),
        Column("billed_output_tokens", "output tokens billed for the audited answers, reasoning included", INT),
        Column("counted_output_tokens", "tokens of their text, shown reasoning and ends", INT),
        Column("hidden_reasoning_tokens", "reasoning tokens billed and not shown; left out of the ratio", INT),
        Column("hidden_reasoning_share", "of the output tokens billed", REAL),
        Column("output_ratio", "billed (less hidden reasoning) / counted", REAL),
        Column("output_ratio_lo", "its 95 % interval, lower", REAL),
        Column("output_ratio_hi", "upper", REAL),
        Column("n_output", "answers that it rests on", INT),
        Column("output_error_lo", "the ratio that an honest endpoint may have by this tokenizer, least", REAL),
        Column("output_error_hi", "most", REAL),
        Column("output_verdict", VERDICT_WORDS, TEXT),
        Column("input_slope", "prompt tokens billed for each counted; null: prompts too alike or too few", REAL),
        Column("input_slope_lo", "its 95 % interval, lower", REAL),
        Column("input_slope_hi", "upper", REAL),
        Column("template_overhead_tokens", "prompt tokens billed with each request beside its text", REAL),
        Column("n_input", "prompts that they rest on", INT),
        Column("input_error_lo", "the slope that an honest endpoint may have by this tokenizer, least", REAL),
        Column("input_error_hi", "most", REAL),
        Column("input_verdict", VERDICT_WORDS, TEXT),
        Column("reported_cost_usd", "cost that the endpoint reports, of the requests with both costs, USD", REAL),
        Column("list_cost_usd", "cost of the same at list price, USD", REAL),
        Column("reported_cost_ratio", "reported / list", REAL),
        Column("reported_cost_ratio_lo", "its 95 % interval, lower", REAL),
        Column("reported_cost_ratio_hi", "upper", REAL),
        Column("n_reported_cost", "requests that it rests on", INT),
        Column("bills_more_than_text", "more is billed, output or input, than the text holds by any tokenizer", FLAG),
        Column("findings", "kinds of billing_evidence, comma-separated; empty: none", TEXT),
        Column("claim", "what may be said, in one sentence or more", TEXT),
    ),
)

BILLING_EVIDENCE = TableSpec(
    name="billing_evidence",
    description="What the billing audit found, finding by finding, with the clearest requests and their raw lines.",
    grain="one endpoint and finding",
    group="audit",
    key=("endpoint_id", "finding"),
    not_null=("day", "endpoint_id", "finding", "severity", "claim", "n", "evidence"),
    rules={"known_severity": "severity in ('flag', 'note', 'cannot tell')"},
    columns=(
        Column("day", "UTC day", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("finding", "kind of finding, see docs/billing.md", TEXT),
        Column("severity", "flag: bills more than text; note: worth knowing; cannot tell", TEXT),
        Column("claim", "what may be said, in a sentence", TEXT),
        Column("n", "answers, prompts or usage blocks that it rests on", INT),
        Column("evidence", "JSON list: request_id, raw_file, raw_line and counts of the clearest examples", TEXT),
    ),
)

CAUSES = ("rate_limited", "refused", "server_error", "stalled", "cut", "unreachable", "no_text", "too_slow")
ANSWERS_IN_TIME = TableSpec(
    name="answers_in_time",
    description=(
        "Failures as cost: how often no answer comes within a deadline, and dollars per correct answer in time. Of "
        "fresh quality items, retries and their waiting included."
    ),
    grain="one endpoint and deadline",
    group="audit",
    key=("endpoint_id", "deadline_s"),
    not_null=("day", "endpoint_id", "deadline_s", "n_asked", "n_in_time", "n_correct_in_time", "domain"),
    rules={
        "counts_nested": "n_correct_in_time <= n_in_time and n_in_time <= n_asked",
        "share_in_range": "p_no_answer between 0 and 1",
        "share_interval_ordered": "p_no_answer_lo <= p_no_answer and p_no_answer <= p_no_answer_hi",
        "ratio_interval_ordered": (
            "usd_per_correct_in_time_lo <= usd_per_correct_in_time "
            "and usd_per_correct_in_time <= usd_per_correct_in_time_hi"
        ),
        "ratio_or_note": "usd_per_correct_in_time is not null or note is not null",
        "deadline_positive": "deadline_s > 0",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("deadline_s", "how long one waits for an answer, seconds", REAL),
        Column("presets", "workloads that set this deadline, comma-separated; null: none", TEXT),
        Column("domain", "math, code or all (fixed shares of 60 and 40 %)", TEXT),
        Column("n_asked", "items asked", INT),
        Column("n_in_time", "of them answered within the deadline, rightly or not", INT),
        Column("n_correct_in_time", "of them answered rightly within it", INT),
        Column("p_no_answer", "share of items without an answer within the deadline", REAL),
        Column("p_no_answer_lo", "its 95 % Wilson interval, lower", REAL),
        Column("p_no_answer_hi", "upper", REAL),
        Column("usd_per_correct_in_time", "cost of all attempts / right answers in time, USD", REAL),
        Column("usd_per_correct_in_time_lo", "its 95 % interval, lower; none right in time: it is above", REAL),
        Column("usd_per_correct_in_time_hi", "upper; null: not bounded", REAL),
        Column("n_cost", "items that it rests on", INT),
        Column("note", "why there is no ratio", TEXT),
    ),
)

NO_ANSWER_DAILY = TableSpec(
    name="no_answer_daily",
    description="Why no answer came within a deadline: one line a cause, those that did not occur included.",
    grain="one endpoint, deadline and cause",
    group="audit",
    key=("endpoint_id", "deadline_s", "cause"),
    not_null=("day", "endpoint_id", "deadline_s", "cause", "n", "n_asked"),
    rules={
        "n_within_asked": "n between 0 and n_asked",
        "share_interval_ordered": "p_lo <= p and p <= p_hi",
        "known_cause": f"cause in {CAUSES}",
    },
    columns=(
        Column("day", "UTC day", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("deadline_s", "how long one waits for an answer, seconds", REAL),
        Column(
            "cause",
            "how the first attempt failed: rate_limited (429), refused (3xx, 4xx), server_error (5xx, an error in the "
            "stream), stalled (timeouts), cut, unreachable, no_text (empty, filtered); or too_slow: answered late",
            TEXT,
        ),
        Column("n", "items without an answer in time for this cause", INT),
        Column("n_asked", "items asked", INT),
        Column("p", "n / n_asked", REAL),
        Column("p_lo", "its 95 % Wilson interval, lower", REAL),
        Column("p_hi", "upper", REAL),
    ),
)

BILLING_TABLES = (BILLING_AUDIT, BILLING_EVIDENCE)
IN_TIME_TABLES = (ANSWERS_IN_TIME, NO_ANSWER_DAILY)
AUDIT_TABLES = (BILLING_REQUESTS, *BILLING_TABLES, *IN_TIME_TABLES)
