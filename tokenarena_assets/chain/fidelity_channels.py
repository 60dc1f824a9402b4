"""Each channel's figure of each endpoint of a day, and who is suspect over all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl

from tokenarena_assets.chain.fidelity_exact import (
    Figures,
    greedy_figures,
    logprob_figures,
    no_score,
    not_applicable,
    parity_figures,
)
from tokenarena_assets.chain.fidelity_pool import LOST, POOL_DAYS, Endpoint, Family, Samples, drawn
from tokenarena_assets.chain.fidelity_prompts import comparable, prompt_rows
from tokenarena_assets.chain.fidelity_references import Reference, reference_of, reference_row
from tokenarena_assets.chain.fidelity_tables import (
    CHANNELS,
    FIDELITY_CHANNELS,
    FIDELITY_PROMPTS,
    FIDELITY_REFERENCES,
    REFERENCE_DAYS,
)
from tokenarena_assets.fidelity import day_test, fidelity, permutation_test
from tokenarena_assets.fidelity.kernels import pooled_matches
from tokenarena_assets.fidelity.permutation import PERMUTATIONS
from tokenarena_assets.fidelity.verdict import flag_day, p_of_a_difference
from tokenarena_assets.suites.items import derived_seed
from tokenarena_assets.suites.version import SUITE_VERSION

OF_FIRST_TOKENS = ("greedy", "border", "logprobs")  # what reasoning that cannot be switched off takes away
POINTS = "points"


@dataclass(frozen=True, slots=True)
class FidelityDay:
    """The day's frames: `fidelity_prompts`, `fidelity_references`, `fidelity_channels`."""

    prompts: pl.DataFrame
    references: pl.DataFrame
    channels: pl.DataFrame


