"""What made the tables: versions of the code, its methods and libraries, and which differences each may explain."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tokenarena_assets import __version__
from tokenarena_assets.energy import MODEL_VERSION
from tokenarena_assets.energy.facts import constants_version, facts_folder
from tokenarena_assets.storage.sqlmodels import models_folder
from tokenarena_assets.suites.code_grading import CODE_GRADER_VERSION
from tokenarena_assets.suites.grading import GRADER_VERSION
from tokenarena_assets.suites.sandbox import find_sandbox
from tokenarena_assets.suites.version import SUITE_VERSION

LIBRARIES = ("duckdb", "polars", "numpy", "scipy", "ruptures")
MAY_EXPLAIN = {
    "tokenarena": "any table",
    "code": "any table",
    "suite": "seeds of the fidelity tests: fidelity_channels and what follows from it",
    "grader_math": "graded_answers of math, and quality, cost and ranks after it",
    "grader_code": "graded_answers of code, and quality, cost and ranks after it",
    "energy_model": "modeled energy, and ranks by it",
    "energy_constants": "modeled energy, and ranks by it",
    "sandbox": "graded_answers of code (not_run without one), and quality, cost and ranks after it",
    "python": "graded_answers of code",
    "ruptures": "change_points",
    **dict.fromkeys(("duckdb", "polars", "numpy", "scipy"), "last digits of floating-point figures"),
}


@cache
def versions_here() -> dict[str, str]:
    """The versions of this installation; `code` is a hash of all Python and SQL of the package."""
    libraries = {name: _installed(name) for name in LIBRARIES}
    return {
        "tokenarena": __version__,
        "code": _code_hash(),
        "suite": SUITE_VERSION,
        "grader_math": GRADER_VERSION,
        "grader_code": CODE_GRADER_VERSION,
        "energy_model": MODEL_VERSION,
        "energy_constants": constants_version(facts_folder()),
        "sandbox": "none" if find_sandbox() is None else "bubblewrap",
        "python": f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
        **libraries,
    }


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _code_hash() -> str:
    package = Path(__file__).resolve().parent.parent
    own = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    models = models_folder()
    own |= {f"_sql/{path.relative_to(models).as_posix()}": path for path in models.rglob("*.sql")}
    digest = hashlib.sha256()
    for name in sorted(own):
        digest.update(name.encode() + b"\0" + own[name].read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def differences(recorded: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Each version that is another one here, and which tables it may change; in words."""
    found = []
    for name, was in recorded.items():
        now = here.get(name, "unknown")
        if now != was:
            found.append(
                f"{name}: {was} when it was made, {now} here; may explain: {MAY_EXPLAIN.get(name, 'any table')}"
            )
    return found
