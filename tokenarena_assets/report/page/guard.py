"""Modeled energy is shown with its interval or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class BareEnergyError(ValueError):
    """A middle of modeled energy was about to be shown without its interval."""


def with_interval(row: Mapping[str, Any], middle: str, lo: str, hi: str) -> None:
    """Let a modeled figure pass only with both ends of its interval.

    Raises:
        BareEnergyError: the middle is known and an end is not, or it lies outside.
    """
    p50, p5, p95 = row.get(middle), row.get(lo), row.get(hi)
    if p50 is None:
        return
    who = row.get("endpoint_id", "?")
    if p5 is None or p95 is None:
        raise BareEnergyError(f"{who}: {middle} has no interval ({lo}, {hi}); modeled energy is never a bare point")
    if not p5 <= p50 <= p95:
        raise BareEnergyError(f"{who}: {middle} = {p50} is outside of its interval [{p5}, {p95}]")


def all_with_intervals(rows: Iterable[Mapping[str, Any]]) -> None:
    """Check every `*_p50` of the rows, and `value` of rows that are `modeled`.

    Raises:
        BareEnergyError: one of them is bare.
    """
    for row in rows:
        for name in row:
            if name.endswith("_p50"):
                with_interval(row, name, f"{name[:-2]}5", f"{name[:-2]}95")
        if row.get("modeled"):
            with_interval(row, "value", "value_lo", "value_hi")
