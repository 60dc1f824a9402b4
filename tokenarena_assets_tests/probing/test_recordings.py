"""Recorded bodies of real providers: each yields its known facts, however its bytes are split."""

from __future__ import annotations

import hashlib
import json
import random
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tokenarena_assets.probing import StreamResult, parse_stream

RECORDINGS = Path(__file__).parents[2] / "../shared/data/streams"
SPLITS = 200
# The facts beside the recordings are those of chat bodies; these of the other APIs were read by eye.
OTHER_APIS: dict[str, dict[str, Any]] = {
    "test_openai__test_openai_instructions_with_responses_logprobs_streaming.yaml": {
        "api": "openai_responses",
        "text": "The capital of Minas Gerais is Belo Horizonte.",
        "reasoning": "",
        "indices": (4, 4, 4, 12),
        "usage": (25, 0, 10, 0),
        "finish": ("completed", "stop"),
        "model": "gpt-4o-mini-2024-07-18",
        "response_id": "resp_0ecff685e411ca7b0069e063569c7c819bbc74c80d853802e6",
        "logprobs": 9,
        "first_token_top": [("The", -1.9361264946837764e-07)],  # no alternatives were asked for
    },
    "test_openai_responses__test_openai_responses_raw_cot_stream_openrouter.yaml": {
        "api": "openai_responses",
        "text": "4",
        "reasoning": 'The user asks: "What is 2+2?" They expect a straightforward answer: 4. Just answer 4.',
        "indices": (4, 32, 32, 32),
        "usage": (78, 0, 37, 22),
        "finish": ("completed", "stop"),
        "model": "openai/gpt-oss-20b",
        "response_id": "gen-1764265411-Fu1iEX7h5MRWiL79lb94",
        "logprobs": 0,
    },
    "test_stream_close__test_cancel_recorded_provider_stream_google_.yaml": {
        "api": "google_generate",
        "text": "Paris",
        "reasoning": "",
        "indices": (0, 0, 0, 0),
        "usage": (6, None, 36, 35),  # 1 of the answer, 35 of the thought
        "finish": ("STOP", "stop"),
        "model": "gemini-2.5-flash",
        "response_id": "8e97asPMLaS4qtsP7oGv4Ag",
        "logprobs": 0,
    },
}
# Two write their thought into the answer: the event and the words with which what a reader sees begins.
INLINE_THOUGHT = {
    ("test_groq__test_groq_model_thinking_part_iter.yaml", 0): (457, "To make Uruguayan alfajores"),
    ("test_huggingface__test_hf_model_thinking_part_iter.yaml", 0): (313, "Crossing the street safely"),
}
# These say [DONE] without a finish reason.
NO_FINISH_REASON = ("test_snowflake__test_snowflake_model_streaming.yaml", "test_snowflake__test_snowflake_thinking_")


def _recordings() -> list[Any]:
    path = RECORDINGS / "expected.json"
    if not path.exists():
        return [pytest.param(None, None, marks=pytest.mark.skip(reason=f"no recordings in {RECORDINGS}"))]
    return [
        pytest.param(file, facts, id=f"{file.split('__')[1].removesuffix('.yaml')}-{facts['interaction']}")
        for file, interactions in json.loads(path.read_text()).items()
        for facts in interactions
    ]


@cache
def _bodies(file: str) -> list[bytes]:
    text = (RECORDINGS / file).read_text(encoding="utf-8")
    interactions = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["interactions"]
    bodies = [interaction["response"].get("body", {}).get("string", "") for interaction in interactions]
    return [body if isinstance(body, bytes) else str(body).encode() for body in bodies]


def _is_chat(facts: dict[str, Any]) -> bool:
    return urlsplit(facts["uri"]).path.endswith("/chat/completions")


def _api_of(file: str, facts: dict[str, Any]) -> str:
    return "openai_chat" if _is_chat(facts) else OTHER_APIS[file]["api"]


