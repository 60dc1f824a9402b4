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
        probe_log.*,
        coalesce(stg_rounds.void_reason, void_round.void_reason) as void_reason,
        doubled.request_hash is not null as may_be_double,
        round_prices.price_id,
        round_prices.input_usd_per_mtok::double as usd_in,
        coalesce(round_prices.cached_input_usd_per_mtok, round_prices.input_usd_per_mtok)::double as usd_cached,
        coalesce(round_prices.cache_write_usd_per_mtok, round_prices.input_usd_per_mtok)::double as usd_written,
        round_prices.output_usd_per_mtok::double as usd_out,
        coalesce(round_prices.reasoning_output_usd_per_mtok, round_prices.output_usd_per_mtok)::double as usd_thought,
        coalesce(probe_log.cached_tokens, 0)::double as n_cached,
        coalesce(probe_log.cache_write_tokens, 0)::double as n_written,
        least(coalesce(probe_log.reasoning_tokens, 0), probe_log.output_tokens)::double as n_thought,
        coalesce(length(probe_log.text), 0) + coalesce(length(probe_log.reasoning), 0) as text_chars,
        quickest.connect_ms as quickest_connect_ms,
        case
            when stg_rounds.void or void_round.round_id is not null then 'void_round'
            when probe_log.problem is not null then split_part(probe_log.problem, ':', 1)
            when probe_log.rehearsal and not stg_rounds.rehearsal_home then 'rehearsal_in_real_home'
            when not probe_log.rehearsal and stg_rounds.rehearsal_home then 'real_in_rehearsal_home'
            when probe_log.record_day != probe_log.day then 'other_day'
            when
                least(
                    probe_log.ttfb_ms,
                    probe_log.ttft_ms,
                    probe_log.ttfo_ms,
                    probe_log.readable_ms,
                    probe_log.e2e_ms,
                    probe_log.dns_ms,
                    probe_log.connect_ms,
                    probe_log.tls_ms
                ) < 0
                then 'negative_time'
            when
                least(
                    probe_log.shortest_gap_ms, probe_log.inter_chunk_p50_ms, probe_log.longest_stall_ms
                ) < 0
                or probe_log.e2e_from_schedule_ms < probe_log.e2e_ms - 0.001  -- sent before it was due; less is rounding
                then 'negative_gap'
            when
                probe_log.ttfb_ms > probe_log.ttft_ms
                or probe_log.ttft_ms > probe_log.ttfo_ms
                or greatest(probe_log.ttft_ms, probe_log.ttfo_ms) > probe_log.e2e_ms
                then 'stamps_out_of_order'
            when
                coalesce(probe_log.cached_tokens, 0) + coalesce(probe_log.cache_write_tokens, 0) > probe_log.input_tokens
                then 'more_cached_than_input'
            when probe_log.reasoning_tokens > probe_log.output_tokens then 'more_reasoning_than_output'
            when
                probe_log.suite in ('speed', 'parallel') and probe_log.cached_tokens > 0 and not probe_log.expects_cache
                then 'unasked_cache_hit'
            when
                probe_log.output_speed_tok_s > 5000 and catalog_log.fast_because is null
                then 'impossible_speed'
        end as own_fault
    from probe_log
    left join stg_rounds
        on probe_log.day = stg_rounds.day and probe_log.raw_file = stg_rounds.raw_file
    left join void_round on probe_log.round_id = void_round.round_id
    left join quickest
        on
            probe_log.raw_file = quickest.raw_file
            and probe_log.endpoint_id = quickest.endpoint_id
    left join doubled on hash(probe_log.request_id) = doubled.request_hash
    left join catalog_log
        on
            probe_log.day = catalog_log.day
            and probe_log.round_id = catalog_log.round_id
            and probe_log.endpoint_id = catalog_log.endpoint_id
    left join round_prices
        on
            probe_log.day = round_prices.day
            and probe_log.round_id = round_prices.round_id
            and probe_log.endpoint_id = round_prices.endpoint_id
            -- A cliff: its size decides the price of all of a request; one of unknown size pays as a small one.
            and coalesce(probe_log.input_tokens, probe_log.estimated_input_tokens, 0) >= round_prices.min_input_tokens
            and coalesce(probe_log.input_tokens, probe_log.estimated_input_tokens, 0)
            <= coalesce(round_prices.max_input_tokens, 9223372036854775807)
            and (isodow(probe_log.started_at) - 1) * 1440 + hour(probe_log.started_at) * 60 + minute(probe_log.started_at)
            >= round_prices.from_minute
            and (isodow(probe_log.started_at) - 1) * 1440 + hour(probe_log.started_at) * 60 + minute(probe_log.started_at)
            < round_prices.to_minute
    where probe_log.day = $day
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
    case
        when judged.n_cached + judged.n_written <= judged.input_tokens
            then
                (
                    (judged.input_tokens::double - judged.n_cached - judged.n_written) * judged.usd_in
                    + judged.n_cached * judged.usd_cached
                    + judged.n_written * judged.usd_written
                    + (judged.output_tokens::double - judged.n_thought) * judged.usd_out
                    + judged.n_thought * judged.usd_thought
                ) / 1e6::double
    end as cost_usd,
    case
        when coalesce(judged.estimated_input_tokens, judged.estimated_output_tokens) is not null
            then
                (
                    greatest(
                        coalesce(judged.input_tokens, judged.estimated_input_tokens)::double
                        - judged.n_cached - judged.n_written,
                        0
                    ) * judged.usd_in
                    + judged.n_cached * judged.usd_cached
                    + judged.n_written * judged.usd_written
                    + coalesce(judged.output_tokens, judged.estimated_output_tokens)::double * judged.usd_out
                ) / 1e6::double
    end as estimated_cost_usd
from judged
