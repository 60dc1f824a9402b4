"""The price book folded from small histories, by hand, and from the shipped history with its known faults."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.pricing import ListPrice
from tokenarena_assets.pricing.book import Book, BookRow, Release, Run, fold, priced_rows, shipped_runs
from tokenarena_assets.pricing.facts import price_history, price_list
from tokenarena_assets.pricing.observation import CATALOG, GENAI, LITELLM, MODELS_DEV

DAY = date(2026, 11, 1)
NAME = "p/m@a"


def on(day: int) -> date:
    return DAY + timedelta(days=day)


def text(price_in: str, price_out: str, cached: str | None = None, **more: object) -> str:
    fields = {"input_usd_per_mtok": price_in, "output_usd_per_mtok": price_out, "cached_input_usd_per_mtok": cached}
    return ListPrice.model_validate(fields | more).canonical_json()


def said(feed: str, first: int, price: str, gone: int | None = None, name: str = NAME, **given: object) -> Run:
    return Run(name, "standard", feed, price, on(first), None if gone is None else on(gone), **given)  # type: ignore[arg-type]


def book(*runs: Run, until: int = 30, releases: tuple[Release, ...] = (), looked: int | None = None) -> Book:
    """The book; every feed is looked at each day up to `looked` (None: to the end)."""
    days = [on(day) for day in range((until if looked is None else looked) + 1)]
    return fold(runs, on(until), looks={run.feed: days for run in runs}, releases=releases)


def spans(found: Book, name: str = NAME) -> list[tuple[int, int | None, str, str]]:
    """(from, to, input/output, basis) of each row."""
    return [
        (
            (row.valid_from - DAY).days,
            None if row.valid_to is None else (row.valid_to - DAY).days,
            f"{row.price.input_usd_per_mtok}/{row.price.output_usd_per_mtok}",
            row.basis,
        )
        for row in found.rows
        if row.endpoint_id == name
    ]


def held(found: Book) -> list[tuple[int, str, list[str]]]:
    return [((h.held_on - DAY).days, h.state, [reason.split(":")[0] for reason in h.reasons]) for h in found.held]


def test_a_change_ends_one_row_and_begins_another() -> None:
    found = book(said(GENAI, 0, text("1", "3"), gone=5), said(GENAI, 5, text("2", "4")))
    assert spans(found) == [(0, 5, "1/3", "observed_date"), (5, None, "2/4", "observed_date")]
    assert found.held == ()
    assert found.rows[-1].feeds_agree == (GENAI,)


def test_the_book_of_an_earlier_day_is_what_was_known_then() -> None:
    runs = (said(GENAI, 0, text("1", "3"), gone=5), said(GENAI, 5, text("2", "4")))
    assert spans(book(*runs, until=4)) == [(0, None, "1/3", "observed_date")]


def test_an_effective_date_reaches_back_to_the_row_before_and_no_further() -> None:
    first, later = said(GENAI, 0, text("1", "3"), gone=9), said(GENAI, 9, text("2", "4"), effective_from=on(4))
    assert spans(book(first, later)) == [(0, 4, "1/3", "observed_date"), (4, None, "2/4", "effective_date")]
    assert spans(book(first, later, until=8)) == [(0, None, "1/3", "observed_date")]  # nobody knew it then
    long_ago = said(GENAI, 9, text("2", "4"), effective_from=on(-100))
    assert spans(book(first, long_ago)) == [(0, 9, "1/3", "observed_date"), (9, None, "2/4", "observed_date")]


def test_who_leaves_every_feed_closes_its_row_and_comes_back_with_a_new_one() -> None:
    found = book(said(GENAI, 0, text("1", "3"), gone=5), said(GENAI, 8, text("1", "3")))
    assert spans(found) == [(0, 5, "1/3", "observed_date"), (8, None, "1/3", "observed_date")]
    two = book(said(GENAI, 0, text("1", "3"), gone=5), said(LITELLM, 0, text("1", "3")))
    assert spans(two) == [(0, None, "1/3", "observed_date")]  # the other still lists it
    assert two.rows[0].feed == LITELLM


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        (text("1", "3"), text("3.01", "3"), "change_over_3x"),
        (text("1", "3"), text("1", "0.99"), "change_over_3x"),
        (text("1", "3", "0.4"), text("0.4", "3", "0.4"), "cached_equals_input"),
        (text("1", "3"), text("1", "3", "1.1"), "cached_over_input"),
        (text("1", "3"), text("2", "2"), "input_equals_output"),
        (text("1", "3"), text("0", "0"), "zero_price"),
    ],
)
def test_a_doubtful_change_is_held_and_yesterdays_price_stays(before: str, after: str, rule: str) -> None:
    found = book(said(GENAI, 0, before, gone=5), said(GENAI, 5, after))
    assert spans(found)[0][:2] == (0, None)
    assert len(found.rows) == 1
    (only,) = held(found)
    assert only[:2] == (5, "held")
    assert rule in only[2]
    assert found.held[0].kept_json == before


@pytest.mark.parametrize(
    "after", [text("3", "3.3"), text("1", "1.0001"), text("0.4", "3", "0.39"), text("1", "3", "1")]
)
def test_what_only_comes_near_a_rule_is_taken(after: str) -> None:
    found = book(said(GENAI, 0, text("1", "3"), gone=5), said(GENAI, 5, after))
    assert (len(found.rows), found.held) == (2, ())


def test_a_price_far_under_that_of_three_other_hosts_is_held() -> None:
    hosts = [said(GENAI, 0, text("1", "4"), name=f"{host}/m@a") for host in "xyz"]
    cheap = said(GENAI, 1, text("0.24", "2"), name="c/m@a")
    assert held(book(*hosts, cheap)) == [(1, "held", ["far_under_other_hosts"])]
    assert spans(book(*hosts, cheap), "c/m@a") == []  # it never had another price
    assert held(book(*hosts[:2], cheap)) == []  # a median of two says little
    own = [said(GENAI, 0, text("1", "4"), name=f"c/m@{sku}") for sku in ("b", "d", "e")]
    assert held(book(*own, cheap)) == []  # other SKUs of the same host are no other hosts


def test_a_second_source_releases_from_the_day_it_was_first_said() -> None:
    cut = text("0.2", "0.6")
    runs = [said(GENAI, 0, text("1", "3"), gone=5), said(GENAI, 5, cut), said(LITELLM, 0, text("1", "3"), gone=8)]
    waiting = book(*runs, said(LITELLM, 8, cut), until=7)
    assert held(waiting) == [(5, "held", ["change_over_3x", "change_over_3x", "feeds_differ"])]
    found = book(*runs, said(LITELLM, 8, text("0.201", "0.6")))
    assert spans(found) == [(0, 5, "1/3", "observed_date"), (5, None, "0.2/0.6", "observed_date")]
    assert [h.state for h in found.held] == ["released"]
    assert found.rows[-1].flags[0] == "released: litellm agrees"


def test_the_shipped_files_are_no_second_opinion_to_what_they_were_read_from() -> None:
    cut = text("0.2", "0.6")
    runs = [said(MODELS_DEV, 0, text("1", "3"), gone=5), said(MODELS_DEV, 5, cut)]
    copy = said("shipped-history", 5, cut, stated_on=on(5))
    assert held(book(*runs, copy))[0][1] == "held"


def test_a_change_that_a_fresh_feed_contradicts_is_held_until_that_one_is_stale() -> None:
    runs = [said(GENAI, 0, text("1", "3"), gone=5), said(GENAI, 5, text("1.06", "3")), said(LITELLM, 0, text("1", "3"))]
    days = [on(day) for day in range(31)]
    fresh = fold(runs, on(30), looks={GENAI: days, LITELLM: days})
    assert held(fresh) == [(5, "held", ["feeds_differ"])]
    once = fold(runs, on(30), looks={GENAI: days, LITELLM: [on(0)]})
    assert held(once) == [(5, "released", ["feeds_differ"])]
    assert spans(once)[-1] == (5, None, "1.06/3", "observed_date")
    within = [said(GENAI, 0, text("1", "3"), gone=5), said(GENAI, 5, text("1.05", "3")), runs[2]]
    assert fold(within, on(30), looks={GENAI: days, LITELLM: days}).held == ()  # 5 % of 1.05


def test_a_person_releases_that_price_and_no_other() -> None:
    runs = [said(GENAI, 0, text("1", "3"), gone=5), said(GENAI, 5, text("9", "9.5"))]
    release = Release(NAME, on(7), text("9", "9.5"), "seen on the provider's page")
    assert held(book(*runs, until=6, releases=(release,))) == [(5, "held", ["change_over_3x", "change_over_3x"])]
    found = book(*runs, releases=(release,))
    assert spans(found)[-1] == (5, None, "9/9.5", "observed_date")
    assert "seen on the provider's page" in found.rows[-1].flags[0]
    assert held(book(*runs, releases=(Release(NAME, on(7), text("9", "9.4"), "another"),)))[0][1] == "held"


def test_a_price_that_goes_back_is_withdrawn() -> None:
    runs = [
        said(GENAI, 0, text("1", "3"), gone=5),
        said(GENAI, 5, text("9", "3"), gone=7),
        said(GENAI, 7, text("1", "3")),
    ]
    found = book(*runs)
    assert spans(found) == [(0, None, "1/3", "observed_date")]
    assert held(found) == [(5, "withdrawn", ["change_over_3x"])]
    assert found.held[0].resolved_on == on(7)


def test_the_first_price_of_a_catalog_is_taken_with_its_doubts_and_one_of_nothing_is_not() -> None:
    found = book(said(CATALOG, 0, text("1", "3", "2")))
    assert spans(found) == [(0, None, "1/3", "observed_date")]
    assert found.rows[0].flags == ["cached_over_input: 2 cached, 1 in"]
    assert held(book(said(CATALOG, 0, text("0", "0")))) == [(0, "held", ["zero_price"])]


def test_who_buys_there_counts_first_and_the_others_say_whether_they_agree() -> None:
    runs = [said(CATALOG, 0, text("1", "3")), said(GENAI, 0, text("1.2", "3")), said(LITELLM, 0, text("1.01", "3"))]
    (row,) = book(*runs).rows
    assert (row.feed, row.feeds_agree, dict(row.feeds_disagree)) == (CATALOG, (CATALOG, LITELLM), {GENAI: "1.2/3"})


def test_cached_input_for_nothing_needs_two_sources() -> None:
    free = text("1", "3", "0")
    assert book(said(GENAI, 0, free)).rows[0].price.cached_input_usd_per_mtok is None
    assert book(said(GENAI, 0, free), said(LITELLM, 0, free)).rows[0].price.cached_input_usd_per_mtok == 0
    copies = book(said(MODELS_DEV, 0, free), said("shipped", 0, free, stated_on=on(0)))
    assert copies.rows[0].price.cached_input_usd_per_mtok is None
    assert book(said(CATALOG, 0, free)).rows[0].price.cached_input_usd_per_mtok == 0  # who pays it knows it


def test_what_a_feed_does_not_say_stays_while_the_base_is_the_same() -> None:
    tier = {"above_input_tokens": 9, "input_usd_per_mtok": "2", "output_usd_per_mtok": "6"}
    full = text("1", "3", "0.1", tiers=[tier])
    found = book(said(LITELLM, 0, full, gone=5), said(GENAI, 5, text("1", "3")))
    assert [row.price_json for row in found.rows] == [full]
    moved = book(said(LITELLM, 0, full, gone=5), said(GENAI, 5, text("2", "3")))
    assert moved.rows[-1].price.cached_input_usd_per_mtok is None


def test_lines_have_an_identity_of_their_own_that_closing_does_not_change() -> None:
    tier = {"above_input_tokens": 200_000, "input_usd_per_mtok": "2", "output_usd_per_mtok": "6"}
    band = {"from_utc": "01:00", "to_utc": "04:00", "input_usd_per_mtok": "2", "output_usd_per_mtok": "6"}
    price = text("1", "3", tiers=[tier], bands=[band])
    row = BookRow(NAME, "standard", price, on(0), None, "observed_date", GENAI, "USD")
    lines = priced_rows(row)
    assert [(line.min_input_tokens, line.band) for line in lines] == [
        (0, None),
        (200_001, None),
        (0, "01:00-04:00 UTC"),
    ]
    assert len({line.price_id for line in lines}) == 3
    row.valid_to, row.feed = on(5), LITELLM
    assert [line.price_id for line in priced_rows(row)] == [line.price_id for line in lines]


SEED = shipped_runs(price_history(), price_list())
BASETEN = {"baseten/glm-4.7@standard": ("0.6", "2.2"), "baseten/nemotron-3-super-120b-a12b@standard": ("0.3", "0.75")}


@pytest.mark.parametrize("name", BASETEN)
def test_cached_prices_written_as_input_for_nine_days_never_come_into_force(name: str) -> None:
    """Two rows of 2026-06-09 to 06-18 in the source's history, five times too low."""
    for back in range(-2, 12):
        day = date(2026, 6, 9) + timedelta(days=back)
        (row,) = [r for r in fold(SEED, day).rows if r.endpoint_id == name and r.valid_to is None]
        assert (row.price.input_usd_per_mtok, row.price.output_usd_per_mtok) == tuple(map(Decimal, BASETEN[name]))
    (caught,) = [h for h in fold(SEED, date(2026, 7, 1)).held if h.endpoint_id == name]
    assert (caught.held_on, caught.resolved_on, caught.state) == (date(2026, 6, 9), date(2026, 6, 18), "withdrawn")
    rules = {reason.split(":")[0] for reason in caught.reasons}
    assert {"change_over_3x", "cached_equals_input"} <= rules


