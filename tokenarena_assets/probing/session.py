"""Sends the probes of a round: one event loop, or worker processes where one loop would measure itself."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.endpoints.readiness import api_key, readiness
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.billing import cost_of
from tokenarena_assets.probing.certificate import Budget, Certificate
from tokenarena_assets.probing.certify import Certifier
from tokenarena_assets.probing.client import send_probe, unsent_record
from tokenarena_assets.probing.digest import Digester
from tokenarena_assets.probing.exchange import Limits, http_client, tls_context
from tokenarena_assets.probing.loop_lag import LoopLag
from tokenarena_assets.probing.pacing import Pacer, caps_of
from tokenarena_assets.probing.plan import ContextPlan, Probe, usd_at_most
from tokenarena_assets.probing.record import ANSWERED, ITS_OWN_DOING
from tokenarena_assets.probing.retries import Purse, Recorded, again, limits_of, next_attempt
from tokenarena_assets.probing.search import search_context
from tokenarena_assets.probing.transport import StampedTransport
from tokenarena_assets.processes import ahead_of_others, end_with_starter
from tokenarena_assets.storage.rawlog import encoded
from tokenarena_assets.suites.fidelity.ask import FIDELITY_SUITES

if TYPE_CHECKING:
    from tokenarena_assets.probing.round import RoundPlan

STREAMS_PER_LOOP = 100  # the client's own error was measured up to here (benchmarks/client_error.py)

THREADS_OF_OUR_OWN = 4  # starting and stopping the reference server

Progress = Callable[[str, int, int, int], None]  # (suite, done, of, failed); of 0: nobody knows


@dataclass(slots=True)
class SessionOutcome:
    """What a session wrote, and what it measured of its own client."""

    written: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    certificates: list[Certificate] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Share:
    """What one event loop is to send: all of a round, or a worker's part of it."""

    plan: RoundPlan
    probes: dict[str, list[Probe]]
    at_once: int
    limits: Limits
    budget: Budget
    number: int = 0
    contexts: tuple[ContextPlan, ...] = ()
    purse: Purse = field(default_factory=Purse)
    recorded: Recorded = field(default_factory=Recorded)  # by an earlier try


class Sink(Protocol):
    """Takes what an event loop brings forth, in the order in which it comes."""

    def record(self, suite: str, status: str, line: bytes) -> None:
        """One encoded record."""
        ...

    def certificate(self, found: Certificate) -> None:
        """What the loop measured of its own client."""
        ...


def run_session(
    plan: RoundPlan,
    base_urls: Mapping[str, str],
    *,
    write: Callable[[bytes], None],
    certify: Callable[[Certificate], None],
    limits: Limits,
    budget: Budget,
    progress: Progress | None,
    recorded: Recorded,
) -> SessionOutcome:
    """Send what `recorded` lacks; each record, encoded, goes to `write` as it ends, each certificate to `certify`.

    Raises:
        TokenArenaError: a worker process was lost, or the reference server cannot be run.
    """
    left = {
        suite: [attempt for probe in probes if (attempt := next_attempt(probe, plan.round_id, recorded.statuses))]
        for suite, probes in plan.probes.items()
    }
    tally = _Tally(write, certify, progress, {suite: len(probes) for suite, probes in left.items()})
    whole = Share(
        plan,
        left,
        plan.options.at_once,
        limits,
        budget,
        contexts=plan.contexts,
        purse=replace(plan.purse, by_endpoint=dict(plan.purse.by_endpoint)),
        recorded=recorded,
    )
    shares = shares_of(whole, workers_of(plan))
    if len(shares) == 1:
        with undisturbed():
            asyncio.run(_Loop(shares[0], base_urls, tally).run())
    else:
        _in_processes(shares, base_urls, tally)
    return tally.outcome