def _randomly_split(body: bytes, rng: random.Random) -> list[bytes]:
    cuts = sorted(rng.sample(range(len(body)), k=min(len(body) // 2, rng.choice((1, 5, 40, 200)))))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@pytest.mark.parametrize(("file", "facts"), _recordings())
def test_a_recording_yields_its_facts(file: str, facts: dict[str, Any]) -> None:
    result = parse_stream([_bodies(file)[facts["interaction"]]], api=_api_of(file, facts))
    assert len(result.events) == facts["n_json_events"]
    assert result.malformed_events == facts["n_unparseable"]
    assert result.comments == facts["n_comment_lines"]
    assert result.done == facts["done_seen"]
    assert (result.error is not None) == (facts["error_event"] is not None)
    if not _is_chat(facts):
        _assert_read_by_eye(result, OTHER_APIS[file])
        return
    assert result.first_generated_index == facts["first_generated_event"]
    assert result.first_content_index == facts["first_content_event"]
    assert result.last_generated_index == facts["last_generated_event"]
    assert len(result.text) == facts["content_chars"]
    assert len(result.reasoning) == facts["reasoning_chars"]
    assert hashlib.sha256(result.text.encode()).hexdigest() == facts["content_sha256"]
    assert hashlib.sha256(result.reasoning.encode()).hexdigest() == facts["reasoning_sha256"]
    assert result.finish_reason == facts["finish_reason"]
    assert result.served_model == facts["model"]
    assert result.ended == (facts["done_seen"] or facts["finish_reason"] is not None)
    _assert_usage(result, facts)


def _assert_read_by_eye(result: StreamResult, facts: dict[str, Any]) -> None:
    assert (result.text, result.reasoning) == (facts["text"], facts["reasoning"])
    indices = (result.first_generated_index, result.first_content_index, result.first_answer_index)
    assert (*indices, result.last_generated_index) == facts["indices"]
    usage = result.usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens) == facts["usage"]
    assert (result.finish_reason, result.finish_class) == facts["finish"]
    assert (result.served_model, result.response_id) == (facts["model"], facts["response_id"])
    assert len(result.logprobs) == facts["logprobs"]
    assert result.first_token_top == facts.get("first_token_top")
    assert result.ended


def _assert_usage(result: StreamResult, facts: dict[str, Any]) -> None:
    if facts["usage"] is None:
        assert result.usage is None
        return
    assert result.usage is not None
    assert result.usage.input_tokens == facts["usage"]["prompt_tokens"]
    assert result.usage.output_tokens == facts["billed_output_by_total"]
    assert result.usage.reasoning_tokens == facts["reasoning_tokens_reported"]
    assert result.usage.raw == facts["usage"]


@pytest.mark.parametrize(("file", "facts"), _recordings())
def test_a_recording_does_not_depend_on_its_split(file: str, facts: dict[str, Any]) -> None:
    body, rng, api = _bodies(file)[facts["interaction"]], random.Random(file), _api_of(file, facts)
    whole = parse_stream([body], api=api)
    for _ in range(SPLITS):
        assert parse_stream(_randomly_split(body, rng), api=api) == whole
    if len(body) < 40_000:
        assert parse_stream((body[i : i + 1] for i in range(len(body))), api=api) == whole


@pytest.mark.parametrize(("file", "facts"), _recordings())
def test_what_a_reader_sees_of_a_recording(file: str, facts: dict[str, Any]) -> None:
    result = parse_stream([_bodies(file)[facts["interaction"]]], api=_api_of(file, facts))
    inline = INLINE_THOUGHT.get((file, facts["interaction"]))
    if inline is None:
        assert (result.answer, result.thought) == (result.text.lstrip(), result.reasoning)
    else:
        first_answer, beginning = inline
        assert result.first_answer_index == first_answer
        assert result.answer.startswith(beginning)
        thought, _, answer = result.text.partition("</think>")
        assert (result.thought, result.answer) == (thought.removeprefix("<think>"), answer.lstrip())
    assert "".join(event.answer for event in result.generated) == result.answer
    seen = [event.index for event in result.generated if event.answer]
    assert result.first_answer_index == (seen[0] if seen else None)


@pytest.mark.parametrize(("file", "facts"), _recordings())
def test_a_recording_is_not_read_as_what_it_is_not(file: str, facts: dict[str, Any]) -> None:
    for api in ("openai_chat", "openai_responses", "openai_completions", "anthropic_messages", "google_generate"):
        spoken = _api_of(file, facts)
        if api == spoken or {api, spoken} == {"openai_chat", "openai_completions"}:
            continue
        result = parse_stream([_bodies(file)[facts["interaction"]]], api=api)
        assert result.first_generated_index is None
        assert len(result.events) == facts["n_json_events"]


def test_a_stream_without_finish_reason_is_whole_when_it_says_that_it_is_done() -> None:
    if not RECORDINGS.exists():
        pytest.skip(f"no recordings in {RECORDINGS}")
    files = [path.name for path in RECORDINGS.iterdir() if path.name.startswith(NO_FINISH_REASON)]
    assert len(files) == 2
    for file in files:
        result = parse_stream([_bodies(file)[0]])
        assert (result.ended, result.finish_reason, result.finish_class) == (True, None, None)
