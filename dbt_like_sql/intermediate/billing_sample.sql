-- description: The answers whose bill is audited: up to 200 an endpoint and day, drawn by a hash, the same ones each time.
-- grain: one answered request
-- group: audit
-- key: raw_file, raw_line
-- not null: day, endpoint_id, request_id, suite, raw_file, raw_line, n_answered, n_without_usage
-- published: view
-- rule no_more_than_200: sample_number between 1 and 200
-- rule sample_within_answered: sample_number <= n_answered and n_without_usage <= n_answered
-- column day: UTC day of the partition
-- column endpoint_id: provider/model@sku
-- column request_id: identity of the probe
-- column suite: what was asked; context is left out, whose prompts may be cut, and so are imported rows
-- column raw_file: file of the evidence in the day's raw folder
-- column raw_line: line in that file, from 1
-- column reject_reason: why it is in quarantine: usage that contradicts its text or itself is what an audit looks for
-- column finish_reason: finish reason as the endpoint gave it
-- column input_tokens: prompt tokens billed, cached ones included
-- column cached_tokens: of them read from the endpoint's cache
-- column output_tokens: output tokens billed, reasoning included
-- column reasoning_tokens: of them reasoning, where reported
-- column generated_events: events that brought generated text
-- column cost_usd: cost at the list price that the round recorded, USD; null: price or usage unknown
-- column text: visible answer; hostile text
-- column reasoning: reasoning text; hostile as well
-- column sample_number: place in the order of the hash, from 1
-- column n_answered: answers of the endpoint and day that could have been drawn
-- column n_without_usage: of them those without output tokens in their usage
with answered as (
    -- Drawn by place first, without the texts: of ten million answers no more than the drawn ones are carried along.
    select
        stg_probe_log.endpoint_id,
        {
            'hash': md5(stg_probe_log.request_id),
            'raw_file': stg_probe_log.raw_file,
            'raw_line': stg_probe_log.raw_line
        } as place,
        stg_probe_log.output_tokens
    from stg_probe_log
    where
        stg_probe_log.day = $day
        and stg_probe_log.status in ('ok', 'truncated')
        and stg_probe_log.source_tool is null
        and stg_probe_log.suite <> 'context'
        and (
            stg_probe_log.reject_reason is null
            or stg_probe_log.reject_reason in (
                'tokens_disagree_with_text', 'more_cached_than_input', 'more_reasoning_than_output'
            )
        )
),

drawn as (
    select
        answered.endpoint_id,
        min(answered.place, 200) as places,
        count(answered.place) as n_answered,
        count(*) filter (where answered.output_tokens is null) as n_without_usage
    from answered
    group by answered.endpoint_id
),

numbered as (
    select
        drawn.endpoint_id,
        drawn.n_answered,
        drawn.n_without_usage,
        unnest(drawn.places) as place,
        generate_subscripts(drawn.places, 1) as sample_number
    from drawn
)

select
    probe_log.day,
    probe_log.endpoint_id,
    probe_log.request_id,
    probe_log.suite,
    probe_log.raw_file,
    probe_log.raw_line,
    stg_probe_log.reject_reason,
    probe_log.finish_reason,
    probe_log.input_tokens,
    probe_log.cached_tokens,
    probe_log.output_tokens,
    probe_log.reasoning_tokens,
    probe_log.generated_events,
    stg_probe_log.cost_usd,
    probe_log.text,
    probe_log.reasoning,
    numbered.sample_number,
    numbered.n_answered,
    numbered.n_without_usage
from numbered
inner join probe_log
    on
        numbered.place['raw_file'] = probe_log.raw_file
        and numbered.place['raw_line'] = probe_log.raw_line
inner join stg_probe_log
    on
        numbered.place['raw_file'] = stg_probe_log.raw_file
        and numbered.place['raw_line'] = stg_probe_log.raw_line
where
    probe_log.day = $day
    and stg_probe_log.day = $day
