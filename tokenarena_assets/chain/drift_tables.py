"""Declaration of the table of change points."""

from __future__ import annotations

from tokenarena_assets.chain.tables import DAY, INT, REAL, TEXT
from tokenarena_assets.storage.tables import Column, TableSpec

CHANGE_POINTS = TableSpec(
    name="change_points",
    description=(
        "Is it the same thing that is sold? What changed at each endpoint in the 60 days up to this one, and when: "
        "changes of several figures that came together are one event."
    ),
    grain="one endpoint and event; an endpoint without one has one row that says so",
    group="drift",
    key=("endpoint_id", "event"),
    not_null=("day", "endpoint_id", "event", "verdict", "claim", "n_days"),
    rules={
        "known_verdict": "verdict in ('changed', 'cannot tell', 'no change seen')",
        "probability_in_range": "probability between 0 and 1",
        "changed_is_certain": "verdict <> 'changed' or probability >= 0.95",
        "an_event_has_a_date": "(verdict = 'changed') <= (changed_on is not null)",
        "date_in_its_range": "changed_lo <= changed_on and changed_on <= changed_hi",
        "date_in_window": "changed_on between day - 59 and day",
        "an_event_has_evidence": "(changed_on is null) = (evidence is null and metrics is null)",
        "counts_from_zero": "least(event, n_days) >= 0",
    },
    columns=(
        Column("day", "UTC day up to which it is judged", DAY),
        Column("endpoint_id", "provider/model@sku", TEXT),
        Column("event", "number of the event by date, from 0", INT),
        Column("verdict", "changed, cannot tell or no change seen", TEXT),
        Column("changed_on", "first UTC day on the new level, the likeliest; null: no event", DAY),
        Column("changed_lo", "the range of days that has 95 % of the probability, first day", DAY),
        Column("changed_hi", "last day", DAY),
        Column("probability", "that it is a change and no chance; null: too few days", REAL),
        Column("metrics", "what changed, columns of drift_daily, comma-separated, strongest evidence first", TEXT),
        Column("claim", "the event in one sentence: what changed, what did not, of what nobody can tell", TEXT),
        Column("evidence", "figures before and after, with their days; names in it are hostile text", TEXT),
        Column("details", "the same as JSON, and what did not change", TEXT),
        Column("n_days", "days of the window with any figure of the endpoint", INT),
    ),
)

DRIFT_TABLES = (CHANGE_POINTS,)
