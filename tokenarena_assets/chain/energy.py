"""Modeled energy of a day: of each workload's request, and of a correct answer, with comparisons of endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from tokenarena_assets.chain.energy_tables import ENERGY_DAILY, ENERGY_IN_TIME, ENERGY_PAIRS, ENERGY_PER_CORRECT
from tokenarena_assets.chain.in_time import deadlines_of
from tokenarena_assets.chain.pooling import GENERATED_SUITES
from tokenarena_assets.chain.rank import (
    ALL,
    AS_PROBED,
    SHARES,
    domains_asked,
    fresh_answers,
    unscored_domains,
    widest_domain,
)
from tokenarena_assets.endpoints.presets import Preset
from tokenarena_assets.energy import (
    CPU,
    DEFAULT_SEED,
    SUPPORTED,
    AnsweredItem,
    EndpointDraws,
    EnergyEndpoint,
    EnergyInterval,
    PerCorrect,
    PerToken,
    Resampling,
    Workload,
    as_endpoint,
    compare,
    draw_endpoint,
    facts,
    finite_interval,
    joules_per_correct,
    lower_bound_j,
    probabilities_less,
    summary,
)
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.ranking import item_weights, shared_places

N_DRAWS = 5_000
MIN_CORRECT = 10  # below it no ratio is printed (energy note, section 2.6)
LABEL = "modeled"
HERE = "this machine"  # who serves the embedded fleet, whatever its catalog calls the providers
UNKNOWN_SIZE = "large"  # of a model that no table has: the class whose prior is widest in the middle
TIERS = {"standard": "standard", "priority": "priority", "batch": "batch", "flex": "batch"}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mix:
    """A workload by which answers are weighed: `input_per_output` None takes the tokens as they were billed."""

    name: str
    input_per_output: float | None
    cached_share: float
    request_input_tokens: float | None


def mixes_of(presets: Sequence[Preset]) -> list[Mix]:
    """As probed, then each preset."""
    own = [
        Mix(p.name, p.input_ratio / p.output_ratio, float(p.cached_share), float(p.request_input_tokens))
        for p in presets
    ]
    return [Mix(AS_PROBED, None, 0.0, None), *own]


def energy_endpoint(row: Row, speed_tok_s: float | None) -> EnergyEndpoint:
    """What the energy model knows of an endpoint: its row of `endpoints`, and the measured speed of a stream.

    The embedded fleet runs on processor threads of this machine, whose power is the same for all of it.

    Raises:
        TokenArenaError: what a provider disclosed cannot be so.
    """
    if row["is_embedded"]:
        threads = row["fleet_threads"] or 1
        return EnergyEndpoint(HERE, row["model"], accelerator=CPU, threads=threads, per_user_speed_tok_s=speed_tok_s)
    weights = json.loads(row["model_facts_json"] or "{}")
    told = json.loads(row["disclosure_json"] or "{}")
    given: dict[str, Any] = {name: row[name] for name in ("provider", "model", "sku")}
    given |= {name: weights[name] for name in MODEL_FACTS if weights.get(name) is not None}
    given |= {name: told[name] for name in DISCLOSED if told.get(name) is not None}
    given |= {
        f"price_{kind}_usd_per_mtok": float(row[f"{kind}_usd_per_mtok"])
        for kind in ("input", "cached_input", "output")
        if row[f"{kind}_usd_per_mtok"] is not None
    }
    if "params_total_b" not in given and row["model"] not in facts().models:
        given["size_class"] = UNKNOWN_SIZE
    given.setdefault("precision", facts().precision_names.get((row["quantization"] or "").lower()))
    tier = TIERS.get(row["service_tier"] or "standard", "standard")
    return as_endpoint(given | {"service_tier": tier, "per_user_speed_tok_s": speed_tok_s})


DISCLOSED = (
    "accelerator",
    "n_accelerators",
    "precision",
    "batch",
    "output_tok_s",
    "pue",
    "cloud_region",
    "grid_country",
)
MODEL_FACTS = ("params_total_b", "params_active_b", "open_weights", "released_precision", "kv_bytes_per_token")


@dataclass(frozen=True)
class Modeled:
    """The draws of one endpoint and workload, and their summary; or why there are none."""

    workload: Workload | None
    draws: EndpointDraws | None
    found: EnergyInterval | None
    because: str | None

    @property
    def is_comparable(self) -> bool:
        """Whether it is inside of the model, so that a comparison may be made."""
        return self.found is not None and self.found.rank

    @property
    def per_token(self) -> PerToken:
        """Energy per token with the facility, and grams per joule."""
        assert self.draws is not None
        facility, tokens = self.draws.facility, self.draws.tokens
        return PerToken(
            tokens.e_in * facility,
            tokens.e_cached * facility,
            tokens.e_out * facility,
            self.draws.carbon.country / 3.6e6,
        )


Model = dict[tuple[str, str], Modeled]  # by mix and endpoint


def model_day(
    endpoints: pl.DataFrame, latency: pl.DataFrame, answers: pl.DataFrame, presets: Sequence[Preset]
) -> Model:
    """Draws of every endpoint for every workload; 5,000 each, the same seed each day."""
    latest = endpoints.sort("valid_from").group_by("endpoint_id", maintain_order=True).last().sort("endpoint_id")
    speeds = dict(
        latency.filter((pl.col("suite") == "speed") & pl.col("output_speed_p50_tok_s").is_not_null())
        .sort("prompt_tokens_target")
        .group_by("endpoint_id", maintain_order=True)
        .agg(pl.col("output_speed_p50_tok_s").max())
        .iter_rows()
    )
    probed = {
        row["endpoint_id"]: row
        for row in answers.filter(pl.col("suite").is_in(GENERATED_SUITES) & pl.col("correct").is_not_null())
        .group_by("endpoint_id")
        .agg(pl.col("input_tokens", "cached_tokens", "output_tokens").mean())
        .iter_rows(named=True)
    }
    modeled: Model = {}
    for mix in mixes_of(presets):
        for row in latest.iter_rows(named=True):
            name = row["endpoint_id"]
            modeled[mix.name, name] = _model(row, speeds.get(name), _workload(mix, probed.get(name)))
    return modeled


def _workload(mix: Mix, probed: Row | None) -> Workload | str:
    if mix.request_input_tokens is not None and mix.input_per_output:
        tokens = mix.request_input_tokens
        return Workload(tokens, tokens / mix.input_per_output, tokens * mix.cached_share)
    if mix.request_input_tokens is not None:
        return Workload(0.0, mix.request_input_tokens)
    if probed is None or probed["input_tokens"] is None or probed["output_tokens"] is None:
        return "no graded answer with its tokens"
    return Workload(probed["input_tokens"], probed["output_tokens"], probed["cached_tokens"] or 0.0)


def _model(row: Row, speed: float | None, workload: Workload | str) -> Modeled:
    if isinstance(workload, str):
        return Modeled(None, None, None, workload)
    try:
        draws = draw_endpoint(energy_endpoint(row, speed), workload, N_DRAWS, DEFAULT_SEED, facts())
    except TokenArenaError as error:
        return Modeled(workload, None, None, error.message)
    return Modeled(workload, draws, summary(draws, facts(), DEFAULT_SEED), None)


def energy_daily(day: date, modeled: Model) -> pl.DataFrame:
    """One row an endpoint and workload."""
    return ENERGY_DAILY.frame([_daily_row(day, mix, name, each) for (mix, name), each in sorted(modeled.items())])


def _daily_row(day: date, mix: str, endpoint_id: str, each: Modeled) -> dict[str, object]:
    row: dict[str, object] = {"day": day, "endpoint_id": endpoint_id, "workload": mix, "label": LABEL}
    if each.workload is not None:
        row |= {name: getattr(each.workload, name) for name in ("input_tokens", "cached_tokens", "output_tokens")}
    if each.found is None or each.draws is None:
        return row | {"not_modeled_because": each.because}
    found = each.found
    per_token = each.per_token
    quantities = {
        "energy_j_per_request": found.energy_j,
        "energy_wh_per_request": found.wh,
        "energy_j_per_output_token": found.j_per_output_token,
        "accelerator_j_per_output_token": found.j_per_output_token_accelerator,
        "energy_j_per_input_token": finite_interval(per_token.fresh_input_j),
        "energy_j_per_cached_token": finite_interval(per_token.cached_j),
        "energy_j_per_decoded_token": finite_interval(per_token.output_j),
        "gco2e_per_request": found.gco2e_country,
        "gco2e_marginal_per_request": found.gco2e_marginal,
    }
    largest = next(iter(found.drivers), None)
    return (
        row
        | {f"{name}_{p}": getattr(value, p) for name, value in quantities.items() if value for p in value._fields}
        | {
            "region": found.region,
            "region_basis": found.region_basis,
            "carbon_basis": found.carbon_country_basis,
            "is_ranked": found.rank,
            "confidence": found.confidence,
            "assumptions": "; ".join(found.assumptions),
            "drivers": json.dumps({name: round(share, 3) for name, share in found.drivers.items()}),
            "would_narrow": largest,
            "price_ceiling_share": found.price_ceiling_share,
            **_provenance(found),
        }
    )


def _provenance(found: EnergyInterval) -> dict[str, object]:
    names = ("evidence_grade", "model_version", "constants_version", "seed", "n_draws")
    return {"label": LABEL, **{name: getattr(found, name) for name in names}}


@dataclass(frozen=True)
class _Asked:
    """The items of one endpoint and domain, with what they took; or why there is no ratio."""

    items: list[AnsweredItem]
    n_attempts: int
    because: str | None


def energy_per_correct(
    day: date, modeled: Model, answers: pl.DataFrame, endpoints: pl.DataFrame, presets: Sequence[Preset]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`energy_per_correct` and `energy_pairs` of a day: of fresh generated items alone, as dollars per correct are."""
    asked = fresh_answers(answers)
    unscored = unscored_domains(asked)
    family = dict(endpoints.sort("valid_from").select("endpoint_id", "model_family").iter_rows())
    names = sorted({name for _, name in modeled})
    rows: list[dict[str, object]] = []
    pairs: list[dict[str, object]] = []
    domains = domains_asked(asked)
    for domain in domains:
        found = {name: _asked(asked, name, domain, unscored) for name in names}
        clusters = [item.cluster for each in found.values() for item in each.items]
        drawn = Resampling(clusters, N_DRAWS, DEFAULT_SEED)
        for mix in mixes_of(presets):
            draws = {
                name: joules_per_correct(_in_mix(found[name].items, mix), modeled[mix.name, name].per_token, drawn)
                for name in names
                if found[name].because is None and modeled[mix.name, name].found is not None
            }
            rows += _mix_rows(day, mix, domain, found, draws, modeled)
            if domain == widest_domain(domains):
                inside = {name: own for name, own in draws.items() if modeled[mix.name, name].is_comparable}
                pairs += _pairs(day, mix.name, domain, inside, family)
    return ENERGY_PER_CORRECT.frame(rows), ENERGY_PAIRS.frame(pairs)


