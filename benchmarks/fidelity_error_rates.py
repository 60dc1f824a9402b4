"""How often the fidelity verdicts are wrong, and what they can see: simulated endpoints through the real functions.

Part 1: 78 endpoints that serve just what their family's reference serves, over 60 days, whose next-token distributions
are nudged anew every day, the reference's too. It counts how often they are called suspect or different all the same,
beside what a plain permutation test would have said. Part 2: the share of truly altered endpoints that are found.

The language model is random: for each prompt, position and last token, logits of a few tokens. Nudges are normal noise
on the logits, their size given as the mean KL divergence a token that they cause. No network, no server.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm

from tokenarena_assets.fidelity import PromptSamples, day_test, day_variance, fidelity, permutation_test
from tokenarena_assets.fidelity.greedy import (
    ASSUMED_FLOOR,
    Answer,
    Divergence,
    Floor,
    choose_floor,
    dispersion,
    divergence,
    pool,
    rate_ratio,
)
from tokenarena_assets.fidelity.logprobs import Row, choose_logprob_floor, lt_statistic, lt_test
from tokenarena_assets.fidelity.verdict import (
    COUNTED_CHANNELS,
    MIN_REFERENCE_DAYS,
    DayEvidence,
    Flag,
    flag_day,
    judge,
    p_of_a_difference,
)
from tokenarena_assets.report.terminal import print_table

Floats = NDArray[np.float32]
Tokens = NDArray[np.int32]
Whole = NDArray[np.int64]
Gap = tuple[float | None, float | None]
T = TypeVar("T")

VOCABULARY = 8
FAMILIES = 12
ENDPOINTS = 78
POOL_DAYS = 7
MEMORY_DAYS = 28
SAMPLED = (50, 5, 20, 32)  # prompts, samples of an endpoint and of the reference a day, tokens
GREEDY = (100, 64)  # prompts, tokens; the first half of the prompts is the same every day
LOGPROBS = (10, 10, 20, 64)  # prompts, repeats, alternatives, vocabulary
FOR_A_VARIANCE, FOR_A_P = 499, 1_999  # permutations: the smallest threshold of the day is 0.05 / 78
PLAIN_EVERY, PLAIN_POOLS = 4, (21, 42)  # days: of the plain tests, which cost time and judge nobody
REPEAT_NOISE = 0.02  # nats, between repeats of one day

HOST_KL = 0.0003  # a deployment's own numerics, for good: that of 8-bit weights, the most that is not a change
# What a day adds to each deployment; none: as in the embedded fleet; worst: as in real first-token data.
DAY_KL = {"none": 0.0, "mild": 0.001, "worst": 0.012}
HONEST = 3  # deployments that measure the floor, in every second family; the others have the assumed one
PUBLISHED = {0.00024: "99.2%", 0.0047: "96.5%", 0.066: "88.7%"}  # KL a token and same top token, llama.cpp logs
PERTURBATIONS = {"~Q8": 0.00024, "~Q6": 0.0015, "~Q5": 0.0045, "~Q4": 0.025, "~3-bit": 0.066}
Z_FAMILY_WISE = 3.2
ALTERED, ALTERED_DAYS = 6, 21  # endpoints of a family, and how long they have been watched


# A random language model


def sampled_logits(rng: np.random.Generator, prompts: int, length: int) -> Floats:
    """Logits of shape (prompts, length, last token, token), of prompts that the filter would keep."""
    kept: list[Floats] = []
    while len(kept) < prompts:
        scale = math.exp(rng.uniform(math.log(5), math.log(40)))
        own = (scale * rng.standard_normal((length, VOCABULARY, VOCABULARY))).astype(np.float32)
        if 0.15 <= within_kernel_expected(own) <= 0.9:
            kept.append(own)
    return np.stack(kept)


def softmax(logits: Floats) -> Floats:
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Floats = p / p.sum(axis=-1, keepdims=True)
    return shares


def within_kernel_expected(logits: Floats) -> float:
    """Expected prefix kernel of two samples of one prompt, exactly."""
    together = np.zeros(VOCABULARY)
    together[0] = 1.0
    total = 0.0
    for at in softmax(logits):
        together = together @ at**2
        total += float(together.sum())
    return total / len(logits)


def visits(p: Floats) -> Floats:
    """How likely each (prompt, position, last token) is."""
    found = np.zeros(p.shape[:3], dtype=np.float32)
    found[:, 0, 0] = 1.0
    for t in range(p.shape[1] - 1):
        found[:, t + 1] = np.einsum("mv,mvw->mw", found[:, t], p[:, t])
    return found


def kl_and_same_top(logits: Floats, nudged: Floats) -> tuple[float, float]:
    """KL a token (base || nudged) and the share of equal top tokens, along the base model's own texts."""
    p, q = softmax(logits), softmax(nudged)
    kl = np.sum(p * (np.log(p + 1e-12) - np.log(q + 1e-12)), axis=-1)
    same = logits.argmax(axis=-1) == nudged.argmax(axis=-1)
    weight = visits(p) if logits.ndim == 4 else np.ones(logits.shape[:-1])
    return float((weight * kl).sum() / weight.sum()), float((weight * same).sum() / weight.sum())


