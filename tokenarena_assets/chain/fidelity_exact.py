"""The channels at temperature 0: greedy answers, first-token log-probabilities and prompt tokens, and their floors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean
from typing import Any

import msgspec
import polars as pl

from tokenarena_assets.chain.fidelity_pool import LOST, POOL_DAYS, WINDOW_DAYS, Endpoint, Samples
from tokenarena_assets.chain.fidelity_prompts import why_no_score
from tokenarena_assets.fidelity import greedy, logprobs
from tokenarena_assets.fidelity.parity import parity

MIN_GREEDY_PROMPTS = 10
MIN_LOGPROB_PROMPTS = 5
ASSUMED_CHARS_PER_TOKEN = 4.0  # of a reference that reports no usage
Z_95 = 1.959964
ONE_DAY = timedelta(days=1)
FIRST_TOKEN = msgspec.json.Decoder(list[tuple[str, float]])
Figures = dict[str, Any]
Answers = dict[tuple[str, int], greedy.Answer]  # by prompt and repeat
LogprobRows = Mapping[str, list[logprobs.Row]]  # by prompt


@dataclass(frozen=True, slots=True)
class GreedyFloor:
    """What a family's endpoints are held to: an honest endpoint's rate, what the reference shows by itself, and phi."""

    floor: greedy.Floor
    own_rate_per_1k: float | None
    phi: float
    units_per_token: float
    note: str | None


def answers_by_day(rows: pl.DataFrame) -> dict[date, Answers]:
    """Greedy answers by day, prompt and repeat; what was lost on the way is not there."""
    found: dict[date, Answers] = {}
    wanted = rows.filter(~pl.col("outcome").is_in(LOST)).select("day", "prompt_id", "rep", "outcome", "text", "cut")
    for day, prompt_id, rep, outcome, text, cut in wanted.iter_rows():
        found.setdefault(day, {})[prompt_id, rep] = _answer(outcome, text, cut)
    return found


def _answer(outcome: str, text: str | None, cut: bool) -> greedy.Answer:
    if outcome == "answered":
        return greedy.Answer(text or "", cut)
    if outcome == "blank":
        return greedy.Answer("", cut=False)
    return greedy.Answer((greedy.REFUSED if outcome == "refusal" else greedy.FILTERED,), cut=False)


def greedy_floor(samples: Samples, reference: Endpoint, honest: Sequence[Endpoint]) -> GreedyFloor:
    """The floor by the days of the window: of honest endpoints against the reference, and of its own two runs."""
    rows = samples.of(reference.endpoint_id, "greedy", WINDOW_DAYS)
    chars_per_token, note = _units_per_token(rows)
    runs = answers_by_day(rows)
    twice = [greedy.divergence(_pairs(run, 1, run, 0), chars_per_token) for run in runs.values()]
    next_day = [
        greedy.divergence(_pairs(run, 0, runs[each - ONE_DAY], 0), chars_per_token)
        for each, run in runs.items()
        if each - ONE_DAY in runs
    ]
    own = [greedy.pool(each) for each in (twice, next_day) if each]
    by_host: list[dict[date, greedy.Divergence]] = []
    for endpoint in honest:
        theirs = answers_by_day(samples.of(endpoint.endpoint_id, "greedy", WINDOW_DAYS))
        shared = sorted(theirs.keys() & runs.keys())
        by_host.append({d: greedy.divergence(_pairs(theirs[d], 0, runs[d], 0), chars_per_token) for d in shared})
    floor = greedy.choose_floor([greedy.pool(list(days.values())) for days in by_host], own)
    days = sorted(set().union(*by_host)) if by_host else []
    daily = [greedy.pool([host[each] for host in by_host if each in host]) for each in days] or next_day or twice
    return GreedyFloor(floor, greedy.pool(twice).rate_per_1k_tokens, greedy.dispersion(daily), chars_per_token, note)


def _units_per_token(rows: pl.DataFrame) -> tuple[float, str | None]:
    """Code points per token of the reference's own answers, by what it reports."""
    told = rows.filter((pl.col("outcome") == "answered") & (pl.col("output_tokens") > 0))
    chars, tokens = int(told["text"].str.len_chars().sum()), int(told["output_tokens"].sum())
    if chars and tokens:
        return chars / tokens, None
    return ASSUMED_CHARS_PER_TOKEN, f"tokens assumed to be of {ASSUMED_CHARS_PER_TOKEN:g} characters: none reported"


