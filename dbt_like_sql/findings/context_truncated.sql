-- description: Endpoints that shorten long prompts and say nothing.
-- grain: the day
-- group: rank
-- key: headline
-- column value: endpoints
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: endpoints whose context was measured that day
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
select
    case when count(*) > 0 then count(*) filter (where context_daily.truncating) end::double as value,
    case when count(*) > 0 then count(*) filter (where context_daily.truncating) end::double as value_lo,
    case when count(*) > 0 then count(*) filter (where context_daily.truncating) end::double as value_hi,
    'endpoints' as unit,
    count(*) as n,
    coalesce(
        list(context_daily.endpoint_id order by context_daily.endpoint_id) filter (where context_daily.truncating),
        []::varchar[]
    ) as endpoints,
    null::boolean as supported,
    false as modeled,
    case
        when count(*) = 0 then 'cannot tell: context was not measured that day'
        else
            format(
                '{} of {} endpoints shorten long prompts without an error',
                count(*) filter (where context_daily.truncating), count(*)
            )
    end as headline,
    'two signs in two requests; the signs stand in context_daily.findings' as detail
from context_daily
where context_daily.day = $day
