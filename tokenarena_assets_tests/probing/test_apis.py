"""The adapters: what each API is sent, and what its events, whole answers, errors and usage are read as."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenarena_assets.endpoints.catalog import Api
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing import StreamResult, parse_stream
from tokenarena_assets.probing.apis import ADAPTERS, adapter_for
from tokenarena_assets.probing.apis.finish import finish_class_of
from tokenarena_assets.probing.apis.values import alternatives_of

EXAMPLES = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RESPONSES, MESSAGES, GOOGLE = "openai_responses", "anthropic_messages", "google_generate"


def _sse(events: list[dict[str, Any]], *, named: bool = False, end: str = "\n") -> bytes:
    """Events as their API sends them: OpenAI's Responses and Anthropic name each after its type."""
    lines = []
    for event in events:
        lines += [f"event: {event['type']}"] if named else []
        lines += [f"data: {json.dumps(event, ensure_ascii=False)}", ""]
    return "".join(line + end for line in lines).encode()


def _read(api: str, *events: dict[str, Any]) -> StreamResult:
    return parse_stream([_sse(list(events), named=api in (RESPONSES, MESSAGES))], api=api)


def _counts(result: StreamResult) -> tuple[int | None, ...]:
    usage = result.usage
    assert usage is not None
    return usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens


def _ending(result: StreamResult) -> tuple[str | None, str | None, bool]:
    return result.finish_reason, result.finish_class, result.ended


# --- requests


def test_every_api_of_the_catalog_is_spoken() -> None:
    assert set(ADAPTERS) == set(Api.__args__)
    assert all(adapter_for(api).api == api for api in ADAPTERS)
    with pytest.raises(TokenArenaError, match=r"no adapter for api 'smoke_signals'\n.*google_generate.*openai_chat"):
        adapter_for("smoke_signals")


@pytest.mark.parametrize(
    ("api", "model", "streamed", "whole"),
    [
        ("openai_chat", "m", "/chat/completions", "/chat/completions"),
        ("openai_completions", "m", "/completions", "/completions"),
        ("openai_responses", "m", "/responses", "/responses"),
        ("anthropic_messages", "m", "/messages", "/messages"),
        (
            GOOGLE,
            "gemini-2.5",
            "/models/gemini-2.5:streamGenerateContent?alt=sse",
            "/models/gemini-2.5:generateContent",
        ),
        (
            GOOGLE,
            "publishers/google/models/m@1?x",
            "/publishers/google/models/m@1%3Fx:streamGenerateContent?alt=sse",
            "/publishers/google/models/m@1%3Fx:generateContent",
        ),
    ],
)
def test_paths(api: str, model: str, streamed: str, whole: str) -> None:
    assert adapter_for(api).path(model, stream=True) == streamed
    assert adapter_for(api).path(model, stream=False) == whole


@pytest.mark.parametrize(
    ("api", "with_key", "without"),
    [
        ("openai_chat", {"Authorization": "Bearer k"}, {}),
        ("openai_completions", {"Authorization": "Bearer k"}, {}),
        ("openai_responses", {"Authorization": "Bearer k"}, {}),
        (MESSAGES, {"anthropic-version": "2023-06-01", "x-api-key": "k"}, {"anthropic-version": "2023-06-01"}),
        (GOOGLE, {"x-goog-api-key": "k"}, {}),
    ],
)
def test_headers(api: str, with_key: dict[str, str], without: dict[str, str]) -> None:
    assert adapter_for(api).headers("k") == with_key
    assert adapter_for(api).headers(None) == adapter_for(api).headers("") == without


STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
MESSAGE = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("api", "body", "when_streamed", "with_logprobs"),
    [
        (
            "openai_chat",
            {"model": "m", "messages": MESSAGE, "max_tokens": 7, "temperature": 0.5, "stream": False},
            STREAMED,
            {"logprobs": True, "top_logprobs": 3},
        ),
        (
            "openai_completions",
            {"model": "m", "prompt": "Hi", "max_tokens": 7, "temperature": 0.5, "stream": False},
            STREAMED,
            {"logprobs": 3},
        ),
        (
            "openai_responses",
            {"model": "m", "input": "Hi", "max_output_tokens": 7, "temperature": 0.5, "store": False, "stream": False},
            {"stream": True},
            {"include": ["message.output_text.logprobs"], "top_logprobs": 3},
        ),
        (
            MESSAGES,
            {"model": "m", "messages": MESSAGE, "max_tokens": 7, "temperature": 0.5, "stream": False},
            {"stream": True},
            {},
        ),
        (
            GOOGLE,
            {
                "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
                "generationConfig": {"maxOutputTokens": 7, "temperature": 0.5},
            },
            {},
            {
                "generationConfig": {
                    "maxOutputTokens": 7,
                    "temperature": 0.5,
                    "responseLogprobs": True,
                    "logprobs": 3,
                }
            },
        ),
    ],
)
def test_bodies(api: str, body: dict[str, Any], when_streamed: dict[str, Any], with_logprobs: dict[str, Any]) -> None:
    adapter = adapter_for(api)
    sent = adapter.body("m", "Hi", max_output_tokens=7, temperature=0.5, stream=False)
    assert sent == body
    assert adapter.body("m", "Hi", max_output_tokens=7, temperature=0.5) == body | when_streamed
    asked = adapter.body("m", "Hi", max_output_tokens=7, temperature=0.5, stream=False, top_logprobs=3)
    assert asked == body | with_logprobs
    # Models differ in how they take a limit or a temperature; everything else that is sent is the prober's alone.
    free = {"max_tokens", "max_output_tokens", "temperature", "store", "generationConfig"}
    assert (body | when_streamed).keys() - free <= adapter.reserved


