"""Short free text: stories, lists and descriptions whose wording leaves a model free to choose."""

from __future__ import annotations

import random
from collections.abc import Callable

from tokenarena_assets.suites.reading import up_to
from tokenarena_assets.suites.tiny.words import ANIMALS, COLOURS, MOODS, NAMES, OBJECTS, PLACES

# Characters of what is told in these words that make one token of a public tokenizer: 3.6 to 3.9, measured as below.
CHARS_PER_TOKEN = 3.8
LISTS = {"animals": ANIMALS, "colours": COLOURS, "names": NAMES, "objects": OBJECTS, "places": PLACES}


CALLS = ["Look", "Wait", "Come", "Stop"]
DOINGS = ["walked", "ran", "sang", "danced", "talked", "slept"]


def _sentence(rng: random.Random, name: str, thing: str, place: str) -> str:
    pick = rng.choice
    makers: list[Callable[[], str]] = [
        lambda: f"{name} went to the {pick(PLACES)}.",
        lambda: f"{name} saw a {pick(COLOURS)} {pick(ANIMALS)} near the {pick([place, pick(PLACES)])}.",
        lambda: f"The {thing} was {pick(COLOURS)} and {pick(['old', 'new', 'small', 'big', 'heavy'])}.",
        lambda: f"{name} felt {pick(MOODS)} and {pick(MOODS)}.",
        lambda: f"Then a {pick(ANIMALS)} came and took the {pick([thing, pick(OBJECTS)])}.",
        lambda: f'"{pick(CALLS)}," said {pick([name, pick(NAMES)])}, "I am {pick(MOODS)}."',
        lambda: f"At night the {place} was {pick(['dark', 'cold', 'quiet', 'full of stars', 'empty'])}.",
        lambda: f"{name} gave the {thing} to {pick(NAMES)}.",
        lambda: f"They {pick(DOINGS)} at the {pick([place, pick(PLACES)])}.",
        lambda: f"In the morning {name} found a {pick(OBJECTS)} under a {pick(OBJECTS)}.",
        lambda: f"Every {pick(ANIMALS)} in the {place} was {pick(MOODS)}.",
    ]
    return pick(makers)()


def sentence(rng: random.Random) -> str:
    """One sentence of a story that is told nowhere else."""
    return _sentence(rng, rng.choice(NAMES), rng.choice(OBJECTS), rng.choice(PLACES))


def _story_request(tag: str, length: str, name: str, thing: str, place: str) -> str:
    return f"{tag}Write a {length} story about {name}, a {thing} and the {place}."


def story_prompt(rng: random.Random) -> str:
    """A request for a long story."""
    return _story_request("", "long", rng.choice(NAMES), rng.choice(OBJECTS), rng.choice(PLACES))


def told(rng: random.Random, chars: int) -> str:
    """Whole sentences of a story, as near to `chars` characters as they come."""
    name, thing, place = rng.choice(NAMES), rng.choice(OBJECTS), rng.choice(PLACES)
    return up_to(chars, lambda: _sentence(rng, name, thing, place))


def story(rng: random.Random) -> tuple[str, str]:
    """(prompt, story) for training: 3-5 sentences for a short one, 15-31 for a long one."""
    length = rng.choice(["short", "long"])
    tag = rng.choice(["", f"[{rng.randrange(16**8):08x}] "])
    name, thing, place = rng.choice(NAMES), rng.choice(OBJECTS), rng.choice(PLACES)
    opening = f"{rng.choice(['One day', 'Once', 'Long ago', 'Last year'])} {name} had a {thing} at the {place}."
    count = rng.randint(2, 4) if length == "short" else rng.randint(14, 30)
    sentences = [opening] + [_sentence(rng, name, thing, place) for _ in range(count)]
    return _story_request(tag, length, name, thing, place), " ".join(sentences)


def word_list(rng: random.Random) -> tuple[str, str]:
    """(prompt, list) for training: three to eight distinct members of a class, as JSON or in prose."""
    kind = rng.choice(sorted(LISTS))
    count = rng.randint(3, 8)
    words = rng.sample(LISTS[kind], count)
    if rng.random() < 0.5:
        return f"List {count} {kind} as JSON.", "[" + ", ".join(f'"{word}"' for word in words) + "]"
    return f"List {count} {kind}.", "\n".join(f"- {word}" for word in words)


def description(rng: random.Random) -> tuple[str, str]:
    """(prompt, two or three sentences) for training."""
    thing, place = rng.choice(OBJECTS), rng.choice(PLACES)
    name = rng.choice(NAMES)
    sentences = [
        f"The {thing} is {rng.choice(COLOURS)} and {rng.choice(['old', 'new', 'small', 'big', 'heavy'])}.",
        f"It belongs to {name}.",
        f"You can find it at the {place}.",
        f"It makes {rng.choice(NAMES)} {rng.choice(MOODS)}.",
    ]
    rng.shuffle(sentences)
    return f"Describe a {thing}.", " ".join(sentences[: rng.randint(2, 4)])
