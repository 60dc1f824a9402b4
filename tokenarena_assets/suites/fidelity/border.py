"""Border inputs: prompts of which a model, at temperature 0, gives now one first token and now another.

Which prompts these are depends on the model: candidates are tried, most of a word or two. Those found are asked every
day, and compared with what the same endpoint answered when they were found: change is what they tell, not fidelity.
"""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tokenarena_assets.suites import reading_words
from tokenarena_assets.suites.fidelity import tiny
from tokenarena_assets.suites.fidelity.pools import Kind
from tokenarena_assets.suites.items import rng_for
from tokenarena_assets.suites.version import SUITE_VERSION

MOST_CANDIDATES = 5_000  # are tried of an endpoint
SEARCH_REPS = 3
WORDS = sorted({*reading_words.PEOPLE, *reading_words.THINGS, *reading_words.PLACES})


@dataclass(frozen=True, slots=True)
class BorderState:
    """How far the search for an endpoint's border inputs is.

    `inputs` are the ids of the prompts found, `tried` is how many candidates were asked; `has_reference`: the first
    tokens that the monitored ones are compared with were taken.
    """

    inputs: tuple[str, ...] = ()
    has_reference: bool = False
    tried: int = 0

    def stage(self, wanted: int) -> str:
        """What comes next of `wanted` inputs: search, reference or monitor; nothing where the search found none."""
        if len(self.inputs) < wanted and self.tried < MOST_CANDIDATES:
            return "search"
        if not self.inputs:
            return ""
        return "monitor" if self.has_reference else "reference"


def border_candidates(tier: str, endpoint_id: str, start: int, count: int) -> list[tuple[str, str]]:
    """(id, text) of the candidates from number `start` on: every endpoint has all of them, in an order of its own."""
    texts = _texts(_family(tier))
    order = _order(endpoint_id)[start : start + count]
    return [(f"{_family(tier)}-border-{number:04d}", texts[number]) for number in order]


def border_prompt(tier: str, prompt_id: str) -> str | None:
    """The text of the candidate with this id; None: there is none."""
    family, _, number = prompt_id.rpartition("-")
    known = family == f"{_family(tier)}-border" and number.isdecimal() and int(number) < MOST_CANDIDATES
    return _texts(_family(tier))[int(number)] if known else None


def _family(tier: str) -> str:
    return "tiny" if tier == "tiny" else "standard"


def _letters(rng: random.Random) -> str:
    return "".join(rng.choice(string.ascii_letters) for _ in range(rng.randint(1, 3)))


def _pick(rng: random.Random) -> str:
    one, other = rng.sample([*WORDS, *string.ascii_lowercase], 2)
    return rng.choice(["Pick {} or {}.", "{} or {}?", "Choose: {} / {}"]).format(one, other)


KINDS: dict[str, Sequence[Kind]] = {
    "tiny": (tiny.STORY, tiny.DESCRIPTION, tiny.LIST, tiny.UNSAID_OWNER),
    "standard": (
        Kind("letters", _letters),
        Kind("number", lambda rng: str(rng.randrange(10 ** rng.randint(1, 4)))),
        Kind("word", lambda rng: rng.choice([str.lower, str.title])(rng.choice(WORDS))),
        Kind("pick", _pick),
        Kind("continued", lambda rng: f"{rng.choice(['the', 'a', 'my', 'no', 'old', 'new'])} {rng.choice(WORDS)}"),
    ),
}


@lru_cache(maxsize=2)
def _texts(family: str) -> tuple[str, ...]:
    """All candidates; where a kind has no more, the next one takes its turn."""
    found = {"x": None} if family == "standard" else {}
    kinds = KINDS[family]
    number = 0
    while len(found) < MOST_CANDIDATES:
        kind = kinds[number % len(kinds)]
        found.setdefault(kind.make(rng_for(SUITE_VERSION, "border", family, kind.name, number)))
        number += 1
    return tuple(found)


@lru_cache(maxsize=256)
def _order(endpoint_id: str) -> tuple[int, ...]:
    numbers = list(range(MOST_CANDIDATES))
    rng_for(SUITE_VERSION, "border", "order", endpoint_id).shuffle(numbers)
    return tuple(numbers)
