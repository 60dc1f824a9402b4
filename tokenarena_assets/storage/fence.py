"""Whether what this process makes still counts: asked right before a partition takes the place of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

from tokenarena_assets.errors import TokenArenaError

WhyNot = Callable[[], str | None]


class OutdatedWriteError(TokenArenaError):
    """A partition came too late: its step was given to somebody else, or its run is over."""


# Of the process, not of a thread: whoever computes in threads writes for the same step.
_why_not: WhyNot | None = None


def ask_before_writing(why_not: WhyNot | None) -> None:
    """Before each partition that is put in place from now on, ask why it must not be; None: nothing is asked."""
    global _why_not  # noqa: PLW0603
    _why_not = why_not


@contextmanager
def asking_before_writing(why_not: WhyNot) -> Iterator[None]:
    """The same inside the block."""
    before = _why_not
    ask_before_writing(why_not)
    try:
        yield
    finally:
        ask_before_writing(before)


def require_current(table: str, day: date) -> None:
    """Refuse a partition that no longer counts.

    Raises:
        OutdatedWriteError: it must not be put in place; what is there stays.
    """
    if _why_not is not None and (reason := _why_not()) is not None:
        raise OutdatedWriteError(
            f"table {table} of {day} is not written: {reason}", mend="none is needed: what was there stays"
        )
