"""The page as a file: its data, its guard, its policy, its bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tokenarena_assets.cli import app
from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.report.page import default_path, page_data, page_html, write_page
from tokenarena_assets.report.page.guard import BareEnergyError, all_with_intervals, with_interval
from tokenarena_assets.report.page.packing import packed, plain, script_json, visible
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.publish import open_published
from tokenarena_assets.storage.rehearsal import BANNER, write_marker
from tokenarena_assets_tests.report.synthetic import FILE, LAST, synthetic_home

HOSTILE = "</script><script>alert(1)</script><!-- \u202egnp.exe \x1b[31m **bold** \u2028"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return synthetic_home(Home(tmp_path_factory.mktemp("page") / "arena"), endpoints=9, days=3, text=HOSTILE)


@pytest.fixture(scope="module")
def data(home: Home) -> dict[str, Any]:
    with open_published(home) as connection:
        return page_data(connection, LAST)


class Parts(HTMLParser):
    """Scripts, styles and policy of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.policy, self.texts, self.attributes = "", [], []
        self._kind: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.attributes += given.keys()
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag in ("script", "style"):
            self._kind = given.get("type") or tag

    def handle_data(self, data: str) -> None:
        if self._kind:
            self.texts.append((self._kind, data))
            self._kind = None


def test_only_the_scripts_and_styles_of_the_page_are_let_in_and_nothing_from_a_network(data: dict[str, Any]) -> None:
    parts = Parts(page_html(data))
    for kind, text in parts.texts:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert (f"'sha256-{digest}'" in parts.policy) is (kind in ("script", "style"))
    assert [kind for kind, _ in parts.texts] == ["style", "application/json", "script", "script"]
    assert parts.policy.startswith("default-src 'none'; ")
    assert "unsafe" not in parts.policy
    assert "http" not in parts.policy
    assert not [name for name in parts.attributes if name.startswith("on") or name == "style"]


