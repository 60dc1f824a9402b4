-- description: Every raw line of the day that is not sound evidence: its reason and its place; nothing is dropped.
-- grain: one line of a raw file
-- group: clean
-- key: raw_file, raw_line
-- not null: day, raw_file, raw_line, reason
-- column day: UTC day of the partition
-- column raw_file: file of the round in the day's raw folder
-- column raw_line: line in that file, from 1
-- column reason: class of the reason, one word
-- column detail: the value or message that gave the reason
-- column request_id: identity of the probe; null where it could not be read
-- column endpoint_id: provider/model@sku; null where it could not be read
select
    stg_probe_log.day,
    stg_probe_log.raw_file,
    stg_probe_log.raw_line,
    stg_probe_log.reject_reason as reason,
    stg_probe_log.reject_detail as detail,
    stg_probe_log.request_id,
    stg_probe_log.endpoint_id
from stg_probe_log
where
    stg_probe_log.day = $day
    and stg_probe_log.reject_reason is not null
