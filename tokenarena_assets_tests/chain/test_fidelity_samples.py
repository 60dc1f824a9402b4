"""Requests become samples: what came of each, and which of several tries counts."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tokenarena_assets.chain.fidelity_samples import fidelity_samples, outcome_of
from tokenarena_assets.chain.fidelity_tables import FIDELITY_SAMPLES
from tokenarena_assets_tests.chain.fidelity_frames import breaches
from tokenarena_assets_tests.sql_models.frames import DAY, Row, at, frame


@pytest.mark.parametrize(
    ("channel", "status", "text", "outcome"),
    [
        ("sampled", "ok", "a story", "answered"),
        ("sampled", "truncated", "a story that was", "answered"),
        ("sampled", "ok", "I'm sorry, but I can't help with that.", "refusal"),
        ("greedy", "truncated", "I cannot assist", "refusal"),
        ("parity", "truncated", "I", "answered"),
        ("border", "truncated", "\n", "answered"),
        ("sampled", "empty", None, "blank"),
        ("sampled", "ok", "", "blank"),
        ("sampled", "content_filter", "half an ans", "filtered"),
        ("sampled", "dropped", "half an ans", "missing"),
        ("sampled", "http_5xx", None, "missing"),
        ("sampled", "timeout_total", "long", "missing"),
        ("sampled", "not_sent", None, "not_sent"),
    ],
)
def test_what_the_endpoint_did_is_an_outcome_and_what_the_transport_did_is_missing(
    channel: str, status: str, text: str | None, outcome: str
) -> None:
    assert outcome_of(channel, status, text) == outcome


def request(number: int, **given: Any) -> Row:
    return {
        "request_id": f"r{number}",
        "endpoint_id": "p/m@a",
        "suite": "sampled",
        "started_at": at(number),
        "status": "ok",
        "prompt_id": "s-1",
        "prompt_set": "fixed",
        "rep": 0,
        "slot": 3,
        "text": "once upon",
        "raw_file": "f",
        "raw_line": number,
    } | given


def made(*rows: Row, **endpoint: Any) -> pl.DataFrame:
    told = {"endpoint_id": "p/m@a", "valid_from": at(0), "model_family": "m", "thinks": False} | endpoint
    found = fidelity_samples(DAY, frame("requests", rows), frame("endpoints", [told]))
    assert breaches(FIDELITY_SAMPLES, found, DAY) == {}
    return found


def test_every_fidelity_request_is_one_row_and_no_other_is() -> None:
    rows = [request(1), request(2, suite="speed"), request(3, suite="border", stage="search"), request(4, rep=1)]
    found = made(*rows)
    assert found["request_id"].to_list() == ["r1", "r3", "r4"]
    assert found["counts"].all()
    assert found["stage"].to_list() == [None, "search", None]
    assert found["model_family"].unique().to_list() == ["m"]


def test_of_several_tries_the_first_that_was_answered_counts() -> None:
    lost, answer, again = request(1, status="http_5xx", text=None), request(2, text="x"), request(3, text="y")
    assert made(again, answer, lost)["counts"].to_list() == [False, True, False]
    nothing = request(2, status="not_sent", text=None)
    assert made(lost, nothing)["counts"].to_list() == [True, False]
    blank = request(2, status="empty", text=None)
    assert made(lost, blank, again)["counts"].to_list() == [False, True, False]


def test_of_who_always_reasons_the_visible_answer_is_taken() -> None:
    text = "<think>I cannot help.</think>Paris"
    assert made(request(1, text=text), thinks=True)["text"].to_list() == ["Paris"]
    assert made(request(1, text=text))["text"].to_list() == [text]


def test_a_day_without_fidelity_requests_has_an_empty_table() -> None:
    assert made(request(1, suite="speed")).is_empty()