@cache
def generic_text() -> Floats:
    """Positions of ordinary text, on which published KL is measured; sharper prompts lose less by the same noise."""
    return greedy_logits(np.random.default_rng(0), 400)


@cache
def noise_of(kl: float) -> float:
    """Standard deviation of the noise on logits that costs ordinary text `kl` a token, by bisection on one draw."""
    base = generic_text()
    draw = np.random.default_rng(1).standard_normal(base.shape, dtype=np.float32)
    lo, hi = 0.0, 20.0
    for _ in range(30):
        mid = (lo + hi) / 2
        lo, hi = (mid, hi) if kl_and_same_top(base, base + mid * draw)[0] < kl else (lo, mid)
    return (lo + hi) / 2


def draw_texts(rng: np.random.Generator, logits: Floats, n: int) -> Tokens:
    """Samples at temperature 1, of shape (..., prompts, n, length), from logits (..., prompts, length, last, token)."""
    lead, length = logits.shape[:-3], logits.shape[-3]
    flat = softmax(logits).reshape(-1, length, VOCABULARY, VOCABULARY)
    below = np.cumsum(flat, axis=-1)[..., :-1]
    rows = np.arange(len(flat))[:, None]
    last = np.zeros((len(flat), n), dtype=np.int32)
    texts = np.empty((len(flat), n, length), dtype=np.int32)
    for t in range(length):
        chance = rng.random((len(flat), n, 1), dtype=np.float32)
        last = (chance > below[rows, t, last]).sum(axis=-1, dtype=np.int32)
        texts[:, :, t] = last
    return texts.reshape(*lead, n, length)


def greedy_logits(rng: np.random.Generator, prompts: int) -> Floats:
    """Logits of shape (prompts, length, token): until two deployments part, they are on one path."""
    return (4.5 * rng.standard_normal((prompts, GREEDY[1], VOCABULARY))).astype(np.float32)


def greedy_divergence(a: Floats, b: Floats) -> Divergence:
    """By the real function, on logits of two deployments; no answer ends before its cap."""
    texts = [side.argmax(axis=-1).astype(np.uint8) for side in (a, b)]
    answers = [[Answer(row.tobytes(), cut=True) for row in side] for side in texts]
    return divergence(zip(*answers, strict=True), units_per_token=1.0)


# Part 1: endpoints that did not change