def test_on_the_day_of_the_list_its_prices_are_in_force() -> None:
    rows = {row.endpoint_id: row for row in fold(SEED, date(2026, 7, 1)).rows if row.valid_to is None}
    assert len(rows) == 195
    for listed in price_list():
        got = rows[listed.endpoint_id].price
        assert (got.input_usd_per_mtok, got.output_usd_per_mtok, got.tiers) == (
            listed.price.input_usd_per_mtok,
            listed.price.output_usd_per_mtok,
            listed.price.tiers,
        )


def test_a_real_cut_is_known_late_and_dated_right() -> None:
    """DeepSeek V4 Pro fell to a quarter on 2026-05-24: held as doubtful, released by the reviewed list."""
    name = "deepseek/deepseek-v4-pro@standard"

    def rows(day: date) -> list[tuple[date, str]]:
        found = fold(SEED, day).rows
        return [(r.valid_from, json.loads(r.price_json)["input_usd_per_mtok"]) for r in found if r.endpoint_id == name]

    assert rows(date(2026, 6, 30)) == [(date(2026, 4, 24), "1.74")]
    assert rows(date(2026, 7, 1)) == [(date(2026, 4, 24), "1.74"), (date(2026, 5, 24), "0.435")]


PRICES = st.sampled_from([text("1", "3"), text("1.02", "3"), text("2", "5"), text("8", "9"), text("0", "0")])
STATEMENTS = st.lists(
    st.tuples(st.sampled_from([CATALOG, GENAI, LITELLM]), st.integers(0, 20), PRICES), min_size=1, max_size=12
)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(STATEMENTS)
def test_whatever_is_said_rows_follow_each_other_and_nothing_free_is_in_force(
    statements: list[tuple[str, int, str]],
) -> None:
    by_feed: dict[str, dict[int, str]] = {}
    for feed, day, price in statements:
        by_feed.setdefault(feed, {})[day] = price
    runs = []
    for feed, days in by_feed.items():
        ordered = sorted(days)
        runs += [said(feed, d, days[d], gone=n) for d, n in zip(ordered, [*ordered[1:], None], strict=True)]
    for until in range(0, 22, 3):
        found = book(*runs, until=until)
        for before, after in zip(found.rows, found.rows[1:], strict=False):
            assert before.valid_to is not None
            assert before.valid_from < before.valid_to <= after.valid_from
        assert not any(row.price.is_free for row in found.rows)
        assert all(row.valid_from <= on(until) for row in found.rows)
        assert found == book(*reversed(runs), until=until)  # in whatever order they are given
        assert sum(h.state == "held" for h in found.held) <= 1
