-- description: The widest spread of tail latency within a model: p90 to the last token, a failure counted as never.
-- grain: the day
-- group: rank
-- key: headline
-- column value: p90 of the slowest over that of the quickest
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: probes of the one with fewer
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
with tails as (
    select
        scorecard.endpoint_id,
        scorecard.model_family,
        scorecard.latency_suite,
        scorecard.latency_prompt_tokens,
        latency_daily.n_sent,
        latency_daily.e2e_p90_with_failures_ms as tail_ms,
        latency_daily.e2e_p90_with_failures_note as note
    from scorecard
    inner join latency_daily
        on
            scorecard.day = latency_daily.day
            and scorecard.endpoint_id = latency_daily.endpoint_id
            and scorecard.latency_suite = latency_daily.suite
            and scorecard.latency_prompt_tokens is not distinct from latency_daily.prompt_tokens_target
    where scorecard.day = $day
),

families as (
    select
        tails.model_family,
        tails.latency_prompt_tokens,
        arg_max(tails.endpoint_id, (tails.tail_ms, tails.endpoint_id)) as slowest,
        arg_min(tails.endpoint_id, (tails.tail_ms, tails.endpoint_id)) as quickest,
        max(tails.tail_ms) / min(tails.tail_ms) as spread,
        min(tails.n_sent) as n
    from tails
    where tails.tail_ms is not null
    group by tails.model_family, tails.latency_suite, tails.latency_prompt_tokens
    having count(*) > 1
),

widest as (
    select families.*
    from families
    order by families.spread desc, families.model_family asc, families.latency_prompt_tokens asc
    limit 1
),

known as (
    select
        coalesce(max(tails.n_sent), 0) as most,
        case
            when count(tails.tail_ms) > 0 then 'no model has two endpoints with one that can be compared'
            else max(tails.note)
        end as note
    from tails
)

select
    widest.spread as value,
    null::double as value_lo,
    null::double as value_hi,
    'times' as unit,
    coalesce(widest.n, known.most) as n,
    case when widest.slowest is null then []::varchar[] else [widest.slowest, widest.quickest] end as endpoints,
    null::boolean as supported,
    false as modeled,
    case
        when widest.slowest is null
            then 'cannot tell the spread of tails within a model: ' || coalesce(known.note, 'not measured')
        else
            format(
                'nine of ten answers of {} are there after {:.1f} times the time of {}',
                widest.slowest, widest.spread, widest.quickest
            )
    end as headline,
    'each p90 is a value that the true one is below at 99 % confidence; the order tail in `ranks` says who is told apart'
        as detail
from known
left join widest on true
