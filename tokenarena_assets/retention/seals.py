"""What the seals of a day's rounds say of retention: which hash a log has now, and whose texts expired when.

A seal keeps the hash of what was measured. `compacted` is appended to: an entry for each time that the log was
rewritten without what had expired.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.home import Home


@dataclass(frozen=True, slots=True)
class Expiry:
    """What is gone: suite -> day on which its frames, its texts expired; only suites that had some."""

    frames: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    def __or__(self, other: Expiry) -> Expiry:
        return Expiry({**other.frames, **self.frames}, {**other.texts, **self.texts})


@dataclass(frozen=True, slots=True)
class Compacted:
    """One rewriting of a log: when, to which hash, by which policy; by suite the lines that lost frames, texts.

    `suites` are all that the log has lines of; a suite that is in `frames` or `texts` with 0 lines had none to lose.
    """

    on: str
    sha256: str
    policy_sha256: str
    suites: tuple[str, ...]
    frames: Mapping[str, int]
    texts: Mapping[str, int]

    def as_record(self) -> dict[str, Any]:
        """As a seal holds it."""
        return {
            "on": self.on,
            "sha256": self.sha256,
            "policy_sha256": self.policy_sha256,
            "suites": list(self.suites),
            "frames": dict(self.frames),
            "texts": dict(self.texts),
        }


def compactions(seal: Mapping[str, Any] | None) -> list[Compacted]:
    """How often and how a sealed log was rewritten, the earliest first.

    Raises:
        TokenArenaError: the seal is of another form.
    """
    try:
        return [
            Compacted(
                date.fromisoformat(each["on"]).isoformat(),
                str(each["sha256"]),
                str(each["policy_sha256"]),
                tuple(map(str, each["suites"])),
                {str(suite): int(rows) for suite, rows in each["frames"].items()},
                {str(suite): int(rows) for suite, rows in each["texts"].items()},
            )
            for each in (seal or {}).get("compacted", ())
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise TokenArenaError(
            f"the seal of round {(seal or {}).get('round_id')}: 'compacted' is not of this form",
            mend="restore the seal from a backup",
        ) from None


def hashes(seal: Mapping[str, Any] | None) -> list[str]:
    """SHA-256 of the log as it was sealed and after each rewriting; the last is what it has to be now."""
    sealed = (seal or {}).get("sha256")
    return [str(sealed), *(each.sha256 for each in compactions(seal))] if sealed else []


def expiry_in(entries: Iterable[Compacted]) -> Expiry:
    """What the entries of a seal say is gone."""
    found = Expiry()
    for each in entries:
        found |= Expiry(
            {suite: each.on for suite, rows in each.frames.items() if rows},
            {suite: each.on for suite, rows in each.texts.items() if rows},
        )
    return found


def expiry_of(home: Home, day: date) -> Expiry:
    """What is gone of a day's raw logs."""
    found = Expiry()
    folder = home.raw_day(day)
    for path in sorted(folder.glob("round=*.seal.json")) if folder.is_dir() else []:
        try:
            seal = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise TokenArenaError(f"{path}: cannot be read: {error}", mend="restore it from a backup") from error
        if isinstance(seal, dict) and "compacted" in seal:
            found |= expiry_in(compactions(seal))
    return found
