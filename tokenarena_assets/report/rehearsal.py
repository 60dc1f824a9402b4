"""What a rehearsal came to: who was found to serve what, when, and what was swapped in truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenarena_assets.fleet.rehearsal import Rehearsal
from tokenarena_assets.report.terminal import plain, print_table
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.publish import open_published, rows_of

# Of the last day; how often an endpoint was flagged is of all days.
VERDICTS = """
    with days as (
        select
            endpoint_id,
            count(*) as days,
            count(*) filter (where suspect) as suspect_days,
            min(day) filter (where suspect) as first_suspect,
            count(*) filter (where verdict = 'different') as different_days
        from fidelity_daily
        where day between $first and $last
        group by endpoint_id
    )
    select
        d.endpoint_id, coalesce(d.quantization, 'undisclosed') as disclosed, d.verdict, d.fidelity, d.fidelity_lo,
        d.fidelity_hi, d.fidelity_self_floor, d.channels_named, days.suspect_days, days.first_suspect,
        days.different_days, days.days, d.claim, d.note
    from fidelity_daily as d
    inner join days using (endpoint_id)
    where d.day = $last
    order by d.endpoint_id
"""
CHANGES = """
    select endpoint_id, verdict, changed_on, changed_lo, changed_hi, probability, metrics, claim, evidence
    from change_points
    where day = $last
    order by endpoint_id, changed_on
"""
NEEDS = {"verdicts": ("fidelity_daily", VERDICTS), "changes": ("change_points", CHANGES)}


def rehearsal_record(home: Home, rehearsal: Rehearsal) -> dict[str, Any]:
    """The rehearsal with its verdicts and change points, for a program; a table that is not there is null."""
    window: dict[str, object] = {"first": rehearsal.dates[0], "last": rehearsal.dates[-1]}
    found: dict[str, Any] = {"rehearsal": True, **rehearsal.as_record()}
    with open_published(home) as connection:
        present = {row["table_name"] for row in rows_of(connection, "select table_name from information_schema.tables")}
        for name, (table, query) in NEEDS.items():
            used = {key: day for key, day in window.items() if f"${key}" in query}
            found[name] = rows_of(connection, query, used) if table in present else None
    return found


def print_rehearsal(home: Home, rehearsal: Rehearsal) -> None:
    """Print what was swapped in truth, and what was found."""
    record = rehearsal_record(home, rehearsal)
    for swap in record["swaps"]:
        print(f"swapped: {swap['endpoint_id']} served {swap['weights']} from {swap['day']} on, and did not say so")
    if not record["swaps"]:
        print("swapped: nobody")
    if (verdicts := record["verdicts"]) is not None:
        print_table(
            ["endpoint", "discloses", "verdict", "F of 7 days", "self floor", "channels named", "suspect", "different"],
            [_verdict(row) for row in verdicts],
            title=f"{rehearsal.dates[-1]}, after {rehearsal.days} days",
        )
        for row in verdicts:
            if said := row["claim"] or row["note"]:
                print(f"  {plain(row['endpoint_id'])}: {plain(said)}")
    if (changes := record["changes"]) is not None:
        print_table(
            ["endpoint", "change", "on", "between", "probability", "in"],
            [_change(row) for row in changes],
            title=f"change points over the {rehearsal.days} days",
        )


def _verdict(row: Mapping[str, Any]) -> list[object]:
    first = f", first {row['first_suspect']}" if row["first_suspect"] else ""
    return [
        row["endpoint_id"],
        row["disclosed"],
        row["verdict"],
        _interval(row),
        "-" if row["fidelity_self_floor"] is None else f"{row['fidelity_self_floor']:.1f}",
        row["channels_named"] or "-",
        f"{row['suspect_days']} of {row['days']} days{first}",
        f"{row['different_days']} of {row['days']} days",
    ]


def _interval(row: Mapping[str, Any]) -> str:
    value, lo, hi = row["fidelity"], row["fidelity_lo"], row["fidelity_hi"]
    if value is None:
        return "no score"
    return f"{value:.1f}" + ("" if lo is None or hi is None else f" [{lo:.1f}, {hi:.1f}]")


def _change(row: Mapping[str, Any]) -> list[object]:
    between = "-" if row["changed_lo"] is None else f"{row['changed_lo']} to {row['changed_hi']}"
    likely = "-" if row["probability"] is None else f"{row['probability']:.2f}"
    return [row["endpoint_id"], row["verdict"], row["changed_on"] or "-", between, likely, row["metrics"] or "-"]
