-- description: Endpoints that changed in the week up to this day.
-- grain: the day
-- group: rank
-- key: headline
-- column value: endpoints
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: endpoints judged
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
with judged as (
    select
        change_points.endpoint_id,
        bool_or(
            change_points.verdict = 'changed'
            and change_points.changed_on > $day - interval 7 day
        ) as has_changed,
        string_agg(change_points.claim, ' ' order by change_points.event) filter (
            where
            change_points.verdict = 'changed'
            and change_points.changed_on > $day - interval 7 day
        ) as claims,
        bool_and(change_points.verdict = 'cannot tell') as untold
    from change_points
    where change_points.day = $day
    group by change_points.endpoint_id
)

select
    case when not bool_and(judged.untold) then count(*) filter (where judged.has_changed) end::double as value,
    case when not bool_and(judged.untold) then count(*) filter (where judged.has_changed) end::double as value_lo,
    case
        when not bool_and(judged.untold) then count(*) filter (where judged.has_changed or judged.untold)
    end::double as value_hi,
    'endpoints' as unit,
    count(*) as n,
    coalesce(
        list(judged.endpoint_id order by judged.endpoint_id) filter (where judged.has_changed), []::varchar[]
    ) as endpoints,
    null::boolean as supported,
    false as modeled,
    case
        when count(*) = 0 or bool_and(judged.untold) then 'cannot tell who changed this week: there are too few days'
        else
            format(
                '{} of {} endpoints changed this week; of {} nobody can tell yet',
                count(*) filter (where judged.has_changed), count(*), count(*) filter (where judged.untold)
            )
    end as headline,
    string_agg(judged.claims, ' ' order by judged.endpoint_id) as detail
from judged
