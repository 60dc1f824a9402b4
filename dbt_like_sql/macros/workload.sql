-- What a workload of your own takes at each endpoint: select * from workload(8000, 300, cached_share := 0.7).
-- Dollars at the list price of the day by the size of the request, seconds from measured TTFT and output speed, joules
-- modeled; each per request and per correct answer, with what is not known left null. `meets` compares intervals with
-- the limits: met and failed only where the whole interval is on one side; a request longer than the context fails.
-- `on_front`: nobody who may meet the limits is at least as good in dollars and seconds and better in one.
create or replace macro workload(
    input_tokens,
    output_tokens,
    cached_share := 0.0,
    max_ttft_ms := null,
    min_quality := null,
    on_day := null
) as table
with asked as (
    select
        input_tokens::double as tokens_in,
        output_tokens::double as tokens_out,
        cached_share::double as cached,
        max_ttft_ms::double as ttft_limit_ms,
        min_quality::double as quality_limit,
        coalesce(on_day::date, (select max(scorecard.day) from scorecard)) as the_day
),

priced as (
    select
        price_book.endpoint_id,
        arg_max(price_book.input_usd_per_mtok, price_book.min_input_tokens)::double as usd_in,
        arg_max(
            coalesce(price_book.cached_input_usd_per_mtok, price_book.input_usd_per_mtok), price_book.min_input_tokens
        )::double as usd_cached,
        arg_max(price_book.output_usd_per_mtok, price_book.min_input_tokens)::double as usd_out,
        arg_max(price_book.price_id, price_book.min_input_tokens) as price_id
    from price_book
    inner join asked on price_book.day = asked.the_day
    inner join endpoints on price_book.day = endpoints.day and price_book.endpoint_id = endpoints.endpoint_id
    where
        price_book.valid_from <= asked.the_day
        and (price_book.valid_to is null or price_book.valid_to > asked.the_day)
        and price_book.band is null
        and price_book.service_tier = coalesce(endpoints.service_tier, 'standard')
        and price_book.min_input_tokens <= asked.tokens_in
    group by price_book.endpoint_id
),

wordy as (
    select
        blended_prices.endpoint_id,
        max(blended_prices.output_multiplier) as multiplier
    from blended_prices
    inner join asked on blended_prices.day = asked.the_day
    where blended_prices.population = 'probed'
    group by blended_prices.endpoint_id
),

-- The sizes of prompt on both sides of the one that is asked; between them TTFT is taken as straight.
timed as (
    select
        latency_daily.endpoint_id,
        max(latency_daily.prompt_tokens_target) filter (where latency_daily.prompt_tokens_target <= asked.tokens_in)
            as below_tokens,
        min(latency_daily.prompt_tokens_target) filter (where latency_daily.prompt_tokens_target >= asked.tokens_in)
            as above_tokens,
        arg_max(
            (latency_daily.ttft_p50_ms, latency_daily.ttft_p50_lo_ms, latency_daily.ttft_p50_hi_ms),
            latency_daily.prompt_tokens_target
        ) filter (where latency_daily.prompt_tokens_target <= asked.tokens_in) as below,
        arg_min(
            (latency_daily.ttft_p50_ms, latency_daily.ttft_p50_lo_ms, latency_daily.ttft_p50_hi_ms),
            latency_daily.prompt_tokens_target
        ) filter (where latency_daily.prompt_tokens_target >= asked.tokens_in) as above
    from latency_daily
    inner join asked on latency_daily.day = asked.the_day
    where latency_daily.suite = 'speed' and latency_daily.ttft_not_ranked_because is null
    group by latency_daily.endpoint_id
),

