"""The client's own delay: what a busy loop held up is found at the moments that it touched, and at no others."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.probing import loop_lag
from tokenarena_assets.probing.loop_lag import TICK_NS, WORTH_KEEPING_NS, LoopLag
from tokenarena_assets_tests.probing.raw_server import LOOPS

MS = 1_000_000
# Gaps between late calls and how late each was; a call comes no earlier than the one before it.
NOTES = st.lists(st.tuples(st.integers(0, 20 * MS), st.integers(0, 50 * MS)), max_size=40)


def _noted(notes: list[tuple[int, int]]) -> tuple[LoopLag, list[tuple[int, int]]]:
    lag, now, calls = LoopLag(), 1_000 * MS, []
    for gap, late in notes:
        now += gap
        calls.append((now, late))
        lag.note(now, late)
    return lag, calls


@given(NOTES, st.data())
def test_the_worst_of_all_late_calls_that_a_moment_fell_into(notes: list[tuple[int, int]], data: st.DataObject) -> None:
    lag, calls = _noted(notes)
    edges = [edge + by for end, late in calls for edge in (end - late, end, end + TICK_NS) for by in (-1, 0, 1)]
    anywhere = st.integers(900 * MS, 1_900 * MS)
    moments = data.draw(st.lists(st.sampled_from(edges) | anywhere if edges else anywhere, max_size=3))
    touched = [
        late
        for moment in moments
        for end, late in calls
        if late >= WORTH_KEEPING_NS and end - late <= moment <= end + TICK_NS
    ]
    assert lag.delay_ms(moments) == max(touched, default=0) / MS


@given(NOTES, st.integers(1, 5))
def test_only_the_latest_are_kept(notes: list[tuple[int, int]], kept: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop_lag, "KEPT", kept)
        lag, calls = _noted(notes)
    worth = [(end, late) for end, late in calls if late >= WORTH_KEEPING_NS]
    for end, late in worth[-kept:]:
        assert lag.delay_ms([end]) >= late / MS


def test_no_moments_no_delay() -> None:
    lag, _ = _noted([(0, 30 * MS)])
    assert lag.delay_ms([]) == 0
    assert lag.delay_ms([1_000 * MS]) == 30
    assert lag.delay_ms([1_000 * MS + TICK_NS + 1]) == 0
    assert lag.delay_ms([970 * MS]) == 30
    assert lag.delay_ms([970 * MS - 1]) == 0


@pytest.mark.parametrize("kind", list(LOOPS))
def test_a_loop_that_is_held_up_is_caught(kind: str) -> None:
    held_up_s = 0.1

    async def main() -> tuple[float, float]:
        async with LoopLag() as lag:
            await asyncio.sleep(0.01)
            began = time.perf_counter_ns()
            time.sleep(held_up_s)  # noqa: ASYNC251 - this is the fault
            ended = time.perf_counter_ns()
            await asyncio.sleep(0.01)
            return lag.delay_ms([ended]), lag.delay_ms([began - 10_000 * MS])

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        during, long_before = runner.run(main())
    # A sleep never ends early: all of it was noted, but for the tick that was not due yet.
    assert during >= held_up_s * 1000 - 2 * TICK_NS / MS
    assert long_before == 0


@pytest.mark.parametrize("kind", list(LOOPS))
def test_it_stops_with_its_block(kind: str) -> None:
    async def main() -> float:
        async with LoopLag() as lag:
            await asyncio.sleep(0.01)
        time.sleep(0.05)  # noqa: ASYNC251 - this is the fault
        moment = time.perf_counter_ns()
        await asyncio.sleep(0.01)
        return lag.delay_ms([moment])

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        assert runner.run(main()) == 0