class _Tally:
    """Counts what comes and passes it on."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        certify: Callable[[Certificate], None],
        progress: Progress | None,
        sizes: dict[str, int],
    ) -> None:
        self._write, self._certify, self._progress, self._sizes = write, certify, progress, sizes
        self._done: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self.outcome = SessionOutcome()

    def record(self, suite: str, status: str, line: bytes) -> None:
        self._write(line)
        self.outcome.written += 1
        self.outcome.by_status[status] += 1
        self._done[suite] += 1
        # One token may well be none that shows: in the fidelity suites that is an answer like another.
        self._failed[suite] += status not in (ITS_OWN_DOING if suite in FIDELITY_SUITES else ANSWERED)
        if self._progress:
            # Of a search nobody knows how long it will be; further attempts at a probe show as they go.
            size = max(self._sizes[suite], self._done[suite]) if suite in self._sizes else 0
            self._progress(suite, self._done[suite], size, self._failed[suite])

    def certificate(self, found: Certificate) -> None:
        self._certify(found)
        self.outcome.certificates.append(found)


def workers_of(plan: RoundPlan) -> int:
    """How many processes send: as asked, else as many as the streams that the caps allow at once need."""
    options = plan.options
    suites = [*plan.probes, *(["context"] if plan.contexts else [])]
    most = max((caps_of(suite, options, plan.endpoints).at_once for suite in suites), default=1)
    return options.workers or -(-most // STREAMS_PER_LOOP)


def shares_of(whole: Share, workers: int) -> list[Share]:
    """The parts of `workers` processes: whole endpoints, so that one place keeps each endpoint's limits.

    `at_once` is divided by the number of endpoints in each part; each part has as much of it as a burst needs.
    """
    endpoints = whole.plan.endpoints
    burst = max((probe.question.together for asked in whole.probes.values() for probe in asked), default=1)
    count = max(1, min(workers, len(endpoints), whole.at_once // burst))
    if count == 1:
        return [whole]
    shares = []
    beyond, before = whole.at_once - count * burst, 0
    for number in range(count):
        own = endpoints[number::count]
        upto = before + len(own)
        names = {endpoint.endpoint_id for endpoint in own}
        shares.append(
            replace(
                whole,
                plan=replace(whole.plan, endpoints=own, probes={}, contexts=()),
                probes={suite: [p for p in asked if p.endpoint_id in names] for suite, asked in whole.probes.items()},
                at_once=burst + beyond * upto // len(endpoints) - beyond * before // len(endpoints),
                number=number,
                contexts=tuple(search for search in whole.contexts if search.endpoint_id in names),
                purse=whole.purse.part(sorted(names), len(endpoints)),
                recorded=_of_endpoints(whole.recorded, names),
            )
        )
        before = upto
    return shares


def _of_endpoints(recorded: Recorded, names: set[str]) -> Recorded:
    own = {name: record for name, record in recorded.context.items() if record.get("endpoint_id") in names}
    return Recorded(context=own)


@contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection while requests are in flight, and the first turn on the processor where that is permitted.

    A collection would hold up every stream for tens of milliseconds, and so does a busy machine. What a request leaves
    behind has no cycles, so that nothing is left to collect.
    """
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        with ahead_of_others():
            yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()


class _Loop:
    """The sending of a share in one event loop: one client an endpoint, and one that is certified."""

    def __init__(self, share: Share, base_urls: Mapping[str, str], sink: Sink) -> None:
        self._share, self._base_urls, self._sink = share, base_urls, sink
        plan = share.plan
        self._endpoints = {endpoint.endpoint_id: endpoint for endpoint in plan.endpoints}
        self._clients: dict[str, StampedTransport] = {}
        self._identity = plan.identity
        self._pacer = Pacer(plan.endpoints, plan.options, suites=len(share.probes), at_once=share.at_once)

    async def run(self) -> None:
        """Certify the client, send every suite in turn while it is watched."""
        if not any(self._share.probes.values()) and not self._share.contexts:
            return
        context = tls_context()
        loop, share = asyncio.get_running_loop(), self._share
        self._digester = Digester(loop)
        # Names are looked up in threads: with fewer of them a lookup would wait for others and count that as its own.
        loop.set_default_executor(ThreadPoolExecutor(share.at_once + THREADS_OF_OUR_OWN))
        suites = [*share.probes, *(["context"] if share.contexts else [])]
        caps = [caps_of(suite, share.plan.options, share.plan.endpoints, share.at_once) for suite in suites]
        at_once = max((cap.at_once for cap in caps), default=1)
        async with AsyncExitStack() as stack:
            for endpoint in self._endpoints.values():
                self._clients[endpoint.endpoint_id] = await stack.enter_async_context(http_client(context))
                if problem := readiness(endpoint).reason:  # the environment may have changed since it was planned
                    self._pacer.refuse(endpoint.endpoint_id, problem)
            self._for_reference = await stack.enter_async_context(http_client(context))
            self._lag = await stack.enter_async_context(LoopLag())
            certifier = await stack.enter_async_context(
                Certifier(self._sink.certificate, at_once=at_once, budget=share.budget, process=share.number)
            )
            await certifier.before(self._send_reference)
            async with certifier.during(self._send_reference):
                for suite, probes in share.probes.items():
                    self._pacer.begin(suite, probes)
                    await _all(self._until_answered(probe) for probe in probes)
                if share.contexts:
                    self._pacer.begin("context", [])
                    await _all(self._search(search) for search in share.contexts)

    async def _until_answered(self, probe: Probe) -> None:
        """Send a probe, and again where that is due and can be paid."""
        endpoint, purse, attempt = self._endpoints[probe.endpoint_id], self._share.purse, probe
        while True:
            usd = usd_at_most(attempt, endpoint)
            if attempt.question.attempt > 1 and not purse.take(attempt.endpoint_id, usd):
                return
            record = await self._one(attempt)
            if record is None:
                return
            if endpoint.price is not None and usd is not None:
                purse.give(attempt.endpoint_id, usd - cost_of(record, endpoint.price))
            following = again(attempt, self._share.plan.round_id, record["status"])
            if following is None:
                return
            attempt = following
            self._plan_again(attempt)

    def _plan_again(self, probe: Probe) -> None:
        pause_s = self._share.plan.options.retry_pause_s * 2 ** (probe.question.attempt - 2)
        self._pacer.plan(probe, pause_s)

    async def _search(self, search: ContextPlan) -> None:
        async def send(probe: Probe) -> dict[str, Any] | None:
            if probe.question.attempt > 1:
                self._plan_again(probe)
            else:
                self._pacer.plan(probe)
            return await self._one(probe)

        plan, endpoint = self._share.plan, self._endpoints[search.endpoint_id]
        await search_context(
            search,
            endpoint,
            day=plan.day,
            round_id=plan.round_id,
            send=send,
            purse=self._share.purse,
            recorded=self._share.recorded,
        )

    async def _one(self, probe: Probe) -> dict[str, Any] | None:
        """Send one attempt; its record. None: it may not be sent; of a first attempt the round says so."""
        admission = await self._pacer.enter(probe)
        if admission.refusal is not None:
            if probe.question.attempt == 1:
                now = time.perf_counter_ns()
                self._write(probe, unsent_record(probe, admission.refusal, identity=self._identity, scheduled_ns=now))
            return None
        client, endpoint = self._clients[probe.endpoint_id], self._endpoints[probe.endpoint_id]
        base_url = self._base_urls[probe.endpoint_id]
        record = await self._send(client, endpoint, base_url, probe, admission.due_ns, admission.in_flight)
        self._pacer.leave(probe, record)
        self._write(probe, record)
        return record

    def _write(self, probe: Probe, record: dict[str, Any]) -> None:
        self._sink.record(probe.question.suite, record["status"], encoded(record))

    async def _send_reference(self, endpoint: Endpoint, base_url: str, probe: Probe) -> dict[str, Any]:
        return await self._send(self._for_reference, endpoint, base_url, probe, time.perf_counter_ns(), 1)

    async def _send(
        self, client: StampedTransport, endpoint: Endpoint, base_url: str, probe: Probe, due_ns: int, in_flight: int
    ) -> dict[str, Any]:
        return await send_probe(
            client,
            endpoint,
            base_url,
            api_key(endpoint),
            probe,
            identity=self._identity,
            scheduled_ns=due_ns,
            in_flight=in_flight,
            limits=limits_of(probe.question, self._share.limits),
            lag=self._lag,
            digester=self._digester,
        )


