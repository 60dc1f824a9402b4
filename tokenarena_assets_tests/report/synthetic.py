"""Homes of invented figures for the page: as many endpoints and days as wanted, and texts as hostile as they come.

Nothing in them was measured; every provider and round is named `synthetic`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import publish
from tokenarena_assets.storage.tables import TableSpec

LAST = date(2026, 11, 23)
ROUND = "synthetic-20261123T000000Z-000001"
FILE = f"round={ROUND}.jsonl.zst"
PRESETS = {"chat": (3, 1), "rag": (20, 1), "reasoning": (1, 5)}
# Order -> (unit, more is better, modeled, by preset, middle of the values, spread of their logs, share of interval).
ORDERS = {
    "usd_per_correct": ("USD", False, False, True, 2e-3, 1.2, 0.12),
    "energy_j_per_correct": ("J", False, True, True, 300.0, 1.0, 0.7),
    "blended_usd_per_mtok": ("USD per million tokens", False, False, True, 0.8, 1.1, 0.0),
    "output_speed_tok_s": ("tokens per second", True, False, False, 90.0, 0.7, 0.1),
    "ttft_ms": ("ms", False, False, False, 420.0, 0.6, 0.15),
    "e2e_p90_with_failures_ms": ("ms", False, False, False, 5_000.0, 0.5, None),
    "quality": ("share", True, False, False, 0.7, 0.12, 0.1),
    "fidelity": ("points", True, False, False, 96.0, 0.03, 0.05),
    "context_effective_tokens": ("tokens", True, False, False, 40_000.0, 0.8, None),
}


def synthetic_home(
    home: Home,
    *,
    endpoints: int = 12,
    days: int = 4,
    probes: int = 12,
    text: str = "a synthetic note",
    later_tables: bool = True,
    energy: bool = True,
) -> Home:
    """Fill and publish a home; `text` stands wherever text from outside does. The same arguments give the same rows."""
    made = _Synthetic(ParquetLake(home.lake), endpoints, probes, text)
    for back in reversed(range(days)):
        made.ranks(LAST - timedelta(days=back), energy=energy)
        made.fidelity(LAST - timedelta(days=back))
    made.catalog()
    made.leaderboard()
    made.evidence()
    if energy:
        made.energy()
    if later_tables:
        made.later()
    publish(home, list(table_specs().values()))
    return home


class _Synthetic:
    def __init__(self, lake: ParquetLake, endpoints: int, probes: int, text: str) -> None:
        self.lake, self.probes, self.text = lake, probes, text
        self.random = np.random.default_rng(20261123)
        self.ids = [f"synthetic-{i % 23:02}/model-{i % 17:02}-{'abcdefghij'[i % 10]}@sku-{i}" for i in range(endpoints)]
        self.families = [f"family-{i % 17:02}" for i in range(endpoints)]
        self.truth = {name: self._around(name, endpoints) for name in ORDERS}

    def _around(self, name: str, n: int) -> Any:
        middle, spread = ORDERS[name][4], ORDERS[name][5]
        return middle * np.exp(spread * self.random.standard_normal(n))

    def write(self, spec: TableSpec, day: date, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows with every declared column; those not given are null."""
        names = (*spec.column_names,)
        frame = pl.DataFrame(
            [{name: row.get(name) for name in names} for row in rows], infer_schema_length=None, schema=names
        )
        nulls = [name for name, dtype in frame.schema.items() if dtype == pl.Null]
        kinds = {**dict.fromkeys(names, pl.String), **spec.polars_schema}
        frame = frame.with_columns(pl.col(name).cast(kinds[name]) for name in nulls)
        self.lake.write(spec.name, day, frame)

    def ranks(self, day: date, *, energy: bool) -> None:
        rows: list[dict[str, Any]] = []
        for name in ORDERS:
            if energy or name != "energy_j_per_correct":
                rows += self._order(name, day)
        self.write(table_specs()["ranks"], day, rows)

    def _order(self, name: str, day: date) -> list[dict[str, Any]]:
        unit, higher, modeled, by_preset, _, _, share = ORDERS[name]
        rows = []
        drift = np.ones(len(self.ids))
        for weight, preset in enumerate(PRESETS, start=1):
            if by_preset or weight == 1:
                drift = np.exp(0.03 * self.random.standard_normal(len(self.ids)))
            values = self.truth[name] * drift * (1 + 0.2 * weight * by_preset)
            values = np.minimum(values, 0.99) if name == "quality" else values
            lo, hi = (None, None) if share is None else (values * (1 - share), values * (1 + share))
            place = np.argsort(np.argsort(-values if higher else values)) + 1
            for i, endpoint in enumerate(self.ids):
                known = (i + weight * by_preset) % 29 != 7
                rank = int(place[i])
                rows.append(
                    {
                        "day": day, "preset": preset, "ranked_by": name, "endpoint_id": endpoint,
                        "rank": rank if known else None,
                        "rank_lo": max(1, rank - 3) if known else None,
                        "rank_hi": min(len(self.ids), rank + 3) if known else None,
                        "rank_badge": rank if known else None, "rank_note": None if known else self.text,
                        "value": float(values[i]) if known else None,
                        "value_lo": float(lo[i]) if known and lo is not None else None,
                        "value_hi": float(hi[i]) if known and hi is not None else None,
                        "n": 100 if known and not modeled and name != "blended_usd_per_mtok" else None,
                        "unit": unit, "higher_is_better": higher, "modeled": modeled, "by_preset": by_preset,
                        "test": "synthetic",
                        "close_to": self.ids[(i + 1) % len(self.ids)] if known and rank % 2 else None,
                        "close_p": 0.4 if known and rank % 2 else None,
                        "more_n": 120 * rank if known and rank % 2 else None,
                    }
                )  # fmt: skip
        return rows

    def fidelity(self, day: date) -> None:
        verdicts = ("consistent", "suspect", "undetermined", "different")
        f = [float(value) for value in self.truth["fidelity"]]
        rows = [
            {
                "day": day, "endpoint_id": endpoint, "model_family": self.families[i], "verdict": verdicts[i % 4],
                "reference_endpoint_id": self.ids[i % 17 % len(self.ids)], "fidelity": f[i],
                "fidelity_lo": f[i] - 4, "fidelity_hi": f[i] + 4,
                "fidelity_n_prompts": 50, "fidelity_self_floor": 101.0, "claim": self.text, "note": self.text,
                "channels_named": "greedy", "rehearsal": False,
            }
            for i, endpoint in enumerate(self.ids)
        ]  # fmt: skip
        self.write(table_specs()["fidelity_daily"], day, rows)

    def catalog(self) -> None:
        rows = [
            {
                "day": LAST, "endpoint_id": endpoint, "valid_from": datetime(2026, 11, 23, tzinfo=UTC),
                "provider": endpoint.split("/")[0], "model": endpoint.split("/")[1].split("@")[0],
                "model_family": self.families[i], "sku": endpoint.split("@")[1], "api": "openai_chat",
                "is_embedded": i % 3 == 0, "is_reference": i < 17, "quantization": "fp8", "region": "us",
                "context_tokens": 131_072, "input_usd_per_mtok": 0.5, "cached_input_usd_per_mtok": 0.1,
                "output_usd_per_mtok": 1.5, "note": self.text,
            }
            for i, endpoint in enumerate(self.ids)
        ]  # fmt: skip
        self.write(table_specs()["endpoints"], LAST, rows)

    def leaderboard(self) -> None:
        rows = [
            {
                "day": LAST, "preset": preset, "endpoint_id": endpoint, "model_family": self.families[i],
                "domain": "all", "latency_suite": "speed", "latency_prompt_tokens": 1000, "success_rate": 1.0,
                "success_rate_n": self.probes, "versus_reference": "cannot tell", "fidelity_verdict": "consistent",
                "fidelity_claim": self.text, "context_status": "ok", "context_truncating": i % 11 == 3,
                "is_embedded": i % 3 == 0, "n_rounds": 1, "n_rounds_void": 0, "n_rounds_uncertified": 0,
            }
            for preset in PRESETS
            for i, endpoint in enumerate(self.ids)
        ]  # fmt: skip
        self.write(table_specs()["leaderboard"], LAST, rows)
        blends = [
            {"day": LAST, "population": "probed", "preset": preset, "endpoint_id": endpoint, "input_ratio": i,
             "output_ratio": o, "effective_usd_per_mtok": 1.25, "output_multiplier": 1.5, "output_multiplier_n": 100,
             "cached_share": 0.0, "blended_usd_per_mtok": 1.0}
            for preset, (i, o) in PRESETS.items()
            for endpoint in self.ids
        ]  # fmt: skip
        self.write(table_specs()["blended_prices"], LAST, blends)

    def evidence(self) -> None:
        specs = table_specs()
        probes, answers = [], []
        for i, endpoint in enumerate(self.ids):
            times = self.truth["ttft_ms"][i] * np.exp(0.3 * self.random.standard_normal(self.probes))
            for number in range(self.probes):
                at = {"day": LAST, "endpoint_id": endpoint, "round_id": ROUND, "raw_file": FILE}
                probes.append(
                    at | {"request_id": f"{i:04x}{number:04x}", "suite": "speed", "prompt_tokens_target": 1000,
                          "status": "ok", "ttft_ms": float(times[number]), "raw_line": i * self.probes + number + 1}
                )  # fmt: skip
            answers += [
                at | {"request_id": f"a{i:04x}{number:04x}", "suite": "quality_math", "outcome": "correct",
                      "item_id": f"item-{number}", "grader_version": "synthetic", "raw_line": number + 1}
                for number in range(3)
            ]  # fmt: skip
        self.write(specs["requests"], LAST, probes)
        self.write(specs["answers"], LAST, answers)
        rounds = {"day": LAST, "round_id": ROUND, "started_at": datetime(2026, 11, 23, tzinfo=UTC), "state": "complete",
                  "certified": True, "void": False, "client_ttft_error_p50_ms": 0.2, "client_ttft_error_p99_ms": 0.9,
                  "suites": "speed", "client": "synthetic", "raw_file": FILE, "sha256": "0" * 64,
                  "n_raw": len(probes), "n_requests": len(probes), "n_quarantined": 0, "cost_usd": 1.25}  # fmt: skip
        self.write(specs["rounds"], LAST, [rounds])
        context = [
            {"day": LAST, "endpoint_id": endpoint, "advertised_tokens": 131_072, "status": "ok", "truncating": False,
             "effective_tokens": int(self.truth["context_effective_tokens"][i]),
             "lo": int(self.truth["context_effective_tokens"][i]),
             "hi": int(1.3 * self.truth["context_effective_tokens"][i]), "base_accuracy": 0.95, "note": self.text}
            for i, endpoint in enumerate(self.ids)
        ]  # fmt: skip
        self.write(specs["context_daily"], LAST, context)

    def energy(self) -> None:
        rows, daily = [], []
        for preset in PRESETS:
            for i, endpoint in enumerate(self.ids):
                j = float(self.truth["energy_j_per_correct"][i])
                rows.append(
                    {"day": LAST, "mix": preset, "domain": "all", "endpoint_id": endpoint, "n_items": 100,
                     "n_correct": 70, "evidence_grade": "D" if i % 3 == 1 else "C",
                     "rank": i + 1, "rank_lo": 1, "rank_hi": len(self.ids),
                     "label": "modeled", "model_version": "synthetic", "constants_version": "synthetic"}
                    | _percentiles("energy_j_per_correct", j) | _percentiles("gco2e_per_correct", j / 10_000)
                )  # fmt: skip
                daily.append(
                    {"day": LAST, "endpoint_id": endpoint, "workload": preset, "region": "us", "evidence_grade": "C",
                     "region_basis": "assumed", "assumptions": self.text, "would_narrow": "chip"}
                    | _percentiles("energy_j_per_request", j / 2) | _percentiles("gco2e_per_request", j / 20_000)
                )  # fmt: skip
        self.write(table_specs()["energy_per_correct"], LAST, rows)
        self.write(table_specs()["energy_daily"], LAST, daily)

    def later(self) -> None:
        finding = {"day": LAST, "finding": "accuracy_spread", "headline": f"Synthetic finding: {self.text}",
                   "value": 12.5, "value_lo": 9.0, "value_hi": 16.0, "unit": "points", "n": 200,
                   "endpoints": json.dumps(self.ids[:2]),
                   "sql": "select 1\nfrom ranks", "detail": self.text}  # fmt: skip
        self.write(table_specs()["findings"], LAST, [finding, finding | {"finding": "tail_spread", "value": None}])
        self.write(
            table_specs()["billing_audit"], LAST,
            [{"day": LAST, "endpoint_id": endpoint, "output_ratio": 1.01, "output_ratio_lo": 0.99,
              "output_ratio_hi": 1.03, "n_output": 40, "output_verdict": "agrees", "hidden_reasoning_share": 0.0,
              "bills_more_than_text": i % 7 == 1, "claim": self.text} for i, endpoint in enumerate(self.ids)],
        )  # fmt: skip
        self.write(
            table_specs()["answers_in_time"], LAST,
            [{"day": LAST, "endpoint_id": endpoint, "deadline_s": 10.0, "domain": "all", "n_asked": 100,
              "p_no_answer": 0.02, "p_no_answer_lo": 0.005, "p_no_answer_hi": 0.07, "usd_per_correct_in_time": 0.002,
              "usd_per_correct_in_time_lo": 0.0018, "usd_per_correct_in_time_hi": 0.0023} for endpoint in self.ids],
        )  # fmt: skip


def _percentiles(name: str, middle: float) -> dict[str, float]:
    return {f"{name}_p5": middle / 3, f"{name}_p50": middle, f"{name}_p95": middle * 3}
