"""The plan of a round: the same for the same day and round, fair to every endpoint, and never dearer than forecast."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenarena_assets.errors import SpendCapError, TokenArenaError
from tokenarena_assets.probing.before import Before
from tokenarena_assets.probing.inputs import Inputs
from tokenarena_assets.probing.plan import (
    PlanOptions,
    Probe,
    day_cap_usd,
    fit_of,
    forecast,
    make_plan,
    plan_key,
    usd_of,
)
from tokenarena_assets.probing.round import plan_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.suites.suite import Question, SuiteSizes
from tokenarena_assets_tests.probing.rounds import endpoint, planned_ids, run, speed_only
from tokenarena_assets_tests.servers.misbehaving import Answer, MisbehavingServer, Reply, streams

DAY = date(2026, 11, 23)
ENDPOINTS = [endpoint("a"), endpoint("b"), endpoint("c")]
PROBED = ("speed", "parallel", "quality_math", "quality_code")
SMALL = PlanOptions(suites=PROBED, sizes=SuiteSizes(speed_probes=3, math_items=7, code_items=4))
EXAMPLES = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _plan(day: date = DAY, round_id: str = "r1") -> dict[str, list[Probe]]:
    return make_plan(ENDPOINTS, SMALL, day=day, round_id=round_id)


def _without_opening(question: Question) -> Question:
    """A speed prompt begins with two words of its own endpoint and a full stop."""
    return replace(question, prompt=question.prompt.partition(". ")[2]) if question.item is None else question


def test_the_same_day_and_round_give_the_same_plan() -> None:
    assert _plan() == _plan()
    assert list(_plan()) == list(PROBED)


def test_every_endpoint_is_asked_the_same_questions() -> None:
    for probes in _plan().values():
        asked = {
            e.endpoint_id: [_without_opening(p.question) for p in probes if p.endpoint_id == e.endpoint_id]
            for e in ENDPOINTS
        }
        first, *others = asked.values()
        assert first
        assert all(other == first for other in others)


def test_no_two_prompts_of_a_round_begin_alike_not_even_for_two_endpoints() -> None:
    """Two endpoints may have a cache in common: a router and the provider behind it."""
    prompts = [p.question.prompt for suite in ("speed", "parallel") for p in _plan()[suite]]
    assert len({prompt.split()[0] for prompt in prompts}) == len(prompts) == 3 * (3 + 10)
    assert len({prompt[:8] for prompt in prompts}) == len(prompts)


def test_endpoints_are_interleaved_in_an_order_that_changes() -> None:
    orders = set()
    for suite in ("speed", "quality_math"):
        probes = _plan()[suite]
        for start in range(0, len(probes), len(ENDPOINTS)):
            row = probes[start : start + len(ENDPOINTS)]
            assert len({probe.question.key for probe in row}) == 1
            assert {probe.endpoint_id for probe in row} == {e.endpoint_id for e in ENDPOINTS}
            orders.add(tuple(probe.endpoint_id for probe in row))
    assert len(orders) > 1


def test_bursts_are_whole_one_endpoint_after_the_other() -> None:
    probes = _plan()["parallel"]
    assert [len({p.endpoint_id for p in probes[n : n + 10]}) for n in (0, 10, 20)] == [1, 1, 1]
    assert {(p.question.together, p.question.prompt_tokens_target) for p in probes} == {(10, 1_000)}
    firsts = {_plan(round_id=f"r{n}")["parallel"][0].endpoint_id for n in range(20)}
    assert firsts == {e.endpoint_id for e in ENDPOINTS}


def test_no_two_probes_share_an_identity() -> None:
    plans = [_plan(), _plan(round_id="r2"), _plan(round_id="r3")]
    ids = [probe.request_id for plan in plans for probes in plan.values() for probe in probes]
    assert len(set(ids)) == len(ids) == 3 * 3 * (3 + 10 + 7 + 4)


def test_items_are_of_the_day_whatever_the_round() -> None:
    def items(plan: dict[str, list[Probe]]) -> set[str]:
        return {probe.question.key for probe in plan["quality_math"]}

    assert items(_plan()) == items(_plan(round_id="r2"))
    assert len(items(_plan())) == 7
    assert items(_plan()).isdisjoint(items(_plan(day=DAY + timedelta(days=1))))


def test_the_key_of_a_plan_is_of_what_is_asked_not_of_how_fast() -> None:
    key = plan_key(ENDPOINTS, SMALL, day=DAY)
    slower = replace(SMALL, at_once=10, at_once_per_endpoint=1, spread_s=60.0, workers=3, max_pause_s=1.0)
    assert key == plan_key(ENDPOINTS, replace(slower, max_round_usd=Decimal(0), max_day_usd=Decimal(0)), day=DAY)
    gentler = endpoint("a", limits={"rpm": 60, "max_usd_per_day": 1})
    assert key == plan_key([gentler, *ENDPOINTS[1:]], SMALL, day=DAY)
    assert key != plan_key(ENDPOINTS[:2], SMALL, day=DAY)
    assert key != plan_key(ENDPOINTS, replace(SMALL, suites=("speed",)), day=DAY)
    assert key != plan_key(ENDPOINTS, replace(SMALL, sizes=SuiteSizes(speed_probes=4, math_items=7)), day=DAY)
    assert key != plan_key(ENDPOINTS, replace(SMALL, at_once=1), day=DAY)  # leaves no room for a burst
    assert key != plan_key(ENDPOINTS, SMALL, day=DAY, inputs=Inputs(sha256={"own": "0"}))
    dearer = endpoint("a", price={"input_usd_per_mtok": "0.6", "output_usd_per_mtok": "2"})
    assert key != plan_key([dearer, *ENDPOINTS[1:]], SMALL, day=DAY)


def test_options_come_back_from_a_manifest_as_they_were() -> None:
    options = replace(
        SMALL,
        suites=("speed",),
        anchors=(("gsm8k", "/p"),),
        spread_s=1.5,
        workers=2,
        at_once_asked=True,
        max_day_usd=Decimal("inf"),
    )
    record = json.loads(json.dumps(asdict(options), default=str))
    assert PlanOptions.from_record(record) == options
    for broken in ({}, record | {"sizes": {}}, record | {"max_day_usd": "much"}, record | {"suites": 5}):
        with pytest.raises((KeyError, TypeError, ValueError, ArithmeticError)):
            PlanOptions.from_record(broken)


# -- what fits ---------------------------------------------------------------------------------------------------------


def _sizes_asked(**fields: object) -> tuple[Counter[int | None], int]:
    """Speed probes by prompt size, and the number of requests in a burst."""
    plan = make_plan([endpoint("e", **fields)], PlanOptions(suites=PROBED), day=DAY, round_id="r")
    return Counter(p.question.prompt_tokens_target for p in plan.get("speed", [])), len(plan.get("parallel", []))


@pytest.mark.parametrize(
    ("fields", "asked", "burst"),
    [
        ({}, {1_000: 5, 100: 2, 10_000: 1}, 10),
        ({"context_tokens": 131_072}, {1_000: 5, 100: 2, 10_000: 1}, 10),
        ({"context_tokens": 15_200}, {1_000: 5, 100: 2, 10_000: 1}, 10),
        ({"context_tokens": 15_199}, {1_000: 5, 100: 3}, 10),
        ({"context_tokens": 1_700}, {1_000: 5, 100: 3}, 10),
        ({"context_tokens": 1_699}, {100: 8}, 10),
        ({"context_tokens": 150}, {100: 8}, 10),  # the smallest size is asked with what room is left
        ({"context_tokens": 149}, {}, 0),
        ({"limits": {"tpm": 10_000}}, {1_000: 5, 100: 3}, 0),
        ({"limits": {"tpm": 17_000}}, {1_000: 5, 100: 2, 10_000: 1}, 10),
        ({"limits": {"max_in_flight": 9}}, {1_000: 5, 100: 2, 10_000: 1}, 0),
        ({"limits": {"rpm": 9}}, {1_000: 5, 100: 2, 10_000: 1}, 0),
        ({"limits": {"rpm": 10, "max_in_flight": 10}}, {1_000: 5, 100: 2, 10_000: 1}, 10),
    ],
)
def test_prompt_sizes_and_bursts_are_those_that_fit(
    fields: dict[str, object], asked: dict[int, int], burst: int
) -> None:
    assert _sizes_asked(**fields) == (asked, burst)
    misfits = fit_of(endpoint("e", **fields), PlanOptions()).misfits
    assert {m.prompt_tokens for m in misfits if m.suite == "speed"} == {100, 1_000, 10_000} - asked.keys()
    assert any(m.suite == "parallel" for m in misfits) == (burst == 0)
    assert all(m.endpoint_id == "test/e@standard" and m.reason for m in misfits)


def test_the_embedded_fleets_prompts_fit_its_context() -> None:
    """Its tokenizer makes up to 1.35 tokens of what public ones make one of; 16 more are the chat's own."""
    plan = make_plan([endpoint("f", context_tokens=1024)], PlanOptions(suites=PROBED), day=DAY, round_id="r")
    for suite in ("speed", "parallel"):
        assert {p.question.prompt_tokens_target for p in plan[suite]} == {100}
        assert all(len(p.question.prompt) / 2.9 + 16 + p.question.max_output_tokens < 512 for p in plan[suite])


