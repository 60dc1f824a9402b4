"""What the replies so far come to: the search and the verdict stand on the same reading of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tokenarena_assets.context import truncation
from tokenarena_assets.context.calibration import calibrate
from tokenarena_assets.context.ladder import Ladder, rungs_of
from tokenarena_assets.context.records import Decision, Finding, Mode
from tokenarena_assets.context.sprt import SequentialTest
from tokenarena_assets.context.truncation import Pair, Sign

LEAST_BASE_ACCURACY = 0.8
BASE_REQUESTS, MOST_BASE_ASKS = 3, 5
MOST_CALIBRATION_ASKS = 2  # for each of the two lengths
MIN_REQUESTS, MAX_REQUESTS = 2, 6
# From here on a request costs a dollar and more; 7/8 of 512k is the shortest such top rung.
LONG_TOKENS, MAX_LONG_REQUESTS = 448_000, 2
MOST_FAILED = 3  # at one rung; each is already the last of several attempts
SENTINEL_MISSES = 2
PASSED, OPEN = "accept", "open"


@dataclass(frozen=True, slots=True)
class Length:
    """What is known of one length: its answered requests with their signs, and what was decided."""

    tokens: int
    answered: tuple[Pair, ...]
    signs: tuple[Sign, ...]
    failed: int
    refused: Pair | None
    decision: Decision
    finding: Finding | None

    @property
    def asks(self) -> int:
        """How many requests were made here, answered or not."""
        return len(self.answered) + self.failed + (self.refused is not None)

    @property
    def scored(self) -> tuple[Pair, ...]:
        """The requests whose answers count as reading well or not; none where prompts are shortened."""
        if self.decision == "truncated":
            return ()
        return tuple(pair for pair, sign in zip(self.answered, self.signs, strict=True) if not sign.set_aside)

    @property
    def hits(self) -> int:
        """The answers that were right, of the scored ones."""
        return sum(sum(reply.hits or ()) for _, reply in self.scored)

    @property
    def answers(self) -> int:
        """How many answers are scored."""
        return sum(len(reply.hits or ()) for _, reply in self.scored)


def max_requests(tokens: int) -> int:
    """How many requests a rung may take."""
    return MAX_LONG_REQUESTS if tokens >= LONG_TOKENS else MAX_REQUESTS


class Reading:
    """What the replies so far come to, whatever the order in which they came."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        ladder: Ladder,
        advertised_tokens: int | None,
        mode: Mode,
        known_tokens: int | None = None,
        most_tokens: int | None = None,
    ) -> None:
        self.ladder = ladder
        self.advertised = advertised_tokens
        self.mode = mode
        self.rungs = rungs_of(ladder, advertised_tokens, most_tokens)
        self.known = rung_for(self.rungs, known_tokens)
        self.pairs = settled(pairs)
        calls = [pair for pair in self.pairs if pair[0].kind == "calibrate"]
        self.calls = calls
        points = [(truncation.chars_of(pair), pair[1].input_tokens) for pair in calls if pair[1].hits is not None]
        self.calibration, self.calibration_findings = calibrate(points, ladder)
        self.base = self._length("base", ladder.base_tokens, None)
        full = len(self.base.scored) >= BASE_REQUESTS
        self.base_accuracy = self.base.hits / self.base.answers if full and self.base.answers else None
        usable = self.base_accuracy if (self.base_accuracy or 0) >= LEAST_BASE_ACCURACY else None
        self.lengths = {rung: self._length("rung", rung, usable) for rung in self.rungs}

    def _length(self, kind: Literal["base", "rung"], tokens: int, base_accuracy: float | None) -> Length:
        here = [pair for pair in self.pairs if pair[0].kind == kind and pair[0].target_tokens == tokens]
        answered = tuple(pair for pair in here if pair[1].hits is not None)
        refused = next((pair for pair in here if pair[1].hits is None and truncation.names_limit(pair[1])), None)
        failed = sum(pair[1].hits is None for pair in here) - (refused is not None)
        # Before the base is known, and for the base itself, its least usable accuracy is what "fine" is judged by.
        against = base_accuracy or LEAST_BASE_ACCURACY
        signs = tuple(truncation.sign_of(pair, self.calibration, against) for pair in answered)
        finding = truncation.truncation(tokens, answered, signs, against)
        decision: Decision = "open"
        if refused is not None:
            decision, finding = "refused", truncation.limit(refused)
        elif finding is not None:
            decision = "truncated"
        elif kind == "rung":
            decision = _decide(tokens, answered, signs, failed, base_accuracy)
        elif failed + len(answered) >= MOST_BASE_ASKS and len(answered) < BASE_REQUESTS:
            decision = "cannot_tell"
        return Length(tokens, answered, signs, failed, refused, decision, finding)

    @property
    def passed_sentinel(self) -> bool:
        """Whether the one request at the known length found (nearly) everything, and nothing odd."""
        if self.mode != "sentinel" or self.known is None or self.base.asks:
            return False
        known = self.lengths[self.known]
        if known.refused is not None or not known.answered:
            return False
        (_, reply), sign = known.answered[0], known.signs[0]
        return (reply.hits or ()).count(False) < SENTINEL_MISSES and not sign.short

    @property
    def bounds(self) -> tuple[int, int]:
        """Indices into `rungs`: of the last one accepted (-1: none) and the first one not (their number: none)."""
        decided = [self.lengths[rung].decision for rung in self.rungs]
        not_accepted = ("reject", "undetermined", "truncated", "short", "refused")
        first = next((index for index, decision in enumerate(decided) if decision in not_accepted), len(decided))
        return max((index for index in range(first) if decided[index] == PASSED), default=-1), first


def settled(pairs: Sequence[Pair]) -> list[Pair]:
    """One pair for every ask, in order of kind, length and attempt.

    Of several replies to the same ask the first answered one counts, else the first refusal that names a limit, else
    the first failure.
    """
    best: dict[tuple[str, int, int], Pair] = {}
    for pair in pairs:
        key = (pair[0].kind, pair[0].target_tokens, pair[0].attempt)
        if key not in best or _worth(pair) > _worth(best[key]):
            best[key] = pair
    return [best[key] for key in sorted(best)]


def _worth(pair: Pair) -> int:
    return 2 if pair[1].hits is not None else int(truncation.names_limit(pair[1]))


def rung_for(rungs: Sequence[int], known_tokens: int | None) -> int | None:
    """The rung that stands for a known effective length: it, or the next shorter one, or the shortest."""
    if not rungs or known_tokens is None:
        return None
    return max((rung for rung in rungs if rung <= known_tokens), default=rungs[0])


def _decide(
    tokens: int, answered: Sequence[Pair], signs: Sequence[Sign], failed: int, base_accuracy: float | None
) -> Decision:
    most = max_requests(tokens)
    exhausted = len(answered) + failed >= most or failed >= MOST_FAILED
    scored = [pair for pair, sign in zip(answered, signs, strict=True) if not sign.set_aside]
    if base_accuracy is None:
        return "open"
    if truncation.is_of_other_length(signs):
        return "short"
    test = SequentialTest(base_accuracy, min_requests=MIN_REQUESTS, max_requests=most)
    for _, reply in scored:
        test.add((reply.hits or ()).count(True), (reply.hits or ()).count(False))
    more = test.decision == "reject" and not exhausted and truncation.may_be_hole(answered, base_accuracy)
    if test.decision is None or more:
        if not exhausted:
            return "open"
        return "undetermined" if len(scored) >= MIN_REQUESTS else "cannot_tell"
    return test.decision
