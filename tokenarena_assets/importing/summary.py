"""What an import came to, for people and for programs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from tokenarena_assets.importing.importer import Imported
from tokenarena_assets.importing.request import CANNOT_TELL

SHOWN = 5
MAX_REASON = 160


def row(imported: Imported) -> dict[str, Any]:
    """As one JSON object."""
    differing = [(line, speeds) for line, speeds in imported.speeds if speeds.differ]
    return {
        "file": imported.file,
        "tool": imported.tool,
        "version": imported.version,
        "day": imported.day.isoformat(),
        "round_id": imported.round_id,
        "path": str(imported.path),
        "records": imported.records,
        "by_status": imported.by_status,
        "unreadable": [{"line": entry.line, "reason": entry.reason} for entry in imported.unreadable],
        "speeds_compared": len(imported.speeds),
        "speeds_that_differ": [{"line": line, **speeds._asdict()} for line, speeds in differing],
        "cannot_tell": list(imported.cannot_tell),
    }


def lines(imported: Sequence[Imported]) -> Iterator[str]:
    """As text: the counts, which balance, what goes to quarantine, and what the tool cannot tell."""
    for one in imported:
        yield from _lines_of(one)
    names = sorted(set().union(*(one.cannot_tell for one in imported)))
    if names:
        yield "what these results cannot tell:"
    for name in names:
        yield f"  {name}: {CANNOT_TELL[name]}"


def _lines_of(one: Imported) -> Iterator[str]:
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(one.by_status.items()))
    requests = sum(one.by_status.values())
    yield f"{one.file}: {one.tool} {one.version or '(version unknown)'}, {one.day}"
    yield f"  {one.records} records = {requests} requests ({statuses}) + {len(one.unreadable)} for quarantine"
    for entry in one.unreadable[:SHOWN]:
        yield f"    record {entry.line}: {entry.reason[:MAX_REASON]}"
    if len(one.unreadable) > SHOWN:
        yield f"    and {len(one.unreadable) - SHOWN} more: see the table quarantine"
    yield f"  evidence {one.path}"


def speed_table(imported: Sequence[Imported]) -> tuple[list[str], list[list[object]]]:
    """Recorded speeds beside recomputed ones, a row a file; no rows where nothing was recorded."""
    headers = ["file", "n", "differ", "p50 recorded", "p50 recomputed", "worst", "its recorded", "its recomputed"]
    return headers, [_speed_row(one) for one in imported if one.speeds]


def _speed_row(one: Imported) -> list[object]:
    differing = [(line, speeds) for line, speeds in one.speeds if speeds.differ]
    recorded, recomputed = zip(*(speeds for _, speeds in one.speeds), strict=True)
    medians = [_three(statistics.median(values)) for values in (recorded, recomputed)]
    worst: list[object] = [None, None, None]
    if differing:
        line, speeds = max(differing, key=lambda pair: pair[1].ratio)
        worst = [f"record {line}", *map(_three, speeds)]
    return [one.file, len(one.speeds), len(differing), *medians, *worst]


def _three(value: float) -> float:
    return float(f"{value:.3g}")
