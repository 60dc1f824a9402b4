"""Published folders: a manifest is read or refused by a `SnapshotError`; what is withheld from a line is not in it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import suppress
from datetime import date
from pathlib import Path

import zstandard

from tokenarena_assets.retention.texts import FRAMES, LINE_TEXTS
from tokenarena_assets.snapshot.manifest import MANIFEST, FileEntry, Manifest, SnapshotError, read_manifest, verify
from tokenarena_assets.snapshot.withhold import KEPT, Policy, redact_line

FOLDER = Path(tempfile.mkdtemp(prefix="tokenarena-fuzz-"))
LINES = (
    b'{"suite":"quality_math","day":"2026-11-23","item":{"answer_value":"4","seed":7},"text":"4","frames":[[1,"4"]]}\n'
)
PACKED = zstandard.compress(LINES)
DAY = date(2026, 11, 23)
TEXTS = (LINE_TEXTS.keys() | {FRAMES}) - set(KEPT)
POLICY = Policy(texts=True, gold_from=date(2026, 11, 1))


def seeds() -> list[bytes]:
    """One byte, then a manifest of the folder's one file; or a line of a log that is to be published."""
    (FOLDER / "raw").mkdir(exist_ok=True)
    (FOLDER / "raw" / "log.jsonl.zst").write_bytes(PACKED)
    entry = FileEntry(
        path="raw/log.jsonl.zst",
        bytes=len(PACKED),
        sha256=hashlib.sha256(PACKED).hexdigest(),
        rows=1,
        unpacked_bytes=len(LINES),
    )
    whole = Manifest(
        schema_version=1,
        kind="tokenarena snapshot",
        days=["2026-11-23"],
        versions={"2026-11-23": {"probe_log": "1"}},
        made_with={"python": "3.11"},
        canary="",
        licence={"data": "CC-BY-4.0"},
        withheld={},
        rehearsal=False,
        files=[entry],
    )
    return [b"\0" + whole.model_dump_json().encode(), b"\1" + LINES]


def check(data: bytes) -> None:
    """Problems are named; a line of which texts are withheld has none."""
    if data[:1] == b"\1":
        for line in data[1:].split(b"\n"):
            shown = redact_line(line, DAY, POLICY)
            assert b"\n" not in shown
            with suppress(ValueError, RecursionError):
                found = json.loads(shown)
                assert not isinstance(found, dict) or not any(_says_something(found.get(name)) for name in TEXTS)
        return
    (FOLDER / MANIFEST).write_bytes(data[1:])
    with suppress(SnapshotError):
        for problem in verify(FOLDER, read_manifest(FOLDER)):
            assert problem.what


def _says_something(value: object) -> bool:
    return bool(value) and isinstance(value, str | list | dict)