def energy_in_time(
    day: date, modeled: Model, answers: pl.DataFrame, waits: pl.DataFrame, presets: Sequence[Preset]
) -> pl.DataFrame:
    """Joules per correct answer that came within each deadline; an answer that came later earns nothing."""
    asked = fresh_answers(answers)
    waited = asked.join(
        waits.select("endpoint_id", "suite", "item_id", "wait_s"), on=["endpoint_id", "suite", "item_id"], how="left"
    )
    domain = widest_domain(domains_asked(asked))
    names = sorted({name for _, name in modeled})
    rows: list[dict[str, object]] = []
    for deadline_s in deadlines_of(presets):
        in_time = pl.col("correct") & (pl.col("wait_s") <= deadline_s).fill_null(value=False)
        counted = waited.with_columns(correct=pl.when(pl.col("correct").is_not_null()).then(in_time))
        found = {name: _asked(counted, name, domain, {}) for name in names}
        drawn = Resampling([item.cluster for each in found.values() for item in each.items], N_DRAWS, DEFAULT_SEED)
        for name, each in found.items():
            row = {"day": day, "endpoint_id": name, "deadline_s": deadline_s, "domain": domain, "label": LABEL}
            rows.append(row | _in_time_figures(each, modeled[AS_PROBED, name], drawn))
    return ENERGY_IN_TIME.frame(rows)


