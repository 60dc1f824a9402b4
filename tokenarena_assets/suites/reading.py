"""Reading matter of any length: English-like prose made from a seed, which no cache can have seen before."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from tokenarena_assets.suites.reading_words import SENTENCES, WORDS

# Characters of this prose that make one token: 4.3 to 4.75, measured over five public tokenizers of 32,000 to 131,000
# entries (cl100k_base, DeepSeek V3, Claude 2, Mistral's SentencePiece and its Tekken). A prompt of n tokens is made n
# times this long, and comes within a tenth of n for each of them.
CHARS_PER_TOKEN = 4.55

# fmt: off
ONSETS = (
    "b", "br", "c", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "tr", "v",
    "w", "z",
)
# fmt: on
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
BLANK = re.compile(r"\{(\w+)\}")
NUMBERS = {"number": (2, 98), "year": (1702, 2019)}


def _sentence(rng: random.Random) -> str:
    def fill(blank: re.Match[str]) -> str:
        kind = blank[1]
        return str(rng.randint(*NUMBERS[kind])) if kind in NUMBERS else rng.choice(WORDS[kind])

    return re.sub(r"\ba (?=[aeiou])", "an ", BLANK.sub(fill, rng.choice(SENTENCES)))


def opening(rng: random.Random) -> str:
    """Two words that no language has, of 2**50 such pairs: what begins with them is in no cache."""

    def word() -> str:
        return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(3)) + rng.choice("lmnrst")

    return f"{word().capitalize()} {word()}"


def prose(rng: random.Random, chars: int) -> str:
    """Whole sentences, a paragraph to each six or so, as near to `chars` characters as they come."""
    return up_to(chars, lambda: _sentence(rng) + ("\n" if rng.random() < 1 / 6 else ""))


def up_to(chars: int, sentence: Callable[[], str]) -> str:
    """Sentences with a space or a line end between them, the last one left out where that is nearer to `chars`."""
    sentences: list[str] = []
    length = 0
    while length < chars:
        sentences.append(sentence())
        length += len(sentences[-1]) + 1
    if len(sentences) > 1 and length - chars > len(sentences[-1]) / 2:
        sentences.pop()
    return " ".join(sentences).replace("\n ", "\n").strip()
