"""One raw line without what has expired of it: it stays one line, in its place, and says what it lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from tokenarena_assets.retention.texts import OWN_SUITES, take_frames, take_gold, take_texts
from tokenarena_assets.storage.rawlog import encoded

MARK = "expired"
NO_SUITE = ""
UNREADABLE = b"expired: sha256 "


@dataclass(frozen=True, slots=True)
class Due:
    """Whether the frames, the texts of a line are due."""

    frames: bool
    texts: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A line as it stays: whose it is, and what it lost."""

    data: bytes
    suite: str
    frames: bool = False
    texts: bool = False


def without_expired(line: bytes, due: Callable[[str], Due], on: str) -> Kept:
    """A raw line without what is due of its suite; the same bytes where it has nothing of it.

    A line that is no record cannot be told apart: where its texts are due all of it goes, and its hash stays. It was
    set aside before, and is so after for the same reason.
    """
    record, exact = _read(line)
    if record is None:
        if not line or line.startswith(UNREADABLE) or not due(NO_SUITE).texts:
            return Kept(line, NO_SUITE)
        digest = hashlib.sha256(line).hexdigest().encode()
        return Kept(UNREADABLE + digest + f", {len(line)} bytes, on {on}".encode(), NO_SUITE, texts=True)
    suite = record["suite"] if isinstance(record.get("suite"), str) else NO_SUITE
    wanted = due(suite)
    frames = wanted.frames and bool(list(take_frames(record)))
    texts = wanted.texts and bool(list(take_texts(record)))
    if wanted.texts and suite in OWN_SUITES:
        texts = bool(list(take_gold(record))) or texts
    if not frames and not texts:
        return Kept(line, suite)
    mark = dict(found) if isinstance(found := record.get(MARK), dict) else {}
    mark |= dict.fromkeys([name for name, lost in (("frames", frames), ("texts", texts)) if lost], on)
    mark.setdefault("line_sha256", hashlib.sha256(line).hexdigest())  # of the line as it was written first
    record[MARK] = mark
    return Kept(encoded(record) if exact else _dumps(record), suite, frames, texts)


def expired_of(line: bytes) -> dict[str, str] | None:
    """What a line says it lost: `frames`, `texts` with their days, `line_sha256` of the whole; None: nothing."""
    if b'"expired"' not in line:
        return None
    record, _ = _read(line)
    found = record.get(MARK) if record else None
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) and found else None


def _read(line: bytes) -> tuple[dict[str, Any] | None, bool]:
    """The record of a line, and whether the quick reader takes each of its values as it stands."""
    try:
        record = orjson.loads(line)
        exact = orjson.dumps(record) == line  # it reads whole numbers of over 64 bits as fractions
    except ValueError:
        record, exact = None, False
    if not exact:
        try:
            record = json.loads(line)  # half a surrogate pair, or another number than orjson knows
        except (ValueError, RecursionError):
            return None, False
    return (record, exact) if isinstance(record, dict) else (None, False)


def _dumps(record: dict[str, Any]) -> bytes:
    # Half a surrogate pair can only stand as its escape: written as such it is read again as what it was.
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode()
