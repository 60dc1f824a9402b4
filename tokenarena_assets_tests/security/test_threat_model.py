"""The threat model is true: what it names exists, and the proxy that it shows does what it says."""

from __future__ import annotations

import ast
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
import trustme

from tokenarena_assets import cli
from tokenarena_assets.errors import TokenArenaError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
ROWS = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line][1:]
TESTS = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)
PATIENCE_S = 20.0
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def test_every_threat_has_its_control_and_a_test() -> None:
    assert len(ROWS) > 15
    for threat, control, shown in ROWS:
        assert threat.strip()
        assert control.strip()
        assert re.findall(r"`[\w/]+\.py::test_\w+`", shown), threat


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_each_test_that_is_named_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / "tokenarena_assets_tests" / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_module_that_is_named_exists() -> None:
    named = {path for _, control, _ in ROWS for path in re.findall(r"`([\w/]+\.py)`", control)}
    assert len(named) > 10
    for path in named:
        assert (ROOT / "tokenarena_assets" / path).exists() or (ROOT / path).exists(), path


def test_an_error_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise TokenArenaError("name \x1b]0;owned\x07\u202e", mend="line\x1b[2J")

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == "tokenarena: name \\x1b]0;owned\\x07\\u202e\n  mend: line\\x1b[2J\n"


def test_the_ui_listens_on_this_machine_alone() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"dagster dev .*", recipe) == ["dagster dev -w workspace.yaml -h 127.0.0.1 -p 3000"]


class _Ui(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"ui for {self.headers['Host']}".encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The proxy of the page in front of a server, at another port and in a folder of the test's own."""
    if NGINX is None:
        pytest.skip("no nginx")
    ui = ThreadingHTTPServer(("127.0.0.1", 0), _Ui)
    Thread(target=ui.serve_forever, daemon=True).start()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    authority, certificate = trustme.CA(), tmp_path / "arena.pem"
    issued = authority.issue_cert("arena.example.com")
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    (tmp_path / "arena.key").write_bytes(issued.private_key_pem.bytes())
    # SHA-1 in the form of RFC 2307, of "right"
    (tmp_path / "arena.htpasswd").write_text("ada:{SHA}0nofEXcSAJSXFLGvmfBIpBb11vQ=\n")
    tmp_path.chmod(0o755)
    shown = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)[0]
    server = shown.replace("/etc/nginx", str(tmp_path)).replace("listen 443", f"listen 127.0.0.1:{port}")
    server = server.replace("127.0.0.1:3000", f"127.0.0.1:{ui.server_port}")
    assert server.count(str(tmp_path)) == 3
    temporary = "".join(
        f"{name}_temp_path {tmp_path}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"user root;\npid {tmp_path}/pid;\ndaemon off;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{server}}}\n"
    )
    command = [NGINX, "-c", str(configuration), "-e", str(tmp_path / "error.log")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    process = subprocess.Popen(command)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    try:
        _wait_for(port)
        yield f"https://127.0.0.1:{port}/", context
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        ui.shutdown()


def _wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("nginx does not listen")


def test_the_proxy_asks_for_a_password(proxy: tuple[str, ssl.SSLContext]) -> None:
    url, context = proxy
    name = {"headers": {"Host": "arena.example.com"}, "extensions": {"sni_hostname": "arena.example.com"}}
    with httpx.Client(verify=context, trust_env=False) as client:
        assert client.get(url, **name).status_code == 401
        assert client.get(url, auth=("ada", "wrong"), **name).status_code == 401
        answer = client.get(url, auth=("ada", "right"), **name)
    assert (answer.status_code, answer.text) == (200, "ui for arena.example.com")
