"""When probes are let go: no limit is ever passed, pauses are kept, and every probe ends sent or turned away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenarena_assets.endpoints.catalog import Endpoint, RateLimits
from tokenarena_assets.probing.pacing import Admission, Pacer, asked_pause_s, caps_of
from tokenarena_assets.probing.plan import PlanOptions, Probe, input_tokens_about, make_plan
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets_tests.probing.rounds import endpoint
from tokenarena_assets_tests.probing.virtual_time import VirtualLoop, run

DAY = date(2026, 11, 23)
EXAMPLES = settings(
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def record(status: str = "ok", http_status: int | None = 200, **more: Any) -> dict[str, Any]:
    """What the pacer reads of a raw record."""
    return {"status": status, "http_status": http_status, "error": "why", "response_headers": {}, "usage": None} | more


def rejected(**headers: str) -> dict[str, Any]:
    """A 429, with headers as they came."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return record("http_429", 429, error="HTTP 429", response_headers=named)


OK = record()
Answers = Callable[[Probe, int], tuple[float, dict[str, Any]]]  # (probe, nth of its endpoint) -> (seconds, record)


@dataclass
class Sent:
    """One probe that was let go, when, and when it ended; times from the start of its suite."""

    probe: Probe
    admission: Admission
    at_ns: int
    until_ns: int
    most_here: int  # in flight at its endpoint when it was sent


@dataclass
class Paced:
    """What came of the probes of a suite."""

    sent: list[Sent]
    refused: dict[str, str]
    most: int
    most_of: Counter[str]
    took_ns: int

    def of(self, name: str) -> list[Sent]:
        """What was sent to the endpoint of that model name, in order."""
        return [s for s in self.sent if s.probe.endpoint_id == f"test/{name}@standard"]


def pace(
    endpoints: Sequence[Endpoint],
    options: PlanOptions,
    answers: Answers,
    suite: str = "speed",
    *,
    keep: Callable[[Probe], bool] = lambda _: True,
    before: Callable[[Pacer], None] = lambda _: None,
    suites: int = 1,
    at_once: int | None = None,
) -> Paced:
    """Send a suite in virtual time to endpoints that answer as told."""
    loop = VirtualLoop()
    plan = make_plan(endpoints, options, day=DAY, round_id="r")
    probes = [probe for probe in plan.get(suite, []) if keep(probe)]
    paced = Paced([], {}, 0, Counter(), 0)
    in_flight: Counter[str] = Counter()
    nth: Counter[str] = Counter()

    async def one(pacer: Pacer, probe: Probe, start: int) -> None:
        admission = await pacer.enter(probe)
        if admission.refusal is not None:
            paced.refused[probe.request_id] = admission.refusal
            return
        name = probe.endpoint_id
        in_flight[name] += 1
        paced.most = max(paced.most, in_flight.total())
        paced.most_of[name] = max(paced.most_of[name], in_flight[name])
        seconds, outcome = answers(probe, nth[name])
        nth[name] += 1
        sent = Sent(probe, admission, loop.clock() - start, 0, in_flight[name])
        paced.sent.append(sent)
        await asyncio.sleep(seconds)
        in_flight[name] -= 1
        sent.until_ns = loop.clock() - start
        pacer.leave(probe, outcome)

    async def all_of_them() -> None:
        pacer = Pacer(endpoints, options, suites=suites, at_once=at_once, clock=loop.clock)
        before(pacer)
        start = loop.clock()
        pacer.begin(suite, probes)
        await asyncio.gather(*(one(pacer, probe, start) for probe in probes))
        paced.took_ns = loop.clock() - start

    run(loop, all_of_them())
    # Every probe of the plan ends sent or turned away.
    assert Counter(p.request_id for p in probes) == Counter([s.probe.request_id for s in paced.sent] + [*paced.refused])
    return paced


def always(seconds: float, outcome: dict[str, Any] = OK) -> Answers:
    return lambda _probe, _nth: (seconds, outcome)


