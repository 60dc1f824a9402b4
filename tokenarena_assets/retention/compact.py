"""Takes what has expired out of raw logs and tables; a kill leaves each file whole, and a re-run converges.

The order, for each round: the new log is written beside the old one; the ledger says what is about to be done; the seal
gets its new entry; the new log takes its place; the ledger says that it is done. From the seal's entry on nothing makes
the day's tables anew, whatever happens after. Then the tables lose the same texts, and the ledger says so.
"""

from __future__ import annotations

import fcntl
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import zstandard

from tokenarena_assets.chain.rounds import closed_rounds
from tokenarena_assets.errors import NoEvidenceError
from tokenarena_assets.recompute.evidence import sha256_of
from tokenarena_assets.retention.ledger import BEGUN, DONE, LOOKED_AT, TABLES, Ledger
from tokenarena_assets.retention.lines import Due, Kept, without_expired
from tokenarena_assets.retention.needs import NEEDS, days_read
from tokenarena_assets.retention.policy import Policy
from tokenarena_assets.retention.seals import Compacted, compactions, hashes
from tokenarena_assets.retention.tables import expire_tables, round_of
from tokenarena_assets.retention.texts import TABLE_TEXTS
from tokenarena_assets.storage.files import replacing, write_text
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import Lake, lake_of
from tokenarena_assets.storage.rawlog import RoundFiles, read_lines, seal_path

Say = Callable[[str], None]
LEVEL = 6


READ_LATER = frozenset(suite for need in NEEDS.values() for suite in need)  # by tables of more days than their own
LAST_READER = "fidelity_channels"
ROUND_LINE = (
    "round_id",
    "file",
    "on",
    "rows",
    "frames",
    "texts",
    "bytes_before",
    "bytes_after",
    "sha256_before",
    "sha256_after",
    "policy_sha256",
    "policy",
)


@dataclass(slots=True)
class Removed:
    """What goes of a suite on a day: lines that lose frames or texts, and bytes of the plain log."""

    frames_rows: int = 0
    texts_rows: int = 0
    plain_bytes: int = 0


@dataclass(slots=True)
class Compaction:
    """What a compaction did, or would do; `kept`: what is due and stays, and why; `broken`: logs not as sealed."""

    removed: dict[tuple[date, str], Removed] = field(default_factory=dict)
    tables: dict[tuple[date, str], int] = field(default_factory=dict)  # rows that lost texts
    kept: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    bytes_before: int = 0  # of the compressed logs that lose something
    bytes_after: int = 0  # 0 if nothing was written


class _KeptError(Exception):
    """The round stays as it is; says why."""


class _NothingError(Exception):
    """Nothing of the log is due: the new one does not take its place."""


@dataclass(slots=True)
class _Counts:
    """Of one log by suite: its lines, those that lose frames, those that lose texts, and bytes that go."""

    lines: Counter[str] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    plain_bytes: Counter[str] = field(default_factory=Counter)

    @property
    def changed(self) -> bool:
        return bool(self.frames or self.texts)

    def add(self, before: bytes, kept: Kept) -> None:
        self.lines[kept.suite] += 1
        if kept.frames:
            self.frames[kept.suite] += 1
        if kept.texts:
            self.texts[kept.suite] += 1
        self.plain_bytes[kept.suite] += len(before) - len(kept.data)

    def of_due(self, due: Callable[[str], Due]) -> dict[str, dict[str, int]]:
        """By suite of the log whose frames, whose texts were due: the lines that lost some."""
        suites = sorted(self.lines)
        return {
            "frames": {suite: self.frames[suite] for suite in suites if due(suite).frames},
            "texts": {suite: self.texts[suite] for suite in suites if due(suite).texts},
        }


def _kept_lines(log: Path, due: Callable[[str], Due], today: date, counts: _Counts) -> Iterator[bytes]:
    """The lines of a log without what is due, with their ends."""
    on = today.isoformat()
    for line in read_lines(log):
        if line.problem is not None and line.problem != "no_line_end":
            raise _KeptError(f"line {line.line} cannot be read whole ({line.problem}), so nothing of it is rewritten")
        kept = without_expired(line.data, due, on)
        counts.add(line.data, kept)
        yield kept.data if line.problem else kept.data + b"\n"


def _write(path: Path, lines: Iterator[bytes]) -> None:
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    with path.open("wb") as file, compressor.stream_writer(file, closefd=False) as writer:
        for line in lines:
            writer.write(line)


def _seal_text(seal: Mapping[str, Any]) -> str:
    return json.dumps(seal, indent=1) + "\n"


def _frames_only(due: Callable[[str], Due]) -> Callable[[str], Due]:
    return lambda suite: Due(due(suite).frames, False)


def _texts_only(due: Callable[[str], Due]) -> Callable[[str], Due]:
    return lambda suite: Due(False, due(suite).texts)


