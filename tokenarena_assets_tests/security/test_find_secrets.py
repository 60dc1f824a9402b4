"""The search for secrets finds them wherever they lie; a home that was probed with a key holds it nowhere."""

from __future__ import annotations

import gzip
import random
import sqlite3
import string
import subprocess
from pathlib import Path

import duckdb
import polars as pl
import pytest
import yaml
import zstandard

from scripts.find_secrets import blobs, contents_of, found_in, found_in_home, patterns, secrets_of
from tokenarena_assets.defs.execute import materializing
from tokenarena_assets.storage.home import Home
from tokenarena_assets_tests.probing.rounds import endpoint, run, speed_only
from tokenarena_assets_tests.servers.faults import FAULTS
from tokenarena_assets_tests.servers.misbehaving import MisbehavingServer

CANARY = 'cnry/Zq8vK+Xj4wP=="\\pL2nR7tY'
PARTS = ("Zq8vK", "Xj4wP", "pL2nR7tY")


def made_up(prefix: str, length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """A key that was never anybody's; not in this file, or the search would find it here."""
    return prefix + "".join(random.Random(prefix).choices(alphabet, k=length))


KEYS = [
    *(made_up("sk-", 40), made_up("sk-ant-", 60), made_up("sk-or-v1-", 64), made_up("gsk_", 40), made_up("hf_", 34)),
    *(made_up("AIza", 35), made_up("ghp_", 36), made_up("AKIA", 16, string.ascii_uppercase + string.digits)),
    "-----BEGIN RSA " + "PRIVATE KEY-----",
]


@pytest.mark.parametrize("key", KEYS)
def test_keys_are_found_and_never_printed(key: str) -> None:
    (shown,) = set(found_in(f'"api_key": "{key}",', patterns()))
    assert key[6:] not in shown


@pytest.mark.parametrize(
    "text", ["sk-secret-value", "sk-" + "x" * 40, "sha256:" + "0" * 64, "hf_token_of_the_user_here"]
)
def test_what_is_no_key_is_not_found(text: str) -> None:
    assert not list(found_in(text, patterns()))


def test_every_file_of_every_commit_is_looked_through(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "key.txt").write_text(KEYS[0])
    git("add", ".")
    git("commit", "-qm", "one")
    (tmp_path / "key.txt").write_text("gone")
    git("commit", "-qam", "two")
    assert sorted(data for _, data in blobs(tmp_path)) == sorted([KEYS[0].encode(), b"gone"])


def test_a_key_is_found_in_every_kind_of_file(tmp_path: Path) -> None:
    text = "x" * 9000 + CANARY + "y" * 9000  # longer than a page of SQLite's
    (tmp_path / "a.jsonl").write_text(CANARY)
    (tmp_path / "b.jsonl.zst").write_bytes(zstandard.compress(CANARY.encode() * 3))
    (tmp_path / "c.gz").write_bytes(gzip.compress(CANARY.encode()))
    pl.DataFrame({"text": [CANARY] * 5}).write_parquet(tmp_path / "d.parquet", compression="zstd")
    with duckdb.connect(str(tmp_path / "e.duckdb")) as database:
        database.execute("create table t as select ? as text from range(3000)", [CANARY])
    with sqlite3.connect(tmp_path / "f.db") as records:
        records.execute("create table t (text)")
        records.execute("insert into t values (?)", [text])
    (tmp_path / f"g-{PARTS[0]}").write_text("in a name")
    found = list(found_in_home(tmp_path, {"MY_KEY": CANARY, "MY_NAME": "nobody here"}, frozenset()))
    assert {line[0] for line in found} == set("abcdef")
    assert not any(PARTS[0] in line for line in found)
    assert secrets_of({"A_TOKEN": " short ", "B": CANARY}) == {}


def test_a_probed_and_materialized_home_holds_the_key_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two endpoints that echo it in every place, in every file, log, table and event of Dagster's."""
    monkeypatch.setenv("CANARY_API_KEY", CANARY)
    home = Home(tmp_path / "arena")
    with MisbehavingServer(FAULTS) as server:
        names = ("key_in_every_place", "good")
        endpoints = [endpoint(name, server.url(name), api_key_env="CANARY_API_KEY") for name in names]
        catalog = tmp_path / "endpoints.yaml"
        plain = [each.model_dump(mode="json", exclude_unset=True) for each in endpoints]
        catalog.write_text(yaml.safe_dump({"endpoints": plain}))
        ran = run(home, endpoints, speed_only(2))
        assert {request.headers["authorization"] for request in server.seen} == {f"Bearer {CANARY}"}
    assert any("[key removed]" in record["text"] for record in ran.of("key_in_every_place"))
    with materializing(home, endpoints_file=str(catalog), log="problems") as materialize:
        assert materialize([ran.plan.day])
    kinds = set()
    for place, data in contents_of(home.root):
        kinds.add(place.rpartition(".")[2].partition(" ")[0])
        assert not any(part.encode() in data for part in PARTS), place
    assert {"zst", "parquet", "duckdb", "db", "json"} <= kinds
