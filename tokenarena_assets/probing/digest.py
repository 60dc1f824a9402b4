"""Works out what was read in short slices between two polls of the sockets, so that reading never waits for parsing."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

SLICE_NS = 250_000  # a stamp can be late by about this much, however many streams have something to parse

Take = Callable[[int, bytes | None], None]


class Digester:
    """A queue of stretches of bytes, each with the one who takes it; one for each event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: deque[tuple[Take, int, bytes | None]] = deque()
        self._scheduled = False

    def put(self, take: Take, stamp_ns: int, data: bytes | None) -> None:
        """Have `take(stamp_ns, data)` called soon, after all that was put before it."""
        self._queue.append((take, stamp_ns, data))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        queue, until = self._queue, time.perf_counter_ns() + SLICE_NS
        try:
            while queue:
                take, stamp_ns, data = queue.popleft()
                take(stamp_ns, data)
                if time.perf_counter_ns() > until:
                    break
        finally:  # also where one take fails: the others are not to wait for ever
            # The loop polls its sockets before it comes back to what is left.
            self._scheduled = bool(queue)
            if queue:
                self._loop.call_soon(self._run)