def in_turn(*outcomes: dict[str, Any], seconds: float = 0.1) -> Answers:
    """The outcomes one after the other; the last one for all that follow."""
    return lambda _probe, nth: (seconds, outcomes[min(nth, len(outcomes) - 1)])


def speed(probes: int, **options: Any) -> PlanOptions:
    return PlanOptions(suites=("speed",), sizes=SuiteSizes(speed_probes=probes, prompt_tokens=(100,)), **options)


def items(count: int, **options: Any) -> PlanOptions:
    return PlanOptions(suites=("quality_math",), sizes=SuiteSizes(math_items=count), **options)


def most_in_a_minute(sent: Sequence[Sent], worth: Callable[[Sent], int] = lambda _: 1) -> int:
    times = [(s.at_ns, worth(s)) for s in sent]
    return max((sum(w for t, w in times if start <= t < start + MINUTE) for start, _ in times), default=0)


# -- limits ------------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(
    rpms=st.lists(st.none() | st.integers(1, 30), min_size=1, max_size=4),
    at_once=st.integers(1, 12),
    each=st.integers(1, 6),
    probes=st.integers(1, 25),
    seconds=st.lists(st.floats(0.001, 40), min_size=1, max_size=7),
    spread_s=st.sampled_from([0.0, 3.0, 200.0]),
    most_here=st.none() | st.integers(1, 3),
)  # fmt: skip
def test_no_limit_is_ever_passed(
    rpms: list[int | None],
    at_once: int,
    each: int,
    probes: int,
    seconds: list[float],
    spread_s: float,
    most_here: int | None,
) -> None:
    endpoints = [endpoint(f"e{n}", limits={"rpm": rpm, "max_in_flight": most_here}) for n, rpm in enumerate(rpms)]
    options = items(probes, at_once=at_once, at_once_per_endpoint=each, spread_s=spread_s)
    paced = pace(endpoints, options, lambda _, nth: (seconds[nth % len(seconds)], OK), "quality_math")
    assert not paced.refused
    assert paced.most <= at_once
    assert max(paced.most_of.values()) <= min(each, most_here or each)
    for number, rpm in enumerate(rpms):
        if rpm is not None:
            assert most_in_a_minute(paced.of(f"e{number}")) <= rpm
    starts = sorted(s.at_ns for s in paced.sent)
    assert all(later - earlier >= 999_000 for earlier, later in pairwise(starts))


@EXAMPLES
@given(st.integers(800, 6_000), st.integers(2, 20), st.floats(0.01, 20), st.floats(0.1, 1.0))
def test_tokens_of_any_minute_stay_within_their_limit(tpm: int, probes: int, seconds: float, share: float) -> None:
    limited = endpoint("e", limits={"tpm": tpm})
    options = items(probes, at_once_per_endpoint=3)

    def used(probe: Probe, _nth: int) -> tuple[float, dict[str, Any]]:
        tokens = round(share * probe.question.max_output_tokens)
        return seconds, record(usage={"input_tokens": 20, "output_tokens": tokens})

    paced = pace([limited], options, used, "quality_math")
    assert not paced.refused

    def booked(sent: Sent) -> int:
        return 20 + round(share * sent.probe.question.max_output_tokens)

    assert most_in_a_minute(paced.sent, booked) <= tpm


def test_usage_frees_what_was_estimated_too_high() -> None:
    limited = endpoint("e", limits={"tpm": 1_200})  # two by their estimate, of some 560 tokens each
    modest = record(usage={"input_tokens": 30, "output_tokens": 70})
    within = pace([limited], items(8, at_once_per_endpoint=1), always(1, modest), "quality_math")
    silent = pace([limited], items(8, at_once_per_endpoint=1), always(1), "quality_math")
    assert most_in_a_minute(within.sent) == 7  # as soon as less than an estimate is left of the minute
    assert most_in_a_minute(silent.sent) == 2