waits as (
    select
        timed.endpoint_id,
        case
            when timed.below_tokens is null then timed.above
            when timed.above_tokens is null or timed.above_tokens = timed.below_tokens then timed.below
        end as nearest,
        coalesce(
            (asked.tokens_in - timed.below_tokens) / nullif(timed.above_tokens - timed.below_tokens, 0), 0
        ) as along,
        timed.below,
        timed.above,
        case
            when timed.below_tokens is null then 'TTFT of ' || timed.above_tokens || ' tokens, the fewest measured'
            when timed.above_tokens is null then 'TTFT of ' || timed.below_tokens || ' tokens, the most measured'
        end as ttft_note
    from timed
    cross join asked
),

starts as (
    select
        waits.endpoint_id,
        waits.ttft_note,
        coalesce(waits.nearest[1], waits.below[1] + waits.along * (waits.above[1] - waits.below[1])) as ttft_ms,
        coalesce(waits.nearest[2], waits.below[2] + waits.along * (waits.above[2] - waits.below[2])) as ttft_ms_lo,
        coalesce(waits.nearest[3], waits.below[3] + waits.along * (waits.above[3] - waits.below[3])) as ttft_ms_hi
    from waits
),

-- Energy per token of the workload whose request is nearest in size.
joules as (
    select energy_daily.*
    from energy_daily
    inner join asked on energy_daily.day = asked.the_day
    where energy_daily.energy_j_per_decoded_token_p50 is not null and energy_daily.input_tokens > 0
    qualify
        row_number() over (
            partition by energy_daily.endpoint_id
            order by abs(ln(energy_daily.input_tokens / asked.tokens_in)), energy_daily.workload
        ) = 1
),

figures as (
    select
        asked.the_day as day,
        scorecard.endpoint_id,
        scorecard.model_family,
        scorecard.quality,
        scorecard.quality_lo,
        scorecard.quality_hi,
        asked.tokens_out * coalesce(wordy.multiplier, 1) as expected_output_tokens,
        wordy.multiplier as output_multiplier,
        (
            asked.tokens_in * (1 - asked.cached) * priced.usd_in
            + asked.tokens_in * asked.cached * priced.usd_cached
            + asked.tokens_out * coalesce(wordy.multiplier, 1) * priced.usd_out
        ) / 1e6 as usd_per_request,
        priced.price_id,
        starts.ttft_ms,
        starts.ttft_ms_lo,
        starts.ttft_ms_hi,
        starts.ttft_note,
        starts.ttft_ms / 1000
        + asked.tokens_out * coalesce(wordy.multiplier, 1) / scorecard.output_speed_tok_s as seconds_per_request,
        asked.tokens_in * (1 - asked.cached) * joules.energy_j_per_input_token_p5
        + asked.tokens_in * asked.cached * joules.energy_j_per_cached_token_p5
        + asked.tokens_out * coalesce(wordy.multiplier, 1) * joules.energy_j_per_decoded_token_p5
            as energy_j_per_request_p5,
        asked.tokens_in * (1 - asked.cached) * joules.energy_j_per_input_token_p50
        + asked.tokens_in * asked.cached * joules.energy_j_per_cached_token_p50
        + asked.tokens_out * coalesce(wordy.multiplier, 1) * joules.energy_j_per_decoded_token_p50
            as energy_j_per_request_p50,
        asked.tokens_in * (1 - asked.cached) * joules.energy_j_per_input_token_p95
        + asked.tokens_in * asked.cached * joules.energy_j_per_cached_token_p95
        + asked.tokens_out * coalesce(wordy.multiplier, 1) * joules.energy_j_per_decoded_token_p95
            as energy_j_per_request_p95,
        joules.evidence_grade,
        case
            when
                scorecard.context_status in ('ok', 'truncating')  -- else longer prompts were not tried
                and asked.tokens_in > coalesce(scorecard.context_accepted_tokens, 1e15)
                then 'failed'
            when
                asked.tokens_in + asked.tokens_out * coalesce(wordy.multiplier, 1)
                > coalesce(scorecard.context_advertised_tokens, 1e15)
                then 'failed'
            when asked.tokens_in > coalesce(scorecard.context_effective_tokens, 1e15) then 'cannot tell'
            else 'met'
        end as fits_context,
        asked.ttft_limit_ms,
        asked.quality_limit
    from scorecard
    inner join asked on scorecard.day = asked.the_day
    left join priced on scorecard.endpoint_id = priced.endpoint_id
    left join wordy on scorecard.endpoint_id = wordy.endpoint_id
    left join starts on scorecard.endpoint_id = starts.endpoint_id
    left join joules on scorecard.endpoint_id = joules.endpoint_id
),