@dataclass
class Tally:
    """What happened to unchanged endpoint-days."""

    counts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def add(self, name: str, hits: int, of: int) -> None:
        self.counts[name][0] += hits
        self.counts[name][1] += of

    def row(self, name: str) -> list[object]:
        hits, of = self.counts[name]
        if not of:
            return [name, None, None, None]
        lo = float(beta.ppf(0.025, hits, of - hits + 1)) if hits else 0.0
        hi = float(beta.ppf(0.975, hits + 1, of - hits)) if hits < of else 1.0
        return [name, f"{hits} of {of}", f"{100 * hits / of:.2f}%", f"{100 * lo:.2f} to {100 * hi:.2f}%"]


@dataclass(frozen=True)
class DayOfFamily:
    """One family on one day, by endpoint: p of each channel, plain p values (some days), and gaps (once a week)."""

    p: Mapping[str, Mapping[str, float | None]]
    plain: Mapping[str, Mapping[str, float | None]]  # by the name of the test
    gaps: Mapping[str, Gap]
    floor: str


def family_days(family: int, endpoints: int, days: int, day_kl: float, seed: int) -> list[DayOfFamily]:
    """All days of one family: `endpoints` deployments and a reference, of one model and one precision."""
    rng = np.random.default_rng([seed, family])
    honest = HONEST if family % 2 else 0
    s = _Sampled(rng, endpoints, day_kl)
    g = _Greedy(rng, endpoints, honest, day_kl)
    lp = _Logprobs(rng, endpoints, honest, day_kl)
    names = [f"family {family} endpoint {e}" for e in range(endpoints)]

    def by_name(values: Sequence[T]) -> dict[str, T]:
        return dict(zip(names, values, strict=True))

    found = []
    for day in range(days):
        s.draw(day)
        columns = zip(s.p(day), g.day(day), lp.day(day), strict=True)
        p = by_name([dict(zip(COUNTED_CHANNELS, values, strict=True)) for values in columns])
        plain: dict[str, Mapping[str, float | None]] = {}
        if day % PLAIN_EVERY == 0:
            plain["plain test of one day"] = by_name(s.plain_p(day, 1))
        weekly = day + 1 >= MIN_REFERENCE_DAYS and day % 7 == 0
        if day in PLAIN_POOLS:
            plain["plain test of 7 days"] = by_name(s.plain_p(day, POOL_DAYS))
        gaps = by_name(s.gaps(day)) if weekly else {}
        found.append(DayOfFamily(p, plain, gaps, "measured" if honest else "assumed"))
    return found


class _Deployments:
    """Logits of a family's deployments, the last of them the reference: base + host, for good + day, anew.

    The first `altered` of them are moved by `altered_kl` a token as well, for good.
    """

    def __init__(
        self, rng: np.random.Generator, base: Floats, count: int, day_kl: float, altered: int, altered_kl: float
    ) -> None:
        self.rng, self.base = rng, base
        self.day_noise = noise_of(day_kl)
        own = [math.hypot(noise_of(HOST_KL), noise_of(altered_kl))] * altered + [noise_of(HOST_KL)] * (count - altered)
        self.own_noise = np.array(own, dtype=np.float32).reshape(count, *[1] * base.ndim)
        self.hosts = self.own_noise * self._normal((count, *base.shape))

    def _normal(self, shape: tuple[int, ...]) -> Floats:
        return self.rng.standard_normal(shape, dtype=np.float32)

    def renew(self, first: int, base: Floats) -> None:
        """Prompts from `first` on are new ones."""
        self.base[first:] = base
        self.hosts[:, first:] = self.own_noise * self._normal(self.hosts[:, first:].shape)

    def today(self) -> Floats:
        """Of shape (deployments, *base)."""
        today: Floats = self.base + self.hosts + self.day_noise * self._normal(self.hosts.shape)
        return today


