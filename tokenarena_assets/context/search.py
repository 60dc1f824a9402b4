"""The search: what to ask next, given what came back so far.

It keeps no state of its own but the pairs it was given: the same pairs lead to the same next ask, so that a search
that was cut off goes on where it stopped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from tokenarena_assets.context.calibration import LEAST_SLOPE
from tokenarena_assets.context.ladder import Ladder, rungs_of
from tokenarena_assets.context.reading import (
    MOST_BASE_ASKS,
    MOST_CALIBRATION_ASKS,
    Reading,
    max_requests,
    rung_for,
)
from tokenarena_assets.context.records import Ask, ContextResult, Mode, Reply
from tokenarena_assets.context.steps import next_ask
from tokenarena_assets.context.truncation import Pair
from tokenarena_assets.context.verdict import result_of

TOKENS_OFF = 1 / LEAST_SLOPE  # how much longer a prompt may come out than meant, in tokens of public tokenizers


class WorstCase(NamedTuple):
    """The most that a search can ask for; resends of failed requests come on top."""

    requests: int
    input_tokens: int
    output_tokens: int


class ContextSearch:
    """Asks as few requests as the question takes: `while (ask := search.next()): search.take(ask, reply)`.

    `mode` cold bisects the ladder; warm tries the rung of `known_tokens` and the one above; full climbs from the
    shortest rung until one fails; sentinel asks once at `known_tokens`, and goes on as warm if that is not as it was.
    Without `known_tokens` warm and sentinel are cold. `most_tokens` is the longest prompt to send at all.
    """

    def __init__(
        self,
        *,
        ladder: Ladder,
        advertised_tokens: int | None,
        mode: Mode,
        known_tokens: int | None = None,
        most_tokens: int | None = None,
    ) -> None:
        self._pairs: list[Pair] = []
        self._reading = partial(
            Reading,
            self._pairs,
            ladder=ladder,
            advertised_tokens=advertised_tokens,
            mode=mode,
            known_tokens=known_tokens,
            most_tokens=most_tokens,
        )

    def next(self) -> Ask | None:
        """The request to make now; None: the search is over. Asking twice gives the same."""
        return next_ask(self._reading())

    def take(self, ask: Ask, reply: Reply) -> None:
        """Note what came of an ask. A failed one counts as such; sent again, it may be taken again."""
        self._pairs.append((ask, reply))

    def result(self) -> ContextResult:
        """The verdict on what came back so far; `finished` says whether the search is over."""
        return result_of(self._reading())


def worst_case(
    ladder: Ladder,
    advertised_tokens: int | None,
    mode: Mode,
    most_tokens: int | None,
    output_tokens: int,
    known_tokens: int | None = None,
) -> WorstCase:
    """The most requests, input and output tokens that a search can take, for forecasts and caps.

    `output_tokens` is what one answer may have. A sentinel is counted as the warm search that it may turn into.
    """
    rungs = rungs_of(ladder, advertised_tokens, most_tokens)
    if not rungs:
        return WorstCase(0, 0, 0)
    known = rung_for(rungs, known_tokens)
    if mode == "full":
        climbs = [rungs]
    elif mode == "cold" or known is None:
        climbs = list(_bisections(rungs))
    else:
        index = rungs.index(known)
        climbs = [rungs[index:], *((known, *below) for below in _bisections(rungs[:index]))]
    requests = max(sum(max_requests(rung) for rung in climb) for climb in climbs)
    tokens = max(sum(max_requests(rung) * rung for rung in climb) for climb in climbs)
    calibration = sum(ladder.calibration_chars) / ladder.chars_per_token * MOST_CALIBRATION_ASKS
    requests += 2 * MOST_CALIBRATION_ASKS + MOST_BASE_ASKS
    tokens_all = TOKENS_OFF * (tokens + calibration + MOST_BASE_ASKS * ladder.base_tokens)
    return WorstCase(requests, math.ceil(tokens_all), requests * output_tokens)


def _bisections(rungs: Sequence[int], below: int = -1, above: int | None = None) -> list[tuple[int, ...]]:
    """Every sequence of rungs that a bisection may go through."""
    above = len(rungs) if above is None else above
    if above - below <= 1:
        return [()]
    middle = (below + above) // 2
    rest = [*_bisections(rungs, below, middle), *_bisections(rungs, middle, above)]
    return [(rungs[middle], *path) for path in rest]
