"""What has to hold before a host takes steps: shared folder, shared clock, the same code as the others."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from tokenarena_assets.cluster.clock import TOO_FAR_MS, shared_clock
from tokenarena_assets.cluster.services import POSTGRES_VARIABLE
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.vantage import Clock, spool_in_force
from tokenarena_assets.recompute.versions import versions_here
from tokenarena_assets.storage.files import write_text
from tokenarena_assets.storage.home import Home


@dataclass(frozen=True, slots=True)
class Ready:
    """What was found: how far the clock is off, and what is worth a warning."""

    clock: Clock | None
    warnings: tuple[str, ...]


def check_host(home: Home, region: str | None) -> Ready:
    """Look whether this host can take steps.

    Raises:
        TokenArenaError: the shared folder or PostgreSQL is out of reach, a region has no spool or one on the shared
            folder, or the code is not the coordinator's.
    """
    _shared_folder(home)
    warnings = []
    if region is not None:
        spool = spool_in_force()
        if home.root.resolve() in (spool.resolve(), *spool.resolve().parents):
            raise TokenArenaError(
                f"the spool {spool} lies in the shared folder", mend="put it on this host's own disk: locks hold there"
            )
        spool.mkdir(parents=True, exist_ok=True)
    if (problem := other_code(home)) is not None:
        raise TokenArenaError(problem, mend="install the same version on every host, then start the workers anew")
    clock = shared_clock()
    if clock is None:
        raise TokenArenaError(f"{POSTGRES_VARIABLE} is not set", mend="a worker needs Dagster's storage: set it")
    if abs(clock.offset_ms) - clock.uncertainty_ms > TOO_FAR_MS:
        warnings.append(f"{clock.text}: rounds carry it, and `started_at` is as wrong; start an NTP client")
    return Ready(clock, tuple(warnings))


def _shared_folder(home: Home) -> None:
    """Whether the home is there and can be written to by this host."""
    if not home.root.is_dir():
        raise TokenArenaError(
            f"the shared folder {home.root} is not there",
            mend="mount it, or set TOKENARENA_HOME to where it is mounted",
        )
    probe = home.root / f".seen-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    try:
        write_text(probe, "seen\n")
        probe.unlink()
    except OSError as error:
        raise TokenArenaError(f"the shared folder {home.root} cannot be written: {error}", mend="mend it") from None


def record_code(home: Home) -> None:
    """Note the code that whoever starts runs has: workers with another one refuse to start."""
    text = json.dumps(versions_here(), indent=1, sort_keys=True) + "\n"
    path = _code_file(home)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def other_code(home: Home) -> str | None:
    """How our code differs from that which was noted last; None: it does not, or none was noted."""
    path = _code_file(home)
    if not path.exists():
        return None
    noted, ours = json.loads(path.read_text(encoding="utf-8")), versions_here()
    differing = [f"{name} {noted.get(name)} there, {ours.get(name)} here" for name in sorted({*noted, *ours})
                 if noted.get(name) != ours.get(name)]  # fmt: skip
    return f"this host has other code than runs are started with: {'; '.join(differing)}" if differing else None


def _code_file(home: Home) -> Path:
    return home.root / "cluster.json"
