"""Asking again what was lost: in the round, in the next round, after a cut, and never beyond a cap."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.before import Before, before
from tokenarena_assets.probing.client import _whole_prompts
from tokenarena_assets.probing.exchange import Limits
from tokenarena_assets.probing.inputs import anchors_in_force, load_inputs, parse_anchors
from tokenarena_assets.probing.plan import (
    PlanOptions,
    Probe,
    context_plans,
    make_plan,
    misfits_of,
    request_id,
    sizes_of,
)
from tokenarena_assets.probing.retries import MAX_ATTEMPTS, RETRYABLE, Purse, again, limits_of, next_attempt
from tokenarena_assets.probing.round import plan_of_cut_off, plan_round, run_round, today
from tokenarena_assets.probing.spend import booked_spend
from tokenarena_assets.storage.files import append_line
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.rawlog import RoundWriter, certificates_path, encoded
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets_tests.probing.rounds import QUICK, Ran, endpoint, run
from tokenarena_assets_tests.servers.misbehaving import BEHAVIOURS, Answer, MisbehavingServer, Reply, in_turn, streams

GOOD, BROKEN, CUT = BEHAVIOURS["good"], BEHAVIOURS["server_error"], BEHAVIOURS["cut"]
MATH = PlanOptions(suites=("quality_math",), sizes=SuiteSizes(math_items=3), at_once_per_endpoint=1, retry_pause_s=0.0)
TUESDAY = date(2026, 11, 24)


def _attempts(records: list[dict[str, Any]]) -> dict[str, list[tuple[int, str]]]:
    by_item: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for record in sorted(records, key=lambda record: str(record["started_at"])):
        by_item[record["item"]["item_id"]].append((record["attempt"], record["status"]))
    return dict(by_item)


def test_a_lost_answer_is_asked_again_and_each_attempt_is_a_record(home: Home) -> None:
    with MisbehavingServer({"shaky": in_turn(BROKEN, CUT, GOOD, GOOD, BROKEN, GOOD)}) as server:
        ran = run(home, [endpoint("shaky", server.url("shaky"))], MATH)
        assert len(server.seen) == 6
    attempts = _attempts(ran.records)
    assert sorted(map(len, attempts.values())) in ([1, 1, 4], [1, 2, 3], [2, 2, 2])
    for found in attempts.values():
        assert [attempt for attempt, _ in found] == list(range(1, len(found) + 1))
        assert found[-1][1] == "ok"
        assert all(status in RETRYABLE for _, status in found[:-1])
    assert len({record["request_id"] for record in ran.records}) == 6
    bodies = {(r["item"]["item_id"], json.dumps(r["request"]["body"], sort_keys=True)) for r in ran.records}
    assert len(bodies) == 3  # the same question each time


def test_after_four_attempts_it_is_lost_and_a_speed_probe_is_never_sent_again(home: Home) -> None:
    options = replace(MATH, suites=("speed", "quality_math"), sizes=SuiteSizes(2, 2))
    with MisbehavingServer({"broken": BROKEN}) as server:
        ran = run(home, [endpoint("broken", server.url("broken"))], options)
    assert Counter(r["suite"] for r in ran.records) == {"speed": 2, "quality_math": 2 * MAX_ATTEMPTS}
    assert ran.outcome.by_status == {"http_5xx": 10}
    assert sorted(r["attempt"] for r in ran.records if r["suite"] == "quality_math") == [1, 1, 2, 2, 3, 3, 4, 4]


def test_what_the_endpoint_did_itself_is_not_asked_again(home: Home) -> None:
    with MisbehavingServer({"refuses": BEHAVIOURS["not_found"], "empty": BEHAVIOURS["empty"]}) as server:
        both = [endpoint(name, server.url(name)) for name in ("refuses", "empty")]
        ran = run(home, both, replace(MATH, sizes=SuiteSizes(math_items=2)))
    assert {r["attempt"] for r in ran.records} == {1}
    assert len(ran.records) == 4


def test_an_endpoint_that_was_given_up_is_not_asked_again_and_leaves_no_empty_records(home: Home) -> None:
    hangs = BEHAVIOURS["hang_before_headers"]
    with MisbehavingServer({"hangs": hangs}) as server:
        options = replace(MATH, sizes=SuiteSizes(math_items=5))
        ran = run(home, [endpoint("hangs", server.url("hangs"))], options, replace(QUICK, first_s=0.2))
        assert len(server.seen) == 3
    assert ran.outcome.by_status == {"timeout_first": 3, "not_sent": 2}
    assert {r["attempt"] for r in ran.records} == {1}
    assert len({r["item"]["item_id"] for r in ran.records}) == 5


def test_what_is_long_to_read_or_to_write_has_its_time() -> None:
    question = make_plan([endpoint("a")], MATH, day=TUESDAY, round_id="r")["quality_math"][0].question
    limits = Limits(first_s=30, total_s=300)
    assert limits_of(replace(question, suite="speed"), limits) == limits
    long = replace(question, suite="context", prompt_tokens_target=128_000, max_output_tokens=400)
    assert limits_of(long, limits) == replace(limits, first_s=120 + 64, total_s=300 + 64 + 10)
    assert limits_of(replace(question, max_output_tokens=8_000), limits) == replace(limits, first_s=120, total_s=500)


def test_a_retry_is_paid_from_what_the_caps_leave() -> None:
    purse = Purse(Decimal(3), {"a": Decimal(1)})
    assert purse.take("a", Decimal(1))
    assert not purse.take("a", Decimal("0.01"))
    assert purse.take("a", None)  # no price, no cap
    assert purse.take("b", Decimal(2))
    assert not purse.take("b", Decimal("0.01"))
    purse.give("a", Decimal("0.5"))
    assert purse.take("b", Decimal("0.5"))
    assert Purse(Decimal(6), {"a": Decimal(1), "b": Decimal(2)}).part(["a"], 3) == Purse(Decimal(2), {"a": Decimal(1)})
    assert Purse().take("x", Decimal(10**6))


def test_retries_that_cost_money_stop_at_the_cap(home: Home) -> None:
    # Each attempt is billed in full, as far as its usage says, and then breaks off.
    cut_with_usage = BEHAVIOURS["cut"]
    with MisbehavingServer({"cut": cut_with_usage}) as server:
        asked = [endpoint("cut", server.url("cut"))]
        whole = plan_round(home, today(), asked, MATH)
        ran = run(home, asked, replace(MATH, max_round_usd=whole.usd_max))
    assert booked_spend(home, today()).total <= whole.usd_max
    assert len(ran.records) > 3


@pytest.mark.parametrize("status", ["ok", "http_4xx", "not_sent", "http_503", "bad_response", "content_filter"])
def test_only_failures_that_may_pass_are_tried_again(status: str) -> None:
    probe = make_plan([endpoint("a")], MATH, day=TUESDAY, round_id="r")["quality_math"][0]
    assert again(probe, "r", status) is None
    assert next_attempt(probe, "r", {probe.request_id: status}) is None


def test_the_next_attempt_follows_from_what_is_recorded() -> None:
    probe = make_plan([endpoint("a")], MATH, day=TUESDAY, round_id="r")["quality_math"][0]
    statuses: dict[str, str] = {}
    attempt: Probe | None = probe
    for number in range(1, MAX_ATTEMPTS + 1):
        attempt = next_attempt(probe, "r", statuses)
        assert attempt is not None
        assert attempt.question == replace(probe.question, attempt=number)
        assert attempt.request_id == request_id("r", probe.endpoint_id, attempt.question)
        statuses[attempt.request_id] = "http_429"
    assert next_attempt(probe, "r", statuses) is None
    assert len(statuses) == MAX_ATTEMPTS


def _cut_after(home: Home, ran: Ran, kept: int) -> None:
    """A home in which the same round was cut off after `kept` of its records."""
    writer = RoundWriter(home, ran.plan.day, ran.plan.round_id, ran.plan.manifest)
    for record in ran.records[:kept]:
        writer.append_line(encoded(record))
    writer.close()


@pytest.mark.parametrize("kept", [1, 2, 4])
def test_a_round_cut_off_goes_on_with_the_next_attempt(home: Home, tmp_path: Path, kept: int) -> None:
    turns = (BROKEN, CUT, GOOD, GOOD, BROKEN, GOOD)
    one = replace(MATH, at_once=1)
    with MisbehavingServer({"shaky": in_turn(*turns)}) as server:
        whole = run(home, [endpoint("shaky", server.url("shaky"))], one)
    half = Home(tmp_path / "half")
    _cut_after(half, whole, kept)
    again_plan = plan_of_cut_off(half, today())
    assert again_plan is not None
    with MisbehavingServer({"shaky": GOOD}) as other:
        outcome = run_round(half, again_plan, {"test/shaky@standard": other.url("shaky")}, limits=QUICK)
        answered = {r["item"]["item_id"] for r in whole.records[:kept] if r["status"] == "ok"}
        assert len(other.seen) == outcome.written == 3 - len(answered)
    assert outcome.by_status == {"ok": outcome.written}


# -- the day ----------------------------------------------------------------------------------------------------------


def test_a_round_asks_what_no_earlier_round_got_an_answer_for(home: Home) -> None:
    refused: set[str] = set()

    async def refuse_one(reply: Reply) -> None:
        prompt = reply.request.json["messages"][0]["content"]
        if reply.ordinal == 1:
            refused.add(prompt)
        await (BROKEN if prompt in refused else GOOD)(reply)

    with MisbehavingServer({"good": refuse_one}) as server:
        asked = [endpoint("good", server.url("good"))]
        first = run(home, asked, replace(MATH, at_once=1))
        lost = {item for item, found in _attempts(first.records).items() if found[-1][1] != "ok"}
        refused.clear()
        second = run(home, asked, replace(MATH, at_once=1))
        with pytest.raises(TokenArenaError, match="nothing to ask"):
            plan_round(home, today(), asked, MATH)
        more = plan_round(home, today(), asked, replace(MATH, suites=("speed", "quality_math")))
    assert len(lost) == 1
    assert set(_attempts(second.records)) == lost
    assert first.plan.manifest["asked"] == {"quality_math": ["test/good@standard"]}
    assert first.plan.manifest["before"]["answered"] == {}
    assert len(second.plan.manifest["before"]["answered"]["quality_math"]["test/good@standard"]) == 2
    assert list(more.probes) == ["speed"]
    assert more.manifest["before"]["answered"] == {"quality_math": {"test/good@standard": None}}


def test_a_void_round_answered_nothing(home: Home) -> None:
    with MisbehavingServer() as server:
        asked = [endpoint("good", server.url("good"))]
        first = run(home, asked, MATH)
        path = certificates_path(home, today(), first.plan.round_id)
        append_line(path, b'{"within_budget": false}')
        assert len(plan_round(home, today(), asked, MATH).probes["quality_math"]) == 3


def test_what_was_before_comes_back_from_a_manifest() -> None:
    found = Before(
        {"parallel": frozenset({"a"})},
        {"quality_math": {"a": frozenset({"1", "2"}), "b": None}, "own": {"a": frozenset({"x"})}},
        {"a": 64_000},
    )
    record = json.loads(json.dumps(found.as_record({"quality_math": ["a"]})))
    again_found = Before.from_record(record)
    assert again_found.skipped("quality_math", "a") == {"1", "2"}
    assert again_found.skipped("quality_math", "b") is None
    assert again_found.skipped("own", "a") is None  # not asked: no need to list them
    assert again_found.skipped("anchor", "a") == frozenset()
    assert again_found.was_asked("parallel", "a")
    assert again_found.context_tokens == {"a": 64_000}


def test_an_endpoint_may_be_asked_fewer_items_in_proportion() -> None:
    few = endpoint("few", quality_items=30, quality_output_tokens=900)
    sizes = sizes_of(few, SuiteSizes())
    assert (sizes.math_items, sizes.code_items) == (18, 12)
    options = PlanOptions(suites=("quality_math", "quality_code"), sizes=SuiteSizes())
    plan = make_plan([few, endpoint("all")], options, day=TUESDAY, round_id="r")
    counts = Counter((p.endpoint_id, p.question.suite) for probes in plan.values() for p in probes)
    assert sorted(counts.values()) == [12, 18, 40, 60]
    caps = {p.endpoint_id: p.question.max_output_tokens for p in plan["quality_math"]}
    assert caps["test/few@standard"] == 900
    own = {p.question.key for p in plan["quality_math"] if p.endpoint_id == few.endpoint_id}
    assert own < {p.question.key for p in plan["quality_math"] if p.endpoint_id != few.endpoint_id}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"context_tokens": 400}, "tokens of context, of 400"),
        ({"limits": {"tpm": 300}}, "tokens, of 300 a minute"),
    ],
)
def test_items_that_do_not_fit_are_not_asked(fields: dict[str, Any], reason: str) -> None:
    small = endpoint("small", **fields)
    assert make_plan([small], MATH, day=TUESDAY, round_id="r") == {}
    (misfit,) = (m for m in misfits_of(small, MATH, TUESDAY) if m.suite == "quality_math")
    assert reason in misfit.reason
    roomy = endpoint("small", **fields, quality_output_tokens=100)
    assert len(make_plan([roomy], MATH, day=TUESDAY, round_id="r")["quality_math"]) == 3


# -- items from files --------------------------------------------------------------------------------------------------


def test_public_sets_are_named_with_their_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert anchors_in_force() == ()
    monkeypatch.setenv("TOKENARENA_ANCHORS", f"mbpp={tmp_path}/b, gsm8k=/a,")
    assert anchors_in_force() == (("gsm8k", "/a"), ("mbpp", f"{tmp_path}/b"))
    for wrong in (["math=/x"], ["gsm8k"], ["gsm8k="], ["gsm8k=/a", "gsm8k=/b"]):
        with pytest.raises(TokenArenaError, match=r"--anchor: .*\n.*gsm8k=PATH"):
            parse_anchors(wrong, "--anchor")
    with pytest.raises(TokenArenaError, match=r"--items: .* cannot be read"):
        load_inputs((), str(tmp_path / "gone.jsonl"))


def test_own_items_are_asked_once_a_day_and_are_part_of_the_plan(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    rows = [{"id": f"q{n}", "prompt": f"What is {n} + 1?", "answer": {"type": "int", "value": n + 1}} for n in range(2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = PlanOptions(suites=("own", "anchor"), items_file=str(path), retry_pause_s=0.0)
    with MisbehavingServer() as server:
        asked = [endpoint("good", server.url("good"))]
        ran = run(home, asked, options)
        with pytest.raises(TokenArenaError, match="nothing to ask"):
            plan_round(home, today(), asked, options)
        path.write_text(json.dumps(rows[0] | {"id": "new"}) + "\n")
        changed = plan_round(home, today(), asked, options)
    assert {record["item"]["source"].partition(":")[0] for record in ran.records} == {"own"}
    assert len(ran.records) == 2
    assert ran.plan.manifest["files"].keys() == {"own"}
    assert changed.manifest["plan_key"] != ran.plan.manifest["plan_key"]
    assert len(changed.probes["own"]) == 1


# -- context ----------------------------------------------------------------------------------------------------------


CONTEXT = PlanOptions(suites=("context",), retry_pause_s=0.0)
FACTS = streams(Answer(tokens=("nothing",)))


def test_a_search_is_asked_once_a_day_one_request_after_the_other(home: Home) -> None:
    with MisbehavingServer({"reads": FACTS}) as server:
        asked = [endpoint("reads", server.url(f"reads/{n}"), sku=f"s{n}", context_tokens=1024) for n in (1, 2)]
        ran = run(home, asked, replace(CONTEXT, workers=2))
        assert max(server.most_of_route.values()) == 1
        with pytest.raises(TokenArenaError, match="nothing to ask"):
            plan_round(home, today(), asked, CONTEXT)
    assert {r["suite"] for r in ran.records} == {"context"}
    assert {r["endpoint_id"] for r in ran.records} == {e.endpoint_id for e in asked}
    assert all(r["item"]["answer_type"] == "context" for r in ran.records)
    assert ran.plan.manifest["asked"] == {"context": sorted(e.endpoint_id for e in asked)}
    assert {search["mode"] for search in ran.plan.manifest["contexts"]} == {"cold"}
    rows = {row.endpoint_id: row for row in ran.plan.forecast}
    for name, count in Counter(r["endpoint_id"] for r in ran.records).items():
        assert 0 < count <= rows[name].context_requests == rows[name].requests
    assert booked_spend(home, today()).total <= ran.plan.usd_max


def test_a_search_that_was_cut_off_is_completed_by_the_same_requests(home: Home, tmp_path: Path) -> None:
    with MisbehavingServer({"reads": in_turn(FACTS, BROKEN, FACTS, FACTS, FACTS, FACTS, FACTS, FACTS)}) as server:
        whole = run(home, [endpoint("reads", server.url("reads"), context_tokens=1024)], CONTEXT)
    assert Counter(r["attempt"] for r in whole.records)[2] == 1
    half = Home(tmp_path / "half")
    _cut_after(half, whole, 2)
    plan = plan_of_cut_off(half, today())
    assert plan is not None
    with MisbehavingServer({"reads": FACTS}) as server:
        outcome = run_round(half, plan, {"test/reads@standard": server.url("reads")}, limits=QUICK)
        assert len(server.seen) == outcome.written == len(whole.records) - 2
    assert outcome.kept == 2


def test_a_search_is_cut_whole_and_first(home: Home) -> None:
    asked = [endpoint(name, context_tokens=1024) for name in ("a", "b")]
    options = replace(CONTEXT, suites=("speed", "context"), sizes=SuiteSizes(2, prompt_tokens=(100,)))
    whole = plan_round(home, today(), asked, options)
    assert len(whole.contexts) == 2
    less = plan_round(home, today(), asked, replace(options, max_round_usd=whole.usd_max * Decimal("0.9")))
    assert len(less.contexts) == 1
    assert len(less.probes["speed"]) == 4
    (cut,) = less.cuts
    assert (cut.suite, cut.requests) == ("context", whole.contexts[0].requests)
    assert less.manifest["asked"]["context"] == [less.contexts[0].endpoint_id]


def test_what_is_known_decides_how_a_search_begins(home: Home) -> None:
    frame = pl.DataFrame(
        {
            "endpoint_id": ["test/a@standard", "test/b@standard"],
            "effective_tokens": [640, None],
            "status": ["ok", "undefined"],
        }
    )
    ParquetLake(home.lake).write("context_daily", date(2026, 11, 20), frame)
    asked = [endpoint(name, context_tokens=1024) for name in ("a", "b")]

    def modes(day: date) -> list[tuple[str, int | None]]:
        found = before(home, day, ("context",))
        plans = context_plans(asked, CONTEXT, day=day, round_id="r", before=found)
        return [(search.mode, search.known_tokens) for search in plans]

    assert modes(TUESDAY) == [("sentinel", 640), ("cold", None)]
    assert modes(date(2026, 11, 23)) == [("full", 640), ("cold", None)]  # a Monday
    assert modes(date(2026, 11, 29)) == [("cold", None), ("cold", None)]  # too long ago


def test_a_router_is_told_not_to_shorten() -> None:
    assert _whole_prompts("https://openrouter.ai/api/v1") == {"transforms": []}
    assert _whole_prompts("https://eu.openrouter.ai/api/v1") == {"transforms": []}
    assert _whole_prompts("https://notopenrouter.ai/api/v1") == _whole_prompts("http://127.0.0.1:1/openrouter.ai") == {}
