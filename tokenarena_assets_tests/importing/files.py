"""Reading the fixtures, and an endpoint and a home to import them for."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from tokenarena_assets.endpoints.catalog import Endpoint, ListPrice
from tokenarena_assets.importing import Imported, import_files
from tokenarena_assets.importing.documents import read_document
from tokenarena_assets.importing.figures import timing_of
from tokenarena_assets.importing.request import ToolRequest, Unreadable
from tokenarena_assets.importing.tools import adapter_of
from tokenarena_assets.probing.timing import Timing
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import read_lines

FIXTURES = Path(__file__).parents[1] / "fixtures" / "imports"
DAY = date(2026, 11, 23)  # on which the fixtures were measured
ENDPOINT = Endpoint(
    provider="arena",
    model="tiny",
    base_url="http://127.0.0.1:9/v1",
    price=ListPrice(input_usd_per_mtok=1, output_usd_per_mtok=2),  # type: ignore[arg-type]
)
# file, tool, the day that has to be given
ALL = (
    ("aiperf-fleet/profile_export.jsonl", "aiperf", None),
    ("aiperf-faults/profile_export.jsonl", "aiperf", None),
    ("aiperf-faults/profile_export_raw.jsonl", "aiperf", None),
    ("guidellm-fleet.json", "guidellm", None),
    ("guidellm-faults.json", "guidellm", None),
    ("vllm.json", "vllm", DAY),
    ("llmperf_individual_responses.json", "llmperf", DAY),
    ("llmperf-leaderboard.json", "llmperf", DAY),
    ("inference-perf-fleet.json", "inference-perf", DAY),
    ("inference-perf-faults.json", "inference-perf", DAY),
)


def entries(tool: str, path: Path | str) -> list[ToolRequest | Unreadable]:
    """What the adapter makes of a file."""
    document = read_document(FIXTURES / path)
    return list(adapter_of(tool, document).read(document, ENDPOINT.api).entries)


def requests(tool: str, path: Path | str) -> list[ToolRequest]:
    """The same, where every record can be read."""
    found = [entry for entry in entries(tool, path) if isinstance(entry, ToolRequest)]
    assert len(found) == len(entries(tool, path))
    return found


def timings(tool: str, path: Path | str) -> list[Timing]:
    """Their figures."""
    return [timing_of(request) for request in requests(tool, path)]


def written(tmp_path: Path, name: str, content: object) -> Path:
    """A file of JSON, or of the text given."""
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def imported(home: Home, tool: str, *paths: Path | str, day: date | None = None) -> list[Imported]:
    """Import fixtures, or files of a test."""
    return import_files(home, tool, [FIXTURES / path for path in paths], ENDPOINT, day)


def records(outcome: Imported) -> list[dict[str, Any]]:
    """The raw records that an import wrote."""
    return [json.loads(line.data) for line in read_lines(outcome.path)]