class _Sampled:
    def __init__(self, rng: np.random.Generator, endpoints: int, day_kl: float, altered_kl: float = 0.0) -> None:
        prompts, _, _, length = SAMPLED
        self.rng, self.endpoints = rng, endpoints
        base = sampled_logits(rng, prompts, length)
        self.deployments = _Deployments(rng, base, endpoints + 1, day_kl, endpoints, altered_kl)
        self.x: list[Tokens] = []  # a day each: (endpoints, prompts, samples, tokens)
        self.y: list[Tokens] = []
        self.slots: list[tuple[Whole, Whole]] = []

    def draw(self, day: int) -> None:
        """Sample one more day."""
        prompts, n, r, _ = SAMPLED
        logits = self.deployments.today()
        self.x.append(draw_texts(self.rng, logits[:-1], n))
        self.y.append(draw_texts(self.rng, logits[-1], r))
        slots = (self.rng.integers(0, 24, (prompts, n)), self.rng.integers(0, 24, (prompts, r)))
        self.slots.append((24 * day + slots[0], 24 * day + slots[1]))

    def p(self, day: int) -> list[float | None]:
        """The p that counts, of the pool that ends on this day; None before there are enough reference days."""
        if day + 1 < MIN_REFERENCE_DAYS:
            return [None] * self.endpoints
        known = range(max(0, day + 1 - MEMORY_DAYS), day + 1)
        variance = day_variance({d: {str(i): self.y[d][i] for i in range(SAMPLED[0])} for d in known})
        tests = [
            permutation_test(self.samples(e, day, POOL_DAYS), permutations=FOR_A_VARIANCE, seed=day)
            for e in range(self.endpoints)
        ]
        return [day_test(test.statistic, test.variance, variance).p for test in tests]

    def plain_p(self, day: int, pool_days: int) -> list[float | None]:
        """P of a permutation test that takes every sample for independent."""
        found: list[float | None] = []
        for e in range(self.endpoints):
            loose = [
                PromptSamples(s.prompt_id, s.x, s.y, np.arange(len(s.x)), len(s.x) + np.arange(len(s.y)))
                for s in self.samples(e, day, pool_days)
            ]
            found.append(permutation_test(loose, permutations=FOR_A_P, seed=day).p)
        return found

    def gaps(self, day: int) -> list[Gap]:
        """The interval of F_self - F, of the pool that ends on this day."""
        found = [fidelity(self.samples(e, day, POOL_DAYS), resamples=500, seed=day) for e in range(self.endpoints)]
        return [(estimate.gap_lo, estimate.gap_hi) for estimate in found]

    def samples(self, e: int, day: int, pool_days: int) -> list[PromptSamples]:
        window = slice(max(0, day + 1 - pool_days), day + 1)
        x, y = np.concatenate([d[e] for d in self.x[window]], axis=1), np.concatenate(self.y[window], axis=1)
        x_slots, y_slots = (np.concatenate(side, axis=1) for side in zip(*self.slots[window], strict=True))
        return [PromptSamples(str(i), x[i], y[i], x_slots[i], y_slots[i]) for i in range(SAMPLED[0])]


class _Greedy:
    def __init__(
        self, rng: np.random.Generator, endpoints: int, honest: int, day_kl: float, altered_kl: float = 0.0
    ) -> None:
        self.rng, self.endpoints, self.fixed = rng, endpoints, GREEDY[0] // 2
        base = greedy_logits(rng, GREEDY[0])
        self.deployments = _Deployments(rng, base, endpoints + honest + 1, day_kl, endpoints, altered_kl)
        self.honest: list[list[Divergence]] = [[] for _ in range(honest)]
        self.yesterday: Floats | None = None
        self.own: list[Divergence] = []

    def day(self, day: int) -> list[float | None]:
        if day % 7 == 0 and day:
            self.deployments.renew(self.fixed, greedy_logits(self.rng, GREEDY[0] - self.fixed))
        logits = self.deployments.today()
        reference = logits[-1]
        if self.yesterday is not None:
            self.own.append(greedy_divergence(reference[: self.fixed], self.yesterday))
        self.yesterday = reference[: self.fixed].copy()
        own = self.own[-MEMORY_DAYS:]
        for found, host in zip(self.honest, logits[self.endpoints : -1], strict=True):
            found.append(greedy_divergence(host, reference))
        floor = choose_floor([pool(found[-MEMORY_DAYS:]) for found in self.honest], [pool(own)] if own else [])
        phi = dispersion(own)
        ratios = [rate_ratio(greedy_divergence(logits[e], reference), floor, phi) for e in range(self.endpoints)]
        return [ratio.p_one_sided if ratio else None for ratio in ratios]