def fidelity_of_day(
    samples: Samples,
    families: Sequence[Family],
    border: Mapping[str, Figures],
    permutations: int = PERMUTATIONS,
) -> FidelityDay:
    """Compare every endpoint with its family's reference, and test all of them at once."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # most of it is arithmetic that needs no interpreter
        found = threads.map(lambda family: reference_of(samples, family), families)
        compared = list(zip(families, found, strict=True))
        asked = [
            (endpoint, reference, channel)
            for family, reference in compared
            for endpoint in family.endpoints
            for channel in CHANNELS
        ]
        figures = threads.map(lambda one: _figures(samples, one[0], one[1], one[2], border, permutations), asked)
        channels = [_row(samples, *one, own) for one, own in zip(asked, figures, strict=True)]
    prompts: list[dict[str, Any]] = []
    for family, reference in compared:
        prompts += prompt_rows(samples.day, family.name, reference.fits, _sets(samples, family))
    references = [reference_row(samples.day, family, reference) for family, reference in compared]
    _flag(channels)
    return FidelityDay(
        FIDELITY_PROMPTS.frame(prompts), FIDELITY_REFERENCES.frame(references), FIDELITY_CHANNELS.frame(channels)
    )


def _sets(samples: Samples, family: Family) -> dict[str, str]:
    frames = [samples.of(each.endpoint_id, "sampled", POOL_DAYS) for each in family.endpoints]
    return dict(pl.concat(frames).select("prompt_id", "prompt_set").unique().sort("prompt_id").iter_rows())


def _figures(
    samples: Samples,
    endpoint: Endpoint,
    reference: Reference,
    channel: str,
    border: Mapping[str, Figures],
    permutations: int,
) -> Figures:
    if endpoint.thinks and channel in OF_FIRST_TOKENS:
        return not_applicable("its reasoning cannot be switched off")
    if channel == "border":
        return border.get(endpoint.endpoint_id) or _not_asked("not asked on this day")
    if reference.endpoint is None:
        return not_applicable(f"no reference: {reference.because}")
    if reference.endpoint.endpoint_id == endpoint.endpoint_id:
        return not_applicable("it is the reference itself")
    if channel != "sampled" and not reference.judges:
        return not_applicable("a consensus is compared by its sampled answers alone")
    if channel in OF_FIRST_TOKENS and reference.endpoint.thinks:
        return not_applicable("reasoning of the reference cannot be switched off")
    if channel == "logprobs" and not (endpoint.top_logprobs and reference.endpoint.top_logprobs):
        whose = "the reference" if endpoint.top_logprobs else "the endpoint"
        return not_applicable(f"{whose} gives no log-probabilities")
    if samples.asked(endpoint.endpoint_id, channel, POOL_DAYS if channel == "sampled" else 1).is_empty():
        return _not_asked("not asked on this day")
    if channel == "sampled":
        return _sampled(samples, endpoint, reference, permutations)
    if channel == "parity":
        return parity_figures(samples, endpoint, reference.endpoint)
    if channel == "greedy" and reference.greedy:
        return greedy_figures(samples, endpoint, reference.endpoint, reference.greedy)
    if channel == "logprobs" and reference.logprobs:
        return logprob_figures(samples, endpoint, reference.endpoint, reference.logprobs)
    raise AssertionError(channel)


def _not_asked(note: str) -> Figures:
    return {"status": "not_asked", "note": note}


def _sampled(samples: Samples, endpoint: Endpoint, reference: Reference, permutations: int) -> Figures:
    """F of the pool and of the day, and the test of T that knows the variance between days."""
    name, against = endpoint.endpoint_id, reference.endpoint
    assert against is not None
    own, theirs = reference.by_endpoint[name], reference.by_endpoint[against.endpoint_id]
    found = comparable(own, theirs, reference.fits)
    if found.why_not:
        return no_score(found.why_not)
    seed = derived_seed(SUITE_VERSION, samples.day.isoformat(), "sampled", name)
    matches = pooled_matches(found.prompts)
    score = fidelity(found.prompts, seed=seed, matches=matches)
    if score.F is None:
        return no_score("no two answers of a side begin alike")
    test = permutation_test(found.prompts, permutations=permutations, seed=seed, matches=matches)
    tested = day_test(test.statistic, test.variance, reference.days)
    admitted = reference.n_days >= REFERENCE_DAYS
    return {
        "status": "measured",
        "note": "visible answers alone: its reasoning cannot be switched off" if endpoint.thinks else None,
        "statistic": f"F over {POOL_DAYS} days, {reference.length} characters",
        "value": score.F,
        "lo": score.lo,
        "hi": score.hi,
        "unit": POINTS,
        "floor": score.self_floor,
        "floor_source": score.self_split,
        "contrast": score.gap,
        "contrast_lo": score.gap_lo,
        "contrast_hi": score.gap_hi,
        "second": score.mmd2,
        "z": tested.z,
        "p_permutation": test.p,
        "p": tested.p if admitted else None,
        "n_prompts": score.n_prompts,
        "n_samples": score.n_samples,
    } | _of_the_day(samples, name, against.endpoint_id, reference, seed)


def _of_the_day(samples: Samples, name: str, against: str, reference: Reference, seed: int) -> Figures:
    own, theirs = (drawn(samples.of(each, "sampled"), reference.length) for each in (name, against))
    found = comparable(own, theirs, reference.fits)
    if found.why_not:
        return {}
    score = fidelity(found.prompts, seed=seed)
    return {"day_value": score.F, "day_lo": score.lo, "day_hi": score.hi, "day_n_prompts": score.n_prompts}


def _row(samples: Samples, endpoint: Endpoint, reference: Reference, channel: str, figures: Figures) -> dict[str, Any]:
    asked = samples.asked(endpoint.endpoint_id, channel, POOL_DAYS if channel == "sampled" else 1)
    n_asked, n_missing = len(asked), int(asked["outcome"].is_in(LOST).sum())
    base = dict.fromkeys(FIDELITY_CHANNELS.column_names) | {
        "day": samples.day,
        "endpoint_id": endpoint.endpoint_id,
        "model_family": endpoint.family,
        "channel": channel,
        "n_prompts": 0,
        "n_asked": n_asked,
        "n_samples": 0,
        "n_missing": n_missing,
        "judged": reference.judges and not endpoint.is_reference and not endpoint.honest,
        "named": False,
    }
    row: dict[str, Any] = base | figures
    return row | {"n_set_aside": row["n_asked"] - row["n_samples"] - row["n_missing"]}


def _flag(rows: Sequence[dict[str, Any]]) -> None:
    """Mark who is suspect, and by which channels: over all judged endpoints of the day at once."""
    p: dict[str, dict[str, float | None]] = {}
    for row in rows:
        if row["judged"]:
            counted = p_of_a_difference(row["p"], row["contrast_hi"]) if row["channel"] == "sampled" else row["p"]
            p.setdefault(row["endpoint_id"], {})[row["channel"]] = counted
    flags = flag_day(p)
    for row in rows:
        flag = flags.get(row["endpoint_id"])
        if flag is not None:
            row["p_endpoint"] = flag.p_endpoint
            row["named"] = row["channel"] in flag.named