def _pairs(a: Answers, a_rep: int, b: Answers, b_rep: int) -> list[tuple[greedy.Answer, greedy.Answer]]:
    shared = sorted(name for name, rep in a if rep == a_rep and (name, b_rep) in b)
    return [(a[name, a_rep], b[name, b_rep]) for name in shared]


def greedy_figures(samples: Samples, endpoint: Endpoint, reference: Endpoint, floor: GreedyFloor) -> Figures:
    """The day's divergences of an endpoint from its reference, against the floor."""
    rows, beside = (samples.of(each.endpoint_id, "greedy").filter(pl.col("rep") == 0) for each in (endpoint, reference))
    if beside.is_empty():
        return no_score("the reference was not asked on this day")
    own, theirs = (answers_by_day(each).get(samples.day, {}) for each in (rows, beside))
    asked = set(rows["prompt_id"]) & set(beside["prompt_id"])
    pairs = _pairs(own, 0, theirs, 0)
    if why := why_no_score(len(asked), len(pairs), MIN_GREEDY_PROMPTS):
        return no_score(why)
    found = greedy.divergence(pairs, floor.units_per_token)
    ratio = greedy.rate_ratio(found, floor.floor, floor.phi)
    interval = greedy.rate_interval(found)
    if ratio is None or interval is None:
        return no_score("nothing to compare: both answer nothing")
    return {
        "status": "measured",
        "note": floor.note,
        "statistic": "divergences per 1,000 tokens at temperature 0",
        "value": found.rate_per_1k_tokens,
        "lo": interval[0],
        "hi": interval[1],
        "unit": "per 1k tokens",
        "floor": floor.floor.rate_per_1k,
        "floor_source": floor.floor.source,
        "contrast": ratio.rr,
        "contrast_lo": ratio.lo,
        "contrast_hi": ratio.hi,
        "p": ratio.p_one_sided,
        "n_prompts": found.n_prompts,
        "n_samples": found.n_prompts,
    }


def no_score(note: str) -> Figures:
    """A channel that was asked and has too little to say."""
    return {"status": "no_score", "note": note}


def not_applicable(note: str) -> Figures:
    """A channel that does not exist for this endpoint."""
    return {"status": "not_applicable", "note": note}


def logprob_rows(rows: pl.DataFrame) -> LogprobRows:
    """The alternatives of the first token by prompt, a row a repeat; those that came without any are not there."""
    found: dict[str, list[logprobs.Row]] = {}
    told = rows.filter(~pl.col("outcome").is_in(LOST) & pl.col("first_token_top").is_not_null())
    for prompt_id, text in told.select("prompt_id", "first_token_top").iter_rows():
        if row := FIRST_TOKEN.decode(text):
            found.setdefault(prompt_id, []).append(row)
    return found


def _lt_by_prompt(own: LogprobRows, theirs: LogprobRows, names: Sequence[str], k: int) -> list[float]:
    return [logprobs.lt_statistic(own[name], theirs[name], k) for name in names]


def _equal_k(own: LogprobRows, theirs: LogprobRows, names: Sequence[str]) -> int:
    sides = ([row for name in names for row in side[name]] for side in (own, theirs))
    return logprobs.common_k(*sides) if names else 0


def logprob_floor(samples: Samples, reference: Endpoint, honest: Sequence[Endpoint]) -> logprobs.LogprobFloor:
    """The floor by all days of the window: LT of each honest endpoint, and of the reference from day to day."""
    theirs = _by_day(samples, reference)
    day_before = {each + ONE_DAY: rows for each, rows in theirs.items()}
    of_honest = (_geometric_mean_lt(_by_day(samples, endpoint), theirs) for endpoint in honest)
    own = _geometric_mean_lt(theirs, day_before)
    return logprobs.choose_logprob_floor([lt for lt in of_honest if lt is not None], [] if own is None else [own])


