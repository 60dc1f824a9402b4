"""The page in the system's own Chromium: what a reader sees, clicks and types, and that it asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.report.page import page_data, page_html
from tokenarena_assets.report.page.packing import visible
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.publish import open_published
from tokenarena_assets_tests.report.browser import ARGUMENTS, CHROMIUM, INSTALL
from tokenarena_assets_tests.report.synthetic import FILE, LAST, synthetic_home

playwright_api = pytest.importorskip("playwright.sync_api", reason="no playwright: the page is not tested in a browser")
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason=INSTALL), pytest.mark.timeout(120)]

HOSTILE = (
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'></script> **bold** [link](javascript:1) "
    "\x1b[31mred \u202egnp.exe\u202c \u200f"
)
SHOWN = visible(HOSTILE)
CONTRAST = """() => {
  const number = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => [r, g, b].map((c) => linear(c / 255))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = number(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const ratio = (colour, node) => {
    const [one, two] = [light(number(colour)), light(behind(node))].sort((a, b) => b - a);
    return (one + 0.05) / (two + 0.05);
  };
  const low = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest('script, option, svg, .hidden, .skip')) continue;
    if (ratio(getComputedStyle(node).color, node) < 4.5) low.push(`${node.tagName}: ${node.textContent.slice(0, 30)}`);
  }
  for (const text of document.querySelectorAll('.chart svg text')) {
    if (ratio(getComputedStyle(text).fill, text.closest('.chart')) < 4.5) low.push(`svg: ${text.textContent}`);
  }
  return [...new Set(low)];
}"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = synthetic_home(Home(tmp_path_factory.mktemp("browser") / "arena"), endpoints=34, days=3, text=HOSTILE)
    with open_published(home) as connection:
        return page_data(connection, LAST)


