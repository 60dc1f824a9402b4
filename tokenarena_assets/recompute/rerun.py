"""Makes the tables once more from raw evidence, by the same graph, in an empty home; then compares cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import polars as pl

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.defs.execute import Run, materializing, upstream_of
from tokenarena_assets.endpoints.presets import embedded_presets_path
from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.recompute.compare import Comparison, compare
from tokenarena_assets.recompute.evidence import Evidence, broken_seals, empty_home, withheld_places
from tokenarena_assets.recompute.in_force import in_force
from tokenarena_assets.recompute.versions import differences, versions_here
from tokenarena_assets.retention.needs import BY_ROW, NEEDS, Gone, gone, said
from tokenarena_assets.retention.texts import TABLE_TEXTS
from tokenarena_assets.snapshot.withhold import Withheld
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import Lake, lake_of

TIMED_OUT = "code_timeout"
NOT_RUN = "not_run"
GRADED = "graded_answers"
JUDGED = "stg_probe_log"
COUNTED = "billing_requests"
READ = "probe_log"
# Its cells that come of texts: those of a line without them are taken; so is a line that was set aside as it was read.
READ_FROM_TEXTS = (*TABLE_TEXTS[READ], "gold", "estimated_input_tokens", "estimated_output_tokens")
BY_TEXT = "tokens_disagree_with_text"  # the one verdict on a line that rests on its text
PLACE = ["raw_file", "raw_line"]
WITHOUT_TEXTS = "whose text was withheld or has expired"
Say = Callable[[str], None]


@dataclass(slots=True)
class Recomputed:
    """What a recompute found; `same` only where nothing that can be computed differs and every seal holds.

    `expired`: day -> table -> why it can no longer be recomputed; such a table is taken as it stands and not compared.
    """

    days: list[date]
    versions: list[str] = field(default_factory=list)  # other versions than those recorded, and what they may explain
    broken: list[str] = field(default_factory=list)  # raw files that are not what was sealed
    notes: list[str] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)  # table -> why (some of) it is taken as published
    expired: dict[date, dict[str, str]] = field(default_factory=dict)
    timing: list[str] = field(default_factory=list)  # answers in code whose outcome is a matter of time
    failed: bool = False
    tables: list[Comparison] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether the tables came out as they were published, from files that are what was sealed."""
        return not self.broken and not self.failed and all(table.same for table in self.tables)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Days in a row that were made with one presets file, and whose `taken` tables can no longer be recomputed."""

    days: list[date]
    presets: Path
    taken: frozenset[str] = frozenset()


def recompute(evidence: Evidence, days: Sequence[date] | None, folder: Path, say: Say) -> Recomputed:
    """Recompute `days` (None: all) of `evidence` in `folder`, which must be empty.

    Windows reach back up to 60 days, so all earlier days that were materialized are recomputed as well.

    Raises:
        TokenArenaError: a day was not materialized, or `folder` is not empty.
        NoEvidenceError: there is nothing to compare with.
    """
    known = evidence.days()
    asked = sorted(set(days)) if days is not None else known
    if lacking := [day for day in asked if day not in known]:
        raise MissingTableError(
            f"no tables of {', '.join(map(str, lacking))} in {evidence.root}",
            mend=f"days are: {', '.join(map(str, known[-10:]))}",
        )
    if folder.exists() and any(folder.iterdir()):
        raise TokenArenaError(f"{folder} is not empty", mend="give an empty or new folder to --keep")
    needed = [day for day in known if day <= asked[-1]]
    found = Recomputed(asked)
    for day in needed:
        found.broken += broken_seals(evidence, day)
    found.expired = _expired(evidence, needed)
    chunks = _chunks(evidence.home, needed, found)
    home = empty_home(evidence, folder)
    _take_earlier(evidence, lake_of(home), needed, found)
    say(f"recomputing {len(needed)} day(s) from raw evidence in {folder}")
    _run(_Rerun(evidence, lake_of(home), home, chunks, found, say))
    found.tables = compare_all(evidence.tables, lake_of(home), asked, found)
    return found


def _take_earlier(evidence: Evidence, lake: Lake, days: Sequence[date], found: Recomputed) -> None:
    """Days whose evidence is not here, and that later days look back on: their published tables stand in."""
    taken: set[date] = set()
    for name in table_specs():
        for day in evidence.tables.days(name):
            if day not in days and day < days[-1]:
                lake.write(name, day, evidence.tables.read(name, day))
                taken.add(day)
    if taken:
        found.notes.append(
            f"{len(taken)} earlier day(s) from {min(taken)} on that windows reach back to: taken as published, "
            "their evidence is not here"
        )


def _expired(evidence: Evidence, days: Sequence[date]) -> dict[date, dict[str, str]]:
    """By day the tables that can no longer be recomputed, and why."""
    known = cache(evidence.expiry)
    found: dict[date, dict[str, list[Gone]]] = {}
    for day in days:
        for table in NEEDS.keys() - BY_ROW:
            if missing := gone(known, table, day):
                found.setdefault(day, {})[table] = missing
    return {
        day: {table: f"can no longer be recomputed: {said(each)}" for table, each in sorted(tables.items())}
        for day, tables in found.items()
    }


def _chunks(home: Home, days: Sequence[date], found: Recomputed) -> list[_Chunk]:
    chunks: list[_Chunk] = []
    said: dict[str, list[date]] = {}
    previous: str | None = None
    for day in days:
        recorded = in_force(home, day)
        if recorded is None:
            found.notes.append(f"{day}: no record of the presets in force; taken: those of this installation")
        for remark in differences(recorded.versions, versions_here()) if recorded else []:
            said.setdefault(remark, []).append(day)
        sha256 = recorded.presets_sha256 if recorded else ""
        presets = recorded.presets if recorded else embedded_presets_path()
        taken = frozenset(found.expired.get(day, ()))
        follows = chunks and chunks[-1].days[-1] == day - timedelta(days=1)
        if follows and previous == sha256 and chunks[-1].taken == taken:
            chunks[-1].days.append(day)
        else:
            chunks.append(_Chunk([day], presets, taken))
        previous = sha256
    found.versions = [
        f"{of[0]}: {text}" if len(of) == 1 else f"{of[0]} to {of[-1]}, {len(of)} days: {text}"
        for text, of in said.items()
    ]
    return chunks


@dataclass(slots=True)
class _Rerun:
    evidence: Evidence
    lake: Lake
    home: Home
    chunks: list[_Chunk]
    found: Recomputed
    say: Say
    done: set[str] = field(default_factory=set)
    _withheld: dict[date, dict[tuple[str, int], Withheld]] = field(default_factory=dict)

    def withheld(self, day: date) -> dict[tuple[str, int], Withheld]:
        """The lines of a day that lack some of their content."""
        if day not in self._withheld:
            self._withheld[day] = withheld_places(self.evidence, day)
        return self._withheld[day]

    @property
    def days(self) -> list[date]:
        return [day for chunk in self.chunks for day in chunk.days]

    def make(self, tables: set[str]) -> None:
        """Materialize `tables` of all days."""
        wanted = sorted(tables - self.done)
        if not wanted:
            return
        for chunk in self.chunks:
            own = [table for table in wanted if table not in chunk.taken]
            if not own:
                continue
            with materializing(self.home, presets_file=str(chunk.presets), log="problems", evidence_only=True) as run:
                self._of(run, chunk, own)
        self.done |= set(wanted)

    def _of(self, run: Run, chunk: _Chunk, wanted: Sequence[str]) -> None:
        if not run(chunk.days, assets=wanted):
            self.found.failed = True

    def take(self, table: str, why: str) -> None:
        """Let the published partitions of a table stand in for ours."""
        for day in self.days:
            self.take_day(table, day)
        self.found.taken[table] = why
        self.done.add(table)

    def take_day(self, table: str, day: date) -> None:
        """Let the published partition of a day stand in for ours."""
        if self.evidence.tables.has(table, day):
            self.lake.write(table, day, self.evidence.tables.read(table, day))


def _run(rerun: _Rerun) -> None:
    every = set(table_specs())
    for table in rerun.evidence.taken:
        if table in every:
            rerun.take(table, "it cannot be made without the texts, which are not in this folder")
    for day, tables in rerun.found.expired.items():
        for table in tables:
            rerun.take_day(table, day)
    targets = ((READ, _take_read), (JUDGED, _take_judged), (GRADED, _take_graded), (COUNTED, _take_counted))
    for target, mend in targets:
        if target == READ and not any(rerun.withheld(day) for day in rerun.days):
            continue
        if target in every - rerun.done:
            rerun.say(f"up to {target} ...")
            rerun.make((upstream_of([target]) & every) - rerun.done)
            mend(rerun)
    rerun.say("the rest ...")
    rerun.make(every)


def _take_read(rerun: _Rerun) -> None:
    """Of a line without its texts the cells that come of them are taken; numbers are those of the line."""
    taken = 0
    for day, places in _without_texts(rerun, READ):
        published = rerun.evidence.tables.read(READ, day)
        broken = published.filter(pl.col("problem").is_not_null()).select(PLACE)
        taken += _replace(rerun, READ, day, PLACE, published, [each for each in broken.rows() if each in places])
        ours = rerun.lake.read(READ, day)
        here = pl.DataFrame(sorted(places), schema={n: ours.schema[n] for n in PLACE}, orient="row")
        cells = published.join(here, on=PLACE, how="semi").select(
            *PLACE, pl.lit(value=True).alias("__taken"), *(pl.col(n).alias(f"__{n}") for n in READ_FROM_TEXTS)
        )
        both = ours.join(cells, on=PLACE, how="left", maintain_order="left")
        values = (pl.when("__taken").then(f"__{name}").otherwise(name).alias(name) for name in READ_FROM_TEXTS)
        rerun.lake.write(READ, day, both.with_columns(*values).select(ours.columns))
        taken += cells.height
    if taken:
        rerun.found.taken[READ] = f"texts, and tokens by characters, of {taken} lines {WITHOUT_TEXTS}"


def _take_judged(rerun: _Rerun) -> None:
    """A line cannot be judged by a text that is not here: where that was the verdict, it stands as published."""
    taken = 0
    for day, places in _without_texts(rerun, JUDGED):
        published = rerun.evidence.tables.read(JUDGED, day)
        by_text = published.filter(pl.col("reject_reason") == BY_TEXT)
        # Were it sound, another line of the request would be its duplicate.
        of_them = published.join(by_text, on="request_id", how="semi").select(PLACE)
        taken += _replace(rerun, JUDGED, day, PLACE, published, [each for each in of_them.rows() if each in places])
    if taken:
        rerun.found.taken[JUDGED] = f"{taken} verdicts on lines {WITHOUT_TEXTS}"


def _take_counted(rerun: _Rerun) -> None:
    """Text that is not here cannot be counted again."""
    taken = 0
    for day, places in _without_texts(rerun, COUNTED):
        published = rerun.evidence.tables.read(COUNTED, day)
        keys = [each for each in published.select(PLACE).rows() if each in places]
        taken += _replace(rerun, COUNTED, day, PLACE, published, keys)
    if taken:
        rerun.found.taken[COUNTED] = f"{taken} answers {WITHOUT_TEXTS}"


def _without_texts(rerun: _Rerun, table: str) -> Iterator[tuple[date, set[tuple[str, int]]]]:
    """Days that both sides have of a table, with the places of lines whose texts were withheld or have expired."""
    for day in rerun.days:
        if not rerun.evidence.tables.has(table, day) or not rerun.lake.has(table, day):
            continue
        places = {place for place, each in rerun.withheld(day).items() if each.texts}
        if places:
            yield day, places


def _take_graded(rerun: _Rerun) -> None:
    """Grades that cannot be given here, or that are a matter of time, are taken as published, and said to be."""
    if suspects := [day for day in rerun.days if _timed(rerun, day)]:
        # A busy machine may have been too slow for one of the two runs: once more.
        rerun.done.discard(GRADED)
        rerun.make({GRADED})
    reasons: dict[str, int] = {}
    for day in rerun.days:
        published = rerun.evidence.tables.read(GRADED, day)
        withheld = {each.request_id for each in rerun.withheld(day).values()}
        hidden = [(request_id,) for request_id in published["request_id"] if request_id in withheld]
        timed = [key for key in _timed(rerun, day) if key not in set(hidden)] if day in suspects else []
        unrun = [key for key in _not_run(rerun, day) if key not in {*hidden, *timed}]
        rerun.found.timing += [f"{day} {key[0]}" for key in timed]
        for why, keys in (
            ("of items whose gold answer or text was withheld or has expired", hidden),
            ("not reproducible: timing", timed),
            ("of code that only one of the two machines had a sandbox for", unrun),
        ):
            if count := _replace(rerun, GRADED, day, ["request_id"], published, keys):
                reasons[why] = reasons.get(why, 0) + count
    if reasons:
        rerun.found.taken[GRADED] = "; ".join(f"{count} grades {why}" for why, count in reasons.items())


def _graded_pairs(rerun: _Rerun, day: date) -> pl.DataFrame:
    published, ours = rerun.evidence.tables.read(GRADED, day), rerun.lake.read(GRADED, day)
    return published.join(ours, on="request_id", suffix="_ours")


def _timed(rerun: _Rerun, day: date) -> list[tuple[str]]:
    pairs = _graded_pairs(rerun, day)
    either = (pl.col("outcome") == TIMED_OUT) | (pl.col("outcome_ours") == TIMED_OUT)
    other = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(f"{name}_ours")) for name in ("outcome", "correct", "extracted", "detail")
    )
    return list(pairs.filter(either & other).select("request_id").iter_rows())


def _not_run(rerun: _Rerun, day: date) -> list[tuple[str]]:
    pairs = _graded_pairs(rerun, day)
    one = (pl.col("outcome") == NOT_RUN) != (pl.col("outcome_ours") == NOT_RUN)
    return list(pairs.filter(one).select("request_id").iter_rows())


def _replace(
    rerun: _Rerun,
    table: str,
    day: date,
    key: Sequence[str],
    published: pl.DataFrame,
    keys: Sequence[tuple[object, ...]],
) -> int:
    """Put the published rows of `keys` in the place of ours; how many."""
    if not keys:
        return 0
    ours = rerun.lake.read(table, day)
    wanted = pl.DataFrame(keys, schema={name: ours.schema[name] for name in key}, orient="row")
    rows = published.join(wanted, on=list(key), how="semi").select(ours.columns)
    if dict(rows.schema) != dict(ours.schema):
        return 0  # the comparison says it
    order = ours.select(key).with_row_index("__order")
    kept = ours.join(rows, on=list(key), how="anti")
    both = pl.concat([kept, rows]).join(order, on=list(key), how="left").sort("__order", nulls_last=True)
    rerun.lake.write(table, day, both.drop("__order"))
    return rows.height


def compare_all(published: Lake, ours: Lake, days: Sequence[date], found: Recomputed) -> list[Comparison]:
    """Every published table of `days` against ours; tables taken as published whole are left out."""
    compared = []
    whole = {table for table, why in found.taken.items() if why.startswith("it cannot be made")}
    for name, spec in sorted(table_specs().items()):
        known = set(published.days(name))
        for day in days:
            if name in whole or name in found.expired.get(day, ()) or (day not in known and day not in ours.days(name)):
                continue
            if day not in known:
                found.notes.append(f"{day}: {name} was not published, and is made now")
                continue
            theirs = published.read(name, day)
            if day not in ours.days(name):
                cells = theirs.height * theirs.width
                compared.append(
                    Comparison(name, day, theirs.height, cells, cells, problem="could not be made from the evidence")
                )
                continue
            key = [column for column in spec.key if column in theirs.columns]
            compared.append(compare(name, day, key, theirs, ours.read(name, day)))
    return compared
