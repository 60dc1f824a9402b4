"""Lists the licences of what is installed to run: `docs/licences.md`, from the metadata of the packages of the lock.

python scripts/licences.py            # write it
python scripts/licences.py --check    # exit 1 where it is not current, or a licence is not one of those allowed
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK, PAGE = ROOT / "requirements.lock", ROOT / "docs/licences.md"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
ELSEWHERE = "not installed here"  # on another system or Python
# All may be used by, and shipped beside, a program under Apache-2.0. LGPL and MPL bind changes to the package itself.
ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "HPND", "ISC", "LGPL-2.1-or-later"),
        *("LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib"),
        *("BSL-1.0", "BSD", "LGPL", "Python-2.0"),
    }
)
# What older metadata say in words of their own.
SPDX = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD",
    "bsd license": "BSD",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.1-or-later",
    "gnu library or lesser general public license (lgpl)": "LGPL",
}


def licence_of(name: str) -> str:
    """The licence of an installed package as an SPDX expression, or in the words of its metadata."""
    about = metadata(name)
    if expression := about.get("License-Expression"):
        return str(expression)
    classified = [
        each.rpartition(" :: ")[2] for each in about.get_all("Classifier", []) if each.startswith("License :: ")
    ]
    told = [each for each in classified if each != "OSI Approved"] or [(about.get("License") or "").strip()[:60]]
    return " AND ".join(sorted({SPDX.get(each.lower(), each) for each in told})) or "none stated"


def is_allowed(licence: str) -> bool:
    """Whether every part of an expression is allowed, or of alternatives one."""
    plain = licence.replace("(", " ").replace(")", " ")
    return all(
        any(part.split(" WITH ")[0].strip() in ALLOWED for part in alternatives.split(" OR "))
        for alternatives in plain.split(" AND ")
    )


def listed(lock: Path = LOCK) -> dict[tuple[str, str], str]:
    """(name, version) of the lock -> licence."""
    found = {}
    for name, version in PINNED.findall(lock.read_text(encoding="utf-8")):
        try:
            found[name, version] = licence_of(name)
        except PackageNotFoundError:
            found[name, version] = ELSEWHERE
    return found


def rows_of(page: str) -> dict[tuple[str, str], str]:
    """The rows of the page as it stands."""
    cells = re.findall(r"^\| ([A-Za-z0-9._-]+) \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    return {
        (name, version.strip()): licence.strip()
        for name, version, licence in cells
        if name[0].isalnum() and name != "package"
    }


def page_of(rows: dict[tuple[str, str], str]) -> str:
    """The page."""
    lines = [f"| {name} | {version} | {licence} |" for (name, version), licence in sorted(rows.items())]
    return "\n".join(
        [
            "# Licences",
            "",
            "TokenArena is under Apache-2.0 ([LICENSE](../LICENSE)). What it needs to run, as its lock names it, with",
            "the licence that each package states. Made by `python scripts/licences.py`; `make audit` fails where a",
            "licence is not one of those that the script allows.",
            "",
            "| package | version | licence |",
            "| --- | --- | --- |",
            *lines,
            "",
        ]
    )


def problems(rows: dict[tuple[str, str], str], page: str) -> list[str]:
    """What is wrong with the page or with a licence; what is not installed here is as the page has it."""
    known = rows_of(page)
    wrong = [f"{name} {version}: not in {PAGE.name}" for name, version in rows.keys() - known.keys()]
    wrong += [f"{name} {version}: in {PAGE.name}, not in the lock" for name, version in known.keys() - rows.keys()]
    for key in rows.keys() & known.keys():
        if rows[key] not in (known[key], ELSEWHERE):
            wrong.append(f"{key[0]}: is {rows[key]}, {PAGE.name} says {known[key]}")
    wrong += [
        f"{name} {version}: the licence {licence!r} is not one of those allowed"
        for (name, version), licence in rows.items()
        if licence != ELSEWHERE and not is_allowed(licence)
    ]
    return sorted(wrong)


def main() -> int:
    """Write the page, or check it."""
    rows = listed()
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if "--check" not in sys.argv[1:]:
        kept = {key: licence for key, licence in rows_of(before).items() if rows.get(key) == ELSEWHERE}
        PAGE.write_text(page_of(rows | kept), encoding="utf-8")
        before = PAGE.read_text(encoding="utf-8")
    wrong = problems(rows, before)
    print("\n".join(wrong) if wrong else f"licences: {len(rows)} packages, all allowed")
    if wrong:
        print(
            "mend: python scripts/licences.py; a licence that is new is read by a person first, then added to ALLOWED"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
