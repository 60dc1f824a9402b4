"""What price feeds said, as evidence: one compressed file a feed and look, never rewritten; and released prices."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import zstandard

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.files import append_line, replacing
from tokenarena_assets.storage.home import Home

FILE = re.compile(r"^feed=(?P<feed>[a-z0-9.-]+)\.at=(?P<at>\d{6}Z)\.content=(?P<content>[0-9a-f]{16})\.jsonl\.zst$")
MAX_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One entry of a look at a feed and its place; `problem` says why it, or all of the file, cannot be read."""

    file: str
    line: int
    feed: str
    feed_version: str | None
    observed_at: datetime | None
    endpoint_id: str | None
    key: str | None
    raw: dict[str, Any] | None
    problem: str | None = None


def record_look(
    home: Home,
    at: datetime,
    feed: str,
    version: str,
    entries: Sequence[tuple[str, str, Any]],
    problem: str | None = None,
) -> Path | None:
    """Append what a feed has of each endpoint (endpoint_id, its own id there, its entry) under the UTC day of `at`.

    None: the day has the same already. A look that failed is recorded with its `problem`.
    """
    home.mark()
    body = [
        json.dumps({"endpoint_id": e, "key": k, "raw": raw}, default=_plain, sort_keys=True) for e, k, raw in entries
    ]
    content = sha256("\n".join([feed, version, problem or "", *body]).encode()).hexdigest()[:16]
    folder = home.raw_prices(at.astimezone(UTC).date())
    if any(folder.glob(f"feed={feed}.at=*.content={content}.jsonl.zst")):
        return None
    head = {"feed": feed, "feed_version": version, "observed_at": at.astimezone(UTC).isoformat(), "rows": len(body)}
    lines = [json.dumps(head | ({"problem": problem} if problem else {})), *body]
    path = folder / f"feed={feed}.at={at.astimezone(UTC):%H%M%S}Z.content={content}.jsonl.zst"
    with replacing(path) as temporary:
        temporary.write_bytes(
            zstandard.ZstdCompressor(level=6, write_checksum=True).compress("\n".join(lines).encode())
        )
    return path


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)


def read_looks(home: Home, day: date) -> Iterator[PriceLine]:
    """Every entry of a day's looks, files in the order of their names; what cannot be read keeps its place."""
    folder = home.raw_prices(day)
    for path in sorted(folder.glob("feed=*.jsonl.zst")) if folder.is_dir() else []:
        match = FILE.match(path.name)
        if match is None:
            yield PriceLine(path.name, 0, "unknown", None, None, None, None, None, "bad_name: not that of a look")
            continue
        try:
            text = zstandard.ZstdDecompressor().decompress(path.read_bytes(), max_output_size=MAX_BYTES).decode()
            head = json.loads(text.partition("\n")[0])
            at = datetime.fromisoformat(head["observed_at"]).astimezone(UTC)
            version = str(head["feed_version"])
        except (OSError, zstandard.ZstdError, ValueError, KeyError, TypeError) as error:
            yield PriceLine(path.name, 0, match["feed"], None, None, None, None, None, f"unreadable_file: {error}")
            continue
        if head.get("problem"):
            yield PriceLine(path.name, 1, match["feed"], version, at, None, None, None, f"no_look: {head['problem']}")
        for number, line in enumerate(text.split("\n")[1:], start=2):
            yield _line(path.name, number, match["feed"], version, at, line)


def _line(name: str, number: int, feed: str, version: str, at: datetime, line: str) -> PriceLine:
    try:
        found = json.loads(line)
        endpoint_id, key, raw = found["endpoint_id"], found["key"], found["raw"]
    except (ValueError, KeyError, TypeError):
        return PriceLine(name, number, feed, version, at, None, None, None, "malformed_json")
    if not isinstance(endpoint_id, str) or not isinstance(raw, dict):
        return PriceLine(name, number, feed, version, at, None, None, None, "bad_field: endpoint_id or raw")
    return PriceLine(name, number, feed, version, at, endpoint_id, str(key), raw)


def append_release(home: Home, at: datetime, endpoint_id: str, price_json: str, reason: str) -> None:
    """Record that a person takes a quarantined price for true."""
    home.mark()
    record = {"endpoint_id": endpoint_id, "released_at": at.astimezone(UTC).isoformat(), "reason": reason}
    append_line(home.price_releases, json.dumps(record | {"price": json.loads(price_json)}).encode())


def read_releases(home: Home) -> list[dict[str, Any]]:
    """The released prices: endpoint_id, day, price_json, reason.

    Raises:
        TokenArenaError: a line is none.
    """
    path = home.price_releases
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines() if path.exists() else [], start=1):
        try:
            record = json.loads(line)
            released = datetime.fromisoformat(record["released_at"]).astimezone(UTC)
            price = json.dumps(record["price"], sort_keys=True, separators=(",", ":"))
            found.append(
                {
                    "endpoint_id": str(record["endpoint_id"]),
                    "day": released.date(),
                    "price_json": price,
                    "reason": str(record["reason"]),
                }
            )
        except (ValueError, KeyError, TypeError) as error:
            raise TokenArenaError(
                f"{path}:{number}: is no release: {error!r}", mend="move that line out of the file"
            ) from None
    return found
