"""Short factual free text and instructions, in English."""

from __future__ import annotations

import random

from tokenarena_assets.suites.fidelity.pools import Kind
from tokenarena_assets.suites.fidelity.standard_words import (
    ANIMALS,
    COLOURS,
    GOODS,
    PEOPLE,
    PROFESSIONS,
    TOPICS,
    VENUES,
    WEEKDAYS,
)

FACTS = (
    "What is one important difference between a {one} and a {other}? Answer in one sentence.",
    'In one sentence, compare a {one} and a {other}. Begin with "A {one} and a {other} both".',
    "Which is more useful to a {profession}, a {one} or a {other}? Answer in one sentence.",
    'Why would a {profession} need a {one}? Answer in one sentence that begins with "A {profession} needs".',
    "What does a {profession} do in a {venue}? Answer in one sentence.",
    "What has a {profession} to do with {topic}? Answer in one sentence.",
    "In one sentence, how does the {animal} differ from the {creature}?",
    'In one sentence, what do the {animal} and the {creature} have in common? Begin with "Both".',
    "What would happen if a {one} were made without metal? Answer in one sentence.",
    "What does {topic} have to do with {subject}? Answer in one sentence.",
    "Where does the {animal} live, and what does it eat? Answer in one sentence.",
    'Say in one sentence how a {one} is used in a {venue}. Begin with "In a {venue}".',
)


def _fact(rng: random.Random) -> str:
    one, other = rng.sample(GOODS, 2)
    animal, creature = rng.sample(ANIMALS, 2)
    topic, subject = rng.sample(TOPICS, 2)
    return rng.choice(FACTS).format(
        one=one,
        other=other,
        animal=animal,
        creature=creature,
        topic=topic,
        subject=subject,
        profession=rng.choice(PROFESSIONS),
        venue=rng.choice(VENUES),
    )


# What is said to whom, to be put in other words.
MESSAGES = (
    "{person}, send me the {goods} by {weekday}.",
    "{person} can't come to the {venue} on {weekday}, the {goods} is broken.",
    "The {profession} forgot the {goods} at the {venue}.",
    "Nobody told {person} that the {venue} is closed on {weekday}.",
    "I bought a {colour} {goods} and it doesn't work, {person}.",
    "On {weekday} {person} will meet a {profession} at the {venue}.",
    "The {colour} {goods} costs too much, says {person}.",
    "{person} gave the {animal} to a {profession} last {weekday}.",
)
# Many have an answer that begins with words of the task.
TASKS = (
    "Repeat this and continue with one more sentence: {message}",
    "Repeat this and add what {reader} might answer: {message}",
    'Begin a letter to {reader} about this with "Dear {reader}, I am writing to you because": {message}',
    'Retell this in one sentence that begins with "It is said that": {message}',
    'Make this more polite. Begin with "Would it be possible": {message}',
    'Explain this to a child in one sentence that begins with "Imagine that": {message}',
    'Say in one sentence what {reader} might ask after reading this. Begin with "{reader} might ask": {message}',
    "Put this into formal English: {message}",
    "Rewrite this as a question: {message}",
    "Say the opposite of this in one sentence: {message}",
    "Say this in the style of a news headline: {message}",
    "Answer this message in one sentence: {message}",
)


def _instruction(rng: random.Random) -> str:
    person, reader = rng.sample(PEOPLE, 2)
    message = rng.choice(MESSAGES).format(
        person=person,
        goods=rng.choice(GOODS),
        weekday=rng.choice(WEEKDAYS),
        venue=rng.choice(VENUES),
        profession=rng.choice(PROFESSIONS),
        colour=rng.choice(COLOURS),
        animal=rng.choice(ANIMALS),
    )
    return f"{rng.choice(TASKS).format(message=message, reader=reader)}\nReply with the result alone."


FACT = Kind("fact", _fact)
INSTRUCTION = Kind("instruction", _instruction)
