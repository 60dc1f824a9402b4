-- description: The probe rounds of the day, with how many of their raw lines became requests and how many were set aside.
-- grain: one round
-- group: clean
-- key: round_id
-- not null: day, round_id, state, raw_file, n_raw, n_requests, n_quarantined, certified, void
-- rule rows_balance: n_raw = n_requests + n_quarantined
-- rule void_publishes_nothing: not void or n_requests = 0
-- column day: UTC day of the partition
-- column round_id: identity of the round; begins with its UTC start
-- column region_from: where it was sent from: a probing region, or local; null: imported, or not recorded
-- column started_at: wall clock (UTC) of its host when the round was planned
-- column sealed_at: wall clock (UTC) when its file was compressed
-- column clock_offset_ms: shared clock minus the host's wall clock, milliseconds; null: no shared clock
-- column state: complete, partial (cut off and closed), open (running or cut off), unsealed (no seal)
-- column certified: the prober measured its own error before and during the round, and it was within its budget
-- column void: the prober's own error was over its budget: every line is in quarantine, nothing is published from it
-- column void_reason: what was over its budget; null where the round is not void
-- column uncertified_because: why the round is not certified; null where it is
-- column client_ttft_error_p50_ms: the client's own error of TTFT, median, worst of the certificates, milliseconds
-- column client_ttft_error_p99_ms: its 99th percentile, worst of the certificates; null: too few probes
-- column client_event_lag_p50_ms: lag of the client's stamps of events, median, worst of the certificates, milliseconds
-- column client_event_lag_p99_ms: its 99th percentile, worst of the certificates; null: too few events
-- column suites: suites asked, comma-separated
-- column client: client versions, comma-separated
-- column raw_file: file of the round in the day's raw folder
-- column sha256: SHA-256 of the sealed file
-- column n_raw: lines of the raw file
-- column n_requests: of them sound requests
-- column n_quarantined: of them set aside
-- column n_answered: requests answered (ok or cut at the output cap)
-- column cost_usd: what its requests cost at list price, USD; unknown costs left out
with accepted as (
    select
        requests.raw_file,
        count(*) as n_requests,
        count(*) filter (where requests.status in ('ok', 'truncated')) as n_answered,
        sum(requests.cost_usd::decimal(38, 12))::double as cost_usd  -- exact, in whatever order it is summed
    from requests
    where requests.day = $day
    group by requests.raw_file
),

set_aside as (
    select
        quarantine.raw_file,
        count(*) as n_quarantined
    from quarantine
    where quarantine.day = $day
    group by quarantine.raw_file
)

select
    round_log.day,
    round_log.round_id,
    round_log.region_from,
    round_log.started_at,
    round_log.sealed_at,
    round_log.clock_offset_ms,
    round_log.state,
    stg_rounds.certified,
    stg_rounds.void,
    stg_rounds.void_reason,
    stg_rounds.uncertified_because,
    stg_rounds.client_ttft_error_p50_ms,
    stg_rounds.client_ttft_error_p99_ms,
    stg_rounds.client_event_lag_p50_ms,
    stg_rounds.client_event_lag_p99_ms,
    round_log.suites,
    round_log.client,
    round_log.raw_file,
    round_log.sha256,
    round_log.raw_rows as n_raw,
    coalesce(accepted.n_requests, 0) as n_requests,
    coalesce(set_aside.n_quarantined, 0) as n_quarantined,
    coalesce(accepted.n_answered, 0) as n_answered,
    accepted.cost_usd
from round_log
inner join stg_rounds on round_log.day = stg_rounds.day and round_log.round_id = stg_rounds.round_id
left join accepted on round_log.raw_file = accepted.raw_file
left join set_aside on round_log.raw_file = set_aside.raw_file
where round_log.day = $day