def test_what_can_never_be_sent_is_turned_away_with_its_reason() -> None:
    small = endpoint("small", limits={"tpm": 500})

    def limited(pacer: Pacer) -> None:  # a plan would have left it out
        pacer._lanes[small.endpoint_id].endpoint = small

    both = [endpoint("small"), endpoint("large")]
    paced = pace(both, items(4), always(0.1), "quality_math", before=limited)
    assert set(paced.refused.values()) == {f"may need {min(_tokens(small))} tokens, of 500 a minute"} | {
        f"may need {tokens} tokens, of 500 a minute" for tokens in _tokens(small)
    }
    assert len(paced.of("large")) == 4


def _tokens(of: Endpoint) -> set[int]:
    unlimited = of.model_copy(update={"limits": RateLimits()})
    asked = make_plan([unlimited], items(4), day=DAY, round_id="r")["quality_math"]
    return {input_tokens_about(probe.question) + 512 for probe in asked}


def test_in_flight_counts_the_request_itself() -> None:
    paced = pace([endpoint("e")], items(6, at_once_per_endpoint=3), always(5), "quality_math")
    assert [s.admission.in_flight for s in paced.sent] == [s.most_here for s in paced.sent]
    assert max(s.most_here for s in paced.sent) == 3


# -- starts ------------------------------------------------------------------------------------------------------------


def test_without_a_spread_starts_come_ten_milliseconds_after_each_other() -> None:
    endpoints = [endpoint(f"e{n}") for n in range(40)]
    paced = pace(endpoints, speed(1, at_once=100), always(30))
    starts = [s.at_ns for s in paced.sent]
    assert starts == sorted(starts)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert all(abs(gap - 10_000_000) < 1_000 for gap in gaps)


def test_all_that_were_asked_for_are_in_flight() -> None:
    for at_once in (1, 7, 100):
        paced = pace([endpoint("e")], speed(3 * at_once, at_once=at_once, at_once_asked=True), always(0.84))
        assert paced.most == at_once


@EXAMPLES
@given(st.integers(1, 12), st.integers(1, 5), st.sampled_from([60.0, 600.0]), st.integers(1, 3))
def test_a_spread_round_samples_all_of_its_time(probes: int, count: int, spread_s: float, suites: int) -> None:
    endpoints = [endpoint(f"e{n}") for n in range(count)]
    paced = pace(endpoints, speed(probes, at_once=64, spread_s=spread_s), always(0.01), suites=suites)
    share = spread_s * SECOND / suites
    for number in range(count):
        own = [s.at_ns for s in paced.of(f"e{number}")]
        assert len(own) == probes
        for nth, at in enumerate(own):  # one in each n-th; a neighbour's request may hold it up for a moment
            assert nth / probes * share <= at < (nth + 1) / probes * share + SECOND


def test_starts_are_drawn_anew_for_each_round_and_the_same_again_for_one_that_is_completed() -> None:
    options = speed(6, spread_s=60.0)
    again = [pace([endpoint("e")], options, always(0.01)) for _ in range(2)]
    assert [s.at_ns for s in again[0].sent] == [s.at_ns for s in again[1].sent]
    gaps = {round((b.at_ns - a.at_ns) / SECOND, 3) for a, b in pairwise(again[0].sent)}
    assert len(gaps) == 5


def test_a_slow_endpoint_makes_the_next_planned_request_late() -> None:
    """The schedule-based latency counts the wait behind an earlier request, where starts are planned."""
    planned = pace([endpoint("e")], speed(6, spread_s=6.0), always(5))
    lateness = [s.at_ns - (s.admission.due_ns - 1000 * SECOND) for s in planned.sent]
    assert lateness[0] == 0
    assert lateness[-1] > 15 * SECOND
    closed_loop = pace([endpoint("e")], speed(6), always(5))
    assert all(s.admission.due_ns - 1000 * SECOND == s.at_ns for s in closed_loop.sent)


def test_a_limit_or_a_pause_makes_nothing_late() -> None:
    limited = endpoint("e", limits={"rpm": 2})
    paced = pace([limited], speed(4, spread_s=1.0), in_turn(OK, rejected(retry_after="30"), OK))
    assert paced.took_ns > 30 * SECOND
    assert all(abs(s.admission.due_ns - 1000 * SECOND - s.at_ns) < SECOND for s in paced.sent)


