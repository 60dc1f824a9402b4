-- description: All axes of each endpoint on the day, each with its interval and n.
-- grain: one endpoint and day
-- group: rank
-- key: endpoint_id
-- not null: day, endpoint_id, provider, model, model_family, sku, versus_reference
-- rule quality_is_share: quality between 0 and 1
-- rule quality_interval_ordered: quality_lo <= quality and quality <= quality_hi
-- rule quality_parts_are_shares: quality_math between 0 and 1 and quality_code between 0 and 1
-- rule energy_ordered: energy_j_per_correct_p50 between energy_j_per_correct_p5 and energy_j_per_correct_p95
-- rule cost_interval_ordered: usd_per_correct_lo <= usd_per_correct and usd_per_correct <= usd_per_correct_hi
-- rule ttft_interval_ordered: ttft_ms_lo <= ttft_ms and ttft_ms <= ttft_ms_hi
-- rule fidelity_interval_ordered: fidelity_lo <= fidelity_hi
-- rule nobody_ranked_on_survivors: (ttft_ms is null and output_speed_tok_s is null) or success_rate >= 0.8
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
-- column context_accepted_tokens: longest prompt answered and not known to be shortened, tokens; null: not measured that day
-- column context_served_tokens: longest prompt without any sign of being shortened, tokens
-- column context_effective_tokens: longest length up to which accuracy stays at 0.85 of that in a short context, tokens
-- column context_effective_lo_tokens: last length accepted, tokens
-- column context_effective_hi_tokens: first length that was not, tokens; null: none was
-- column context_truncating: prompts are shortened without an error
-- column context_status: ok, undefined, cannot_tell, truncating; null: not measured that day
-- column context_note: why there is no effective length
-- column input_usd_per_mtok: list price of input, USD per million tokens
-- column output_usd_per_mtok: list price of output, USD per million tokens
-- column latency_suite: who measured speed, times and success below: speed is our own probes, imported:TOOL another tool
-- column latency_prompt_tokens: size of the prompts that speed, times and success below are of, tokens; null: unknown
-- column output_speed_tok_s: median output speed, tokens per second
-- column output_speed_tok_s_lo: its 95 % interval, lower; null: n too small
-- column output_speed_tok_s_hi: upper; null: n too small
-- column output_speed_tok_s_n: probes that it rests on
-- column output_speed_not_ranked_because: why it is not shown and may not be ranked; null: it may
-- column ttft_ms: median time to first token, milliseconds
-- column ttft_ms_lo: its 95 % interval, lower; null: n too small
-- column ttft_ms_hi: upper; null: n too small
-- column ttft_ms_n: probes that it rests on
-- column ttft_not_ranked_because: why it is not shown and may not be ranked; null: it may
-- column ttft_p90_ms: a value that its true 90th percentile is below at 99 % confidence, milliseconds
-- column ttft_p90_note: why there is none
-- column e2e_with_failures_ms: median time to the last token, a failure counted as never, milliseconds
-- column e2e_with_failures_note: why there is none
-- column largest_burst_share: median share of the text that came in one burst; near 1: not streamed as made
-- column success_rate: speed probes answered of those sent
-- column success_rate_lo: its 95 % interval, lower
-- column success_rate_hi: upper
-- column success_rate_n: speed probes sent
-- column domain: what quality and dollars per correct answer are of: all (60 % math, 40 % code), or math alone
-- column domain_note: why code is not in them; null where it is
-- column quality: accuracy of graded answers of the domain
-- column quality_lo: its 95 % interval, lower
-- column quality_hi: upper
-- column quality_n: answers graded
-- column quality_difference: accuracy minus the reference's, on the same items
-- column quality_difference_lo: its 95 % interval, lower
-- column quality_difference_hi: upper
-- column quality_difference_n: items both answered
-- column quality_minimum_detectable_difference: a difference under it is mostly not seen
-- column quality_not_scored_because: why there is no quality
-- column quality_truncation_limited: over 2 % of the answers were cut at the output cap, which limits quality
-- column quality_math: accuracy of math answers
-- column quality_math_lo: its 95 % interval, lower
-- column quality_math_hi: upper
-- column quality_math_n: answers graded
-- column quality_code: accuracy of code answers
-- column quality_code_lo: its 95 % interval, lower
-- column quality_code_hi: upper
-- column quality_code_n: answers graded
-- column versus_reference: reference, below, above, cannot tell, no reference
-- column fidelity: F = 100 S of sampled answers of 7 days against the reference's, unclipped; 100: as the reference
-- column fidelity_lo: its 95 % interval, lower
-- column fidelity_hi: upper
-- column fidelity_n_prompts: prompts that it rests on
-- column fidelity_self_floor: F of the reference's own answers against each other
-- column fidelity_gap: fidelity_self_floor - fidelity, points
-- column fidelity_reference_kind: own_api, self_hosted, partner, consensus or none; null: no fidelity of the day
-- column fidelity_verdict: reference, honest_floor, no_reference, no_score, consistent, suspect, different, undetermined
-- column fidelity_channels_named: channels that it is suspect by, comma-separated
-- column fidelity_claim: what may be said of a suspect or different endpoint, no more; null: nothing
-- column fidelity_note: what limits the figures or the verdict
-- column energy_j_per_correct_p5: modeled J per correct answer with the tokens as probed, facility included, P5
-- column energy_j_per_correct_p50: P50 of the same
-- column energy_j_per_correct_p95: P95 of the same
-- column energy_evidence_grade: A, B, C or D: what the modeled energy rests on
-- column energy_rank: place by it where a comparison supports one; null: see energy_rank_note
-- column energy_rank_note: why there is no such place
-- column output_tokens_per_correct: output tokens of all attempts per correct answer, measured
-- column gco2e_per_correct_p5: modeled grams CO2e per correct answer, location-based, P5
-- column gco2e_per_correct_p50: P50 of the same
-- column gco2e_per_correct_p95: P95 of the same
-- column usd_per_correct: billed USD per correct answer, tokens as probed; null: none correct
-- column usd_per_correct_lo: its 95 % interval, lower; with none correct the lower bound
-- column usd_per_correct_hi: upper
-- column usd_per_correct_n: graded answers with a known cost
with latest as (
    select endpoints.*
    from endpoints
    where endpoints.day = $day
    qualify row_number() over (partition by endpoints.endpoint_id order by endpoints.valid_from desc) = 1
),

