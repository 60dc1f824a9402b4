-- description: The probe log with a verdict on each line: why it is set aside, or null for a good one.
-- grain: one line of a raw file
-- group: clean
-- key: raw_file, raw_line
-- not null: day, raw_file, raw_line
-- published: view
-- column day: UTC day of the partition
-- column raw_file: file of the round in the day's raw folder
-- column raw_line: line in that file, from 1
-- column reject_reason: why the line is set aside; null for a good one
-- column reject_detail: the value that gave the reason; null for a good one
-- column request_id: identity of the probe; null where it could not be read
-- column endpoint_id: provider/model@sku; null where it could not be read
with examined as (
    select
        probe_log.*,
        case
            when probe_log.problem is not null then split_part(probe_log.problem, ':', 1)
            when probe_log.record_day != probe_log.day then 'other_day'
            when
                least(probe_log.ttfb_ms, probe_log.ttft_ms, probe_log.ttfo_ms, probe_log.e2e_ms) < 0
                then 'negative_time'
            when
                probe_log.ttfb_ms > probe_log.ttft_ms
                or probe_log.ttft_ms > probe_log.ttfo_ms
                or greatest(probe_log.ttft_ms, probe_log.ttfo_ms) > probe_log.e2e_ms
                then 'stamps_out_of_order'
            when probe_log.cached_tokens > probe_log.input_tokens then 'more_cached_than_input'
            when probe_log.reasoning_tokens > probe_log.output_tokens then 'more_reasoning_than_output'
        end as fault
    from probe_log
    where probe_log.day = $day
),

-- Only a sound line can make a later one its duplicate: a broken line must not push out good evidence.
judged as (
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
        end as reject_reason
    from examined
)

select
    judged.day,
    judged.raw_file,
    judged.raw_line,
    judged.reject_reason,
    case
        when judged.reject_reason is null then null
        when judged.problem is not null then judged.problem
        when judged.reject_reason = 'other_day' then 'the record is of ' || judged.record_day::varchar
        when judged.reject_reason = 'duplicate_request_id' then judged.request_id
        when
            judged.reject_reason in ('negative_time', 'stamps_out_of_order')
            then
                'ttfb/ttft/ttfo/e2e ms: '
                || concat_ws(
                    '/',
                    coalesce(judged.ttfb_ms::varchar, '-'),
                    coalesce(judged.ttft_ms::varchar, '-'),
                    coalesce(judged.ttfo_ms::varchar, '-'),
                    coalesce(judged.e2e_ms::varchar, '-')
                )
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
    judged.endpoint_id
from judged
