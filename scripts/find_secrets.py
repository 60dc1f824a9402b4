"""Looks for keys in every file of every commit, and in a home: raw logs, tables, the database, Dagster's records.

    python scripts/find_secrets.py [--home FOLDER]   # default: TOKENARENA_HOME, where there is one

Patterns are detect-secrets' and those of the keys of the providers in the catalog; in a home, the values of
environment variables that are named like a secret are looked for as well. Exits with 1 where something is found, which
is never printed whole. What is no secret (a key of a test) stands in `secrets_allowed.toml` by its SHA-256.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import math
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import duckdb
import zstandard
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import RegexBasedDetector

ROOT = Path(__file__).parents[1]
ALLOWED = ROOT / "secrets_allowed.toml"
SECRET_NAME = re.compile(r"(?i)(_KEY|_TOKEN|_SECRET|_PASSWORD|PRIVATE_SEED|WEBHOOK_URL)$")
MIN_SECRET_CHARS = 7
MIN_BITS = 3.0  # a character, of what follows the prefix: words and 'xxxx' have less
PROVIDERS = re.compile(
    r"\b(?:sk-(?:ant-|or-v1-|proj-|svcacct-)?|gsk_|hf_|r8_|xai-|csk-|fw_|nvapi-|pplx-|tgp_v1_|AIza)[A-Za-z0-9_-]{24,}"
)
# Of detect-secrets: those with a form of their own. What looks like any word beside `password =` is for reviewers.
LEFT_OUT = frozenset(
    {
        *("Basic Auth Credentials", "Secret Keyword", "Public IP (ipv4)", "Telegram Bot Token", "Cloudant Credentials"),
        *("IBM Cloud IAM Key", "IBM COS HMAC Credentials", "SoftLayer Credentials", "Artifactory Credentials"),
    }
)


def patterns() -> list[re.Pattern[str]]:
    """Every pattern that is looked for."""
    detectors = [
        detector()
        for kind, detector in get_mapping_from_secret_type_to_class().items()
        if issubclass(detector, RegexBasedDetector) and kind not in LEFT_OUT
    ]
    return [PROVIDERS, *(pattern for detector in detectors for pattern in detector.denylist)]


def _bits(text: str) -> float:
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())


def found_in(text: str, looked_for: Iterable[re.Pattern[str]], allowed: frozenset[str] = frozenset()) -> Iterator[str]:
    """What looks like a secret in a text: its beginning, its length, and its SHA-256."""
    for pattern in looked_for:
        for match in pattern.finditer(text):
            secret = match[0]
            digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
            if digest not in allowed and (pattern is not PROVIDERS or _bits(secret[6:]) > MIN_BITS):
                yield f"{secret[:6]}... ({len(secret)} characters, sha256 {digest})"


def blobs(repository: Path) -> Iterator[tuple[str, bytes]]:
    """(object id, content) of every file that any commit of the repository ever held."""
    listed = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    names = [line.removeprefix("blob ") for line in listed if line.startswith("blob ")]
    with tempfile.TemporaryFile() as asked:
        asked.write("".join(f"{name}\n" for name in names).encode())
        asked.seek(0)
        with subprocess.Popen(
            ["git", "cat-file", "--batch", "--buffer"], cwd=repository, stdin=asked, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            while header := process.stdout.readline():
                name, _, size = header.decode().split()
                yield name, process.stdout.read(int(size))
                process.stdout.read(1)


def messages(repository: Path) -> str:
    """The messages of all commits."""
    log = ["git", "log", "--all", "--format=%an %ae %B"]
    return subprocess.run(log, cwd=repository, capture_output=True, text=True, check=True, errors="replace").stdout


def contents_of(home: Path) -> Iterator[tuple[str, bytes]]:
    """(place, bytes) of all that a home holds: files as they are and unpacked, and the rows of their tables."""
    for path in sorted(path for path in home.rglob("*") if path.is_file() and not path.is_symlink()):
        place = path.relative_to(home).as_posix()
        data = path.read_bytes()
        yield place, place.encode() + b"\n" + data
        if path.suffix == ".zst":
            yield (
                f"{place} (unpacked)",
                zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read(),
            )
        elif path.suffix == ".gz":
            yield f"{place} (unpacked)", gzip.decompress(data)
        elif path.suffix == ".parquet":
            yield from _rows(place, duckdb.connect(), [f"from read_parquet('{_quoted(path)}')"])
        elif path.suffix == ".duckdb":
            database = duckdb.connect(str(path), read_only=True)
            tables = database.execute("select table_name from duckdb_tables() where not internal").fetchall()
            yield from _rows(place, database, [f'from "{name}"' for (name,) in tables])
        elif data.startswith(b"SQLite format 3\0"):
            yield f"{place} (rows)", _sqlite(path)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _rows(place: str, database: duckdb.DuckDBPyConnection, sources: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    with database:
        for source in sources:
            rows = database.execute(source).fetchall()
            yield (
                f"{place} ({source[5:]})",
                "\n".join(str(cell) for row in rows for cell in row).encode("utf-8", "replace"),
            )


def _sqlite(path: Path) -> bytes:
    # A row may lie in pages far apart: only SQLite puts it together.
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return "\n".join(database.iterdump()).encode("utf-8", "replace")
    finally:
        database.close()


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Values of variables that are named like a secret, by name."""
    return {
        name: value.strip()
        for name, value in environment.items()
        if SECRET_NAME.search(name) and len(value.strip()) >= MIN_SECRET_CHARS
    }


def found_in_home(home: Path, environment: Mapping[str, str], allowed: frozenset[str]) -> Iterator[str]:
    """What was found, with its place."""
    looked_for = patterns()
    values = {name: _forms(value) for name, value in secrets_of(environment).items()}
    for place, data in contents_of(home):
        for name, forms in values.items():
            if any(form in data for form in forms):
                yield f"{place}: the value of {name}"
        for what in found_in(data.decode("utf-8", "replace"), looked_for, allowed):
            yield f"{place}: {what}"


def _forms(value: str) -> set[bytes]:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return {value.encode(), escaped.encode(), value.encode("utf-16-le")}


def allowed_of(path: Path = ALLOWED) -> frozenset[str]:
    """SHA-256 of what only looks like a secret; each has a reason."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["allowed"]
    assert all(entry["reason"] for entry in entries)
    return frozenset(entry["sha256"] for entry in entries)


def main() -> int:
    """Look through the repository, and the home if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("TOKENARENA_HOME") or "arena"))
    given = parser.parse_args()
    allowed, looked_for = allowed_of(), patterns()
    found: list[str] = []
    count = 0
    for name, data in [*blobs(ROOT), ("messages of commits", messages(ROOT).encode())]:
        count += 1
        found += [f"{name}: {what}" for what in found_in(data.decode("utf-8", "replace"), looked_for, allowed)]
    print(f"{count} files of all commits looked through")
    if given.home.is_dir():
        found += found_in_home(given.home, os.environ, allowed)
        print(f"{given.home} looked through")
    print("\n".join(dict.fromkeys(found)) if found else "no secret found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
