-- description: The rounds of the day with the verdict on the client that made them.
-- grain: one round
-- group: clean
-- key: round_id
-- not null: day, round_id, raw_file, n_certificates, certified, void
-- published: view
-- rule void_or_certified: not (void and certified)
-- rule void_is_explained: void = (void_reason is not null)
-- rule uncertified_is_explained: certified = (uncertified_because is null)
-- column day: UTC day of the partition
-- column round_id: identity of the round; begins with its UTC start
-- column raw_file: file of the round in the day's raw folder
-- column rehearsal_home: it lies in a home of rehearsals, which holds nothing else
-- column n_certificates: certificates of the round that could be read
-- column certified: it has certificates, all could be read and all are within their budget
-- column void: a certificate is over its budget: all lines of the round are set aside
-- column void_reason: the first one's reason; null where the round is not void
-- column uncertified_because: why the round is not certified; null where it is
-- column client_ttft_error_p50_ms: the client's own error of TTFT, median, worst of the certificates, milliseconds
-- column client_ttft_error_p99_ms: its 99th percentile, worst of the certificates; null: too few probes
-- column client_event_lag_p50_ms: lag of the client's stamps of events, median, worst of the certificates, milliseconds
-- column client_event_lag_p99_ms: its 99th percentile, worst of the certificates; null: too few events
with verdicts as (
    select
        certificates.round_id,
        count(*) filter (where certificates.problem is null) as n_certificates,
        count(*) filter (where certificates.problem is not null) as n_unreadable,
        coalesce(bool_or(not certificates.within_budget), false) as void,
        arg_min(
            'the client''s own error ' || certificates.phase || ' the round, at ' || certificates.at_once::varchar
            || ' at once: ' || certificates.reason,
            certificates.raw_line
        ) filter (where not certificates.within_budget) as void_reason,
        max(certificates.ttft_error_p50_ms) as client_ttft_error_p50_ms,
        max(certificates.ttft_error_p99_ms) as client_ttft_error_p99_ms,
        max(certificates.event_lag_p50_ms) as client_event_lag_p50_ms,
        max(certificates.event_lag_p99_ms) as client_event_lag_p99_ms
    from certificates
    where certificates.day = $day
    group by certificates.round_id
),

explained as (
    select
        round_log.day,
        round_log.round_id,
        round_log.raw_file,
        round_log.rehearsal_home,
        coalesce(verdicts.n_certificates, 0) as n_certificates,
        coalesce(verdicts.void, false) as void,
        verdicts.void_reason,
        case
            when verdicts.void then 'over its budget'
            when verdicts.n_unreadable > 0 then verdicts.n_unreadable::varchar || ' certificate line(s) cannot be read'
            when verdicts.round_id is null then 'no certificate'
        end as uncertified_because,
        verdicts.client_ttft_error_p50_ms,
        verdicts.client_ttft_error_p99_ms,
        verdicts.client_event_lag_p50_ms,
        verdicts.client_event_lag_p99_ms
    from round_log
    left join verdicts on round_log.round_id = verdicts.round_id
    where round_log.day = $day
)

select
    explained.day,
    explained.round_id,
    explained.raw_file,
    explained.rehearsal_home,
    explained.n_certificates,
    explained.uncertified_because is null as certified,
    explained.void,
    explained.void_reason,
    explained.uncertified_because,
    explained.client_ttft_error_p50_ms,
    explained.client_ttft_error_p99_ms,
    explained.client_event_lag_p50_ms,
    explained.client_event_lag_p99_ms
from explained