class _Logprobs:
    def __init__(
        self, rng: np.random.Generator, endpoints: int, honest: int, day_kl: float, altered_kl: float = 0.0
    ) -> None:
        prompts, _, _, vocabulary = LOGPROBS
        self.rng, self.endpoints = rng, endpoints
        base = (4.5 * rng.standard_normal((prompts, vocabulary))).astype(np.float32)
        self.deployments = _Deployments(rng, base, endpoints + honest + 1, day_kl, endpoints, altered_kl)
        self.honest: list[list[float]] = [[] for _ in range(honest)]  # logarithms
        self.yesterday: list[list[Row]] | None = None
        self.own: list[float] = []

    def day(self, _day: int) -> list[float | None]:
        *others, reference = (self._rows(logits) for logits in self.deployments.today())
        if self.yesterday is not None:
            self.own.append(self._log_mean(reference, self.yesterday))
        self.yesterday = reference
        for found, host in zip(self.honest, others[self.endpoints :], strict=True):
            found.append(self._log_mean(host, reference))
        own = [_exp_mean(self.own[-MEMORY_DAYS:])] if self.own else []
        floor = choose_logprob_floor([_exp_mean(found[-MEMORY_DAYS:]) for found in self.honest], own)
        judged = others[: self.endpoints]
        tests = [lt_test(self._lt(rows, reference), floor.nats, floor.log_sd) for rows in judged]
        return [test.p_one_sided if test else None for test in tests]

    def _log_mean(self, a: list[list[Row]], b: list[list[Row]]) -> float:
        return float(np.mean(np.log(self._lt(a, b))))

    def _rows(self, logits: Floats) -> list[list[Row]]:
        _, repeats, k, _ = LOGPROBS
        jitter = REPEAT_NOISE * self.rng.standard_normal((repeats, *logits.shape), dtype=np.float32)
        logprobs = np.log(softmax(logits + jitter) + 1e-12)
        best = np.argsort(-logprobs, axis=-1)[..., :k]
        values = np.take_along_axis(logprobs, best, axis=-1)
        prompts = range(logits.shape[0])
        return [
            [list(zip(map(str, best[j, i].tolist()), values[j, i].tolist(), strict=True)) for j in range(repeats)]
            for i in prompts
        ]

    @staticmethod
    def _lt(a: list[list[Row]], b: list[list[Row]]) -> list[float]:
        return [lt_statistic(x, y, LOGPROBS[2]) for x, y in zip(a, b, strict=True)]


def _exp_mean(logs: Sequence[float]) -> float:
    return math.exp(float(np.mean(logs)))


