"""Looks at everything that a round needs and says how to mend what is not right."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tokenarena_assets.endpoints import Catalog, load_catalog, load_presets, presets_path
from tokenarena_assets.endpoints.placeholders import names_in
from tokenarena_assets.endpoints.readiness import needed_by, readiness
from tokenarena_assets.errors import StorageError, TokenArenaError
from tokenarena_assets.fleet.manager import verify_weights
from tokenarena_assets.processes import ahead_of_others, scheduling
from tokenarena_assets.storage.faults import user
from tokenarena_assets.storage.health import of_others, partitions
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import lake_of
from tokenarena_assets.storage.rehearsal import BANNER
from tokenarena_assets.suites.sandbox import find_sandbox, mend_of_no_sandbox, why_no_sandbox
from tokenarena_assets.suites.standard.math import MEND as GENERATORS_MEND
from tokenarena_assets.suites.standard.math import math_available

MOST_NAMED = 8
MIN_FREE_BYTES = 1_000_000_000
OLDEST_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `level` is ok, warn or FAIL."""

    level: str
    check: str
    finding: str
    mend: str | None = None


def examine(home: Home, catalog_path: Path) -> list[Finding]:
    """All findings, configuration first."""
    findings = [_python(), _client(), *_config(catalog_path), _presets()]
    of_home: list[Callable[[Home], Finding]] = [_disk, _version, _owner, _leftovers, _lake, _kind]
    checks: list[Callable[[], Finding]] = [_sandbox, _ports, _clock, _weights]
    return findings + [check(home) for check in of_home] + [check() for check in checks]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("ok", "python", version)


def _client() -> Finding:
    """What makes the client's stamps exact; what they are worth here, only a measurement tells."""
    try:
        parts = ", ".join(f"{name} {version(name)}" for name in ("httpx", "httptools"))
    except PackageNotFoundError as error:
        return Finding("FAIL", "client", f"{error.name} is not installed", f"pip install {error.name}")
    with ahead_of_others():
        scheduled = scheduling()
    text = f"{parts}, {scheduled} scheduling; tokenarena selftest measures how late its stamps are here"
    mend = "for exact stamps on a busy machine allow real-time scheduling: root, CAP_SYS_NICE or ulimit -r 1"
    return Finding("ok", "client", text, mend if scheduled == "normal" else None)


def _config(path: Path) -> list[Finding]:
    try:
        catalog = load_catalog(path)
    except TokenArenaError as error:
        return [Finding("FAIL", "catalog", error.message, error.mend)]
    disclosing = sum(each.disclosure is not None for each in catalog.endpoints)
    told = f", {disclosing} with a disclosure of its serving" if disclosing else ""
    count = Finding("ok", "catalog", f"{path}: {len(catalog.endpoints)} endpoints{told}")
    return [count, _keys(catalog), *_not_probed(catalog), _items(catalog)]


def _items(catalog: Catalog) -> Finding:
    """Whether the items that the catalog's tiers ask for can be made."""
    tiers = sorted({endpoint.quality_tier for endpoint in catalog.endpoints})
    if tiers != ["tiny"] and (problem := math_available()) is not None:
        return Finding("warn", "items", f"math items cannot be made: {problem}", GENERATORS_MEND)
    return Finding("ok", "items", f"tiers: {', '.join(tiers)}")


def _keys(catalog: Catalog) -> Finding:
    """Which variables are missing and for how many endpoints, and whose value cannot be used."""
    wanted = [each for each in catalog.endpoints if each.api_key_env or names_in(each.base_url)]
    if not wanted:
        return Finding("ok", "keys", "no endpoint needs one")
    problems = sorted({found.problem for each in wanted if (found := readiness(each)).problem is not None})
    needed = [f"{name} ({count})" for name, count in needed_by(wanted).items()]
    if not needed and not problems:
        return Finding("ok", "keys", f"all set, of {len(wanted)} endpoints")
    ready = sum(readiness(each).reason is None for each in catalog.endpoints)
    missing = [f"not set: {_shortened(needed)}"] if needed else []
    text = f"{ready} of {len(catalog.endpoints)} endpoints ready; {'; '.join([*missing, *problems])}"
    return Finding("warn", "keys", text, "export them; tokenarena endpoints --missing-keys lists who waits for them")


def _not_probed(catalog: Catalog) -> list[Finding]:
    names = [each.endpoint_id for each in catalog.endpoints if each.cannot_probe is not None]
    if not names:
        return []
    return [Finding("ok", "not probed", f"{len(names)} endpoints by any adapter: {_shortened(names, 2)}")]


