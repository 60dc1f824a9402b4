"""An answer that a tool kept event by event, read as one of our own would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tokenarena_assets.importing.request import Chunk
from tokenarena_assets.probing.exchange import Exchange
from tokenarena_assets.probing.outcome import classify
from tokenarena_assets.probing.record import Status
from tokenarena_assets.probing.sse import SseEvent
from tokenarena_assets.probing.stream import StreamAccumulator, StreamResult


@dataclass(frozen=True, slots=True)
class Answer:
    """What the events came to; a moment is None where the tool kept none for that event."""

    result: StreamResult
    chunks: list[Chunk]
    first_token_ms: float | None
    first_answer_ms: float | None
    last_token_ms: float | None

    def known(self) -> dict[str, Any]:
        """As the fields of a :class:`ToolRequest`."""
        result = self.result
        return {
            "chunks": self.chunks,
            "first_token_ms": self.first_token_ms,
            "first_answer_ms": self.first_answer_ms,
            "last_token_ms": self.last_token_ms,
            "usage": result.usage,
            "stopped_by_itself": result.finish_class == "stop",
            "text": result.answer,
            "reasoning": result.thought,
            "finish_reason": result.finish_reason,
            "response_id": result.response_id,
            "served_model": result.served_model,
        }


def read_answer(events: Iterable[tuple[float | None, SseEvent]], api: str) -> Answer:
    """Read events with their moments, in milliseconds since sending."""
    accumulator = StreamAccumulator(api)
    moments: list[float | None] = []
    for moment, event in events:
        if accumulator.add(event) is not None:
            moments.append(moment)
    result = accumulator.finish()

    def moment_of(index: int | None) -> float | None:
        return None if index is None else moments[index]

    timed = ((moments[event.index], event) for event in result.generated)
    return Answer(
        result,
        [Chunk(moment, event.chars, event.answer) for moment, event in timed if moment is not None],
        moment_of(result.first_generated_index),
        moment_of(result.first_answer_index),
        moment_of(result.last_generated_index),
    )


def api_of(body: Any, default: str) -> str:
    """The wire format of a request body, where it tells another one than the catalog's."""
    if isinstance(body, Mapping):
        if "prompt" in body:
            return "openai_completions"
        if "input" in body:
            return "openai_responses"
        if "messages" in body and default in ("openai_completions", "openai_responses"):
            return "openai_chat"
    return default


def outcome(
    result: StreamResult, http_status: int | None, failure: tuple[Status, str] | None, problem: str | None
) -> tuple[Status, str | None]:
    """The class and the error text by the rules of our own probes.

    Args:
        result: what was generated.
        http_status: where the tool tells it.
        failure: what the tool says went wrong on the way.
        problem: why the body is no answer to read.
    """
    exchange = Exchange(0, datetime.now(UTC), http_status=http_status, failure=failure, problem=problem)
    status, error = classify(exchange, result)
    return status, error  # type: ignore[return-value]
