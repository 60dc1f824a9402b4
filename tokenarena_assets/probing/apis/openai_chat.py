"""OpenAI Chat Completions, and the habits of the many providers that speak it."""

from __future__ import annotations

from typing import Any

from tokenarena_assets.probing.apis.adapter import Adapter, Channel, Piece, Reader, Reading, Turns, Usage, messages
from tokenarena_assets.probing.apis.values import (
    arguments_text,
    bare_error,
    count_of,
    dict_of,
    dicts_of,
    error_text,
    first_count,
    list_of,
    numbers_of,
    text_of,
    word_of,
)

# The same thought may stand in several of these in one event; the first that holds text is taken.
REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text", "thinking", "reasoning_details")
REASONING_PARTS = frozenset({"thinking", "reasoning", "reasoning_text", "thought"})
PART_FIELDS = ("text", "thinking", "reasoning", "summary", "refusal")


def bearer(api_key: str | None) -> dict[str, str]:
    """The header with the secret."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


class OpenAiChat(Adapter):
    """`/chat/completions`."""

    api = "openai_chat"
    route = "/chat/completions"
    reserved = frozenset({"model", "messages", "stream", "stream_options", "n"})

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
        seed: int | None = None,
    ) -> dict[str, Any]:
        """The messages."""
        body: dict[str, Any] = {
            "model": model,
            "messages": messages(prompt, earlier),
            "max_tokens": max_output_tokens,
            "temperature": temperature,
        } | streaming(stream=stream)
        if top_logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": top_logprobs}
        return body if seed is None else body | {"seed": seed}

    def reader(self) -> Reader:
        """A reader of chunks and of whole completions."""
        return ChatReader()

    def usage(self, block: dict[str, Any]) -> Usage:
        """OpenAI's names."""
        return openai_usage(block)


def streaming(*, stream: bool) -> dict[str, Any]:
    """The fields that ask for a stream with usage at its end; a whole answer has usage anyway."""
    return {"stream": True, "stream_options": {"include_usage": True}} if stream else {"stream": False}


class ChatReader:
    """Reads chat chunks, whole chat completions, and both forms of legacy completions.

    Role-only, empty, `choices: []` and usage events bring no piece: they are not tokens.
    """

    def __init__(self) -> None:
        self._streamed = False

    def read(self, event: dict[str, Any], name: str) -> Reading:  # noqa: ARG002 - events have no names
        """What a chunk or a whole completion brings."""
        choices, extension = event.get("choices"), dict_of(event.get("x_groq"))
        reading = Reading(
            usage=_usage_block(event, extension),
            error=error_text(event.get("error") or extension.get("error")),
            response_id=word_of(event.get("id")),
            served_model=word_of(event.get("model")),
        )
        pieces: list[Piece] = []
        for choice in dicts_of(choices):
            pieces += self._pieces(choice)
            if reason := word_of(choice.get("finish_reason")):
                reading.finish_reason = reason
            if block := choice.get("logprobs"):
                reading.logprobs += _logprobs(block)
                reading.first_token = reading.first_token or _first_token(block)
            if reading.usage is None and isinstance(choice.get("usage"), dict):
                reading.usage = choice["usage"]
            if reading.error is None and "error" in choice:
                reading.error = error_text(choice["error"])
        reading.pieces = pieces
        if reading.error is None and choices is None:
            reading.error = _whole_body_error(event)
        return reading

    def _pieces(self, choice: dict[str, Any]) -> list[Piece]:
        message = choice.get("delta")
        if message and isinstance(message, dict):
            found = message_pieces(message)
            self._streamed = self._streamed or bool(found)
        elif self._streamed:
            # Some end a stream with the whole message once more.
            found = []
        else:
            found = message_pieces(dict_of(choice.get("message")))
        # A legacy `text` beside the delta repeats it; alone it is the content.
        text = choice.get("text")
        if text and isinstance(text, str) and not any(piece.channel != "tool" for piece in found):
            found.append(Piece("content", text))
        return found


def message_pieces(message: dict[str, Any]) -> list[Piece]:
    """The generated text in a message or delta, by channel: thought, content, tool calls."""
    pieces: list[Piece] = []
    for field in REASONING_FIELDS:
        if (value := message.get(field)) and (text := _thought(value)):
            pieces.append(Piece("reasoning", text))
            break
    if content := message.get("content"):
        if isinstance(content, str):
            pieces.append(Piece("content", content))
        else:
            pieces += _typed_parts(content, has_thought=bool(pieces))
    if refusal := word_of(message.get("refusal")):
        pieces.append(Piece("content", refusal))
    if calls := message.get("tool_calls"):
        for call in dicts_of(calls):
            pieces += _call_pieces(call.get("function") or call.get("custom"))
    if legacy_call := message.get("function_call"):
        pieces += _call_pieces(legacy_call)
    return pieces