def _in_time_figures(each: _Asked, model: Modeled, drawn: Resampling) -> dict[str, object]:
    correct = int(sum(item.correct for item in each.items))
    row: dict[str, object] = {"n_items": len(each.items), "n_correct_in_time": correct}
    if each.because is not None or model.found is None:
        return row | {"note": each.because or model.because or "not modeled"}
    row |= _provenance(model.found)
    if correct == 0:
        bound = lower_bound_j(each.items, model.per_token)
        return row | {"energy_j_per_correct_in_time_at_least": bound, "note": "none right in time: lower bound only"}
    if correct < MIN_CORRECT:
        return row | {"note": f"{correct} right in time: at least {MIN_CORRECT} are needed for a ratio"}
    interval = finite_interval(joules_per_correct(each.items, model.per_token, drawn).joules)
    if interval is None:
        return row | {"note": "too few right in time for an interval"}
    return row | {f"energy_j_per_correct_in_time_{p}": getattr(interval, p) for p in interval._fields}


def _asked(asked: pl.DataFrame, name: str, domain: str, unscored: Mapping[tuple[str, str], str]) -> _Asked:
    wanted = tuple(SHARES) if domain == ALL else (domain,)
    own = asked.filter((pl.col("endpoint_id") == name) & pl.col("domain").is_in(wanted))
    graded = own.filter(pl.col("correct").is_not_null() | (pl.col("output_tokens") > 0)).sort("item_id")
    attempts = int(own["n_attempts"].sum())
    because = next((unscored[name, each] for each in wanted if (name, each) in unscored), None)
    if graded.is_empty():
        return _Asked([], attempts, because or "no graded answers")
    if graded.filter(pl.col("input_tokens").is_null() | pl.col("output_tokens").is_null()).height:
        return _Asked([], attempts, "tokens unknown: usage is not reported for every answer")
    weights = item_weights(graded["domain"].to_list(), SHARES if domain == ALL else None)
    items = [
        AnsweredItem(
            (row["domain"], row["template_id"] or row["item_id"]),
            float(weight),
            float(row["input_tokens"] - (row["cached_tokens"] or 0)),
            float(row["cached_tokens"] or 0),
            float(row["output_tokens"]),
            float(row["correct"] or 0),
        )
        for row, weight in zip(graded.iter_rows(named=True), weights, strict=True)
    ]
    return _Asked(items, attempts, because)


