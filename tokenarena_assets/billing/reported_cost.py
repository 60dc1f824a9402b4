"""The cost of a request as the provider itself reports it, in the shapes that providers share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

TICKS_PER_USD = 1e10


def reported_cost_usd(block: Mapping[str, Any]) -> tuple[float | None, str | None]:
    """USD and the field of the usage block that says so; (None, None): it says nothing.

    xAI counts in ticks of 1e-10 USD (docs.x.ai, "Cost tracking"). OpenRouter's `cost` is in credits of one USD; with a
    key of one's own it is OpenRouter's fee alone, and the upstream's price stands beside it. Perplexity's `cost` is an
    object with a total. DeepInfra calls it `estimated_cost`.
    """
    if (ticks := _amount(block.get("cost_in_usd_ticks"))) is not None:
        return ticks / TICKS_PER_USD, "cost_in_usd_ticks"
    cost = block.get("cost")
    if isinstance(cost, Mapping):
        if (total := _amount(cost.get("total_cost"))) is not None:
            return total, "cost.total_cost"
    elif (amount := _amount(cost)) is not None:
        details = block.get("cost_details")
        upstream = _amount(details.get("upstream_inference_cost")) if isinstance(details, Mapping) else None
        if block.get("is_byok") is True and upstream is not None:
            return amount + upstream, "cost + cost_details.upstream_inference_cost"
        return amount, "cost"
    if (estimate := _amount(block.get("estimated_cost"))) is not None:
        return estimate, "estimated_cost"
    return None, None


def _amount(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        return None
    return float(value)
