-- description: One dated view of each endpoint, each figure of the day alone and with its n: change points are found in it.
-- grain: one endpoint and day
-- group: drift
-- key: endpoint_id
-- not null: day, endpoint_id, model_family
-- rule accuracy_is_share: accuracy_math between 0 and 1 and accuracy_code between 0 and 1
-- rule rates_not_negative: least(greedy_rate_per_1k, logprob_lt_nats, border_tv) >= 0
-- rule times_positive: least(output_speed_tok_s, ttft_ms) > 0
-- rule counts_of_outputs_not_negative: least(fidelity_day_n, greedy_n, logprob_n, border_n, parity_n, parity_mismatched) >= 0
-- rule other_counts_not_negative: least(accuracy_math_n, accuracy_code_n, tokens_per_answer_n, output_speed_n, ttft_n) >= 0
-- column day: UTC day of the partition
-- column endpoint_id: provider/model@sku
-- column model_family: endpoints of one family are compared with its reference
-- column fidelity_day: F of the day's own samples, points; null: not measured
-- column fidelity_day_n: prompts that it rests on
-- column greedy_rate_per_1k: divergences from the reference per 1,000 tokens at temperature 0
-- column greedy_n: prompts that it rests on
-- column logprob_lt_nats: mean difference to the reference's log-probabilities of the first token, nats
-- column logprob_n: prompts that it rests on
-- column parity_mismatched: message sets whose token count differs from the reference's
-- column parity_n: message sets compared
-- column border_tv: mean total variation of first tokens of border inputs against their own reference
-- column border_n: border inputs that it rests on
-- column accuracy_math: share of the day's math items answered correctly; null: not scored
-- column accuracy_math_n: answers graded
-- column accuracy_code: the same of code
-- column accuracy_code_n: answers graded
-- column tokens_per_answer: mean output tokens, reasoning included, of graded answers to generated items
-- column tokens_per_answer_n: answers that it rests on
-- column latency_prompt_tokens: prompt size that speed and time to first token are of, tokens
-- column output_speed_tok_s: median output speed, tokens per second; null: too few probes to rank by
-- column output_speed_n: probes that it rests on
-- column ttft_ms: median time to first token, milliseconds; null: too few probes to rank by
-- column ttft_n: probes that it rests on
-- column input_usd_per_mtok: list price of input, USD per million tokens, by the day's last catalog
-- column output_usd_per_mtok: list price of output, USD per million tokens
-- column served_model: model name in most of the day's responses; hostile text
-- column context_effective_tokens: effective context, tokens
with latest as (
    select endpoints.*
    from endpoints
    where endpoints.day = $day
    qualify row_number() over (partition by endpoints.endpoint_id order by endpoints.valid_from desc) = 1
),

-- The size that the leaderboard shows; a change of size is no change of the endpoint, so it stands beside the figures.
headline as (
    select latency_daily.*
    from latency_daily
    where latency_daily.day = $day and latency_daily.suite = 'speed'
    qualify
        row_number() over (
            partition by latency_daily.endpoint_id
            order by
                coalesce(latency_daily.prompt_tokens_target = 1000, false) desc,
                latency_daily.prompt_tokens_target asc nulls last
        ) = 1
),

-- Of the try that counts alone: `answers` has what all tries were billed.
lengths as (
    select
        answers.endpoint_id,
        avg(requests.output_tokens) as tokens_per_answer,
        count(requests.output_tokens) as tokens_per_answer_n
    from answers
    inner join requests on answers.day = requests.day and answers.request_id = requests.request_id
    where
        answers.day = $day
        and answers.suite in ('quality_math', 'quality_code')
        and answers.correct is not null
    group by answers.endpoint_id
),

names as (
    select
        requests.endpoint_id,
        requests.served_model
    from requests
    where
        requests.day = $day
        and requests.served_model is not null
        and requests.source_tool is null
    group by requests.endpoint_id, requests.served_model
    qualify
        row_number() over (
            partition by requests.endpoint_id
            order by count(requests.request_id) desc, requests.served_model asc
        ) = 1
)

select
    latest.day,
    latest.endpoint_id,
    latest.model_family,
    fidelity_daily.fidelity_day,
    fidelity_daily.fidelity_day_n_prompts as fidelity_day_n,
    fidelity_daily.greedy_rate_per_1k,
    fidelity_daily.greedy_n_prompts as greedy_n,
    fidelity_daily.logprob_lt_nats,
    fidelity_daily.logprob_n_prompts as logprob_n,
    fidelity_daily.parity_mismatched,
    fidelity_daily.parity_compared as parity_n,
    fidelity_daily.border_tv,
    fidelity_daily.border_n_prompts as border_n,
    of_math.accuracy as accuracy_math,
    of_math.n_graded as accuracy_math_n,
    of_code.accuracy as accuracy_code,
    of_code.n_graded as accuracy_code_n,
    lengths.tokens_per_answer,
    lengths.tokens_per_answer_n,
    headline.prompt_tokens_target as latency_prompt_tokens,
    case when headline.speed_not_ranked_because is null then headline.output_speed_p50_tok_s end as output_speed_tok_s,
    headline.n_speed as output_speed_n,
    case when headline.ttft_not_ranked_because is null then headline.ttft_p50_ms end as ttft_ms,
    headline.n_ttft as ttft_n,
    latest.input_usd_per_mtok,
    latest.output_usd_per_mtok,
    names.served_model,
    context_daily.effective_tokens as context_effective_tokens
from latest
left join fidelity_daily
    on
        latest.day = fidelity_daily.day
        and latest.endpoint_id = fidelity_daily.endpoint_id
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
left join lengths on latest.endpoint_id = lengths.endpoint_id
left join headline on latest.endpoint_id = headline.endpoint_id
left join names on latest.endpoint_id = names.endpoint_id
left join context_daily
    on
        latest.day = context_daily.day
        and latest.endpoint_id = context_daily.endpoint_id
where latest.day = $day
