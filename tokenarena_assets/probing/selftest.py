"""What the client can do on this machine: its own error at a few loads, and how many events one loop reads a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.probing.certificate import (
    MIN_N_FOR_P99,
    Budget,
    Certificate,
    certificate,
    client_versions,
)
from tokenarena_assets.probing.certify import WARM_UP, ReferenceServer, Send, run_reference_probes
from tokenarena_assets.probing.client import send_probe
from tokenarena_assets.probing.digest import Digester
from tokenarena_assets.probing.exchange import Limits, http_client, tls_context
from tokenarena_assets.probing.loop_lag import LoopLag
from tokenarena_assets.probing.plan import Probe
from tokenarena_assets.probing.reference_server import Schedule
from tokenarena_assets.probing.session import undisturbed

LEVELS = (20, 100)
LIKE_AN_ENDPOINT = Schedule(ttft_ms=200.0, interval_ms=10.0, tokens=64)
MOST_EACH = 8  # a stream's probes one after the other; more would take longer than it tells
FLOOD = Schedule(ttft_ms=0.0, interval_ms=0.0, tokens=3_000)
FLOOD_STREAMS = 20

Progress = Callable[[str, int, int], None]  # (what, done, of)


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What was measured."""

    certificates: list[Certificate]
    events_per_s: float  # read, stamped, parsed and recorded by one loop on one core, as fast as they came

    @property
    def within_budget(self) -> bool:
        """Whether this machine may probe at all of these loads."""
        return all(found.within_budget for found in self.certificates)


def run_selftest(levels: Sequence[int], budget: Budget, progress: Progress) -> SelfTest:
    """Measure the client of this machine, as a round would use it, at each number of streams at once.

    Raises:
        ReferenceServerError: the reference server cannot be run.
    """
    with ReferenceServer() as server, undisturbed():
        return asyncio.run(_measure(server.base_url, levels, budget, progress))


async def _measure(base_url: str, levels: Sequence[int], budget: Budget, progress: Progress) -> SelfTest:
    async with sending() as send:
        certificates = [await _certify(send, base_url, at_once, budget, progress) for at_once in levels]
        what = f"as fast as {FLOOD_STREAMS} streams are read"
        progress(what, 0, 1)
        began = time.perf_counter()
        flood = await run_reference_probes(send, base_url, FLOOD, at_once=FLOOD_STREAMS, each=1)
        seconds = time.perf_counter() - began
        progress(what, 1, 1)
    return SelfTest(certificates, flood.n_events / seconds)


async def _certify(send: Send, base_url: str, at_once: int, budget: Budget, progress: Progress) -> Certificate:
    each = min(MOST_EACH, max(2, -(-MIN_N_FOR_P99 // at_once)))
    what, of, done = f"{at_once} at once", at_once * each, 0

    async def counted(endpoint: Endpoint, url: str, probe: Probe) -> dict[str, Any]:
        nonlocal done
        record = await send(endpoint, url, probe)
        done += 1
        progress(what, done, of)
        return record

    progress(what, 0, of)
    await run_reference_probes(send, base_url, WARM_UP, at_once=at_once, each=1)
    measured = await run_reference_probes(counted, base_url, LIKE_AN_ENDPOINT, at_once=at_once, each=each)
    return certificate(
        measured.samples,
        n_failed=measured.n_failed,
        budget=budget,
        phase="selftest",
        at_once=at_once,
        schedule=measured.schedule,
        client=client_versions(),
    )


@asynccontextmanager
async def sending() -> AsyncIterator[Send]:
    """The client of a round, outside of one."""
    digester = Digester(asyncio.get_running_loop())
    async with http_client(tls_context()) as client, LoopLag() as lag:

        async def send(endpoint: Endpoint, base_url: str, probe: Probe) -> dict[str, Any]:
            return await send_probe(
                client,
                endpoint,
                base_url,
                None,
                probe,
                identity={},
                scheduled_ns=time.perf_counter_ns(),
                in_flight=1,
                limits=Limits(),
                lag=lag,
                digester=digester,
            )

        yield send
