-- description: Endpoints of the day in the order of each preset: dollars per correct answer first, the other axes beside it.
-- grain: one endpoint, preset and day
-- group: rank
-- key: preset, endpoint_id
-- not null: day, preset, endpoint_id
-- rule rank_in_its_interval: rank_lo >= 1 and rank_lo <= rank_hi
-- rule ranked_or_explained: (rank is null) = (rank_note is not null)
-- rule energy_ordered: energy_j_per_correct_p50 between energy_j_per_correct_p5 and energy_j_per_correct_p95
-- rule cost_interval_ordered: usd_per_correct_lo <= usd_per_correct and usd_per_correct <= usd_per_correct_hi
-- column day: UTC day
-- column preset: workload
-- column rank: place by usd_per_correct, shared by endpoints that cannot be told apart; null: see rank_note
-- column rank_lo: 1 + number of endpoints significantly better
-- column rank_hi: number of endpoints minus those significantly worse
-- column rank_note: why there is no rank
-- column not_ready: why no round of the day sent to it (no key, say); null: one did
-- column endpoint_id: provider/model@sku
-- column model_family: endpoints of one family are compared with its reference
-- column quantization: as disclosed; null = undisclosed
-- column domain: what dollars per correct answer and quality are of: all (60 % math, 40 % code), or math alone
-- column domain_note: why code is not in them; null where it is
-- column usd_per_correct: USD per correct answer at the preset's input:output mix, output tokens as measured; null: none correct
-- column usd_per_correct_lo: its 95 % interval, lower; with none correct the lower bound
-- column usd_per_correct_hi: upper
-- column usd_per_correct_n: graded answers with a known cost
-- column usd_per_correct_as_probed: the same with the tokens as they were billed
-- column energy_j_per_correct_p5: modeled J per correct answer of the mix, facility included, P5
-- column energy_j_per_correct_p50: P50 of the same
-- column energy_j_per_correct_p95: P95 of the same
-- column energy_evidence_grade: A, B, C or D: what the modeled energy rests on
-- column energy_rank: place by it where a comparison supports one; null: see energy_rank_note
-- column energy_rank_note: why there is no such place
-- column output_tokens_per_correct: output tokens of all attempts per correct answer, measured
-- column gco2e_per_correct_p5: modeled grams CO2e per correct answer, location-based, P5
-- column gco2e_per_correct_p50: P50 of the same
-- column gco2e_per_correct_p95: P95 of the same
-- column blended_usd_per_mtok: blended list price of the preset, USD per million tokens
-- column latency_suite: who measured speed, times and success: speed is our own probes, imported:TOOL another tool
-- column latency_prompt_tokens: size of the prompts that speed, times and success are of, tokens; null: unknown
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
-- column success_rate: speed probes answered of those sent
-- column success_rate_n: speed probes sent
-- column quality: accuracy of graded answers of the domain
-- column quality_lo: its 95 % interval, lower
-- column quality_hi: upper
-- column quality_n: answers graded
-- column quality_not_scored_because: why there is no quality
-- column quality_truncation_limited: over 2 % of the answers were cut at the output cap, which limits quality
-- column quality_math: accuracy of math answers
-- column quality_code: accuracy of code answers
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
-- column context_advertised_tokens: advertised context, tokens
-- column context_accepted_tokens: longest prompt answered and not known to be shortened, tokens; null: not measured that day
-- column context_served_tokens: longest prompt without any sign of being shortened, tokens
-- column context_effective_tokens: longest length up to which accuracy stays at 0.85 of that in a short context, tokens
-- column context_truncating: prompts are shortened without an error
-- column context_status: ok, undefined, cannot_tell, truncating; null: not measured that day
-- column is_embedded: served by the embedded fleet, its provider and prices invented
-- column n_rounds: rounds of the day, void ones included
-- column n_rounds_void: of them void: the prober's own error was over its budget, and nothing here is of them
-- column n_rounds_uncertified: of them neither void nor certified: nobody measured the prober's own error
with evidence as (
    select
        count(rounds.round_id) as n_rounds,
        count(*) filter (where rounds.void) as n_rounds_void,
        count(*) filter (where not rounds.void and not rounds.certified) as n_rounds_uncertified
    from rounds
    where rounds.day = $day
),

