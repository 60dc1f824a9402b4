"""Context of a day, derived again from raw requests: the same verdict as that of the search that sent them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tokenarena_assets.chain.context import ContextDay, contexts_of
from tokenarena_assets.chain.tables import CONTEXT_CURVE, CONTEXT_DAILY, CONTEXT_REQUESTS
from tokenarena_assets.context import TINY, ContextResult, ContextSearch, question_of
from tokenarena_assets.context.question import reply_of
from tokenarena_assets.suites.suite import Question
from tokenarena_assets_tests.sql_models.frames import DAY, Row, at, frame

ADVERTISED = 1024
Answer = Callable[[Question, int], tuple[int, str]]


def honest(question: Question, tokens: int) -> tuple[int, str]:
    """Reads all of it, and answers rightly."""
    assert question.item is not None
    return tokens, question.item.solution


def blind_beyond(limit: int) -> Answer:
    """Reads all of it, and finds nothing in what is longer than `limit`."""
    return lambda question, tokens: (
        tokens,
        question.item.solution if tokens <= limit and question.item else "[" + ", ".join(['"?"'] * 8) + "]",
    )


def search_of(
    answer: Answer, endpoint_id: str = "p/m@a", round_id: str = "r0", most: int = 99
) -> tuple[list[Row], ContextResult]:
    """The requests of one search at an endpoint that reads four characters as a token, and the search's own verdict."""
    search = ContextSearch(ladder=TINY, advertised_tokens=ADVERTISED, mode="cold")
    rows: list[Row] = []
    while (ask := search.next()) is not None and len(rows) < most:
        question = question_of(
            ask,
            tier="tiny",
            day=DAY,
            endpoint_id=endpoint_id,
            round_id=round_id,
            output_tokens=200,
            mode="cold",
            advertised_tokens=ADVERTISED,
        )
        assert question.item is not None
        tokens, text = answer(question, round(len(question.prompt) / 4) + 20)
        reply = {
            "status": "ok",
            "http_status": 200,
            "error": None,
            "input_tokens": tokens,
            "text": text,
            "ttft_ms": 9.0,
        }
        rows.append(
            {
                "request_id": f"{endpoint_id}-{round_id}-{len(rows)}",
                "endpoint_id": endpoint_id,
                "round_id": round_id,
                "suite": "context",
                "started_at": at(1 + int(round_id[1:])).replace(second=len(rows)),
                "attempt": 1,
                "item_id": question.item.item_id,
                "gold": question.item.answer_value,
                "raw_file": f"round={round_id}.jsonl.zst",
                "raw_line": len(rows) + 1,
                **reply,
            }
        )
        search.take(*reply_of(question.item.answer_value, **reply))
    return rows, search.result()


def day_of(*rows: Row) -> ContextDay:
    found = contexts_of(DAY, frame("requests", rows))
    assert found.requests.schema == CONTEXT_REQUESTS.polars_schema
    assert found.curve.schema == CONTEXT_CURVE.polars_schema
    assert found.daily.schema == CONTEXT_DAILY.polars_schema
    return found


@pytest.mark.parametrize("answer", [honest, blind_beyond(600)])
def test_the_verdict_is_the_searchs_own(answer: Answer) -> None:
    rows, expected = search_of(answer)
    found = day_of(*rows)
    (row,) = found.daily.to_dicts()
    got = tuple(row[name] for name in ("accepted_tokens", "served_tokens", "effective_tokens", "lo", "hi", "status"))
    assert got == (
        expected.accepted,
        expected.served,
        expected.effective,
        expected.effective_lo,
        expected.effective_hi,
        expected.status,
    )
    assert (row["advertised_tokens"], row["mode"], row["finished"]) == (ADVERTISED, "cold", True)
    assert (row["n_requests"], row["truncating"], row["round_id"]) == (expected.requests, False, "r0")
    assert found.curve["target_tokens"].to_list() == [rung.tokens for rung in expected.curve]
    assert found.requests.height == len(rows)
    assert set(found.requests["kind"]) <= {"calibrate", "base", "rung"}
    assert found.requests.filter(kind="rung")["residual"].abs().max() < 0.03


def test_an_endpoint_that_keeps_the_tail_is_truncating() -> None:
    def keeps(question: Question, tokens: int) -> tuple[int, str]:
        kept = min(tokens, 500)
        return kept, honest(question, tokens)[1] if kept == tokens else '["?", "?", "?", "?", "?", "?", "?", "?"]'

    rows, expected = search_of(keeps)
    found = day_of(*rows)
    (row,) = found.daily.to_dicts()
    assert expected.status == "truncating"
    assert (row["status"], row["truncating"]) == ("truncating", True)
    assert row["findings"]
    assert found.requests["residual"].min() < -0.03
    assert found.requests["evidence"].drop_nulls().len() > 0


def test_the_first_whole_search_of_the_day_counts() -> None:
    first, _ = search_of(honest, round_id="r0", most=3)
    whole, expected = search_of(blind_beyond(600), round_id="r1")
    later, _ = search_of(honest, round_id="r2")
    (row,) = day_of(*first, *later, *whole).daily.to_dicts()
    assert (row["round_id"], row["effective_tokens"]) == ("r1", expected.effective)
    (cut_off,) = day_of(*first).daily.to_dicts()
    assert (cut_off["finished"], cut_off["n_requests"]) == (False, 3)
    assert cut_off["effective_tokens"] is not None or cut_off["note"]


def test_the_last_try_of_a_request_is_its_reply() -> None:
    rows, expected = search_of(honest)
    failed = rows[2] | {"request_id": "failed", "status": "http_429", "http_status": 429, "text": ""}
    failed["started_at"] = rows[2]["started_at"].replace(microsecond=0)
    again = [row | ({"attempt": 2} if row is rows[2] else {}) for row in rows]
    (row,) = day_of(failed, *again).daily.to_dicts()
    assert (row["n_requests"], row["effective_tokens"]) == (expected.requests, expected.effective)


def test_a_record_that_is_no_search_keeps_its_place_and_its_problem() -> None:
    rows, _ = search_of(honest, most=2)
    broken = rows[1] | {"request_id": "broken", "gold": "{"}
    found = day_of(*rows, broken)
    (row,) = found.requests.filter(request_id="broken").to_dicts()
    assert (row["kind"], row["raw_line"]) == (None, 2)
    assert row["problem"].startswith("ValueError: not the answer value")
    assert day_of(broken).daily.height == 0


def test_other_suites_are_not_read() -> None:
    assert day_of({"request_id": "q1", "suite": "quality_math", "gold": "4"}).requests.height == 0