async def _all(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None  # a full disk, say: all fail of it


def _in_processes(shares: list[Share], base_urls: Mapping[str, str], sink: Sink) -> None:
    """Run each share in a process of its own; what they bring comes back through pipes and is written here alone.

    Raises:
        TokenArenaError: a worker ended before its share was done; the round stays open, to be completed.
    """
    context = multiprocessing.get_context("spawn")
    workers: dict[Connection, SpawnProcess] = {}
    unfinished: set[Connection] = set()
    try:
        for share in shares:
            ours, theirs = context.Pipe(duplex=False)
            names = {endpoint.endpoint_id for endpoint in share.plan.endpoints}
            urls = {name: url for name, url in base_urls.items() if name in names}
            process = context.Process(target=_work, args=(share, urls, theirs), daemon=True)
            process.start()
            theirs.close()
            workers[ours] = process
            unfinished.add(ours)
        while unfinished:
            for ready in wait(list(unfinished)):
                assert isinstance(ready, Connection)
                try:
                    message = ready.recv()
                except (EOFError, OSError):  # the second where it ended in the middle of a message
                    raise TokenArenaError(
                        "a probing worker ended before its share was done (killed, or out of memory?)",
                        mend="run the same command again: it completes this round",
                    ) from None
                if message is None:
                    unfinished.discard(ready)
                elif isinstance(message, Certificate):
                    sink.certificate(message)
                elif isinstance(message, TokenArenaError):
                    raise message
                else:
                    sink.record(*message)
    finally:
        for pipe, process in workers.items():
            if pipe in unfinished:
                process.terminate()
            process.join()
            pipe.close()


class _Pipe:
    """The sink of a worker: a thread sends, since a full pipe must not hold up the loop."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._waiting: SimpleQueue[object] = SimpleQueue()
        self._sender = Thread(target=self._send_all, daemon=True)
        self._sender.start()

    def record(self, suite: str, status: str, line: bytes) -> None:
        self._waiting.put((suite, status, line))

    def certificate(self, found: Certificate) -> None:
        self._waiting.put(found)

    def close(self, last: TokenArenaError | None) -> None:
        """Send what waits and then `last`."""
        self._waiting.put(last)
        self._waiting.put(self)
        self._sender.join()

    def _send_all(self) -> None:
        while (message := self._waiting.get()) is not self:
            self._pipe.send(message)


def _work(share: Share, base_urls: Mapping[str, str], pipe: Connection) -> None:
    """A worker: its share, then None, or the error that ended it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    end_with_starter()  # nobody would write what it pays for
    sink = _Pipe(pipe)
    try:
        with undisturbed():
            asyncio.run(_Loop(share, base_urls, sink).run())
    except TokenArenaError as error:
        sink.close(error)
    else:
        sink.close(None)