def test_a_burst_is_asked_once_a_day() -> None:
    options = PlanOptions(suites=("parallel", "speed"))
    before = [e.endpoint_id for e in ENDPOINTS]
    again = make_plan(ENDPOINTS, options, day=DAY, round_id="r", before=Before({"parallel": frozenset(before[:2])}))
    assert {p.endpoint_id for p in again["parallel"]} == {before[2]}
    asked = Before({"parallel": frozenset(before)})
    assert list(make_plan(ENDPOINTS, options, day=DAY, round_id="r", before=asked)) == ["speed"]


def test_the_first_round_of_the_day_has_the_burst(home: Home) -> None:
    options = PlanOptions(suites=("speed", "parallel"), sizes=SuiteSizes(1, prompt_tokens=(100,)))
    with MisbehavingServer() as server:
        first = run(home, [endpoint("good", server.url("good/1"))], options)
        both = [endpoint("good", server.url("good/1")), endpoint("new", server.url("good/2"))]
        second = plan_round(home, today(), both, options)
        with pytest.raises(TokenArenaError, match="nothing to ask: what is asked once a day was answered already"):
            plan_round(home, today(), both[:1], replace(options, suites=("parallel",)))
    assert first.plan.manifest["asked"]["parallel"] == ["test/good@standard"]
    assert Counter(r["suite"] for r in first.records) == {"speed": 1, "parallel": 10}
    assert {r["in_flight"] for r in first.records if r["suite"] == "parallel"} == {10}
    assert {p.endpoint_id for p in second.probes["parallel"]} == {"test/new@standard"}


