-- description: Every quality answer of the day with its grade, its gold answer, its cost and its place in the evidence.
-- grain: one graded answer
-- group: quality
-- key: request_id
-- not null: day, request_id, round_id, endpoint_id, suite, item_id, outcome, grader_version
-- published: view
-- column day: UTC day of the partition
-- column request_id: identity of the probe
-- column round_id: round that sent it
-- column endpoint_id: provider/model@sku
-- column suite: quality suite
-- column item_id: the item, the same for every endpoint
-- column template_id: template that made the item
-- column difficulty: difficulty of the template
-- column outcome: correct, wrong, no_answer, not_a_number, truncated, content_filter, empty, missing
-- column correct: official score; null where nothing can be graded
-- column lenient_correct: score that also takes the last number of the text
-- column gold: gold answer
-- column extracted: answer as extracted; hostile text
-- column text: visible answer; hostile text
-- column input_tokens: prompt tokens billed
-- column output_tokens: output tokens billed
-- column cost_usd: cost at list price, USD; null: price or usage unknown
-- column grader_version: version of the grader
-- column raw_file: file of the evidence in the day's raw folder
-- column raw_line: line in that file, from 1
select
    requests.day,
    requests.request_id,
    requests.round_id,
    requests.endpoint_id,
    requests.suite,
    requests.item_id,
    requests.template_id,
    requests.difficulty,
    graded_answers.outcome,
    graded_answers.correct,
    graded_answers.lenient_correct,
    requests.gold,
    graded_answers.extracted,
    requests.text,
    requests.input_tokens,
    requests.output_tokens,
    requests.cost_usd,
    graded_answers.grader_version,
    requests.raw_file,
    requests.raw_line
from requests
inner join graded_answers
    on
        requests.day = graded_answers.day
        and requests.request_id = graded_answers.request_id
where requests.day = $day
