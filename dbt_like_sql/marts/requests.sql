-- description: Every probe of the day that is sound evidence, failures included, with its times, tokens and cost.
-- grain: one request
-- group: clean
-- key: request_id
-- not null: day, round_id, request_id, endpoint_id, suite, started_at, status, expects_cache
-- published: view
-- order: none
-- rule times_positive: least(ttfb_ms, ttft_ms, ttfo_ms, readable_ms, e2e_ms) >= 0
-- rule ttft_within_e2e: ttft_ms <= e2e_ms
-- rule speed_positive: output_speed_tok_s > 0
-- rule speed_or_refusal: (output_speed_tok_s is null) = (speed_refusal is not null)
-- rule gaps_not_negative: shortest_gap_ms >= 0
-- rule tokens_not_negative: least(input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens) >= 0
-- rule cost_not_negative: cost_usd >= 0 and estimated_cost_usd >= 0
-- rule estimated_or_known: cost_usd is null or estimated_cost_usd is null
-- column day: UTC day of the partition
-- column round_id: round that sent the probe
-- column region_from: where it was sent from: a probing region, or local; null: imported
-- column request_id: identity of the probe: a hash of round, endpoint, suite and question
-- column endpoint_id: provider/model@sku
-- column suite: what was asked: speed, parallel, quality_*, anchor, own, context, parity, sampled, greedy, border, logprobs
-- column attempt: number of the try at this question in its round, from 1
-- column prompt_tokens_target: size of the prompt that was aimed at, tokens; null: none was
-- column expects_cache: the probe is meant to be answered from the endpoint's cache
-- column source_tool: the tool that made an imported row; null: our own prober
-- column source_version: its version
-- column source_file: the file that the row was imported from
-- column source_line: line or entry in that file
-- column cannot_tell: fields that the tool does not record, comma-separated
-- column started_at: wall clock (UTC) when the probe was started
-- column status: outcome class, see docs/methodology.md
-- column error: what went wrong, in words
-- column http_status: HTTP status code; null where no response came
-- column finish_reason: finish reason as the endpoint gave it
-- column response_id: the provider's id of the response
-- column served_model: model name that the response carries
-- column connection: cold: opened for this request; warm: open already; null: none or unknown
-- column dns_ms: name resolution, milliseconds; null on a warm connection
-- column connect_ms: TCP connect, milliseconds; null on a warm connection
-- column tls_ms: TLS handshake, milliseconds; null without TLS or on a warm connection
-- column stale_connections: kept-alive connections that the server had closed before this one
-- column in_flight: requests in flight at the endpoint when this one was sent, itself included
-- column client_delay_ms: worst lateness of the client's own loop around sending, first and last token, ms
-- column timing_exclusion: why its times are left out of every figure: client_delay (over 10 ms); null: they count
-- column ttfb_ms: request handed to the open connection -> response headers, milliseconds
-- column ttft_ms: request handed to the open connection -> first generated token in any channel, milliseconds
-- column ttft_refusal: why there is no ttft_ms
-- column ttfo_ms: request handed to the open connection -> first visible answer token, milliseconds
-- column ttfo_refusal: why there is no ttfo_ms
-- column readable_ms: request handed to the open connection -> first readable sentence of the answer (or 12 words), milliseconds
-- column e2e_ms: request handed to the open connection -> last generated token, milliseconds
-- column e2e_from_schedule_ms: due -> last generated token, milliseconds
-- column output_speed_tok_s: (N - N_first) / (t_last - t_first), tokens per second
-- column speed_method: how its tokens were counted
-- column speed_refusal: why there is no output speed
-- column output_chars_per_s: the same in characters of text per second
-- column inter_chunk_p50_ms: median gap between bursts of text, milliseconds
-- column longest_stall_ms: longest such gap, milliseconds
-- column shortest_gap_ms: shortest gap between two reads, milliseconds
-- column stall_ratio: longest gap / median gap
-- column burstiness: of the gaps between reads: -1 even, 0 as random as Poisson's, towards 1 in clumps
-- column largest_burst_share: share of the text that came in one burst; near 1: not streamed as made
-- column streaming_refusal: why one of the four before it is not known
-- column input_tokens: prompt tokens billed, cached ones included
-- column cached_tokens: prompt tokens read from the endpoint's cache
-- column cache_write_tokens: prompt tokens written to the endpoint's cache
-- column output_tokens: output tokens billed, reasoning included
-- column reasoning_tokens: reasoning tokens, where reported
-- column generated_events: events that brought generated text
-- column generated_reads: socket reads that brought them
-- column estimated_input_tokens: prompt tokens by its characters where an answer of HTTP 2xx reported none: an upper estimate
-- column estimated_output_tokens: output tokens by the characters received, the same
-- column price_id: line of the price book, or of round_prices, that it pays, by its minute and size; null: no price is known
-- column cost_usd: cost at that list price, USD; null: price or usage unknown
-- column estimated_cost_usd: what it may have cost where usage is not known and HTTP was 2xx, by characters, USD
-- column item_id: item that a quality probe asked
-- column template_id: template that made the item
-- column difficulty: difficulty of the template
-- column tier: tier of difficulty of the endpoint's family
-- column item_source: where the item is from: generated, gsm8k, humaneval, mbpp, own:FILE
-- column answer_type: type of the gold answer: int, rational, decimal, text, code, context
-- column gold: gold answer (never sent); of code: its tests; of context: what was asked
-- column tolerance: how far from gold an answer may be; null: not at all
-- column prompt_id: prompt that a fidelity probe asked
-- column prompt_set: set of that prompt: fixed, rotating (by week), found or candidate (border inputs)
-- column rep: how often the prompt was planned for the day before, from 0
-- column slot: hour of the day (UTC) that it was planned for, 0 to 23
-- column stage: of a border input: search, reference or monitor
-- column prompt_sha256: first 16 hex digits of the SHA-256 of all messages that were sent
-- column first_token_top: JSON [[token, log-probability], ...] of what the first generated token could have been; hostile text
-- column rehearsal: filed under a day on which it was not sent
-- column text: visible answer; hostile text, escape it wherever it is shown
-- column reasoning: reasoning text; hostile as well
-- column raw_file: file of the round in the day's raw folder
-- column raw_line: line in that file, from 1
select
    priced_line.day,
    priced_line.round_id,
    round_log.region_from,
    priced_line.request_id,
    priced_line.endpoint_id,
    priced_line.suite,
    priced_line.attempt,
    priced_line.prompt_tokens_target,
    priced_line.expects_cache,
    priced_line.source_tool,
    priced_line.source_version,
    priced_line.source_file,
    priced_line.source_line,
    priced_line.cannot_tell,
    priced_line.started_at,
    priced_line.status,
    priced_line.error,
    priced_line.http_status,
    priced_line.finish_reason,
    priced_line.response_id,
    priced_line.served_model,
    priced_line.connection,
    priced_line.dns_ms,
    priced_line.connect_ms,
    priced_line.tls_ms,
    priced_line.stale_connections,
    priced_line.in_flight,
    priced_line.client_delay_ms,
    case when priced_line.client_delay_ms > 10 then 'client_delay' end as timing_exclusion,
    priced_line.ttfb_ms,
    priced_line.ttft_ms,
    priced_line.ttft_refusal,
    priced_line.ttfo_ms,
    priced_line.ttfo_refusal,
    priced_line.readable_ms,
    priced_line.e2e_ms,
    priced_line.e2e_from_schedule_ms,
    priced_line.output_speed_tok_s,
    priced_line.speed_method,
    priced_line.speed_refusal,
    priced_line.output_chars_per_s,
    priced_line.inter_chunk_p50_ms,
    priced_line.longest_stall_ms,
    priced_line.shortest_gap_ms,
    priced_line.stall_ratio,
    priced_line.burstiness,
    priced_line.largest_burst_share,
    priced_line.streaming_refusal,
    priced_line.input_tokens,
    priced_line.cached_tokens,
    priced_line.cache_write_tokens,
    priced_line.output_tokens,
    priced_line.reasoning_tokens,
    priced_line.generated_events,
    priced_line.generated_reads,
    priced_line.estimated_input_tokens,
    priced_line.estimated_output_tokens,
    priced_line.price_id,
    priced_line.cost_usd,
    priced_line.estimated_cost_usd,
    priced_line.item_id,
    priced_line.template_id,
    priced_line.difficulty,
    priced_line.tier,
    priced_line.item_source,
    priced_line.answer_type,
    priced_line.gold,
    priced_line.tolerance,
    priced_line.prompt_id,
    priced_line.prompt_set,
    priced_line.rep,
    priced_line.slot,
    priced_line.stage,
    priced_line.prompt_sha256,
    priced_line.first_token_top,
    priced_line.rehearsal,
    priced_line.text,
    priced_line.reasoning,
    priced_line.raw_file,
    priced_line.raw_line
from priced_line
left join round_log on priced_line.day = round_log.day and priced_line.raw_file = round_log.raw_file
where
    priced_line.day = $day
    -- What is set aside is little: joined the other way round, ten million verdicts would not fit into memory.
    and not exists (
        select 1
        from stg_probe_log
        where
            stg_probe_log.day = $day
            and stg_probe_log.reject_reason is not null
            and stg_probe_log.raw_file = priced_line.raw_file
            and stg_probe_log.raw_line = priced_line.raw_line
    )
