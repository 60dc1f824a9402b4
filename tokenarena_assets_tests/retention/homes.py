"""Small homes of made-up rounds with the tables that a compaction looks at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.chain.ingest import read_day
from tokenarena_assets.chain.tables import GRADED_ANSWERS
from tokenarena_assets.retention.needs import NEEDS
from tokenarena_assets.retention.policy import Policy, Terms
from tokenarena_assets.retention.texts import TABLE_TEXTS
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import lake_of
from tokenarena_assets.storage.rawlog import RoundWriter

DAY = date(2026, 11, 2)
ROUND = "20261102T000000Z-abcdef"
LATER = DAY + timedelta(days=100)
SECRET = "the secret of line"
ALL = Policy(Terms(frames_days=14, texts_days=60))


def record(number: int, suite: str = "speed", **given: Any) -> dict[str, Any]:
    """A record with text in each of its fields that hold some."""
    text = f"{SECRET} {number}"
    return {
        "schema_version": 1,
        "round_id": ROUND,
        "day": DAY.isoformat(),
        "request_id": f"request-{number}",
        "endpoint_id": "acme/model@standard",
        "suite": suite,
        "attempt": 1,
        "started_at": "2026-11-02T00:10:00.000000+00:00",
        "status": "ok",
        "http_status": 200,
        "stamps_ns": {"scheduled": 0, "sent": 1, "headers": 2, "first_token": 3, "last_token": 9, "end": 10},
        "timing": {"ttft_ms": 10.25 + number, "e2e_ms": 99.5, "speed_refusal": "too_few_tokens"},
        "usage": {
            "input_tokens": 100 + number,
            "cached_tokens": None,
            "output_tokens": None,
            "reasoning_tokens": None,
            "raw": {"prompt_tokens": 100},
        },
        "text": text,
        "reasoning": text,
        "tool_arguments": text,
        "logprobs": [[text, -0.5]],
        "first_token_top": [[text, -0.5]],
        "item": {
            "item_id": f"item-{number}",
            "family": "f",
            "template_id": "t",
            "seed": number,
            "difficulty": "easy",
            "answer_type": "int",
            "answer_value": f"gold {number}",
        },
        "request": {"method": "POST", "url": "/v1", "body": {"prompt": text}, "sha256": "0" * 64},
        "response_headers": {"x-said": text},
        "error_body": text,
        "tool_record": {"prompt": text},
        "frames": [[1, text], [2, text]],
        **given,
    }


def make_home(home: Home, lines: Sequence[dict[str, Any] | bytes], day: date = DAY, round_id: str = ROUND) -> None:
    """One sealed round and its tables: those that are read as they are, those of texts with rows, the others empty."""
    writer = RoundWriter(home, day, round_id, {"round_id": round_id, "options": {}})
    for line in lines:
        writer.append_line(line if isinstance(line, bytes) else json.dumps(line, separators=(",", ":")).encode())
    writer.seal("complete")
    make_tables(home, day)


def make_tables(home: Home, day: date = DAY) -> None:
    """The tables of a day as the chain would leave them, as far as a compaction looks at them."""
    lake, raw, specs = lake_of(home), read_day(home, day), table_specs()
    lake.write("probe_log", day, raw.probe_log)
    lake.write("round_log", day, raw.round_log)
    sound = raw.probe_log.filter(pl.col("problem").is_null())
    lake.write("requests", day, sound.drop("problem", "record_day"))
    graded = [
        {
            **dict.fromkeys(GRADED_ANSWERS.column_names),
            "day": day,
            "request_id": request_id,
            "domain": "math",
            "source": "generated",
            "tier": "tiny",
            "attempt": 1,
            "outcome": "not_run" if request_id.endswith("-1") else "correct",
            "correct": None if request_id.endswith("-1") else True,
            "extracted": text,
            "detail": text,
            "grader_version": "math-1",
        }
        for request_id, text in sound.select("request_id", "text").iter_rows()
    ]
    lake.write("graded_answers", day, GRADED_ANSWERS.frame(graded))
    for table in {*NEEDS, *TABLE_TEXTS} - {"probe_log", "requests", "graded_answers"}:
        texts = dict.fromkeys((*TABLE_TEXTS.get(table, ()), "gold", "outcome", *specs[table].key), pl.String())
        lake.write(table, day, pl.DataFrame(schema=texts | {"raw_file": pl.String(), "raw_line": pl.Int64()}))
