"""Signs that a prompt was shortened on its way to the model: what was lost then is no fault of the model's reading.

A sign is of one request: the tokens reported fall short, or the needles missed stand together at one end or in the
middle of the prompt. A prompt counts as shortened where two requests at the same length agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tokenarena_assets.context.calibration import Calibration
from tokenarena_assets.context.ladder import THRESHOLD
from tokenarena_assets.context.records import Ask, Finding, Reply

OCTILES = 8
Pair = tuple[Ask, Reply]
# Where a needle stands in its eighth is random: a hole of this many eighths holds at least one whole eighth and more.
HOLE = 2
# Requests and misses that it takes to tell a hole from poor reading by the needles alone. Models do read the middle
# worst ("lost in the middle").
END_REQUESTS, END_MISSES = 2, 6
MIDDLE_REQUESTS, MIDDLE_MISSES = 3, 10
MOST_MISSED = 5  # where next to nothing is found, what is may be luck
# So much less than was sent, and a prompt is not of the length that was meant: rungs stand further apart than that.
OTHER_LENGTH = 0.10
LIMIT_STATUSES = (400, 413, 422)
LIMIT = re.compile(
    r"context|too (long|large|many tokens)|(max\w*|limit\w*|exceed\w*|over)\W+(\w+\W+){0,6}(tokens?|length|size|input)"
    r"|(tokens?|length|size|input|prompt)\W+(\w+\W+){0,6}(max\w*|limit\w*|exceed\w*)",
    re.IGNORECASE,
)
TTFT_FROM_TOKENS = 16_000  # below it other delays hide how long the prompt takes to read
TTFT_RISE = 1.15
MOST_QUOTED = 200
WHERE = {"head_dropped": "at the start", "middle_dropped": "in the middle", "tail_dropped": "at the end"}


def names_limit(reply: Reply) -> bool:
    """Whether the endpoint refused the prompt for its length, and said so: the honest way."""
    return reply.http_status in LIMIT_STATUSES and bool(reply.error) and bool(LIMIT.search(reply.error or ""))


@dataclass(frozen=True, slots=True)
class Sign:
    """What one answered request shows.

    `residual` is that of its reported tokens, `short` whether it is a sign. `hole` names the missed eighths where they
    stand together. `set_aside`: the request is not scored, for what it misses was probably never read.
    """

    residual: float | None
    short: bool
    hole: str | None
    set_aside: bool
    contradicted: bool


def sign_of(pair: Pair, calibration: Calibration, base_accuracy: float) -> Sign:
    """The sign of one answered request.

    Fewer tokens than sent, together with needles missed: set aside. Fewer tokens and nothing of note missed: scored,
    and where that much cannot have been lost without a needle, the reported tokens are contradicted.
    """
    reply = pair[1]
    hits = reply.hits or ()
    residual = calibration.residual(chars_of(pair), reply.input_tokens)
    short = calibration.falls_short(residual)
    missed = hits.count(False)
    hole = hole_of([hits], base_accuracy)
    fine = bool(hits) and 1 - missed / len(hits) >= THRESHOLD * base_accuracy
    lost = -(residual or 0.0)
    contradicted = short and missed < int(OCTILES * lost) - 1
    agrees = hole is not None or lost >= HOLE / OCTILES
    return Sign(residual, short, hole, short and agrees and not fine and not contradicted, contradicted)


def chars_of(pair: Pair) -> int:
    """How long the prompt was, in characters."""
    ask, reply = pair
    return ask.chars if reply.prompt_chars is None else reply.prompt_chars


def hole_of(requests: Sequence[Sequence[bool]], base_accuracy: float) -> str | None:
    """Where the eighths stand that no request found, if they stand together and the rest is fine; None: nowhere.

    Over several requests together, so that a needle missed elsewhere by a model that misses now and then does not hide
    the hole. `nothing_found`: not one needle in all requests.
    """
    if not requests or any(len(hits) != OCTILES for hits in requests):
        return None
    dead = [not any(hits[octile] for hits in requests) for octile in range(OCTILES)]
    if all(dead):
        return "nothing_found"
    runs = [octile for octile in range(OCTILES) if dead[octile] and (octile == 0 or not dead[octile - 1])]
    if len(runs) != 1:
        return None
    start, size = runs[0], sum(dead)
    # A hole ends within an eighth, whose needle is then lost in some requests only.
    edges = {start - 1, start + size}
    whole = [octile for octile in range(OCTILES) if not dead[octile] and octile not in edges]
    rest = [hits[octile] for hits in requests for octile in whole]
    if rest and sum(rest) / len(rest) < THRESHOLD * base_accuracy:
        return None
    if start == 0:
        return "head_dropped"
    return "tail_dropped" if start + size == OCTILES else "middle_dropped"


def truncation(tokens: int, pairs: Sequence[Pair], signs: Sequence[Sign], base_accuracy: float) -> Finding | None:
    """That prompts of `tokens` tokens are shortened, with the evidence; None: no two requests agree on it.

    Either two requests report too few tokens and miss what then must be missing, or all report a tenth too few and miss
    the same eighths, were it one, or, where the tokens reported are as
    sent (or not reported), all requests, at least two, miss the same adjoining eighths and find the rest.
    """
    aside = [(pair, sign) for pair, sign in zip(pairs, signs, strict=True) if sign.set_aside]
    if len(aside) >= 2:
        kind = hole_of([pair[1].hits or () for pair, _ in aside], base_accuracy) or "short_usage"
        reported = ", ".join(f"{pair[1].input_tokens} ({sign.residual or 0:+.0%})" for pair, sign in aside)
        missed = f"; {_told(kind, [pair for pair, _ in aside])}" if kind != "short_usage" else ""
        return Finding(kind, f"{len(aside)} requests reported {reported} tokens of {tokens}{missed}", tokens)
    if len(pairs) < 2 or any(sign.contradicted for sign in signs):
        return None
    hits = [reply.hits or () for _, reply in pairs]
    hole = hole_of(hits, base_accuracy)
    if hole is None or hole == "nothing_found":
        return None
    if is_of_other_length(signs):
        reported = ", ".join(
            f"{reply.input_tokens} ({sign.residual or 0:+.0%})" for (_, reply), sign in zip(pairs, signs, strict=True)
        )
        return Finding(
            hole, f"{len(pairs)} requests reported {reported} tokens of {tokens}; {_told(hole, pairs)}", tokens
        )
    missing = _missing(hits)
    if not HOLE <= missing <= MOST_MISSED or not _enough(hole, missing, len(hits)):
        return None
    return Finding(hole, f"{_told(hole, pairs)}; tokens are reported as sent, or not at all", tokens)


def is_of_other_length(signs: Sequence[Sign]) -> bool:
    """Whether two requests or more, all of a length, were read at a tenth less than that by their reported tokens."""
    return len(signs) >= 2 and all(
        sign.short and not sign.contradicted and (sign.residual or 0.0) <= -OTHER_LENGTH for sign in signs
    )


def may_be_hole(pairs: Sequence[Pair], base_accuracy: float) -> bool:
    """Whether needles seem to stand in a hole, in fewer requests than it takes to tell that from poor reading."""
    hits = [reply.hits or () for _, reply in pairs]
    hole = hole_of(hits, base_accuracy)
    if hole is None or hole == "nothing_found":
        return False
    missing = _missing(hits)
    return HOLE <= missing <= MOST_MISSED and not _enough(hole, missing, len(hits))


def _missing(requests: Sequence[Sequence[bool]]) -> int:
    """How many eighths no request found."""
    return sum(not any(hits[octile] for hits in requests) for octile in range(OCTILES))


def _enough(hole: str, missing: int, requests: int) -> bool:
    """Whether so many eighths, missed in so many requests, are a hole."""
    if hole == "middle_dropped":
        return requests >= MIDDLE_REQUESTS and missing * requests >= MIDDLE_MISSES
    return requests >= END_REQUESTS and missing * requests >= END_MISSES


def flat_ttft(lengths: Sequence[tuple[int, float]]) -> Finding | None:
    """That twice the prompt takes no longer to its first token, from (tokens, median ms) of lengths read in full.

    A hint, no proof: a cache or a compression would do that.
    """
    for (shorter, first), (longer, second) in pairwise(lengths):
        if shorter >= TTFT_FROM_TOKENS and longer >= 2 * shorter and second < TTFT_RISE * first:
            evidence = f"first token after {first:.0f} ms at {shorter} tokens, {second:.0f} ms at {longer}"
            return Finding("ttft_flat", evidence, longer)
    return None


def limit(pair: Pair) -> Finding:
    """That a prompt was refused for its length, in the endpoint's words."""
    ask, reply = pair
    return Finding("limit", f"HTTP {reply.http_status}: {(reply.error or '')[:MOST_QUOTED]}", ask.target_tokens)


def _told(hole: str, pairs: Sequence[Pair]) -> str:
    hits = [reply.hits or () for _, reply in pairs]
    if hole == "nothing_found":
        return f"none of {sum(len(found) for found in hits)} answers was right"
    dead = [str(octile + 1) for octile in range(OCTILES) if not any(found[octile] for found in hits)]
    return f"{len(pairs)} requests missed eighths {', '.join(dead)} {WHERE[hole]} and found the rest"
