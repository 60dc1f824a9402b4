"""The published database of a day as the data of its page; nothing is computed here that the database does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from tokenarena_assets import __version__
from tokenarena_assets.chain.rank_tables import ORDERS
from tokenarena_assets.errors import MissingTableError
from tokenarena_assets.report.cells import evidence_note
from tokenarena_assets.report.page.distributions import ttft
from tokenarena_assets.report.page.guard import all_with_intervals
from tokenarena_assets.report.page.history import history
from tokenarena_assets.report.page.optional import optional_sections
from tokenarena_assets.report.page.packing import packed, plain
from tokenarena_assets.report.page.places import places
from tokenarena_assets.report.page.source import Source
from tokenarena_assets.storage.rehearsal import BANNER

FORMAT = 1  # of the data; the script reads this one
NEEDED = ("leaderboard", "ranks", "endpoints", "rounds")
CATALOG = (
    "endpoint_id provider model model_family sku api quantization region is_embedded is_reference thinks "
    "context_tokens input_usd_per_mtok cached_input_usd_per_mtok output_usd_per_mtok fast_because note"
).split()
# Of the leaderboard: what does not depend on the preset and stands beside the ranks.
BESIDE = (
    "domain domain_note latency_suite latency_prompt_tokens success_rate success_rate_n quality_truncation_limited "
    "quality_math quality_code versus_reference fidelity_verdict fidelity_channels_named fidelity_claim fidelity_note "
    "fidelity_reference_kind not_ready context_status context_truncating context_accepted_tokens context_served_tokens "
    "e2e_with_failures_ms ttft_p90_ms ttft_p90_note"
).split()
PLACE = "rank rank_lo rank_hi rank_badge rank_note value value_lo value_hi n close_p more_n".split()
ROUND = (
    "round_id started_at state certified void void_reason uncertified_because client_ttft_error_p50_ms "
    "client_ttft_error_p99_ms client_event_lag_p50_ms client_event_lag_p99_ms suites client raw_file sha256 n_raw "
    "n_requests n_quarantined cost_usd"
).split()
FIDELITY = (
    "endpoint_id reference_endpoint_id fidelity fidelity_lo fidelity_hi fidelity_n_prompts fidelity_self_floor verdict "
    "channels_named"
).split()
CONTEXT = "endpoint_id advertised_tokens effective_tokens lo hi base_accuracy n_base status truncating note".split()
CHANGE = "endpoint_id verdict changed_on changed_lo changed_hi probability metrics claim".split()
# Whose comments the page quotes, beside those of the orders.
QUOTED = {
    "ranks": ("rank", "rank_lo", "rank_hi", "rank_badge", "close_p", "more_n", "value", "value_lo", "value_hi", "n"),
    "leaderboard": (*ORDERS, "success_rate", "versus_reference", "fidelity_self_floor", "context_advertised_tokens"),
    "latency_daily": ("e2e_p90_with_failures_ms",),
    "energy_per_correct": ("energy_j_per_correct_p5", "output_tokens_per_correct", "energy_j_per_output_token_p5"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """The endpoints of the day by their place in the list that the page has of them."""

    ids: Sequence[str]

    def numbered(self, rows: Sequence[Mapping[str, Any]], column: str = "endpoint_id") -> list[dict[str, Any]]:
        """Rows with `e`, the place of their endpoint; rows of no endpoint of the day are left out."""
        at = {name: index for index, name in enumerate(self.ids)}
        return [{**row, "e": at[row[column]]} for row in rows if row[column] in at]


def latest_day(connection: duckdb.DuckDBPyConnection) -> date:
    """The last day that has ranks.

    Raises:
        MissingTableError: none has.
    """
    source = Source.of(connection)
    _require(source)
    found = connection.execute("select max(day) from ranks").fetchone()
    if found is None or found[0] is None:
        raise MissingTableError("no day has ranks yet", mend="materialize one: tokenarena run")
    day: date = found[0]
    return day


def page_data(connection: duckdb.DuckDBPyConnection, day: date) -> dict[str, Any]:
    """All that the page of a day shows, as JSON has it; the same database gives the same data.

    Raises:
        MissingTableError: the database has no ranks of the day.
        BareEnergyError: modeled energy without its interval.
    """
    source = Source.of(connection)
    _require(source)
    of_day: dict[str, object] = {"day": day}
    ranks = source.query("select * from ranks where day = $day order by preset, ranked_by, endpoint_id", of_day)
    if not ranks:
        raise MissingTableError(f"there are no ranks of {day}", mend=f"tokenarena run --day {day}")
    all_with_intervals(ranks)
    board = source.query("select * from leaderboard where day = $day order by preset, endpoint_id", of_day)
    names = Names(sorted({row["endpoint_id"] for row in ranks}))
    presets = sorted({row["preset"] for row in ranks})
    orders = _orders(ranks)
    rounds = source.rows("rounds", ROUND, "day = $day", "round_id", of_day)
    rehearsal = any(row.get("rehearsal") for row in board)
    data: dict[str, Any] = {
        "format": FORMAT,
        "day": plain(day),
        "software": f"tokenarena {__version__}",
        "banner": BANNER if rehearsal else None,
        "note": plain(evidence_note(board)),
        "presets": _presets(source, presets, of_day),
        "orders": plain(orders),
        "endpoints": _endpoints(source, names, board, of_day),
        "ranks": _ranks(ranks, names, presets, orders),
        "rounds": packed(rounds, ROUND),
        "quarantine": _quarantine(source, of_day),
        "ttft": ttft(source, names, of_day),
        "fidelity": _packed_by_endpoint(source, "fidelity_daily", FIDELITY, names, of_day),
        "context": _packed_by_endpoint(source, "context_daily", CONTEXT, names, of_day),
        "changes": _changes(source, names, of_day),
        "history": history(source, names, [order["name"] for order in orders], day),
        "places": places(source, names, of_day),
        "comments": {table: plain(source.comments(table, columns)) for table, columns in QUOTED.items()},
        "versions": _versions(source, of_day),
        **optional_sections(source, names, of_day),
    }
    return data


def _require(source: Source) -> None:
    missing = [table for table in NEEDED if not source.has(table)]
    if missing:
        raise MissingTableError(
            f"the published database has no table {', '.join(missing)}", mend="publish it anew: tokenarena publish"
        )


def _orders(ranks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each order once, in the order of `ORDERS`."""
    found = {
        row["ranked_by"]: {
            "name": row["ranked_by"],
            **{name: row[name] for name in ("unit", "higher_is_better", "modeled", "by_preset", "test")},
        }
        for row in ranks
    }
    place = {name: index for index, name in enumerate(ORDERS)}
    return sorted(found.values(), key=lambda order: (place.get(order["name"], len(place)), order["name"]))


