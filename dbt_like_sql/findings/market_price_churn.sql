-- description: How many of the ten real endpoints cheapest for chat are not among the ten cheapest for retrieval, by list price.
-- grain: the day
-- group: rank
-- key: headline
-- column value: endpoints that leave the first ten
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: priced endpoints
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
with churn as (
    select preset_churn.*
    from preset_churn
    where
        preset_churn.day = $day
        and preset_churn.population = 'market'
        and preset_churn.ordered_by = 'blended_usd_per_mtok'
        and preset_churn.preset_a = 'chat'
        and preset_churn.preset_b = 'rag'
)

select
    churn.n_out::double as value,
    churn.n_out::double as value_lo,
    churn.n_out::double as value_hi,
    'endpoints' as unit,
    coalesce(churn.n, 0) as n,
    case
        when coalesce(churn.out_endpoints, '') = '' then []::varchar[] else string_split(churn.out_endpoints, ', ')
    end as endpoints,
    null::boolean as supported,
    false as modeled,
    case
        when churn.n_out is null
            then 'cannot tell: ' || coalesce(churn.note, 'there is no price list of the market for chat and rag')
        else
            format(
                '{} of the {} cheapest of {} real endpoints for chat leave the {} cheapest for retrieval, by list price alone',
                churn.n_out, churn.top_n, churn.n, churn.top_n
            )
    end as headline,
    format('Kendall''s tau {:.3f}', churn.kendall_tau_b) as detail
from (select true as always) as one
left join churn on one.always
