"""Days of fidelity samples of models that are known: the same one, another one, one that fails."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from tokenarena_assets.chain.border import border_figures, border_inputs
from tokenarena_assets.chain.fidelity_channels import FidelityDay, fidelity_of_day
from tokenarena_assets.chain.fidelity_daily import fidelity_daily
from tokenarena_assets.chain.fidelity_pool import Samples, families_of, samples_of
from tokenarena_assets.chain.fidelity_tables import (
    FIDELITY_CHANNELS,
    FIDELITY_DAILY,
    FIDELITY_PROMPTS,
    FIDELITY_REFERENCES,
    FIDELITY_SAMPLES,
)
from tokenarena_assets.checks.profile import profile_table
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.tables import TableSpec

DAY = date(2026, 11, 25)
LENGTH = 32
Row = dict[str, Any]
Change = Callable[[Row], Row]


def endpoint(name: str, **given: Any) -> Row:
    """An endpoint of the family `m` as the table `endpoints` has it."""
    return {
        "day": DAY,
        "endpoint_id": f"{name}/m@s",
        "valid_from": 0,
        "model_family": "m",
        "is_reference": name == "ref",
        "reference_kind": "own_api" if name == "ref" else None,
        "honest": False,
        "thinks": False,
        "top_logprobs": 20,
        "quality_tier": "tiny",
        "quantization": "f16",
    } | given


def catalog(*rows: Row) -> pl.DataFrame:
    """The table `endpoints` of the day."""
    return pl.DataFrame(list(rows), infer_schema_length=None)


@dataclass(frozen=True)
class Model:
    """A model of known make: `stray` is how often a character is another than the usual one."""

    stray: float = 0.05
    letter: str = "b"
    greedy_differs: float = 0.0  # share of prompts whose greedy answer parts from the reference's half-way
    logprob_shift: float | None = 0.0  # nats on each alternative; None: gives none
    tokens: int = 30  # prompt tokens it reports
    change: Change = dict  # what becomes of each sample


def samples(name: str, model: Model, day: date = DAY, prompts: int = 12, reps: int = 5, runs: int = 1) -> pl.DataFrame:
    """A day of one endpoint in all channels but border."""
    rng = random.Random(f"{name}|{day}")
    rows: list[Row] = []
    for number in range(prompts):
        for rep in range(reps):
            text = "".join(model.letter if rng.random() < model.stray else "a" for _ in range(LENGTH + 8))
            rows.append({"channel": "sampled", "prompt_id": f"s-{number:03}", "rep": rep, "text": text, "cut": True})
        for rep in range(runs):
            parts = number < model.greedy_differs * prompts
            text = "g" * 20 + ("X" if parts else "g") * 20
            rows.append({"channel": "greedy", "prompt_id": f"g-{number:03}", "rep": rep, "text": text, "cut": True})
        rows.append({"channel": "parity", "prompt_id": f"p-{number:03}", "rep": 0, "text": "a"})
        if number < 10 and model.logprob_shift is not None:
            for rep in range(2):
                top = [[f"t{k}", -1.0 - k + model.logprob_shift * (-1) ** k] for k in range(5)]
                told = {"text": "t0", "first_token_top": json.dumps(top)}
                rows.append({"channel": "logprobs", "prompt_id": f"l-{number:03}", "rep": rep, **told})
    for number, row in enumerate(rows):
        row |= {
            "request_id": f"{name}-{day}-{number}",
            "slot": row["rep"] % 24,
            "prompt_set": "fixed",
            "input_tokens": model.tokens,
            "output_tokens": 10,
        }
    return sample_frame(name, [model.change(row) for row in rows], day)


def sample_frame(name: str, rows: Sequence[Mapping[str, Any]], day: date = DAY) -> pl.DataFrame:
    """Rows of `fidelity_samples` with what every sample has."""
    whole = {
        "day": day,
        "endpoint_id": f"{name}/m@s",
        "model_family": "m",
        "prompt_set": "fixed",
        "rep": 0,
        "slot": 0,
        "outcome": "answered",
        "counts": True,
        "cut": False,
        "rehearsal": False,
        "raw_file": "f",
    }
    known = [dict.fromkeys(FIDELITY_SAMPLES.column_names) | whole | dict(row) for row in rows]
    return FIDELITY_SAMPLES.frame(known)


def reference_days(days: int, model: Model | None = None, prompts: int = 12) -> list[pl.DataFrame]:
    """The reference on the `days` days up to the day."""
    found = model or Model()
    return [samples("ref", found, DAY - timedelta(days=back), prompts, reps=20, runs=2) for back in range(days)]


@dataclass(frozen=True)
class Judged:
    """The day's tables by endpoint."""

    day: FidelityDay
    daily: pl.DataFrame
    channels_before: Mapping[date, pl.DataFrame]

    def verdict(self, name: str) -> Row:
        """The row of an endpoint in `fidelity_daily`."""
        return self.daily.row(by_predicate=pl.col("endpoint_id") == f"{name}/m@s", named=True)

    def channel(self, name: str, channel: str) -> Row:
        """A row of `fidelity_channels`."""
        of = (pl.col("endpoint_id") == f"{name}/m@s") & (pl.col("channel") == channel)
        return self.day.channels.row(by_predicate=of, named=True)


def judged(
    endpoints: pl.DataFrame,
    frames: Sequence[pl.DataFrame],
    before: Mapping[date, pl.DataFrame] | None = None,
    day: date = DAY,
) -> Judged:
    """Everything of one day; every table obeys its own rules."""
    families = families_of(endpoints)
    pool: Samples = samples_of(day, frames)
    border = [each for frame in frames if not (each := frame.filter(pl.col("channel") == "border")).is_empty()]
    figures = {}
    if border:
        asked = pl.concat(border)
        days = {each: border_inputs(each, asked.filter(pl.col("day") <= each)) for each in asked["day"].unique()}
        known = {each: inputs.filter("has_reference") for each, inputs in days.items()}
        figures = border_figures(day, known, asked)
    found = fidelity_of_day(pool, families, figures, permutations=99)
    channels = dict(before or {}) | {day: found.channels}
    daily = fidelity_daily(day, channels, found.references, families)
    for spec, frame in (
        (FIDELITY_PROMPTS, found.prompts),
        (FIDELITY_REFERENCES, found.references),
        (FIDELITY_CHANNELS, found.channels),
        (FIDELITY_DAILY, daily),
    ):
        assert breaches(spec, frame, day) == {}
    return Judged(found, daily, channels)


def breaches(spec: TableSpec, frame: pl.DataFrame, day: date = DAY) -> dict[str, int]:
    """Rules of a table that rows break, and how many."""
    with tempfile.TemporaryDirectory() as folder:
        lake = ParquetLake(Path(folder))
        lake.write(spec.name, day, frame)
        profile = profile_table(lake, spec, day)
    assert profile.columns == spec.column_names
    return {rule.rule: rule.violations for rule in profile.rules if rule.violations}
