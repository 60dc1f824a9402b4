-- description: The probe log with a verdict on each line: why it is set aside, or null for a good one; and what it cost.
-- grain: one line of a raw file
-- group: clean
-- key: raw_file, raw_line
-- not null: day, raw_file, raw_line, copy_number
-- published: view
-- order: none
-- rule cost_not_negative: cost_usd >= 0 and estimated_cost_usd >= 0
-- column day: UTC day of the partition
-- column raw_file: file of the round in the day's raw folder
-- column raw_line: line in that file, from 1
-- column reject_reason: why the line is set aside; null for a good one
-- column reject_detail: the value that gave the reason; null for a good one
-- column request_id: identity of the probe; null where it could not be read
-- column round_id: round that the line names; null where it could not be read
-- column endpoint_id: provider/model@sku; null where it could not be read
-- column suite: what was asked; null where it could not be read
-- column source_tool: the tool that made an imported row; null: our own prober
-- column status: outcome class; null where it could not be read
-- column input_tokens: prompt tokens billed, cached ones included
-- column output_tokens: output tokens billed, reasoning included
-- column copy_number: number of the line among all of its request, from 1
-- column price_id: line of the prices that the request pays, by its round, minute and size; null: no price is known
-- column cost_usd: cost at that list price, USD; null: price or usage unknown
-- column estimated_cost_usd: the same with tokens by characters where an answer of HTTP 2xx reported none, USD; null: unknown
with quickest as (
    -- No window over all lines: ten million are read in one pass, and only those that may be doubles are compared.
    -- The wait of a busy client for its own loop is no part of a round trip, and a connect that took a second lost its first
    -- packet (RFC 6298: it is sent again after one).
    select
        probe_log.raw_file,
        probe_log.endpoint_id,
        min(probe_log.connect_ms - coalesce(probe_log.client_delay_ms, 0)) as connect_ms
    from probe_log
    where
        probe_log.day = $day
        and probe_log.connect_ms < 1000
    group by probe_log.raw_file, probe_log.endpoint_id
),

-- By hash: eight bytes a line. A collision costs a comparison, nothing else.
doubled as (
    select hash(probe_log.request_id) as request_hash
    from probe_log
    where
        probe_log.day = $day
        and probe_log.request_id is not null
    group by hash(probe_log.request_id)
    having count(*) > 1
),

-- By its file and by the round that it names: a renamed log must not bring a void round back.
void_round as (
    select
        stg_rounds.round_id,
        stg_rounds.void_reason
    from stg_rounds
    where
        stg_rounds.day = $day
        and stg_rounds.void
),

judged_alone as (
    select
        priced_line.*,
        coalesce(stg_rounds.void_reason, void_round.void_reason) as void_reason,
        doubled.request_hash is not null as may_be_double,
        coalesce(length(priced_line.text), 0) + coalesce(length(priced_line.reasoning), 0) as text_chars,
        quickest.connect_ms as quickest_connect_ms,
        case
            when stg_rounds.void or void_round.round_id is not null then 'void_round'
            when priced_line.problem is not null then split_part(priced_line.problem, ':', 1)
            when priced_line.rehearsal and not stg_rounds.rehearsal_home then 'rehearsal_in_real_home'
            when not priced_line.rehearsal and stg_rounds.rehearsal_home then 'real_in_rehearsal_home'
            when priced_line.record_day != priced_line.day then 'other_day'
            when
                least(
                    priced_line.ttfb_ms,
                    priced_line.ttft_ms,
                    priced_line.ttfo_ms,
                    priced_line.readable_ms,
                    priced_line.e2e_ms,
                    priced_line.dns_ms,
                    priced_line.connect_ms,
                    priced_line.tls_ms
                ) < 0
                then 'negative_time'
            when
                least(
                    priced_line.shortest_gap_ms, priced_line.inter_chunk_p50_ms, priced_line.longest_stall_ms
                ) < 0
                or priced_line.e2e_from_schedule_ms < priced_line.e2e_ms - 0.001  -- sent before it was due; less is rounding
                then 'negative_gap'
            when
                priced_line.ttfb_ms > priced_line.ttft_ms
                or priced_line.ttft_ms > priced_line.ttfo_ms
                or greatest(priced_line.ttft_ms, priced_line.ttfo_ms) > priced_line.e2e_ms
                then 'stamps_out_of_order'
            when
                coalesce(priced_line.cached_tokens, 0) + coalesce(priced_line.cache_write_tokens, 0) > priced_line.input_tokens
                then 'more_cached_than_input'
            when priced_line.reasoning_tokens > priced_line.output_tokens then 'more_reasoning_than_output'
            when
                priced_line.suite in ('speed', 'parallel') and priced_line.cached_tokens > 0 and not priced_line.expects_cache
                then 'unasked_cache_hit'
            when
                priced_line.output_speed_tok_s > 5000 and catalog_log.fast_because is null
                then 'impossible_speed'
        end as own_fault
    from priced_line
    left join stg_rounds
        on priced_line.day = stg_rounds.day and priced_line.raw_file = stg_rounds.raw_file
    left join void_round on priced_line.round_id = void_round.round_id
    left join quickest
        on
            priced_line.raw_file = quickest.raw_file
            and priced_line.endpoint_id = quickest.endpoint_id
    left join doubled on hash(priced_line.request_id) = doubled.request_hash
    left join catalog_log
        on
            priced_line.day = catalog_log.day
            and priced_line.round_id = catalog_log.round_id
            and priced_line.endpoint_id = catalog_log.endpoint_id
    where priced_line.day = $day
),

