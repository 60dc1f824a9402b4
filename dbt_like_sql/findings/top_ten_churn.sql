-- description: How many of the first ten of one workload are not among those of another, by dollars per correct answer.
-- grain: the day
-- group: rank
-- key: headline
-- column value: endpoints that leave the first ten
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: endpoints in both orders
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
with widest as (
    select preset_churn.*
    from preset_churn
    where
        preset_churn.day = $day
        and preset_churn.population = 'probed'
        and preset_churn.ordered_by = 'usd_per_correct'
        and preset_churn.n_out is not null
    order by preset_churn.n_out desc, preset_churn.preset_a asc, preset_churn.preset_b asc
    limit 1
)

select
    widest.n_out::double as value,
    null::double as value_lo,
    null::double as value_hi,
    'endpoints' as unit,
    coalesce(widest.n, 0) as n,
    case
        when coalesce(widest.out_endpoints, '') = '' then []::varchar[] else string_split(widest.out_endpoints, ', ')
    end as endpoints,
    null::boolean as supported,
    false as modeled,
    case
        when widest.n_out is null then 'cannot tell: too few endpoints have dollars per correct answer in two workloads'
        else
            format(
                '{} of the first {} by dollars per correct answer leave from {} to {}',
                widest.n_out, widest.top_n, widest.preset_a, widest.preset_b
            )
    end as headline,
    'by the measured order; who shares a rank may change place by chance' as detail
from (select true as always) as one
left join widest on one.always
