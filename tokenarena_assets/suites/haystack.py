# ruff: noqa: SIM905 - a list of words reads best as words
"""Haystacks: long plain text with eight needles in it, one in each eighth, and the questions that they answer.

Three kinds of needle, in wording of our own: four values to look up by key, among others of the same form; two to be
followed over two sentences; and two that share no word with their question, so that it takes understanding to see
them. All the text of a haystack is its seed's own, so that no cache has seen its beginning.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenarena_assets.suites import reading
from tokenarena_assets.suites.reading_words import PLACES, QUALITIES, THINGS
from tokenarena_assets.suites.tiny import facts

OCTILES = facts.OCTILES
KEYED, CHAINED, LATENT = 4, 2, 2
KEYED_DISTRACTORS, CHAINED_DISTRACTORS, LATENT_DISTRACTORS = 8, 2, 4
# Five digits are found nowhere else in the text, whose own numbers have at most four.
VALUES = range(20_000, 100_000)
NAMED = (
    "Agathe Alasdair Bartholomew Benedetta Cosima Dmitri Eleanora Fergus Gideon Hortense Ignatius Isolde Jocasta "
    "Kasimir Leocadia Ludovic Marguerite Mordecai Nikolai Octavia Ottoline Percival Perpetua Quentin Rosamund Rupert "
    "Seraphina Sylvester Tabitha Thaddeus Umberto Valentina Wilhelmina Xanthe Yolanda Zachary"
).split()
# A sentence about somebody, and the question that it answers without a word in common.
LATENTS = (
    ("{} fell asleep every night in view of the Eiffel Tower.", "Who has lived in Paris?"),
    ("{} can see the Brandenburg Gate from the bedroom.", "Which person has a home in Berlin?"),
    ("{} has never once eaten meat or fish.", "Who is a vegetarian?"),
    ("{} always begins by moving the pawn in front of the queen.", "Whose hobby is chess?"),
    ("{} sneezes and weeps as soon as a kitten is brought in.", "Who has an allergy?"),
    ("{} has worn black since the husband was laid to rest.", "Who is a widow?"),
    ("{} does not set foot in anything that leaves the ground.", "Who is afraid of flying?"),
    ("{} pours a fourth espresso before breakfast.", "Who drinks too much coffee?"),
    ("{} has climbed Everest without oxygen.", "Who is a mountaineer?"),
    ("{} reads with the fingertips, dot by dot.", "Who is blind?"),
    ("{} wakes to kookaburras and drives past kangaroos on the way to school.", "Who grew up in Australia?"),
    ("{} ran forty-two kilometres before lunch.", "Who has finished a marathon?"),
    ("{} and somebody with the very same face blew out the candles together.", "Who has a twin?"),
    ("{} gave both kneecaps and a fortune to the football club.", "Who had to give up a career in sport?"),
    ("{} grows tulips below the level of the sea, behind a dike.", "Who comes from the Netherlands?"),
)
SENTENCE_END = re.compile(r"(?<=[.!?]) |(?<=\n)")
INTRODUCTION = "Somewhere in the text {} are the answers to these eight questions."
FORM = (
    "Answer with a JSON list of eight strings and nothing else: one answer to each question, in the order of the "
    "questions. Each string is only the number or the name that is asked for."
)


@dataclass(frozen=True, slots=True)
class Haystack:
    """A prompt, and for each of its questions, in the order asked, the right value and the eighth it stands in.

    Eighths count from 0, the first one. `sentences` are what tells each value, `solution` an answer in the form asked.
    """

    prompt: str
    questions: tuple[str, ...]
    values: tuple[str, ...]
    octiles: tuple[int, ...]
    sentences: tuple[str, ...]
    solution: str


@dataclass(frozen=True, slots=True)
class _Needle:
    question: str
    value: str
    sentences: tuple[str, ...]


def make_haystack(rng: random.Random, chars: int, tier: str) -> Haystack:
    """A haystack whose prompt is about `chars` characters long, or as short as its needles allow.

    The tiny tier is told in the few words that the embedded models know.
    """
    return _tiny(rng, chars) if tier == "tiny" else _standard(rng, chars)


def _tiny(rng: random.Random, chars: int) -> Haystack:
    sheet = facts.make_long_sheet(rng, chars)
    look_ups = sheet.look_ups
    return Haystack(
        prompt=sheet.prompt,
        questions=tuple(look_up.question for look_up in look_ups),
        values=tuple(look_up.value for look_up in look_ups),
        octiles=tuple(look_up.octile for look_up in look_ups),
        sentences=tuple(look_up.sentence for look_up in look_ups),
        solution=sheet.solution,
    )


def _standard(rng: random.Random, chars: int) -> Haystack:
    start = f"{reading.opening(rng)}.\n"
    needles, others = _needles(rng)
    order = rng.sample(range(OCTILES), OCTILES)  # needle i stands in the eighth order[i]
    ask = "\n".join(f"{number}. {needle.question}" for number, needle in enumerate(needles, 1))
    above, below = (f"{INTRODUCTION.format(where)}\n{ask}\n{FORM}" for where in ("below", "above"))
    told = [*others, *(sentence for needle in needles for sentence in needle.sentences)]
    fixed = len(start) + len(above) + len(below) + sum(len(sentence) + 1 for sentence in told) + 4
    prose = _parts(rng, max(0, chars - fixed))
    rng.shuffle(others)
    parts = []
    for octile in range(OCTILES):
        sentences = prose[octile]
        here = needles[order.index(octile)].sentences
        for sentence in (*here, *others[octile::OCTILES]):
            sentences.insert(rng.randint(0, len(sentences)), sentence)
        parts.append(" ".join(sentences).replace("\n ", "\n"))
    body = " ".join(parts)
    values = tuple(needle.value for needle in needles)
    return Haystack(
        prompt=f"{start}{above}\n\n{body}\n\n{below}",
        questions=tuple(needle.question for needle in needles),
        values=values,
        octiles=tuple(order),
        sentences=tuple(" ".join(needle.sentences) for needle in needles),
        solution="[" + ", ".join(f'"{value}"' for value in values) + "]",
    )


def _parts(rng: random.Random, chars: int) -> list[list[str]]:
    """Eight lists of sentences, together as near to `chars` characters as they come; a line end stays with its one."""
    parts: list[list[str]] = []
    written = 0
    for octile in range(OCTILES):
        room = chars * (octile + 1) // OCTILES - written
        text = reading.prose(rng, room) if room > 0 else ""
        sentences = [line for line in SENTENCE_END.split(text) if line.strip()]
        parts.append(sentences)
        written += len(text) + 1
    return parts


def _needles(rng: random.Random) -> tuple[list[_Needle], list[str]]:
    """Eight needles in the order in which they are asked for, and sentences of their forms that nobody asks for."""
    numbers = [str(value) for value in rng.sample(VALUES, KEYED + KEYED_DISTRACTORS + CHAINED + CHAINED_DISTRACTORS)]
    keyed = _keyed(rng, numbers)
    chained = _chained(rng, numbers[KEYED + KEYED_DISTRACTORS :])
    names = rng.sample(NAMED, LATENT + LATENT_DISTRACTORS)
    latent = [
        _Needle(question, name, (sentence.format(name),))
        for name, (sentence, question) in zip(names, rng.sample(LATENTS, len(names)), strict=True)
    ]
    needles = [*keyed[:KEYED], *chained[:CHAINED], *latent[:LATENT]]
    others = [*keyed[KEYED:], *chained[CHAINED:], *latent[LATENT:]]
    rng.shuffle(needles)
    return needles, [sentence for needle in others for sentence in needle.sentences]


def _keyed(rng: random.Random, numbers: Sequence[str]) -> list[_Needle]:
    """Keys of two words. Each word of an asked one is in two others as well, which nobody asks for."""
    qualities, places = rng.sample(QUALITIES, KEYED), rng.sample(PLACES, KEYED)
    keys = [(quality, places[index]) for index, quality in enumerate(qualities)]
    for shift in (1, 2):
        keys += [(quality, places[(index + shift) % KEYED]) for index, quality in enumerate(qualities)]
    return [
        _Needle(
            f"What is the pass number of the {quality} {place}?",
            number,
            (f"The pass number of the {quality} {place} is {number}.",),
        )
        for (quality, place), number in zip(keys, numbers, strict=False)
    ]


def _chained(rng: random.Random, numbers: Sequence[str]) -> list[_Needle]:
    """Two sentences each, in either order: what the one thing is marked with is told of another."""
    things = rng.sample(THINGS, 2 * len(numbers))
    needles = []
    for index, number in enumerate(numbers):
        first, second = things[2 * index : 2 * index + 2]
        hops = [f"The {first} is marked {number}.", f"The {second} has the same mark as the {first}."]
        rng.shuffle(hops)
        needles.append(_Needle(f"Which number is the {second} marked with?", number, tuple(hops)))
    return needles
