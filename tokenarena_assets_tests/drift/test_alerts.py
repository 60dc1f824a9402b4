"""What is news: another verdict, a first accusation, a change that was not told of."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.drift.alerts import Known, news_of

DAY = date(2026, 11, 20)


def verdict(now: str, endpoint_id: str = "p/m@a", day: date = DAY, **more: Any) -> dict[str, Any]:
    return {"day": day, "endpoint_id": endpoint_id, "verdict": now, "claim": "c", "note": None, **more}


def change(on: int, lo: int, hi: int, verdict: str = "changed", day: date = DAY) -> dict[str, Any]:
    days = {name: date(2026, 11, each) for name, each in (("changed_on", on), ("changed_lo", lo), ("changed_hi", hi))}
    row = {"day": day, "endpoint_id": "p/m@a", "event": 0, "verdict": verdict, "claim": "c", "evidence": "e"}
    return row | days | {"probability": 0.99}


def tell(known: Known, verdicts: list[dict[str, Any]], changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = list(news_of(known, verdicts, changes, rehearsal=False))
    for news in found:
        news.told(known)
    return [dict(news.document) for news in found]


def test_another_verdict_is_news_once() -> None:
    known = Known({"p/m@a": "undetermined"})
    (document,) = tell(known, [verdict("suspect")], [])
    assert (document["event"], document["was"], document["is"]) == ("verdict_changed", "undetermined", "suspect")
    assert tell(known, [verdict("suspect")], []) == []
    assert tell(known, [verdict("consistent")], [])[0]["is"] == "consistent"


def test_a_first_verdict_is_news_where_it_accuses() -> None:
    rows = [verdict("suspect", "a"), verdict("undetermined", "b"), verdict("different", "c"), verdict("reference", "d")]
    assert [each["endpoint_id"] for each in tell(Known(), rows, [])] == ["a", "c"]


def test_a_change_is_told_once_though_its_date_moves_by_a_day() -> None:
    known = Known()
    assert tell(known, [], [change(12, 12, 13)])[0]["changed_on"] == "2026-11-12"
    assert tell(known, [], [change(13, 12, 14)]) == []
    assert tell(known, [], [change(14, 14, 14)]) == []
    assert len(tell(known, [], [change(18, 17, 18)])) == 1
    assert tell(known, [], [change(12, 11, 13), change(18, 18, 18)]) == []


def test_what_nobody_can_tell_is_no_news() -> None:
    rows = [change(12, 12, 12, "cannot tell"), change(12, 12, 12, "no change seen")]
    assert tell(Known(), [], rows) == []


def test_the_same_news_has_the_same_id_and_other_news_another() -> None:
    def ids(*rows: dict[str, Any], rehearsal: bool = False) -> list[str]:
        return [str(n.document["id"]) for n in news_of(Known(), rows, [change(12, 12, 12)], rehearsal=rehearsal)]

    assert ids(verdict("suspect")) == ids(verdict("suspect", claim="other words"))
    assert not set(ids(verdict("suspect"))) & set(ids(verdict("different"))[:1] + ids(rehearsal=True))


def test_texts_are_one_line_and_short() -> None:
    hostile = "model \u202e\x1b[31m\nname " + "x" * 5000
    (document,) = tell(Known(), [verdict("different", claim=hostile)], [])
    assert document["claim"].isprintable()
    assert len(document["claim"]) == 1000


@given(
    st.dictionaries(st.text(), st.text()),
    st.dictionaries(st.text(), st.lists(st.tuples(st.dates().map(str), st.dates().map(str)), max_size=3)),
    st.text(),
)
def test_what_is_known_survives_being_written_down(
    verdicts: dict[str, str], changes: dict[str, list[tuple[str, str]]], seen: str
) -> None:
    known = Known(verdicts, changes, seen)
    assert Known.from_json(known.to_json()) == known


def test_a_cursor_of_another_make_is_nothing_known() -> None:
    assert all(Known.from_json(text) == Known() for text in (None, "", "12", "[]", "no json", '{"changes": {"a": 1}}'))
