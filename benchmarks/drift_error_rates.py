"""How often change points are found where nothing changed, and how soon and where a real change is.

Synthetic: 14 endpoints in two families, 60 days, the ten figures that scatter. Each has the spread that the embedded
fleet shows between days or more, day effects that last (autoregressive, 0.3), heavy tails (Student t of 4 degrees), one
bad day in fifty, and effects that all endpoints share. Judged on each of the days shown, as the chain does.
"""

from __future__ import annotations

import sys
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from tokenarena_assets.chain.drift import change_points_of
from tokenarena_assets.drift import MEASURED

ENDPOINTS, DAYS, START = 14, 60, date(2026, 9, 1)
MEMORY, TAIL, BAD_DAYS = 0.3, 4.0, 0.02
# Level and day-to-day spread on the metric's scale (logarithms where it has them).
SPREAD = {
    "fidelity_day": (98.0, 1.2),
    "greedy_rate_per_1k": (12.0, 0.25),
    "logprob_lt_nats": (0.2, 0.25),
    "border_tv": (0.08, 0.03),
    "accuracy_math": (0.70, 0.07),
    "accuracy_code": (0.60, 0.09),
    "tokens_per_answer": (60.0, 0.05),
    "output_speed_tok_s": (90.0, 0.15),
    "ttft_ms": (300.0, 0.20),
    "context_effective_tokens": (32_000.0, 0.10),
}
SWAP = {  # what a coarser quantization on other hardware does, on the metric's scale
    "fidelity_day": -6.0,
    "greedy_rate_per_1k": 1.5,
    "logprob_lt_nats": 1.2,
    "accuracy_math": -0.12,
    "output_speed_tok_s": 0.5,
}


def _noise(rng: np.random.Generator, days: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    shocks = rng.standard_t(TAIL, days) * np.sqrt((TAIL - 2) / TAIL)
    found = np.empty(days)
    found[0] = shocks[0]
    for i in range(1, days):
        found[i] = MEMORY * found[i - 1] + np.sqrt(1 - MEMORY**2) * shocks[i]
    return found + (rng.random(days) < BAD_DAYS) * rng.choice([-6.0, 6.0], days)


def history(rng: np.random.Generator, days: int = DAYS, swap_at: int | None = None) -> pl.DataFrame:
    """Rows of `drift_daily`; endpoint 3 is swapped on day `swap_at`."""
    columns: dict[str, list[Any]] = {"day": [], "endpoint_id": [], "model_family": []}
    for endpoint in range(ENDPOINTS):
        columns["day"] += [START + timedelta(days=i) for i in range(days)]
        columns["endpoint_id"] += [f"p{endpoint:02}/m@s"] * days
        columns["model_family"] += [f"family-{endpoint % 2}"] * days
    for metric in MEASURED:
        level, spread = SPREAD[metric.name]
        shared = {"all": [rng.normal(0, spread, days)] * 2, "none": [np.zeros(days)] * 2}.get(
            metric.shared, [rng.normal(0, spread, days) for _ in range(2)]
        )
        values: list[float] = []
        for endpoint in range(ENDPOINTS):
            scaled = metric.scaled(level) + spread * _noise(rng, days) + shared[endpoint % 2]
            if swap_at is not None and endpoint == 3:
                scaled[swap_at:] += SWAP.get(metric.name, 0.0)
            raw = np.exp(scaled) - metric.offset if metric.scale == "log" else scaled
            values += np.maximum(raw, 1e-6).tolist()
        columns[metric.name] = values
    for name in ("parity_mismatched", "input_usd_per_mtok", "output_usd_per_mtok"):
        columns[name] = [1.0] * ENDPOINTS * days
    columns["accuracy_math_n"], columns["accuracy_code_n"] = [60] * ENDPOINTS * days, [40] * ENDPOINTS * days
    columns["served_model"] = ["m"] * ENDPOINTS * days
    columns["latency_prompt_tokens"] = [1000] * ENDPOINTS * days
    return pl.DataFrame(columns)


def main(histories: int = 20) -> None:
    """Print the realised rates."""
    rng = np.random.default_rng(777)
    changed = cannot = endpoint_days = looks = 0
    ever: set[tuple[int, str]] = set()
    for number in range(histories):
        daily = history(rng)
        for seen in (14, 21, 28, 35, 42, 49, 60):
            last = START + timedelta(days=seen - 1)
            found = change_points_of(last, daily.filter(pl.col("day") <= last))
            looks += ENDPOINTS
            changed += found.filter(verdict="changed")["endpoint_id"].n_unique()
            cannot += found.filter(verdict="cannot tell")["endpoint_id"].n_unique()
            ever |= {(number, name) for name in found.filter(verdict="changed")["endpoint_id"]}
        endpoint_days += ENDPOINTS * DAYS
    print(f"{histories} histories of {ENDPOINTS} unchanged endpoints over {DAYS} days, {len(MEASURED)} figures each")
    print(f"  endpoints ever called changed   {len(ever)} of {histories * ENDPOINTS}")
    print(f"  that is one false alarm in      {endpoint_days / max(1, len(ever)):,.0f} endpoint-days")
    print(f"  looks with `changed`            {changed} of {looks} ({changed / looks:.2%})")
    print(f"  looks with `cannot tell`        {cannot} of {looks} ({cannot / looks:.0%})")
    for before, after in ((5, 5), (10, 3), (30, 3), (30, 5), (30, 10), (30, 30)):
        hit = near = elsewhere = 0
        for _ in range(histories):
            daily = history(rng, before + after, swap_at=before)
            last = START + timedelta(days=before + after - 1)
            on = START + timedelta(days=before)
            found = change_points_of(last, daily).filter(verdict="changed")
            own = found.filter(endpoint_id="p03/m@s")
            hit += on in own["changed_on"].to_list()
            near += own.filter((pl.col("changed_on") - on).abs() <= timedelta(days=1)).height > 0
            elsewhere += found.height - own.filter((pl.col("changed_on") - on).abs() <= timedelta(days=1)).height
        print(
            f"swap after {before:>2} days, {after:>2} days later: found {near}/{histories}, "
            f"on its very date {hit}/{histories}, elsewhere {elsewhere}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
