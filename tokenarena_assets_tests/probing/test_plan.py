"""The plan of a round: the same for the same day and round, fair to every endpoint, and never dearer than forecast."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenarena_assets.errors import SpendCapError, TokenArenaError
from tokenarena_assets.probing.plan import PlanOptions, Probe, forecast, make_plan, plan_key
from tokenarena_assets.probing.round import plan_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.suites.suite import SUITES, SuiteSizes
from tokenarena_assets_tests.probing.rounds import endpoint, planned_ids, run, speed_only
from tokenarena_assets_tests.servers.misbehaving import Answer, MisbehavingServer, Reply, streams

DAY = date(2026, 11, 23)
ENDPOINTS = [endpoint("a"), endpoint("b"), endpoint("c")]
SMALL = PlanOptions(sizes=SuiteSizes(speed_probes=3, math_items=7))
EXAMPLES = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _plan(day: date = DAY, round_id: str = "r1", ordinal: int = 0) -> dict[str, list[Probe]]:
    return make_plan(ENDPOINTS, SMALL, day=day, round_id=round_id, ordinal=ordinal)


def test_the_same_day_and_round_give_the_same_plan() -> None:
    assert _plan() == _plan()
    assert list(_plan()) == list(SUITES)


def test_every_endpoint_is_asked_the_same_questions() -> None:
    for probes in _plan().values():
        asked = {e.endpoint_id: [p.question for p in probes if p.endpoint_id == e.endpoint_id] for e in ENDPOINTS}
        first, *others = asked.values()
        assert first
        assert all(other == first for other in others)


def test_endpoints_are_interleaved_in_an_order_that_changes() -> None:
    orders = set()
    for probes in _plan().values():
        for start in range(0, len(probes), len(ENDPOINTS)):
            row = probes[start : start + len(ENDPOINTS)]
            assert len({probe.question for probe in row}) == 1
            assert {probe.endpoint_id for probe in row} == {e.endpoint_id for e in ENDPOINTS}
            orders.add(tuple(probe.endpoint_id for probe in row))
    assert len(orders) > 1


def test_no_two_probes_share_an_identity() -> None:
    plans = [_plan(), _plan(round_id="r2"), _plan(round_id="r3", ordinal=1)]
    ids = [probe.request_id for plan in plans for probes in plan.values() for probe in probes]
    assert len(set(ids)) == len(ids) == 3 * 3 * (3 + 7)


def test_items_change_with_day_and_round_and_prompts_are_unique_from_their_start() -> None:
    def items(plan: dict[str, list[Probe]]) -> set[str]:
        return {probe.question.key for probe in plan["quality_math"]}

    assert items(_plan()) == items(_plan(round_id="r2"))
    assert len(items(_plan())) == 7
    assert items(_plan()).isdisjoint(items(_plan(ordinal=1)))
    assert items(_plan()).isdisjoint(items(_plan(day=DAY + timedelta(days=1))))
    starts = [{p.question.prompt[:11] for p in _plan(round_id=name)["speed"]} for name in ("r1", "r2")]
    assert len(starts[0] | starts[1]) == 6


def test_the_key_of_a_plan_is_of_what_is_asked_not_of_how_fast() -> None:
    key = plan_key(ENDPOINTS, SMALL)
    assert key == plan_key(ENDPOINTS, replace(SMALL, at_once=1, at_once_per_endpoint=1, max_round_usd=Decimal(0)))
    assert key != plan_key(ENDPOINTS[:2], SMALL)
    assert key != plan_key(ENDPOINTS, replace(SMALL, suites=("speed",)))
    assert key != plan_key(ENDPOINTS, replace(SMALL, sizes=SuiteSizes(speed_probes=4, math_items=7)))
    dearer = endpoint("a", price={"input_usd_per_mtok": "0.6", "output_usd_per_mtok": "2"})
    assert key != plan_key([dearer, *ENDPOINTS[1:]], SMALL)


@EXAMPLES
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 400))
def test_a_forecast_counts_all_that_is_planned(speed: int, items: int, tokens: int) -> None:
    sizes = SuiteSizes(speed_probes=speed, math_items=items, speed_output_tokens=tokens, math_output_tokens=tokens)
    plan = make_plan(ENDPOINTS, PlanOptions(sizes=sizes), day=DAY, round_id="r", ordinal=0)
    rows = forecast(plan, [*ENDPOINTS, endpoint("priceless", price=None)])
    assert [row.endpoint_id for row in rows] == [*(e.endpoint_id for e in ENDPOINTS), "test/priceless@standard"]
    for row in rows[:-1]:
        assert (row.requests, row.output_tokens_max) == (speed + items, (speed + items) * tokens)
        assert row.usd_max == (row.input_tokens_max * Decimal("0.5") + row.output_tokens_max * 2) / 1_000_000
    assert (rows[-1].requests, rows[-1].usd_max) == (0, None)


async def _as_much_as_allowed(reply: Reply) -> None:
    # A token for three characters of the prompt, more than public tokenizers need, and output up to the cap.
    prompt, cap = reply.request.json["messages"][0]["content"], reply.request.json["max_tokens"]
    answer = Answer(tokens=(" word",) * cap, tokens_per_event=50, finish="length", prompt_tokens=len(prompt) // 3 + 8)
    await streams(answer)(reply)


def test_what_is_booked_stays_within_the_forecast(home: Home) -> None:
    with MisbehavingServer({"greedy": _as_much_as_allowed}) as server:
        ran = run(home, [endpoint("greedy", server.url("greedy"))], PlanOptions(sizes=SuiteSizes(4, 14, 30, 40)))
    (row,) = ran.plan.forecast
    booked_in = sum(record["usage"]["input_tokens"] for record in ran.records)
    booked_out = sum(record["usage"]["output_tokens"] for record in ran.records)
    assert len(ran.records) == row.requests == 18
    assert booked_out == row.output_tokens_max
    assert row.input_tokens_max / 3 < booked_in <= row.input_tokens_max
    assert row.usd_max is not None
    assert (booked_in * Decimal("0.5") + booked_out * 2) / 1_000_000 <= row.usd_max


def test_over_the_cap_nothing_is_sent_or_written(home: Home) -> None:
    with MisbehavingServer() as server:
        dear = [endpoint("good", server.url("good")), endpoint("priceless", server.url("good"), price=None)]
        (row, _) = plan_round(home, today(), dear, speed_only()).forecast
        assert row.usd_max is not None
        # The wording of a story, and with it the forecast, differs a little from round to round.
        assert plan_round(home, today(), dear, speed_only(max_round_usd=row.usd_max * 2)).round_id
        with pytest.raises(SpendCapError, match=r"could cost up to \$0\.\d+.*\n.*--max-usd"):
            run(home, dear, speed_only(max_round_usd=row.usd_max / 2))
        assert server.seen == []
    assert not home.root.exists()


@pytest.mark.parametrize("days", [-1, 1, 365])
def test_another_day_than_today_is_refused(home: Home, days: int) -> None:
    with pytest.raises(TokenArenaError, match=r"can be run for today .* only"):
        plan_round(home, today() + timedelta(days=days), ENDPOINTS, SMALL)
    assert not home.root.exists()


def test_an_api_without_adapter_is_refused_by_name(home: Home) -> None:
    with pytest.raises(TokenArenaError, match="no adapter for api 'google_generate'"):
        plan_round(home, today(), [*ENDPOINTS, endpoint("d", api="google_generate")], SMALL)


def test_an_unknown_suite_is_refused_by_name(home: Home) -> None:
    with pytest.raises(TokenArenaError, match=r"no suite 'tarot'\n.*speed, quality_math"):
        plan_round(home, today(), ENDPOINTS, replace(SMALL, suites=("tarot",)))


def test_planning_writes_nothing_and_a_round_records_its_plan(home: Home) -> None:
    with MisbehavingServer() as server:
        asked = [endpoint("good", server.url("good"), api_key_env=None, note="a note")]
        plan_round(home, today(), asked, speed_only(2))
        assert not home.root.exists()
        first, second = run(home, asked, speed_only(2)), run(home, asked, speed_only(2))
    assert [ran.plan.manifest["ordinal"] for ran in (first, second)] == [0, 1]
    assert set(planned_ids(first.plan)).isdisjoint(planned_ids(second.plan))
    (manifest,) = home.raw_day(first.plan.day).glob(f"round={first.plan.round_id}.manifest.json")
    written = json.loads(manifest.read_text())
    assert written == first.plan.manifest
    assert written["plan_key"] == plan_key(asked, speed_only(2)) == second.plan.manifest["plan_key"]
    assert written["options"]["sizes"]["speed_probes"] == 2
    assert written["endpoints"][0]["endpoint_id"] == "test/good@standard"
    assert written["endpoints"][0]["price"]["output_usd_per_mtok"] == "2"
