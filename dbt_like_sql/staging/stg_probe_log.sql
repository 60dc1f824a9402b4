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
-- column reject_detail: the value that gave the reason
-- column request_id: identity of the probe; null where it could not be read
-- column endpoint_id: provider/model@sku; null where it could not be read
select
    probe_log.day,
    probe_log.raw_file,
    probe_log.raw_line,
    case
        when probe_log.problem is not null then split_part(probe_log.problem, ':', 1)
        when probe_log.record_day != probe_log.day then 'other_day'
        when
            row_number() over (partition by probe_log.request_id order by probe_log.raw_file, probe_log.raw_line) > 1
            then 'duplicate_request_id'
        when least(probe_log.ttfb_ms, probe_log.ttft_ms, probe_log.ttfo_ms, probe_log.e2e_ms) < 0 then 'negative_time'
        when probe_log.ttft_ms > probe_log.e2e_ms or probe_log.ttft_ms > probe_log.ttfo_ms then 'stamps_out_of_order'
        when probe_log.cached_tokens > probe_log.input_tokens then 'more_cached_than_input'
        when probe_log.reasoning_tokens > probe_log.output_tokens then 'more_reasoning_than_output'
    end as reject_reason,
    case
        when probe_log.problem is not null then probe_log.problem
        when probe_log.record_day != probe_log.day then 'the record is of ' || probe_log.record_day::varchar
        when
            least(probe_log.ttfb_ms, probe_log.ttft_ms, probe_log.ttfo_ms, probe_log.e2e_ms) < 0
            or probe_log.ttft_ms > probe_log.e2e_ms
            then
                'ttfb/ttft/ttfo/e2e ms: '
                || concat_ws('/', probe_log.ttfb_ms, probe_log.ttft_ms, probe_log.ttfo_ms, probe_log.e2e_ms)
        else
            'tokens in/cached/out/reasoning: '
            || concat_ws(
                '/',
                coalesce(probe_log.input_tokens::varchar, '-'),
                coalesce(probe_log.cached_tokens::varchar, '-'),
                coalesce(probe_log.output_tokens::varchar, '-'),
                coalesce(probe_log.reasoning_tokens::varchar, '-')
            )
    end as reject_detail,
    probe_log.request_id,
    probe_log.endpoint_id
from probe_log
where probe_log.day = $day
