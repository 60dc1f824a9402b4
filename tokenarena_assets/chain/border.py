"""Border inputs: which prompts make an endpoint's first token waver, and whether it has changed since."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from statistics import fmean
from typing import Any

import polars as pl

from tokenarena_assets.chain.fidelity_pool import LOST
from tokenarena_assets.chain.fidelity_tables import BORDER_INPUTS
from tokenarena_assets.fidelity.border import (
    INPUTS,
    BorderAlarm,
    Counts,
    balance,
    border_alarm,
    expected_tv_iid,
    is_border,
    mean_tv,
)
from tokenarena_assets.storage.lake import Lake

KNOWN_FOR_DAYS = 30  # then it is searched anew
MIN_REFERENCE_ANSWERS = 50  # half of what is planned
NEEDED = ("day", "endpoint_id", "prompt_id", "stage", "outcome", "text")
ByPrompt = dict[str, Counter[str]]


def read_border(lake: Lake, day: date) -> pl.DataFrame:
    """Requests of the channel `border` of the 30 days up to `day`: those that count and were sent."""
    existing = set(lake.days("fidelity_samples"))
    days = [day - timedelta(days=back) for back in range(KNOWN_FOR_DAYS - 1, -1, -1)]
    sent = (pl.col("channel") == "border") & pl.col("counts") & (pl.col("outcome") != "not_sent")
    frames = [
        lake.scan("fidelity_samples", each).filter(sent).select(NEEDED).collect() for each in days if each in existing
    ]
    empty = pl.DataFrame(schema=dict.fromkeys(NEEDED, pl.String()) | {"day": pl.Date()})
    return pl.concat([empty, *frames], how="vertical_relaxed")


def read_found(lake: Lake, day: date) -> dict[date, pl.DataFrame]:
    """The border inputs that could be monitored, as of each of the 30 days up to `day`."""
    existing = set(lake.days("border_inputs"))
    days = [day - timedelta(days=back) for back in range(KNOWN_FOR_DAYS)]
    kept = pl.col("has_reference")
    return {each: lake.scan("border_inputs", each).filter(kept).collect() for each in days if each in existing}


def border_inputs(day: date, asked: pl.DataFrame) -> pl.DataFrame:
    """What is known of every candidate that was asked in the 30 days up to `day`.

    At most 20 of an endpoint are border inputs: those whose reference was taken before, then the best balanced ones.
    """
    rows: list[dict[str, object]] = []
    since = asked.filter(pl.col("stage") == "search").group_by("endpoint_id", "prompt_id").agg(pl.col("day").min())
    first_day = {(endpoint_id, prompt_id): each for endpoint_id, prompt_id, each in since.iter_rows()}
    search, reference = (_counts(asked.filter(pl.col("stage") == stage)) for stage in ("search", "reference"))
    for endpoint_id, candidates in sorted(search.items()):
        known = reference.get(endpoint_id, {})
        wavering = [name for name, counts in candidates.items() if is_border(list(counts.elements()))]
        order = sorted(wavering, key=lambda n: (n not in known, -balance(known.get(n) or candidates[n]), n))
        found = set(order[:INPUTS])
        for name in sorted(candidates):
            counts = known.get(name) if name in found else None
            n = sum(counts.values()) if counts else 0
            rows.append(
                {
                    "day": day,
                    "endpoint_id": endpoint_id,
                    "prompt_id": name,
                    "state": "found" if name in found else "tried",
                    "found_on": first_day[endpoint_id, name] if name in found else None,
                    "has_reference": n >= MIN_REFERENCE_ANSWERS,
                    "n_reference": n,
                    "counts": json.dumps(counts, sort_keys=True) if counts else None,
                }
            )
    return BORDER_INPUTS.frame(rows)


def _counts(asked: pl.DataFrame) -> dict[str, ByPrompt]:
    """First tokens by endpoint and prompt; an outcome without a token is a token that no text can be."""
    found: dict[str, ByPrompt] = {}
    came = asked.filter(~pl.col("outcome").is_in(LOST))
    alike = came.group_by("endpoint_id", "prompt_id", "outcome", "text", maintain_order=True).len()
    for endpoint_id, prompt_id, outcome, text, count in alike.iter_rows():
        token = text if outcome == "answered" else f"\x00{outcome}"
        found.setdefault(endpoint_id, {}).setdefault(prompt_id, Counter())[token] += count
    return found


def border_figures(day: date, found: Mapping[date, pl.DataFrame], asked: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """The channel `border` of each endpoint asked on `day`, as columns of `fidelity_channels`.

    Total variation of its first tokens against its own reference, and what the alarm rule says of it.

    Args:
        day: The day.
        found: By day the border inputs with a reference, as of that day; see :func:`read_found`.
        asked: Requests of the channel; see :func:`read_border`.
    """
    series: dict[str, dict[date, float]] = {}
    today: dict[str, list[tuple[Counts, Counts]]] = {}
    for (each,), own in asked.filter(pl.col("stage") == "monitor").group_by("day"):
        assert isinstance(each, date)
        references = _references(found.get(each))
        for endpoint_id, counts in _counts(own).items():
            known = references.get(endpoint_id, {})
            pairs: list[tuple[Counts, Counts]] = [
                (counts[name], known[name]) for name in sorted(counts.keys() & known.keys())
            ]
            if (tv := mean_tv(pairs)) is not None:
                series.setdefault(endpoint_id, {})[each] = tv
                if each == day:
                    today[endpoint_id] = pairs
    names = asked.filter(pl.col("day") == day)["endpoint_id"].unique().sort()
    return {
        name: _figures(border_alarm(series.get(name, {}), day), today.get(name, []), name, asked, day) for name in names
    }


def _references(inputs: pl.DataFrame | None) -> dict[str, dict[str, Counts]]:
    known: dict[str, dict[str, Counts]] = {}
    if inputs is not None:
        for endpoint_id, prompt_id, counts in inputs.select("endpoint_id", "prompt_id", "counts").iter_rows():
            known.setdefault(endpoint_id, {})[prompt_id] = json.loads(counts)
    return known


def _figures(
    alarm: BorderAlarm, pairs: list[tuple[Counts, Counts]], name: str, asked: pl.DataFrame, day: date
) -> dict[str, Any]:
    own = asked.filter(pl.col("endpoint_id") == name)
    today = own.filter(pl.col("day") == day)
    counted = {"n_asked": len(today), "n_missing": int(today["outcome"].is_in(LOST).sum()), "state": alarm.state}
    if alarm.tv is None:
        tried = own.filter(pl.col("stage") == "search")["prompt_id"].n_unique()
        return counted | {"status": "no_score", "note": f"searching: {tried} candidates tried"}
    return counted | {
        "status": "measured",
        "note": alarm.reason if alarm.state != "steady" else None,
        "statistic": "mean total variation of first tokens against its own earlier ones",
        "value": alarm.tv,
        "unit": "share",
        "floor": fmean(expected_tv_iid(known, sum(counts.values())) for counts, known in pairs),
        "floor_source": "expected of an unchanged endpoint, were its answers independent",
        "n_prompts": len(pairs),
        "n_samples": sum(sum(counts.values()) for counts, _ in pairs),
    }
