"""What is withheld from a raw line is what is withheld from the tables: the one still gives the other."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from tokenarena_assets.chain.tables import PROBE_LOG
from tokenarena_assets.snapshot.withhold import Policy, redact_frame, redact_line, withheld_of
from tokenarena_assets.storage.rawlog import RawLine
from tokenarena_assets_tests.evidence import RealRound, probe_row

DAY = date(2026, 11, 2)
NOTHING = Policy(texts=False, gold_from=None)
GOLD = Policy(texts=False, gold_from=DAY)
TEXTS = Policy(texts=True, gold_from=None)
BOTH = Policy(texts=True, gold_from=DAY)


def line(**given: Any) -> bytes:
    record = {
        "request_id": "r1",
        "suite": "quality_math",
        "text": "Answer: 7",
        "reasoning": "",
        "frames": [[1, "data"]],
        "request": {"url": "http://x", "body": {"messages": [{"role": "user", "content": "3 + 4?"}]}},
        "item": {"item_id": "i", "seed": 5, "answer_value": "7"},
    }
    return json.dumps(record | given).encode()


def test_age_is_told_from_the_newest_day_of_the_evidence() -> None:
    policy = Policy.of(DAY, texts=False, recent_items=False)
    assert policy.gold_is_withheld("quality_math", DAY - timedelta(days=29))
    assert not policy.gold_is_withheld("quality_math", DAY - timedelta(days=30))
    assert not policy.gold_is_withheld("context", DAY)
    assert not Policy.of(DAY, texts=False, recent_items=True).gold_is_withheld("quality_code", DAY)


def test_own_items_never_go_out() -> None:
    published = json.loads(redact_line(line(suite="own"), DAY - timedelta(days=365), NOTHING))
    assert published["text"] == ""
    assert published["item"] == {"item_id": "i", "seed": 0, "answer_value": ""}
    assert published["request"]["body"] == {}


def test_what_may_be_seen_is_not_touched() -> None:
    assert redact_line(line(), DAY, NOTHING) == line()
    assert redact_line(line(suite="speed", item=None), DAY, GOLD) == line(suite="speed", item=None)
    assert redact_line(b"no json", DAY, GOLD) == b"no json"


def test_gold_goes_with_its_seed_and_leaves_no_hash_to_try() -> None:
    published = redact_line(line(), DAY, GOLD)
    record = json.loads(published)
    assert (record["item"]["answer_value"], record["item"]["seed"]) == ("", 0)
    assert record["text"] == "Answer: 7"
    assert record["withheld"] == {"item.answer_value": {}, "item.seed": {}}
    found = withheld_of(published)
    assert found is not None
    assert (found.request_id, found.texts) == ("r1", False)


def test_texts_leave_their_length_and_their_hash() -> None:
    published = redact_line(line(), DAY, TEXTS)
    record = json.loads(published)
    assert (record["text"], record["frames"], record["request"]["body"]) == ("", [], {})
    assert record["withheld"]["text"] == {"length": 9, "sha256": hashlib.sha256(b"Answer: 7").hexdigest()}
    assert record["item"]["answer_value"] == "7"
    assert b"3 + 4" not in published
    found = withheld_of(published)
    assert found is not None
    assert found.texts


def test_where_gold_is_withheld_the_text_has_no_hash() -> None:
    record = json.loads(redact_line(line(), DAY, BOTH))
    assert record["withheld"]["text"] == {"length": 9}


def test_a_line_that_is_no_record_stays_one_that_is_none() -> None:
    published = redact_line(b'{"text": "secret', DAY, TEXTS)
    assert b"secret" not in published
    assert probe_row(DAY, RawLine("f", 1, published))["problem"] == "malformed_json"


@pytest.mark.parametrize("policy", [NOTHING, GOLD, TEXTS, BOTH])
def test_published_lines_give_the_published_table(real_round: RealRound, policy: Policy) -> None:
    """A real round: reading redacted lines, and redacting what was read, are the same."""
    day = real_round.day
    policy = Policy(policy.texts, day if policy.gold_from else None)
    lines = [json.dumps(record).encode() for record in real_round.records]
    read = [probe_row(day, RawLine("f", i, data)) for i, data in enumerate(lines, 1)]
    again = [probe_row(day, RawLine("f", i, redact_line(data, day, policy))) for i, data in enumerate(lines, 1)]
    expected = redact_frame("probe_log", day, PROBE_LOG.frame(read), policy)
    assert PROBE_LOG.frame(again).equals(expected)
    if policy.texts:
        assert set(expected["text"].drop_nulls()) == {""}
    if policy.gold_from:
        fresh = expected.filter(pl.col("suite").str.starts_with("quality_"))
        assert set(fresh["gold"]) == {""}


def test_a_torn_line_of_an_own_item_does_not_go_out() -> None:
    torn = line(suite="own")[:-20]
    assert b"Answer" not in redact_line(torn, DAY, NOTHING)
    assert redact_line(line(suite="speed")[:-20], DAY, GOLD) == line(suite="speed")[:-20]


@pytest.mark.parametrize("name", ["text", "reasoning", "tool_arguments", "error_body", "frames", "tool_record"])
@pytest.mark.parametrize("value", ["secret", ["secret"], {"output": ["secret"]}])
def test_texts_go_whatever_their_type_and_whoever_wrote_them(name: str, value: Any) -> None:
    published = redact_line(line(**{name: value}), DAY, TEXTS)
    assert b"secret" not in published
    assert json.loads(published)["withheld"][name]["length"] > 0


def test_what_nests_too_deep_to_be_written_again_leaves_its_hash_alone() -> None:
    deep = b'{"suite": "own", "text": "secret", "more": ' + b"[" * 1000 + b"]" * 1000 + b"}"
    assert (
        redact_line(deep, DAY, NOTHING)
        == f"withheld: sha256 {hashlib.sha256(deep).hexdigest()}, {len(deep)} bytes".encode()
    )
