-- description: The widest spread of modeled joules per correct answer within one model.
-- grain: the day
-- group: rank
-- key: headline
-- column value: joules per correct answer of the one over that of the other, P50
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: pairs of endpoints of one model that could be compared
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
with pairs as (
    select
        energy_pairs.*,
        energy_pairs.ratio_p50 >= 1 as first_takes_more
    from energy_pairs
    where energy_pairs.day = $day and energy_pairs.mix = 'as_probed'
),

widest as (
    select pairs.*
    from pairs
    order by greatest(pairs.ratio_p50, 1 / pairs.ratio_p50) desc, pairs.endpoint_a asc, pairs.endpoint_b asc
    limit 1
),

counted as (
    select count(*) as n
    from pairs
)

select
    case when widest.first_takes_more then widest.ratio_p50 else 1 / widest.ratio_p50 end as value,
    case when widest.first_takes_more then widest.ratio_p5 else 1 / widest.ratio_p95 end as value_lo,
    case when widest.first_takes_more then widest.ratio_p95 else 1 / widest.ratio_p5 end as value_hi,
    'times' as unit,
    counted.n,
    case
        when widest.endpoint_a is null then []::varchar[]
        when widest.first_takes_more then [widest.endpoint_a, widest.endpoint_b]
        else [widest.endpoint_b, widest.endpoint_a]
    end as endpoints,
    widest.supported,
    true as modeled,
    case
        when widest.endpoint_a is null then 'cannot tell: no two endpoints of a model have modeled joules that can be compared'
        when widest.supported then 'the widest gap of joules per correct answer within a model: ' || widest.finding
        else 'the widest gap of modeled joules per correct answer within a model is no supported difference'
    end as headline,
    'modeled, P5 to P95 over what is not disclosed; the widest pair was chosen' as detail
from counted
left join widest on true