# -- what it may cost --------------------------------------------------------------------------------------------------


@EXAMPLES
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 400))
def test_a_forecast_counts_all_that_is_planned(speed: int, items: int, tokens: int) -> None:
    sizes = SuiteSizes(
        speed_probes=speed, math_items=items, code_items=0, speed_output_tokens=tokens, quality_output_tokens=tokens
    )
    plan = make_plan(ENDPOINTS, PlanOptions(suites=PROBED, sizes=sizes), day=DAY, round_id="r")
    rows = forecast(plan, [*ENDPOINTS, endpoint("priceless", price=None)])
    assert [row.endpoint_id for row in rows] == [*(e.endpoint_id for e in ENDPOINTS), "test/priceless@standard"]
    for row in rows[:-1]:
        requests = speed + 10 + items
        assert (row.requests, row.output_tokens_max) == (requests, requests * tokens)
        assert row.usd_max == (row.input_tokens_max * Decimal("0.5") + row.output_tokens_max * 2) / 1_000_000
    assert (rows[-1].requests, rows[-1].usd_max) == (0, None)


@pytest.mark.parametrize(
    ("extra_body", "most"),
    [
        ({}, 200),
        ({"max_tokens": 50}, 200),
        ({"max_tokens": 4_000}, 4_000),
        ({"max_completion_tokens": 900, "max_tokens": 500}, 900),
        ({"generationConfig": {"maxOutputTokens": 3_000}}, 3_000),
    ],
)
def test_a_forecast_knows_of_a_higher_output_cap_in_the_body(extra_body: dict[str, object], most: int) -> None:
    own = endpoint("e", extra_body=extra_body)
    (row,) = forecast(make_plan([own], speed_only(2), day=DAY, round_id="r"), [own])
    assert row.output_tokens_max == 2 * most


