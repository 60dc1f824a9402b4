"""The statistic of Model Equality Testing (Gao, Liang and Guestrin 2024, arXiv 2410.20247), as its authors compute it.

Beside our own estimators so that figures can be compared with published ones. It differs from them: prompts weigh by
their pairs, and the padding counts, so that the value depends on `length`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from tokenarena_assets.fidelity.sequences import Sequences, dense_codes, encode

LENGTH = 1_000
CELLS = 1 << 20  # of a table of symbol and position: bounds the memory that hostile text can take


def mmd_hamming(x: Sequence[tuple[Hashable, str]], y: Sequence[tuple[Hashable, str]], length: int = LENGTH) -> float:
    """MMD^2 of two samples of (prompt, completion) with the Hamming kernel on Unicode code points.

    sum K(x, x') / n_xx + sum K(y, y') / n_yy - 2 sum K(x, y) / n_xy, over ordered pairs of different samples of the
    same prompt, of which there are n_xx, n_yy and n_xy over all prompts. K is the share of equal positions of the
    completions, cut or padded to `length`; padding equals padding. A prompt that one side lacks counts in that side's
    own sum. NaN where a sum has no pairs.
    """
    if length < 1:
        raise ValueError(f"sequences of length {length}")
    texts: dict[Hashable, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, pairs in enumerate((x, y)):
        for prompt, completion in pairs:
            texts[prompt][side].append(completion)
    matches, n_pairs = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    for of_x, of_y in texts.values():
        n, r = len(of_x), len(of_y)
        both = encode(of_x + of_y, length)
        # A sample has `length` matches with itself, which is no pair.
        matches += _matches(both, n) - length * np.array([n, r, 0])
        n_pairs += np.array([n * (n - 1), r * (r - 1), n * r])
    if not n_pairs.all():
        return float("nan")
    within_x, within_y, between = matches / n_pairs / length
    return float(within_x + within_y - 2 * between)


def _matches(sequences: Sequences, n: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Equal positions summed over the pairs within the first `n`, within the others, and between the two.

    Where u of the first and v of the others have a symbol at a position, u^2, v^2 and u v pairs are equal there: no
    pair need be looked at.
    """
    codes, n_symbols = dense_codes(sequences)
    length = sequences.shape[1]
    at_once = max(1, CELLS // max(1, n_symbols))
    found = np.zeros(3, dtype=np.int64)
    for start in range(0, length, at_once):
        some = codes[:, start : start + at_once].astype(np.int64)
        cells = some + n_symbols * np.arange(some.shape[1])
        u, v = (np.bincount(part.ravel(), minlength=n_symbols * some.shape[1]) for part in (cells[:n], cells[n:]))
        found += np.array([u @ u, v @ v, u @ v])
    return found
