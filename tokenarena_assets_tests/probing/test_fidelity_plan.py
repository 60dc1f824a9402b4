"""Fidelity in a round: how much is asked of whom, in which order, what is left of the day, and at what cost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl
import pytest
import zstandard

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing import round as rounds_module
from tokenarena_assets.probing.before import Before, before
from tokenarena_assets.probing.client import prompt_sha256
from tokenarena_assets.probing.inputs import Inputs, load_inputs
from tokenarena_assets.probing.plan import (
    THINKS,
    PlanOptions,
    Probe,
    forecast,
    forecast_by_suite,
    last_slot_due,
    make_plan,
    misfits_of,
    plan_key,
    usd_at_most,
)
from tokenarena_assets.probing.record import ProbeRecord
from tokenarena_assets.probing.round import plan_of_cut_off, plan_round, today
from tokenarena_assets.probing.spend import Booked, cut_back
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.suites.fidelity.border import BorderState
from tokenarena_assets.suites.suite import FIDELITY_SUITES, SuiteSizes
from tokenarena_assets_tests.probing.rounds import Ran, endpoint, run
from tokenarena_assets_tests.servers.misbehaving import MisbehavingServer

DAY = date(2026, 11, 23)
REFERENCE = endpoint("origin", model_family="m", reference=True, top_logprobs=20)
OTHERS = [endpoint(name, model_family="m", top_logprobs=20) for name in ("a", "b")]
FAMILY = [REFERENCE, *OTHERS]
FEW = SuiteSizes(
    sampled_prompts=10,
    sampled_reps=2,
    greedy_prompts=12,
    logprob_prompts=4,
    logprob_reps=3,
    border_candidates=6,
    border_inputs=2,
    border_reps=4,
    border_reference_reps=9,
)
ALL = PlanOptions(suites=FIDELITY_SUITES, sizes=FEW)


def _plan(endpoints: Sequence[Endpoint] = FAMILY, options: PlanOptions = ALL, **more: Any) -> dict[str, list[Probe]]:
    return make_plan(endpoints, options, day=DAY, round_id="r1", **more)


def _counts(plan: dict[str, list[Probe]], asked: Endpoint) -> dict[str, int]:
    own = {suite: sum(probe.endpoint_id == asked.endpoint_id for probe in probes) for suite, probes in plan.items()}
    return {suite: count for suite, count in own.items() if count}


def _slot(probe: Probe) -> int:
    assert probe.question.ask is not None
    return probe.question.ask.slot


# --- how much of which suite


def test_a_reference_is_sampled_more_often_and_asked_twice_at_temperature_zero() -> None:
    plan = _plan()
    assert list(plan) == list(FIDELITY_SUITES)
    assert _counts(plan, REFERENCE) == {"parity": 12, "sampled": 80, "greedy": 24, "border": 18, "logprobs": 12}
    for other in OTHERS:
        assert _counts(plan, other) == {"parity": 12, "sampled": 20, "greedy": 12, "border": 18, "logprobs": 12}


def test_the_sizes_of_a_day_are_those_of_the_design() -> None:
    suites = tuple(suite for suite in FIDELITY_SUITES if suite != "border")
    plan = _plan(options=PlanOptions(suites=suites))
    assert _counts(plan, REFERENCE) == {"parity": 12, "sampled": 1_000, "greedy": 200, "logprobs": 100}
    assert _counts(plan, OTHERS[0]) == {"parity": 12, "sampled": 250, "greedy": 100, "logprobs": 100}


def test_whoever_is_asked_gets_the_same_prompts_under_the_same_names() -> None:
    for suite, probes in _plan().items():
        if suite == "border":
            continue  # candidates are of each endpoint alone
        prompts: dict[str, set[str]] = {}
        for probe in probes:
            assert probe.question.ask is not None
            prompts.setdefault(probe.question.ask.prompt_id, set()).add(prompt_sha256(probe.question))
        assert {len(found) for found in prompts.values()} == {1}
        assert len(prompts) == len({next(iter(found)) for found in prompts.values()})


def test_what_is_sent_with_each_suite() -> None:
    told = {
        suite: {
            (q.temperature, q.max_output_tokens, q.top_logprobs, q.seed is not None)
            for probe in probes
            for q in [probe.question]
        }
        for suite, probes in _plan().items()
    }
    assert told == {
        "parity": {(0.0, 1, None, False)},
        "sampled": {(1.0, 32, None, False)},
        "greedy": {(0.0, 64, None, True)},
        "border": {(0.0, 1, None, False)},
        "logprobs": {(0.0, 1, 20, False)},
    }


@pytest.mark.parametrize(
    ("state", "stages"),
    [
        (BorderState(), {"search": 18}),
        (BorderState(tried=5_000), {}),
        (BorderState(inputs=("tiny-border-1", "tiny-border-2"), tried=40), {"reference": 18}),
        (BorderState(inputs=("tiny-border-1", "tiny-border-2"), has_reference=True, tried=40), {"monitor": 8}),
    ],
)
def test_border_inputs_are_searched_then_measured_then_watched(state: BorderState, stages: dict[str, int]) -> None:
    asked = OTHERS[0]
    candidates = [probe.question.ask for probe in _plan([asked], replace(ALL, suites=("border",)))["border"]]
    named = sorted({ask.prompt_id for ask in candidates if ask is not None})
    own = replace(state, inputs=tuple(named[: len(state.inputs)]))
    plan = _plan([asked], replace(ALL, suites=("border",)), before=Before(border={asked.endpoint_id: own}))
    found = [probe.question.ask for probe in plan.get("border", [])]
    assert Counter(ask.stage for ask in found if ask is not None) == stages
    if state.inputs:
        assert {ask.prompt_id for ask in found if ask is not None} == set(own.inputs)


def test_prompts_that_tell_nothing_are_replaced_in_their_family_alone() -> None:
    def prompts(plan: dict[str, list[Probe]], asked: Endpoint) -> set[str]:
        asks = [probe.question.ask for probe in plan["sampled"] if probe.endpoint_id == asked.endpoint_id]
        return {ask.prompt_id for ask in asks if ask is not None}

    stranger = endpoint("stranger", model_family="other")
    whole = _plan([*FAMILY, stranger])
    unfit = frozenset(sorted(prompts(whole, REFERENCE))[:3])
    plan = _plan([*FAMILY, stranger], before=Before(unfit={"m": unfit}))
    for asked in FAMILY:
        assert prompts(plan, asked).isdisjoint(unfit)
        assert len(prompts(plan, asked)) == 10
    assert prompts(plan, stranger) == prompts(whole, stranger)


# --- in which order


def test_endpoints_are_asked_the_hours_of_the_day_in_order_each_evenly_among_the_others() -> None:
    for suite, probes in _plan(options=PlanOptions(suites=("sampled", "greedy", "logprobs"))).items():
        slots = [_slot(probe) for probe in probes]
        assert slots == sorted(slots)
        for slot in set(slots):
            own = [probe.endpoint_id for probe in probes if _slot(probe) == slot]
            for asked in FAMILY:
                places = [at for at, name in enumerate(own) if name == asked.endpoint_id]
                # Of n probes one is in each n-th of the hour: half of them in its first half, give or take one.
                halves = sum(at < len(own) / 2 for at in places)
                assert abs(halves - len(places) / 2) <= 1.5, suite


def test_the_order_is_of_the_round() -> None:
    def order(round_id: str) -> list[tuple[str, str]]:
        plan = make_plan(FAMILY, ALL, day=DAY, round_id=round_id)
        return [(probe.endpoint_id, probe.question.key) for probe in plan["sampled"]]

    assert order("r1") == order("r1") != order("r2")
    assert sorted(order("r1")) == sorted(order("r2"))


# --- what is left of the day


@pytest.mark.parametrize(("hour", "last"), [(0, 2), (3, 5), (14, 16), (21, 23), (22, 23), (23, 23)])
def test_a_scheduled_round_asks_the_hours_up_to_the_next_one(hour: int, last: int) -> None:
    assert last_slot_due(hour) == last


def test_eight_scheduled_rounds_ask_what_one_would() -> None:
    whole, asked = _plan(), Counter[tuple[str, str, str]]()
    answered: dict[str, dict[str, frozenset[str] | None]] = {}
    for hour in range(0, 24, 3):
        due = _plan(before=Before(answered=answered, slot=last_slot_due(hour)))
        for suite, probes in due.items():
            for probe in probes:
                assert hour <= _slot(probe) <= hour + 2
                asked[suite, probe.endpoint_id, probe.question.key] += 1
                own = answered.setdefault(suite, {}).get(probe.endpoint_id) or frozenset()
                answered[suite][probe.endpoint_id] = own | {probe.question.key}
    assert set(asked.values()) == {1}
    assert len(asked) == sum(len(probes) for probes in whole.values())


def _at(monkeypatch: pytest.MonkeyPatch, hour: int) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz).replace(hour=hour)

    monkeypatch.setattr(rounds_module, "datetime", Clock)


def _one_token(probes: Sequence[str] = ("parity", "logprobs"), **options: Any) -> PlanOptions:
    return PlanOptions(suites=tuple(probes), sizes=FEW, **options)


def test_a_later_round_asks_what_had_no_answer(home: Home, server: MisbehavingServer) -> None:
    asked = [endpoint("good", server.url("good"), top_logprobs=5), endpoint("down", server.url("e500"), top_logprobs=5)]
    first = run(home, asked, _one_token())
    assert {r["status"] for r in first.of("good")} == {"ok"}
    assert {r["attempt"] for r in first.records} == {1}  # what is lost is not asked again at once
    left = plan_round(home, today(), asked, _one_token())
    assert {probe.endpoint_id for probes in left.probes.values() for probe in probes} == {asked[1].endpoint_id}
    assert {suite: len(probes) for suite, probes in left.probes.items()} == {"parity": 12, "logprobs": 12}
    assert {row.suite: row.requests for row in left.by_suite} == {"parity": 12, "logprobs": 12}


def test_a_record_says_which_prompt_it_asked(home: Home, server: MisbehavingServer) -> None:
    ran = run(home, [endpoint("good", server.url("good"), top_logprobs=5)], _one_token(("parity", "greedy")))
    by_id = {probe.request_id: probe.question for probes in ran.plan.probes.values() for probe in probes}
    assert len(ran.records) == 24
    for record in ran.records:
        question = by_id[record["request_id"]]
        assert question.ask is not None
        sample = msgspec.json.decode(json.dumps(record), type=ProbeRecord).sample
        assert sample is not None
        assert (sample.prompt_id, sample.rep, sample.slot) == (question.ask.prompt_id, 0, question.ask.slot)
        assert sample.prompt_sha256 == prompt_sha256(question)
        messages = [(turn["role"], turn["content"]) for turn in record["request"]["body"]["messages"]]
        assert messages == [*question.earlier, ("user", question.prompt)]
        assert record["request"]["body"].get("seed") == question.seed
    assert len({record["sample"]["prompt_sha256"] for record in ran.records}) == 24


def test_a_seed_of_the_catalog_is_not_sent_with_samples(home: Home, server: MisbehavingServer) -> None:
    seeded = endpoint("good", server.url("good"), extra_body={"seed": 7, "top_k": 0})
    sizes = replace(FEW, sampled_prompts=1, greedy_prompts=1, sampled_reps=1)
    ran = run(home, [seeded], PlanOptions(suites=("sampled", "greedy"), sizes=sizes))
    bodies = {record["suite"]: record["request"]["body"] for record in ran.records}
    assert ("seed" in bodies["sampled"], bodies["sampled"]["top_k"], bodies["greedy"]["seed"]) == (False, 0, 7)


def _cut_off(ran: Ran, keep: int) -> None:
    """The round as if it had been killed after `keep` records."""
    sealed = ran.outcome.path
    lines = zstandard.ZstdDecompressor().stream_reader(sealed.open("rb")).read().splitlines(keepends=True)
    sealed.with_suffix(".part").write_bytes(b"".join(lines[:keep]))
    sealed.unlink()
    sealed.parent.joinpath(sealed.name.replace(".jsonl.zst", ".seal.json")).unlink()


def test_a_round_that_was_cut_off_goes_on_as_it_was_planned(
    home: Home, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [endpoint("good", server.url("good"), top_logprobs=5, model_family="m")]
    options = _one_token(("parity", "sampled", "border", "logprobs"), slots_due=True)
    monkeypatch.setenv("TOKENARENA_PRIVATE_SEED", "of us alone")
    _at(monkeypatch, 9)
    ran = run(home, asked, options)
    assert ran.plan.manifest["before"]["slot"] == 11
    _cut_off(ran, 5)
    # Other rounds, other tables and the hour of the day change nothing about it.
    lake, yesterday = ParquetLake(home.lake), today() - timedelta(days=1)
    unfit = [r["sample"]["prompt_id"] for r in ran.records if r["suite"] == "sampled"][:1]
    lake.write("fidelity_prompts", yesterday, pl.DataFrame({"model_family": ["m"], "prompt_id": unfit, "fit": [False]}))
    _at(monkeypatch, 22)
    for again in (plan_round(home, today(), asked, options), plan_of_cut_off(home, today())):
        assert again is not None
        assert again.resumed is not None
        assert again.round_id == ran.plan.round_id
        assert again.probes == ran.plan.probes
        assert sum(row.requests for row in again.forecast) == len(ran.records) - 5
    for other in (replace(options, slots_due=False), replace(options, sizes=replace(FEW, sampled_reps=3))):
        assert plan_round(home, today(), asked, other).resumed is None
    monkeypatch.setenv("TOKENARENA_PRIVATE_SEED", "of somebody else")
    assert plan_round(home, today(), asked, options).resumed is None
    assert plan_of_cut_off(home, today()) is None


# --- the private seed


def test_a_private_seed_changes_what_rotates_and_is_written_nowhere(
    home: Home, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prompts(seed: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for probe in _plan(inputs=Inputs(private_seed=seed))["sampled"]:
            assert probe.question.ask is not None
            found.setdefault(probe.question.ask.prompt_set, set()).add(probe.question.prompt)
        return found

    assert prompts("one")["fixed"] == prompts("two")["fixed"] == prompts("")["fixed"]
    assert prompts("one")["rotating"] != prompts("two")["rotating"]
    keys = {plan_key(FAMILY, ALL, day=DAY, inputs=Inputs(private_seed=seed)) for seed in ("", "one", "two")}
    assert len(keys) == 3
    monkeypatch.setenv("TOKENARENA_PRIVATE_SEED", " a secret seed\n")
    assert load_inputs((), None).private_seed == "a secret seed"
    assert "secret" not in repr(load_inputs((), None))
    ran = run(home, [endpoint("good", server.url("good"))], _one_token(("parity",)))
    # SHA-256 of "a secret seed", by sha256sum
    assert ran.plan.manifest["private_seed_sha256"] == SECRET_SHA256[:16]
    assert all("a secret seed" not in path.read_text() for path in ran.outcome.path.parent.glob("*.json*[ln]"))
    assert Inputs().seed_mark is None


SECRET_SHA256 = "5753cb49790553af3194e36768b1716f99bb780f742501b2165a00b3833fe0c7"


# --- who cannot be asked what


@pytest.mark.parametrize(
    ("asked", "reasons"),
    [
        (endpoint("a"), {"logprobs": "not applicable: the catalog gives no top_logprobs"}),
        (endpoint("a", top_logprobs=1), {}),
        (
            endpoint("a", api="anthropic_messages", top_logprobs=5),
            {"logprobs": "not applicable: its API gives no log-probabilities"},
        ),
        (endpoint("a", thinks=True, top_logprobs=5), dict.fromkeys(("greedy", "border", "logprobs"), THINKS)),
        (
            endpoint("a", top_logprobs=5, extra_body={"temperature": 0.6}),
            dict.fromkeys(
                ("sampled", "greedy", "border", "logprobs"),
                "not applicable: extra_body sets the temperature to 0.6",
            ),
        ),
        (
            endpoint("a", api="google_generate", extra_body={"generationConfig": {"temperature": 0}}, top_logprobs=5),
            {"sampled": "not applicable: extra_body sets the temperature to 0"},
        ),
        (
            endpoint("a", top_logprobs=5, limits={"tpm": 70}),
            dict.fromkeys(("parity", "sampled", "greedy", "logprobs"), "tokens, of 70 a minute"),
        ),
    ],
)
def test_what_is_not_asked_and_why(asked: Endpoint, reasons: dict[str, str]) -> None:
    found = {misfit.suite: misfit.reason for misfit in misfits_of(asked, ALL, DAY)}
    assert found.keys() == reasons.keys()
    assert all(reasons[suite] in reason for suite, reason in found.items())
    assert _counts(_plan([asked]), asked).keys() == set(FIDELITY_SUITES) - reasons.keys()


def test_a_completion_is_asked_the_message_sets_of_one_turn() -> None:
    whole, single = _plan([endpoint("a")])["parity"], _plan([endpoint("a", api="openai_completions")])["parity"]
    assert {p.question.key for p in single} == {p.question.key for p in whole if not p.question.earlier}
    assert 0 < len(single) < len(whole) == 12


def test_who_thinks_may_answer_at_length() -> None:
    thinker = endpoint("a", thinks=True, quality_output_tokens=4_096)
    assert {probe.question.max_output_tokens for probe in _plan([thinker])["sampled"]} == {4_096}


# --- what it costs


def test_the_forecast_of_suites_and_that_of_endpoints_are_the_same_sum() -> None:
    endpoints = [*FAMILY, endpoint("free", price=None, top_logprobs=3)]
    plan = _plan(endpoints)
    by_suite, by_endpoint = forecast_by_suite(plan, endpoints), forecast(plan, endpoints)
    assert [row.suite for row in by_suite] == list(FIDELITY_SUITES)
    for name in ("requests", "input_tokens_max", "output_tokens_max"):
        assert sum(getattr(row, name) for row in by_suite) == sum(getattr(row, name) for row in by_endpoint)
    assert sum(row.usd_max for row in by_suite) == sum(row.usd_max or 0 for row in by_endpoint)
    assert {row.suite: row.unpriced_requests for row in by_suite} == _counts(plan, endpoints[-1])
    catalog = {asked.endpoint_id: asked for asked in endpoints}
    sampled = sum(usd_at_most(probe, catalog[probe.endpoint_id]) or Decimal(0) for probe in plan["sampled"])
    assert {row.suite: row.usd_max for row in by_suite}["sampled"] == sampled > 0


def test_turns_before_the_prompt_are_paid_as_well() -> None:
    (long,) = [p for p in _plan([OTHERS[0]])["parity"] if p.question.key == _longest_talk()]
    alone = replace(long, question=replace(long.question, earlier=()))
    more = usd_at_most(long, OTHERS[0])
    assert more is not None
    chars = sum(len(text) for _, text in long.question.earlier)
    assert more - (usd_at_most(alone, OTHERS[0]) or 0) >= Decimal("0.5") * (chars // 2) / 1_000_000


def _longest_talk() -> str:
    talks = [p.question for p in _plan([OTHERS[0]])["parity"]]
    return max(talks, key=lambda question: len(question.earlier)).key


def test_border_inputs_are_cut_first_and_parity_last() -> None:
    plan = _plan()
    whole = sum((row.usd_max for row in forecast_by_suite(plan, FAMILY)), start=Decimal(0))
    left: dict[str, list[int]] = {suite: [] for suite in FIDELITY_SUITES}
    for share in (100, 95, 70, 40, 5, 1):
        options = replace(ALL, max_round_usd=whole * share / 100)
        kept = cut_back(plan, FAMILY, options, Booked({}, {}), "r1").probes
        assert sum(row.usd_max for row in forecast_by_suite(kept, FAMILY)) <= options.max_round_usd
        for suite in FIDELITY_SUITES:
            left[suite].append(len(kept.get(suite, [])))
            gone = {p.question.key for p in plan[suite]} - {p.question.key for p in kept.get(suite, [])}
            assert gone.isdisjoint({p.question.key for p in kept.get(suite, [])})  # a question is cut for everybody
    assert all(counts == sorted(counts, reverse=True) for counts in left.values())
    assert left["border"][-3] == 0
    assert 0 < left["sampled"][3] < left["sampled"][0]
    assert 0 < left["greedy"][3] < left["greedy"][0]
    assert left["parity"][3] == 36
    assert left["parity"][-1] < 36


# --- what the tables of other days tell


def _tables(home: Home, **tables: tuple[int, dict[str, list[Any]]]) -> None:
    for name, (days_ago, columns) in tables.items():
        ParquetLake(home.lake).write(name, DAY - timedelta(days=days_ago), pl.DataFrame(columns))


UNFIT: dict[str, list[Any]] = {
    "model_family": ["m", "m", "m", "n"],
    "prompt_id": ["p", "q", "r", "p"],
    "fit": [False, True, None, False],
}
BORDER: dict[str, list[Any]] = {
    "endpoint_id": ["e", "e", "e", "f", "f", "g"],
    "prompt_id": ["1", "2", "3", "1", "2", "1"],
    "state": ["found", "tried", "found", "found", "found", "tried"],
    "has_reference": [True, False, True, True, False, False],
}


def test_the_tables_of_the_days_before_are_read(home: Home) -> None:
    assert before(home, DAY, FIDELITY_SUITES) == Before(once={"parallel": frozenset(), "context": frozenset()})
    _tables(home, fidelity_prompts=(0, UNFIT), border_inputs=(0, BORDER))  # today's are no news of another day
    _tables(home, fidelity_prompts=(29, UNFIT), border_inputs=(31, BORDER))  # too old
    assert (before(home, DAY, FIDELITY_SUITES).unfit, before(home, DAY, FIDELITY_SUITES).border) == ({}, {})
    _tables(home, fidelity_prompts=(28, UNFIT), border_inputs=(30, BORDER))
    found = before(home, DAY, FIDELITY_SUITES, slot=5)
    assert found.unfit == {"m": {"p"}, "n": {"p"}}
    assert found.border == {
        "e": BorderState(("1", "3"), has_reference=True, tried=3),
        "f": BorderState(("1", "2"), has_reference=False, tried=2),
        "g": BorderState((), has_reference=False, tried=1),
    }
    assert Before.from_record(json.loads(json.dumps(found.as_record({})))) == found
    assert (before(home, DAY, ("speed",)).unfit, before(home, DAY, ("sampled",)).border) == ({}, {})
    newer = {"model_family": ["m"], "prompt_id": ["q"], "fit": [False]}
    _tables(home, fidelity_prompts=(1, newer))
    # One that is left out is in no newer table: it stays out for as long as one looks back.
    assert before(home, DAY, FIDELITY_SUITES).unfit == {"m": {"p", "q"}, "n": {"p"}}


def test_nothing_is_left_to_ask_once_all_is_answered(home: Home, server: MisbehavingServer) -> None:
    asked = [endpoint("good", server.url("good"), top_logprobs=5)]
    run(home, asked, _one_token())
    with pytest.raises(TokenArenaError, match="nothing to ask"):
        plan_round(home, today(), asked, _one_token())
