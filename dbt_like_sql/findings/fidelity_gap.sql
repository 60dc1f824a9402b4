-- description: The largest gap of fidelity to a first-party reference.
-- grain: the day
-- group: rank
-- key: headline
-- column value: the reference's likeness to itself minus the endpoint's to it, points of F
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: prompts that it rests on
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
with widest as (
    select fidelity_daily.*
    from fidelity_daily
    where
        fidelity_daily.day = $day
        and fidelity_daily.fidelity_gap is not null
        and fidelity_daily.reference_kind in ('own_api', 'self_hosted', 'partner')
    order by fidelity_daily.fidelity_gap desc, fidelity_daily.endpoint_id asc
    limit 1
)

select
    widest.fidelity_gap as value,
    widest.fidelity_gap_lo as value_lo,
    widest.fidelity_gap_hi as value_hi,
    'points of F' as unit,
    coalesce(widest.fidelity_n_prompts, 0) as n,
    case when widest.endpoint_id is null then []::varchar[] else [widest.endpoint_id, widest.reference_endpoint_id] end
        as endpoints,
    widest.verdict in ('suspect', 'different') as supported,
    false as modeled,
    case
        when widest.endpoint_id is null then 'cannot tell: no endpoint was compared with a reference'
        when widest.fidelity_gap <= 0 then 'no endpoint is less like its reference than that is like itself'
        else
            format(
                '{} is {:.1f} points less like {} than that is like itself',
                widest.endpoint_id, widest.fidelity_gap, widest.reference_endpoint_id
            )
    end as headline,
    'verdict: ' || widest.verdict || coalesce('; ' || widest.note, '') as detail
from (select true as always) as one
left join widest on one.always
