"""Known vulnerabilities of every package that the locks name, by pip-audit from the OSV database.

    python scripts/audit.py [--osv-url URL] [LOCK ...]

Exits with 1 where there is one that `audit_ignored.toml` does not name, and says loudly, with exit 0, where the
database could not be asked: *not audited* is not *nothing known*.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-generators.lock")
IGNORED = ROOT / "audit_ignored.toml"
OSV = "https://api.osv.dev/v1/query"
TIMEOUT_S = 900
ASK_TIMEOUT_S = 10


@dataclass
class Audit:
    """What came of it: packages asked about, those that could not be, vulnerabilities as (package, version, id)."""

    asked: int = 0
    skipped: list[str] = field(default_factory=list)
    found: list[tuple[str, str, str]] = field(default_factory=list)
    failure: str | None = None


def audit(locks: list[Path], osv_url: str) -> Audit:
    """Ask about every package of the locks."""
    command = [
        *(sys.executable, "-m", "pip_audit", "-s", "osv", "--osv-url", osv_url, "--disable-pip", "--require-hashes"),
        *("-f", "json", "--progress-spinner", "off", "--desc", "off", "--timeout", str(ASK_TIMEOUT_S)),
        *(part for lock in locks for part in ("-r", str(lock))),
    ]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Audit(failure=f"no end within {TIMEOUT_S} s")
    try:
        return read(json.loads(ran.stdout))
    except ValueError:
        return Audit(failure=(ran.stderr.strip().splitlines() or ["no reason given"])[-1][:300])


def read(report: Any) -> Audit:
    """pip-audit's JSON."""
    audited = Audit()
    for package in report["dependencies"]:
        if "skip_reason" in package:
            audited.skipped.append(f"{package['name']}: {package['skip_reason']}")
            continue
        audited.asked += 1
        for each in package["vulns"]:
            names = sorted({each["id"], *each.get("aliases", ())})
            audited.found.append((package["name"], package["version"], ", ".join(names)))
    return audited


def ignored(path: Path, today: date) -> tuple[set[str], list[str]]:
    """Ids that are ignored, and what is wrong with the file: each needs an id, a reason and a last day."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("ignored", []) if path.exists() else []
    ids, wrong = set(), []
    for entry in entries:
        until = entry.get("until")
        if not (entry.get("id") and entry.get("reason") and isinstance(until, date)):
            wrong.append(f"{path.name}: needs id, reason and until (a date): {entry}")
        elif until < today:
            wrong.append(f"{path.name}: {entry['id']} was ignored until {until}: look at it again")
        else:
            ids.add(entry["id"])
    return ids, wrong


def told(audited: Audit, ids: set[str], wrong: list[str]) -> tuple[int, list[str]]:
    """The exit status, and what to print."""
    open_ = [each for each in audited.found if not ids & set(each[2].split(", "))]
    lines = [f"VULNERABLE: {name} {version}: {names}" for name, version, names in open_] + wrong
    lines += [
        f"ignored: {name} {version}: {names}" for name, version, names in audited.found if ids & set(names.split(", "))
    ]
    if audited.failure is not None:
        lines.append(f"NOT AUDITED: the database of vulnerabilities could not be asked: {audited.failure}")
    elif audited.skipped:
        lines += [f"NOT AUDITED: {each}" for each in audited.skipped]
        lines.append(f"NOT AUDITED: {len(audited.skipped)} of {audited.asked + len(audited.skipped)} packages")
    elif not audited.found:
        lines.append(f"no known vulnerability in {audited.asked} packages")
    return (1 if open_ or wrong else 0), lines


def main() -> int:
    """Audit the locks that are given, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("locks", nargs="*", type=Path, default=[ROOT / name for name in LOCKS])
    parser.add_argument("--osv-url", default=OSV)
    parser.add_argument("--ignored", type=Path, default=IGNORED)
    given = parser.parse_args()
    status, lines = told(audit(given.locks, given.osv_url), *ignored(given.ignored, datetime.now(UTC).date()))
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
