"""The block permutation test against every rearrangement there is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from tokenarena_assets.fidelity import PromptSamples, encode, mmd2, permutation_test, u_parts
from tokenarena_assets.fidelity import permutation as module
from tokenarena_assets_tests.fidelity.samples import prompt, random_prompts, random_texts, t_of, texts_of

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=25)
DRAWS = 6_000


def rearrangements(p: PromptSamples) -> list[float]:
    """T of every way to give the endpoint as many slots as it had, with two samples on both sides; as it was first."""
    slots: dict[tuple[int, int], list[str]] = {}
    for side, (sequences, blocks) in enumerate(((p.x, p.x_blocks), (p.y, p.y_blocks))):
        for text, block in zip(texts_of(sequences), blocks.tolist(), strict=True):
            slots.setdefault((side, block), []).append(text)
    contents = [slots[key] for key in sorted(slots)]
    n_of_x = len(set(p.x_blocks.tolist()))
    found = []
    for chosen in combinations(range(len(contents)), n_of_x):
        x = [text for i in chosen for text in contents[i]]
        y = [text for i, texts in enumerate(contents) if i not in chosen for text in texts]
        if min(len(x), len(y)) >= 2:
            found.append(t_of(x, y))
    return found


def check_against_all(prompts: Sequence[PromptSamples]) -> None:
    each = [rearrangements(p) for p in prompts]
    t = np.array([np.mean(found) for found in product(*each)])
    got = permutation_test(prompts, permutations=DRAWS, seed=3)
    assert got.statistic == pytest.approx(t[0], abs=1e-12)
    share = float(np.mean(t >= t[0] - 1e-9))
    assert got.p == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / DRAWS) + 2 / DRAWS)
    assert got.mean == pytest.approx(t.mean(), abs=4 * t.std() / np.sqrt(DRAWS) + 1e-12)
    # Four standard errors of a variance, whatever the distribution.
    error = np.std((t - t.mean()) ** 2) / np.sqrt(DRAWS)
    assert got.variance == pytest.approx(t.var(), rel=1e-3, abs=4 * error)


@pytest.mark.parametrize(
    ("x_blocks", "y_blocks"),
    [
        ([0, 1, 2], [0, 1, 2, 3]),  # a sample each; slots of the same hour on both sides are two slots
        ([0, 0, 1], [0, 1, 1, 1, 2]),  # of several sizes
        ([5, 5, 5], [1, 2, 2, 3]),  # the endpoint has one: giving it a slot of a single sample is not possible
        ([7, 8, 8], [3, 3]),  # the reference has one
        ([1, 1], [1, 1]),
    ],
)
def test_one_prompt(x_blocks: list[int], y_blocks: list[int]) -> None:
    rng = np.random.default_rng(len(x_blocks) * 10 + len(y_blocks))
    check_against_all([prompt(random_texts(rng, len(x_blocks)), random_texts(rng, len(y_blocks)), x_blocks, y_blocks)])


def test_prompts_are_permuted_each_for_itself() -> None:
    rng = np.random.default_rng(8)
    sides = [([0, 1, 2], [0, 1, 2]), ([4, 5, 6], [0, 1, 2]), ([0, 0, 1], [2, 3, 3, 4])]
    check_against_all([prompt(random_texts(rng, len(x)), random_texts(rng, len(y)), x, y) for x, y in sides])


def test_prompts_of_equal_samples_do_not_move_together() -> None:
    # Were both prompts permuted alike, T would be that of one and its variance twice as large.
    one = prompt(["aa", "ab", "b"], ["b", "ba", "bb", "aab"])
    alone, both = permutation_test([one], seed=1), permutation_test([one, one], seed=1)
    assert alone.variance is not None
    assert both.variance == pytest.approx(alone.variance / 2, rel=0.08)
    assert both.statistic == alone.statistic


def test_statistic_is_t_of_the_estimators() -> None:
    prompts = random_prompts(4, 12)
    for kernel in ("prefix", "hamming", "delta"):
        assert permutation_test(prompts, kernel, permutations=19).statistic == pytest.approx(
            mmd2(u_parts(prompts, kernel)), abs=1e-12
        )


@EXAMPLES
@given(seed=st.integers(0, 1_000))
def test_order_of_samples_does_not_matter_nor_the_names_of_slots(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prompts = random_prompts(seed, 3)
    moved = []
    for p in prompts:
        of_x, of_y = rng.permutation(len(p.x)), rng.permutation(len(p.y))
        later = 24 * int(rng.integers(0, 9))
        moved.append(
            PromptSamples(p.prompt_id, p.x[of_x], p.y[of_y], p.x_blocks[of_x] + later, p.y_blocks[of_y] + later)
        )
    assert permutation_test(moved, permutations=99, seed=5) == permutation_test(prompts, permutations=99, seed=5)


def test_all_samples_of_a_slot_move_together() -> None:
    # All of an hour alike, each hour another text: as samples they differ beyond doubt, as slots by nothing.
    rng = np.random.default_rng(2)
    hours = ["aaa", "bbb", "ccc", "ddd", "eee", "fff"]
    texts = [hour for hour in hours for _ in range(5)]
    blocks = np.repeat(np.arange(6), 5)
    of_x = np.isin(blocks, rng.permutation(6)[:3])
    x, y = (
        [t for t, mine in zip(texts, of_x, strict=True) if mine],
        [t for t, m in zip(texts, of_x, strict=True) if not m],
    )
    in_slots = prompt(x, y, blocks[of_x].tolist(), blocks[~of_x].tolist())
    apart = permutation_test([in_slots] * 4, permutations=999)
    alone = permutation_test([prompt(x, y)] * 4, permutations=999)
    assert apart.p is not None
    assert apart.p > 0.9
    assert alone.p == 1 / 1000


def test_p_is_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(12)
    found = []
    for seed in range(250):
        prompts = [prompt(random_texts(rng, 4, "abc", 3), random_texts(rng, 8, "abc", 3)) for _ in range(4)]
        found.append(permutation_test(prompts, permutations=99, seed=seed).p)
    assert kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.04)


def test_p_is_never_0_and_ties_count() -> None:
    different = permutation_test([prompt(["a"] * 5, ["b"] * 5)] * 4, permutations=999)
    assert different.p == 1 / 1000
    same = permutation_test([prompt(["ab"] * 5, ["ab"] * 5)] * 4, permutations=999)
    assert (same.p, same.statistic, same.variance) == (1, 0, 0)


def test_sums_beyond_single_precision_are_exact_too(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = random_prompts(9, 5)
    single = permutation_test(prompts, permutations=499, seed=2)
    monkeypatch.setattr(module, "EXACT_IN_FLOAT32", 0)
    assert permutation_test(prompts, permutations=499, seed=2) == single
    monkeypatch.undo()
    long = ["x" * 9_000 + chr(200 + i) for i in range(60)]  # 60^2 * 9,000 matches is over 2^24
    sequences = encode(long, 9_001)
    many = PromptSamples("p", sequences[:20], sequences[20:], np.arange(20), np.arange(40))
    got = permutation_test([many], permutations=99)
    assert got.statistic == pytest.approx(mmd2(u_parts([many])), abs=1e-12)
    assert got.p == 1  # any two of the texts match alike: all permutations tie


def test_too_few_samples() -> None:
    nothing = permutation_test([])
    assert (nothing.statistic, nothing.p, nothing.variance, nothing.mean) == (None, None, None, None)
    assert permutation_test([prompt(["a"], ["a", "b"]), prompt(["a", "b"], ["a"])]) == nothing
    whole = random_prompts(1, 2)
    assert permutation_test([*whole, prompt(["a"], ["a", "b"])], permutations=99) == permutation_test(
        whole, permutations=99
    )
    with pytest.raises(ValueError, match="0 permutations"):
        permutation_test(whole, permutations=0)


def test_fewer_permutations_than_prompts() -> None:
    got = permutation_test(random_prompts(3, 9), permutations=4)
    assert got.p in {k / 5 for k in range(1, 6)}
    assert permutation_test(random_prompts(3, 2), permutations=1).variance is None