def raw_days(home: Home) -> list[date]:
    """The days that have raw logs, in order."""
    folders = (home.root / "raw" / "probes").glob("day=*")
    return sorted(date.fromisoformat(path.name.removeprefix("day=")) for path in folders)


def compact(
    home: Home, policy: Policy, days: Sequence[date], today: date, say: Say, *, dry: bool = False
) -> Compaction:
    """Take out of `days` what is due `today` under `policy`; the second time there is nothing left to do.

    Today itself is never touched.

    Raises:
        NoEvidenceError: a day has no raw logs.
        TokenArenaError: a seal is damaged.
    """
    if lacking := sorted(set(days) - set(raw_days(home))):
        raise NoEvidenceError(
            f"there are no raw logs of {', '.join(map(str, lacking))}", mend=f"see {home.root / 'raw' / 'probes'}"
        )
    done = Compaction()
    with _alone(home, dry=dry):
        ledger, lake = Ledger(home), lake_of(home)
        for day in sorted(set(days)):
            if day < today and policy.anything_due(day, today):
                _Day(home, lake, ledger, policy, day, today, done, say, dry).compact()
    return done


@contextmanager
def _alone(home: Home, *, dry: bool) -> Iterator[None]:
    if dry:
        yield
        return
    home.begin_writing()
    with (home.root / ".retention.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a round without reading it: the suites it has (None: not yet), and of which all is gone."""

    suites: frozenset[str] | None
    frames: frozenset[str]
    texts: frozenset[str]

    def left(self, due: Callable[[str], Due]) -> bool:
        """Whether anything that is due may still be there."""
        return self.suites is None or any(
            (due(suite).frames and suite not in self.frames) or (due(suite).texts and suite not in self.texts)
            for suite in self.suites
        )


@dataclass(slots=True)
class _Day:
    home: Home
    lake: Lake
    ledger: Ledger
    policy: Policy
    day: date
    today: date
    done: Compaction
    say: Say
    dry: bool

    def compact(self) -> None:
        due = self.policy.due(self.day, self.today)
        rounds = closed_rounds(self.home, self.day)
        texts_stay = self._texts_stay_because(rounds, due)
        for found in rounds:
            try:
                self._round(found, due, texts_stay)
            except _KeptError as kept:
                self._keep(found, str(kept))
        if not self.dry:
            self._tables()

    def _keep(self, found: RoundFiles, why: str) -> None:
        self.done.kept.append(f"{self.day} round {found.round_id}: {why}")

    def _texts_stay_because(self, rounds: Sequence[RoundFiles], due: Callable[[str], Due]) -> str | None:
        """Why numbers would be lost with the texts; None: all that is made of them has been made."""
        lacking = sorted(table for table in {*NEEDS, *TABLE_TEXTS} if not self.lake.has(table, self.day))
        if lacking:
            return f"the day has no table {lacking[0]}: tokenarena run --day {self.day}"
        read = self.lake.read("round_log", self.day, ["raw_file", "raw_rows"]).iter_rows()
        counted = {round_of(file): rows for file, rows in read}
        for found in rounds:
            if found.seal and counted.get(round_of(found.log.name)) != found.seal.get("rows"):
                return f"the tables lack round {found.round_id}: tokenarena run --day {self.day}"
        longest = max((days_read(suite) for suite in READ_LATER if due(suite).texts), default=1)
        for back in range(1, longest):
            later = self.day + timedelta(days=back)
            if later < self.today and self.home.raw_day(later).is_dir() and not self.lake.has(LAST_READER, later):
                return f"tables of {later} read them and were not made: tokenarena run --day {later}"
        return None

    # Raw logs

    def _round(self, found: RoundFiles, due: Callable[[str], Due], texts_stay: str | None) -> None:
        if found.stray:
            raise _KeptError("it is the sealed log of no round: look at it, and remove it by hand")
        if not hashes(found.seal) or not found.log.name.endswith(".zst"):
            raise _KeptError("it is not sealed: tokenarena run closes what was cut off")
        if not self.dry:
            self._recover(found)
        chain = compactions(found.seal)
        known = self._known(found, chain)
        if not known.left(due):
            return
        if texts_stay and known.left(_texts_only(due)):
            self._keep(found, f"its texts stay: {texts_stay}")
            due = _frames_only(due)
            if not known.left(due):
                return
        if (sha256 := sha256_of(found.log)) != hashes(found.seal)[-1]:
            self.done.broken.append(
                f"{found.log}: is not the file that was sealed: SHA-256 {sha256}, sealed {hashes(found.seal)[-1]}; "
                "nothing of it was changed"
            )
            return
        self._rewrite(found, chain, due, sha256)

    def _known(self, found: RoundFiles, chain: Sequence[Compacted]) -> _Known:
        looked = self.ledger.of_round(self.day, found.round_id) or {}
        if looked.get("state") != LOOKED_AT or looked["sha256"] != hashes(found.seal)[-1]:
            looked = {"frames": (), "texts": ()}
        suites = looked.get("suites") or (chain[-1].suites if chain else None)
        return _Known(
            None if suites is None else frozenset(suites),
            frozenset(looked["frames"]).union(*(each.frames for each in chain)),
            frozenset(looked["texts"]).union(*(each.texts for each in chain)),
        )

    def _recover(self, found: RoundFiles) -> None:
        """After a rewriting that was cut off: it is done where the new log is in place, else the seal is as before."""
        last = self.ledger.of_round(self.day, found.round_id)
        if last is None or last["state"] != BEGUN or last["sha256_after"] != hashes(found.seal)[-1]:
            return
        if sha256_of(found.log) == last["sha256_after"]:
            self.ledger.append(DONE, self.day, **{name: last[name] for name in ROUND_LINE})
            return
        seal = dict(found.seal or {})
        seal["compacted"] = seal["compacted"][:-1]
        write_text(seal_path(found.log, found.round_id), _seal_text(seal))

    def _rewrite(
        self, found: RoundFiles, chain: Sequence[Compacted], due: Callable[[str], Due], sha256_before: str
    ) -> None:
        counts = _Counts()
        if self.dry:
            for _ in _kept_lines(found.log, due, self.today, counts):
                pass
            self._add_up(counts, found.log.stat().st_size, 0)
            return
        try:
            with replacing(found.log) as temporary:
                _write(temporary, _kept_lines(found.log, due, self.today, counts))
                if not counts.changed:
                    raise _NothingError
                line = self._begin(found, chain, due, counts, temporary, sha256_before)
        except _NothingError:
            suites, sha256 = counts.of_due(due), hashes(found.seal)[-1]
            self.ledger.append(
                LOOKED_AT, self.day, round_id=found.round_id, sha256=sha256, suites=sorted(counts.lines), **suites
            )
            return
        self.ledger.append(DONE, self.day, **line)
        self._add_up(counts, line["bytes_before"], line["bytes_after"])
        sizes = " -> ".join(f"{line[name] / 1e6:.2f} MB" for name in ("bytes_before", "bytes_after"))
        self.say(f"{self.day} round {found.round_id}: {line['rows']} lines, {sizes}")

    def _begin(
        self,
        found: RoundFiles,
        chain: Sequence[Compacted],
        due: Callable[[str], Due],
        counts: _Counts,
        temporary: Path,
        sha256_before: str,
    ) -> dict[str, Any]:
        """Say what is about to be done in the ledger, then in the seal."""
        lost = counts.of_due(due)
        entry = Compacted(
            self.today.isoformat(),
            sha256_of(temporary),
            self.policy.sha256,
            tuple(sorted(counts.lines)),
            lost["frames"],
            lost["texts"],
        )
        line = {
            "round_id": found.round_id,
            "file": found.log.relative_to(self.home.root).as_posix(),
            "on": entry.on,
            "rows": sum(counts.lines.values()),
            **lost,
            "bytes_before": found.log.stat().st_size,
            "bytes_after": temporary.stat().st_size,
            "sha256_before": sha256_before,
            "sha256_after": entry.sha256,
            "policy_sha256": self.policy.sha256,
            "policy": self.policy.as_record(),
        }
        self.ledger.append(BEGUN, self.day, **line)
        seal = (found.seal or {}) | {"compacted": [each.as_record() for each in (*chain, entry)]}
        write_text(seal_path(found.log, found.round_id), _seal_text(seal))
        return line

    def _add_up(self, counts: _Counts, bytes_before: int, bytes_after: int) -> None:
        if not counts.changed:
            return
        self.done.bytes_before += bytes_before
        self.done.bytes_after += bytes_after
        for suite in counts.lines:
            into = self.done.removed.setdefault((self.day, suite), Removed())
            into.frames_rows += counts.frames[suite]
            into.texts_rows += counts.texts[suite]
            into.plain_bytes += counts.plain_bytes[suite]

    # Tables

    def _tables(self) -> None:
        texts: dict[str, frozenset[str]] = {}
        rounds: dict[str, str] = {}
        for found in closed_rounds(self.home, self.day):
            gone = {suite for each in compactions(found.seal) for suite, rows in each.texts.items() if rows}
            if gone:
                texts[round_of(found.log.name)] = frozenset(gone)
                rounds[found.round_id] = hashes(found.seal)[-1]
        last = self.ledger.of_tables(self.day)
        if not texts or (last is not None and last["rounds"] == rounds):
            return
        rows = expire_tables(self.lake, self.day, texts)
        self.ledger.append(TABLES, self.day, rounds=rounds, rows=rows)
        self.done.tables |= {(self.day, table): count for table, count in rows.items() if count}
