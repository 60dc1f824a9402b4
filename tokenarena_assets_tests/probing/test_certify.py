"""Certifying: the client of a round is measured before it and while it runs; a bad verdict stands after retries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psutil
import pytest

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.probing import certify
from tokenarena_assets.probing.certificate import Budget, Certificate
from tokenarena_assets.probing.certify import (
    Certifier,
    Measured,
    ReferenceServer,
    ReferenceServerError,
    Send,
    run_reference_probes,
)
from tokenarena_assets.probing.plan import Probe
from tokenarena_assets.probing.reference_server import Schedule
from tokenarena_assets.probing.selftest import sending
from tokenarena_assets_tests.probing.test_certificate import a_record

LENIENT = Budget(10_000, 10_000)  # no test depends on how busy this machine is
QUICK = Schedule(ttft_ms=2.0, interval_ms=1.0, tokens=5)


def with_own_client(use: Callable[[Send], Awaitable[None]]) -> None:
    """Run `use` with the sending that rounds use."""

    async def run() -> None:
        async with sending() as send:
            await use(send)

    asyncio.run(run())


class Pretender:
    """Answers like a client whose stamps are late by what a test says, one amount for each thing it is asked for."""

    def __init__(self, late_ms: Callable[[int], float | None]) -> None:
        self._late_ms = late_ms
        self.asked: list[tuple[str, str, Probe, dict[str, Any]]] = []
        self.in_flight = self.most_in_flight = 0
        self._condition = asyncio.Condition()

    async def has_been_asked(self, times: int) -> None:
        async with self._condition:
            await self._condition.wait_for(lambda: len(self.asked) >= times)

    async def send(self, endpoint: Endpoint, base_url: str, probe: Probe) -> dict[str, Any]:
        reference = endpoint.extra_body["reference"]
        late = self._late_ms(len(self.asked))
        self.asked.append((endpoint.endpoint_id, base_url, probe, reference))
        async with self._condition:
            self._condition.notify_all()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0.001)
        self.in_flight -= 1
        if late is None:
            return {"status": "connect_failed", "stamps_ns": {"sent": None, "first_token": None}, "frames": []}
        return a_record(0.0, [late] * reference["tokens"], true_ttft_ms=reference["ttft_ms"])


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certify, "BRIEF", QUICK)
    monkeypatch.setattr(certify, "PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(certify, "FAILED_PAUSE_S", 0.0)


def certified(pretender: Pretender, *, at_once: int, **more: Any) -> list[Certificate]:
    """The certificates of a round that does nothing, by a client that is late as `pretender` is."""
    kept: list[Certificate] = []

    async def run() -> None:
        async with Certifier(kept.append, at_once=at_once, budget=Budget(2, 10), **more) as certifier:
            before = await certifier.before(pretender.send)
            assert kept == [before], "it is kept before anything is sent"
            async with certifier.during(pretender.send):
                pass
            assert certifier.certificates == kept

    asyncio.run(run())
    return kept


def test_the_client_of_a_round_is_measured_by_true_instants() -> None:
    async def use(send: Send) -> None:
        with ReferenceServer() as server:
            measured = await run_reference_probes(send, server.base_url, QUICK, at_once=5, each=3)
        assert (len(measured.samples), measured.n_failed, measured.n_events) == (15, 0, 75)
        # One clock for both processes: nothing can be seen before it was sent.
        assert all(sample.ttft_error_ms > 0 for sample in measured.samples)
        assert all(lag > 0 for sample in measured.samples for lag in sample.event_lags_ms)

    with_own_client(use)


def test_a_round_gets_a_certificate_before_and_one_during_it() -> None:
    kept: list[Certificate] = []

    async def use(send: Send) -> None:
        async with Certifier(kept.append, at_once=3, budget=LENIENT, process=2) as certifier:
            await certifier.before(send)
            async with certifier.during(send):
                await asyncio.sleep(0.05)

    with_own_client(use)
    before, during = kept
    assert (before.phase, before.at_once, before.process, before.attempts) == ("before", 3, 2, 1)
    assert (before.n_probes, before.n_failed, before.n_events) == (15, 0, 75)
    assert (before.tokens, before.interval_ms, before.true_ttft_ms) == (5, 1.0, 2.0)
    assert (before.budget_p50_ms, before.budget_p99_ms) == (10_000, 10_000)
    assert before.client["scheduling"] == "normal"
    assert (during.phase, during.at_once, during.within_budget) == ("during", 3, True)
    assert during.n_events >= 100, "a short round is followed until its tail can be known"
    assert during.event_lag_p99_ms is not None


def test_no_server_is_left_behind() -> None:
    def servers() -> set[int]:
        return {c.pid for c in psutil.Process().children() if "reference_server" in " ".join(c.cmdline())}

    async def fails() -> None:
        async with Certifier(lambda _: None, at_once=1):
            assert len(servers() - earlier) == 1
            raise RuntimeError("the round")

    earlier = servers()
    with pytest.raises(RuntimeError, match="the round"):
        asyncio.run(fails())
    assert servers() == earlier


def test_streams_are_held_at_once_and_each_asks_in_turn() -> None:
    pretender = Pretender(lambda _: 0.1)
    measured = asyncio.run(
        run_reference_probes(pretender.send, "http://there/v1", Schedule(0, 0, 7), at_once=6, each=4)
    )
    assert (len(measured.samples), measured.n_failed, pretender.most_in_flight) == (24, 0, 6)
    assert {(base_url, reference["tokens"]) for _, base_url, _, reference in pretender.asked} == {
        ("http://there/v1", 7)
    }
    assert len({probe.request_id for _, _, probe, _ in pretender.asked}) == 24


@pytest.mark.parametrize(
    ("bad_attempts", "attempts", "within"), [(0, 1, True), (1, 2, True), (2, 3, True), (3, 3, False)]
)
def test_a_verdict_before_the_round_stands_after_the_third_attempt(
    bad_attempts: int, attempts: int, within: bool
) -> None:
    at_once = 10
    an_attempt = 3 * at_once
    pretender = Pretender(lambda asked: 5.0 if asked < at_once + bad_attempts * an_attempt else 0.5)
    before, during = certified(pretender, at_once=at_once)
    assert (before.attempts, before.within_budget) == (attempts, within)
    assert before.n_probes == an_attempt, "attempts are not mixed"
    assert before.ttft_error_p50_ms == pytest.approx(0.5 if within else 5.0)
    assert (during.attempts, during.within_budget) == (1, True)


def test_a_client_that_is_late_while_the_round_runs_is_over_budget() -> None:
    before, during = certified(Pretender(lambda asked: 0.5 if asked < 10 + 30 else 12.0), at_once=10)
    assert before.within_budget
    assert not during.within_budget
    assert during.reason is not None
    assert "event lag p99 12.00 ms, over 10 ms" in during.reason


def test_a_reference_server_that_dies_certifies_nothing() -> None:
    before, during = certified(Pretender(lambda _: None), at_once=10)
    assert (before.attempts, before.n_probes, before.n_failed, before.within_budget) == (3, 0, 30, False)
    assert (during.n_probes, during.within_budget) == (0, False)
    assert during.reason is not None
    assert during.reason.endswith("probes of the reference server failed")


def test_what_was_measured_is_kept_when_the_round_breaks_off() -> None:
    kept: list[Certificate] = []
    pretender = Pretender(lambda _: 0.1)

    async def run() -> None:
        async with Certifier(kept.append, at_once=2) as certifier, certifier.during(pretender.send):
            await pretender.has_been_asked(8)
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        asyncio.run(run())
    (during,) = kept
    assert during.phase == "during"
    assert during.n_probes >= 6


def test_an_error_of_our_own_while_measuring_is_not_hidden() -> None:
    async def send(endpoint: Endpoint, base_url: str, probe: Probe) -> dict[str, Any]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run_reference_probes(send, "http://there/v1", QUICK, at_once=2, each=1))


def test_probes_that_never_end_count_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(endpoint: Endpoint, base_url: str, probe: Probe) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(certify, "MEASURE_TIMEOUT_S", 0.05)
    measured = asyncio.run(run_reference_probes(send, "http://there/v1", QUICK, at_once=4, each=2))
    assert (measured.samples, measured.n_failed) == ([], 8)


def test_a_server_that_does_not_come_up_says_why() -> None:
    with (
        pytest.raises(ReferenceServerError, match=r"(?s)ended with code 2.*reference.tokens must be") as caught,
        ReferenceServer(Schedule(tokens=0)),
    ):
        pass
    assert caught.value.mend


def test_measured_counts_what_gave_no_sample() -> None:
    measured = Measured(Schedule(200.0, 10.0, 3))
    assert measured.take(a_record(0.1, [0.1] * 3))
    assert not measured.take(a_record(0.1, [0.1] * 2))
    assert (len(measured.samples), measured.n_failed, measured.n_events) == (1, 1, 3)
