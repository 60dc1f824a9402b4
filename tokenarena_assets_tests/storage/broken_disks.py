"""Real faults of disks for a child process: a full one, one mounted read-only, a home of somebody else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 240.0  # bounds a wait; never the expected time
NOBODY = 65534
IS_ROOT = os.geteuid() == 0
UNSHARE = ["unshare", "--mount"] if IS_ROOT else ["unshare", "--user", "--map-root-user", "--mount"]
# Root passes over the bits of permission; without these capabilities it does not.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]


def _works(command: list[str]) -> bool:
    return (
        shutil.which(command[0]) is not None
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


needs_mounts = pytest.mark.skipif(
    not _works([*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"]), reason="no mount namespaces here"
)
needs_root = pytest.mark.skipif(
    not (IS_ROOT and _works([*AS_ANYBODY, "true"])), reason="only root can make files of another user"
)


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", program, *arguments]


def tokenarena(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tokenarena_assets.cli", *arguments]


def ran(command: list[str], home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command to its end; Python must not leave modules cut short by a full disk."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "250"}
    return subprocess.run(
        command,
        env=environment | ({"TOKENARENA_HOME": str(home)} if home is not None else {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def on_a_small_disk(folder: Path, megabytes: int, command: list[str]) -> list[str]:
    """The command with a new disk of that size at `folder`, which is gone after it."""
    folder.mkdir(parents=True, exist_ok=True)
    script = f'mount -t tmpfs -o size={megabytes}m none "$0" && exec "$@"'
    return [*UNSHARE, "sh", "-c", script, str(folder), *command]


def mounted_read_only(folder: Path, command: list[str]) -> list[str]:
    """The command with `folder` as it is, read-only."""
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    return [*UNSHARE, "sh", "-c", script, str(folder), *command]


def given_to_nobody(folder: Path) -> None:
    """Every file below `folder`, and itself, belongs to another user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


def content(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, byte for byte."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
