"""The offset of a clock over a network whose ways are of unequal length, against a true one."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.cluster.clock import clock_of

WAYS = st.tuples(st.floats(0.0001, 2), st.floats(0.0001, 2))


@given(true_offset_s=st.floats(-400, 400), ways=st.lists(WAYS, min_size=7, max_size=7))
def test_the_true_offset_lies_within_what_is_said(true_offset_s: float, ways: list[tuple[float, float]]) -> None:
    now = 1_700_000_000.0
    trips = iter(ways)

    def ask() -> datetime:
        nonlocal now
        there, back = next(trips)
        now += there
        answered = datetime.fromtimestamp(now + true_offset_s, UTC)
        now += back
        return answered

    found = clock_of(ask, wall=lambda: now, elapsed=lambda: now)
    quickest = min(there + back for there, back in ways)
    assert abs(found.uncertainty_ms - quickest / 2 * 1000) < 0.01
    assert abs(found.offset_ms - true_offset_s * 1000) <= found.uncertainty_ms + 0.01
