"""T, S and F against their definitions, exact expectations and leaving prompts out by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tokenarena_assets.fidelity import PromptSamples, UParts, fidelity, kernel_cosine, mmd2, u_parts
from tokenarena_assets_tests.fidelity.samples import k, prompt, random_prompts, random_texts, texts_of, u

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=50)
WORDS = st.lists(st.text("ab", max_size=7), min_size=2, max_size=5)
PROMPTS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4)


def only(parts: UParts, keep: list[int]) -> UParts:
    return UParts(parts.a[keep], parts.b[keep], parts.c[keep])


@EXAMPLES
@given(sides=PROMPTS)
def test_parts_by_definition(sides: list[tuple[list[str], list[str]]]) -> None:
    parts = u_parts([prompt(x, y) for x, y in sides])
    expected = np.array([u(x, y) for x, y in sides])
    np.testing.assert_allclose(np.stack([parts.a, parts.b, parts.c], axis=1), expected, atol=1e-12)
    a, b, c = expected.mean(axis=0)
    assert mmd2(parts) == pytest.approx(a + b - 2 * c, abs=1e-12)
    assert kernel_cosine(parts) == (pytest.approx(c / np.sqrt(a * b)) if a * b > 0 else None)


@EXAMPLES
@given(sides=PROMPTS)
def test_both_are_symmetric_and_1_where_all_samples_of_a_prompt_are_one(
    sides: list[tuple[list[str], list[str]]],
) -> None:
    there, back = u_parts([prompt(x, y) for x, y in sides]), u_parts([prompt(y, x) for x, y in sides])
    assert mmd2(there) == pytest.approx(mmd2(back), abs=1e-12)
    assert kernel_cosine(there) == pytest.approx(kernel_cosine(back))
    constant = u_parts([prompt([x[0]] * 3, [x[0]] * 2) for x, _ in sides])
    assert (mmd2(constant), kernel_cosine(constant)) == (0, 1)


def test_t_is_unbiased_with_equal_and_with_different_distributions() -> None:
    words = ["aab", "aac", "b"]
    gram = np.array([[k(a, b) for b in words] for a in words])
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.6, 0.3])
    for of_x, of_y in ((p, p), (p, q)):
        expected = 0.0
        for picks in product(range(3), repeat=5):  # all samples of two and three words
            x, y = list(picks[:2]), list(picks[2:])
            t = mmd2(u_parts([prompt([words[i] for i in x], [words[i] for i in y])]))
            assert t is not None
            expected += float(np.prod(of_x[x]) * np.prod(of_y[y])) * t
        assert expected == pytest.approx(of_x @ gram @ of_x + of_y @ gram @ of_y - 2 * of_x @ gram @ of_y, abs=1e-12)


def test_one_sample_of_each_prompt_is_compared_with_the_reference_alone() -> None:
    sides = [(["aab"], ["aab", "aac", "b"]), (["b"], ["b", "ba"])]
    parts = u_parts([prompt(x, y) for x, y in sides])
    assert np.isnan(parts.a).all()
    assert mmd2(parts) is None
    b, c = (np.mean([u(x, y)[i] for x, y in sides]) for i in (1, 2))
    assert kernel_cosine(parts) == pytest.approx(c / b)
    got = fidelity([prompt(x, y) for x, y in sides])
    assert 100 * kernel_cosine(parts) == got.F
    assert (got.mmd2, got.n_prompts, got.n_samples, got.n_reference) == (None, 2, 2, 5)


def test_a_prompt_with_one_sample_among_others_is_left_out() -> None:
    whole = random_prompts(1, 4)
    for short in (prompt(["ab"], ["ab", "aa"]), prompt(["ab", "aa"], ["ab"]), prompt([], ["ab", "aa"])):
        mixed = u_parts([*whole, short])
        assert kernel_cosine(mixed) == kernel_cosine(u_parts(whole))
        assert mmd2(mixed) == mmd2(u_parts(whole))
        assert fidelity([*whole, short]) == fidelity(whole)


def test_nothing_is_known_of_nothing() -> None:
    for prompts in ([], [prompt(["a"], ["a"])], [prompt([], [])]):
        got = fidelity(prompts)
        assert (got.F, got.lo, got.hi, got.self_floor, got.gap, got.mmd2, got.n_prompts) == (*[None] * 6, 0)
        assert got.self_split is None
    # All samples differ from the first letter on: no cosine, but a T.
    apart = fidelity([prompt(["a", "b"], ["c", "d"])])
    assert (apart.F, apart.mmd2, apart.n_prompts) == (None, 0, 1)


def by_hand(prompts: list[PromptSamples]) -> tuple[float, float]:
    """F and self floor by day parity."""
    parts, floors = [], []
    for p in prompts:
        x, y = texts_of(p.x), texts_of(p.y)
        odd = [bool(block // 24 % 2) for block in p.y_blocks.tolist()]
        parts.append(u(x, y))
        floors.append(
            u([s for s, o in zip(y, odd, strict=True) if not o], [s for s, o in zip(y, odd, strict=True) if o])
        )
    cosines = [c / np.sqrt(a * b) for a, b, c in (np.mean(found, axis=0) for found in (parts, floors))]
    return 100 * cosines[0], 100 * cosines[1]


def test_f_its_floor_and_gap_with_the_jackknife_of_few_prompts() -> None:
    prompts = random_prompts(2, 7, n=5, r=8)
    got = fidelity(prompts)
    f, floor = by_hand(prompts)
    assert (got.F, got.self_floor, got.gap) == pytest.approx((f, floor, floor - f))
    assert (got.self_split, got.n_prompts, got.n_samples, got.n_reference) == ("days", 7, 35, 56)
    left_out = np.array([by_hand(prompts[:i] + prompts[i + 1 :]) for i in range(7)])
    half = stats.t.ppf(0.975, 6) * np.sqrt(6 / 7 * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
    assert (got.lo, got.hi) == pytest.approx((f - half[0], f + half[0]))
    assert (got.self_lo, got.self_hi) == pytest.approx((floor - half[1], floor + half[1]))
    gaps = left_out[:, 1] - left_out[:, 0]
    of_gap = stats.t.ppf(0.975, 6) * np.sqrt(6 / 7 * ((gaps - gaps.mean()) ** 2).sum())
    assert (got.gap_lo, got.gap_hi) == pytest.approx((floor - f - of_gap, floor - f + of_gap))


def test_bootstrap_draws_whole_prompts() -> None:
    prompts = random_prompts(3, 24, n=5, r=8)
    got = fidelity(prompts, seed=4)
    parts = u_parts(prompts)
    rng = np.random.default_rng(9)
    draws = [kernel_cosine(only(parts, rng.integers(0, 24, 24).tolist())) for _ in range(2_000)]
    lo, hi = np.quantile(100 * np.array(draws, dtype=float), [0.025, 0.975])
    assert got.lo == pytest.approx(lo, abs=1)
    assert got.hi == pytest.approx(hi, abs=1)
    assert fidelity(prompts, seed=4) == got
    assert fidelity(prompts, seed=5).lo != got.lo


def test_days_of_one_parity_are_split_by_repeats() -> None:
    rng = np.random.default_rng(6)
    sides = [(random_texts(rng, 4), random_texts(rng, 6)) for _ in range(5)]
    one_day = fidelity([prompt(x, y, [48, 49, 50, 51], [48, 48, 49, 50, 51, 52]) for x, y in sides])
    halves = kernel_cosine(u_parts([prompt(y[::2], y[1::2]) for _, y in sides]))
    assert one_day.self_split == "repeats"
    assert halves is not None
    assert one_day.self_floor == pytest.approx(100 * halves)


def test_prompts_without_a_floor_still_count_for_f() -> None:
    prompts = random_prompts(7, 6, n=4, r=8)
    single_day = prompt(["ab", "aab"], ["ab", "aab", "aaa"], name="one day")
    got, without = fidelity([*prompts, single_day]), fidelity(prompts)
    assert got.n_prompts == 7
    assert got.F != without.F
    assert (got.self_floor, got.self_lo) == (without.self_floor, without.self_lo)
    assert None not in (got.F, got.self_floor, got.gap, got.gap_lo, got.gap_hi)
    assert got.gap == pytest.approx(got.self_floor - got.F)
    assert (got.gap_lo + got.gap_hi) / 2 == pytest.approx(got.gap)
    # Of 30 prompts two have a floor: some draws have neither, and no interval is made up for them.
    few = fidelity([*random_prompts(8, 2, r=8), *(prompt(["ab", "aab"], ["ab", "aab", "b"]) for _ in range(28))])
    assert None not in (few.gap, few.lo, few.hi)
    assert (few.gap_lo, few.gap_hi) == (None, None)


@EXAMPLES
@given(seed=st.integers(0, 1_000))
def test_order_of_samples_and_prompts_does_not_matter(seed: int) -> None:
    prompts = random_prompts(seed, 4)
    rng = np.random.default_rng(seed)
    shuffled = []
    for i in rng.permutation(4):
        p, of_x, of_y = prompts[i], rng.permutation(4), rng.permutation(6)
        shuffled.append(PromptSamples(p.prompt_id, p.x[of_x], p.y[of_y], p.x_blocks[of_x], p.y_blocks[of_y]))
    got, again = fidelity(prompts), fidelity(shuffled)
    for name in ("F", "lo", "hi", "self_floor", "gap", "gap_lo", "gap_hi", "mmd2"):
        assert getattr(again, name) == pytest.approx(getattr(got, name), abs=1e-9)
