"""What an answer amounts to: its text by channel and as a reader sees it, its usage, how it ended."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from tokenarena_assets.probing.apis import adapter_for
from tokenarena_assets.probing.apis.adapter import Channel, Reading, Usage
from tokenarena_assets.probing.apis.finish import FinishClass, finish_class_of
from tokenarena_assets.probing.apis.values import alternatives_of, error_text, shallow, writable
from tokenarena_assets.probing.sse import MAX_EVENTS, EventTooLargeError, SseEvent, SseParser, json_documents

# A thought that a model writes into its answer, at its very beginning; one that is cut off has no end.
INLINE_THOUGHT = re.compile(r"\s*<(think|thinking|thought)>(.*?)(?:</\1>|\Z)\s*", re.DOTALL)


@dataclass(slots=True)
class GeneratedEvent:
    """An event that brought generated text."""

    index: int
    chars: int  # of its text in all channels
    answer: str  # what of it a reader sees; "" for reasoning, inline thought and tool calls
    output_tokens_so_far: int | None  # by the usage on this event, where the endpoint sends it


@dataclass(slots=True)
class StreamResult:
    """Everything that an answer yielded; indices count the JSON `data:` events from 0.

    Attributes:
        events: every event that was JSON, as it came.
        first_generated_index: the first event with generated text in any channel.
        first_content_index: the first event with text in the provider's answer field, inline thought or not.
        first_answer_index: the first event with answer text that a reader sees: white space at the beginning, an
            inline thought and tool calls are none.
        last_generated_index: the last event with generated text.
        generated: the events that brought generated text.
        text: what was sent as answer, verbatim; `reasoning`, `tool_arguments` (names of tools with it) likewise.
        answer: `text` from the first visible character on, without a leading inline `<think>...</think>`.
        thought: `reasoning`, and the inline thought.
        logprobs: natural log-probabilities of the chosen tokens, where they were sent.
        first_token_top: what the first generated token could have been, (token, log-probability), the likeliest first,
            the chosen one among them; None: not sent, or not with the first text.
        usage: token counts, normalised.
        finish_reason: the provider's own word.
        finish_class: how it ended: `stop`, `length`, `content_filter`, `tool_calls`, `broken` (an error, or a reason
            that says so), None where there is no reason or an unknown one.
        ended: the answer is whole: its API's end marker or a finish reason came.
        response_id: the provider's name for the response.
        served_model: the model that the provider says has answered.
        error: what an error inside the answer says.
        done: `[DONE]` came.
        comments: comment lines (heartbeats).
        malformed_events: events that were no JSON.
    """

    events: list[Any] = field(default_factory=list)
    first_generated_index: int | None = None
    first_content_index: int | None = None
    first_answer_index: int | None = None
    last_generated_index: int | None = None
    generated: list[GeneratedEvent] = field(default_factory=list)
    text: str = ""
    reasoning: str = ""
    tool_arguments: str = ""
    answer: str = ""
    thought: str = ""
    logprobs: list[float] = field(default_factory=list)
    first_token_top: list[tuple[str, float]] | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    finish_class: FinishClass | None = None
    ended: bool = False
    response_id: str | None = None
    served_model: str | None = None
    error: str | None = None
    done: bool = False
    comments: int = 0
    malformed_events: int = 0


class StreamAccumulator:
    """Takes events one by one and builds the :class:`StreamResult`; its texts are there after :meth:`finish`."""

    def __init__(self, api: str) -> None:
        self._adapter = adapter_for(api)
        self._reader = self._adapter.reader()
        self._texts: dict[Channel, list[str]] = {"content": [], "reasoning": [], "tool": []}
        self._brought: list[tuple[int, int, str, int | None]] = []  # as GeneratedEvent, with the text that was sent
        self._usage: dict[str, Any] | None = None
        self._past_first_token = False
        self.result = StreamResult()

    def add(self, event: SseEvent) -> int | None:
        """Take one event; its index when it is JSON, None for `[DONE]`, empty data and what cannot be read."""
        result, data = self.result, event.data.strip()
        if data == "[DONE]":
            result.done = result.ended = True
            return None
        if not data:
            return None
        try:
            parsed = parse_json(data)
        except (ValueError, RecursionError):
            result.malformed_events += 1
            if event.name == "error":
                result.error = result.error or error_text(data)
            return None
        index = len(result.events)
        result.events.append(parsed)
        if result.done:
            self._after_the_end(parsed)
        elif isinstance(parsed, dict):
            self._read(index, parsed, event.name)
        elif event.name == "error":
            result.error = result.error or error_text(parsed)
        return index

    def add_document(self, body: bytes) -> None:
        """Take a whole body that is JSON: an answer that was not streamed, or an error; its objects are the events.

        Raises:
            EventTooLargeError: it has more objects than an answer may have events; those before are taken.
        """
        for count, document in enumerate(json_documents(body.decode("utf-8-sig", "replace"))):
            if count == MAX_EVENTS:
                raise EventTooLargeError(f"more than {MAX_EVENTS} events")
            self.add(SseEvent(document))

    def _read(self, index: int, event: dict[str, Any], name: str) -> None:
        result, reading = self.result, self._reader.read(event, name)
        self._read_first_token(reading)
        if reading.usage is not None:
            self._merge_usage(reading.usage)
        if reading.pieces:
            if result.first_generated_index is None:
                result.first_generated_index = index
            result.last_generated_index = index
            chars, content = 0, ""
            for channel, text in reading.pieces:
                self._texts[channel].append(text)
                chars += len(text)
                if channel == "content":
                    content += text
            if content and result.first_content_index is None:
                result.first_content_index = index
            so_far = self._adapter.usage(reading.usage).output_tokens if reading.usage else None
            # Zero tokens beside text is a placeholder.
            self._brought.append((index, chars, content, so_far or None))
        if reading.logprobs:
            result.logprobs += reading.logprobs
        if reading.finish_reason is not None:
            result.finish_reason = reading.finish_reason
        if result.error is None:
            result.error = reading.error or (error_text(event) if name == "error" else None)
        if result.response_id is None:
            result.response_id = reading.response_id
        if result.served_model is None:
            result.served_model = reading.served_model
        if reading.ends or reading.finish_reason is not None:
            result.ended = True

    def _read_first_token(self, reading: Reading) -> None:
        if self._past_first_token:
            return
        if reading.first_token is not None:
            self.result.first_token_top = alternatives_of(*reading.first_token) or None
        # Log-probabilities that come after some text are not of its first token.
        self._past_first_token = bool(reading.pieces) or reading.first_token is not None

    def _after_the_end(self, event: Any) -> None:
        # What is sent after [DONE] was not waited for; only a bill that comes this late still counts.
        if self._usage is None and isinstance(event, dict):
            self._usage = self._reader.read(event, "message").usage

    def _merge_usage(self, block: dict[str, Any]) -> None:
        # Counts are cumulative: the last one of each name holds, and a null takes nothing back.
        if self._usage is None:
            self._usage = dict(block)  # our own: it grows in place, for a copy an event would be quadratic
        else:
            for name, value in block.items():
                if value is not None or name not in self._usage:
                    self._usage[name] = value

    def finish(self) -> StreamResult:
        """The result, with its texts."""
        result = self.result
        text = "".join(self._texts["content"])
        inline = INLINE_THOUGHT.match(text)
        start = inline.end() if inline else len(text) - len(text.lstrip())
        reasoning = "".join(self._texts["reasoning"])
        result.text, result.reasoning = writable(text), writable(reasoning)
        result.tool_arguments = writable("".join(self._texts["tool"]))
        result.answer, result.thought = writable(text[start:]), writable(reasoning + (inline[2] if inline else ""))
        result.generated = self._generated(start)
        result.first_answer_index = next((event.index for event in result.generated if event.answer), None)
        if self._usage is not None:
            result.usage = replace(self._adapter.usage(self._usage), raw=shallow(self._usage))
        for name in ("finish_reason", "response_id", "served_model"):
            if (word := getattr(result, name)) is not None:
                setattr(result, name, writable(word))
        result.finish_class = self._finish_class()
        return result

    def _generated(self, answer_start: int) -> list[GeneratedEvent]:
        generated, position = [], 0
        for index, chars, content, so_far in self._brought:
            answer = writable(content[max(0, answer_start - position) :])
            generated.append(GeneratedEvent(index, chars, answer, so_far))
            position += len(content)
        return generated

    def _finish_class(self) -> FinishClass | None:
        result = self.result
        if result.error is not None:
            return "broken"
        found = finish_class_of(result.finish_reason)
        # Some APIs call a tool and say that they stopped.
        return "tool_calls" if found == "stop" and result.tool_arguments and not result.text else found


def parse_json(text: str) -> Any:
    """JSON as the standard has it: no NaN, no infinities.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it nests too deeply.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        # What orjson refuses and others send: half a surrogate pair, numbers beyond a float.
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float | str:
    # A number beyond the range of floats stays text, so that a record never holds what JSON cannot.
    value = float(text)
    return value if math.isfinite(value) else text


def parse_stream(byte_chunks: Iterable[bytes], api: str = "openai_chat") -> StreamResult:
    """Read a whole recorded body, in any split of its bytes: an event stream, or JSON where it was not streamed.

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