# --- OpenAI Responses


def _response(status: str = "in_progress", **more: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "model": "served", "status": status, "error": None, **more}


def _delta(kind: str, text: str, output: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": output, "content_index": 0, "delta": text, **more}


def _done(kind: str, text: str, output: int = 0, field: str = "text", **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.done", "output_index": output, "content_index": 0, field: text, **more}


CREATED = {"type": "response.created", "response": _response(usage=None, output=[])}
RESPONSE_USAGE = {
    "input_tokens": 12,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 21,
}


def _ended(status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"type": f"response.{status}", "response": _response(status, usage=RESPONSE_USAGE, **more)}


def _incomplete(reason: str) -> dict[str, Any]:
    return _ended("incomplete", incomplete_details={"reason": reason})


MESSAGE_OUTPUT = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "c2Vj"},
    {
        "type": "message",
        "content": [
            {"type": "output_text", "text": "Hi", "annotations": [], "logprobs": [{"token": "Hi", "logprob": -0.5}]},
            {"type": "refusal", "refusal": " no"},
        ],
    },
    {"type": "function_call", "name": "look", "arguments": "{}"},
]


def test_responses_count_deltas_and_not_the_whole_that_repeats_them() -> None:
    logprobs = [{"token": "Hi", "logprob": -0.5, "top_logprobs": []}]
    result = _read(
        RESPONSES,
        CREATED,
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "summary": []}},
        {"type": "response.reasoning_summary_part.added", "output_index": 0, "part": {"text": ""}},
        _delta("reasoning_summary_text", "Hm", summary_index=0),
        _delta("reasoning_summary_text", ".", summary_index=0),
        _done("reasoning_summary_text", "Hm.", summary_index=0),
        {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "content": []}},
        {"type": "response.content_part.added", "output_index": 1, "part": {"type": "output_text", "text": ""}},
        _delta("output_text", "Hi", 1, logprobs=logprobs, obfuscation="xyz"),
        _delta("refusal", " no", 1),
        _done("output_text", "Hi", 1, logprobs=logprobs),
        _done("refusal", " no", 1, field="refusal"),
        {"type": "response.content_part.done", "output_index": 1, "part": {"type": "output_text", "text": "Hi"}},
        {"type": "response.output_item.added", "output_index": 2, "item": {"type": "function_call", "name": "look"}},
        _delta("function_call_arguments", "{}", 2),
        _done("function_call_arguments", "{}", 2, field="arguments"),
        {"type": "response.output_item.done", "output_index": 1, "item": MESSAGE_OUTPUT[1]},
        _ended(output=MESSAGE_OUTPUT),
    )
    assert (result.reasoning, result.text, result.tool_arguments) == ("Hm.", "Hi no", "look{}")
    indices = (result.first_generated_index, result.first_content_index, result.first_answer_index)
    assert (*indices, result.last_generated_index) == (3, 8, 8, 14)
    assert _counts(result) == (12, 4, 9, 5)
    assert result.usage is not None
    assert result.usage.raw == RESPONSE_USAGE
    assert _ending(result) == ("completed", "stop", True)
    assert (result.response_id, result.served_model, result.error) == ("resp_1", "served", None)
    assert result.logprobs == [-0.5]


def test_responses_without_deltas_are_read_from_the_whole() -> None:
    done = _read(RESPONSES, CREATED, _done("output_text", "Hi", logprobs=[{"logprob": -1}]), _ended(output=[]))
    assert (done.text, done.first_generated_index, done.logprobs) == ("Hi", 1, [-1.0])
    done_after_another = _read(RESPONSES, _delta("output_text", "a", 0), _done("output_text", "b", 1))
    assert done_after_another.text == "ab"
    for result in (
        _read(RESPONSES, CREATED, _ended(output=MESSAGE_OUTPUT)),
        parse_stream([json.dumps(_ended(output=MESSAGE_OUTPUT)["response"]).encode()], api=RESPONSES),
    ):
        assert (result.reasoning, result.text, result.tool_arguments) == ("Hm.", "Hi no", "look{}")
        assert result.first_generated_index == result.last_generated_index == len(result.events) - 1
        assert (_counts(result), result.logprobs) == ((12, 4, 9, 5), [-0.5])
        assert _ending(result) == ("completed", "stop", True)
        assert (result.response_id, result.served_model) == ("resp_1", "served")


@pytest.mark.parametrize(
    ("last", "ending", "error"),
    [
        (
            _ended("incomplete", incomplete_details={"reason": "max_output_tokens"}),
            ("max_output_tokens", "length"),
            None,
        ),
        (_ended("incomplete", incomplete_details={"reason": "content_filter"}), ("content_filter",) * 2, None),
        (_ended("incomplete", incomplete_details=None), ("incomplete", "length"), None),
        (_ended("failed", error={"code": "server_error", "message": "boom"}), ("failed", "broken"), "boom"),
        (_ended("failed"), ("failed", "broken"), "response failed"),
        (_ended("cancelled"), ("cancelled", "broken"), None),
    ],
)
def test_how_responses_end(last: dict[str, Any], ending: tuple[str, str], error: str | None) -> None:
    result = _read(RESPONSES, CREATED, _delta("output_text", "Hi"), last)
    assert _ending(result) == (*ending, True)
    assert (result.error, result.text) == (error, "Hi")


