"""Probes the reference server with the client of a round, before the round and while it runs, and certifies it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.certificate import (
    MIN_N_FOR_P99,
    Budget,
    Certificate,
    Phase,
    Sample,
    certificate,
    client_versions,
    sample_of,
)
from tokenarena_assets.probing.plan import Probe
from tokenarena_assets.probing.reference_server import MODEL, Schedule
from tokenarena_assets.processes import OwnProcess
from tokenarena_assets.suites.suite import Question

# (endpoint, base URL, probe) -> raw record: the very `send_probe` of the round, with its own client and loop.
Send = Callable[[Endpoint, str, Probe], Awaitable[dict[str, Any]]]
Keep = Callable[[Certificate], None]

START_TIMEOUT_S = 30.0
MEASURE_TIMEOUT_S = 20.0
PROMPT = "Tell a story of a lighthouse keeper who counts ships. " * 8
WARM_UP = Schedule(ttft_ms=0.0, interval_ms=0.0, tokens=1)
BRIEF = Schedule(ttft_ms=50.0, interval_ms=10.0, tokens=20)
PAUSES_S = (0.5, 1.0)  # between the attempts before a round: a machine may be busy for a second
STREAMS_DURING = 2
GOLDEN = 0.6180339887498949  # its multiples, modulo one, are spread evenly however many there are
FAILED_PAUSE_S = 0.5
MANY_FAILED = 3


class ReferenceServerError(TokenArenaError):
    """The reference server cannot be run, so that nothing can be certified."""


class ReferenceServer:
    """The reference server in a process of its own; use as a context manager."""

    def __init__(self, defaults: Schedule | None = None) -> None:
        """`defaults`: how requests are answered that do not say it themselves."""
        self._defaults = defaults or Schedule()
        self._process: OwnProcess | None = None
        self.base_url = ""

    def __enter__(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            ReferenceServerError: it does not come up.
        """
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(self._defaults).items()]
        self._process = OwnProcess("tokenarena_assets.probing.reference_server", arguments)
        announced = self._process.announcement(time.monotonic() + START_TIMEOUT_S)
        if announced is None:
            wrong = self._process.what_is_wrong()
            self._stop()
            raise ReferenceServerError(
                f"the reference server {wrong}", mend="see the end of its log above; tokenarena doctor looks at ports"
            )
        self.base_url = str(announced["url"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            OwnProcess.stop_all([self._process])
            self._process = None


def reference_endpoint(schedule: Schedule) -> Endpoint:
    """The reference server as an endpoint that answers by `schedule`."""
    return Endpoint(
        provider="tokenarena",
        model=MODEL,
        base_url="http://127.0.0.1",  # the one that holds is told with each probe
        extra_body={"reference": asdict(schedule)},
    )


@dataclass(slots=True)
class Measured:
    """Samples of the client's error, gathered while probes come back."""

    schedule: Schedule
    samples: list[Sample] = field(default_factory=list)
    n_failed: int = 0

    def take(self, record: dict[str, Any]) -> bool:
        """Take the record of a reference probe; whether it gave a sample."""
        sample = sample_of(record, self.schedule.tokens)
        if sample is None:
            self.n_failed += 1
        else:
            self.samples.append(sample)
        return sample is not None

    @property
    def n_events(self) -> int:
        """Tokens whose true instant and stamp are known."""
        return len(self.samples) * self.schedule.tokens


class Prober:
    """Sends probes to the reference server through the caller's `send`."""

    def __init__(self, send: Send, base_url: str, schedule: Schedule) -> None:
        self._send, self._base_url, self.schedule = send, base_url, schedule
        self._endpoint = reference_endpoint(schedule)
        self._number = 0

    async def one(self) -> dict[str, Any]:
        """Send one probe; its record."""
        self._number += 1
        question = Question(
            suite="certificate",
            key=f"reference-{self._number}",
            prompt=PROMPT,
            max_output_tokens=self.schedule.tokens,
            temperature=0.0,
            item=None,
        )
        probe = Probe(f"reference-{self._number}", self._endpoint.endpoint_id, question)
        return await self._send(self._endpoint, self._base_url, probe)

    @property
    def seconds(self) -> float:
        """How long an answer takes."""
        return (self.schedule.ttft_ms + (self.schedule.tokens - 1) * self.schedule.interval_ms) / 1000


async def run_reference_probes(send: Send, base_url: str, schedule: Schedule, *, at_once: int, each: int) -> Measured:
    """Hold `at_once` streams of reference probes, `each` one after the other, their starts spread over one answer."""
    prober, measured = Prober(send, base_url, schedule), Measured(schedule)

    async def stream(number: int) -> None:
        await asyncio.sleep(number * GOLDEN % 1 * prober.seconds)
        for _ in range(each):
            record = await prober.one()
            measured.take(record)

    tasks = [asyncio.ensure_future(stream(number)) for number in range(at_once)]
    try:
        await asyncio.wait(tasks, timeout=MEASURE_TIMEOUT_S + each * prober.seconds)
    finally:
        await _end(tasks)
    measured.n_failed = at_once * each - len(measured.samples)
    return measured


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel what still runs; an error of our own comes out."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


class Certifier:
    """Certifies the client of one process for one round.

    ::

        async with Certifier(keep, at_once=100, budget=budget) as certifier:
            await certifier.before(send)
            async with certifier.during(send):
                ...  # the round

    `keep` is handed each certificate as soon as it stands (`append_certificate` writes it beside the round's log).
    """

    def __init__(self, keep: Keep, *, at_once: int, budget: Budget | None = None, process: int = 0) -> None:
        self._keep, self._at_once, self._process = keep, at_once, process
        self._budget = budget or Budget.in_force()
        self._server = ReferenceServer()
        self.certificates: list[Certificate] = []

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._server.__enter__)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._server.__exit__, None, None, None)

    async def before(self, send: Send) -> Certificate:
        """Measure at the round's own concurrency; up to twice more where the first try is over budget."""
        url = self._server.base_url
        await run_reference_probes(send, url, WARM_UP, at_once=self._at_once, each=1)
        each = 5 if self._at_once < 4 else 3  # a p99 of event lags needs a hundred
        for attempt in range(len(PAUSES_S) + 1):
            if attempt > 0:
                await asyncio.sleep(PAUSES_S[attempt - 1])
            measured = await run_reference_probes(send, url, BRIEF, at_once=self._at_once, each=each)
            found = self._judge(measured, "before", attempts=attempt + 1)
            if found.within_budget:
                break
        return self._keep_it(found)

    @asynccontextmanager
    async def during(self, send: Send) -> AsyncIterator[None]:
        """Keep a few reference streams going while the block runs, and go on after it until they tell enough."""
        measured, stop = Measured(BRIEF), asyncio.Event()
        prober = Prober(send, self._server.base_url, BRIEF)
        streams = min(STREAMS_DURING, self._at_once)

        async def stream(number: int) -> None:
            await asyncio.sleep(number * GOLDEN % 1 * prober.seconds)
            while not (stop.is_set() and (measured.n_events >= MIN_N_FOR_P99 or measured.n_failed >= MANY_FAILED)):
                if not measured.take(await prober.one()):
                    await asyncio.sleep(FAILED_PAUSE_S)

        tasks = [asyncio.ensure_future(stream(number)) for number in range(streams)]
        try:
            yield
            stop.set()
            await asyncio.wait(tasks, timeout=MEASURE_TIMEOUT_S)
        finally:
            await _end(tasks)
            self._keep_it(self._judge(measured, "during", attempts=1))

    def _judge(self, measured: Measured, phase: Phase, *, attempts: int) -> Certificate:
        return certificate(
            measured.samples,
            n_failed=measured.n_failed,
            budget=self._budget,
            phase=phase,
            at_once=self._at_once,
            schedule=measured.schedule,
            process=self._process,
            attempts=attempts,
            client=client_versions(),
        )

    def _keep_it(self, found: Certificate) -> Certificate:
        self.certificates.append(found)
        self._keep(found)
        return found
