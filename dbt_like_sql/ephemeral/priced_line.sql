-- description: Each line of the raw log with the price that it pays, by its minute and size, and what it cost at that.
-- column price_id: line of the price book, or of round_prices, that it pays, by its minute and size; null: no price is known
-- column cost_usd: cost at that list price, USD; null: price or usage unknown
-- column estimated_cost_usd: what it may have cost where usage is not known and HTTP was 2xx, by characters, USD
with priced as (
    select
        probe_log.*,
        round_prices.price_id,
        round_prices.input_usd_per_mtok::double as usd_in,
        coalesce(round_prices.cached_input_usd_per_mtok, round_prices.input_usd_per_mtok)::double as usd_cached,
        coalesce(round_prices.cache_write_usd_per_mtok, round_prices.input_usd_per_mtok)::double as usd_written,
        round_prices.output_usd_per_mtok::double as usd_out,
        coalesce(round_prices.reasoning_output_usd_per_mtok, round_prices.output_usd_per_mtok)::double as usd_thought,
        coalesce(probe_log.cached_tokens, 0)::double as n_cached,
        coalesce(probe_log.cache_write_tokens, 0)::double as n_written,
        least(coalesce(probe_log.reasoning_tokens, 0), probe_log.output_tokens)::double as n_thought
    from probe_log
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
)

select
    priced.* exclude (usd_in, usd_cached, usd_written, usd_out, usd_thought, n_cached, n_written, n_thought),  -- noqa: RF03
    case
        when priced.n_cached + priced.n_written <= priced.input_tokens
            then
                (
                    (priced.input_tokens::double - priced.n_cached - priced.n_written) * priced.usd_in
                    + priced.n_cached * priced.usd_cached
                    + priced.n_written * priced.usd_written
                    + (priced.output_tokens::double - priced.n_thought) * priced.usd_out
                    + priced.n_thought * priced.usd_thought
                ) / 1e6::double
    end as cost_usd,
    case
        when coalesce(priced.estimated_input_tokens, priced.estimated_output_tokens) is not null
            then
                (
                    greatest(
                        coalesce(priced.input_tokens, priced.estimated_input_tokens)::double
                        - priced.n_cached - priced.n_written,
                        0
                    ) * priced.usd_in
                    + priced.n_cached * priced.usd_cached
                    + priced.n_written * priced.usd_written
                    + coalesce(priced.output_tokens, priced.estimated_output_tokens)::double * priced.usd_out
                ) / 1e6::double
    end as estimated_cost_usd
from priced