def test_responses_that_break_off_have_not_ended() -> None:
    assert _ending(_read(RESPONSES, CREATED, _delta("output_text", "Hi"))) == (None, None, False)
    for error in (
        {"type": "error", "code": "rate_limit_exceeded", "message": "boom", "param": None, "sequence_number": 3},
        {"type": "error", "error": {"type": "server_error", "message": "boom"}},
    ):
        result = _read(RESPONSES, CREATED, _delta("output_text", "Hi"), error)
        assert (result.text, result.error, result.ended, result.finish_class) == ("Hi", "boom", False, "broken")


@pytest.mark.parametrize(
    ("kind", "channel"),
    [
        ("output_text", "text"),
        ("refusal", "text"),
        ("reasoning_text", "reasoning"),
        ("reasoning_summary_text", "reasoning"),
        ("reasoning", "reasoning"),
        ("custom_tool_call_input", "tool_arguments"),
        ("mcp_call_arguments", "tool_arguments"),
        ("code_interpreter_call_code", "tool_arguments"),
        ("apply_patch_call_operation_diff", "tool_arguments"),
        ("shell_call_command", "tool_arguments"),
    ],
)
def test_responses_bring_text_in_many_kinds(kind: str, channel: str) -> None:
    result = _read(RESPONSES, CREATED, _delta(kind, ""), _delta(kind, "a"))
    assert (getattr(result, channel), result.first_generated_index) == ("a", 2)
    # A server that leaves the type to the event's name is read as well.
    unnamed = {name: value for name, value in _delta(kind, "a").items() if name != "type"}
    body = f"event: response.{kind}.delta\ndata: {json.dumps(unnamed)}\n\n".encode()
    assert getattr(parse_stream([body], api=RESPONSES), channel) == "a"


def test_responses_call_tools_in_many_forms() -> None:
    two_commands = _read(
        RESPONSES,
        CREATED,
        _delta("shell_call_command", "ls", command_index=0),
        _done("shell_call_command", "ls", field="command", command_index=0),
        _done("shell_call_command", ";pwd", field="command", command_index=1),
    )
    assert (two_commands.tool_arguments, two_commands.last_generated_index) == ("ls;pwd", 3)
    for item, text in (
        ({"type": "tool_search_call", "arguments": {"goal": "maps"}}, '{"goal":"maps"}'),
        ({"type": "apply_patch_call", "operation": {"type": "create_file", "path": "a", "diff": "+b"}}, "+b"),
        ({"type": "shell_call", "action": {"commands": ["ls", ";pwd"], "timeout_ms": None}}, "ls;pwd"),
        ({"type": "web_search_call", "action": {"type": "search", "query": "maps"}}, ""),
    ):
        result = _read(RESPONSES, CREATED, _ended(output=[item]))
        assert (result.tool_arguments, result.text) == (text, "")


# --- legacy Completions


def test_legacy_completions() -> None:
    def choice(text: str, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
        choices = [{"text": text, "index": 0, "logprobs": None, "finish_reason": finish_reason} | more]
        return {"id": "cmpl-1", "object": "text_completion", "model": "served", "choices": choices}

    logprobs = {"tokens": [" a", " b"], "token_logprobs": [None, -0.25], "top_logprobs": None, "text_offset": [0, 2]}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    streamed = _read(
        "openai_completions",
        choice(""),
        choice(" a b", logprobs=logprobs),
        choice(" c"),
        choice("", "length"),
        {"id": "cmpl-1", "choices": [], "usage": usage},
    )
    assert (streamed.first_generated_index, streamed.last_generated_index) == (1, 2)
    document = choice(" a b c", "length", logprobs=logprobs) | {"usage": usage}
    whole = parse_stream([json.dumps(document).encode()], api="openai_completions")
    for result in (streamed, whole):
        assert (result.text, result.answer, result.logprobs) == (" a b c", "a b c", [-0.25])
        assert (_counts(result), _ending(result)) == ((3, None, 4, None), ("length", "length", True))
        assert (result.response_id, result.served_model) == ("cmpl-1", "served")


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}}, (20, 4, 3)),
        ({"cache_read_input_tokens": 4, "cache_creation_input_tokens": 3}, (20, 4, 3)),
        # the total tells that both were left out of the input
        ({"cache_read_input_tokens": 4, "cache_creation_input_tokens": 3, "total_tokens": 32}, (27, 4, 3)),
        ({}, (20, None, None)),
    ],
)
def test_tokens_written_to_a_cache_are_part_of_the_input(usage: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    got = adapter_for("openai_chat").usage({"prompt_tokens": 20, "completion_tokens": 5} | usage)
    assert (got.input_tokens, got.cached_tokens, got.cache_write_tokens) == counts
    assert got.output_tokens == 5


# --- Anthropic Messages


def test_what_anthropic_wrote_to_its_cache_is_input_and_is_told() -> None:
    got = adapter_for("anthropic_messages").usage(MESSAGE_USAGE)
    assert (got.input_tokens, got.cached_tokens, got.cache_write_tokens) == (33, 20, 3)


MESSAGE_USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 20,
    "output_tokens": 1,
    "service_tier": "standard",
}


def _message(**more: Any) -> dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "served", "content": []}
    return message | {"stop_reason": None, "stop_sequence": None, "usage": MESSAGE_USAGE} | more


def _start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _block_delta(index: int, kind: str, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind} | delta}


def _stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def _stopped(reason: str, **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}


STARTED = {"type": "message_start", "message": _message()}
PING = {"type": "ping"}
OVER = {"type": "message_stop"}


