"""What a request may have been billed where it reported no usage: an upper estimate by its characters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# An upper estimate for text in any public tokenizer: forecasts and caps must not be too low.
CHARS_PER_TOKEN_LOWER = 2
GENERATED = ("text", "reasoning", "tool_arguments")


def is_billable(http_status: object) -> bool:
    """Whether an endpoint may bill for a response of this HTTP status: any 2xx, even one whose stream broke."""
    return isinstance(http_status, int) and 200 <= http_status < 300


def estimated_tokens(record: Mapping[str, Any]) -> tuple[int, int]:
    """Input and output tokens of a raw record by the characters of what was sent and what came back."""
    request = record.get("request")
    body = request.get("body") if isinstance(request, dict) else None
    sent = json.dumps(body, ensure_ascii=False)
    return tokens_of(sent), sum(tokens_of(record.get(channel)) for channel in GENERATED)


def tokens_of(text: object) -> int:
    """The most tokens that a text may be."""
    return -(-len(text) // CHARS_PER_TOKEN_LOWER) if isinstance(text, str) else 0
