-- description: Every probe of the day that is sound evidence, failures included, with its times, tokens and cost.
-- grain: one request
-- group: clean
-- key: request_id
-- not null: day, round_id, request_id, endpoint_id, suite, started_at, status
-- published: view
-- rule ttft_within_e2e: ttft_ms <= e2e_ms
-- rule times_positive: least(ttfb_ms, ttft_ms, ttfo_ms, e2e_ms) >= 0
-- rule speed_positive: output_speed_tok_s > 0
-- rule speed_or_refusal: (output_speed_tok_s is null) = (speed_refusal is not null)
-- rule tokens_not_negative: least(input_tokens, cached_tokens, output_tokens, reasoning_tokens) >= 0
-- rule cost_not_negative: cost_usd >= 0
-- rule failed_or_generated: status not in ('ok', 'truncated') or ttft_ms is not null
-- column day: UTC day of the partition
-- column round_id: round that sent the probe
-- column request_id: identity of the probe: a hash of round, endpoint, suite and question
-- column endpoint_id: provider/model@sku
-- column suite: what was asked: speed, quality_math
-- column started_at: wall clock (UTC) when the probe was started
-- column response_id: the provider's id of the response
-- column served_model: model name that the response carries
-- column status: outcome class, see docs/methodology.md
-- column error: what went wrong, in words
-- column http_status: HTTP status code; null where no response came
-- column finish_reason: finish reason as the endpoint gave it
-- column ttfb_ms: request handed to the open connection -> response headers, milliseconds
-- column ttft_ms: request handed to the open connection -> first generated token in any channel, milliseconds
-- column ttfo_ms: request handed to the open connection -> first visible answer token, milliseconds
-- column e2e_ms: request handed to the open connection -> last generated token, milliseconds
-- column connect_ms: TCP connect, milliseconds; null on a connection that was open
-- column tls_ms: TLS handshake, milliseconds; null without TLS or on a connection that was open
-- column output_speed_tok_s: (N - N_first) / (t_last - t_first), tokens per second
-- column speed_method: how the tokens of the first read are known
-- column speed_refusal: why there is no output speed
-- column input_tokens: prompt tokens billed, cached ones included
-- column cached_tokens: prompt tokens read from the endpoint's cache
-- column output_tokens: output tokens billed, reasoning included
-- column reasoning_tokens: reasoning tokens, where reported
-- column generated_events: events that brought generated text
-- column generated_reads: socket reads that brought them
-- column client_delay_ms: worst lateness of the client's own event loop meanwhile, milliseconds
-- column cost_usd: cost at the list price that the round recorded, USD; null: price or usage unknown
-- column item_id: item that a quality probe asked
-- column template_id: template that made the item
-- column difficulty: difficulty of the template
-- column gold: gold answer (never sent)
-- column text: visible answer; hostile text, escape it wherever it is shown
-- column reasoning: reasoning text; hostile as well
-- column raw_file: file of the evidence in the day's raw folder
-- column raw_line: line in that file, from 1
select
    probe_log.day,
    probe_log.round_id,
    probe_log.request_id,
    probe_log.endpoint_id,
    probe_log.suite,
    probe_log.started_at,
    probe_log.response_id,
    probe_log.served_model,
    probe_log.status,
    probe_log.error,
    probe_log.http_status,
    probe_log.finish_reason,
    probe_log.ttfb_ms,
    probe_log.ttft_ms,
    probe_log.ttfo_ms,
    probe_log.e2e_ms,
    probe_log.connect_ms,
    probe_log.tls_ms,
    probe_log.output_speed_tok_s,
    probe_log.speed_method,
    probe_log.speed_refusal,
    probe_log.input_tokens,
    probe_log.cached_tokens,
    probe_log.output_tokens,
    probe_log.reasoning_tokens,
    probe_log.generated_events,
    probe_log.generated_reads,
    probe_log.client_delay_ms,
    (
        (probe_log.input_tokens - coalesce(probe_log.cached_tokens, 0))::double
        * catalog_log.input_usd_per_mtok::double
        + coalesce(probe_log.cached_tokens, 0)::double
        * coalesce(catalog_log.cached_input_usd_per_mtok, catalog_log.input_usd_per_mtok)::double
        + probe_log.output_tokens::double * catalog_log.output_usd_per_mtok::double
    ) / 1e6::double as cost_usd,
    probe_log.item_id,
    probe_log.template_id,
    probe_log.difficulty,
    probe_log.gold,
    probe_log.text,
    probe_log.reasoning,
    probe_log.raw_file,
    probe_log.raw_line
from probe_log
inner join stg_probe_log
    on
        probe_log.day = stg_probe_log.day
        and probe_log.raw_file = stg_probe_log.raw_file
        and probe_log.raw_line = stg_probe_log.raw_line
left join catalog_log
    on
        probe_log.day = catalog_log.day
        and probe_log.round_id = catalog_log.round_id
        and probe_log.endpoint_id = catalog_log.endpoint_id
where
    probe_log.day = $day
    and stg_probe_log.reject_reason is null
