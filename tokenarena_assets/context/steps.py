"""What to ask next, given what came back so far."""

from __future__ import annotations

from tokenarena_assets.context import truncation
from tokenarena_assets.context.reading import (
    BASE_REQUESTS,
    LEAST_BASE_ACCURACY,
    MOST_BASE_ASKS,
    MOST_CALIBRATION_ASKS,
    OPEN,
    Length,
    Reading,
)
from tokenarena_assets.context.records import Ask, AskKind

SENTINEL_ASKS = 2


def next_ask(reading: Reading) -> Ask | None:
    """What to ask next, given a reading of what came back so far; None: the search is over."""
    if not reading.rungs:
        return None
    calibrating = _calibration(reading)
    if calibrating is not None:
        return calibrating
    if not any(reply.hits is not None for _, reply in reading.calls):
        return None  # nobody answers, or not even this much is accepted
    if reading.mode == "sentinel" and reading.known is not None and not reading.base.asks:
        known = reading.lengths[reading.known]
        if not known.answered and known.refused is None:
            return _ask(reading, "rung", known) if known.asks < SENTINEL_ASKS else None
        if reading.passed_sentinel:
            return None
    base = reading.base
    if base.decision != OPEN:
        return None
    if len(base.scored) < BASE_REQUESTS:
        return _ask(reading, "base", base) if base.asks < MOST_BASE_ASKS else None
    if reading.base_accuracy is None or reading.base_accuracy < LEAST_BASE_ACCURACY:
        return None
    index = _next_rung(reading)
    return None if index is None else _ask(reading, "rung", reading.lengths[reading.rungs[index]])


def _calibration(reading: Reading) -> Ask | None:
    for chars in reading.ladder.calibration_chars:
        target = round(chars / reading.ladder.chars_per_token)
        asked = [reply for ask, reply in reading.calls if ask.chars == chars]
        over = any(reply.hits is not None or truncation.names_limit(reply) for reply in asked)
        if not over and len(asked) < MOST_CALIBRATION_ASKS:
            return Ask("calibrate", target, chars, len(asked))
    return None


def _ask(reading: Reading, kind: AskKind, length: Length) -> Ask:
    chars = reading.calibration.chars(length.tokens)
    predicted = round(reading.calibration.tokens(chars), 1)
    return Ask(kind, length.tokens, chars, length.asks, predicted)


def _next_rung(reading: Reading) -> int | None:
    """The index of the rung to ask at; None: the boundary is found, or cannot be."""
    below, above = reading.bounds
    if above - below <= 1:
        return None
    index = (below + above) // 2
    if reading.mode == "full":
        index = below + 1
    elif reading.mode in ("warm", "sentinel") and reading.known is not None:
        known = reading.rungs.index(reading.known)
        if below < known < above:
            index = known
        elif below >= known:
            index = below + 1
    return index if reading.lengths[reading.rungs[index]].decision == OPEN else None
