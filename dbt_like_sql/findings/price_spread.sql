-- description: The widest spread of blended price within one model, for chat.
-- grain: the day
-- group: rank
-- key: headline
-- column value: price of the dearest over that of the cheapest
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: endpoints of that model
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
with families as (
    select
        blended_prices.model_family,
        arg_max(blended_prices.endpoint_id, (blended_prices.blended_usd_per_mtok, blended_prices.endpoint_id)) as dearest,
        arg_min(blended_prices.endpoint_id, (blended_prices.blended_usd_per_mtok, blended_prices.endpoint_id)) as cheapest,
        max(blended_prices.blended_usd_per_mtok)::double / min(blended_prices.blended_usd_per_mtok)::double as spread,
        count(*) as n
    from blended_prices
    where
        blended_prices.day = $day
        and blended_prices.population = 'probed'
        and blended_prices.preset = 'chat'
        and blended_prices.blended_usd_per_mtok > 0
    group by blended_prices.model_family
    having count(*) > 1
),

widest as (
    select families.*
    from families
    order by families.spread desc, families.model_family asc
    limit 1
)

select
    widest.spread as value,
    widest.spread as value_lo,
    widest.spread as value_hi,
    'times' as unit,
    coalesce(widest.n, 0) as n,
    case when widest.dearest is null then []::varchar[] else [widest.dearest, widest.cheapest] end as endpoints,
    null::boolean as supported,
    false as modeled,
    case
        when widest.dearest is null then 'cannot tell: no model has two endpoints with a price'
        else format('{} costs {:.1f} times as much for chat as {}', widest.dearest, widest.spread, widest.cheapest)
    end as headline,
    'list prices' as detail
from (select true as always) as one
left join widest on one.always