# -- bursts ------------------------------------------------------------------------------------------------------------


BURST = PlanOptions(suites=("parallel",), sizes=SuiteSizes(prompt_tokens=(100,)))


def test_a_burst_is_whole_at_one_endpoint_after_the_other() -> None:
    endpoints = [endpoint(f"e{n}", limits={"rpm": 10}) for n in range(3)]
    paced = pace(endpoints, BURST, always(2), "parallel")
    assert paced.most == 10
    assert paced.most_of == {e.endpoint_id: 10 for e in endpoints}
    assert {s.admission.in_flight for s in paced.sent} == {10}
    for number in range(3):
        own = paced.of(f"e{number}")
        assert len(own) == 10
        assert own[-1].at_ns - own[0].at_ns == pytest.approx(9_000_000, abs=10_000)


def test_bursts_of_several_endpoints_share_what_room_there_is() -> None:
    endpoints = [endpoint(f"e{n}") for n in range(4)]
    paced = pace(endpoints, replace(BURST, at_once=25), always(2), "parallel")
    assert paced.most == 20
    assert set(paced.most_of.values()) == {10}


def test_a_burst_that_was_begun_is_not_completed_by_a_smaller_one() -> None:
    paced = pace([endpoint("a"), endpoint("b")], BURST, always(1), "parallel", keep=lambda p: p.question.key[-1] != "3")
    assert not paced.sent
    assert len(paced.refused) == 18
    assert all("was begun in an earlier try" in reason for reason in paced.refused.values())


@pytest.mark.parametrize("limits", [{"max_in_flight": 9}, {"rpm": 9}, {"tpm": 2_000}])
def test_a_burst_beyond_a_limit_is_neither_planned_nor_let_go(limits: dict[str, int]) -> None:
    assert make_plan([endpoint("e", limits=limits)], BURST, day=DAY, round_id="r") == {}
    planned = make_plan([endpoint("e")], BURST, day=DAY, round_id="r")["parallel"]

    async def enter_all() -> list[Admission]:
        pacer = Pacer([endpoint("e", limits=limits)], BURST)
        pacer.begin("parallel", planned)
        return await asyncio.gather(*(pacer.enter(probe) for probe in planned))

    assert all(admission.refusal for admission in asyncio.run(enter_all()))


def test_a_workers_share_too_small_for_a_burst_turns_it_away() -> None:
    paced = pace([endpoint("e")], BURST, always(1), "parallel", at_once=8)
    assert set(paced.refused.values()) == {"10 at once, of 8 allowed in flight"}


# -- pauses ------------------------------------------------------------------------------------------------------------


def test_a_pause_is_kept_as_it_was_asked_for_and_only_there() -> None:
    answers = in_turn(OK, rejected(retry_after="7"), OK)
    paced = pace(
        [endpoint("a"), endpoint("b")], speed(5), lambda p, n: answers(p, n) if "/a@" in p.endpoint_id else (0.1, OK)
    )
    a = paced.of("a")
    assert a[2].at_ns - a[1].until_ns == pytest.approx(7 * SECOND, abs=2_000_000)
    assert a[3].at_ns - a[2].until_ns < 10_000_000
    assert paced.of("b")[-1].at_ns < SECOND
    assert len(a) == 5  # the rejected one stays as the failure that it is, and is not sent again


def test_without_a_time_pauses_double_until_an_answer_comes() -> None:
    no = rejected()
    paced = pace([endpoint("e")], speed(8), in_turn(no, no, no, OK, no, no, OK))
    waited = [round((b.at_ns - a.until_ns) / SECOND, 2) for a, b in pairwise(paced.sent)]
    assert waited == [1.0, 2.0, 4.0, 0.0, 1.0, 2.0, 0.0]


def test_a_time_that_did_not_help_is_doubled_as_well() -> None:
    paced = pace([endpoint("e")], speed(6), in_turn(*[rejected(retry_after="0")] * 4, OK))
    waited = [round((b.at_ns - a.until_ns) / SECOND, 2) for a, b in pairwise(paced.sent)]
    assert waited == [0.0, 2.0, 4.0, 8.0, 0.0]


