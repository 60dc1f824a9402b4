-- description: What each endpoint was forecast to cost on the day at most, and what it did by usage; void rounds cost as well.
-- grain: one endpoint and day
-- group: clean
-- key: endpoint_id
-- not null: day, endpoint_id, n_rounds, n_sent, n_not_sent, n_without_usage, n_without_price, booked_usd
-- rule booked_not_negative: booked_usd >= 0
-- rule counts_within_sent: n_without_usage <= n_sent and n_without_price <= n_sent
-- column day: UTC day of the partition
-- column endpoint_id: provider/model@sku
-- column n_rounds: rounds whose catalog had the endpoint
-- column n_sent: requests sent to it that the log can tell of, quarantined ones included
-- column n_not_sent: requests planned and not sent; of an endpoint that was not ready one for each suite
-- column forecast_requests: requests that the rounds were going to send; null: they forecast none
-- column forecast_usd_max: what these could cost at most, USD; null: a round forecast none, or the endpoint has no price
-- column booked_usd: what usage says was spent at list price, USD; requests of unknown cost left out
-- column n_without_usage: requests sent whose usage is unknown: failures, and endpoints that report none
-- column n_without_price: requests sent at an unknown price
-- column input_tokens: prompt tokens billed
-- column output_tokens: output tokens billed
-- column max_usd_per_day: the most that the day was allowed to cost, by the last catalog, USD; null: no limit of its own
with planned_round as (
    select catalog_log.*
    from catalog_log
    inner join round_log on catalog_log.day = round_log.day and catalog_log.round_id = round_log.round_id
    where
        catalog_log.day = $day
        and not starts_with(coalesce(round_log.suites, ''), 'imported:')  -- what another tool sent was not our spending
),

listed as (
    select
        planned_round.day,
        planned_round.endpoint_id
    from planned_round
    union
    select
        stg_probe_log.day,
        stg_probe_log.endpoint_id
    from stg_probe_log
    where
        stg_probe_log.day = $day
        and stg_probe_log.endpoint_id is not null
        and stg_probe_log.source_tool is null
),

planned as (
    select
        planned_round.endpoint_id,
        count(planned_round.round_id) as n_rounds,
        sum(planned_round.forecast_requests)::bigint as forecast_requests,
        case
            when count(*) = count(planned_round.forecast_usd_max)
                then sum(planned_round.forecast_usd_max::decimal(38, 12))::double
        end as forecast_usd_max,
        arg_max({ 'usd': planned_round.max_usd_per_day }, planned_round.recorded_at) as last_limit
    from planned_round
    group by planned_round.endpoint_id
),

-- What was written twice was sent once.
requested as (
    select
        stg_probe_log.endpoint_id,
        stg_probe_log.status = 'not_sent' as is_unsent,
        stg_probe_log.input_tokens,
        stg_probe_log.output_tokens,
        stg_probe_log.cost_usd,
        stg_probe_log.price_id is null as is_unpriced
    from stg_probe_log
    where
        stg_probe_log.day = $day
        and stg_probe_log.endpoint_id is not null
        and stg_probe_log.source_tool is null
        and stg_probe_log.copy_number = 1
),

booked as (
    select
        requested.endpoint_id,
        count(*) filter (where not requested.is_unsent) as n_sent,
        count(*) filter (where requested.is_unsent) as n_not_sent,
        count(*) filter (
            where not requested.is_unsent and (requested.input_tokens is null or requested.output_tokens is null)
        ) as n_without_usage,
        count(*) filter (where not requested.is_unsent and requested.is_unpriced) as n_without_price,
        sum(requested.input_tokens)::bigint as input_tokens,
        sum(requested.output_tokens)::bigint as output_tokens,
        sum(requested.cost_usd::decimal(38, 12))::double as booked_usd  -- exact, in whatever order it is summed
    from requested
    group by requested.endpoint_id
)

select
    listed.day,
    listed.endpoint_id,
    coalesce(planned.n_rounds, 0) as n_rounds,
    coalesce(booked.n_sent, 0) as n_sent,
    coalesce(booked.n_not_sent, 0) as n_not_sent,
    planned.forecast_requests,
    planned.forecast_usd_max,
    coalesce(booked.booked_usd, 0) as booked_usd,
    coalesce(booked.n_without_usage, 0) as n_without_usage,
    coalesce(booked.n_without_price, 0) as n_without_price,
    coalesce(booked.input_tokens, 0) as input_tokens,
    coalesce(booked.output_tokens, 0) as output_tokens,
    planned.last_limit['usd'] as max_usd_per_day
from listed
left join planned on listed.endpoint_id = planned.endpoint_id
left join booked on listed.endpoint_id = booked.endpoint_id
