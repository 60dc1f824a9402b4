"""Homes of rehearsals: their marker, what every page of them says, and keeping real rounds and rehearsed ones apart."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.files import write_text
from tokenarena_assets.storage.home import Home

SCHEMA_VERSION = 1
BANNER = "REHEARSAL: real answers of the embedded fleet filed under dates on which they were not given."


class RehearsalError(TokenArenaError):
    """A real round was about to enter a home of rehearsals, or the other way round."""


def read_marker(home: Home) -> dict[str, Any]:
    """What the marker says of the rehearsal.

    Raises:
        RehearsalError: there is none, or it cannot be read.
    """
    path = home.rehearsal_marker
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RehearsalError(
            f"{home.root} is no home of rehearsals", mend="begin one in an empty folder: tokenarena fleet rehearse"
        ) from None
    except (OSError, ValueError) as error:
        raise RehearsalError(f"{path}: cannot be read: {error}", mend=_REBEGIN) from error
    if not isinstance(found, dict) or found.get("schema_version") != SCHEMA_VERSION:
        raise RehearsalError(f"{path}: is not of this version", mend=_REBEGIN)
    return found


_REBEGIN = "begin anew in an empty folder: tokenarena fleet rehearse --home FOLDER"


def write_marker(home: Home, content: Mapping[str, Any]) -> None:
    """Make an empty home one of rehearsals, for good.

    Raises:
        RehearsalError: the home has evidence or tables already.
    """
    if (present := _content_of(home)) is not None:
        raise RehearsalError(
            f"{home.root} is a home of real rounds: it has {present.relative_to(home.root)}",
            mend="rehearse in a home of its own: tokenarena fleet rehearse --home FOLDER",
        )
    write_text(home.rehearsal_marker, json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=1) + "\n")


def _content_of(home: Home) -> Path | None:
    places = (home.root / "raw", home.lake, home.database)
    return next((place for place in places if place.exists()), None)


def require_kind(home: Home, *, rehearsal: bool) -> None:
    """Let only rehearsed rounds into a home of rehearsals, and only real ones into any other.

    Raises:
        RehearsalError: the round is of the other kind.
    """
    if home.is_rehearsal and not rehearsal:
        raise RehearsalError(
            f"{home.root} is a home of rehearsals and takes no real rounds",
            mend="set TOKENARENA_HOME to another folder; the rehearsal itself goes on with: tokenarena fleet rehearse",
        )
    if rehearsal and not home.is_rehearsal:
        raise RehearsalError(
            f"{home.root} is no home of rehearsals and takes none",
            mend="rehearse in a home of its own: tokenarena fleet rehearse --home FOLDER",
        )


def say_rehearsal(home: Home, stream: TextIO | None = None) -> None:
    """What is shown of a rehearsal begins with saying so; on stderr where the answer is for a program."""
    if home.is_rehearsal:
        print(BANNER, file=stream or sys.stderr, flush=True)
