"""Takes a key, and whose account it is of, out of a record, wherever an endpoint may have echoed them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tokenarena_assets.probing.record import ANSWERED

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
ASSEMBLED = ("text", "reasoning", "tool_arguments")  # of what stands in the frames
CUT_SHORT = ("error", "error_body")
LEAST_OF_A_KEY = 4  # of a key that was cut, so many characters are taken for a part of it


def redacted(record: dict[str, Any], secret: str | None) -> dict[str, Any]:
    """The record without `secret`, each of its characters as it is or as JSON and URLs escape it."""
    if not secret:
        return record
    written = re.compile(_any_form(secret[0], r"(?<!\\)") + "".join(_any_form(character) for character in secret[1:]))

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return written.sub("[key removed]", value)
        if isinstance(value, list | tuple):
            return [clean(entry) for entry in value]
        if isinstance(value, dict):
            return {clean(key): clean(entry) for key, entry in value.items()}
        return value

    cleaned = {name: clean(record[name]) for name in FROM_ENDPOINT}
    frames = record["frames"] or ()
    if _count(written, [record[name] for name in ASSEMBLED]) > _count(written, [data for _, data in frames]):
        # Spread over events, or with its letters escaped: whoever puts the frames together has it again.
        cleaned["frames"] = [[stamp, "[key removed]"] for stamp, _ in frames]
    return record | cleaned | {name: _without_start_of(secret, cleaned[name]) for name in CUT_SHORT}


def _count(written: re.Pattern[str], texts: Iterable[Any]) -> int:
    return sum(len(written.findall(text)) for text in texts if isinstance(text, str))


def without_account(record: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """The record with `${NAME}` in place of each of an address's filled-in `values`, where errors and headers tell.

    An answer is left as it came: a model's text does not tell of our account, and is evidence.
    """
    if not values:
        return record
    names = {value.lower(): name for name, value in values.items()}
    longest_first = "|".join(re.escape(value) for value in sorted(names, key=len, reverse=True))
    written = re.compile(rf"(?<![A-Za-z0-9])(?:{longest_first})(?![A-Za-z0-9])", re.IGNORECASE)

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return written.sub(lambda match: f"${{{names[match[0].lower()]}}}", value)
        if isinstance(value, list | tuple):
            return [clean(entry) for entry in value]
        if isinstance(value, dict):
            return {key: clean(entry) for key, entry in value.items()}
        return value

    fields = ("error", "error_body", "response_headers") + (() if record["status"] in ANSWERED else ("frames",))
    return record | {name: clean(record[name]) for name in fields}


def _without_start_of(secret: str, text: Any) -> Any:
    """`text` without the part of the key that it ends with: where it was cut, that may be all that is left of one."""
    if isinstance(text, str):
        for length in range(len(secret) - 1, LEAST_OF_A_KEY - 1, -1):
            if text.endswith(secret[:length]):
                return f"{text[:-length]}[key removed]"
    return text


def _any_form(character: str, run_starts: str = "") -> str:
    # A match begins where a run of backslashes does: tried at each of them, a long run would be read as often.
    if character.isalnum() or character in "-_.~":
        return re.escape(character)  # which need no escape anywhere
    code = f"{ord(character):02x}"
    return rf"(?:{run_starts}\\*{re.escape(character)}|{run_starts}\\+u00(?i:{code})|%(?i:{code}))"
