-- description: Endpoints whose outputs are suspected not to be those of the model that is claimed.
-- grain: the day
-- group: rank
-- key: headline
-- column value: endpoints
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: endpoints with a verdict that day
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
with judged as (
    select fidelity_daily.*
    from fidelity_daily
    where fidelity_daily.day = $day and fidelity_daily.verdict not in ('reference', 'honest_floor', 'no_reference', 'no_score')
)

select
    case when count(*) > 0 then count(*) filter (where judged.verdict in ('suspect', 'different')) end::double as value,
    case when count(*) > 0 then count(*) filter (where judged.verdict in ('suspect', 'different')) end::double as value_lo,
    case
        when count(*) > 0 then count(*) filter (where judged.verdict in ('suspect', 'different', 'undetermined'))
    end::double as value_hi,
    'endpoints' as unit,
    count(*) as n,
    coalesce(
        list(judged.endpoint_id order by judged.endpoint_id) filter (where judged.verdict in ('suspect', 'different')),
        []::varchar[]
    ) as endpoints,
    null::boolean as supported,
    false as modeled,
    case
        when count(*) = 0 then 'cannot tell: no endpoint was compared with a reference'
        else
            format(
                '{} of {} endpoints are suspect, of them {} different; of {} nobody can tell yet',
                count(*) filter (where judged.verdict in ('suspect', 'different')),
                count(*),
                count(*) filter (where judged.verdict = 'different'),
                count(*) filter (where judged.verdict = 'undetermined')
            )
    end as headline,
    string_agg(judged.endpoint_id || ': ' || judged.claim, '; ' order by judged.endpoint_id)
    filter (where judged.verdict in ('suspect', 'different')) as detail
from judged