def _presets(source: Source, presets: Sequence[str], of_day: Mapping[str, object]) -> list[dict[str, Any]]:
    columns = ["preset", "input_ratio", "output_ratio", "cached_share"]
    names = source.known("blended_prices", columns)
    query = f"select distinct {', '.join(names)} from blended_prices where day = $day"
    known = {row["preset"]: row for row in source.query(query, of_day)} if "preset" in names else {}
    return [plain({"name": name, **{c: known.get(name, {}).get(c) for c in columns[1:]}}) for name in presets]


def _endpoints(
    source: Source, names: Names, board: Sequence[Mapping[str, Any]], of_day: Mapping[str, object]
) -> dict[str, Any]:
    catalog: dict[str, Mapping[str, Any]] = {
        row["endpoint_id"]: row for row in source.rows("endpoints", CATALOG, "day = $day", "valid_from", of_day)
    }
    beside = {row["endpoint_id"]: row for row in board}
    rows = [{**beside.get(name, {}), **catalog.get(name, {}), "endpoint_id": name} for name in names.ids]
    return packed(rows, (*CATALOG, *BESIDE))


def _ranks(
    ranks: Sequence[Mapping[str, Any]],
    names: Names,
    presets: Sequence[str],
    orders: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Orders that do not depend on the preset stand once, with preset -1."""
    order_at = {order["name"]: index for index, order in enumerate(orders)}
    endpoint_at = {name: index for index, name in enumerate(names.ids)}
    rows = [
        {
            **row,
            "p": presets.index(row["preset"]) if row["by_preset"] else -1,
            "o": order_at[row["ranked_by"]],
            "e": endpoint_at[row["endpoint_id"]],
            "close": endpoint_at.get(row["close_to"]),
        }
        for row in ranks
        if row["by_preset"] or row["preset"] == presets[0]
    ]
    return packed(rows, ("p", "o", "e", *PLACE, "close"))


def _packed_by_endpoint(
    source: Source, table: str, columns: Sequence[str], names: Names, of_day: Mapping[str, object]
) -> dict[str, Any] | None:
    if not source.has(table):
        return None
    rows = names.numbered(source.rows(table, columns, "day = $day", "endpoint_id", of_day))
    at = {name: index for index, name in enumerate(names.ids)}
    for row in rows:
        if "reference_endpoint_id" in row:
            row["reference"] = at.get(row["reference_endpoint_id"])
    kept = [name for name in columns if name not in ("endpoint_id", "reference_endpoint_id")]
    return packed(rows, ("e", *kept, *(["reference"] if "reference_endpoint_id" in columns else [])))


def _changes(source: Source, names: Names, of_day: Mapping[str, object]) -> dict[str, Any] | None:
    if not source.has("change_points"):
        return None
    where = "day = $day and changed_on is not null"
    rows = names.numbered(source.rows("change_points", CHANGE, where, "endpoint_id, changed_on", of_day))
    return packed(rows, ("e", *CHANGE[1:]))


def _quarantine(source: Source, of_day: Mapping[str, object]) -> list[Any]:
    if not source.has("quarantine", "reason"):
        return []
    query = "select reason, count(*) as n from quarantine where day = $day group by reason order by n desc, reason"
    return [plain([row["reason"], row["n"]]) for row in source.query(query, of_day)]


def _versions(source: Source, of_day: Mapping[str, object]) -> list[list[Any]]:
    """What made the figures, as far as the tables say: (what, version)."""
    asked = (
        ("grader", "answers", "grader_version"),
        ("probing client", "rounds", "client"),
        ("energy model", "energy_per_correct", "model_version"),
        ("energy constants", "energy_per_correct", "constants_version"),
    )
    found = []
    for what, table, column in asked:
        if source.has(table, column):
            query = f'select distinct {column} as v from "{table}" where day = $day and {column} is not null order by v'
            found += [plain([what, row["v"]]) for row in source.query(query, of_day)]
    return found