def test_messages_with_thinking_text_and_a_tool() -> None:
    result = _read(
        MESSAGES,
        STARTED,
        _start(0, type="thinking", thinking="", signature=""),
        PING,
        _block_delta(0, "thinking_delta", thinking="Let me"),
        _block_delta(0, "thinking_delta", thinking=" see."),
        _block_delta(0, "signature_delta", signature="c2lnbmVk"),
        _stop(0),
        _start(1, type="redacted_thinking", data="c2VjcmV0"),
        _stop(1),
        _start(2, type="text", text=""),
        _block_delta(2, "text_delta", text="Grüße"),
        _block_delta(2, "citations_delta", citation={"cited_text": "x"}),
        _block_delta(2, "text_delta", text="!"),
        _stop(2),
        _start(3, type="tool_use", id="t", name="look", input={}),
        _block_delta(3, "input_json_delta", partial_json=""),
        _block_delta(3, "input_json_delta", partial_json='{"at": 1}'),
        _stop(3),
        _stopped("tool_use", output_tokens=42, output_tokens_details={"thinking_tokens": 17}),
        OVER,
    )
    assert (result.reasoning, result.text, result.tool_arguments) == ("Let me see.", "Grüße!", 'look{"at": 1}')
    indices = (result.first_generated_index, result.first_content_index, result.first_answer_index)
    assert (*indices, result.last_generated_index) == (3, 10, 10, 16)
    assert _counts(result) == (33, 20, 42, 17)
    assert result.usage is not None
    assert result.usage.raw == MESSAGE_USAGE | {
        "output_tokens": 42,
        "output_tokens_details": {"thinking_tokens": 17},
    }
    assert _ending(result) == ("tool_use", "tool_calls", True)
    assert (result.response_id, result.served_model, result.error) == ("msg_1", "served", None)


def test_a_block_whose_text_comes_at_its_start_counts_once() -> None:
    said = _start(0, type="text", text="Hi")
    assert _read(MESSAGES, STARTED, said, _stop(0)).text == "Hi"
    repeated = _read(MESSAGES, STARTED, said, _block_delta(0, "text_delta", text="Hi"), _stop(0))
    assert (repeated.text, repeated.first_generated_index) == ("Hi", 2)
    continued = _read(MESSAGES, STARTED, said, _block_delta(0, "text_delta", text=" you"), _stop(0))
    assert (continued.text, continued.first_generated_index) == ("Hi you", 2)
    cited = _read(MESSAGES, STARTED, said, _block_delta(0, "citations_delta", citation={}), _stop(0))
    assert (cited.text, cited.first_generated_index) == ("Hi", 3)


def test_a_call_whose_arguments_come_at_its_start_is_generated_there() -> None:
    called = _start(0, type="tool_use", name="look", input={"a": 1})
    repeated = _block_delta(0, "input_json_delta", partial_json='{"a": 1}')
    for events in ([_stop(0)], [repeated, _stop(0)]):
        result = _read(MESSAGES, STARTED, called, *events)
        assert (result.tool_arguments, result.first_generated_index) == ('look{"a":1}', 1)
        assert result.last_generated_index == 1
    next_call = _start(0, type="tool_use", name="run", input={})
    assert _read(MESSAGES, STARTED, called, next_call, repeated).tool_arguments == 'look{"a":1}run{"a": 1}'


def test_a_message_that_was_not_streamed() -> None:
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "c2Vj"},
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "t", "name": "look", "input": {"at": 1}},
    ]
    usage = MESSAGE_USAGE | {"output_tokens": 9}
    body = json.dumps(_message(content=content, stop_reason="end_turn", usage=usage), indent=1).encode()
    result = parse_stream([body], api=MESSAGES)
    assert (result.reasoning, result.text, result.tool_arguments) == ("Hm.", "Hi", 'look{"at":1}')
    assert (_counts(result), _ending(result)) == ((33, 20, 9, None), ("end_turn", "stop", True))
    assert (result.response_id, result.served_model, len(result.events)) == ("msg_1", "served", 1)


@pytest.mark.parametrize(
    ("reason", "finish_class"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("tool_use", "tool_calls"),
        ("pause_turn", None),
    ],
)
def test_how_messages_end(reason: str, finish_class: str | None) -> None:
    text = _block_delta(0, "text_delta", text="Hi")
    for events in ((STARTED, text, _stopped(reason), OVER), (STARTED, text, _stopped(reason))):
        assert _ending(_read(MESSAGES, *events)) == (reason, finish_class, True)
    assert _ending(_read(MESSAGES, STARTED, text, OVER)) == (None, None, True)
    assert _ending(_read(MESSAGES, STARTED, text, _stop(0))) == (None, None, False)


@pytest.mark.parametrize(
    ("start", "delta", "counts"),
    [
        ({"input_tokens": 10, "output_tokens": 1}, {"output_tokens": 5}, (10, None, 5, None)),
        # The counts of the last event are cumulative; null takes nothing back.
        (MESSAGE_USAGE, {"input_tokens": 12, "output_tokens": 5, "cache_read_input_tokens": None}, (35, 20, 5, None)),
        ({"input_tokens": 10, "cache_read_input_tokens": 0}, {"output_tokens": 5}, (10, 0, 5, None)),
        ({"output_tokens": 1}, {"input_tokens": 10, "output_tokens": 5}, (10, None, 5, None)),
        ({"input_tokens": -1, "cache_read_input_tokens": 7.5}, {"output_tokens": True}, (None, None, None, None)),
        ({"cache_read_input_tokens": 7}, {}, (None, 7, None, None)),
    ],
)
def test_usage_of_messages(start: dict[str, Any], delta: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    started = {"type": "message_start", "message": _message(usage=start)}
    assert _counts(_read(MESSAGES, started, PING, _stopped("end_turn", **delta), OVER)) == counts


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "r"},
        {"type": "error", "error": "Overloaded"},
        {"type": "error", "message": "Overloaded"},
    ],
)
def test_errors_of_messages(error: dict[str, Any]) -> None:
    result = _read(MESSAGES, STARTED, _block_delta(0, "text_delta", text="Hi"), error)
    assert (result.text, result.error) == ("Hi", "Overloaded")
    assert _ending(result) == (None, "broken", False)
    assert parse_stream([json.dumps(error).encode()], api=MESSAGES).error == "Overloaded"


