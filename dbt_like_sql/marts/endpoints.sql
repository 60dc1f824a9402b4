-- description: What each endpoint claimed and charged on the day, as its rounds recorded it; a change is a new row.
-- grain: one endpoint and moment of change
-- group: clean
-- key: endpoint_id, valid_from
-- not null: day, endpoint_id, valid_from, provider, model, model_family, sku, api, is_embedded, is_reference
-- rule prices_not_negative: least(input_usd_per_mtok, output_usd_per_mtok, cached_input_usd_per_mtok) >= 0
-- rule context_positive: context_tokens > 0
-- column day: UTC day of the partition
-- column endpoint_id: provider/model@sku
-- column valid_from: start of the day's first round (UTC) that recorded the endpoint so
-- column provider: who serves it
-- column model: model name in the catalog
-- column model_family: endpoints of one family are compared with its reference
-- column sku: quantization, decoding, region, tier behind the same model
-- column api: wire format
-- column base_url: address; null for the embedded fleet
-- column is_embedded: served by the embedded fleet, its provider and prices invented
-- column request_model: model name sent in requests
-- column is_reference: the first-party reference of its family
-- column reference_kind: of a reference: own_api, self_hosted or partner; null for others
-- column honest: known to serve the reference's own precision: measures the floor, is not judged
-- column thinks: its reasoning cannot be switched off
-- column quality_tier: tier of difficulty of its family: tiny, easy, standard, hard
-- column top_logprobs: most alternatives of a token that it gives with their log-probabilities; null: none
-- column quantization: as disclosed; null = undisclosed
-- column region: region as disclosed
-- column context_tokens: advertised context, tokens
-- column input_usd_per_mtok: list price of input, USD per million tokens
-- column cached_input_usd_per_mtok: list price of cached input, USD per million tokens
-- column output_usd_per_mtok: list price of output, USD per million tokens
-- column price_json: the whole list price with context tiers and hours; null: none
-- column fast_because: disclosed reason for output speeds over 5,000 tokens per second; null: none
-- column note: note of the catalog
-- column vendor_family: the vendor's own line of models; nothing is compared by it
-- column service_tier: what the price is of: standard, priority, batch, flex; null: recorded by an earlier version
-- column max_output_tokens: advertised longest answer, tokens
-- column cannot_probe: why no adapter can ask it; null: one can
-- column model_facts_json: what the catalog states of the weights, as recorded (JSON); null: nothing
-- column fleet_threads: processor threads of an embedded server; null: not embedded
-- column disclosure_json: what the provider discloses of the serving, as recorded (JSON); null: nothing
with compared as (
    select
        catalog_log.*,
        row(
            catalog_log.api,
            catalog_log.base_url,
            catalog_log.model_family,
            catalog_log.request_model,
            catalog_log.is_reference,
            catalog_log.reference_kind,
            catalog_log.honest,
            catalog_log.thinks,
            catalog_log.quality_tier,
            catalog_log.top_logprobs,
            catalog_log.quantization,
            catalog_log.region,
            catalog_log.context_tokens,
            catalog_log.input_usd_per_mtok,
            catalog_log.cached_input_usd_per_mtok,
            catalog_log.output_usd_per_mtok,
            catalog_log.price_json,
            catalog_log.fast_because,
            catalog_log.note,
            catalog_log.vendor_family,
            catalog_log.service_tier,
            catalog_log.max_output_tokens,
            catalog_log.cannot_probe,
            catalog_log.model_facts_json,
            catalog_log.fleet_threads,
            catalog_log.disclosure_json
        ) as claim
    from catalog_log
    where catalog_log.day = $day
),

marked as (
    select
        compared.*,
        lag(compared.claim) over (
            partition by compared.endpoint_id order by compared.recorded_at, compared.round_id
        ) as earlier_claim
    from compared
)

select
    marked.day,
    marked.endpoint_id,
    marked.recorded_at as valid_from,
    marked.provider,
    marked.model,
    marked.model_family,
    marked.sku,
    marked.api,
    marked.base_url,
    marked.is_embedded,
    marked.request_model,
    marked.is_reference,
    marked.reference_kind,
    marked.honest,
    marked.thinks,
    marked.quality_tier,
    marked.top_logprobs,
    marked.quantization,
    marked.region,
    marked.context_tokens,
    marked.input_usd_per_mtok,
    marked.cached_input_usd_per_mtok,
    marked.output_usd_per_mtok,
    marked.price_json,
    marked.fast_because,
    marked.note,
    marked.vendor_family,
    marked.service_tier,
    marked.max_output_tokens,
    marked.cannot_probe,
    marked.model_facts_json,
    marked.fleet_threads,
    marked.disclosure_json
from marked
where
    marked.earlier_claim is null
    or marked.claim is distinct from marked.earlier_claim