def _geometric_mean_lt(own: Mapping[date, LogprobRows], theirs: Mapping[date, LogprobRows]) -> float | None:
    logs: list[float] = []
    for day in sorted(own.keys() & theirs.keys()):
        names = sorted(own[day].keys() & theirs[day].keys())
        if k := _equal_k(own[day], theirs[day], names):
            logs += [math.log(max(lt, logprobs.TINIEST_NATS)) for lt in _lt_by_prompt(own[day], theirs[day], names, k)]
    return math.exp(fmean(logs)) if logs else None


def _by_day(samples: Samples, endpoint: Endpoint) -> dict[date, LogprobRows]:
    rows = samples.of(endpoint.endpoint_id, "logprobs", WINDOW_DAYS)
    return {key[0]: logprob_rows(own) for key, own in rows.partition_by("day", as_dict=True).items()}


def logprob_figures(samples: Samples, endpoint: Endpoint, reference: Endpoint, floor: logprobs.LogprobFloor) -> Figures:
    """The day's LT of an endpoint against its reference, at equal k; who gives no log-probabilities is not judged."""
    asked, beside = (samples.of(each.endpoint_id, "logprobs") for each in (endpoint, reference))
    if beside.is_empty():
        return no_score("the reference was not asked on this day")
    own, theirs = logprob_rows(asked), logprob_rows(beside)
    answered = [not side.filter(~pl.col("outcome").is_in(LOST)).is_empty() for side in (asked, beside)]
    for whose, side, came in zip(("the endpoint", "the reference"), (own, theirs), answered, strict=True):
        if came and not side:
            return not_applicable(f"{whose} gives no log-probabilities")
    shared = sorted(set(asked["prompt_id"]) & set(beside["prompt_id"]))
    planned = [dict(side.group_by("prompt_id").len().iter_rows()) for side in (asked, beside)]
    kept = [
        name
        for name in shared
        if all(2 * len(side.get(name, ())) >= n[name] for side, n in zip((own, theirs), planned, strict=True))
    ]
    k = _equal_k(own, theirs, kept)
    if why := why_no_score(len(shared), len(kept), MIN_LOGPROB_PROMPTS):
        return no_score(why)
    test = logprobs.lt_test(_lt_by_prompt(own, theirs, kept, k), floor.nats, floor.log_sd)
    if test is None:
        return no_score("nothing to compare")
    reach = None if test.se_log is None else math.exp(Z_95 * test.se_log)
    return {
        "status": "measured",
        "statistic": f"LT of the first token, {k} alternatives",
        "value": test.mean,
        "lo": test.lo,
        "hi": test.hi,
        "unit": "nats",
        "floor": floor.nats,
        "floor_source": floor.source,
        "contrast": test.ratio,
        "contrast_lo": test.ratio / reach if reach else None,
        "contrast_hi": test.ratio * reach if reach else None,
        "second": fmean(logprobs.kl_top_k(own[name], theirs[name], k) for name in kept),
        "p": test.p_one_sided,
        "n_prompts": test.n,
        "n_samples": sum(len(own[name]) for name in kept),
    }


def parity_figures(samples: Samples, endpoint: Endpoint, reference: Endpoint) -> Figures:
    """Message sets of the day whose prompt tokens differ from the reference's newest count of the same messages."""
    asked = samples.of(endpoint.endpoint_id, "parity")
    known = samples.of(reference.endpoint_id, "parity", POOL_DAYS)
    if known.is_empty():
        return no_score("the reference was not asked")
    expected = dict(known.filter(pl.col("input_tokens").is_not_null()).select("prompt_id", "input_tokens").iter_rows())
    told = asked.filter(~pl.col("outcome").is_in(LOST)).select("prompt_id", "input_tokens")
    counts = {name: tokens for name, tokens in told.iter_rows() if name in set(known["prompt_id"])}
    found = parity(counts, {name: expected.get(name) for name in counts})
    if not found.n:
        return no_score("the endpoint reports no prompt tokens" if counts else "no answer came")
    return {
        "status": "measured",
        "note": found.note if found.mismatched else None,
        "statistic": "message sets whose prompt tokens differ from the reference's",
        "value": float(len(found.mismatched)),
        "unit": "message sets",
        "floor": 0.0,
        "floor_source": "equal by definition",
        "second": float(found.n),
        "n_prompts": found.n,
        "n_samples": found.n,
    }
