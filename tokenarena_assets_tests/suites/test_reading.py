"""Reading matter: the length that is asked for, plain English, and openings that nobody has seen."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.suites import reading
from tokenarena_assets.suites.reading_words import SENTENCES, WORDS
from tokenarena_assets.suites.tiny import prose

SENTENCE = re.compile(r"[A-Z\"].*[.\"]$")


@given(st.integers(0, 2**32), st.integers(120, 5_000))
def test_prose_is_as_long_as_asked_to_within_a_sentence(seed: int, chars: int) -> None:
    for text in (reading.prose(random.Random(seed), chars), prose.told(random.Random(seed), chars)):
        assert abs(len(text) - chars) <= 90
        assert all(SENTENCE.match(line) for line in text.splitlines())
        assert "  " not in text
        assert text == text.strip()


def test_the_same_seed_makes_the_same_prose() -> None:
    assert reading.prose(random.Random(5), 900) == reading.prose(random.Random(5), 900)
    assert reading.prose(random.Random(5), 900)[:60] != reading.prose(random.Random(6), 900)[:60]


def test_long_prose_does_not_repeat_itself() -> None:
    text = reading.prose(random.Random(1), 45_000)
    sentences = [sentence for line in text.splitlines() for sentence in re.split(r"(?<=[.]) ", line)]
    assert len(set(sentences)) / len(sentences) > 0.99
    assert len(set(text.split())) > 500
    assert 4 <= sum(map(len, text.split())) / len(text.split()) <= 6
    assert text.count("\n") > 50


def test_every_blank_of_a_sentence_can_be_filled() -> None:
    blanks = {blank for sentence in SENTENCES for blank in reading.BLANK.findall(sentence)}
    assert blanks == WORDS.keys() | reading.NUMBERS.keys()
    assert all(len(words) == len(set(words)) for words in WORDS.values())


def test_articles_go_with_their_words() -> None:
    text = reading.prose(random.Random(2), 60_000)
    assert re.findall(r"\ba [aeiou]\w*", text) == []
    assert {found[0] for found in re.findall(r"\ban (?!hour)(\w)", text)} <= set("aeiou")


@pytest.mark.parametrize("seed", [0, 7])
def test_openings_differ_from_their_first_letters_on(seed: int) -> None:
    rng = random.Random(seed)
    openings = [reading.opening(rng) for _ in range(2_000)]
    assert len({text.split()[0] for text in openings}) == 2_000
    assert Counter(text[:4] for text in openings).most_common(1)[0][1] < 20
    assert all(re.fullmatch(r"[A-Z][a-z]{6,13} [a-z]{7,13}", text) for text in openings)
