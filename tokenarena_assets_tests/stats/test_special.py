"""The hypergeometric tails against SciPy's distribution, and where SciPy takes a second for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from tokenarena_assets.stats.special import hypergeometric_tails, two_sided_p


@given(st.data())
def test_tails_are_those_of_the_distribution(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 300))
    marked, drawn = data.draw(st.integers(0, total)), data.draw(st.integers(0, total))
    seen = data.draw(st.integers(max(0, drawn + marked - total), min(drawn, marked)))
    known = hypergeom(total, marked, drawn)
    expected = min(1.0, 2 * min(known.cdf(seen), known.sf(seen - 1)))
    assert hypergeometric_tails(seen, total, marked, drawn) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_large_samples_are_as_the_normal_distribution_has_them() -> None:
    total, marked, drawn = 2_000_000, 200_000, 1_000_000
    deviation = (drawn * 0.1 * 0.9 * (total - drawn) / (total - 1)) ** 0.5
    seen = round(drawn * 0.1 + 3 * deviation)
    z = (seen - 0.5 - drawn * 0.1) / deviation
    assert hypergeometric_tails(seen, total, marked, drawn) == pytest.approx(float(two_sided_p(z)), rel=1e-3)
    assert hypergeometric_tails(marked, total, marked, drawn) == 0.0  # below what a float can hold
