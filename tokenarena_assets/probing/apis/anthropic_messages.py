"""Anthropic Messages: content blocks, streamed as typed events."""

from __future__ import annotations

from typing import Any

from tokenarena_assets.probing.apis.adapter import Adapter, Piece, Reader, Reading, Turns, Usage, messages
from tokenarena_assets.probing.apis.values import (
    count_of,
    dict_of,
    dicts_of,
    error_text,
    json_text,
    sum_of,
    text_of,
    word_of,
)

VERSION = "2023-06-01"


class AnthropicMessages(Adapter):
    """`/messages`."""

    api = "anthropic_messages"
    route = "/messages"
    reserved = frozenset({"model", "messages", "stream"})
    has_logprobs = False

    def headers(self, api_key: str | None) -> dict[str, str]:
        """The version of the API, and the secret in a header of its own."""
        return {"anthropic-version": VERSION} | ({"x-api-key": api_key} if api_key else {})

    def body(
        self,
        model: str,
        prompt: str,
        *,
        max_output_tokens: int,
        temperature: float,
        stream: bool = True,
        top_logprobs: int | None = None,  # noqa: ARG002 - it reports no log-probabilities
        earlier: Turns = (),
        seed: int | None = None,  # noqa: ARG002 - and has no seed
    ) -> dict[str, Any]:
        """The messages."""
        return {
            "model": model,
            "messages": messages(prompt, earlier),
            "max_tokens": max_output_tokens,
            "temperature": temperature,
            "stream": stream,
        }

    def reader(self) -> Reader:
        """A reader of events and of whole messages."""
        return MessagesReader()

    def usage(self, block: dict[str, Any]) -> Usage:
        """Input counts leave out what was read from and written to the cache; they are added."""
        cached = count_of(block.get("cache_read_input_tokens"))
        written = count_of(block.get("cache_creation_input_tokens"))
        return Usage(
            input_tokens=sum_of(count_of(block.get("input_tokens")), cached, written),
            cached_tokens=cached,
            output_tokens=count_of(block.get("output_tokens")),
            reasoning_tokens=count_of(dict_of(block.get("output_tokens_details")).get("thinking_tokens")),
            raw=block,
            cache_write_tokens=written,
        )


class MessagesReader:
    """Reads the deltas of content blocks; text at a block's start counts only where no delta repeats it."""

    def __init__(self) -> None:
        self._at_start: dict[Any, Piece] = {}
        self._whole_calls: set[Any] = set()

    def read(self, event: dict[str, Any], name: str) -> Reading:
        """What an event or a whole message brings."""
        kind = word_of(event.get("type")) or name
        block = event.get("index") if isinstance(event.get("index"), int) else None
        if kind == "content_block_delta":
            return Reading(self._continued(_delta_pieces(dict_of(event.get("delta"))), block))
        if kind == "content_block_start":
            return self._start(dict_of(event.get("content_block")), block)
        if kind == "content_block_stop":
            held = self._at_start.pop(block, None)
            return Reading([held] if held else [])
        if kind == "error" or "error" in event:
            return Reading(error=error_text(event.get("error")) or error_text(event))
        if kind == "message_start":
            return _message(dict_of(event.get("message")))
        if kind == "message_delta":
            reading = _message(dict_of(event.get("delta")))
            usage = event.get("usage")
            reading.usage = usage if isinstance(usage, dict) else None
            return reading
        if kind == "message_stop":
            return Reading(ends=True)
        if "content" in event:
            reading = _message(event)
            reading.pieces = [piece for part in dicts_of(event.get("content")) for piece in _block_pieces(part)]
            return reading
        return Reading()

    def _start(self, content: dict[str, Any], block: int | None) -> Reading:
        pieces = _block_pieces(content)
        self._at_start.pop(block, None)
        self._whole_calls.discard(block)
        if pieces and pieces[0].channel == "tool":
            # Code that calls a tool gives all arguments at once; deltas after them would only repeat them.
            if len(pieces) > 1:
                self._whole_calls.add(block)
            return Reading(pieces)
        if pieces:
            self._at_start[block] = pieces[0]
        return Reading()

    def _continued(self, pieces: list[Piece], block: int | None) -> list[Piece]:
        if not pieces:  # a signature or a citation: what came at the start still counts
            return []
        first = pieces[0]
        if first.channel == "tool" and block in self._whole_calls:
            return []
        held = self._at_start.pop(block, None)
        if held is None or first.text.startswith(held.text) or held.text.startswith(first.text):
            return pieces
        return [held, *pieces]


def _delta_pieces(delta: dict[str, Any]) -> list[Piece]:
    # `signature_delta` and `citations_delta` carry no generated text.
    if text := text_of(delta.get("text")):
        return [Piece("content", text)]
    if thought := text_of(delta.get("thinking")):
        return [Piece("reasoning", thought)]
    if arguments := text_of(delta.get("partial_json")):
        return [Piece("tool", arguments)]
    return []


def _block_pieces(block: dict[str, Any]) -> list[Piece]:
    if (called := word_of(block.get("name"))) is not None:
        arguments = json_text(block.get("input") or None)
        return [Piece("tool", text) for text in (called, arguments) if text]
    return _delta_pieces(block)


def _message(message: dict[str, Any]) -> Reading:
    usage = message.get("usage")
    return Reading(
        usage=usage if isinstance(usage, dict) else None,
        finish_reason=word_of(message.get("stop_reason")),
        response_id=word_of(message.get("id")),
        served_model=word_of(message.get("model")),
    )
