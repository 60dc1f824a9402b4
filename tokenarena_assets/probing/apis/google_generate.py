"""Google's generateContent and streamGenerateContent (Gemini API; Vertex AI where the model names its publisher)."""

from __future__ import annotations

from typing import Any

from tokenarena_assets.probing.apis.adapter import Adapter, Piece, Reader, Reading, Turns, Usage
from tokenarena_assets.probing.apis.values import (
    bare_error,
    count_of,
    dict_of,
    dicts_of,
    error_text,
    json_text,
    numbers_of,
    sum_of,
    text_of,
    word_of,
)


class GoogleGenerate(Adapter):
    """`/models/MODEL:streamGenerateContent`."""

    api = "google_generate"
    route = "/{model}:streamGenerateContent?alt=sse"
    whole_route = "/{model}:generateContent"
    reserved = frozenset({"contents"})

    def path(self, request_model: str, *, stream: bool) -> str:
        """A model with a `/` names its collection itself."""
        return super().path(request_model if "/" in request_model else f"models/{request_model}", stream=stream)

    def headers(self, api_key: str | None) -> dict[str, str]:
        """The secret in a header of its own, so that no URL holds it."""
        return {"x-goog-api-key": api_key} if api_key else {}

    def body(
        self,
        model: str,  # noqa: ARG002 - model and streaming stand in the path
        prompt: str,
        *,
        max_output_tokens: int,
        temperature: float,
        stream: bool = True,  # noqa: ARG002
        top_logprobs: int | None = None,
        earlier: Turns = (),
        seed: int | None = None,
    ) -> dict[str, Any]:
        """The contents; who answers is called the model here."""
        config: dict[str, Any] = {"maxOutputTokens": max_output_tokens, "temperature": temperature}
        if seed is not None:
            config["seed"] = seed
        if top_logprobs is not None:
            config |= {"responseLogprobs": True, "logprobs": top_logprobs}
        contents = [
            {"role": "model" if role == "assistant" else role, "parts": [{"text": text}]}
            for role, text in (*earlier, ("user", prompt))
        ]
        return {"contents": contents, "generationConfig": config}

    def reader(self) -> Reader:
        """A reader of chunks and of whole responses, which have one form."""
        return GenerateReader()

    def usage(self, block: dict[str, Any]) -> Usage:
        """Counts of zero are left out; candidates leave the thoughts out, except where the total says otherwise."""
        prompt, tools, answer, thoughts, total = (
            count_of(block.get(f"{name}TokenCount"))
            for name in ("prompt", "toolUsePrompt", "candidates", "thoughts", "total")
        )
        given = sum_of(prompt, tools)
        known = answer is not None or thoughts is not None
        output = (answer or 0) + (thoughts or 0) if known else None
        if given is not None and total is not None:
            if output is None:
                output = max(0, total - given)
            elif answer is not None and answer >= (thoughts or 0) and given + answer == total:
                output = answer
        return Usage(given, count_of(block.get("cachedContentTokenCount")), output, thoughts, raw=block)


class GenerateReader:
    """Reads responses, each of which continues the one before it."""

    def read(self, event: dict[str, Any], name: str) -> Reading:  # noqa: ARG002 - events have no names
        """What a response brings."""
        usage = event.get("usageMetadata")
        reading = Reading(
            usage=usage if isinstance(usage, dict) else None,
            error=error_text(event.get("error")) or bare_error(event),
            response_id=word_of(event.get("responseId")),
            served_model=word_of(event.get("modelVersion")),
            finish_reason=word_of(dict_of(event.get("promptFeedback")).get("blockReason")),
        )
        pieces: list[Piece] = []
        for candidate in dicts_of(event.get("candidates")):
            for part in dicts_of(dict_of(candidate.get("content")).get("parts")):
                pieces += _part_pieces(part)
            if reason := word_of(candidate.get("finishReason")):
                reading.finish_reason = reason
            told = dict_of(candidate.get("logprobsResult"))
            if chosen := dicts_of(told.get("chosenCandidates")):
                found = numbers_of([token.get("logProbability") for token in chosen])
                reading.logprobs += found
                if reading.first_token is None:
                    steps = dicts_of(told.get("topCandidates"))
                    reading.first_token = (chosen[0], steps[0].get("candidates") if steps else None)
        reading.pieces = pieces
        return reading


def _part_pieces(part: dict[str, Any]) -> list[Piece]:
    if text := text_of(part.get("text")):
        return [Piece("reasoning" if part.get("thought") is True else "content", text)]
    call = dict_of(part.get("functionCall"))
    code = dict_of(part.get("executableCode"))
    texts = [text_of(call.get("name")), json_text(call.get("args") or None), text_of(code.get("code"))]
    texts += [_partial_argument(argument) for argument in dicts_of(call.get("partialArgs"))]
    return [Piece("tool", text) for text in texts if text]


def _partial_argument(argument: dict[str, Any]) -> str:
    # Arguments that are streamed come value by value, text in several parts; an empty part only ends one.
    for kind in ("numberValue", "boolValue"):
        if (value := argument.get(kind)) is not None:
            return json_text(value)
    return text_of(argument.get("stringValue"))
