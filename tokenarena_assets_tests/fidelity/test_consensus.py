"""The consensus of a family without a reference."""

from __future__ import annotations

from itertools import combinations

from tokenarena_assets.fidelity.consensus import consensus


def alike(groups, inside=99.0, between=80.0):
    """F of each pair of endpoints: high within a group of letters, low between groups."""
    names = [name for group in groups for name in group]
    together = {frozenset(pair) for group in groups for pair in combinations(group, 2)}
    return names, {(a, b): inside if frozenset((a, b)) in together else between for a, b in combinations(names, 2)}


def test_the_medoid_of_a_majority():
    names, f = alike(["abc", "z"])
    f["a", "b"] = 99.9
    f["b", "c"] = 99.9
    found = consensus(names, f)
    assert (found.medoid, found.members) == ("b", ("a", "b", "c"))
    assert found.reason == "consensus of 3 of 4 endpoints"


def test_half_is_no_majority():
    found = consensus(*alike(["ab", "yz"]))
    assert (found.medoid, found.members) == (None, ())
    assert found.reason == "no majority: 2 of 4 endpoints are within 3 points of a"


def test_three_are_too_few():
    assert consensus(*alike(["abc"])).reason == "3 endpoints: a consensus needs 4"


def test_order_of_names_and_pairs_does_not_matter():
    names, f = alike(["abc", "z"])
    turned = {(b, a): value for (a, b), value in f.items()}
    assert consensus(names[::-1], turned) == consensus(names, f)


def test_pairs_that_could_not_be_compared_are_unlike():
    names, f = alike(["abcd"])
    assert consensus(names, f | {("a", "b"): None, ("c", "d"): None}).members == ("a", "c", "d")
    assert consensus(names, {}).medoid is None


def test_the_margin_is_inclusive():
    names, f = alike(["abcd"], inside=97.0)
    assert consensus(names, f).medoid == "a"
    assert consensus(names, f, margin=2.9).medoid is None
