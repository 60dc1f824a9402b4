"""Reads a day's raw rounds into tables: one row a line, one a round, one an endpoint that a round recorded.

Lines are read file by file, in processes of their own where a day is large, into short-lived Arrow files; then those
become the one partition in the order of the rounds. No step holds more than a batch of lines.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from tokenarena_assets.chain.lines import probe_frame
from tokenarena_assets.chain.rounds import catalog_frame, closed_rounds, round_frame
from tokenarena_assets.chain.tables import PROBE_LOG, ROUND_LOG
from tokenarena_assets.errors import NoEvidenceError
from tokenarena_assets.processes import end_with_starter
from tokenarena_assets.storage.files import temporary_beside
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import DAMAGED, RawLine, read_lines

BATCH_ROWS, BATCH_BYTES = 16_384, 48 * 1024 * 1024
ALONE_BYTES = 24 * 1024 * 1024  # of compressed logs: less is read before a second process has started
TASK_BYTES = 4 * 1024 * 1024  # small files are read in one go
ROW_GROUP = 122_880  # as DuckDB writes them


@dataclass(frozen=True, slots=True)
class RawDay:
    """The day's evidence as frames: `probe_log`, `round_log`, `catalog_log`."""

    probe_log: pl.DataFrame
    round_log: pl.DataFrame
    catalog_log: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Read:
    """What one log came to: the files of its rows in order, how many there are, why none of them can be trusted."""

    parts: tuple[Path, ...]
    rows: int
    damage: str | None


def read_day(home: Home, day: date) -> RawDay:
    """Read every round of `day` that is not being written at this moment, all of it into memory.

    Raises:
        NoEvidenceError: the day has no round.
    """
    with tempfile.TemporaryDirectory(prefix="tokenarena-") as folder:
        path = Path(folder) / "probe_log.parquet"
        round_log, catalog_log = write_probe_log(home, day, path)
        return RawDay(pl.read_parquet(path), round_log, catalog_log)


def write_probe_log(home: Home, day: date, path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Write `probe_log` of `day` to the Parquet file `path`; `round_log` and `catalog_log` are returned.

    Rounds that are being written at this moment are left for later.

    Raises:
        NoEvidenceError: the day has no round.
    """
    rounds = closed_rounds(home, day)
    if not rounds:
        raise NoEvidenceError(
            f"there is no probe round of {day} in {home.raw_day(day)}",
            mend="evidence of a past day cannot be made today; for today run: tokenarena probe",
        )
    with _scratch(path) as folder:
        read = _read_all(day, [found.log for found in rounds], folder)
        _join(read, path)
    marks = pl.lit(home.is_rehearsal).alias("rehearsal_home")
    round_log = pl.concat([round_frame(day, found, each.rows) for found, each in zip(rounds, read, strict=True)])
    catalog_log = pl.concat([catalog_frame(day, found) for found in rounds])
    return round_log.with_columns(marks).select(ROUND_LOG.column_names), catalog_log


def _read_all(day: date, logs: Sequence[Path], folder: Path) -> list[_Read]:
    """Read the logs, in processes of their own where that is worth their start; in the order of `logs`."""
    tasks = list(_tasks(logs))
    folders = [folder / str(number) for number in range(len(tasks))]
    workers = min(len(tasks), os.cpu_count() or 1)
    if workers < 2 or sum(_size(log) for log in logs) < ALONE_BYTES:
        return [each for task, own in zip(tasks, folders, strict=True) for each in _read_task(day, task, own)]
    context = multiprocessing.get_context("spawn")  # a fork would inherit locked threads of polars and DuckDB
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_starter) as pool:
        return [each for found in pool.map(_read_task, [day] * len(tasks), tasks, folders) for each in found]


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A folder beside `path`; the next writer removes that of one that was killed."""
    folder = temporary_beside(path.with_name("reading"))
    shutil.rmtree(folder, ignore_errors=True)  # a killed one may have had our number
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tasks(logs: Iterable[Path]) -> Iterator[list[Path]]:
    """Neighbouring logs, small ones together."""
    task: list[Path] = []
    size = 0
    for log in logs:
        if task and size + _size(log) > TASK_BYTES:
            yield task
            task, size = [], 0
        task.append(log)
        size += _size(log)
    if task:
        yield task


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def _read_task(day: date, logs: Sequence[Path], folder: Path) -> list[_Read]:
    folder.mkdir()
    return [_read_log(day, log, folder / str(number)) for number, log in enumerate(logs)]


def _read_log(day: date, log: Path, stem: Path) -> _Read:
    parts: list[Path] = []
    rows, last = 0, ""
    for batch in _batches(read_lines(log)):
        parts.append(stem.with_name(f"{stem.name}-{len(parts)}.arrow"))
        probe_frame(day, batch).write_ipc(parts[-1], compression="lz4")
        rows += len(batch)
        last = batch[-1].problem or ""
    return _Read(tuple(parts), rows, last if last.startswith(DAMAGED) else None)


def _batches(lines: Iterable[RawLine]) -> Iterator[list[RawLine]]:
    batch: list[RawLine] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line.data)
        if len(batch) == BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _join(read: Sequence[_Read], path: Path) -> None:
    """Make one Parquet file of the rows of all logs. Of a damaged one nothing can be trusted, each line says so."""
    frames = []
    for damage, parts in _runs(read):
        frame = pl.scan_ipc(list(parts))
        if damage is not None:
            frame = frame.with_columns(pl.col("problem").fill_null(damage))
        frames.append(frame)
    rows = pl.concat(frames) if frames else PROBE_LOG.frame([]).lazy()
    rows.sink_parquet(path, compression="zstd", row_group_size=ROW_GROUP)


def _runs(read: Iterable[_Read]) -> Iterator[tuple[str | None, list[Path]]]:
    """The files of neighbouring logs of like damage, together."""
    runs: list[tuple[str | None, list[Path]]] = []
    for each in read:
        if runs and runs[-1][0] == each.damage:
            runs[-1][1].extend(each.parts)
        elif each.parts:
            runs.append((each.damage, list(each.parts)))
    return iter(runs)