unready as (
    select
        catalog_log.endpoint_id,
        arg_max(catalog_log.not_ready, catalog_log.recorded_at) as not_ready
    from catalog_log
    where catalog_log.day = $day
    group by catalog_log.endpoint_id
    having count(catalog_log.not_ready) = count(*)
)

select
    blended_prices.day,
    blended_prices.preset,
    cost_per_correct.rank,
    cost_per_correct.rank_lo,
    cost_per_correct.rank_hi,
    case
        when cost_per_correct.rank is null
            then coalesce('not sent to: ' || unready.not_ready, cost_per_correct.rank_note)
    end as rank_note,
    unready.not_ready,
    blended_prices.endpoint_id,
    scorecard.model_family,
    scorecard.quantization,
    scorecard.domain,
    scorecard.domain_note,
    cost_per_correct.usd_per_correct,
    cost_per_correct.usd_per_correct_lo,
    cost_per_correct.usd_per_correct_hi,
    cost_per_correct.n_items as usd_per_correct_n,
    scorecard.usd_per_correct as usd_per_correct_as_probed,
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
    blended_prices.blended_usd_per_mtok,
    scorecard.latency_suite,
    scorecard.latency_prompt_tokens,
    scorecard.output_speed_tok_s,
    scorecard.output_speed_tok_s_lo,
    scorecard.output_speed_tok_s_hi,
    scorecard.output_speed_tok_s_n,
    scorecard.output_speed_not_ranked_because,
    scorecard.ttft_ms,
    scorecard.ttft_ms_lo,
    scorecard.ttft_ms_hi,
    scorecard.ttft_ms_n,
    scorecard.ttft_not_ranked_because,
    scorecard.ttft_p90_ms,
    scorecard.ttft_p90_note,
    scorecard.e2e_with_failures_ms,
    scorecard.e2e_with_failures_note,
    scorecard.success_rate,
    scorecard.success_rate_n,
    scorecard.quality,
    scorecard.quality_lo,
    scorecard.quality_hi,
    scorecard.quality_n,
    scorecard.quality_not_scored_because,
    scorecard.quality_truncation_limited,
    scorecard.quality_math,
    scorecard.quality_code,
    scorecard.versus_reference,
    scorecard.fidelity,
    scorecard.fidelity_lo,
    scorecard.fidelity_hi,
    scorecard.fidelity_n_prompts,
    scorecard.fidelity_self_floor,
    scorecard.fidelity_gap,
    scorecard.fidelity_reference_kind,
    scorecard.fidelity_verdict,
    scorecard.fidelity_channels_named,
    scorecard.fidelity_claim,
    scorecard.fidelity_note,
    scorecard.context_advertised_tokens,
    scorecard.context_accepted_tokens,
    scorecard.context_served_tokens,
    scorecard.context_effective_tokens,
    scorecard.context_truncating,
    scorecard.context_status,
    scorecard.is_embedded,
    evidence.n_rounds,
    evidence.n_rounds_void,
    evidence.n_rounds_uncertified
from blended_prices
cross join evidence
left join unready on blended_prices.endpoint_id = unready.endpoint_id
left join scorecard
    on
        blended_prices.day = scorecard.day
        and blended_prices.endpoint_id = scorecard.endpoint_id
left join energy_per_correct
    on
        blended_prices.day = energy_per_correct.day
        and blended_prices.endpoint_id = energy_per_correct.endpoint_id
        and blended_prices.preset = energy_per_correct.mix
        and scorecard.domain = energy_per_correct.domain
left join cost_per_correct
    on
        blended_prices.day = cost_per_correct.day
        and blended_prices.endpoint_id = cost_per_correct.endpoint_id
        and blended_prices.preset = cost_per_correct.mix
        and scorecard.domain = cost_per_correct.domain
where blended_prices.day = $day and blended_prices.population = 'probed'
