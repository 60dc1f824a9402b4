-- description: How long each fresh quality item made one wait for its answer, retries included; or why none came.
-- grain: one endpoint, suite and item
-- group: audit
-- key: endpoint_id, suite, item_id
-- not null: day, endpoint_id, suite, item_id, domain, outcome, asked_at, n_sent_attempts
-- published: view
-- rule waits_positive: wait_s >= 0
-- rule answered_or_explained: (wait_s is null) <= (no_answer_cause is not null)
-- rule cost_not_negative: cost_usd >= 0
-- column day: UTC day of the partition
-- column endpoint_id: provider/model@sku
-- column suite: quality_math or quality_code
-- column item_id: the item, the same for every endpoint
-- column template_id: template that made the item
-- column domain: math or code
-- column outcome: class of the outcome, see docs/methodology.md
-- column correct: official score; null where nothing can be graded
-- column asked_at: wall clock (UTC) at the start of the first attempt
-- column n_sent_attempts: tries of the day that were sent
-- column wait_s: first attempt due -> last token of the one that counts, seconds; null: no answer came
-- column no_answer_cause: how the first attempt failed: rate_limited, refused, server_error, stalled, cut, unreachable, no_text
-- column cost_usd: cost of all attempts at list price, USD; null: unknown
-- column request_id: the attempt that counts
-- column raw_file: file of the evidence in the day's raw folder
-- column raw_line: line in that file, from 1
with attempts as (
    select
        requests.endpoint_id,
        requests.suite,
        requests.item_id,
        requests.started_at,
        requests.status,
        requests.request_id
    from requests
    where
        requests.day = $day
        and requests.suite in ('quality_math', 'quality_code')
        and requests.status <> 'not_sent'
),

first_attempts as (
    select
        attempts.*,
        count(*) over (partition by attempts.endpoint_id, attempts.suite, attempts.item_id) as n_sent_attempts
    from attempts
    qualify
        row_number() over (
            partition by attempts.endpoint_id, attempts.suite, attempts.item_id
            order by attempts.started_at, attempts.request_id
        ) = 1
)

select
    answers.day,
    answers.endpoint_id,
    answers.suite,
    answers.item_id,
    answers.template_id,
    answers.domain,
    answers.outcome,
    answers.correct,
    first_attempts.started_at as asked_at,
    first_attempts.n_sent_attempts,
    case
        when counted.status in ('ok', 'truncated')
            then
                greatest(0, date_diff('microsecond', first_attempts.started_at, counted.started_at)) / 1e6::double
                + counted.e2e_from_schedule_ms / 1e3::double
    end as wait_s,
    case
        when first_attempts.status = 'http_429' then 'rate_limited'
        when first_attempts.status in ('http_3xx', 'http_4xx') then 'refused'
        when first_attempts.status in ('http_5xx', 'in_stream_error', 'bad_response') then 'server_error'
        when first_attempts.status in ('timeout_first', 'timeout_stall', 'timeout_total') then 'stalled'
        when first_attempts.status in ('dropped', 'too_large') then 'cut'
        when first_attempts.status in ('connect_failed', 'timeout_connect') then 'unreachable'
        when first_attempts.status in ('empty', 'content_filter') then 'no_text'
        -- The first attempt was answered in no time that is known, or not by itself the one that counts.
        when counted.e2e_from_schedule_ms is null then 'no_text'
    end as no_answer_cause,
    answers.cost_usd,
    answers.request_id,
    answers.raw_file,
    answers.raw_line
from answers
inner join first_attempts
    on
        answers.endpoint_id = first_attempts.endpoint_id
        and answers.suite = first_attempts.suite
        and answers.item_id = first_attempts.item_id
inner join requests as counted
    on
        answers.day = counted.day
        and answers.request_id = counted.request_id
where answers.day = $day
