"""One published cell and all that it rests on: formula, inputs, n, raw probes, versions, certificates."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import polars as pl

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.explain.places import Places, line_sha256, manifest_facts
from tokenarena_assets.explain.trace import Tracer, Trail
from tokenarena_assets.recompute.evidence import Evidence
from tokenarena_assets.recompute.in_force import in_force
from tokenarena_assets.retention.lines import expired_of

SCHEMA_VERSION = 1
DEFAULT_LIMIT = 10
PRESET_COLUMNS = ("preset", "mix", "workload")
ENDPOINT_COLUMNS = ("endpoint_id", "endpoint_a")
WHY = ("_note", "_because", "_refusal")
NO_PROBE = "no probe of it: it is what the catalog or the plan said"
ROUND_COLUMNS = (
    "round_id",
    "state",
    "certified",
    "uncertified_because",
    "void",
    "void_reason",
    "client_ttft_error_p50_ms",
    "client_ttft_error_p99_ms",
    "client_event_lag_p50_ms",
    "client_event_lag_p99_ms",
    "client",
)


class Explainer:
    """Explains the cells of one day; what it has read is kept for the next cell."""

    def __init__(self, evidence: Evidence, day: date) -> None:
        """Open the tables of `day`.

        Raises:
            TokenArenaError: the day was not materialized.
        """
        days = evidence.days()
        if day not in days:
            raise TokenArenaError(
                f"{day} was not materialized in {evidence.root}", mend=f"days are: {_listed(map(str, days[-12:]))}"
            )
        self.day = day
        self.evidence = evidence
        self._tracer = Tracer(evidence.tables, day)
        self._places = Places(evidence)

    def __enter__(self) -> Explainer:
        return self

    def __exit__(self, *_: object) -> None:
        self._tracer.close()

    def row(self, table: str, preset: str, endpoint: str, where: Mapping[str, str]) -> dict[str, Any]:
        """The one row that is meant.

        Raises:
            TokenArenaError: no such table, preset or endpoint (it lists what there is), or several rows are meant.
        """
        specs = table_specs()
        if table not in specs or table not in self._tracer.tables:
            raise _unknown("table", table, sorted(self._tracer.tables))
        spec, frame = specs[table], self.evidence.tables.read(table, self.day)
        for kind, given, columns in (("preset", preset, PRESET_COLUMNS), ("endpoint", endpoint, ENDPOINT_COLUMNS)):
            column = next((name for name in columns if name in spec.key), None)
            if column is None and kind == "preset":
                continue
            if column is None:
                raise TokenArenaError(f"{table} has no rows of endpoints", mend="see tokenarena sql 'show tables'")
            if given not in set(frame[column]):
                raise _unknown(kind, given, sorted({str(value) for value in frame[column]}))
            frame = frame.filter(pl.col(column) == given)
        for name, value in where.items():
            if name not in frame.columns:
                raise _unknown("column", name, frame.columns)
            known = sorted({str(each) for each in frame[name]})
            frame = frame.filter(pl.col(name).cast(pl.String) == value)
            if frame.is_empty():
                raise _unknown(name, value, known)
        if frame.height > 1:
            apart = [name for name in spec.key if frame[name].n_unique() > 1]
            shown = [", ".join(f"{name}={row[name]}" for name in apart) for row in frame.head(12).to_dicts()]
            raise TokenArenaError(
                f"{frame.height} rows of {table} are of this preset and endpoint",
                mend="choose one with --where NAME=VALUE: " + "; ".join(shown),
            )
        return dict(frame.row(0, named=True))

    def cell(
        self, table: str, row: Mapping[str, Any], column: str, limit: int | None = DEFAULT_LIMIT
    ) -> dict[str, Any]:
        """All that is known of one cell, as plain JSON values but for dates; `limit` raw places are listed.

        Raises:
            TokenArenaError: there is no such column.
        """
        spec = table_specs()[table]
        comments = {each.name: each.comment for each in spec.columns}
        if column not in comments:
            raise _unknown("column", column, list(spec.column_names))
        trail = self._trail(table, row, column)
        probes = self._probes(trail, limit)
        kind = _kind(trail)
        return {
            "schema_version": SCHEMA_VERSION,
            "day": self.day,
            "table": table,
            "key": {name: row[name] for name in spec.key},
            "column": column,
            "comment": comments[column],
            "kind": kind,
            "value": row[column],
            **_companions(row, column),
            "formula": trail.steps[0].formula,
            "chain": [asdict(step) for step in trail.steps],
            "rows": {name: keys.height for name, keys in trail.rows.items() if name != table},
            "probes": probes,
            "no_probe_because": _why_no_probe(kind, trail, row, column) if not probes["total"] else None,
            "recorded_in": self._recorded(trail),
            "rounds": self._rounds(trail),
            "versions": self._versions(trail),
        }

    def _trail(self, table: str, row: Mapping[str, Any], column: str) -> Trail:
        names = self._tracer.keys_of(table)
        frame = self.evidence.tables.read(table, self.day).head(0)
        keys = pl.DataFrame([[row[name] for name in names]], schema={n: frame.schema[n] for n in names}, orient="row")
        trail = Trail()
        self._tracer.walk(table, keys, column, trail)
        return trail

    def _probes(self, trail: Trail, limit: int | None) -> dict[str, Any]:
        keys = trail.reached.get("probe_log")
        if keys is None or keys.is_empty():
            return {"total": 0, "shown": []}
        ordered = keys.sort("day", "raw_file", "raw_line")
        shown = ordered if limit is None else ordered.head(limit)
        lines = {
            (day, file): self._places.lines(day, file, own["raw_line"].to_list())
            for (day, file), own in shown.group_by("day", "raw_file", maintain_order=True)
        }
        columns = (
            "day",
            "raw_file",
            "raw_line",
            "request_id",
            "response_id",
            "endpoint_id",
            "suite",
            "started_at",
            "status",
        )
        found = []
        for row in self._tracer.full("probe_log", shown).select(columns).sort("day", "raw_file", "raw_line").to_dicts():
            file = self._places.file(row["day"], row["raw_file"])
            data = lines.get((row["day"], row["raw_file"]), {}).get(row["raw_line"])
            found.append(
                {
                    **{name: value for name, value in row.items() if name != "raw_file"},
                    "file": file.path,
                    "file_sha256": file.sha256,
                    "sealed_sha256": file.sealed_sha256,
                    "file_state": file.state,
                    "file_compacted": [each.as_record() for each in file.compacted],
                    "line_sha256": None if data is None else line_sha256(data),
                    "expired": None if data is None else expired_of(data),
                }
            )
        return {"total": keys.height, "shown": found}

    def raw_lines(self, probes: Mapping[str, Any]) -> list[tuple[str, bytes]]:
        """(place, bytes) of the raw lines that are shown; hostile text."""
        found = []
        for probe in probes["shown"]:
            name = str(probe["file"]).rsplit("/", 1)[-1]
            data = self._places.lines(probe["day"], name, [probe["raw_line"]]).get(probe["raw_line"])
            found.append((f"{probe['file']}:{probe['raw_line']}", data if data is not None else b""))
        return found

    def _recorded(self, trail: Trail) -> list[str]:
        """Evidence other than probes: manifests, certificates, price files, presets."""
        found: set[str] = set()
        for table, suffix in (("catalog_log", "manifest.json"), ("round_log", "manifest.json")):
            keys = trail.reached.get(table)
            for row in keys.to_dicts() if keys is not None else []:
                found.add(f"raw/probes/day={row['day']}/round={row['round_id']}.{suffix}")
        if (keys := trail.reached.get("certificates")) is not None:
            found |= {f"raw/probes/day={row['day']}/{row['raw_file']}:{row['raw_line']}" for row in keys.to_dicts()}
        if (keys := trail.reached.get("price_observation")) is not None:
            seen = self._tracer.full("price_observation", keys).select("day", "feed", "raw_file", "raw_line")
            for row in seen.to_dicts():
                folder = "probes" if str(row["raw_file"]).startswith("round=") else "prices"
                found.add(f"raw/{folder}/day={row['day']}/{row['raw_file']}:{row['raw_line']} ({row['feed']})")
        recorded = in_force(self.evidence.home, self.day)
        if recorded is not None and any("blended_prices" in name or "preset" in name for name in trail.rows):
            found.add(recorded.presets.relative_to(self.evidence.root).as_posix())
        return sorted(found)

    def _rounds(self, trail: Trail) -> list[dict[str, Any]]:
        wanted: set[tuple[date, str]] = set()
        if (keys := trail.reached.get("probe_log")) is not None and "rounds" in self._tracer.tables:
            files = set(keys.select("day", "raw_file").unique().iter_rows())
            for row in self._tracer.full("rounds", keys.select("day", "raw_file")).to_dicts():
                if (row["day"], row["raw_file"]) in files:
                    wanted.add((row["day"], row["round_id"]))
        for table in ("catalog_log", "round_log"):
            if (keys := trail.reached.get(table)) is not None:
                wanted |= set(keys.select("day", "round_id").iter_rows())
        if not wanted or "rounds" not in self._tracer.tables:
            return []
        keys = pl.DataFrame(sorted(wanted), schema={"day": pl.Date(), "round_id": pl.String()}, orient="row")
        rows = self._tracer.full("rounds", keys).sort("day", "round_id").to_dicts()
        return [self._round(row) for row in rows]

    def _round(self, row: Mapping[str, Any]) -> dict[str, Any]:
        file = self._places.file(row["day"], row["raw_file"])
        facts = manifest_facts(self._places.round_of(row["day"], row["raw_file"]))
        return {
            "day": row["day"],
            **{name: row.get(name) for name in ROUND_COLUMNS},
            "suite_version": facts["suite_version"],
            "file": file.path,
            "file_sha256": file.sha256,
            "sealed_sha256": file.sealed_sha256,
            "file_state": file.state,
        }

    def _versions(self, trail: Trail) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for table, columns in (
            ("graded_answers", ("grader_version",)),
            ("energy_daily", ENERGY),
            ("energy_per_correct", ENERGY),
        ):
            if (keys := trail.rows.get(table)) is None or keys.is_empty():
                continue
            rows = self._tracer.full(table, keys)
            for name in columns:
                if name in rows.columns:
                    found[name] = sorted({str(value) for value in rows[name] if value is not None})
        recorded = in_force(self.evidence.home, self.day)
        if recorded is not None:
            found |= {"materialized_with": recorded.versions, "presets_sha256": recorded.presets_sha256}
        return found


ENERGY = ("model_version", "constants_version", "seed", "evidence_grade")


def _kind(trail: Trail) -> str:
    """`measured`, `modeled`, `recorded` (a catalog, plan or feed said so) or `fixed` (a key, or the preset's own)."""
    if any(step.modeled for step in trail.steps):
        return "modeled"
    if "probe_log" in trail.reached:
        return "measured"
    return "recorded" if trail.reached else "fixed"


def _why_no_probe(kind: str, trail: Trail, row: Mapping[str, Any], column: str) -> str:
    said = list(dict.fromkeys(trail.fixed))
    if trail.undeclared:
        said.append(f"its inputs are not declared: {', '.join(trail.undeclared)}")
    why = _companions(row, column)["why"]
    if kind in ("measured", "modeled"):
        return why or "nothing was measured of it on the day: no probe of its kind was sent, or none is sound"
    if kind == "recorded":
        return why or NO_PROBE
    return "; ".join(said) or "it is fixed"


def _companions(row: Mapping[str, Any], column: str) -> dict[str, Any]:
    """Interval, n and reasons that stand beside a figure, by the names that the tables give them."""
    lo, hi = (_beside(row, column, end) for end in ("lo", "hi"))
    reasons = [
        f"{name}: {value}"
        for name, value in row.items()
        if value is not None and any(name.endswith(end) and _stem(column).startswith(_stem(name)) for end in WHY)
    ]
    return {"lo": lo, "hi": hi, "n": _n(row, column), "why": "; ".join(reasons) or None}


UNITS = ("_ms", "_tok_s", "_usd", "_per_s", "_usd_per_mtok")


def _stem(name: str) -> str:
    for end in (*WHY, "_not_ranked", "_not_scored", *UNITS):
        name = name.removesuffix(end)
    for end in ("_not_ranked", "_not_scored"):
        name = name.removesuffix(end)
    return name


def _beside(row: Mapping[str, Any], column: str, end: str) -> Any:
    names = [
        f"{column}_{end}",
        *(f"{column.removesuffix(unit)}_{end}{unit}" for unit in UNITS if column.endswith(unit)),
    ]
    if column.endswith("_p50"):
        names.append(f"{column.removesuffix('_p50')}_{'p5' if end == 'lo' else 'p95'}")
    if column == "value":
        names.append(f"value_{end}")
    return next((row[name] for name in names if name in row), None)


def _n(row: Mapping[str, Any], column: str) -> int | None:
    stem = column.removesuffix("_lo").removesuffix("_hi")
    names = [f"{stem}_n", f"{stem}_n_prompts"]
    names += {
        "usd_per_correct": ["n_items"],
        "accuracy": ["n_graded"],
        "success_rate": ["n_sent"],
        "ttft_p50_ms": ["n_ttft"],
        "output_speed_p50_tok_s": ["n_speed"],
        "value": ["n"],
    }.get(stem, [])
    found = next((row[name] for name in names if row.get(name) is not None), None)
    return None if found is None else int(found)


def _unknown(kind: str, given: str, known: Sequence[str]) -> TokenArenaError:
    near = difflib.get_close_matches(given, known, n=3, cutoff=0.4)
    part = [name for name in known if given.lower() in name.lower()]
    close = list(dict.fromkeys([*near, *part]))[:5]
    mend = f"did you mean {' or '.join(close)}? " if close else ""
    return TokenArenaError(f"there is no {kind} {given!r}", mend=f"{mend}There is: {_listed(known)}")


def _listed(names: Iterable[str], most: int = 60) -> str:
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def cell(
    evidence: Evidence,
    day: date,
    preset: str,
    endpoint: str,
    column: str,
    *,
    table: str = "leaderboard",
    limit: int = 10,
) -> dict[str, Any]:
    """One cell explained, for a page to embed; :class:`Explainer` is quicker for many.

    Raises:
        TokenArenaError: there is no such day, table, preset, endpoint or column.
    """
    with Explainer(evidence, day) as explainer:
        return explainer.cell(table, explainer.row(table, preset, endpoint, {}), column, limit)