examined as not materialized (
    select
        judged_alone.*,
        case
            when judged_alone.own_fault is not null then judged_alone.own_fault
            when judged_alone.ttft_ms < judged_alone.quickest_connect_ms / 2 then 'faster_than_network'
            when
                judged_alone.text_chars >= 200
                -- Reasoning that was billed and not shown, or only as a summary, has tokens without text.
                and not coalesce(judged_alone.reasoning_tokens > coalesce(length(judged_alone.reasoning), 0), false)
                and (
                    judged_alone.text_chars > 15 * judged_alone.output_tokens
                    or judged_alone.text_chars < 0.5 * judged_alone.output_tokens
                )
                then 'tokens_disagree_with_text'
        end as fault
    from judged_alone
),

-- Only a sound line can make a later one its duplicate: a broken line must not push out good evidence.
judged as (
    select
        examined.*,
        examined.fault as reject_reason,
        1 as copy_number
    from examined
    where not examined.may_be_double
    union all
    select
        examined.*,
        case
            when examined.fault is not null then examined.fault
            when
                row_number() over (
                    partition by examined.request_id, examined.fault is null
                    order by examined.raw_file, examined.raw_line
                ) > 1
                then 'duplicate_request_id'
        end as reject_reason,
        row_number() over (
            partition by examined.request_id order by examined.raw_file, examined.raw_line
        ) as copy_number
    from examined
    where examined.may_be_double
)

select
    judged.day,
    judged.raw_file,
    judged.raw_line,
    judged.reject_reason,
    case
        when judged.reject_reason is null then null
        when judged.reject_reason = 'void_round' then judged.void_reason
        when judged.problem is not null then judged.problem
        when judged.reject_reason in ('rehearsal_in_real_home', 'real_in_rehearsal_home')
            then 'rehearsal is ' || judged.rehearsal::varchar || ' in the record'
        when judged.reject_reason = 'other_day' then 'the record is of ' || judged.record_day::varchar
        when judged.reject_reason = 'duplicate_request_id' then judged.request_id
        when judged.reject_reason in ('negative_time', 'stamps_out_of_order')
            then
                'ttfb/ttft/ttfo/e2e ms: '
                || concat_ws(
                    '/',
                    coalesce(judged.ttfb_ms::varchar, '-'),
                    coalesce(judged.ttft_ms::varchar, '-'),
                    coalesce(judged.ttfo_ms::varchar, '-'),
                    coalesce(judged.e2e_ms::varchar, '-')
                )
        when judged.reject_reason = 'negative_gap'
            then
                'shortest gap, e2e, e2e from schedule ms: '
                || concat_ws(
                    '/',
                    coalesce(judged.shortest_gap_ms::varchar, '-'),
                    coalesce(judged.e2e_ms::varchar, '-'),
                    coalesce(judged.e2e_from_schedule_ms::varchar, '-')
                )
        when judged.reject_reason = 'impossible_speed'
            then judged.output_speed_tok_s::varchar || ' tokens per second, and no fast_because'
        when judged.reject_reason = 'faster_than_network'
            then
                'ttft ' || judged.ttft_ms::varchar || ' ms, quickest connect '
                || judged.quickest_connect_ms::varchar || ' ms'
        when judged.reject_reason = 'tokens_disagree_with_text'
            then judged.text_chars::varchar || ' characters of ' || judged.output_tokens::varchar || ' tokens'
        else
            'tokens in/cached/out/reasoning: '
            || concat_ws(
                '/',
                coalesce(judged.input_tokens::varchar, '-'),
                coalesce(judged.cached_tokens::varchar, '-'),
                coalesce(judged.output_tokens::varchar, '-'),
                coalesce(judged.reasoning_tokens::varchar, '-')
            )
    end as reject_detail,
    judged.request_id,
    judged.round_id,
    judged.endpoint_id,
    judged.suite,
    judged.source_tool,
    judged.status,
    judged.input_tokens,
    judged.output_tokens,
    judged.copy_number,
    judged.price_id,
    judged.cost_usd,
    judged.estimated_cost_usd
from judged