# --- Google


def _candidates(*parts: dict[str, Any], reason: str | None = None, **usage: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    candidate |= {"finishReason": reason} if reason else {}
    return {
        "candidates": [candidate],
        "usageMetadata": {f"{name}TokenCount": count for name, count in usage.items()},
        "modelVersion": "served",
        "responseId": "r1",
    }


GOOGLE_STREAM = [
    _candidates({"text": "**Thinking**", "thought": True}, prompt=8, total=20, thoughts=12),
    _candidates({"text": "", "thoughtSignature": "c2ln"}, prompt=8, total=20, thoughts=12),
    _candidates({"text": "Grüße"}, prompt=8, candidates=2, total=22, thoughts=12, cachedContent=4),
    _candidates({"text": " aus"}, {"text": " Rom"}, prompt=8, candidates=5, total=25, thoughts=12, cachedContent=4),
    _candidates({"text": ""}, reason="STOP", prompt=8, candidates=5, total=25, thoughts=12, cachedContent=4),
]


@pytest.mark.parametrize(
    "body",
    [
        _sse(GOOGLE_STREAM, end="\r\n"),
        json.dumps(GOOGLE_STREAM, indent=2).encode(),  # without alt=sse: one array, sent piece by piece
        ("[" + ",\r\n".join(json.dumps(event) for event in GOOGLE_STREAM) + "\n]\n").encode(),
    ],
    ids=["sse", "array", "array with line ends"],
)
def test_google_streams(body: bytes) -> None:
    for result in (
        parse_stream([body], api=GOOGLE),
        parse_stream((body[i : i + 1] for i in range(len(body))), api=GOOGLE),
    ):
        assert result.events == GOOGLE_STREAM
        assert (result.reasoning, result.text) == ("**Thinking**", "Grüße aus Rom")
        indices = (result.first_generated_index, result.first_content_index, result.first_answer_index)
        assert (*indices, result.last_generated_index) == (0, 2, 2, 3)
        assert _counts(result) == (8, 4, 17, 12)
        assert [event.output_tokens_so_far for event in result.generated] == [12, 14, 17]
        assert _ending(result) == ("STOP", "stop", True)
        assert (result.response_id, result.served_model, result.error) == ("r1", "served", None)


def test_a_google_array_that_was_cut_off_keeps_what_came() -> None:
    body = json.dumps(GOOGLE_STREAM).encode()
    result = parse_stream([body[: body.index(b" Rom")]], api=GOOGLE)
    assert (result.events, result.malformed_events) == (GOOGLE_STREAM[:3], 1)
    assert (result.text, result.ended) == ("Grüße", False)


def test_google_calls_of_tools() -> None:
    result = _read(
        GOOGLE,
        _candidates({"functionCall": {"name": "look", "args": {"at": 1}}}),
        _candidates({"executableCode": {"language": "PYTHON", "code": "print(1)"}}),
        _candidates({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}, reason="STOP"),
    )
    assert (result.tool_arguments, result.text) == ('look{"at":1}print(1)', "")
    assert (result.first_generated_index, result.last_generated_index) == (0, 1)
    assert _ending(result) == ("STOP", "tool_calls", True)


def test_google_arguments_that_are_streamed() -> None:
    def part(*arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"functionCall": {"partialArgs": list(arguments)} | more}

    result = _read(
        GOOGLE,
        _candidates({"functionCall": {"name": "look", "willContinue": True}, "thoughtSignature": "c2ln"}),
        _candidates(part({"jsonPath": "$.at", "stringValue": "Ro", "willContinue": True}, willContinue=True)),
        _candidates(part({"jsonPath": "$.at", "stringValue": "m"}, willContinue=True)),
        _candidates(part({"jsonPath": "$.n", "numberValue": 0}, {"jsonPath": "$.b", "boolValue": False})),
        _candidates(part({"jsonPath": "$.at", "stringValue": ""}, willContinue=True)),
        _candidates({"functionCall": {}}, reason="STOP"),
    )
    assert (result.tool_arguments, result.text) == ("lookRom0false", "")
    assert (result.first_generated_index, result.last_generated_index) == (0, 3)
    assert _ending(result) == ("STOP", "tool_calls", True)


# --- turns, seeds, and what the first token could have been


TALK = (("user", "Hi"), ("assistant", "Hello."))


@pytest.mark.parametrize(
    ("api", "turns"),
    [
        (
            "openai_chat",
            {
                "messages": [
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hello."},
                    {"role": "user", "content": "Bye"},
                ]
            },
        ),
        (
            MESSAGES,
            {
                "messages": [
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hello."},
                    {"role": "user", "content": "Bye"},
                ]
            },
        ),
        (
            RESPONSES,
            {
                "input": [
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hello."},
                    {"role": "user", "content": "Bye"},
                ]
            },
        ),
        (
            GOOGLE,
            {
                "contents": [
                    {"role": "user", "parts": [{"text": "Hi"}]},
                    {"role": "model", "parts": [{"text": "Hello."}]},
                    {"role": "user", "parts": [{"text": "Bye"}]},
                ]
            },
        ),
    ],
)
def test_earlier_turns_come_before_the_prompt(api: str, turns: dict[str, Any]) -> None:
    adapter = adapter_for(api)
    alone = adapter.body("m", "Bye", max_output_tokens=1, temperature=0.0)
    assert adapter.body("m", "Bye", max_output_tokens=1, temperature=0.0, earlier=TALK) == alone | turns
    assert adapter.multi_turn


def test_a_completion_takes_no_turns() -> None:
    adapter = adapter_for("openai_completions")
    assert not adapter.multi_turn
    with pytest.raises(ValueError, match="no turns"):
        adapter.body("m", "Bye", max_output_tokens=1, temperature=0.0, earlier=TALK)


@pytest.mark.parametrize(
    ("api", "seeded"),
    [
        ("openai_chat", {"seed": 0}),
        ("openai_completions", {"seed": 0}),
        (RESPONSES, {}),
        (MESSAGES, {}),
        (GOOGLE, {"generationConfig": {"maxOutputTokens": 1, "temperature": 0.0, "seed": 0}}),
    ],
)
def test_a_seed_is_sent_where_the_api_has_one(api: str, seeded: dict[str, Any]) -> None:
    adapter = adapter_for(api)
    alone = adapter.body("m", "Hi", max_output_tokens=1, temperature=0.0)
    assert adapter.body("m", "Hi", max_output_tokens=1, temperature=0.0, seed=0) == alone | seeded


def test_who_can_be_asked_for_log_probabilities() -> None:
    assert {api for api, adapter in ADAPTERS.items() if not adapter.has_logprobs} == {MESSAGES}


# As llama.cpp's server sent it for one token at top_logprobs 3.
LLAMA_TOKEN = {
    "id": 50,
    "token": "O",
    "bytes": [79],
    "logprob": -0.5150356888771057,
    "top_logprobs": [
        {"id": 50, "token": "O", "bytes": [79], "logprob": -0.5150356888771057},
        {"id": 297, "token": "Last", "bytes": [76, 97, 115, 116], "logprob": -1.7330646514892578},
        {"id": 47, "token": "L", "bytes": [76], "logprob": -1.741201400756836},
    ],
}
LLAMA_TOP = [("O", -0.5150356888771057), ("Last", -1.7330646514892578), ("L", -1.741201400756836)]
WHOLE_PART = {"type": "output_text", "text": "O", "logprobs": [LLAMA_TOKEN]}
LATER = {"token": "x", "logprob": -3.0, "top_logprobs": [{"token": "y", "logprob": -2.0}]}

WHOLE_CHAT = {"choices": [{"message": {"content": "Ox"}, "logprobs": {"content": [LLAMA_TOKEN, LATER]}}]}


def _chat_chunk(text: str | None, *tokens: Any, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text} | delta, "logprobs": {"content": list(tokens)}}]}