def _shortened(names: Sequence[str], shown: int = MOST_NAMED) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def _presets() -> Finding:
    try:
        presets = load_presets(presets_path())
    except TokenArenaError as error:
        return Finding("FAIL", "presets", error.message, error.mend)
    return Finding("ok", "presets", ", ".join(f"{p.name} {p.input_ratio}:{p.output_ratio}" for p in presets))


def _disk(home: Home) -> Finding:
    existing = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    try:
        Home(existing).require_writable()
    except StorageError as error:
        return Finding("FAIL", "home", error.message, error.mend)
    free = shutil.disk_usage(existing).free
    text = f"{home.root}: {free / 1e9:.1f} GB free"
    if free < MIN_FREE_BYTES:
        return Finding("warn", "home", text, "free some space: raw evidence is kept for ever")
    return Finding("ok", "home", text)


def _version(home: Home) -> Finding:
    try:
        return Finding("ok", "home version", str(home.layout_version()))
    except StorageError as error:
        return Finding("FAIL", "home version", error.message, error.mend)


def _owner(home: Home) -> Finding:
    """Whose files they are: what one user wrote another may not be able to replace."""
    others = of_others(home)
    if not others:
        return Finding("ok", "owner", "all files are of this user")
    named = "; ".join(f"{count} of {name}" for name, count in others.items())
    text = f"{home.root} holds files of others: {named}"
    mend = f"run as their owner, or give the home over with chown -R: files that are made now belong to {user()}"
    return Finding("warn", "owner", text, mend)


def _leftovers(home: Home) -> Finding:
    found = home.leftovers()
    if not found:
        return Finding("ok", "leftovers", "none of killed writers")
    text = f"{len(found)} temporary files of killed writers: {_shortened([str(path) for path in found], 2)}"
    return Finding("warn", "leftovers", text, "the next command that writes removes them")


def _lake(home: Home) -> Finding:
    """Where the tables lie, whether they can be reached there, and whether the files of a folder are whole."""
    try:
        text = lake_of(home).check()
    except TokenArenaError as error:
        return Finding("FAIL", "tables", error.message, error.mend)
    count, damaged = partitions(home)
    if not damaged:
        return Finding("ok", "tables", f"{text}; {count} partitions have whole footers" if count else text)
    more = f", and {len(damaged) - 1} more" * (len(damaged) > 1)
    return Finding("FAIL", "tables", damaged[0].message + more, damaged[0].mend)


def _kind(home: Home) -> Finding:
    if not home.is_rehearsal:
        return Finding("ok", "rounds", "real ones: a rehearsal has a home of its own")
    mend = "for real rounds set TOKENARENA_HOME to another folder"
    return Finding("warn", "rounds", f"{home.root} takes no real rounds. {BANNER}", mend)


def _sandbox() -> Finding:
    """Whether code that a model wrote can be run: a trial of it, with everything that must hold."""
    sandbox = find_sandbox()
    if sandbox is None:
        return Finding("warn", "sandbox", f"{why_no_sandbox()}: code items are not run", mend_of_no_sandbox())
    calls = "with" if sandbox.system_calls is not None else "without"
    return Finding("ok", "sandbox", f"{sandbox.bwrap} runs {sandbox.python} apart, {calls} a system-call filter")


def _ports() -> Finding:
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), timeout=5),
        ):
            return Finding("ok", "ports", "loopback ports can be opened and reached")
    except OSError as error:
        return Finding("FAIL", "ports", f"loopback cannot be used: {error}", "allow connections to 127.0.0.1")


def _clock() -> Finding:
    now = datetime.now(UTC)
    resolution_ns = time.get_clock_info("perf_counter").resolution * 1e9
    text = f"{now.isoformat(timespec='seconds')}, monotonic resolution {resolution_ns:.0f} ns"
    if now < OLDEST_CLOCK:
        return Finding("FAIL", "clock", text, "set the wall clock: the day of the evidence comes from it")
    if resolution_ns > 1e5:
        return Finding("warn", "clock", text, "times below a millisecond cannot be told on this machine")
    return Finding("ok", "clock", text)


def _weights() -> Finding:
    try:
        wrong = verify_weights()
    except TokenArenaError as error:
        return Finding("FAIL", "weights", error.message, error.mend)
    if wrong:
        return Finding(
            "FAIL", "weights", f"not as shipped: {', '.join(wrong)}", "restore them: git checkout, or make train"
        )
    return Finding("ok", "weights", "embedded weights match their SHA-256")
