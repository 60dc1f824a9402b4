"""How far a family's own count may lie from the common tokenizer's: measured, by kind of text.

`facts/tokenizer_spread.csv` has the ratios that `benchmarks/tokenizer_spread.py` measured: tokens by a known family's
tokenizer / tokens by o200k_base, over a corpus of one kind. The error of the common tokenizer for a family that is not
known is the range over all of them, and 5 % more at either end for what was not measured.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

SPREAD_FILE = Path(__file__).parents[1] / "facts" / "tokenizer_spread.csv"
MARGIN = 0.05
Kind = Literal["english", "latin", "code", "digits", "other_scripts"]
KINDS: tuple[Kind, ...] = ("english", "latin", "code", "digits", "other_scripts")
# Words of English that no other language with the same letters uses as often.
ENGLISH = frozenset(
    {
        "the",
        "of",
        "and",
        "to",
        "that",
        "was",
        "with",
        "for",
        "his",
        "her",
        "they",
        "she",
        "he",
        "you",
        "are",
        "had",
        "at",
    }
    | {"from", "by", "what", "how", "it"}
)
WORD = re.compile(r"[^\W\d_]+")
CODE_MARK = re.compile(r"[_(){}\[\]=;<>]|  +")


@dataclass(frozen=True, slots=True)
class Band:
    """Bounds of family tokens / common tokens."""

    lo: float
    hi: float


EXACT = Band(1.0, 1.0)


def kind_of(text: str) -> Kind:
    """The kind of a text, by shares of its characters that are not white space."""
    solid = sum(not letter.isspace() for letter in text)
    if not solid:
        return "latin"
    if sum(letter.isalpha() and ord(letter) >= 0x250 for letter in text) / solid >= 0.2:
        return "other_scripts"
    if sum(letter.isdigit() for letter in text) / solid >= 0.1:
        return "digits"
    if len(CODE_MARK.findall(text)) / solid >= 0.06:
        return "code"
    words = [word.lower() for word in WORD.findall(text)]
    return "english" if sum(word in ENGLISH for word in words) >= 0.1 * max(len(words), 1) else "latin"


@cache
def bands() -> dict[Kind, Band]:
    """The error of the common tokenizer by kind of text."""
    with SPREAD_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    found: dict[Kind, Band] = {}
    for kind in KINDS:
        ratios = [float(row["ratio"]) for row in rows if row["kind"] == kind]
        found[kind] = Band(min(ratios) * (1 - MARGIN), max(ratios) * (1 + MARGIN))
    return found


def band_of(text: str) -> Band:
    """The error of the common tokenizer on `text`."""
    return bands()[kind_of(text)]
