"""Careful access to what endpoints send: any value may be missing, of another type, absurd or deeply nested."""

from __future__ import annotations

from itertools import islice
from operator import itemgetter
from typing import Any

import orjson

TEXT_DEPTH = 4  # of typed parts within typed parts
BEYOND_LOGPROBS = 1e300  # an integer of JSON may be larger than any float
MAX_ALTERNATIVES = 20  # the most that any API gives
MAX_READ_ALTERNATIVES = 200
MAX_TOKEN_CHARS = 200
VERY_UNLIKELY = -9999.0  # OpenAI's and vLLM's word for a token beyond the likeliest; no log-probability
ABOVE_CERTAIN = 1e-3  # rounding may lift a certain token above 0
SHOWN_DEPTH = 6
MAX_ERROR_CHARS = 2000


def dict_of(value: Any) -> dict[str, Any]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def dicts_of(value: Any) -> list[dict[str, Any]]:
    """The objects in a list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def list_of(value: Any) -> list[Any]:
    """`value` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def word_of(value: Any) -> str | None:
    """A name or reason: a string that is not empty."""
    return value if isinstance(value, str) and value else None


def text_of(value: Any, depth: int = TEXT_DEPTH) -> str:
    """Text given as a string, as a typed part, or as a list of either."""
    if isinstance(value, str):
        return value
    if depth and isinstance(value, dict):
        return text_of(value.get("text"), depth - 1)
    if depth and isinstance(value, list):
        return "".join(text_of(entry, depth - 1) for entry in value)
    return ""


def count_of(value: Any) -> int | None:
    """A number of tokens: whole, not negative, below 2**53; anything else is not reported."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 2**53 and int(value) == value else None


def first_count(*values: Any) -> int | None:
    """The first of several places that reports a number of tokens."""
    return next((count for value in values if (count := count_of(value)) is not None), None)


def sum_of(first: int | None, *more: int | None) -> int | None:
    """A sum where its first part is known; parts that were not reported add nothing."""
    return None if first is None else first + sum(part or 0 for part in more)


def numbers_of(values: Any) -> list[float]:
    """The log-probabilities (natural) in a list."""
    if not isinstance(values, list):
        return []
    return [
        float(value)
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < BEYOND_LOGPROBS
    ]


def alternatives_of(chosen: Any, others: Any) -> list[tuple[str, float]]:
    """What a token could have been: (token, natural log-probability), the likeliest first, the chosen one among them.

    `others` are objects as `chosen` is, or log-probabilities by token; of two that read the same the likelier is kept.
    """
    if isinstance(others, dict):
        entries = [{"token": token, "logprob": value} for token, value in islice(others.items(), MAX_READ_ALTERNATIVES)]
    else:
        entries = dicts_of(list_of(others)[:MAX_READ_ALTERNATIVES])
    found = sorted(filter(None, map(_alternative, entries)), key=itemgetter(1), reverse=True)
    kept: dict[str, float] = {}
    for token, value in found:
        if len(kept) < MAX_ALTERNATIVES:
            kept.setdefault(token, value)
    if (own := _alternative(dict_of(chosen))) is not None:
        kept.setdefault(*own)
    return sorted(kept.items(), key=itemgetter(1), reverse=True)


def _alternative(entry: dict[str, Any]) -> tuple[str, float] | None:
    token = entry.get("token")
    values = numbers_of([entry.get("logprob", entry.get("logProbability"))])
    if not isinstance(token, str) or not values or not VERY_UNLIKELY < values[0] <= ABOVE_CERTAIN:
        return None
    parts = list_of(entry.get("bytes"))
    if (not token or "\ufffd" in token) and parts and all(isinstance(part, int) and 0 <= part < 256 for part in parts):
        # A part of a character has no text by itself; this is OpenAI's own way to write it.
        token = "bytes:" + "".join(f"\\x{part:02x}" for part in parts[:MAX_TOKEN_CHARS])
    return writable(token[:MAX_TOKEN_CHARS]), values[0]


def json_text(value: Any) -> str:
    """`value` as JSON; "" for nothing and for what cannot be written."""
    if value is None:
        return ""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # orjson's class of all its refusals: too deep, too large, half a surrogate pair
        return ""


def arguments_text(value: Any) -> str:
    """The arguments of a tool call: text as it is, an object as JSON, "" for an empty one."""
    if isinstance(value, str):
        return value
    return json_text(value) if value and isinstance(value, dict | list) else ""


def writable(text: str) -> str:
    """`text` that UTF-8 can hold: halves of surrogate pairs are joined, or replaced where one is missing."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def shallow(value: Any, depth: int = SHOWN_DEPTH) -> Any:
    """A copy that can be written: what nests deeper is left to the evidence, which holds all of it."""
    if isinstance(value, str):
        return writable(value)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return "..."
    if isinstance(value, list):
        return [shallow(entry, depth - 1) for entry in value]
    return {writable(name): shallow(entry, depth - 1) for name, entry in value.items()}


def error_text(error: Any) -> str | None:
    """What an error says, given as text, as an object with a message, or as anything else that is not empty."""
    if not error:
        return None
    if isinstance(error, dict):
        said = next((text for name in ("message", "msg", "detail") if (text := word_of(error.get(name)))), None)
        error = said or error
    return str(shallow(error))[:MAX_ERROR_CHARS]


def bare_error(event: dict[str, Any]) -> str | None:
    """The error of a body that is nothing else, in the forms of gateways and web frameworks."""
    said = event.get("detail")
    if not said and any(name in event for name in ("code", "status", "status_code", "error_code", "object")):
        said = word_of(event.get("message"))
    return error_text(said)
