-- description: Endpoints that bill more tokens than their text holds by any tokenizer.
-- grain: the day
-- group: rank
-- key: headline
-- column value: endpoints
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: endpoints audited
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
select
    case
        when count(*) filter (where billing_audit.n_audited > 0) > 0
            then count(*) filter (where billing_audit.bills_more_than_text)
    end::double as value,
    case
        when count(*) filter (where billing_audit.n_audited > 0) > 0
            then count(*) filter (where billing_audit.bills_more_than_text)
    end::double as value_lo,
    case
        when count(*) filter (where billing_audit.n_audited > 0) > 0
            then count(*) filter (where billing_audit.bills_more_than_text)
    end::double as value_hi,
    'endpoints' as unit,
    count(*) filter (where billing_audit.n_audited > 0) as n,
    coalesce(
        list(billing_audit.endpoint_id order by billing_audit.endpoint_id)
        filter (where billing_audit.bills_more_than_text),
        []::varchar[]
    ) as endpoints,
    null::boolean as supported,
    false as modeled,
    case
        when count(*) filter (where billing_audit.n_audited > 0) = 0 then 'cannot tell: no bill was audited'
        else
            format(
                '{} of {} endpoints bill more tokens than their text holds',
                count(*) filter (where billing_audit.bills_more_than_text),
                count(*) filter (where billing_audit.n_audited > 0)
            )
    end as headline,
    'only where the whole interval clears the tokenizer''s own error; the evidence stands in billing_evidence' as detail
from billing_audit
where billing_audit.day = $day
