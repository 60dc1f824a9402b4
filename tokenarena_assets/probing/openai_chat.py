"""The OpenAI Chat Completions adapter: request body out, generated pieces, usage and errors in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokenarena_assets.probing.stream import Piece, Usage

PATH = "/chat/completions"
BEYOND_LOGPROBS = 1e300  # an integer of JSON may be larger than any float
RAW_USAGE_DEPTH = 6


def request_body(
    model: str, prompt: str, *, max_output_tokens: int, temperature: float, top_logprobs: int | None = None
) -> dict[str, Any]:
    """The body of a streamed request for one user message."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": max_output_tokens,
        "temperature": temperature,
    }
    if top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": top_logprobs}
    return body


def pieces(event: dict[str, Any]) -> Iterator[Piece]:
    """The generated text in an event, by channel, in the order in which the channels stand in it.

    Role-only, empty and `choices: []` events yield nothing: they are not tokens.
    """
    for choice in _dicts(event.get("choices")):
        delta = choice.get("delta") or choice.get("message")
        delta = delta if isinstance(delta, dict) else {}
        yield from _reasoning(delta)
        text = _text(delta.get("content"))
        # A legacy `text` beside the delta repeats it; alone it is the content.
        text = text or _text(choice.get("text"))
        if text:
            yield Piece("content", text)
        for call in _dicts(delta.get("tool_calls")):
            function = call.get("function")
            function = function if isinstance(function, dict) else {}
            arguments = _text(function.get("arguments")) or _text(function.get("name"))
            if arguments:
                yield Piece("tool", arguments)


def _reasoning(delta: dict[str, Any]) -> Iterator[Piece]:
    # The same thought may stand in several fields of one event; the first that holds text is taken.
    for field in ("reasoning_content", "reasoning"):
        if text := _text(delta.get(field)):
            yield Piece("reasoning", text)
            return
    details = "".join(
        _text(part.get("text")) or _text(part.get("summary")) for part in _dicts(delta.get("reasoning_details"))
    )
    if details:
        yield Piece("reasoning", details)
        return
    thoughts = "".join(
        _text(part.get("thinking")) for part in _dicts(delta.get("content")) if part.get("type") == "thinking"
    )
    if thoughts:
        yield Piece("reasoning", thoughts)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(
            part if isinstance(part, str) else _text(part.get("text")) for part in value if isinstance(part, str | dict)
        )
    return ""


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def finish_reason(event: dict[str, Any]) -> str | None:
    """The finish reason in an event, if it has one."""
    for choice in _dicts(event.get("choices")):
        if isinstance(choice.get("finish_reason"), str):
            return str(choice["finish_reason"])
    return None


def error_message(event: dict[str, Any]) -> str | None:
    """The error that an event inside an HTTP 200 stream carries."""
    error = event.get("error")
    if not error:
        return None
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error)


def logprobs(event: dict[str, Any]) -> list[float]:
    """Log-probabilities (natural) of the tokens that an event reports."""
    found = []
    for choice in _dicts(event.get("choices")):
        block = choice.get("logprobs")
        for token in _dicts(block.get("content")) if isinstance(block, dict) else []:
            value = token.get("logprob")
            found += [float(value)] if isinstance(value, int | float) and abs(value) < BEYOND_LOGPROBS else []
    return found


def usage(event: dict[str, Any]) -> Usage | None:
    """Normalised token counts of an event that reports them; output includes reasoning.

    Where `total` exceeds prompt plus completion, the completion leaves the reasoning out, and output is total
    minus prompt (xAI's habit).
    """
    block = event.get("usage")
    if not isinstance(block, dict):
        extension = event.get("x_groq")
        block = extension.get("usage") if isinstance(extension, dict) else None
    if not isinstance(block, dict):
        return None
    prompt, completion, total = (_count(block.get(f"{name}_tokens")) for name in ("prompt", "completion", "total"))
    if prompt is not None and total is not None:
        completion = max(completion or 0, total - prompt)
    prompt_details = block.get("prompt_tokens_details")
    completion_details = block.get("completion_tokens_details")
    cached = _count(prompt_details.get("cached_tokens")) if isinstance(prompt_details, dict) else None
    reasoning = _count(completion_details.get("reasoning_tokens")) if isinstance(completion_details, dict) else None
    return Usage(
        input_tokens=prompt,
        cached_tokens=cached if cached is not None else _count(block.get("cached_tokens")),
        output_tokens=completion,
        reasoning_tokens=reasoning if reasoning is not None else _count(block.get("reasoning_tokens")),
        raw=_shallow(block, RAW_USAGE_DEPTH),
    )


def _shallow(value: Any, depth: int) -> Any:
    # A record is copied and searched level by level: what nests deeper is left to the frames, which hold all of it.
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return "..."
    if isinstance(value, list):
        return [_shallow(entry, depth - 1) for entry in value]
    return {name: _shallow(entry, depth - 1) for name, entry in value.items()}


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 2**53 and int(value) == value else None