@pytest.fixture(scope="module")
def file(data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("browser") / "page.html"
    path.write_text(page_html(data), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


class Opened:
    """A page in a tab, with all that it said and asked for."""

    def __init__(self, tab: Any, file: Path) -> None:
        self.tab, self.said, self.asked = tab, [], []
        tab.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        tab.on("request", lambda request: self.asked.append(request.url))
        tab.goto(file.as_uri())
        tab.wait_for_selector("html[data-ready]", state="attached")

    def charts(self) -> None:
        """Wait until all are drawn."""
        self.tab.wait_for_selector("body:not(:has(.chart.wait))", state="attached")

    def names(self) -> list[str]:
        """Endpoints of the rows, from above."""
        return [text.replace("\n", "") for text in self.tab.evaluate(NAMES)]

    def column(self, order: str) -> list[str]:
        """The values of a column, from above; '' where there is none."""
        return list(self.tab.evaluate(COLUMN, order))


NAMES = """() => [...document.querySelectorAll('#table tbody th')].map(
  (cell) => cell.querySelector('b').textContent + (cell.querySelector('span')?.textContent.trim() ?? ''))"""
COLUMN = """(order) => {
  const at = [...document.querySelectorAll('#table thead button')].findIndex((button) => button.dataset.sort === order);
  return [...document.querySelectorAll('#table tbody tr')].map(
    (row) => row.cells[at].querySelector('.v')?.firstChild?.data ?? '');
}"""


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Opened]:
    """A fresh tab; whatever a test does, the page says nothing in the console and asks for nothing."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = Opened(context.new_page(), file)
    yield opened
    assert opened.said == []
    assert opened.asked == [file.as_uri()] or set(opened.asked) == {file.as_uri(), "data:,"}
    assert opened.tab.evaluate("window.pwned") is None
    context.close()


def ranks_of(data: dict[str, Any], order: str, preset: int) -> dict[int, dict[str, Any]]:
    """The rows of one order by endpoint, from the packed data."""
    ranks = data["ranks"]
    rows = [
        {name: values[i] if isinstance(values, list) else values for name, values in ranks.items() if name != "length"}
        for i in range(ranks["length"])
    ]
    o = [each["name"] for each in data["orders"]].index(order)
    return {row["e"]: row for row in rows if row["o"] == o and row["p"] in (preset, -1)}


def by_rank(data: dict[str, Any], order: str, preset: int) -> list[str]:
    """Endpoints by rank, those without one last by name."""
    rows = ranks_of(data, order, preset)
    ids = data["endpoints"]["endpoint_id"]
    return [ids[e] for e in sorted(rows, key=lambda e: (rows[e]["rank"] is None, rows[e]["rank"] or 0, ids[e]))]


def test_charts_are_drawn_for_every_preset_and_order(page: Opened, data: dict[str, Any]) -> None:
    page.charts()
    for preset in range(3):
        page.tab.locator(f"#presets input[value='{preset}']").check(force=True)
        page.tab.select_option("#order", str(2 + preset))
        page.charts()
    drawn = page.tab.evaluate(
        "[...document.querySelectorAll('.chart')].map((box) => box.querySelectorAll('svg path').length)"
    )
    assert len(drawn) >= 12
    assert min(drawn) > 5
    assert page.tab.locator("#table tbody tr").count() == 34


def test_the_preset_and_the_order_decide_ranks_and_dollars(page: Opened, data: dict[str, Any]) -> None:
    assert page.names() == by_rank(data, "usd_per_correct", 0)
    chat = page.column("usd_per_correct")
    page.tab.get_by_label("reasoning 1:5").check()
    assert page.names() == by_rank(data, "usd_per_correct", 2)
    assert page.column("usd_per_correct") != chat
    rows = ranks_of(data, "usd_per_correct", 2)
    best = min(row["value"] for row in rows.values() if row["value"] is not None)
    assert float(page.column("usd_per_correct")[0]) == pytest.approx(1000 * best, rel=5e-3)
    page.tab.select_option("#order", label="J per correct answer (MODELED)")
    assert page.names() == by_rank(data, "energy_j_per_correct", 2)
    assert "ranked by J per correct answer (MODELED), less is better" in page.tab.inner_text("#count")
    assert page.tab.locator("#table thead th.by .tag").inner_text() == "MODELED"
    page.tab.select_option("#order", label="Output speed")
    assert page.names() == by_rank(data, "output_speed_tok_s", 2)


def test_headers_sort_and_say_so_and_what_is_not_known_stays_last(page: Opened) -> None:
    head = page.tab.locator("#table thead th", has=page.tab.locator("[data-sort='ttft_ms']"))
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    values = page.column("ttft_ms")
    numbers = [float(text.replace(",", "")) for text in values if text]
    assert numbers == sorted(numbers)
    assert values[-1] == ""
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    values = page.column("ttft_ms")
    numbers = [float(text.replace(",", "")) for text in values if text]
    assert numbers == sorted(numbers, reverse=True)
    assert values[-1] == ""
    assert page.tab.locator("#table thead th[aria-sort='none']").count() == 10
    assert page.tab.evaluate("document.activeElement.dataset.sort") == "ttft_ms"


def test_filters_leave_what_they_say_in_table_and_charts(page: Opened, data: dict[str, Any]) -> None:
    ids, families = data["endpoints"]["endpoint_id"], data["endpoints"]["model_family"]
    page.tab.fill("#text", "MODEL-03 sku")
    page.tab.wait_for_selector("#count:has-text('2 of 34')")
    assert sorted(page.names()) == sorted(name for name in ids if "model-03" in name)
    page.tab.locator("#latency summary").click()
    page.tab.wait_for_selector("#latency .data tbody tr")  # it is drawn when it is opened
    assert page.tab.locator("#latency .data tbody tr").count() == 2
    page.tab.get_by_role("button", name="Clear").click()
    page.tab.wait_for_selector("#count:has-text('34 of 34')")
    page.tab.select_option("#provider", "synthetic-05")
    assert sorted(page.names()) == sorted(name for name in ids if name.startswith("synthetic-05/"))
    page.tab.select_option("#provider", "")
    page.tab.select_option("#family", "family-04")
    assert sorted(page.names()) == sorted(name for name, own in zip(ids, families, strict=True) if own == "family-04")
    page.tab.select_option("#family", "")
    page.tab.select_option("#source", "embedded")
    assert len(page.names()) == sum(data["endpoints"]["is_embedded"])
    page.tab.select_option("#source", "live")
    assert len(page.names()) == 34 - sum(data["endpoints"]["is_embedded"])
    page.tab.select_option("#source", "")
    page.tab.check("#ranked")
    ranked = [row for row in ranks_of(data, "usd_per_correct", 0).values() if row["rank"] is not None]
    assert len(page.names()) == len(ranked) < 34


def test_a_cell_opens_where_its_figure_comes_from(page: Opened, data: dict[str, Any]) -> None:
    name = page.names()[0]
    cell = page.tab.locator("#table tbody tr").first.locator("td").nth(4)
    cell.click()
    panel = page.tab.locator("#panel")
    text = panel.inner_text()
    assert panel.get_attribute("open") is not None
    assert f"tokenarena explain 2026-11-23 chat {name} output_speed_tok_s" in text
    assert f"endpoint_id = '{name}'" in panel.locator("pre").nth(1).text_content().replace("'\\''", "'")
    assert "and suite = " in text
    for said in (
        f"{FILE} : ",
        "(N - N_first) / (t_last - t_first)",
        "95 % interval",
        "n = 100",
        "certified",
        "0.200 / 0.900",
    ):
        assert said in text
    assert "0000000000000000" in text  # the evidence's SHA-256
    page.tab.keyboard.press("Escape")
    assert panel.get_attribute("open") is None
    assert page.tab.evaluate("document.activeElement.cellIndex") == 5
    page.tab.locator("#table tbody tr").first.locator("td").nth(2).click()
    assert "MODELED, not measured" in panel.inner_text()
    assert "P5 to P95" in panel.inner_text()


def test_the_table_is_used_by_keyboard_alone(page: Opened) -> None:
    for _ in range(60):
        page.tab.keyboard.press("Tab")
        if page.tab.evaluate("document.activeElement.matches('#table tbody *')"):
            break
    where = "[document.activeElement.parentElement.sectionRowIndex, document.activeElement.cellIndex]"
    assert page.tab.evaluate(where) == [0, 0]
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.tab.keyboard.press(key)
    assert page.tab.evaluate(where) == [1, 2]
    page.tab.keyboard.press("Enter")
    assert "USD per correct answer" in page.tab.inner_text("#panel-title")
    assert page.tab.evaluate("document.activeElement.id") == "panel-close"
    page.tab.keyboard.press("Enter")
    assert page.tab.evaluate(where) == [1, 2]
    page.tab.keyboard.press("Control+End")
    assert page.tab.evaluate(where) == [33, 10]
    page.tab.keyboard.press("Home")
    page.tab.keyboard.press("ArrowRight")
    page.tab.keyboard.press(" ")
    assert page.tab.inner_text("#panel-title") == page.names()[-1]
    assert page.tab.locator("#table tbody [tabindex='0']").count() == 1
    assert page.tab.evaluate("document.querySelector('a.skip').getAttribute('href')") == "#board"


def test_text_from_outside_is_shown_as_text(page: Opened) -> None:
    page.charts()
    assert SHOWN.endswith("\\u202egnp.exe\\u202c \\u200f")
    page.tab.locator("#table tbody th").first.click()
    assert page.tab.locator("#panel dd", has_text="window.pwned").first.inner_text() == SHOWN
    page.tab.keyboard.press("Escape")
    assert page.tab.locator("#findings h3").first.text_content() == f"Synthetic finding: {SHOWN}"
    for summary in page.tab.locator("details summary").all():
        summary.click()
    for section in ("findings", "energy", "bills", "context"):
        assert SHOWN in page.tab.locator(f"#{section}").text_content()
    assert SHOWN in page.tab.locator("#table").text_content()
    assert page.tab.locator("img, iframe, object, embed, form[action], a[href^='javascript']").count() == 0
    assert page.tab.locator("script").count() == 3
    assert not set(page.tab.inner_text("body")) & set("\x1b\u202e\u202c\u200f")


def test_history_follows_the_endpoint(page: Opened) -> None:
    page.tab.locator("#table tbody th").nth(1).click()
    page.tab.get_by_role("button", name="Show its history").click()
    assert page.tab.locator("#history-endpoint option:checked").inner_text() == page.names()[1]
    page.tab.locator("#history-grid summary").first.click()
    page.tab.wait_for_selector("#history-grid .data tbody th")  # it is drawn when it is opened
    days = page.tab.locator("#history-grid .data").first.locator("tbody th").all_inner_texts()
    assert days == ["2026-11-21", "2026-11-22", "2026-11-23"]
    page.charts()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(page: Opened, scheme: str) -> None:
    page.tab.emulate_media(color_scheme=scheme)
    page.charts()
    assert page.tab.evaluate(CONTRAST) == []
    page.tab.get_by_role("button", name={"light": "Dark", "dark": "Light"}[scheme]).click()
    assert page.tab.evaluate(CONTRAST) == []


def test_it_prints_all_sections_and_no_controls(page: Opened) -> None:
    page.charts()
    page.tab.emulate_media(media="print", color_scheme="dark")
    for hidden in ("#filters", "nav", ".theme", "#panel"):
        assert not page.tab.locator(hidden).is_visible()
    for section in page.tab.locator("main section").all():
        assert section.is_visible()
    assert page.tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    labels = "getComputedStyle(document.querySelector('#table thead th'), '::before').content"
    assert page.tab.evaluate(labels) == '"Rank"'
    assert page.tab.pdf().startswith(b"%PDF")


def test_a_phone_shows_it_without_scrolling_the_page_sideways(page: Opened) -> None:
    page.tab.set_viewport_size({"width": 390, "height": 800})
    page.charts()
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_script_too_refuses_bare_energy(browser: Any, data: dict[str, Any], tmp_path: Path) -> None:
    ranks = data["ranks"]
    o = [order["name"] for order in data["orders"]].index("energy_j_per_correct")
    bare = [None if order == o else lo for order, lo in zip(ranks["o"], ranks["value_lo"], strict=True)]
    path = tmp_path / "bare.html"
    path.write_text(page_html(data | {"ranks": ranks | {"value_lo": bare}}), encoding="utf-8")
    tab = browser.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(path.as_uri())
    assert any("modeled energy is never shown without its interval" in error for error in errors)
    assert tab.locator("#table tbody tr").count() == 0
    tab.close()


def test_of_what_is_outside_of_the_energy_model_the_interval_stands_alone(page: Opened, data: dict[str, Any]) -> None:
    rows = ranks_of(data, "energy_j_per_correct", 0)
    ids = data["endpoints"]["endpoint_id"]
    shown = dict(zip(page.names(), page.column("energy_j_per_correct"), strict=True))
    energy = data["energy"]
    outside = {
        e for e, mix, grade in zip(energy["e"], energy["mix"], energy["evidence_grade"], strict=True)
        if mix == "chat" and grade == "D"
    }  # fmt: skip
    known = {e for e, row in rows.items() if row["value"] is not None}
    assert {" to " in shown[ids[e]] for e in known & outside} == {True}
    assert {" to " in shown[ids[e]] for e in known - outside} == {False}
    page.charts()
    boxes = page.tab.evaluate("document.querySelectorAll('#energy .mark-rect.role-mark path').length")
    priced = {e for e, row in ranks_of(data, "usd_per_correct", 0).items() if row["value"] is not None}
    assert boxes == len(outside & priced)
