"""Kernels of pairs of sequences: 1 where they are equal, computed as whole numbers so that their sums are exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from tokenarena_assets.fidelity.sequences import PromptSamples, Sequences, dense_codes

Kernel = Literal["prefix", "hamming", "delta"]
Gram = np.ndarray[Any, np.dtype[np.float64]]
Counts = np.ndarray[Any, np.dtype[np.int32]]


def prefix_kernel(a: Sequences, b: Sequences) -> Gram:
    """Length of the longest common prefix / L, of shape (n, m)."""
    return _between(a, b, "prefix")


def hamming_kernel(a: Sequences, b: Sequences) -> Gram:
    """Share of the positions that are equal, END included, of shape (n, m)."""
    return _between(a, b, "hamming")


def delta_kernel(a: Sequences, b: Sequences) -> Gram:
    """1 where the whole sequences are equal, else 0, of shape (n, m)."""
    return _between(a, b, "delta")


def gram(sequences: Sequences, kernel: Kernel = "prefix") -> Gram:
    """The kernel of every pair of `sequences`, of shape (n, n)."""
    return match_counts(sequences, kernel) / unit(sequences, kernel)


def unit(sequences: Sequences, kernel: Kernel) -> int:
    """The count that equal sequences have: the kernel is :func:`match_counts` divided by it."""
    return 1 if kernel == "delta" else int(sequences.shape[1])


def match_counts(sequences: Sequences, kernel: Kernel) -> Counts:
    """How much of every pair of `sequences` (n, L) matches, of shape (n, n).

    Positions of the common prefix, equal positions, or 1 where all are equal.
    """
    if kernel == "hamming":
        return _equal_positions(sequences)
    prefix = _common_prefixes(sequences)
    return prefix if kernel == "prefix" else (prefix == sequences.shape[1]).astype(np.int32)


def pooled_matches(prompts: Sequence[PromptSamples], kernel: Kernel = "prefix") -> list[Counts]:
    """Of each prompt the matches of all its samples, the endpoint's first: of shape (n + r, n + r)."""
    return [match_counts(np.concatenate([prompt.x, prompt.y]), kernel) for prompt in prompts]


def _between(a: Sequences, b: Sequences, kernel: Kernel) -> Gram:
    return gram(np.concatenate([a, b]), kernel)[: len(a), len(a) :]


def _common_prefixes(sequences: Sequences) -> Counts:
    """In sorted order the common prefix of two is the shortest of the neighbours' between them."""
    n, length = sequences.shape
    if n == 0:
        return np.zeros((0, 0), dtype=np.int32)
    # Any order of whole rows will do that keeps those of one prefix together: here, that of their bytes.
    rows = np.ascontiguousarray(sequences, dtype=">i4").view(f"V{4 * length}").ravel()
    order = np.argsort(rows, kind="stable")
    ordered = sequences[order]
    differs = ordered[1:] != ordered[:-1]
    narrow = np.int16 if length < 1 << 15 else np.int32
    neighbours = np.where(differs.any(axis=1), differs.argmax(axis=1), length).astype(narrow)
    # Row i, column j > i: the minimum of the neighbours i to j - 1; `length` elsewhere changes no minimum.
    shared = np.full((n, n), length, dtype=narrow)
    np.copyto(shared[:, 1:], neighbours, where=np.triu(np.ones((n, n - 1), dtype=bool)))
    np.minimum.accumulate(shared, axis=1, out=shared)
    np.minimum(shared, shared.T, out=shared)
    place = np.empty(n, dtype=np.intp)
    place[order] = np.arange(n)
    return shared[place][:, place].astype(np.int32)


def _equal_positions(sequences: Sequences) -> Counts:
    n, length = sequences.shape
    codes, n_symbols = dense_codes(sequences)
    # Few symbols fit a byte, of which a processor compares many at once; so do the counts of 255 positions.
    narrow = codes.T.astype(np.uint8 if n_symbols <= 256 else np.int32)
    found = np.zeros((n, n), dtype=np.int32)
    for start in range(0, length, 255):
        some = np.zeros((n, n), dtype=np.uint8)
        for column in narrow[start : start + 255]:
            some += column[:, None] == column
        found += some
    return found
