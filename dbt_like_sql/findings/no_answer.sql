-- description: Who most often gave no answer within thirty seconds.
-- grain: the day
-- group: rank
-- key: headline
-- column value: share of items without an answer in time
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: items asked
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
with waited as (
    select answers_in_time.*
    from answers_in_time
    where answers_in_time.day = $day and answers_in_time.deadline_s = 30 and answers_in_time.p_no_answer is not null
    qualify
        row_number() over (
            partition by answers_in_time.endpoint_id
            order by answers_in_time.domain = 'all' desc, answers_in_time.domain = 'math' desc
        ) = 1
),

worst as (
    select waited.*
    from waited
    order by waited.p_no_answer desc, waited.endpoint_id asc
    limit 1
)

select
    worst.p_no_answer as value,
    worst.p_no_answer_lo as value_lo,
    worst.p_no_answer_hi as value_hi,
    'share' as unit,
    coalesce(worst.n_asked, 0) as n,
    case when coalesce(worst.p_no_answer, 0) = 0 then []::varchar[] else [worst.endpoint_id] end as endpoints,
    null::boolean as supported,
    false as modeled,
    case
        when worst.endpoint_id is null then 'cannot tell: no quality item was asked'
        when worst.p_no_answer = 0 then 'every item of every endpoint was answered within 30 s'
        else format('{} left {:.1f} % of its items without an answer within 30 s', worst.endpoint_id, 100 * worst.p_no_answer)
    end as headline,
    'retries and their waiting included; the causes stand in no_answer_daily' as detail
from (select true as always) as one
left join worst on one.always