def _in_mix(items: Sequence[AnsweredItem], mix: Mix) -> list[AnsweredItem]:
    """The items with the input that the mix gives their output; as probed, as they are."""
    if mix.input_per_output is None:
        return list(items)
    share, ratio = mix.cached_share, mix.input_per_output
    return [
        AnsweredItem(
            item.cluster,
            item.weight,
            item.output_tokens * ratio * (1 - share),
            item.output_tokens * ratio * share,
            item.output_tokens,
            item.correct,
        )
        for item in items
    ]


def _mix_rows(
    day: date,
    mix: Mix,
    domain: str,
    found: Mapping[str, _Asked],
    draws: Mapping[str, PerCorrect],
    modeled: Model,
) -> Iterator[dict[str, object]]:
    notes = {name: _note(each, modeled[mix.name, name], draws.get(name)) for name, each in found.items()}
    ranked = sorted(
        (name for name, note in notes.items() if note is None),
        key=lambda name: (float(np.median(draws[name].joules)), name),
    )
    less = probabilities_less({name: draws[name].joules for name in ranked}) >= SUPPORTED
    places = shared_places(less)
    for name, each in found.items():
        row: dict[str, object] = {
            "day": day,
            "mix": mix.name,
            "domain": domain,
            "endpoint_id": name,
            "n_items": len(each.items),
            "n_correct": int(sum(item.correct for item in each.items)),
            "n_attempts": each.n_attempts,
            "label": LABEL,
            "rank_note": notes[name],
        }
        row |= _figures(_in_mix(each.items, mix), modeled[mix.name, name], draws.get(name))
        if name in ranked:
            at = ranked.index(name)
            row |= {
                "rank": places[at],
                "rank_lo": 1 + int(less[:, at].sum()),
                "rank_hi": len(ranked) - int(less[at].sum()),
            }
        yield row


