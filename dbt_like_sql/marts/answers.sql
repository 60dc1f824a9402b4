-- description: Every quality item of the day: the grade of its first answered attempt, what all attempts cost, its evidence.
-- grain: one endpoint, suite and item
-- group: quality
-- key: endpoint_id, suite, item_id
-- not null: day, request_id, round_id, endpoint_id, suite, item_id, domain, source, tier, n_attempts, outcome, grader_version
-- published: view
-- rule cost_not_negative: cost_usd >= 0
-- rule attempts_count_from_one: n_attempts >= 1
-- rule estimated_within_attempts: n_attempts_estimated between 0 and n_attempts
-- rule basis_of_a_cost: (cost_usd is null) = (cost_basis is null)
-- column day: UTC day of the partition
-- column request_id: identity of the probe that counts: the first answered one, else the first
-- column round_id: round that sent it
-- column endpoint_id: provider/model@sku
-- column suite: quality_math, quality_code, anchor, own
-- column item_id: the item, the same for every endpoint
-- column template_id: template that made the item
-- column difficulty: difficulty of the template
-- column domain: math or code
-- column source: where the item is from: generated, gsm8k, humaneval, mbpp, own:FILE
-- column tier: tier of difficulty of the endpoint's family
-- column attempt: number of the counted try in its round, from 1
-- column n_attempts: tries of the day, all rounds together
-- column n_attempts_estimated: failed attempts that may have been billed (HTTP 2xx, no usage): counted by characters
-- column outcome: class of the outcome, see docs/methodology.md
-- column correct: official score; null where nothing can be graded
-- column lenient_correct: score that also takes the last number of the text
-- column gold: gold answer; of code: its tests
-- column extracted: answer as extracted; hostile text
-- column detail: what the grader says of it; hostile text
-- column text: visible answer; hostile text
-- column input_tokens: prompt tokens of all attempts, estimated ones included; null: an answered one's are unknown
-- column cached_tokens: prompt tokens read from a cache, all attempts
-- column output_tokens: output tokens of all attempts, estimated ones included; null: an answered one's are unknown
-- column cost_usd: cost of all attempts at list price, estimated ones included, USD; null: an answered one's is unknown
-- column cost_basis: usage; usage_and_estimate: at least one failed attempt is estimated; null: there is no cost
-- column grader_version: version of the grader
-- column raw_file: file of the evidence in the day's raw folder
-- column raw_line: line in that file, from 1
with attempts as (
    select
        requests.*,
        graded_answers.domain,
        graded_answers.source,
        graded_answers.tier as graded_tier,
        graded_answers.attempt as graded_attempt,
        graded_answers.outcome,
        graded_answers.correct,
        graded_answers.lenient_correct,
        graded_answers.extracted,
        graded_answers.detail,
        graded_answers.grader_version,
        graded_answers.outcome = 'missing' as is_missing
    from requests
    inner join graded_answers
        on
            requests.day = graded_answers.day
            and requests.request_id = graded_answers.request_id
    where requests.day = $day
),

-- A failed attempt that was answered with HTTP 2xx may have been billed although it reported no usage: it is counted by its
-- characters, as the spending caps do. Any other failure without usage cost nothing that we know of. What was answered has
-- a cost, known or not.
costed as (
    select
        attempts.*,
        attempts.is_missing and attempts.cost_usd is null and attempts.estimated_cost_usd is not null as is_estimated
    from attempts
),

billed as (
    select
        costed.endpoint_id,
        costed.suite,
        costed.item_id,
        count(*) as n_attempts,
        count(*) filter (where costed.is_estimated) as n_attempts_estimated,
        coalesce(sum(costed.cached_tokens), 0)::bigint as cached_tokens,
        case
            when bool_and(costed.is_missing or costed.input_tokens is not null)
                then
                    sum(
                        coalesce(
                            costed.input_tokens, case when costed.is_estimated then costed.estimated_input_tokens end
                        )
                    )::bigint
        end as input_tokens,
        case
            when bool_and(costed.is_missing or costed.output_tokens is not null)
                then
                    sum(
                        coalesce(
                            costed.output_tokens, case when costed.is_estimated then costed.estimated_output_tokens end
                        )
                    )::bigint
        end as output_tokens,
        case
            when bool_and(costed.is_missing or costed.cost_usd is not null)
                then
                    sum(
                        -- exact, in whatever order it is summed
                        coalesce(costed.cost_usd, case when costed.is_estimated then costed.estimated_cost_usd end)
                        ::decimal(38, 12)
                    )::double
        end as cost_usd
    from costed
    group by costed.endpoint_id, costed.suite, costed.item_id
),

counted as (
    select attempts.*
    from attempts
    qualify
        row_number() over (
            partition by attempts.endpoint_id, attempts.suite, attempts.item_id
            order by attempts.is_missing, attempts.started_at, attempts.graded_attempt, attempts.raw_file, attempts.raw_line
        ) = 1
)

select
    counted.day,
    counted.request_id,
    counted.round_id,
    counted.endpoint_id,
    counted.suite,
    counted.item_id,
    counted.template_id,
    counted.difficulty,
    counted.domain,
    counted.source,
    counted.graded_tier as tier,
    counted.graded_attempt as attempt,
    billed.n_attempts,
    billed.n_attempts_estimated,
    counted.outcome,
    counted.correct,
    counted.lenient_correct,
    counted.gold,
    counted.extracted,
    counted.detail,
    counted.text,
    billed.input_tokens,
    billed.cached_tokens,
    billed.output_tokens,
    billed.cost_usd,
    case
        when billed.cost_usd is not null
            then case when billed.n_attempts_estimated > 0 then 'usage_and_estimate' else 'usage' end
    end as cost_basis,
    counted.grader_version,
    counted.raw_file,
    counted.raw_line
from counted
inner join billed
    on
        counted.endpoint_id = billed.endpoint_id
        and counted.suite = billed.suite
        and counted.item_id = billed.item_id
