"""What a streamed answer amounts to: its pieces by channel, its usage, how it ended."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.sse import EventTooLargeError, SseEvent, SseParser

Channel = Literal["content", "reasoning", "tool"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of generated text in one channel."""

    channel: Channel
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider reports them, normalised: `output_tokens` includes `reasoning_tokens`."""

    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GeneratedEvent:
    """An event that brought generated text: its index, how much, and the output tokens so far where it says so."""

    index: int
    chars: int
    output_tokens_so_far: int | None


@dataclass(slots=True)
class StreamResult:
    """Everything that a stream yielded; indices count the JSON `data:` events from 0."""

    events: list[Any] = field(default_factory=list)
    first_generated_index: int | None = None
    first_content_index: int | None = None
    last_generated_index: int | None = None
    generated: list[GeneratedEvent] = field(default_factory=list)
    text: str = ""
    reasoning: str = ""
    tool_arguments: str = ""
    logprobs: list[float] = field(default_factory=list)
    usage: Usage | None = None
    finish_reason: str | None = None
    response_id: str | None = None
    served_model: str | None = None
    error: str | None = None
    done: bool = False
    comments: int = 0
    malformed_events: int = 0


class ThinkSplitter:
    """Moves an inline `<think>...</think>` at the start of the content to the reasoning channel, over any split."""

    OPEN, CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._state: Literal["start", "thinking", "thought", "answer"] = "start"
        self._held = ""

    def feed(self, text: str) -> list[Piece]:
        """The pieces that `text` completes; what may be half a tag is held back."""
        if self._state == "answer":
            return [Piece("content", text)] if text else []
        if self._state == "thought":
            return self._begin_answer(text)
        self._held += text
        if self._state == "start":
            head = self._held.lstrip()
            if self.OPEN.startswith(head) and head != self.OPEN:
                return []
            if not head.startswith(self.OPEN):
                self._state = "answer"
                return self.flush()
            self._state, self._held = "thinking", head.removeprefix(self.OPEN)
        return self._think()

    def _think(self) -> list[Piece]:
        thought, closed, answer = self._held.partition(self.CLOSE)
        if closed:
            self._state, self._held = "thought", ""
            return ([Piece("reasoning", thought)] if thought else []) + self._begin_answer(answer)
        keep = next((n for n in range(len(self.CLOSE) - 1, 0, -1) if self._held.endswith(self.CLOSE[:n])), 0)
        ready, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return [Piece("reasoning", ready)] if ready else []

    def _begin_answer(self, text: str) -> list[Piece]:
        # Line ends between the thought and the answer belong to neither.
        answer = text.lstrip("\n")
        if not answer:
            return []
        self._state = "answer"
        return [Piece("content", answer)]

    def flush(self) -> list[Piece]:
        """What was held back, at the end of the stream."""
        held, self._held = self._held, ""
        return [Piece("reasoning" if self._state == "thinking" else "content", held)] if held else []


class StreamAccumulator:
    """Takes events one by one and builds the :class:`StreamResult`."""

    def __init__(self, api: str) -> None:
        self._adapter = adapter_for(api)
        self._think = ThinkSplitter()
        self._parts: dict[Channel, list[str]] = {"content": [], "reasoning": [], "tool": []}
        self.result = StreamResult()

    def add(self, event: SseEvent) -> int | None:
        """Take one event; its index when it is JSON, None for `[DONE]` and for what cannot be read."""
        if event.data.strip() == "[DONE]":
            self.result.done = True
            return None
        try:
            parsed = json.loads(event.data, parse_constant=_refuse_constant, parse_float=_finite)
        except (ValueError, RecursionError):
            self.result.malformed_events += 1
            return None
        index = len(self.result.events)
        self.result.events.append(parsed)
        if isinstance(parsed, dict):
            try:
                self._read(index, parsed)
            except RecursionError:
                self.result.malformed_events += 1
        return index

    def _read(self, index: int, event: dict[str, Any]) -> None:
        result, adapter = self.result, self._adapter
        # A piece counts for the event that brought it, also where half a <think> tag is held back.
        brought = list(adapter.pieces(event))
        for piece in brought:
            for part in self._think.feed(piece.text) if piece.channel == "content" else [piece]:
                self._take(index, part)
        reported = adapter.usage(event)
        if brought:
            if result.first_generated_index is None:
                result.first_generated_index = index
            result.last_generated_index = index
            so_far = reported.output_tokens if reported else None
            result.generated.append(GeneratedEvent(index, sum(len(piece.text) for piece in brought), so_far))
        result.logprobs += adapter.logprobs(event)
        result.usage = reported or result.usage
        result.finish_reason = adapter.finish_reason(event) or result.finish_reason
        result.error = result.error or adapter.error_message(event)
        for name, key in (("response_id", "id"), ("served_model", "model")):
            if getattr(result, name) is None and isinstance(event.get(key), str) and event[key]:
                setattr(result, name, event[key])

    def _take(self, index: int, piece: Piece) -> None:
        self._parts[piece.channel].append(piece.text)
        if piece.channel == "content" and self.result.first_content_index is None:
            self.result.first_content_index = index

    def finish(self) -> StreamResult:
        """The result, with what was held back."""
        last = self.result.last_generated_index
        for piece in self._think.flush():
            self._take(last if last is not None else 0, piece)
        self.result.text = "".join(self._parts["content"])
        self.result.reasoning = "".join(self._parts["reasoning"])
        self.result.tool_arguments = "".join(self._parts["tool"])
        return self.result


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float | str:
    """A float; a number beyond its range stays text, so that a record never holds what JSON cannot."""
    value = float(text)
    return value if math.isfinite(value) else text


def adapter_for(api: str) -> ModuleType:
    """The adapter module of an API.

    Raises:
        TokenArenaError: this version cannot speak it.
    """
    from tokenarena_assets.probing import openai_chat  # noqa: PLC0415 - it reads pieces and usage from here

    adapters = {"openai_chat": openai_chat}
    if api not in adapters:
        raise TokenArenaError(f"no adapter for api {api!r}", mend=f"this version speaks {', '.join(sorted(adapters))}")
    return adapters[api]


def parse_stream(byte_chunks: Iterable[bytes], api: str = "openai_chat") -> StreamResult:
    """Read a whole recorded stream, in any split of its bytes.

    Raises:
        TokenArenaError: there is no adapter for `api`.
    """
    parser, accumulator = SseParser(), StreamAccumulator(api)
    try:
        for chunk in byte_chunks:
            for event in parser.feed(chunk):
                accumulator.add(event)
        for event in parser.close():
            accumulator.add(event)
    except EventTooLargeError as error:
        accumulator.result.error = accumulator.result.error or f"event too large: {error}"
    accumulator.result.comments = parser.comments
    return accumulator.finish()
