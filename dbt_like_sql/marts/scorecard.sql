-- description: All axes of each endpoint on the day, each with its interval and n.
-- grain: one endpoint and day
-- group: rank
-- key: endpoint_id
-- not null: day, endpoint_id, provider, model, model_family, sku, versus_reference
-- rule quality_is_share: quality between 0 and 1
-- rule quality_interval_ordered: quality_lo <= quality and quality <= quality_hi
-- rule cost_interval_ordered: usd_per_correct_lo <= usd_per_correct and usd_per_correct <= usd_per_correct_hi
-- rule ttft_interval_ordered: ttft_ms_lo <= ttft_ms and ttft_ms <= ttft_ms_hi
-- column day: UTC day
-- column endpoint_id: provider/model@sku
-- column provider: who serves it
-- column model: model name in the catalog
-- column model_family: endpoints of one family are compared with its reference
-- column sku: quantization, decoding, region, tier behind the same model
-- column is_embedded: served by the embedded fleet, its provider and prices invented
-- column is_reference: the first-party reference of its family
-- column quantization: as disclosed; null = undisclosed
-- column region: region as disclosed
-- column context_advertised_tokens: advertised context, tokens
-- column input_usd_per_mtok: list price of input, USD per million tokens
-- column output_usd_per_mtok: list price of output, USD per million tokens
-- column output_speed_tok_s: median output speed, tokens per second
-- column output_speed_tok_s_lo: its 95 % interval, lower; null: n too small
-- column output_speed_tok_s_hi: upper; null: n too small
-- column output_speed_tok_s_n: probes that it rests on
-- column ttft_ms: median time to first token, milliseconds
-- column ttft_ms_lo: its 95 % interval, lower; null: n too small
-- column ttft_ms_hi: upper; null: n too small
-- column ttft_ms_n: probes that it rests on
-- column success_rate: speed probes answered of those sent
-- column success_rate_lo: its 95 % interval, lower
-- column success_rate_hi: upper
-- column success_rate_n: speed probes sent
-- column quality: accuracy of graded math answers
-- column quality_lo: its 95 % interval, lower
-- column quality_hi: upper
-- column quality_n: answers graded
-- column quality_difference: accuracy minus the reference's, on the same items
-- column quality_difference_lo: its 95 % interval, lower
-- column quality_difference_hi: upper
-- column quality_difference_n: items both answered
-- column versus_reference: reference, below, above, cannot tell, no reference
-- column usd_per_correct: billed USD per correct answer, tokens as probed; null: none correct
-- column usd_per_correct_lo: its 95 % interval, lower; with none correct the lower bound
-- column usd_per_correct_hi: upper
-- column usd_per_correct_n: graded answers with a known cost
with latest as (
    select endpoints.*
    from endpoints
    where endpoints.day = $day
    qualify row_number() over (partition by endpoints.endpoint_id order by endpoints.valid_from desc) = 1
)

select
    latest.day,
    latest.endpoint_id,
    latest.provider,
    latest.model,
    latest.model_family,
    latest.sku,
    latest.is_embedded,
    latest.is_reference,
    latest.quantization,
    latest.region,
    latest.context_tokens as context_advertised_tokens,
    latest.input_usd_per_mtok,
    latest.output_usd_per_mtok,
    latency_daily.output_speed_p50_tok_s as output_speed_tok_s,
    latency_daily.output_speed_p50_lo_tok_s as output_speed_tok_s_lo,
    latency_daily.output_speed_p50_hi_tok_s as output_speed_tok_s_hi,
    latency_daily.n_speed as output_speed_tok_s_n,
    latency_daily.ttft_p50_ms as ttft_ms,
    latency_daily.ttft_p50_lo_ms as ttft_ms_lo,
    latency_daily.ttft_p50_hi_ms as ttft_ms_hi,
    latency_daily.n_answered as ttft_ms_n,
    latency_daily.success_rate,
    latency_daily.success_rate_lo,
    latency_daily.success_rate_hi,
    latency_daily.n_sent as success_rate_n,
    quality_daily.accuracy as quality,
    quality_daily.accuracy_lo as quality_lo,
    quality_daily.accuracy_hi as quality_hi,
    quality_daily.n_graded as quality_n,
    quality_daily.difference as quality_difference,
    quality_daily.difference_lo as quality_difference_lo,
    quality_daily.difference_hi as quality_difference_hi,
    quality_daily.difference_n as quality_difference_n,
    coalesce(quality_daily.versus_reference, 'cannot tell') as versus_reference,
    cost_per_correct.usd_per_correct,
    cost_per_correct.usd_per_correct_lo,
    cost_per_correct.usd_per_correct_hi,
    cost_per_correct.n_items as usd_per_correct_n
from latest
left join latency_daily
    on latest.day = latency_daily.day and latest.endpoint_id = latency_daily.endpoint_id
left join quality_daily
    on
        latest.day = quality_daily.day
        and latest.endpoint_id = quality_daily.endpoint_id
        and quality_daily.suite = 'quality_math'
left join cost_per_correct
    on
        latest.day = cost_per_correct.day
        and latest.endpoint_id = cost_per_correct.endpoint_id
        and cost_per_correct.mix = 'as_probed'
where latest.day = $day
