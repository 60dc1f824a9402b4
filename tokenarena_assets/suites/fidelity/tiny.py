"""Prompts of the tiny tier: what the embedded models know to answer, and answer in more than one way.

Chosen by measurement on both embedded families. Sampled: the within-reference kernel over 32 code points lies in
[0.15, 0.9] for nearly all; what the models always answer alike (sums within their reach, code, look-ups that have an
answer) or never (lists, descriptions) is not among them. Greedy: kinds in which the coarsest form parts from the
unquantized one several times as often as the 8-bit one does.
"""

from __future__ import annotations

import random

from tokenarena_assets.suites.fidelity.pools import Kind, Pool
from tokenarena_assets.suites.tiny import code, facts, math, prose
from tokenarena_assets.suites.tiny.words import CONTAINERS, COUNTED, KEYS, NAMES, OBJECTS, PLACES

FILLERS = 3
LONG_NAMES = [name for name in NAMES if len(name) >= 4]  # these give more of a story's opening


def _tag(rng: random.Random) -> str:
    """What some stories of the training set begin with: it makes few prompts many."""
    return f"[{rng.randrange(16**8):08x}] "


def _story(rng: random.Random) -> str:
    name, thing, place = rng.choice(LONG_NAMES), rng.choice(OBJECTS), rng.choice(PLACES)
    return f"Write a long story about {name}, a {thing} and the {place}."


def _plain_sheet(rng: random.Random) -> str:
    return "Facts:\n" + "\n".join(facts.filler_sentence(rng) for _ in range(FILLERS))


def _unsaid_code(rng: random.Random) -> str:
    """Asks for a code that the facts do not give: any number will do."""
    return f"{_plain_sheet(rng)}\nWhat is code {rng.choice(KEYS)}?"


def _unsaid_owner(rng: random.Random) -> str:
    """Asks what someone has of whom the facts do not tell: any thing will do."""
    return f"{_plain_sheet(rng)}\nWhat does {rng.choice(NAMES)} have?"


def _product(rng: random.Random) -> str:
    """A product beyond what the models can work out."""
    return f"What is {rng.randint(101, 999)} * {rng.randint(11, 99)}?{math.ASK}"


def _groups(rng: random.Random) -> str:
    """A word problem with numbers beyond those of the training set."""
    name, thing, box = rng.choice(NAMES), rng.choice(COUNTED), rng.choice(CONTAINERS)
    a, b, c = rng.randint(13, 99), rng.randint(13, 99), rng.randint(100, 999)
    filled = f"{name} fills {a} {box} with {b} {thing} each and has {c} {thing} over."
    return f"{filled} How many {thing} does {name} have?{math.ASK}"


def _list(rng: random.Random) -> str:
    return _tag(rng) + prose.word_list(rng)[0]


def _description(rng: random.Random) -> str:
    return _tag(rng) + prose.description(rng)[0]


def _sum(rng: random.Random) -> str:
    return math.make_item(rng.choice(math.TEMPLATES), rng.getrandbits(64)).prompt


def _code(rng: random.Random) -> str:
    return code.make_item(rng.choice(code.CODE_TEMPLATES), rng.getrandbits(64)).prompt


STORY = Kind("story", _story)
UNSAID_CODE = Kind("unsaidcode", _unsaid_code)
UNSAID_OWNER = Kind("unsaidowner", _unsaid_owner)
PRODUCT = Kind("product", _product)
GROUPS = Kind("groups", _groups)
LIST = Kind("list", _list)
DESCRIPTION = Kind("description", _description)
SUM = Kind("sum", _sum)
CODE = Kind("code", _code)

# Of 20 greedy prompts: five and four look-ups, four lists, three word problems, one of each other kind.
GREEDY = (
    *(LIST, UNSAID_OWNER, GROUPS, UNSAID_CODE, STORY, UNSAID_OWNER, LIST, UNSAID_CODE, GROUPS, UNSAID_OWNER),
    *(DESCRIPTION, LIST, UNSAID_CODE, UNSAID_OWNER, SUM, GROUPS, LIST, UNSAID_CODE, UNSAID_OWNER, CODE),
)
TINY = Pool(
    "tiny",
    {
        "sampled": (STORY, UNSAID_CODE, PRODUCT, UNSAID_OWNER, GROUPS),
        "greedy": GREEDY,
        "logprobs": (SUM, UNSAID_OWNER, CODE, LIST, STORY, SUM, UNSAID_CODE, CODE, LIST, UNSAID_OWNER),
    },
)
