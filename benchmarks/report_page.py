"""The page of 195 endpoints and 30 days (synthetic figures): its size, and how soon headless Chromium has it ready."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tokenarena_assets.report.page import write_page
from tokenarena_assets.storage.home import Home
from tokenarena_assets_tests.report.browser import ARGUMENTS, CHROMIUM, INSTALL
from tokenarena_assets_tests.report.synthetic import synthetic_home

ENDPOINTS, DAYS, PROBES, RUNS = 195, 30, 40, 5
LIMIT_MB, LIMIT_S = 8.0, 2.0


def main() -> None:
    """Print sizes and times beside their limits."""
    with tempfile.TemporaryDirectory() as folder:
        home = synthetic_home(Home(Path(folder) / "arena"), endpoints=ENDPOINTS, days=DAYS, probes=PROBES)
        started = time.perf_counter()
        page = write_page(home)
        written = time.perf_counter() - started
        print(f"synthetic: {page.endpoints} endpoints, {page.days} days; written in {written:.1f} s")
        print(f"size {page.size_bytes / 1e6:.2f} MB (limit {LIMIT_MB} MB)")
        if CHROMIUM is None:
            print(INSTALL)
            return
        ready, charts = zip(*_loads(page.path), strict=True)
        print(
            f"ready {statistics.median(ready):.2f} s (limit {LIMIT_S} s), all charts {statistics.median(charts):.2f} s"
        )


def _loads(path: Path) -> list[tuple[float, float]]:
    """Seconds from asking for the page until its table can be used, and until every chart is drawn; fresh browsers."""
    found = []
    with sync_playwright() as playwright:
        for _ in range(RUNS):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            started = time.perf_counter()
            page.goto(path.as_uri(), wait_until="commit")
            page.wait_for_selector("html[data-ready]", state="attached")
            ready = time.perf_counter() - started
            page.wait_for_selector("body:not(:has(.chart.wait))", state="attached")
            found.append((ready, time.perf_counter() - started))
            browser.close()
    return found


if __name__ == "__main__":
    main()
