"""Result files of other tools: imported whole, each request a row of the day's tables, or refused in words."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.fuzz.targets import yaml_files
from tokenarena_assets.chain.ingest import read_day
from tokenarena_assets.endpoints import load_catalog
from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.importing.importer import import_files
from tokenarena_assets.importing.tools import TOOLS
from tokenarena_assets.storage.home import Home

DAY = date(2026, 11, 23)
FOLDER = Path(tempfile.mkdtemp(prefix="tokenarena-fuzz-"))
FIXTURES = Path(__file__).parents[3] / "tokenarena_assets_tests/fixtures/imports"
OF_TOOL = {
    "aiperf": ("aiperf-faults/profile_export.jsonl", "aiperf-fleet/profile_export.jsonl"),
    "guidellm": ("guidellm-fleet.json", "guidellm-faults.json"),
    "vllm": ("vllm.json",),
    "llmperf": ("llmperf_individual_responses.json",),
    "inference-perf": ("inference-perf-fleet.json", "inference-perf-faults.json"),
}
RAW_LINES = 3  # of the export with all events, one of which is long


def seeds() -> list[bytes]:
    """One byte, the tool (and whether a day is given), then its file: those that the tests import."""
    found = [
        bytes([TOOLS.index(tool) + dated]) + (FIXTURES / name).read_bytes()
        for tool, names in OF_TOOL.items()
        for name in names
        for dated in (0, len(TOOLS))
    ]
    raw = (FIXTURES / "aiperf-faults/profile_export_raw.jsonl").read_bytes().split(b"\n")
    return [*found, bytes([TOOLS.index("aiperf")]) + b"\n".join(sorted(raw, key=len)[1 : RAW_LINES + 1])]


def check(data: bytes) -> None:
    """Every record that was counted is a row, and each is a request or has its problem."""
    choice = data[:1][0] if data else 0
    tool, day = TOOLS[choice % len(TOOLS)], DAY if choice // len(TOOLS) % 2 else None
    file, home = FOLDER / "results.json", Home(FOLDER / "arena")
    file.write_bytes(data[1:])
    shutil.rmtree(home.root, ignore_errors=True)
    try:
        imported = import_files(home, tool, [file], _endpoint(), day)
    except TokenArenaError:
        return
    for part in imported:
        rows = read_day(home, part.day).probe_log
        assert rows.height == part.records == sum(part.by_status.values()) + len(part.unreadable)
        refused = rows["problem"].drop_nulls().to_list()
        assert len(refused) == len(part.unreadable), refused
        assert all(reason.startswith("bad_import: ") for reason in refused), refused
        json.dumps(rows.to_dicts(), default=str)


def _endpoint() -> Endpoint:
    if not ENDPOINTS:
        path = FOLDER / "endpoints.yaml"
        path.write_text(yaml_files.SMALL)
        ENDPOINTS.extend(load_catalog(path).endpoints)
    return ENDPOINTS[0]


ENDPOINTS: list[Endpoint] = []