def _thought(value: Any) -> str:
    if isinstance(value, list):
        return "".join(_part_text(part) for part in value)
    return text_of(value)


def _typed_parts(parts: Any, *, has_thought: bool) -> list[Piece]:
    pieces: list[Piece] = []
    for part in parts if isinstance(parts, list) else [parts]:
        thinks = isinstance(part, dict) and word_of(part.get("type")) in REASONING_PARTS
        text = "" if thinks and has_thought else _part_text(part)
        if text:
            channel: Channel = "reasoning" if thinks else "content"
            pieces.append(Piece(channel, text))
    return pieces


def _part_text(part: Any) -> str:
    if not isinstance(part, dict):
        return part if isinstance(part, str) else ""
    return next((text for field in PART_FIELDS if (text := text_of(part.get(field)))), "")


def _call_pieces(function: Any) -> list[Piece]:
    function = dict_of(function)
    texts = (arguments_text(function.get(field)) for field in ("name", "arguments", "input"))
    return [Piece("tool", text) for text in texts if text]


def _logprobs(block: Any) -> list[float]:
    block = dict_of(block)
    if isinstance(block.get("token_logprobs"), list):  # the form of legacy completions
        return numbers_of(block["token_logprobs"])
    return numbers_of([token.get("logprob") for token in dicts_of(block.get("content"))])


def _first_token(block: Any) -> tuple[Any, Any] | None:
    block = dict_of(block)
    if isinstance(values := block.get("token_logprobs"), list):
        tokens, others = list_of(block.get("tokens")), list_of(block.get("top_logprobs"))
        chosen = {"token": tokens[0], "logprob": values[0]} if tokens and values else None
        return (chosen, others[0] if others else None) if chosen or others else None
    tokens = dicts_of(block.get("content"))
    return (tokens[0], tokens[0].get("top_logprobs")) if tokens else None


def _usage_block(event: dict[str, Any], extension: dict[str, Any]) -> dict[str, Any] | None:
    block = event.get("usage")
    if block is None:
        block = extension.get("usage")
    return block if isinstance(block, dict) else None


def _whole_body_error(event: dict[str, Any]) -> str | None:
    # MiniMax says in a field of its own that nothing was generated.
    status = dict_of(event.get("base_resp"))
    said = word_of(status.get("status_msg")) if status.get("status_code") else None
    return error_text(said) or bare_error(event)


def openai_usage(block: dict[str, Any]) -> Usage:
    """Normalised counts of a usage block with OpenAI's names, old (`prompt_tokens`) or new (`input_tokens`).

    Where `total` exceeds input plus output, one of the two leaves something out: the cached tokens (those written
    too), where exactly they are missing, else the reasoning (xAI's habit, and that of Google's compatible API).
    """
    prompt_details = dict_of(block.get("prompt_tokens_details") or block.get("input_tokens_details"))
    output_details = dict_of(block.get("completion_tokens_details") or block.get("output_tokens_details"))
    given = first_count(block.get("prompt_tokens"), block.get("input_tokens"))
    output = first_count(block.get("completion_tokens"), block.get("output_tokens"))
    reasoning = first_count(output_details.get("reasoning_tokens"), block.get("reasoning_tokens"))
    cached = first_count(
        prompt_details.get("cached_tokens"),
        block.get("cached_tokens"),
        block.get("num_cached_tokens"),
        block.get("prompt_cache_hit_tokens"),
        block.get("cache_read_input_tokens"),
    )
    written = first_count(
        prompt_details.get("cache_write_tokens"),
        prompt_details.get("cache_creation_tokens"),
        block.get("cache_creation_input_tokens"),
    )
    total = count_of(block.get("total_tokens"))
    if given is not None and total is not None:
        missing = total - given - (output or 0)
        if missing > 0 and missing == (cached or 0) + (written or 0) and missing != reasoning and output is not None:
            given += missing
        else:
            output = max(output or 0, total - given)
    return Usage(given, cached, output, reasoning, raw=block, cache_write_tokens=written)