def test_what_was_on_its_way_when_a_pause_began_does_not_lengthen_it() -> None:
    paced = pace([endpoint("e")], items(8, at_once_per_endpoint=4), in_turn(*[rejected()] * 4, OK), "quality_math")
    resumed = paced.sent[4]
    assert (resumed.at_ns - paced.sent[0].until_ns) / SECOND == pytest.approx(1.0, abs=0.05)
    assert not paced.refused


@pytest.mark.parametrize("asked", [{}, {"retry_after": "1"}, {"Retry_After": "20"}, {"retry_after_ms": "100"}])
def test_a_storm_of_429_ends_within_its_bound_and_says_so(asked: dict[str, str]) -> None:
    outcomes = {"test/e@standard": rejected(**asked), "test/good@standard": OK}
    paced = pace([endpoint("e"), endpoint("good")], speed(40), lambda p, _: (0.1, outcomes[p.endpoint_id]))
    assert len(paced.of("good")) == 40
    assert 3 <= len(paced.of("e")) < 40
    (reason,) = set(paced.refused.values())
    assert reason.startswith("given up: asked to wait ")
    assert "more than 120 s a round" in reason
    assert paced.took_ns < 121 * SECOND


def test_an_endpoint_that_asks_for_an_hour_is_given_up_at_once() -> None:
    paced = pace([endpoint("e")], speed(4), always(0.1, rejected(retry_after="3600")))
    assert len(paced.sent) == 1
    assert set(paced.refused.values()) == {
        "given up: asked to wait 3600 s in all, more than 120 s a round (HTTP 429 or 503)"
    }
    patient = pace([endpoint("e")], speed(4, max_pause_s=4_000), in_turn(rejected(retry_after="3600"), OK))
    assert (len(patient.sent), patient.took_ns // SECOND) == (4, 3600)


def test_an_unavailable_endpoint_is_left_alone_where_it_asks_for_it() -> None:
    asked = record("http_5xx", 503, response_headers={"Retry-After": "9"})
    silent = record("http_5xx", 503)
    assert pace([endpoint("e")], speed(2), in_turn(asked, OK)).took_ns > 9 * SECOND
    assert pace([endpoint("e")], speed(2), in_turn(silent, OK)).took_ns < SECOND


@EXAMPLES
@given(
    st.lists(st.sampled_from(["ok", "429", "429-3s", "503", "401", "refused", "cut"]), min_size=1, max_size=30),
    st.integers(1, 3),
)
def test_every_probe_ends_whatever_the_endpoint_does(story: list[str], each: int) -> None:
    told = {
        "ok": OK,
        "429": rejected(),
        "429-3s": rejected(retry_after="3"),
        "503": record("http_5xx", 503, response_headers={"retry-after": "2"}),
        "401": record("http_4xx", 401),
        "refused": record("connect_failed", None),
        "cut": record("dropped"),
    }
    endpoints = [endpoint("a"), endpoint("b", limits={"rpm": 20, "tpm": 9_000})]
    paced = pace(
        endpoints, items(25, at_once_per_endpoint=each), lambda _, n: (0.2, told[story[n % len(story)]]), "quality_math"
    )
    assert all(reason.startswith("given up") for reason in paced.refused.values())
    # Within the pauses that it may ask for, its minutes and its answers, the round is over.
    assert paced.took_ns <= (120 + 3 * 61 + 2 * 25) * SECOND


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "5"}, 5.0),
        ({"Retry-After": " 5 "}, 5.0),
        ({"RETRY-AFTER": "0.25"}, 0.25),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "inf"}, 1e9),
        ({"retry-after": "9" * 400}, 1e9),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"Retry-After-Ms": "1500", "Retry-After": "2"}, 1.5),
        ({"retry-after-ms": "never", "retry-after": "2"}, 2.0),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Monday, 23-Nov-26 10:00:30 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 09:00:00 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 99 Nov 2026 09:00:00 GMT"}, None),
    ],
)
def test_retry_after_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_pause_s(headers) == seconds