async def _as_much_as_allowed(reply: Reply) -> None:
    # A token for three characters of the prompt, more than public tokenizers need, and output up to the cap.
    prompt, cap = reply.request.json["messages"][0]["content"], reply.request.json["max_tokens"]
    answer = Answer(tokens=(" word",) * cap, tokens_per_event=50, finish="length", prompt_tokens=len(prompt) // 3 + 8)
    await streams(answer)(reply)


def test_what_is_booked_stays_within_the_forecast(home: Home) -> None:
    with MisbehavingServer({"greedy": _as_much_as_allowed}) as server:
        ran = run(
            home,
            [endpoint("greedy", server.url("greedy"))],
            PlanOptions(suites=PROBED, sizes=SuiteSizes(4, 14, 30, 40, code_items=0)),
        )
    (row,) = ran.plan.forecast
    booked_in = sum(record["usage"]["input_tokens"] for record in ran.records)
    booked_out = sum(record["usage"]["output_tokens"] for record in ran.records)
    assert len(ran.records) == row.requests == 28
    assert booked_out == row.output_tokens_max
    assert row.input_tokens_max / 3 < booked_in <= row.input_tokens_max
    assert row.usd_max is not None
    assert (booked_in * Decimal("0.5") + booked_out * 2) / 1_000_000 <= row.usd_max


def test_where_the_caps_leave_nothing_nothing_is_sent_or_written(home: Home) -> None:
    with MisbehavingServer() as server:
        dear = [endpoint("good", server.url("good"))]
        plan = plan_round(home, today(), dear, speed_only(max_round_usd=Decimal("0.000001")))
        assert plan.nothing_to_send == "over the cap of $0.000001 a round"
        with pytest.raises(SpendCapError, match=r"nothing can be sent: over the cap of .*\n.*--max-usd-per-day"):
            run(home, dear, speed_only(max_round_usd=Decimal("0.000001")))
        assert server.seen == []
    assert not home.root.exists()


def test_the_cap_of_a_day_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKENARENA_MAX_USD_PER_DAY", raising=False)
    assert PlanOptions().max_day_usd == 20
    for text, amount in (("2.50", Decimal("2.5")), (" 0 ", Decimal(0)), ("inf", Decimal("inf")), ("", Decimal(20))):
        monkeypatch.setenv("TOKENARENA_MAX_USD_PER_DAY", text)
        assert PlanOptions().max_day_usd == amount
    monkeypatch.setenv("TOKENARENA_MAX_USD_PER_DAY", "a lot")
    with pytest.raises(TokenArenaError, match="TOKENARENA_MAX_USD_PER_DAY: 'a lot' is no amount in USD"):
        day_cap_usd()
    for text in ("-1", "nan", "$5", ""):
        with pytest.raises(TokenArenaError, match="--max-usd"):
            usd_of(text, "--max-usd")


@pytest.mark.parametrize("days", [-1, 1, 365])
def test_another_day_than_today_is_refused(home: Home, days: int) -> None:
    with pytest.raises(TokenArenaError, match=r"can be run for today .* only"):
        plan_round(home, today() + timedelta(days=days), ENDPOINTS, SMALL)
    assert not home.root.exists()


def test_an_unknown_suite_is_refused_by_name(home: Home) -> None:
    with pytest.raises(TokenArenaError, match=r"no suite 'tarot'\n.*speed, parallel, quality_math"):
        plan_round(home, today(), ENDPOINTS, replace(SMALL, suites=("tarot",)))


def test_planning_writes_nothing_and_a_round_records_its_plan(home: Home) -> None:
    with MisbehavingServer() as server:
        asked = [endpoint("good", server.url("good"), api_key_env=None, note="a note", context_tokens=8_192)]
        plan_round(home, today(), asked, speed_only(2))
        assert not home.root.exists()
        first, second = run(home, asked, speed_only(2)), run(home, asked, speed_only(2))
    assert [ran.plan.manifest["ordinal"] for ran in (first, second)] == [0, 1]
    assert set(planned_ids(first.plan)).isdisjoint(planned_ids(second.plan))
    (manifest,) = home.raw_day(first.plan.day).glob(f"round={first.plan.round_id}.manifest.json")
    written = json.loads(manifest.read_text())
    assert written == first.plan.manifest
    assert written["plan_key"] == plan_key(asked, speed_only(2), day=today()) == second.plan.manifest["plan_key"]
    assert written["options"]["sizes"]["speed_probes"] == 2
    (row,) = first.plan.forecast
    assert written["forecast"] == [asdict(row) | {"usd_max": str(row.usd_max)}]
    assert (written["cuts"], written["cannot_be_capped"], written["spread_s"]) == ([], [], 0.0)
    assert {(m["suite"], m["prompt_tokens"]) for m in written["does_not_fit"]} == {("speed", 10_000)}
    assert Decimal(second.plan.manifest["booked_usd"]) > 0
    assert written["endpoints"][0]["endpoint_id"] == "test/good@standard"
    assert written["endpoints"][0]["price"]["output_usd_per_mtok"] == "2"
