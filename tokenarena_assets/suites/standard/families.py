"""What makes a code task: a function described in words, a reference that does it, and inputs to tell them apart."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from string import Template
from typing import Any

Args = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """One function: `body` is its reference, `draw` makes ordinary arguments, `edges` are unusual ones."""

    name: str
    signature: str  # "(x: int) -> int"
    doc: str
    body: str
    draw: Callable[[random.Random], Args]
    edges: tuple[Args, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of task at three difficulties; each draws numbers that change what is right."""

    name: str
    easy: Callable[[random.Random], Spec]
    medium: Callable[[random.Random], Spec]
    hard: Callable[[random.Random], Spec]

    def at(self, difficulty: str) -> Callable[[random.Random], Spec]:
        """What makes a task of that difficulty."""
        return {"easy": self.easy, "medium": self.medium, "hard": self.hard}[difficulty]


def spec(
    name: str,
    signature: str,
    doc: str,
    body: str,
    draw: Callable[[random.Random], Args],
    /,
    *edges: Args,
    **values: object,
) -> Spec:
    """A task whose words and reference have `values` put in for `$name`."""
    doc, body = (Template(" ".join(doc.split())).substitute(values), Template(body.strip("\n")).substitute(values))
    return Spec(name, signature, doc, body, draw, edges)


def ints(low: int, high: int, most: int = 14) -> Callable[[random.Random], Args]:
    """Draws one list of 2 to `most` numbers."""
    return lambda rng: ([rng.randint(low, high) for _ in range(rng.randint(2, most))],)


def word(rng: random.Random, letters: str = "abcdefghijklmnoprstuw", least: int = 1, most: int = 8) -> str:
    """Some letters in a row."""
    return "".join(rng.choice(letters) for _ in range(rng.randint(least, most)))
