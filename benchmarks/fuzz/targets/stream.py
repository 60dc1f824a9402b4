"""Answers of endpoints: any bytes in any split give one result, and a record that the chain can read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from tokenarena_assets.chain.lines import probe_frame
from tokenarena_assets.probing.apis import ADAPTERS
from tokenarena_assets.probing.client import _record
from tokenarena_assets.probing.exchange import Exchange
from tokenarena_assets.probing.plan import Probe
from tokenarena_assets.probing.redaction import FROM_ENDPOINT, redacted
from tokenarena_assets.probing.sse import SseParser
from tokenarena_assets.probing.stream import StreamAccumulator, StreamResult, parse_stream
from tokenarena_assets.storage.rawlog import RawLine, encoded
from tokenarena_assets.suites.question import Question

APIS = tuple(ADAPTERS)
DAY = date(2026, 11, 23)
KEY = "+sk/Tr0ub4dor&3"
RECORDINGS = Path(__file__).parents[4] / "shared/data/streams"
MAX_RECORDING_BYTES = 20_000
PROBE = Probe("q1", "p/m@a", Question("speed", "q1", "Say something.", 16, 0.0, None))
IDENTITY = {"round_id": "r1", "day": DAY.isoformat(), "rehearsal": False}
BODIES: dict[str, str] = {
    "openai_chat": """: OPENROUTER PROCESSING

data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"<think>hm"}}]}

data: {"choices":[{"delta":{"content":"</think>4"},"logprobs":{"content":[{"token":"4","logprob":-0.1,"bytes":[52],"top_logprobs":[{"token":"5","logprob":-2.5}]}]}}]}

data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}

data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}

data: [DONE]

""",
    "openai_completions": """data: {"id":"t1","choices":[{"text":" four","logprobs":{"tokens":[" four"],"token_logprobs":[-0.2],"top_logprobs":[{" four":-0.2}]},"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}

data: [DONE]

""",
    "openai_responses": """event: response.created
data: {"type":"response.created","response":{"id":"r","model":"m"}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","delta":"4","logprobs":[{"token":"4","logprob":-0.5}]}

event: response.completed
data: {"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":3,"output_tokens":1,"output_tokens_details":{"reasoning_tokens":0}}}}

""",
    "anthropic_messages": """event: message_start
data: {"type":"message_start","message":{"id":"m1","model":"m","usage":{"input_tokens":9,"output_tokens":1}}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"4"}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}

event: message_stop
data: {"type":"message_stop"}

""",
    "google_generate": """data: {"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"4"}]},"finishReason":"STOP","logprobsResult":{"chosenCandidates":[{"token":"4","logProbability":-0.1}],"topCandidates":[{"candidates":[{"token":"4","logProbability":-0.1}]}]}}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"thoughtsTokenCount":2},"modelVersion":"m","responseId":"g"}

""",
}  # fmt: skip


def seeds() -> list[bytes]:
    """Two bytes, the API and the split, then a body: ours, and those recorded of real providers where they lie."""
    ours = [bytes([APIS.index(api), 7]) + body.encode() for api, body in BODIES.items()]
    return ours + [bytes([0, 13]) + body for body in _recorded()]


def _recorded() -> list[bytes]:
    bodies = []
    for path in sorted(RECORDINGS.glob("*.yaml")):
        for exchange in yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"]:
            body = exchange["response"].get("body", {}).get("string")
            data = body.encode() if isinstance(body, str) else body
            if isinstance(data, bytes) and data.startswith((b"data:", b"event:", b":")):
                bodies.append(data[:MAX_RECORDING_BYTES])
    return bodies


def check(data: bytes) -> None:
    """Splits do not matter; the record is written, read without a problem, and free of the key."""
    api, step, body = APIS[data[:1][0] % len(APIS) if data else 0], (data[1:2] or b"\1")[0] or 1, data[2:]
    result = parse_stream([body], api)
    assert parse_stream([body[at : at + step] for at in range(0, len(body), step)], api) == result
    exchange = Exchange(0, datetime.now(UTC), http_status=200)
    exchange.phases.sent_ns, exchange.phases.headers_ns = 1, 2
    accumulator = StreamAccumulator(api)
    parser = SseParser()
    for event in [*parser.feed(body), *parser.close()]:
        exchange.frames.append((len(exchange.frames) + 3, event.data))
        if accumulator.add(event) is not None:
            exchange.event_ns.append(exchange.frames[-1][0])
    exchange.last_read_ns = len(exchange.frames) + 3
    _written_and_read(exchange, accumulator.finish())
    document = StreamAccumulator(api)
    document.add_document(body)
    exchange.event_ns = [3] * len(document.result.events)
    _written_and_read(exchange, document.finish())


def _written_and_read(exchange: Exchange, result: StreamResult) -> None:
    record: dict[str, Any] = IDENTITY | _record(
        IDENTITY, PROBE, None, exchange, result, exchange.last_read_ns + 1, streamed=True
    )
    row = probe_frame(DAY, [RawLine("round=r1.jsonl", 1, encoded(record))]).row(0, named=True)
    assert row["problem"] is None, row["problem"]
    clean = redacted(record, KEY)
    assert not any(KEY in json.dumps(clean[name], ensure_ascii=False) for name in FROM_ENDPOINT)
