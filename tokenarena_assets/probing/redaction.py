"""Takes a key out of a record, wherever an endpoint may have echoed it."""

from __future__ import annotations

import re
from typing import Any

# Where a record holds what an endpoint wrote; the rest is our own, and a key may by chance be a word of it.
FROM_ENDPOINT = (
    "error",
    "usage",
    "text",
    "reasoning",
    "tool_arguments",
    "first_token_top",
    "finish_reason",
    "response_id",
    "served_model",
    "response_headers",
    "error_body",
    "frames",
)
CUT_SHORT = ("error", "error_body")
LEAST_OF_A_KEY = 4  # of a key that was cut, so many characters are taken for a part of it


def redacted(record: dict[str, Any], secret: str | None) -> dict[str, Any]:
    """The record without `secret`, each of its characters as it is or as JSON and URLs escape it."""
    if not secret:
        return record
    written = re.compile("".join(_any_form(character) for character in secret))

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return written.sub("[key removed]", value)
        if isinstance(value, list | tuple):
            return [clean(entry) for entry in value]
        if isinstance(value, dict):
            return {clean(key): clean(entry) for key, entry in value.items()}
        return value

    cleaned = {name: clean(record[name]) for name in FROM_ENDPOINT}
    return record | cleaned | {name: _without_start_of(secret, cleaned[name]) for name in CUT_SHORT}


def _without_start_of(secret: str, text: Any) -> Any:
    """`text` without the part of the key that it ends with: where it was cut, that may be all that is left of one."""
    if isinstance(text, str):
        for length in range(len(secret) - 1, LEAST_OF_A_KEY - 1, -1):
            if text.endswith(secret[:length]):
                return f"{text[:-length]}[key removed]"
    return text


def _any_form(character: str) -> str:
    if character.isalnum() or character in "-_.~":
        return re.escape(character)  # which need no escape anywhere
    code = f"{ord(character):02x}"
    return rf"(?:\\*{re.escape(character)}|\\+u00(?i:{code})|%(?i:{code}))"