def _note(each: _Asked, model: Modeled, drawn: PerCorrect | None) -> str | None:
    correct = int(sum(item.correct for item in each.items))
    if each.because is not None:
        return each.because
    if model.found is None or drawn is None:
        return model.because or "not modeled"
    if correct < MIN_CORRECT:
        return f"{correct} of {len(each.items)} correct: at least {MIN_CORRECT} are needed for a ratio"
    if not model.is_comparable:
        return f"outside of the model ({model.found.confidence}): interval only"
    return None


def _figures(items: Sequence[AnsweredItem], model: Modeled, drawn: PerCorrect | None) -> dict[str, object]:
    if model.found is None or drawn is None or not items:
        return {}
    row = _provenance(model.found) | {"region": model.found.region, "region_basis": model.found.region_basis}
    correct = sum(item.correct for item in items)
    if correct == 0:
        row["energy_j_per_correct_at_least"] = lower_bound_j(items, model.per_token)
    if correct < MIN_CORRECT:
        return row
    output = sum(item.weight * item.output_tokens for item in items)
    row["output_tokens_per_correct"] = output / sum(item.weight * item.correct for item in items)
    row |= _bounds("output_tokens_per_correct", drawn.tokens) | _bounds("energy_j_per_correct_sampling", drawn.sampling)
    quantities = {
        "energy_j_per_correct": drawn.joules,
        "gco2e_per_correct": drawn.grams,
        "energy_j_per_output_token": drawn.joules / drawn.tokens,
    }
    for name, values in quantities.items():
        if (found := finite_interval(values)) is not None:
            row |= {f"{name}_{p}": getattr(found, p) for p in found._fields}
    return row


def _bounds(name: str, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, object]:
    lo, hi = (float(v) for v in np.quantile(values, (0.025, 0.975), method="inverted_cdf"))
    return {f"{name}_lo": lo if np.isfinite(lo) else None, f"{name}_hi": hi if np.isfinite(hi) else None}


def _pairs(
    day: date, mix: str, domain: str, draws: Mapping[str, PerCorrect], family: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    for a, b in combinations(sorted(draws), 2):
        both_known = all(np.isfinite(draws[name].joules).all() for name in (a, b))
        if family.get(a) != family.get(b) or not both_known:
            continue
        found = compare(draws[a].joules, draws[b].joules)
        yield {
            "day": day,
            "mix": mix,
            "domain": domain,
            "model_family": family.get(a),
            "endpoint_a": a,
            "endpoint_b": b,
            "p_a_less": found.p_a_less,
            **{f"ratio_{p}": getattr(found.ratio, p) for p in found.ratio._fields},
            "supported": found.supported,
            "finding": _finding(a, b, found.p_a_less, found.supported),
            "label": LABEL,
        }


def _finding(a: str, b: str, p_a_less: float, supported: bool) -> str:
    if not supported:
        return "no supported difference"
    less, more, p = (a, b, p_a_less) if p_a_less > 0.5 else (b, a, 1 - p_a_less)
    return f"{less} is modeled to take less than {more} (P = {p:.2f})"
