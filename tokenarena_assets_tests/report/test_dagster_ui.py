"""Hostile text in the Dagster UI itself: a real web server, a real browser, Markdown metadata of ours."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tokenarena_assets_tests.report.browser import ARGUMENTS, CHROMIUM, INSTALL

playwright_api = pytest.importorskip("playwright.sync_api", reason="no playwright: the UI is not tested in a browser")
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason=INSTALL), pytest.mark.timeout(180)]

DEFINITIONS = """
import dagster as dg
from tokenarena_assets.report.markdown import table

HOSTILE = (
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'> **bold** [link](javascript:1) "
    "https://evil.example \\x1b[31mred \\u202egnp.exe\\u202c \\u200f | cell <b>b</b>"
)

@dg.asset
def hostile():
    shown = table(["endpoint", "note"], [["p/m@s", HOSTILE]])
    return dg.MaterializeResult(metadata={"leaderboard": dg.MetadataValue.md(shown)})

defs = dg.Definitions([hostile])
"""
SHOWN = (
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'> **bold** [link](javascript:1) "
    "https://evil.example \\x1b[31mred \\u202egnp.exe\\u202c \\u200f | cell <b>b</b>"
)


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[str]:
    """The address of a web server over one materialization with hostile text."""
    file = tmp_path / "hostile_definitions.py"
    file.write_text(DEFINITIONS, encoding="utf-8")
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\nnux:\n  enabled: false\n", encoding="utf-8")
    environment = os.environ | {"DAGSTER_HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    names: dict[str, object] = {}
    exec(compile(DEFINITIONS, str(file), "exec"), names)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        asset = names["hostile"]
        assert isinstance(asset, dg.AssetsDefinition)
        assert dg.materialize([asset], instance=instance).success
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("dagster-webserver"), "-f", file, "-h", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _up(server, f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(timeout=30)


def _up(server: subprocess.Popen[bytes], address: str) -> str:
    while server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/server_info", timeout=5).close()
            return address
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("the web server ended")


def test_markdown_metadata_is_shown_as_text(ui: str) -> None:
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        tab.goto(f"{ui}/assets/hostile")
        cell = tab.locator("td", has_text="evil.example").last
        cell.wait_for(timeout=90_000)
        assert cell.inner_text().replace("\u200b", "") == SHOWN
        assert tab.evaluate("window.pwned") is None
        assert cell.locator("img, script, b, strong, a").count() == 0
        browser.close()
