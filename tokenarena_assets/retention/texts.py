"""Which fields of a raw line and which columns of the tables hold text: the one list for whatever leaves texts out.

Text is what an endpoint or a prompt said: prompts, answers, reasoning, first tokens, error pages, headers, the records
of other tools. Numbers are all else: stamps, timing, usage, status and `error` in our words, ids, hashes, seeds,
grades, and what was counted or judged of a text.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from typing import Any

FRAMES = "frames"  # events as received: they hold the texts as well
FIRST_TOKENS = "first_token_top"
BODY = "request.body"
GOLD = "item.answer_value"
OWN_SUITES = ("own",)  # whose gold answers are a person's own text

# Fields of a raw line that are text, each with the empty value of its type; the prompt is in `request.body`.
LINE_TEXTS: dict[str, Any] = {
    "text": "",
    "reasoning": "",
    "tool_arguments": "",
    "error_body": "",
    "logprobs": [],
    FIRST_TOKENS: None,
    "response_headers": {},
    "tool_record": {},
}

# Columns that are text, by table.
TABLE_TEXTS: dict[str, tuple[str, ...]] = {
    "probe_log": ("text", "reasoning", FIRST_TOKENS),
    "requests": ("text", "reasoning", FIRST_TOKENS),
    "graded_answers": ("extracted", "detail"),
    "answers": ("text", "extracted", "detail"),
    "fidelity_samples": ("text", FIRST_TOKENS),
    "billing_sample": ("text", "reasoning"),
}
GOLD_TABLES = ("probe_log", "requests", "answers")


def take_texts(record: dict[str, Any], *, keep: Collection[str] = ()) -> Iterator[tuple[str, Any]]:
    """Put empty values in place of a record's texts, less those of `keep`; yields each name and what stood there."""
    for name, empty in LINE_TEXTS.items():
        if name not in keep and (value := record.get(name)):
            record[name] = copy.copy(empty)
            yield name, value
    request = record.get("request")
    if isinstance(request, dict) and (body := request.get("body")):
        request["body"] = {}
        yield BODY, body


def take_frames(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Put an empty list in the place of the events as received, likewise."""
    if frames := record.get(FRAMES):
        record[FRAMES] = []
        yield FRAMES, frames


def take_gold(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Put an empty text in the place of the gold answer, likewise."""
    item = record.get("item")
    if isinstance(item, dict) and (gold := item.get("answer_value")):
        item["answer_value"] = ""
        yield GOLD, gold