def test_data_ends_no_script_and_comes_back_as_it_was(data: dict[str, Any]) -> None:
    text = next(text for kind, text in Parts(page_html(data)).texts if kind == "application/json")
    assert json.loads(text) == data
    assert "<" not in text
    assert "\u202e" not in text
    assert "\x1b" not in text


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_data_may_stand_in_a_script(value: Any) -> None:
    text = script_json(plain(value))
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == plain(value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb", "a\\tb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202eabc\u200f", "\\u202eabc\\u200f"),
        ("one\ntwo", "one\ntwo"),
        ("<b>&amp;", "<b>&amp;"),
        ("naïve 漢字", "naïve 漢字"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_columns_of_one_value_are_packed_as_it() -> None:
    rows = [{"a": 1, "b": "x", "c": 0.123456789, "d": [1]}, {"a": 2, "b": "x", "c": None, "d": [1]}]
    assert packed(rows, "abcd") == {"length": 2, "a": [1, 2], "b": "x", "c": [0.123457, None], "d": [[1], [1]]}
    assert packed([], "a") == {"length": 0, "a": []}


def test_energy_without_its_interval_is_refused() -> None:
    good = {"endpoint_id": "p/m@s", "energy_j_p5": 1.0, "energy_j_p50": 2.0, "energy_j_p95": 3.0}
    all_with_intervals([good, good | {"energy_j_p50": None, "energy_j_p5": None}])
    for broken in ({"energy_j_p5": None}, {"energy_j_p95": None}, {"energy_j_p95": 1.5}):
        with pytest.raises(BareEnergyError, match="p/m@s: energy_j_p50"):
            all_with_intervals([good | broken])
    measured = {"endpoint_id": "p/m@s", "modeled": False, "value": 2.0, "value_lo": None, "value_hi": None}
    all_with_intervals([measured])
    with pytest.raises(BareEnergyError, match="never a bare point"):
        all_with_intervals([measured | {"modeled": True}])
    with pytest.raises(BareEnergyError):
        with_interval({"j": 2.0}, "j", "lo", "hi")


@pytest.mark.parametrize(
    "spoil",
    [
        "update ranks set value_lo = null where modeled",
        "update ranks set value_hi = null where modeled and day < '2026-11-23'",
        "update energy_per_correct set energy_j_per_correct_p95 = null",
        "update energy_daily set gco2e_per_request_p5 = null",
    ],
)
def test_a_page_with_bare_energy_is_not_written(home: Home, tmp_path: Path, spoil: str) -> None:
    copy = tmp_path / "spoilt.duckdb"
    shutil.copyfile(home.database, copy)
    with duckdb.connect(str(copy)) as connection:
        connection.execute(spoil)
        with pytest.raises(BareEnergyError):
            page_data(connection, LAST)


def test_every_figure_of_the_database_is_on_the_page(home: Home, data: dict[str, Any]) -> None:
    ranks = data["ranks"]
    with open_published(home) as connection:
        [(rows, values)] = connection.execute(
            "select count(*), sum(value) from ranks where day = $day and (by_preset or preset = 'chat')", {"day": LAST}
        ).fetchall()
    assert ranks["length"] == rows == 9 * (3 * 3 + 6)
    assert sum(v for v in ranks["value"] if v is not None) == pytest.approx(values, rel=1e-5)
    assert [order["name"] for order in data["orders"]][:3] == [
        "usd_per_correct", "energy_j_per_correct", "blended_usd_per_mtok"
    ]  # fmt: skip
    assert [order["modeled"] for order in data["orders"]].count(True) == 1
    assert len(data["history"]["days"]) == 3
    assert data["places"]["timing"]["files"] == [FILE]
    assert data["places"]["timing"]["raw_line"][:3] == [1, 2, 3]
    assert data["findings"][0]["endpoints"] == ["synthetic-00/model-00-a@sku-0", "synthetic-01/model-01-b@sku-1"]
    assert all(len(q) == 21 and q == sorted(q) for q in data["ttft"]["q"])


def test_the_same_database_gives_the_same_bytes(home: Home, tmp_path: Path) -> None:
    first, second = (write_page(home, LAST, tmp_path / name) for name in ("a.html", "b.html"))
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.size_bytes == first.path.stat().st_size
    assert first.left_out == ()


def test_tables_that_are_not_there_leave_their_sections_out(tmp_path: Path) -> None:
    bare = synthetic_home(Home(tmp_path / "arena"), endpoints=3, days=1, later_tables=False, energy=False)
    page = write_page(bare)
    assert page.left_out == ("energy", "energy_daily", "findings", "billing", "in_time")
    assert page.path == default_path(bare, LAST) == bare.root / "report" / "2026-11-23.html"


def test_a_home_of_rehearsals_says_so_on_its_page(tmp_path: Path) -> None:
    home = Home(tmp_path / "arena")
    write_marker(home, {})
    synthetic_home(home, endpoints=3, days=1)
    with open_published(home) as connection:
        assert page_data(connection, LAST)["banner"] == BANNER


def test_a_day_without_ranks_has_no_page(home: Home, tmp_path: Path) -> None:
    with pytest.raises(MissingTableError, match="there are no ranks of 2026-01-01"):
        write_page(home, LAST.replace(month=1, day=1))
    with pytest.raises(MissingTableError, match="does not exist"):
        write_page(Home(tmp_path / "nothing"))


def test_the_command_writes_the_page(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENARENA_HOME", str(home.root))
    target = tmp_path / "deep" / "page.html"
    result = CliRunner().invoke(app, ["report", "--day", "2026-11-23", "--output", str(target), "--json"])
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert (said["path"], said["size_bytes"], said["endpoints"]) == (str(target), target.stat().st_size, 9)
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_bad_day_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENARENA_HOME", str(home.root))
    with pytest.raises(TokenArenaError, match="'tomorrow' is not a day"):
        CliRunner().invoke(app, ["report", "--day", "tomorrow"], catch_exceptions=False)


def test_open_shows_the_page_in_the_browser(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setenv("TOKENARENA_HOME", str(home.root))
    monkeypatch.setattr("webbrowser.open", lambda url: not opened.append(url))
    assert CliRunner().invoke(app, ["report", "--open"]).exit_code == 0
    assert opened == [default_path(home, LAST).as_uri()]


def test_the_kept_chart_runtime_is_what_the_pinned_bundler_makes() -> None:
    bundler = pytest.importorskip("vl_convert", reason="no vl-convert-python: the chart runtime is not compared")
    kept = resources.files("tokenarena_assets.report.page").joinpath("vega/vega-embed.bundle.js").read_text("utf-8")
    assert kept == bundler.javascript_bundle(vl_version="6.4").rstrip("\n") + "\n"