def test_a_date_without_the_servers_own_is_read_against_our_clock() -> None:
    now = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    until = format_datetime(now + timedelta(seconds=42), usegmt=True)
    assert asked_pause_s({"retry-after": until}, now) == 42.0
    assert asked_pause_s({"retry-after": until, "date": "not a date"}, now) == 42.0


# -- giving up ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hopeless",
    [
        record("connect_failed", None),
        record("timeout_connect", None),
        record("timeout_first", None),
        record("http_3xx", 302),
        record("http_4xx", 401),
        record("http_4xx", 403),
        record("http_4xx", 404),
    ],
)
def test_three_hopeless_failures_in_a_row_are_enough(hopeless: dict[str, Any]) -> None:
    paced = pace([endpoint("e")], speed(8), always(0.1, hopeless))
    assert len(paced.sent) == 3
    assert set(paced.refused.values()) == {f"given up after 3 in a row: {hopeless['status']}: why"}
    assert len(pace([endpoint("e")], speed(8), in_turn(hopeless, hopeless, OK, hopeless, hopeless, OK)).sent) == 8


@pytest.mark.parametrize(
    "passing", [record("http_5xx", 500), record("dropped"), record("http_4xx", 400), record("empty")]
)
def test_what_may_pass_is_asked_to_the_end(passing: dict[str, Any]) -> None:
    assert len(pace([endpoint("e")], speed(8), always(0.1, passing)).sent) == 8


def test_a_refused_endpoint_is_sent_nothing_and_the_others_go_on() -> None:
    paced = pace(
        [endpoint("a"), endpoint("b")], speed(3), always(1), before=lambda p: p.refuse("test/a@standard", "no key")
    )
    assert set(paced.refused.values()) == {"no key"}
    assert len(paced.of("b")) == 3
    assert paced.took_ns < 4 * SECOND


def test_who_waits_is_told_at_once_when_an_endpoint_is_given_up() -> None:
    async def waits() -> tuple[Admission, ...]:
        pacer = Pacer([endpoint("a")], speed(3, spread_s=3600))
        planned = make_plan([endpoint("a")], speed(3), day=DAY, round_id="r")["speed"]
        pacer.begin("speed", planned)
        entering = asyncio.gather(*(pacer.enter(probe) for probe in planned))
        await asyncio.sleep(0)
        pacer.refuse("test/a@standard", "the person has gone")
        assert pacer.refusal("test/a@standard") == "the person has gone"
        return tuple(await entering)

    assert {admission.refusal for admission in asyncio.run(waits())} == {"the person has gone"}


# -- caps --------------------------------------------------------------------------------------------------------------


FLEET = endpoint("f", fleet={"weights": "arena-tiny-1m-q8_0.gguf"}, base_url=None)


@pytest.mark.parametrize(
    ("suite", "endpoints", "options", "caps"),
    [
        ("speed", [endpoint("a"), endpoint("b")], {}, (16, 1)),
        ("quality_math", [endpoint("a"), endpoint("b")], {}, (16, 2)),
        ("parallel", [endpoint("a"), endpoint("b")], {}, (16, 10)),
        ("speed", [FLEET], {}, (1, 1)),
        ("quality_math", [FLEET], {}, (4, 2)),
        ("parallel", [FLEET, FLEET], {"at_once": 100}, (10, 10)),
        ("speed", [endpoint("a"), endpoint("b")], {"at_once": 9, "at_once_asked": True}, (9, 5)),
        ("speed", [FLEET], {"at_once": 9, "at_once_asked": True}, (9, 9)),
        ("quality_math", [endpoint("a"), endpoint("b")], {"at_once": 1, "at_once_asked": True}, (1, 2)),
    ],
)
def test_caps_of_each_suite(
    suite: str, endpoints: list[Endpoint], options: dict[str, Any], caps: tuple[int, int]
) -> None:
    found = caps_of(suite, PlanOptions(**options), endpoints)
    assert (found.at_once, found.each) == caps
