"""The audit of the locks: a known vulnerability fails it, and what could not be asked is never told as clean."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from scripts.audit import IGNORED, Audit, ignored, told
from tokenarena_assets_tests.servers.misbehaving import closed_port

SCRIPT = Path(__file__).parents[2] / "scripts/audit.py"
TODAY = date(2026, 11, 23)
WHEN = "2026-01-01T00:00:00Z"
KNOWN: dict[str, Any] = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2026-1"],
    "summary": "bad",
    "modified": WHEN,
    "published": WHEN,
    "affected": [
        {
            "package": {"name": "idna", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}],
        }
    ],
}


class _Osv(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"vulns": [KNOWN]} if asked["package"]["name"] == "idna" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def osv() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Osv)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def run(folder: Path, names: list[str], osv_url: str) -> subprocess.CompletedProcess[str]:
    lock = folder / "some.lock"
    lock.write_text("".join(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in names))
    command = [sys.executable, str(SCRIPT), str(lock), "--osv-url", osv_url]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_known_vulnerability_fails(tmp_path: Path, osv: str) -> None:
    ran = run(tmp_path, ["idna", "certifi"], osv)
    assert ran.returncode == 1
    assert ran.stdout == "VULNERABLE: idna 1.0: CVE-2026-1, GHSA-aaaa-bbbb-cccc\n"


def test_a_database_that_cannot_be_asked_is_told_and_passes(tmp_path: Path) -> None:
    ran = run(tmp_path, ["certifi"], f"http://127.0.0.1:{closed_port()}/")
    assert ran.returncode == 0
    assert ran.stdout.startswith("NOT AUDITED: the database of vulnerabilities could not be asked")
    assert "no known" not in ran.stdout


def test_nothing_known_and_not_audited_are_two_things() -> None:
    assert told(Audit(asked=3), set(), []) == (0, ["no known vulnerability in 3 packages"])
    status, lines = told(Audit(asked=3, skipped=["x: not found"]), set(), [])
    assert status == 0
    assert lines == ["NOT AUDITED: x: not found", "NOT AUDITED: 1 of 4 packages"]


def test_what_is_ignored_has_a_reason_and_an_end(tmp_path: Path) -> None:
    path = tmp_path / "ignored.toml"
    path.write_text('[[ignored]]\nid = "GHSA-1"\nreason = "never called"\nuntil = 2026-11-23\n')
    found = Audit(asked=1, found=[("idna", "1.0", "CVE-2026-1, GHSA-1")])
    assert told(found, *ignored(path, TODAY)) == (0, ["ignored: idna 1.0: CVE-2026-1, GHSA-1"])
    assert told(found, *ignored(path, date(2026, 11, 24)))[0] == 1
    path.write_text('[[ignored]]\nid = "GHSA-1"\nuntil = 2026-11-23\n')
    assert told(found, *ignored(path, TODAY))[0] == 1
    assert ignored(IGNORED, TODAY)[1] == []
