"""OpenAI Responses: typed events, each text first in deltas and then once more whole."""

from __future__ import annotations

from typing import Any

from tokenarena_assets.probing.apis.adapter import Adapter, Channel, Piece, Reader, Reading, Turns, Usage, messages
from tokenarena_assets.probing.apis.openai_chat import bearer, openai_usage
from tokenarena_assets.probing.apis.values import (
    arguments_text,
    bare_error,
    dict_of,
    dicts_of,
    error_text,
    numbers_of,
    text_of,
    word_of,
)

# What streams text: the event's name without `.delta` or `.done`, its channel, the field of `.done` with the whole.
STREAMED: dict[str, tuple[Channel, str]] = {
    "response.output_text": ("content", "text"),
    "response.refusal": ("content", "refusal"),
    "response.reasoning_text": ("reasoning", "text"),
    "response.reasoning_summary_text": ("reasoning", "text"),
    "response.reasoning": ("reasoning", "text"),
    "response.reasoning_summary": ("reasoning", "text"),
    "response.function_call_arguments": ("tool", "arguments"),
    "response.mcp_call_arguments": ("tool", "arguments"),
    "response.custom_tool_call_input": ("tool", "input"),
    "response.code_interpreter_call_code": ("tool", "code"),
    "response.apply_patch_call_operation_diff": ("tool", "diff"),
    "response.shell_call_command": ("tool", "command"),
}
PLACES = ("output_index", "content_index", "summary_index", "command_index")
TERMINAL = frozenset({"completed", "incomplete", "failed", "cancelled"})


class OpenAiResponses(Adapter):
    """`/responses`."""

    api = "openai_responses"
    route = "/responses"
    reserved = frozenset({"model", "input", "stream", "background", "conversation", "previous_response_id"})

    def headers(self, api_key: str | None) -> dict[str, str]:
        """The secret as a bearer token."""
        return bearer(api_key)

    def body(
        self,
        model: str,
        prompt: str,
        *,
        max_output_tokens: int,
        temperature: float,
        stream: bool = True,
        top_logprobs: int | None = None,
        earlier: Turns = (),
        seed: int | None = None,  # noqa: ARG002 - it has none
    ) -> dict[str, Any]:
        """One input text, or the turns of a conversation; the provider is not to keep the answer."""
        body: dict[str, Any] = {
            "model": model,
            "input": messages(prompt, earlier) if earlier else prompt,
            "max_output_tokens": max_output_tokens,
            "temperature": temperature,
            "store": False,
            "stream": stream,
        }
        if top_logprobs is not None:
            body |= {"include": ["message.output_text.logprobs"], "top_logprobs": top_logprobs}
        return body

    def reader(self) -> Reader:
        """A reader of events and of whole responses."""
        return ResponsesReader()

    def usage(self, block: dict[str, Any]) -> Usage:
        """OpenAI's names."""
        return openai_usage(block)


class ResponsesReader:
    """Reads deltas; the whole that repeats them counts only where no delta came."""

    def __init__(self) -> None:
        self._streaming: set[tuple[Any, ...]] = set()
        self._brought = False

    def read(self, event: dict[str, Any], name: str) -> Reading:
        """What an event or a whole response brings."""
        kind = word_of(event.get("type")) or name
        stem, _, stage = kind.rpartition(".")
        if stem in STREAMED:
            return self._streamed(event, stem, stage)
        if kind == "response.output_item.added":
            called = word_of(dict_of(event.get("item")).get("name"))
            return self._brings([Piece("tool", called)] if called else [])
        if kind == "error":
            return Reading(error=error_text(event.get("error")) or error_text(event))
        response = event.get("response")
        if response is None and ("output" in event or "status" in event):
            response = event
        if isinstance(response, dict):
            return self._response(response, stage)
        return Reading(error=error_text(event.get("error")) or bare_error(event))

    def _streamed(self, event: dict[str, Any], stem: str, stage: str) -> Reading:
        channel, whole = STREAMED[stem]
        places = (event.get(place) for place in PLACES)
        text_id = (stem, *(place if isinstance(place, int) else None for place in places))
        if stage == "delta":
            self._streaming.add(text_id)
            text = text_of(event.get("delta"))
        elif stage == "done" and text_id not in self._streaming:
            text = text_of(event.get(whole))
        else:
            return Reading()
        reading = self._brings([Piece(channel, text)] if text else [])
        reading.logprobs = _logprobs(event)
        reading.first_token = _first_token(event)
        return reading

    def _brings(self, pieces: list[Piece]) -> Reading:
        self._brought = self._brought or bool(pieces)
        return Reading(pieces)

    def _response(self, response: dict[str, Any], stage: str) -> Reading:
        status = word_of(response.get("status")) or stage
        usage = response.get("usage")
        reading = Reading()
        if status in TERMINAL:
            output = [] if self._brought else dicts_of(response.get("output"))
            reading = self._brings([piece for item in output for piece in _item_pieces(item)])
            parts = [part for item in output for part in dicts_of(item.get("content"))]
            reading.logprobs = [value for part in parts for value in _logprobs(part)]
            reading.first_token = next((found for part in parts if (found := _first_token(part))), None)
            reading.finish_reason = word_of(dict_of(response.get("incomplete_details")).get("reason")) or status
        reading.usage = usage if isinstance(usage, dict) else None
        reading.error = error_text(response.get("error")) or (f"response {status}" if status == "failed" else None)
        reading.response_id = word_of(response.get("id"))
        reading.served_model = word_of(response.get("model"))
        return reading


def _item_pieces(item: dict[str, Any]) -> list[Piece]:
    kind = item.get("type")
    if kind == "reasoning":
        texts = [text_of(item.get("content")) or text_of(item.get("summary"))]
        channel: Channel = "reasoning"
    elif kind == "message":
        texts = [text_of(part) or text_of(part.get("refusal")) for part in dicts_of(item.get("content"))]
        channel = "content"
    else:
        texts = [arguments_text(item.get(field)) for field in ("name", "arguments", "input", "code")]
        texts += [text_of(dict_of(item.get("operation")).get("diff"))]
        texts += [text_of(dict_of(item.get("action")).get("commands"))]
        channel = "tool"
    return [Piece(channel, text) for text in texts if text]


def _logprobs(part: dict[str, Any]) -> list[float]:
    return numbers_of([token.get("logprob") for token in dicts_of(part.get("logprobs"))])


def _first_token(part: dict[str, Any]) -> tuple[Any, Any] | None:
    tokens = dicts_of(part.get("logprobs"))
    return (tokens[0], tokens[0].get("top_logprobs")) if tokens else None
