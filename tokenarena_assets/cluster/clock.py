"""The clock that all hosts share: PostgreSQL's. Each host says how far its own is from it, and how well it knows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime

from tokenarena_assets.cluster.services import DRIVER, POSTGRES_VARIABLE, postgres_url
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.vantage import Clock

ASKED = 7
CONNECT_S = 10
TOO_FAR_MS = 1000.0  # beyond it a host is told to mend its clock


def shared_clock() -> Clock | None:
    """Our clock against PostgreSQL's; None where no PostgreSQL is configured.

    Raises:
        TokenArenaError: it cannot be asked.
    """
    if not os.environ.get(POSTGRES_VARIABLE):
        return None
    import psycopg2  # noqa: PLC0415 - comes with the extra for several machines only

    url = postgres_url().replace(DRIVER, "postgresql://", 1)
    try:
        connection = psycopg2.connect(url, connect_timeout=CONNECT_S)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:

                def ask() -> datetime:
                    cursor.execute("select clock_timestamp()")
                    row = cursor.fetchone()
                    assert row is not None
                    moment: datetime = row[0]
                    return moment

                return clock_of(ask)
        finally:
            connection.close()
    except psycopg2.Error as error:
        raise TokenArenaError(
            f"PostgreSQL cannot be asked for the time: {str(error).strip()}",
            mend=f"start it, or mend {POSTGRES_VARIABLE}",
        ) from None


def clock_of(
    ask: Callable[[], datetime],
    *,
    wall: Callable[[], float] = time.time,
    elapsed: Callable[[], float] = time.perf_counter,
) -> Clock:
    """The offset by the quickest of several exchanges: the answer was made some time within it, so that half of its
    round trip bounds the error, whatever the two ways have of it.
    """  # noqa: D205
    exchanges = []
    for _ in range(ASKED):
        started, before = wall(), elapsed()
        there = ask().timestamp()
        took = elapsed() - before
        exchanges.append((took, there - (started + took / 2)))
    took, offset = min(exchanges)
    return Clock(offset * 1000, took / 2 * 1000)
