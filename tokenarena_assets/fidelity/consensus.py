"""A stand-in reference for a family that has none: the endpoint most like all others, if most are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tokenarena_assets.fidelity.verdict import MARGIN_POINTS

MIN_ENDPOINTS = 4


@dataclass(frozen=True, slots=True)
class Consensus:
    """The medoid and who is like it; no medoid where there is no majority. Never ground for a claim of deviation."""

    medoid: str | None
    members: tuple[str, ...]  # the medoid included
    reason: str


def consensus(
    names: Sequence[str], pairwise_f: Mapping[tuple[str, str], float | None], margin: float = MARGIN_POINTS
) -> Consensus:
    """The endpoint with the largest mean F to the others, if more than half of all are within `margin` of 100 to it.

    Args:
        names: The family's endpoints.
        pairwise_f: F of each pair, in either order; a pair that could not be compared counts as wholly unlike (0).
        margin: In points of F.
    """
    everyone = sorted(set(names))
    if len(everyone) < MIN_ENDPOINTS:
        return Consensus(None, (), f"{len(everyone)} endpoints: a consensus needs {MIN_ENDPOINTS}")

    def likeness(a: str, b: str) -> float:
        found = pairwise_f.get((a, b), pairwise_f.get((b, a)))
        return found if found is not None else 0.0

    # Sorted names and max(), which keeps the first: equal ones are decided by name.
    medoid = max(everyone, key=lambda a: sum(likeness(a, b) for b in everyone if b != a))
    members = tuple(b for b in everyone if b == medoid or likeness(medoid, b) >= 100 - margin)
    if 2 * len(members) <= len(everyone):
        reason = f"no majority: {len(members)} of {len(everyone)} endpoints are within {margin:g} points of {medoid}"
        return Consensus(None, (), reason)
    return Consensus(medoid, members, f"consensus of {len(members)} of {len(everyone)} endpoints")
