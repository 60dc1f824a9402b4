"""The digester: all in the order in which it came, turns of the loop between slices, a fault that stops nobody else."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.probing import digest
from tokenarena_assets.probing.digest import Digester
from tokenarena_assets_tests.probing.raw_server import LOOPS

PUTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=60)


@pytest.mark.parametrize("kind", list(LOOPS))
def test_everything_is_taken_once_in_the_order_in_which_it_was_put(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @settings(max_examples=60, deadline=None)
    @given(PUTS, st.sampled_from([0, 10_000_000_000]))
    def check(puts: list[tuple[int, int]], slice_ns: int) -> None:
        monkeypatch.setattr(digest, "SLICE_NS", slice_ns)
        put: list[tuple[int, int, bytes]] = []
        taken: list[tuple[int, int, bytes]] = []

        async def main() -> None:
            digester = Digester(asyncio.get_running_loop())

            def taker(who: int, more: int) -> Any:
                def take(stamp_ns: int, data: bytes | None) -> None:
                    taken.append((who, stamp_ns, data or b""))
                    for _ in range(more):  # what comes in while something is worked out waits for its turn
                        entry = (who, len(put), b"more")
                        put.append(entry)
                        digester.put(taker(who, 0), *entry[1:])

                return take

            for number, (who, more) in enumerate(puts):
                entry = (who, len(put), b"%d" % number)
                put.append(entry)
                digester.put(taker(who, more), *entry[1:])
                if number % 3 == 0:
                    await asyncio.sleep(0)
            for _ in range(300):  # more turns than there can be entries
                await asyncio.sleep(0)

        with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
            runner.run(main())
        assert taken == put

    check()


@pytest.mark.parametrize("kind", list(LOOPS))
def test_the_sockets_are_looked_at_between_slices(kind: str) -> None:
    async def main() -> list[str]:
        loop, happened = asyncio.get_running_loop(), []
        digester, over = Digester(loop), asyncio.Event()

        def work(stamp_ns: int, data: bytes | None) -> None:
            happened.append("work")
            time.sleep(2 * digest.SLICE_NS / 1e9)
            if stamp_ns < 3:
                digester.put(work, 3, b"")  # what comes in meanwhile calls for no turn of its own
            if stamp_ns == 9:
                over.set()

        def other() -> None:
            happened.append("other")
            if happened.count("work") < 13:
                loop.call_soon(other)

        for number in range(10):
            digester.put(work, number, b"")
        loop.call_soon(other)
        await over.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        return happened

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        happened = runner.run(main())
    assert happened.count("work") == 13
    assert ("work", "work") not in pairwise(happened), "two slices without a turn of the loop between them"


@pytest.mark.parametrize("kind", list(LOOPS))
def test_short_work_is_done_in_one_turn(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "SLICE_NS", 10_000_000_000)

    async def main() -> int:
        taken: list[int] = []
        digester = Digester(asyncio.get_running_loop())
        for number in range(1000):
            digester.put(lambda stamp_ns, data: taken.append(stamp_ns), number, b"")
        await asyncio.sleep(0)
        return len(taken)

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        assert runner.run(main()) == 1000


@pytest.mark.parametrize("kind", list(LOOPS))
def test_a_fault_is_told_and_the_others_go_on(kind: str) -> None:
    async def main() -> tuple[list[int], list[str]]:
        loop, taken, told = asyncio.get_running_loop(), [], []
        loop.set_exception_handler(lambda _, context: told.append(repr(context["exception"])))
        digester = Digester(loop)

        def take(stamp_ns: int, data: bytes | None) -> None:
            if data is None:
                raise ZeroDivisionError(stamp_ns)
            taken.append(stamp_ns)

        for number in range(9):
            digester.put(take, number, None if number % 3 == 0 else b"")
        for _ in range(20):
            await asyncio.sleep(0)
        digester.put(take, 9, b"")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return taken, told

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        taken, told = runner.run(main())
    assert taken == [1, 2, 4, 5, 7, 8, 9]
    assert told == [f"ZeroDivisionError({number})" for number in (0, 3, 6)]
