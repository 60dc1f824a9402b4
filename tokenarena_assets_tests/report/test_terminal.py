"""Tables for a terminal: hostile text cannot steer it, and JSON and CSV stay whole."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.report.cells import price_scale
from tokenarena_assets.report.terminal import plain, print_csv, print_json, print_leaderboard, print_table
from tokenarena_assets_tests.report.rows import leaderboard_row


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode ✓ 漢字", "plain ünïcode ✓ 漢字"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\tb\nc\rd\x00", "a\\tb\\nc\\rd\\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066x\u2069\u200f\u200b\ufeff", "\\u2066x\\u2069\\u200f\\u200b\\ufeff"),
        ("\x9b31m", "\\x9b31m"),
        ("\U000e0001", "\\U000e0001"),
        ("\udc80", "\\udc80"),
        (7, "7"),
    ],
)
def test_control_characters_are_made_visible(text: object, shown: str) -> None:
    assert plain(text) == shown


@settings(derandomize=True, deadline=None, max_examples=200)
@given(text=st.text())
def test_any_text_becomes_printable_and_printable_text_stays(text: str) -> None:
    assert plain(text).isprintable()
    if text.isprintable():
        assert plain(text) == text


def test_a_table_shows_markup_and_escapes_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "n"], [["[bold red]x[/] \x1b[2J", 1], [None, 20]], title="found")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "found"
    assert "[bold red]x[/] \\x1b[2J" in lines[2]
    assert "\x1b" not in "".join(lines)
    assert lines[2].rstrip().endswith(" 1")  # numbers to the right
    assert lines[3].rstrip().endswith("20")


def test_in_a_pipe_each_row_is_one_line_however_wide(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table([f"column_{n}" for n in range(40)], [["qa/model@standard"] * 40])
    head, row = capsys.readouterr().out.splitlines()
    assert row.split() == ["qa/model@standard"] * 40
    assert head.split()[-1] == "column_39"


@pytest.mark.parametrize(("columns", "full"), [("80", False), ("120", True), ("250", True)])
def test_a_leaderboard_fits_its_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str, full: bool
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    rows = [leaderboard_row(endpoint_id="some-provider/some-model@some-sku"), leaderboard_row(rank=None, rank_note="x")]
    print_leaderboard("chat", rows, price_scale(rows))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert lines[0].startswith("chat: dollars per correct answer")
    text = " ".join(" ".join(lines).split())
    assert "some-model" in text
    assert ("success" in text) == full
    assert "rounds" not in text


def test_a_void_round_is_noted_below_its_leaderboard(capsys: pytest.CaptureFixture[str]) -> None:
    print_leaderboard("chat", [leaderboard_row(n_rounds_void=1)], 1000)
    assert "1 of 8 rounds void" in " ".join(capsys.readouterr().out.split())


def test_json_keeps_dates_decimals_and_hostile_text(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {
            "day": date(2026, 11, 23),
            "at": datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC),
            "price": Decimal("0.155"),
            "text": "\x1b[31m\u202e",
            "none": None,
        }
    ]
    print_json(rows)
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert json.loads(printed) == [
        {"day": "2026-11-23", "at": "2026-11-23T01:02:03+00:00", "price": 0.155, "text": "\x1b[31m\u202e", "none": None}
    ]


def test_csv_keeps_commas_quotes_and_line_ends(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv(["a", "b"], [['x, "y"\nz', 1], [None, Decimal("0.1")]])
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [["a", "b"], ['x, "y"\nz', "1"], ["", "0.1"]]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_csv_has_no_text_that_a_spreadsheet_would_run(capsys: pytest.CaptureFixture[str], start: str) -> None:
    print_csv([f"{start}h"], [[f"{start}cmd|' /C calc'!A0"], [-1.5], [Decimal(-2)], ["a-b"]])
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out, newline="")))
    assert rows == [[f"'{start}h"], [f"'{start}cmd|' /C calc'!A0"], ["-1.5"], ["-2"], ["a-b"]]


def test_csv_on_a_terminal_cannot_steer_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_csv(["a"], [["\x1b]0;owned\x07"]])
    assert capsys.readouterr().out.split() == ["a", r"\x1b]0;owned\x07"]


def test_headers_and_titles_are_no_markup_either(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["[red]h\x1b[0m"], [["a"]], title="[bold]t\x1b]")
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert r"[red]h\x1b[0m" in printed
    assert r"[bold]t\x1b]" in printed
