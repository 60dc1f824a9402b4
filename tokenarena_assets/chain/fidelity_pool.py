"""Samples of several days as the fidelity figures need them, and who is compared with whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from tokenarena_assets.chain.fidelity_tables import FIDELITY_SAMPLES
from tokenarena_assets.fidelity.sequences import HOURS_PER_DAY, Blocks, Sequences, encode
from tokenarena_assets.storage.lake import Lake

POOL_DAYS = 7  # of sampled answers
WINDOW_DAYS = 28  # of the reference's days, and of the floors
EPOCH = date(1970, 1, 1).toordinal()
LOST = ("missing", "not_sent")
NEEDED = (
    "day",
    "endpoint_id",
    "channel",
    "prompt_id",
    "prompt_set",
    "prompt_sha256",
    "rep",
    "slot",
    "outcome",
    "cut",
    "text",
    "first_token_top",
    "input_tokens",
    "output_tokens",
    "rehearsal",
)
NO_SAMPLES = pl.DataFrame(
    schema={name: FIDELITY_SAMPLES.polars_schema[name] for name in NEEDED} | {"newest_wording": pl.Boolean()}
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the catalog says of an endpoint on the day."""

    endpoint_id: str
    family: str
    tier: str
    is_reference: bool
    reference_kind: str | None
    honest: bool
    thinks: bool
    top_logprobs: int | None
    quantization: str | None


@dataclass(frozen=True, slots=True)
class Family:
    """The endpoints of one model, and its reference where the catalog names one."""

    name: str
    endpoints: tuple[Endpoint, ...]
    reference: Endpoint | None

    @property
    def measures_floor(self) -> tuple[Endpoint, ...]:
        """Those known to serve the reference's own precision on other hardware."""
        return tuple(each for each in self.endpoints if each.honest and not each.is_reference)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One endpoint's answers to one prompt: `sequences` (n, L), `blocks` (n,); what was `asked`, lost ones included."""

    sequences: Sequences
    blocks: Blocks
    asked: int

    @property
    def n(self) -> int:
        """Answers that came."""
        return len(self.blocks)

    @property
    def enough(self) -> bool:
        """At least half of what was planned came, and two at least: one says nothing of how much they vary."""
        return self.n >= 2 and 2 * self.n >= self.asked


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of the window up to `day`: of `POOL_DAYS` those of all endpoints, of the earlier days the references'."""

    day: date
    by_channel: Mapping[tuple[str, str], pl.DataFrame]

    def asked(self, endpoint_id: str, channel: str, days: int = 1) -> pl.DataFrame:
        """Questions sent to one endpoint in one channel over the last `days` days, in order of day and repeat."""
        rows = self.by_channel.get((endpoint_id, channel))
        if rows is None:
            return NO_SAMPLES
        return rows.filter(pl.col("day") > self.day - timedelta(days=days))

    def of(self, endpoint_id: str, channel: str, days: int = 1) -> pl.DataFrame:
        """Those of them that were worded as the prompt is now: two wordings of a prompt are never compared."""
        return self.asked(endpoint_id, channel, days).filter("newest_wording")


def families_of(endpoints: pl.DataFrame) -> list[Family]:
    """The families of the day's catalog, by name."""
    latest = endpoints.sort("valid_from").group_by("endpoint_id", maintain_order=True).last().sort("endpoint_id")
    found: dict[str, list[Endpoint]] = {}
    for row in latest.iter_rows(named=True):
        found.setdefault(row["model_family"], []).append(_endpoint(row))
    return [
        Family(name, tuple(each), next((one for one in each if one.is_reference), None))
        for name, each in sorted(found.items())
    ]


def _endpoint(row: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        endpoint_id=row["endpoint_id"],
        family=row["model_family"],
        tier=row["quality_tier"] or "tiny",
        is_reference=bool(row["is_reference"]),
        reference_kind=row["reference_kind"],
        honest=bool(row["honest"]),
        thinks=bool(row["thinks"]),
        top_logprobs=row["top_logprobs"],
        quantization=row["quantization"],
    )


def read_samples(lake: Lake, day: date, families: Sequence[Family]) -> Samples:
    """The samples that the figures of `day` rest on, of the days that the lake has.

    Of days before the pool only those are read that a floor or the variance between days is measured on.
    """
    steady = [e.endpoint_id for family in families for e in family.endpoints if e.is_reference or e.honest]
    existing = set(lake.days("fidelity_samples"))
    frames = []
    for back in range(WINDOW_DAYS - 1, -1, -1):
        each = day - timedelta(days=back)
        if each in existing:
            wanted = None if back < POOL_DAYS else steady
            frames.append(_read(lake, each, wanted))
    return samples_of(day, frames)


def samples_of(day: date, frames: Sequence[pl.DataFrame]) -> Samples:
    """Frames of `fidelity_samples` as the pool of `day`: tries that count, of what was sent."""
    kept = [f.filter(pl.col("counts") & (pl.col("outcome") != "not_sent")).select(NEEDED) for f in frames]
    newest = pl.col("prompt_sha256").sort_by("day").last().over("channel", "prompt_id")
    whole = pl.concat([NO_SAMPLES.drop("newest_wording"), *kept], how="vertical_relaxed").with_columns(
        newest_wording=pl.col("prompt_sha256").eq_missing(newest)
    )
    parts = whole.sort("day", "prompt_id", "rep").partition_by("endpoint_id", "channel", as_dict=True)
    return Samples(day, {(str(key[0]), str(key[1])): rows for key, rows in parts.items()})


def _read(lake: Lake, day: date, endpoints: Collection[str] | None) -> pl.DataFrame:
    # One-token answers of border inputs are counted elsewhere, and are half of all rows.
    kept = pl.col("channel") != "border"
    if endpoints is not None:
        kept &= pl.col("endpoint_id").is_in(list(endpoints)) & pl.col("channel").is_in(
            ["sampled", "greedy", "logprobs"]
        )
    return lake.scan("fidelity_samples", day).filter(kept).select(*NEEDED, "counts").collect()


def drawn(rows: pl.DataFrame, length: int) -> dict[str, Drawn]:
    """The answers of `rows` (of one endpoint and channel) by prompt, as sequences of `length` code points."""
    asked = Counter(rows["prompt_id"].to_list())
    came = rows.filter(~pl.col("outcome").is_in(LOST))
    texts, outcomes = came["text"].fill_null("").to_list(), came["outcome"].to_list()
    days = came["day"].to_physical().to_numpy().astype(np.int64) + EPOCH
    blocks = days * HOURS_PER_DAY + came["slot"].to_numpy()
    places: dict[str, list[int]] = {name: [] for name in asked}
    for place, name in enumerate(came["prompt_id"].to_list()):
        places[name].append(place)
    return {
        name: Drawn(
            encode([texts[place] for place in own], length, [outcomes[place] for place in own]),
            blocks[own],
            asked[name],
        )
        for name, own in places.items()
    }
