"""Markdown for the Dagster UI: what came from outside stays text, judged by a CommonMark parser."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tokenarena_assets.probing.plan import ForecastRow
from tokenarena_assets.report.markdown import (
    escaped,
    figures,
    forecast_line,
    forecast_table,
    leaderboard_tables,
    table,
)
from tokenarena_assets_tests.report.rows import leaderboard_row

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt; &amp; &#x3c;",
    "a | b || c",
    "\\| \\\\| \\",
    "line\nbreak\r\n| x | y |\n",
    "`code` ``more``",
    "**bold** _it_ ~~gone~~",
    "[click](https://evil.example)",
    "![see](https://evil.example/x.png)",
    "[ref]: https://evil.example",
    "<https://evil.example>",
    "https://evil.example www.evil.example",
    "# heading",
    "- item\n1. item",
    "---",
    "\x00\x07\x1b[31mred\x1b[0m",
    "\u202egnp.exe \u2066 \u200f \ufeff",
    "{{ template }} ${x}",
    "| --- |",
]


def inline(markdown: str) -> list[Token]:
    return [child for token in PARSER.parse(markdown) for child in token.children or []]


def cells(markdown: str) -> list[str]:
    """Plain text of every body cell; fails where a cell holds anything but text."""
    found, body = [], False
    for token in PARSER.parse(markdown):
        body = body or token.type == "tbody_open"
        if body and token.type == "inline":
            assert {child.type for child in token.children or []} <= {"text"}
            found.append("".join(child.content for child in token.children or []))
    return found


def shown(text: str) -> str:
    """What a cell must show: the text on one line, with what cannot be printed spelt out."""
    return "".join(
        c if c.isprintable() else " " if c.isspace() else c.encode("unicode_escape").decode() for c in text
    ).strip()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_in_its_cell_as_text(text: str) -> None:
    got = cells(table(["first", "second"], [[text, "after"]]))
    assert len(got) == 2
    assert got[0].replace("\u200b", "") == shown(text)
    assert got[1] == "after"


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    rows=st.lists(
        st.tuples(st.text(max_size=40), st.text("|\\`*_[]()<>&#!~\n ab:/.", max_size=20)), min_size=1, max_size=4
    )
)
def test_any_text_stays_in_its_cell(rows: list[tuple[str, str]]) -> None:
    got = cells(table(["first", "second"], rows))
    assert [cell.replace("\u200b", "") for cell in got] == [shown(cell) for row in rows for cell in row]


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_has_no_markup_where_it_stands_alone(text: str) -> None:
    assert {token.type for token in inline(f"### {escaped(text)}")} <= {"text"}
    assert "\n" not in escaped(text)
    assert escaped(text).isprintable() or "\u200b" in escaped(text)


@pytest.mark.parametrize("text", ["https://evil.example/x", "HTTP://evil.example", "see www.evil.example", "ftp://h"])
def test_bare_addresses_do_not_become_links(text: str) -> None:
    # GitHub's dialect links what begins with a scheme and two slashes, or with www and a dot.
    assert re.search(r"(?i)://|\bwww\.", escaped(text)) is None
    assert escaped(text).replace("\u200b", "") == text


def test_ordinary_names_are_left_alone() -> None:
    assert escaped("northwind/arena-tiny-1m@f16:2.5") == "northwind/arena-tiny-1m@f16:2.5"
    assert escaped(1.5) == "1.5"


def test_a_forecast_sums_what_has_a_price() -> None:
    rows = [
        ForecastRow("a/b@c", requests=10, input_tokens_max=100, output_tokens_max=200, usd_max=0.5),
        ForecastRow("a/b@d", requests=5, input_tokens_max=1, output_tokens_max=2, usd_max=None),
    ]
    assert forecast_line(rows) == "15 requests to 2 endpoints, at most $0.5000 and what has no price"
    assert forecast_line(rows[:1]) == "10 requests to 1 endpoints, at most $0.5000"
    body = cells(forecast_table(rows))
    assert body[:5] == ["a/b@c", "10", "100", "200", "0.5000"]
    assert body[9] == "no price"
    assert body[10:12] == ["all", "15"]


def test_leaderboards_come_one_table_a_preset() -> None:
    rows = [leaderboard_row(preset=preset, endpoint_id=f"p/{name}@s") for preset in ("chat", "rag") for name in "ab"]
    text = leaderboard_tables(pl.DataFrame(rows, infer_schema_length=None))
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == ["chat", "rag"]
    assert [cell for cell in cells(text) if cell.startswith("p/")] == ["p/a@s", "p/b@s"] * 2
    assert "rounds" not in text


def test_a_void_round_is_noted_below_the_leaderboards() -> None:
    rows = [leaderboard_row(preset=preset, n_rounds_void=1) for preset in ("chat", "rag")]
    last = leaderboard_tables(pl.DataFrame(rows, infer_schema_length=None)).split("\n\n")[-1]
    assert last.startswith("1 of 8 rounds void")


def test_figures_stand_with_their_interval_or_say_why_not() -> None:
    rows = pl.DataFrame(
        {
            "endpoint_id": ["p/a@s", "p/b@s", "p/c@s"],
            "ttft_p50_ms": [103.54, 12.0, None],
            "ttft_p50_lo_ms": [101.0, None, None],
            "ttft_p50_hi_ms": [106.0, None, None],
            "ttft_p90_ms": [120.0, None, None],
            "ttft_p90_note": [None, "n too small: 8, needs 64", None],
            "accuracy": [0.8, 0.5, None],
            "accuracy_lo": [0.69, 0.4, None],
            "accuracy_hi": [0.876, 0.6, None],
        }
    )
    columns = [("TTFT ms", "ttft_p50_ms"), ("p90", "ttft_p90_ms"), ("accuracy", "accuracy")]
    got = cells(figures(rows, "endpoint_id", columns))
    assert got == [
        *("p/a@s", "103.5 [101, 106]", "120", "0.8 [0.69, 0.876]"),
        *("p/b@s", "12 (n too small)", "n too small: 8, needs 64", "0.5 [0.4, 0.6]"),
        *("p/c@s", "cannot tell", "cannot tell", "cannot tell"),
    ]
