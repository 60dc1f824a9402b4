"""What each family is compared with: the ladder of references, a consensus where there is none, days and floors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any

import polars as pl

from tokenarena_assets.chain.fidelity_exact import GreedyFloor, greedy_floor, logprob_floor
from tokenarena_assets.chain.fidelity_pool import LOST, POOL_DAYS, WINDOW_DAYS, Drawn, Endpoint, Family, Samples, drawn
from tokenarena_assets.chain.fidelity_prompts import PromptFit, comparable, prompt_fits
from tokenarena_assets.chain.fidelity_tables import REFERENCE_DAYS
from tokenarena_assets.fidelity import DayVariance, day_variance, kernel_cosine, u_parts
from tokenarena_assets.fidelity.consensus import consensus
from tokenarena_assets.fidelity.logprobs import LogprobFloor
from tokenarena_assets.fidelity.sequences import HOURS_PER_DAY, Sequences
from tokenarena_assets.suites.fidelity.questions import sequence_units

LADDER = {
    "own_api": "the author's own API",
    "self_hosted": "the released weights, served by ourselves",
    "partner": "a partner that the author names",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """Whom a family is compared with and all that is known of it; `floors` None where it is a consensus or nobody."""

    endpoint: Endpoint | None
    kind: str
    because: str
    n_consensus: int
    length: int  # of sequences, code points
    fits: Mapping[str, PromptFit]
    by_endpoint: Mapping[str, Mapping[str, Drawn]]  # sampled answers of the pool
    days: DayVariance
    n_days: int
    greedy: GreedyFloor | None
    logprobs: LogprobFloor | None

    @property
    def judges(self) -> bool:
        """Whether a deviation from it may be claimed."""
        return self.kind in LADDER


NO_DAYS = DayVariance(None, None, None, None, 0, 0)


def reference_of(samples: Samples, family: Family) -> Reference:
    """The reference of a family: the catalog's; else the medoid of a majority that agrees; else none."""
    tier = (family.reference or family.endpoints[0]).tier
    length = sequence_units(tier)
    by_endpoint = {
        each.endpoint_id: drawn(samples.of(each.endpoint_id, "sampled", POOL_DAYS), length) for each in family.endpoints
    }
    if family.reference is None:
        return _consensus(family, length, by_endpoint)
    own = family.reference
    kind = own.reference_kind or "own_api"
    fits = prompt_fits([by_endpoint[own.endpoint_id]])
    answered = samples.of(own.endpoint_id, "sampled", WINDOW_DAYS).filter(~pl.col("outcome").is_in(LOST))
    return Reference(
        endpoint=own,
        kind=kind,
        because=f"the catalog names it: {LADDER[kind]}",
        n_consensus=0,
        length=length,
        fits=fits,
        by_endpoint=by_endpoint,
        days=_days(samples, own, length, fits),
        n_days=answered["day"].n_unique(),
        greedy=greedy_floor(samples, own, family.measures_floor),
        logprobs=logprob_floor(samples, own, family.measures_floor),
    )


def _consensus(family: Family, length: int, by_endpoint: Mapping[str, Mapping[str, Drawn]]) -> Reference:
    sides = [side for side in by_endpoint.values() if side]
    fits = prompt_fits(sides) if sides else {}
    names = [name for name, side in by_endpoint.items() if side]
    pairwise: dict[tuple[str, str], float | None] = {}
    for a, b in combinations(names, 2):
        found = comparable(by_endpoint[a], by_endpoint[b], fits)
        cosine = None if found.why_not else kernel_cosine(u_parts(found.prompts))
        pairwise[a, b] = None if cosine is None else 100 * cosine
    agreed = consensus(names, pairwise)
    medoid = next((each for each in family.endpoints if each.endpoint_id == agreed.medoid), None)
    return Reference(
        endpoint=medoid,
        kind="none" if medoid is None else "consensus",
        because=f"the catalog names none; {agreed.reason}",
        n_consensus=len(agreed.members),
        length=length,
        fits=fits,
        by_endpoint=by_endpoint,
        days=NO_DAYS,
        n_days=0,
        greedy=None,
        logprobs=None,
    )


def _days(samples: Samples, reference: Endpoint, length: int, fits: Mapping[str, PromptFit]) -> DayVariance:
    """How much T varies between the reference's days, on prompts that tell anything.

    Prompts of earlier weeks are no more in the pool: they are judged by their own answers.
    """
    rows = samples.of(reference.endpoint_id, "sampled", WINDOW_DAYS)
    whole = drawn(rows, length)
    earlier = {name: each for name, each in whole.items() if name not in fits}
    fit = {name for name, found in [*fits.items(), *prompt_fits([earlier]).items()] if found.fit}
    by_day: dict[int, dict[str, Sequences]] = {}
    for name in sorted(fit & whole.keys()):
        days = whole[name].blocks // HOURS_PER_DAY
        for each in sorted(set(days.tolist())):
            by_day.setdefault(each, {})[name] = whole[name].sequences[days == each]
    return day_variance(by_day)


def reference_row(day: date, family: Family, found: Reference) -> dict[str, Any]:
    """The row of `fidelity_references`."""
    return {
        "day": day,
        "model_family": family.name,
        "reference_endpoint_id": found.endpoint.endpoint_id if found.endpoint else None,
        "kind": found.kind,
        "chosen_because": found.because,
        "n_endpoints": len(family.endpoints),
        "n_consensus": found.n_consensus if found.kind == "consensus" else None,
        "n_reference_days": found.n_days,
        "missing_reference_days": max(0, REFERENCE_DAYS - found.n_days),
        "day_pairs": found.days.n_pairs,
        "day_mean": found.days.mean,
        "day_variance": found.days.s2_day,
        "greedy_floor_per_1k": found.greedy.floor.rate_per_1k if found.greedy else None,
        "greedy_floor_source": found.greedy.floor.source if found.greedy else None,
        "greedy_self_per_1k": found.greedy.own_rate_per_1k if found.greedy else None,
        "greedy_phi": found.greedy.phi if found.greedy else None,
        "logprob_floor_nats": found.logprobs.nats if found.logprobs else None,
        "logprob_floor_source": found.logprobs.source if found.logprobs else None,
    }
