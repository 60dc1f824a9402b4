"""How late the client's own event loop runs: the delay that must not be blamed on an endpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

TICK_S = 0.01


@dataclass(slots=True)
class Delay:
    """The worst lateness seen while a request ran, in milliseconds."""

    worst_ms: float = 0.0


class LoopLag:
    """Wakes every ten milliseconds and notes how late it wakes; use as an async context manager."""

    def __init__(self) -> None:
        self._delays: dict[int, Delay] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> LoopLag:
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _tick(self) -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            late_ms = max(0.0, (time.perf_counter() - due) * 1000)
            for delay in self._delays.values():
                delay.worst_ms = max(delay.worst_ms, late_ms)

    @contextmanager
    def watch(self) -> Iterator[Delay]:
        """Collects the worst delay while the block runs."""
        delay = Delay()
        self._delays[id(delay)] = delay
        try:
            yield delay
        finally:
            del self._delays[id(delay)]