def _text_chunk(text: str, **logprobs: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "logprobs": logprobs}]}


def _google_chunk(text: str, chosen: list[Any], top: list[Any]) -> dict[str, Any]:
    event = _candidates({"text": text})
    event["candidates"][0]["logprobsResult"] = {
        "chosenCandidates": chosen,
        "topCandidates": [{"candidates": candidates} for candidates in top],
    }
    return event


@pytest.mark.parametrize(
    ("api", "events", "top"),
    [
        (
            "openai_chat",
            [
                {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]},
                _chat_chunk("O", LLAMA_TOKEN),
                _chat_chunk("x", LATER),
            ],
            LLAMA_TOP,
        ),
        ("openai_chat", [WHOLE_CHAT], LLAMA_TOP),
        ("openai_completions", [_text_chunk("O", content=[LLAMA_TOKEN])], LLAMA_TOP),  # llama.cpp's form
        (
            "openai_completions",
            [
                _text_chunk(
                    " a b",
                    tokens=[" a", " b"],
                    token_logprobs=[-1.5, -0.25],
                    top_logprobs=[{" the": -0.5, " an": -2}, {" b": -0.25}],
                    text_offset=[0, 2],
                )
            ],
            [(" the", -0.5), (" a", -1.5), (" an", -2.0)],  # the chosen one is not among the two likeliest
        ),
        (
            "openai_completions",
            [_text_chunk(" a", tokens=[" a"], token_logprobs=[-1.5], top_logprobs=None)],
            [(" a", -1.5)],
        ),
        (RESPONSES, [CREATED, _delta("output_text", "O", logprobs=[LLAMA_TOKEN, LATER])], LLAMA_TOP),
        (RESPONSES, [CREATED, _done("output_text", "O", logprobs=[LLAMA_TOKEN])], LLAMA_TOP),
        (RESPONSES, [_ended(output=[{"type": "message", "content": [WHOLE_PART]}])], LLAMA_TOP),
        (
            GOOGLE,
            [
                _google_chunk(
                    "Hi",
                    [{"token": "H", "tokenId": 7, "logProbability": -0.75}, {"token": "i", "logProbability": -1}],
                    [[{"token": "A", "logProbability": -0.7}, {"token": "H", "logProbability": -0.75}], []],
                )
            ],
            [("A", -0.7), ("H", -0.75)],
        ),
        (GOOGLE, [_google_chunk("H", [{"token": "H", "logProbability": -0.75}], [])], [("H", -0.75)]),
        (MESSAGES, [STARTED, _block_delta(0, "text_delta", text="Hi")], None),
        ("openai_chat", [_chat_chunk("Hi")], None),
        ("openai_chat", [{"choices": [{"delta": {"content": "Hi"}}]}, _chat_chunk(" x", LATER)], None),
        ("openai_chat", [_chat_chunk(None, reasoning_content="Hm"), _chat_chunk("x", LATER)], None),
    ],
)
def test_what_the_first_token_could_have_been(api: str, events: list[dict[str, Any]], top: Any) -> None:
    assert _read(api, *events).first_token_top == top


