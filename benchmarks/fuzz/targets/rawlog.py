"""Raw logs: as many rows come out as lines went in, each a record or with its problem, and nothing raises."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import zstandard

from benchmarks.fuzz.targets import stream
from tokenarena_assets.chain.ingest import read_day
from tokenarena_assets.probing.client import _record
from tokenarena_assets.probing.exchange import Exchange
from tokenarena_assets.probing.stream import parse_stream
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import encoded, failures_by_endpoint, records_of, request_ids

DAY = date(2026, 11, 23)
FORMS = ("", ".part", ".zst", ".gz", ".zst", ".gz")  # the last two: the bytes are taken for the compressed ones
FOLDER = Path(tempfile.mkdtemp(prefix="tokenarena-fuzz-"))


def seeds() -> list[bytes]:
    """One byte, the form of the file, then its lines or its compressed bytes."""
    lines = b""
    for api, body in stream.BODIES.items():
        exchange = Exchange(0, datetime.now(UTC), http_status=200)
        exchange.phases.sent_ns, exchange.phases.headers_ns, exchange.last_read_ns = 1, 2, 9
        result = parse_stream([body.encode()], api)
        exchange.event_ns = list(range(3, 3 + len(result.events)))
        exchange.frames = [(3, body)]
        lines += encoded(_record(stream.IDENTITY, stream.PROBE, None, exchange, result, 10, streamed=True)) + b"\n"
    packed = (zstandard.compress(lines), gzip.compress(lines, mtime=0))
    return [bytes([form]) + (lines if form < 4 else packed[form - 4]) for form in range(len(FORMS))]


def check(data: bytes) -> None:
    """Counted apart from the reader: line ends, and a last line without one."""
    form, content = data[:1][0] % len(FORMS) if data else 0, data[1:]
    home = Home(FOLDER / "arena")
    shutil.rmtree(home.root, ignore_errors=True)
    folder = home.raw_day(DAY)
    folder.mkdir(parents=True)
    path = folder / f"round=r1.jsonl{FORMS[form]}"
    packed = zstandard.compress(content) if form == 2 else gzip.compress(content, 1) if form == 3 else content
    path.write_bytes(packed)
    rows = read_day(home, DAY).probe_log
    assert all(row["problem"] is not None or row["request_id"] is not None for row in rows.to_dicts())
    if form < 4:
        assert rows.height == content.count(b"\n") + (content[-1:] not in (b"", b"\n"))
        assert rows["raw_line"].to_list() == list(range(1, rows.height + 1))
    list(records_of(path))
    request_ids(path)
    failures_by_endpoint(path)