judged as (
    select
        figures.*,
        figures.usd_per_request / nullif(figures.quality, 0) as usd_per_correct,
        figures.usd_per_request / nullif(figures.quality_hi, 0) as usd_per_correct_lo,
        figures.usd_per_request / nullif(figures.quality_lo, 0) as usd_per_correct_hi,
        figures.seconds_per_request / nullif(figures.quality, 0) as seconds_per_correct,
        case
            when figures.ttft_limit_ms is null then 'met'
            when figures.ttft_ms is null then 'cannot tell'
            when coalesce(figures.ttft_ms_hi, 1e300) <= figures.ttft_limit_ms then 'met'
            when coalesce(figures.ttft_ms_lo, 0) > figures.ttft_limit_ms then 'failed'
            else 'cannot tell'
        end as ttft_limit,
        case
            when figures.quality_limit is null then 'met'
            when figures.quality is null then 'cannot tell'
            when coalesce(figures.quality_lo, 0) >= figures.quality_limit then 'met'
            when coalesce(figures.quality_hi, 1) < figures.quality_limit then 'failed'
            else 'cannot tell'
        end as quality_limit_met
    from figures
),

decided as (
    select
        judged.*,
        case
            when 'failed' in (judged.fits_context, judged.ttft_limit, judged.quality_limit_met) then 'failed'
            when 'cannot tell' in (judged.fits_context, judged.ttft_limit, judged.quality_limit_met) then 'cannot tell'
            else 'met'
        end as meets
    from judged
)

select
    decided.day,
    decided.endpoint_id,
    decided.model_family,
    decided.meets,
    concat_ws(
        ', ',
        case when decided.fits_context <> 'met' then 'context: ' || decided.fits_context end,
        case when decided.ttft_limit <> 'met' then 'TTFT: ' || decided.ttft_limit end,
        case when decided.quality_limit_met <> 'met' then 'quality: ' || decided.quality_limit_met end
    ) as limits,
    decided.meets <> 'failed'
    and decided.usd_per_correct is not null
    and decided.seconds_per_correct is not null
    and not exists (
        select 1
        from decided as other
        where
            other.meets <> 'failed'
            and other.usd_per_correct <= decided.usd_per_correct
            and other.seconds_per_correct <= decided.seconds_per_correct
            and (
                other.usd_per_correct < decided.usd_per_correct or other.seconds_per_correct < decided.seconds_per_correct
            )
    ) as on_front,
    decided.usd_per_correct,
    decided.usd_per_correct_lo,
    decided.usd_per_correct_hi,
    decided.usd_per_request,
    decided.seconds_per_correct,
    decided.seconds_per_request,
    decided.ttft_ms,
    decided.ttft_ms_lo,
    decided.ttft_ms_hi,
    decided.ttft_note,
    decided.quality,
    decided.quality_lo,
    decided.quality_hi,
    decided.energy_j_per_request_p5 / nullif(decided.quality, 0) as energy_j_per_correct_p5,
    decided.energy_j_per_request_p50 / nullif(decided.quality, 0) as energy_j_per_correct_p50,
    decided.energy_j_per_request_p95 / nullif(decided.quality, 0) as energy_j_per_correct_p95,
    decided.energy_j_per_request_p5,
    decided.energy_j_per_request_p50,
    decided.energy_j_per_request_p95,
    decided.evidence_grade,
    decided.expected_output_tokens,
    decided.output_multiplier,
    decided.price_id
from decided
order by decided.meets = 'failed', decided.usd_per_correct nulls last, decided.endpoint_id