def _entry(token: Any, logprob: Any, **more: Any) -> dict[str, Any]:
    return {"token": token, "logprob": logprob} | more


@pytest.mark.parametrize(
    ("chosen", "others", "top"),
    [
        (None, None, []),
        (7, "x", []),
        (_entry("a", "-1"), [_entry("b", True), _entry(5, -1), _entry("c", None), 3, None], []),
        (_entry("a", -9999.0), [_entry("b", -1), _entry("c", -1e5)], [("b", -1.0)]),  # OpenAI's word for unlikely
        (_entry("a", 0.5), [_entry("b", 10**400), _entry("c", -(10**400))], []),
        (_entry("a", 1e-6), [], [("a", 1e-6)]),  # what rounding makes of a certain token
        (_entry("a", -2), [_entry("a", -2), _entry("b", -1), _entry("b", -3)], [("b", -1.0), ("a", -2.0)]),
        (_entry("a", -1), {"a": -1, "b": -2, "c": "x"}, [("a", -1.0), ("b", -2.0)]),
        (_entry("x" * 999, -1), [], [("x" * 200, -1.0)]),
        (_entry("\ud83d", -1), [], [("\ufffd", -1.0)]),
        # parts of characters, as OpenAI names them
        (
            _entry("", -1, bytes=[240, 159]),
            [_entry("", -1, bytes=[240, 159]), _entry("\ufffd", -2, bytes=[226]), _entry("", -3, bytes=[300])],
            [("bytes:\\xf0\\x9f", -1.0), ("bytes:\\xe2", -2.0), ("", -3.0)],
        ),
    ],
)
def test_alternatives_are_kept_where_they_are_log_probabilities(
    chosen: Any, others: Any, top: list[tuple[str, float]]
) -> None:
    assert alternatives_of(chosen, others) == top


def test_no_more_than_twenty_alternatives_and_the_chosen_one_are_kept() -> None:
    many = [_entry(str(number), -number) for number in range(1, 100_000)]
    top = alternatives_of(_entry("chosen", -500.0), list(reversed(many[:150])))
    assert top == [*((str(number), -float(number)) for number in range(1, 21)), ("chosen", -500.0)]
    assert len(alternatives_of(_entry("1", -1), many)) == 20


def test_google_logprobs() -> None:
    event = _candidates({"text": "Hi"})
    event["candidates"][0]["logprobsResult"] = {
        "chosenCandidates": [{"token": "H", "logProbability": -0.25}, {"token": "i", "logProbability": -1}],
        "topCandidates": [{"candidates": [{"token": "H", "logProbability": -0.25}]}],
    }
    assert _read(GOOGLE, event).logprobs == [-0.25, -1.0]


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt": 8, "candidates": 5, "total": 13}, (8, None, 5, None)),
        ({"prompt": 8, "candidates": 5, "thoughts": 30, "total": 43}, (8, None, 35, 30)),
        # A model that was cut off in its thought has no candidates.
        ({"prompt": 8, "thoughts": 30, "total": 38}, (8, None, 30, 30)),
        ({"prompt": 8, "toolUsePrompt": 100, "candidates": 5, "total": 113, "cachedContent": 7}, (108, 7, 5, None)),
        # Counts of zero are left out.
        ({"prompt": 8, "total": 8}, (8, None, 0, None)),
        ({"prompt": 8}, (8, None, None, None)),
        # Some models count the thoughts among the candidates, as the total shows.
        ({"prompt": 8, "candidates": 35, "thoughts": 30, "total": 43}, (8, None, 35, 30)),
        ({"prompt": -8, "candidates": 2.5, "thoughts": "3", "total": True}, (None, None, None, None)),
    ],
)
def test_usage_of_google(usage: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    assert _counts(_read(GOOGLE, _candidates({"text": "Hi"}, **usage))) == counts


@pytest.mark.parametrize(
    ("event", "ending", "error"),
    [
        (_candidates({"text": "Hi"}, reason="MAX_TOKENS"), ("MAX_TOKENS", "length", True), None),
        (_candidates(reason="SAFETY"), ("SAFETY", "content_filter", True), None),
        (_candidates(reason="RECITATION"), ("RECITATION", "content_filter", True), None),
        (_candidates(reason="PROHIBITED_CONTENT"), ("PROHIBITED_CONTENT", "content_filter", True), None),
        (_candidates(reason="MALFORMED_FUNCTION_CALL"), ("MALFORMED_FUNCTION_CALL", "broken", True), None),
        (_candidates(reason="OTHER"), ("OTHER", "broken", True), None),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, ("SAFETY", "content_filter", True), None),
        ({"candidates": [{"finishReason": "STOP"}]}, ("STOP", "stop", True), None),
        ({"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE"}}, (None, "broken", False), "boom"),
    ],
)
def test_how_google_ends(event: dict[str, Any], ending: tuple[str, str, bool], error: str | None) -> None:
    for result in (_read(GOOGLE, GOOGLE_STREAM[2], event), parse_stream([json.dumps([event]).encode()], api=GOOGLE)):
        assert (_ending(result), result.error) == (ending, error)


