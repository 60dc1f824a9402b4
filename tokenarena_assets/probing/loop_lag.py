"""How late the client's own event loop runs, at the moments that matter: a delay not to be blamed on an endpoint."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Iterable
from types import TracebackType

TICK_NS = 2_000_000
WORTH_KEEPING_NS = 1_000_000
KEPT = 200_000  # the latest; more than a request of five minutes can meet


class LoopLag:
    """Asks to be called every two milliseconds and notes how late that happens; use as an async context manager."""

    def __init__(self) -> None:
        self._late: list[tuple[int, int]] = []  # (when called, late by), in order
        self._latest = 0  # the most that it was ever late
        self._handle: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> LoopLag:
        self._loop = asyncio.get_running_loop()
        self._wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _wait(self) -> None:
        assert self._loop is not None
        self._due = time.perf_counter_ns() + TICK_NS
        self._handle = self._loop.call_later(TICK_NS / 1e9, self._tick)

    def _tick(self) -> None:
        now = time.perf_counter_ns()
        self.note(now, now - self._due)
        self._wait()

    def note(self, now_ns: int, late_ns: int) -> None:
        """A call that was due at `now_ns - late_ns` came at `now_ns`."""
        if late_ns < WORTH_KEEPING_NS:
            return
        self._late.append((now_ns, late_ns))
        self._latest = max(self._latest, late_ns)
        if len(self._late) > 2 * KEPT:
            del self._late[:KEPT]

    def delay_ms(self, moments_ns: Iterable[int]) -> float:
        """The worst delay that any of the moments may have suffered, in milliseconds.

        A call that came late at T by L shows that the loop was busy from T - L to T: what it stamped in that time, or
        in the tick after it, may be late by up to L.
        """
        worst = 0
        for moment in moments_ns:
            for place in range(bisect_left(self._late, (moment - TICK_NS, 0)), len(self._late)):
                end, late = self._late[place]
                if end - late <= moment:
                    worst = max(worst, late)
                elif end - self._latest > moment:
                    break
        return worst / 1e6