-- The headline size is 1,000 tokens; who was not asked that is shown at the smallest size that he was asked, and who was
-- not probed by us at all by the largest import.
headline as (
    select latency_daily.*
    from latency_daily
    where
        latency_daily.day = $day
        and (latency_daily.suite = 'speed' or starts_with(latency_daily.suite, 'imported:'))
    qualify
        row_number() over (
            partition by latency_daily.endpoint_id
            order by
                latency_daily.suite = 'speed' desc,
                coalesce(latency_daily.prompt_tokens_target = 1000, false) desc,
                latency_daily.prompt_tokens_target asc nulls last,
                latency_daily.n_sent desc,
                latency_daily.suite asc
        ) = 1
),

-- One choice for the whole day: endpoints of different domains could not be compared.
chosen as (
    select
        cost_per_correct.domain,
        case
            when cost_per_correct.domain = 'all' then null
            when bool_or(cost_per_correct.domain = 'code') over () then 'math only: code was asked and not run (no sandbox)'
            else 'math only: code was not asked'
        end as domain_note
    from cost_per_correct
    where cost_per_correct.day = $day
    qualify
        row_number() over (
            order by cost_per_correct.domain = 'all' desc, cost_per_correct.domain = 'math' desc
        ) = 1
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
    context_daily.accepted_tokens as context_accepted_tokens,
    context_daily.served_tokens as context_served_tokens,
    context_daily.effective_tokens as context_effective_tokens,
    context_daily.lo as context_effective_lo_tokens,
    context_daily.hi as context_effective_hi_tokens,
    context_daily.truncating as context_truncating,
    context_daily.status as context_status,
    context_daily.note as context_note,
    latest.input_usd_per_mtok,
    latest.output_usd_per_mtok,
    headline.suite as latency_suite,
    headline.prompt_tokens_target as latency_prompt_tokens,
    case when headline.speed_not_ranked_because is null then headline.output_speed_p50_tok_s end as output_speed_tok_s,
    case when headline.speed_not_ranked_because is null then headline.output_speed_p50_lo_tok_s end
        as output_speed_tok_s_lo,
    case when headline.speed_not_ranked_because is null then headline.output_speed_p50_hi_tok_s end
        as output_speed_tok_s_hi,
    headline.n_speed as output_speed_tok_s_n,
    headline.speed_not_ranked_because as output_speed_not_ranked_because,
    case when headline.ttft_not_ranked_because is null then headline.ttft_p50_ms end as ttft_ms,
    case when headline.ttft_not_ranked_because is null then headline.ttft_p50_lo_ms end as ttft_ms_lo,
    case when headline.ttft_not_ranked_because is null then headline.ttft_p50_hi_ms end as ttft_ms_hi,
    headline.n_ttft as ttft_ms_n,
    headline.ttft_not_ranked_because,
    headline.ttft_p90_ms,
    headline.ttft_p90_note,
    headline.e2e_p50_with_failures_ms as e2e_with_failures_ms,
    headline.e2e_p50_with_failures_note as e2e_with_failures_note,
    headline.largest_burst_share_p50 as largest_burst_share,
    headline.success_rate,
    headline.success_rate_lo,
    headline.success_rate_hi,
    headline.n_sent as success_rate_n,
    chosen.domain,
    chosen.domain_note,
    quality_daily.accuracy as quality,
    quality_daily.accuracy_lo as quality_lo,
    quality_daily.accuracy_hi as quality_hi,
    quality_daily.n_graded as quality_n,
    quality_daily.difference as quality_difference,
    quality_daily.difference_lo as quality_difference_lo,
    quality_daily.difference_hi as quality_difference_hi,
    quality_daily.difference_n as quality_difference_n,
    quality_daily.minimum_detectable_difference as quality_minimum_detectable_difference,
    quality_daily.not_scored_because as quality_not_scored_because,
    quality_daily.truncation_limited as quality_truncation_limited,
    of_math.accuracy as quality_math,
    of_math.accuracy_lo as quality_math_lo,
    of_math.accuracy_hi as quality_math_hi,
    of_math.n_graded as quality_math_n,
    of_code.accuracy as quality_code,
    of_code.accuracy_lo as quality_code_lo,
    of_code.accuracy_hi as quality_code_hi,
    of_code.n_graded as quality_code_n,
    coalesce(quality_daily.versus_reference, 'cannot tell') as versus_reference,
    fidelity_daily.fidelity,
    fidelity_daily.fidelity_lo,
    fidelity_daily.fidelity_hi,
    fidelity_daily.fidelity_n_prompts,
    fidelity_daily.fidelity_self_floor,
    fidelity_daily.fidelity_gap,
    fidelity_daily.reference_kind as fidelity_reference_kind,
    fidelity_daily.verdict as fidelity_verdict,
    fidelity_daily.channels_named as fidelity_channels_named,
    fidelity_daily.claim as fidelity_claim,
    fidelity_daily.note as fidelity_note,
    energy_per_correct.energy_j_per_correct_p5,
    energy_per_correct.energy_j_per_correct_p50,
    energy_per_correct.energy_j_per_correct_p95,
    energy_per_correct.evidence_grade as energy_evidence_grade,
    energy_per_correct.rank as energy_rank,
    energy_per_correct.rank_note as energy_rank_note,
    energy_per_correct.output_tokens_per_correct,
    energy_per_correct.gco2e_per_correct_p5,
    energy_per_correct.gco2e_per_correct_p50,
    energy_per_correct.gco2e_per_correct_p95,
    cost_per_correct.usd_per_correct,
    cost_per_correct.usd_per_correct_lo,
    cost_per_correct.usd_per_correct_hi,
    cost_per_correct.n_items as usd_per_correct_n
from latest
left join chosen on true
left join headline on latest.endpoint_id = headline.endpoint_id
left join quality_daily
    on
        latest.day = quality_daily.day
        and latest.endpoint_id = quality_daily.endpoint_id
        and quality_daily.suite = case when chosen.domain = 'all' then 'mix' else 'quality_math' end
left join quality_daily as of_math
    on
        latest.day = of_math.day
        and latest.endpoint_id = of_math.endpoint_id
        and of_math.suite = 'quality_math'
left join quality_daily as of_code
    on
        latest.day = of_code.day
        and latest.endpoint_id = of_code.endpoint_id
        and of_code.suite = 'quality_code'
left join context_daily
    on
        latest.day = context_daily.day
        and latest.endpoint_id = context_daily.endpoint_id
left join fidelity_daily
    on
        latest.day = fidelity_daily.day
        and latest.endpoint_id = fidelity_daily.endpoint_id
left join energy_per_correct
    on
        latest.day = energy_per_correct.day
        and latest.endpoint_id = energy_per_correct.endpoint_id
        and energy_per_correct.mix = 'as_probed'
        and chosen.domain = energy_per_correct.domain
left join cost_per_correct
    on
        latest.day = cost_per_correct.day
        and latest.endpoint_id = cost_per_correct.endpoint_id
        and cost_per_correct.mix = 'as_probed'
        and chosen.domain = cost_per_correct.domain
where latest.day = $day