def sizes(endpoints: int, families: int) -> list[int]:
    return [endpoints // families + (f < endpoints % families) for f in range(families)]


def tally(days: Sequence[Sequence[DayOfFamily]]) -> Tally:
    """Judge every endpoint on every day by the real rules; `days` is by day, then family."""
    found = Tally()
    flags: list[dict[str, Flag]] = []
    for number, families in enumerate(days):
        p = {name: own for family in families for name, own in family.p.items()}
        gaps = {name: gap for family in families for name, gap in family.gaps.items()}
        # Gaps are worked out once a week; on the other days none is taken to be within the margin.
        counted = {
            name: {**own, "sampled": p_of_a_difference(own["sampled"], gaps[name][1] if name in gaps else None)}
            for name, own in p.items()
        }
        flag = flag_day(counted)
        flags.append(flag)
        suspects = [name for name, f in flag.items() if f.suspect]
        found.add("suspect endpoint-days", len(suspects), len(flag))
        found.add("days with any suspect", bool(suspects), 1)
        # On the first day no floor has been seen from day to day.
        found.add("suspect endpoint-days of the first day", 0 if number else len(suspects), 0 if number else len(flag))
        for family in families:
            for channel in COUNTED_CHANNELS:
                own = [value for channels in family.p.values() if (value := channels[channel]) is not None]
                label = channel if channel == "sampled" else f"{channel}, floor {family.floor}"
                found.add(f"{label}: p <= 5%", sum(value <= 0.05 for value in own), len(own))
        for name in p:
            # Gaps are worked out once a week; no day is let off `different` for the lack of one.
            lo, hi = gaps.get(name, (100.0, 100.0))
            today = DayEvidence("endpoint", flag[name], lo, hi, number + 1, "own_api")
            verdict = judge(today, [earlier[name] for earlier in flags[-3:-1]]).verdict
            found.add("different endpoint-days (gap not asked of 6 days in 7)", verdict == "different", 1)
            if name in gaps:
                found.add("consistent, of days with a gap", verdict == "consistent", 1)
                found.add("gap interval wholly over 3 points", lo is not None and lo > 3, 1)
        for test in ("plain test of one day", "plain test of 7 days"):
            plain = {n: {"sampled": p} for family in families for n, p in family.plain.get(test, {}).items()}
            if plain:
                own = [value for channels in plain.values() if (value := channels["sampled"]) is not None]
                found.add(f"{test}: p <= 5%", sum(value <= 0.05 for value in own), len(own))
                flagged = sum(f.suspect for f in flag_day(plain).values())
                found.add(f"{test}: suspect endpoint-days", flagged, len(plain))
                found.add(f"{test}: days with any suspect", bool(flagged), 1)
    return found


def error_rates(args: argparse.Namespace, workers: ProcessPoolExecutor) -> None:
    for setting in args.settings:
        started = time.perf_counter()
        jobs = [
            workers.submit(family_days, f, n, args.days, DAY_KL[setting], args.seed)
            for f, n in enumerate(sizes(args.endpoints, args.families))
        ]
        by_family = [job.result() for job in jobs]
        found = tally(list(zip(*by_family, strict=True)))
        took = time.perf_counter() - started
        print(
            f"\n{args.endpoints} unchanged endpoints, {args.families} families, {args.days} days; KL a token: host"
            f" {HOST_KL}, day {DAY_KL[setting]} ({setting}); {took:.0f} s"
        )
        print_table(["what", "count", "share", "95 % interval"], [found.row(name) for name in found.counts])


# Part 2: what is found of endpoints that did change


def sampled_power(kl: float, shape: tuple[int, int, int, int], kernel: str, seed: int, replicates: int) -> list[str]:
    """Share of replicates over the 5 % level and over z = 3.2; each has its own model, prompts and alteration."""
    prompts, n, r, length = shape
    over = np.zeros(2)
    for replicate in range(replicates):
        rng = np.random.default_rng([seed, replicate, prompts, n, length, round(kl * 1e6)])
        base = sampled_logits(rng, prompts, length)
        altered = base + noise_of(kl) * rng.standard_normal(base.shape, dtype=np.float32)
        x, y = draw_texts(rng, altered, n), draw_texts(rng, base, r)
        samples = [PromptSamples(str(i), x[i], y[i], np.arange(n), n + np.arange(r)) for i in range(prompts)]
        test = permutation_test(samples, kernel=kernel, permutations=499, seed=replicate)  # type: ignore[arg-type]
        z = (test.statistic - test.mean) / math.sqrt(test.variance)  # type: ignore[operator, arg-type]
        over += [test.p <= 0.05, z > Z_FAMILY_WISE]  # type: ignore[operator]
    return [f"{share:.2f}" for share in over / replicates]


def greedy_power(kl: float, prompts: int, floor_rate: float | None, seed: int, replicates: int) -> list[str]:
    """The same of a greedy rate ratio against an honest pair of that rate; None: against the assumed floor."""
    host = host_noise(floor_rate or ASSUMED_FLOOR.rate_per_1k)
    over = np.zeros(2)
    for replicate in range(replicates):
        rng = np.random.default_rng([seed, replicate, prompts, round(kl * 1e6)])
        base = greedy_logits(rng, prompts)

        def served(altered: float = 0.0, base: Floats = base, rng: np.random.Generator = rng) -> Floats:
            return base + math.hypot(host, altered) * rng.standard_normal(base.shape, dtype=np.float32)

        reference = served()
        honest = greedy_divergence(served(), reference)
        floor = ASSUMED_FLOOR
        if floor_rate is not None:
            floor = Floor(1_000 * max(honest.events, 0.5) / honest.tokens, honest.events, honest.tokens, "honest pair")
        ratio = rate_ratio(greedy_divergence(served(noise_of(kl)), reference), floor)
        assert ratio is not None
        over += [ratio.p_one_sided <= 0.05, math.log(ratio.rr) / ratio.se_log > Z_FAMILY_WISE]
    return [f"{share:.2f}" for share in over / replicates]


def power_of_the_rules(kl: float, day_kl: float, family: int, seed: int) -> list[list[int]]:
    """Of one family's altered endpoints on their last day, by channel: how many are over 5 % and over z = 3.2.

    With day effects, the 7-day pool and its day test, and floors that are assumed or the reference's own.
    """
    rng = np.random.default_rng([seed, family, round(kl * 1e6)])
    s = _Sampled(rng, ALTERED, day_kl, kl)
    g, lp = _Greedy(rng, ALTERED, 0, day_kl, kl), _Logprobs(rng, ALTERED, 0, day_kl, kl)
    for day in range(ALTERED_DAYS):
        s.draw(day)
        exact = [g.day(day), lp.day(day)]
    levels = (0.05, float(norm.sf(Z_FAMILY_WISE)))
    by_channel = (s.p(ALTERED_DAYS - 1), *exact)
    return [[sum(p is not None and p <= level for p in values) for level in levels] for values in by_channel]


@cache
def host_noise(rate_per_1k: float) -> float:
    """Noise of each of two honest deployments that part at this rate."""
    logits, rng = generic_text(), np.random.default_rng(2)
    draws = [rng.standard_normal(logits.shape, dtype=np.float32) for _ in range(2)]
    lo, hi = 0.0, 1.0
    for _ in range(20):
        mid = (lo + hi) / 2
        rate = greedy_divergence(logits + mid * draws[0], logits + mid * draws[1]).rate_per_1k_tokens or 0.0
        lo, hi = (mid, hi) if rate < rate_per_1k else (lo, mid)
    return (lo + hi) / 2


SAMPLED_SHAPES: list[tuple[tuple[int, int, int, int], str]] = [
    ((25, 10, 50, 50), "hamming"),
    ((25, 10, 50, 50), "prefix"),
    ((50, 10, 50, 50), "prefix"),
    ((50, 5, 20, 32), "prefix"),
    ((50, 35, 140, 32), "hamming"),
    ((50, 35, 140, 32), "prefix"),
]


def power(args: argparse.Namespace, workers: ProcessPoolExecutor) -> None:
    models = (generic_text(), sampled_logits(np.random.default_rng(0), 50, 32))
    rows: list[list[object]] = []
    for name, kl in sorted([*PERTURBATIONS.items(), ("~Q5_K_M", 0.0047)], key=lambda pair: pair[1]):
        row: list[object] = [name]
        for model in models:
            draw = np.random.default_rng(3).standard_normal(model.shape, dtype=np.float32)
            found_kl, same = kl_and_same_top(model, model + noise_of(kl) * draw)
            row += [f"{found_kl:.5f}", f"{100 * same:.1f}%"]
        rows.append([*row, PUBLISHED.get(kl)])
    print("\nWhat the perturbations do: to ordinary text, to the sampled prompts (which are sharper), and as published")
    print_table(
        ["perturbation", "KL a token", "same top", "KL, sampled", "same top, sampled", "same top, published"], rows
    )

    print("\nSampled: share found at 5 % / at z > 3.2, by permutation, no day effects")
    columns = {"none": 0.0, **PERTURBATIONS}
    jobs = {
        (shape, kernel, kl): workers.submit(sampled_power, kl, shape, kernel, args.seed, args.replicates)
        for shape, kernel in SAMPLED_SHAPES
        for kl in columns.values()
    }
    rows = []
    for shape, kernel in SAMPLED_SHAPES:
        m, n, r, length = shape
        cells = ["/".join(jobs[shape, kernel, kl].result()) for kl in columns.values()]
        rows.append([f"{m} x {n} ({r}) x {length}", kernel, *cells])
    print_table(["prompts x samples (ref) x tokens", "kernel", *columns], rows)

    print("\nGreedy, 64 tokens: share found at 5 % / at z > 3.2, by rate ratio")
    floors = {"honest pair, 6.8/1k": 6.8, "honest pair, 15/1k": 15.0, "assumed 15/1k, log sd 0.5": None}
    greedy_jobs = {
        (label, m, kl): workers.submit(greedy_power, kl, m, floor, args.seed, 3 * args.replicates)
        for label, floor in floors.items()
        for m in (50, 100, 200)
        for kl in columns.values()
    }
    rows = [
        [label, m, *("/".join(greedy_jobs[label, m, kl].result()) for kl in columns.values())]
        for label in floors
        for m in (50, 100, 200)
    ]
    print_table(["floor", "prompts", *columns], rows)

    families = max(1, args.replicates // ALTERED)
    print(
        f"\nAll rules, with day effects: share found at 5 % / at z > 3.2, of {families * ALTERED} endpoints on day"
        f" {ALTERED_DAYS}; floors assumed, or the reference's own from day to day where that is higher"
    )
    rule_jobs = {
        (setting, kl): [workers.submit(power_of_the_rules, kl, DAY_KL[setting], f, args.seed) for f in range(families)]
        for setting in args.settings
        for kl in columns.values()
    }
    rows = []
    for setting in args.settings:
        found = {kl: np.sum([job.result() for job in rule_jobs[setting, kl]], axis=0) for kl in columns.values()}
        for c, channel in enumerate(COUNTED_CHANNELS):
            cells = ["/".join(f"{hits / (families * ALTERED):.2f}" for hits in counts[c]) for counts in found.values()]
            rows.append([f"{setting}, {DAY_KL[setting]}", channel, *cells])
    print_table(["day effects, KL a token", "channel", *columns], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--endpoints", type=int, default=ENDPOINTS)
    parser.add_argument("--families", type=int, default=FAMILIES)
    parser.add_argument("--settings", nargs="*", choices=list(DAY_KL), default=list(DAY_KL))
    parser.add_argument("--replicates", type=int, default=30, help="of each cell of the power tables")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip-power", action="store_true")
    args = parser.parse_args()
    print("Settings: " + ", ".join(f"{name}: {value}" for name, value in sorted(vars(args).items())), flush=True)
    started = time.perf_counter()
    with ProcessPoolExecutor(args.workers) as workers:
        error_rates(args, workers)
        if not args.skip_power:
            power(args, workers)
    print(f"\n{time.perf_counter() - started:.0f} s in all, {args.workers} processes")


if __name__ == "__main__":
    main()
