"""Takes a key out of a record, wherever an endpoint may have echoed it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

# Where a record holds what an endpoint wrote; the rest is our own, and a key may by chance be a word of it.
FROM_ENDPOINT = (
    "error",
    "usage",
    "text",
    "reasoning",
    "tool_arguments",
    "finish_reason",
    "response_id",
    "served_model",
    "response_headers",
    "error_body",
    "frames",
)


def redacted(record: dict[str, Any], secret: str | None) -> dict[str, Any]:
    """The record without `secret`, as it is or as JSON and URLs escape it."""
    if not secret:
        return record
    forms = {secret, json.dumps(secret)[1:-1], secret.replace("/", r"\/"), quote(secret), quote(secret, safe="")}
    longest_first = sorted(forms, key=len, reverse=True)

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            for form in longest_first:
                value = value.replace(form, "[key removed]")
            return value
        if isinstance(value, list | tuple):
            return [clean(entry) for entry in value]
        if isinstance(value, dict):
            return {clean(key): clean(entry) for key, entry in value.items()}
        return value

    return record | {name: clean(record[name]) for name in FROM_ENDPOINT}