def test_an_error_that_ends_a_google_stream_as_bare_json_is_found() -> None:
    tail = json.dumps({"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE"}}, indent=2)
    result = parse_stream([_sse(GOOGLE_STREAM[:3]) + tail.encode()], api=GOOGLE)
    assert (result.text, result.error, result.ended) == ("Grüße", "boom", False)


# --- all of them


@pytest.mark.parametrize("api", sorted(ADAPTERS))
@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": {"message": "boom", "code": 500}}, "boom"),
        ({"error": "boom"}, "boom"),
        ({"error": {"code": 500}, "status": 500}, "{'code': 500}"),
        ({"error": {"errors": ["boom"]}, "status": "failed"}, "{'errors': ['boom']}"),
    ],
)
def test_a_bare_error_is_an_error_in_every_api(api: str, body: dict[str, Any], error: str) -> None:
    for sent in (json.dumps(body).encode(), b"data: " + json.dumps(body).encode(), json.dumps([body]).encode()):
        result = parse_stream([sent], api=api)
        assert (result.error, result.events, result.first_generated_index) == (error, [body], None)


def test_an_unknown_word_has_no_class() -> None:
    assert finish_class_of("STOP") == finish_class_of("stop") == "stop"
    assert finish_class_of("") is finish_class_of(None) is finish_class_of("stopped by a whim") is None


KEYS = re.findall(
    r"[\w.]+",
    """
    type choices delta message content text reasoning thinking usage error id model finish_reason logprobs logprob
    response output item output_index content_index summary status incomplete_details reason arguments name part refusal
    content_block index partial_json stop_reason input input_tokens cache_read_input_tokens output_tokens total_tokens
    output_tokens_details thinking_tokens reasoning_tokens candidates parts thought functionCall args executableCode
    code finishReason promptFeedback blockReason usageMetadata promptTokenCount candidatesTokenCount thoughtsTokenCount
    totalTokenCount toolUsePromptTokenCount logprobsResult chosenCandidates topCandidates logProbability detail token
    tokens token_logprobs top_logprobs bytes
    """,
)
VALUES = re.findall(
    r"[\w.]+",
    """
    response.output_text.delta response.output_text.done response.reasoning_text.delta response.completed error text
    response.failed response.output_item.added message reasoning function_call completed failed thinking STOP stop
    content_block_start content_block_delta content_block_stop message_start message_delta message_stop tool_use
    """,
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=16,
)


@settings(EXAMPLES, max_examples=300)
@given(st.sampled_from(sorted(ADAPTERS)), st.lists(st.tuples(JSON, st.sampled_from(["message", *VALUES])), max_size=4))
def test_no_event_makes_an_adapter_raise(api: str, events: list[tuple[Any, str]]) -> None:
    body = "".join(f"event: {name}\ndata: {json.dumps(event)}\n\n" for event, name in events)
    result = parse_stream([body.encode()], api=api)
    assert len(result.events) + result.malformed_events == len(events)
    counts = (None,) * 4 if result.usage is None else _counts(result)
    assert all(count is None or (type(count) is int and count >= 0) for count in counts)
    written = [result.logprobs, result.first_token_top, result.usage.raw if result.usage else None, result.error]
    json.dumps(written, allow_nan=False)
    assert "".join(event.answer for event in result.generated) == result.answer
    assert (result.first_generated_index is None) == (not result.generated)


BODIES = {
    "openai_chat": [{"choices": [{"delta": {"content": "<think>é</think> Grüße 🐦", "reasoning": "so"}}]}],
    "openai_completions": [{"choices": [{"text": "Grüße 🐦", "finish_reason": "stop"}]}],
    RESPONSES: [CREATED, _delta("output_text", "Grüße 🐦"), _done("output_text", "Grüße 🐦"), _ended(output=[])],
    MESSAGES: [STARTED, PING, _block_delta(0, "text_delta", text="Grüße 🐦"), _stopped("end_turn"), OVER],
    GOOGLE: GOOGLE_STREAM,
}
BETWEEN = (
    "",
    ": hello\n",
    "\n",
    "data:\n\n",
    "data: [DONE]\n\n",
    'data: {"cut": \n\n',
    '{"error": "x"}\n',
    "[\n",
    "]\n",
)


@st.composite
def split_bodies(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """A body of some API, streamed or not, with odd lines between its events, cut into reads anywhere."""
    api = draw(st.sampled_from(sorted(ADAPTERS)))
    end = draw(st.sampled_from(("\n", "\r\n", "\r")))
    if draw(st.booleans()):
        parts = [_sse([event], named=draw(st.booleans()) and "type" in event).decode() for event in BODIES[api]]
        text = "".join(draw(st.sampled_from(BETWEEN)) + part for part in parts) + draw(st.sampled_from(BETWEEN))
    else:
        text = json.dumps(BODIES[api], indent=draw(st.sampled_from((None, 1))), ensure_ascii=False)
    body = text.replace("\n", end).encode()
    body = body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body
    cuts = sorted(draw(st.sets(st.integers(0, len(body)), max_size=12)))
    return api, [body[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@settings(EXAMPLES, max_examples=200)
@given(split_bodies())
def test_a_body_is_read_the_same_in_any_split(split: tuple[str, list[bytes]]) -> None:
    api, chunks = split
    whole = b"".join(chunks)
    expected = parse_stream([whole], api=api)
    assert parse_stream(chunks, api=api) == expected
    assert parse_stream((whole[i : i + 1] for i in range(len(whole))), api=api) == expected
