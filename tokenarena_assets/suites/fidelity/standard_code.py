"""Code stubs and lists: a function to complete in one of several languages, and JSON of a given form."""

from __future__ import annotations

import random

from tokenarena_assets.suites.fidelity.pools import Kind
from tokenarena_assets.suites.fidelity.standard_words import ANIMALS, COLOURS, GOODS, PROFESSIONS, TOPICS, VENUES

# By language: how a function's head and its comment are written, and the types of what goes in.
STUBS = {
    "Python": 'def {name}({arg}: {types}):\n    """{doc}"""',
    "JavaScript": "/** {doc} */\nfunction {name}({arg}) {{",
    "TypeScript": "/** {doc} */\nexport function {name}({arg}: {types}) {{",
    "Go": "// {name}: {doc}\nfunc {name}({arg} {types})",
    "Rust": "/// {doc}\nfn {name}({arg}: {types})",
    "Java": "/** {doc} */\nstatic Object {name}({types} {arg}) {{",
}
# What an argument is called, and its type in the languages above.
TYPES = {
    "words": ("list[str]", "", "string[]", "[]string", "&[String]", "List<String>"),
    "numbers": ("list[int]", "", "number[]", "[]int", "&[i64]", "List<Integer>"),
    "text": ("str", "", "string", "string", "&str", "String"),
}
PICKS = {
    "words": (
        "the words of more than {n} letters",
        "the words that begin with {c}",
        "the words that hold the letter {c} at least twice",
        "every {k} word",
        "the words that are shorter than the one before",
    ),
    "numbers": (
        "the numbers above {n}",
        "the numbers divisible by {n}",
        "the numbers whose digits sum to more than {n}",
        "every {k} number",
        "the numbers that are larger than both neighbours",
    ),
    "text": (
        "the lines of the text that are longer than {n} characters",
        "the words of the text that hold the letter {c}",
        "the runs of {n} or more equal characters in the text",
        "the sentences of the text that hold a digit",
        "the characters of the text that occur at least {n} times",
    ),
}
THEN = (
    "Count {picked}.",
    "Return {picked}, in reverse order.",
    "Return {picked}, without duplicates.",
    "Return {picked}, the last one first, or nothing if there are fewer than {m}.",
    "Group {picked} by how often each occurs.",
    "Return the positions of {picked}.",
    "Return {picked}, joined by {sign}.",
    "Return the first {m} of {picked}.",
    "Split the input at {picked}.",
    "Return whether {picked} are in ascending order.",
)
NAMES = ("select", "process", "collect", "extract", "examine", "handle", "pick", "solve", "compute", "transform")
SIGNS = ("a comma", "a hyphen", "a slash", "a semicolon", "a plus sign")
ORDINALS = ("second", "third", "fourth", "fifth", "sixth", "seventh")


def _code_stub(rng: random.Random) -> str:
    arg = rng.choice(sorted(TYPES))
    fill = {"n": rng.randint(2, 30), "c": rng.choice("abcdefghilmnoprstuw"), "k": rng.choice(ORDINALS)}
    picked = rng.choice(PICKS[arg]).format(**fill)
    doc = rng.choice(THEN).format(picked=picked, m=rng.randint(2, 9), sign=rng.choice(SIGNS))
    language = rng.choice(sorted(STUBS))
    types = TYPES[arg][list(STUBS).index(language)]
    stub = STUBS[language].format(name=rng.choice(NAMES), arg=arg, types=types, doc=doc)
    return f"Complete this {language} function. Reply with the code alone, without an explanation.\n\n{stub}"


# Most name what the answer repeats before it has to choose.
LISTS = (
    "Give {n} things that a {profession} uses at work, as a JSON object with the keys profession and tools.",
    "Give {n} things that one sees in a {venue}, as a JSON object with the keys place and things.",
    "Give {n} facts about the {animal}, as a JSON object with the keys animal and facts.",
    "Give {n} words that have to do with {topic}, as a JSON object with the keys topic and words.",
    "Give {n} steps of making a {colour} {goods}, as a JSON object with the keys product, colour and steps.",
    "Invent a {profession}: a JSON object with the keys profession, name, age, city and hobby.",
    "Describe a {colour} {goods}: a JSON object with the keys name, colour, material, price_usd and use.",
    'Give {n} uses of a {goods}, as a numbered list after the line "Uses of a {goods}:".',
    'Give {n} questions that a {profession} is often asked, as a list after the line "Questions to a {profession}:".',
    "Give {n} reasons to visit a {venue}, as a bulleted list of at most six words each.",
    "List {n} things that have to do with {topic}, as a JSON array of strings, the nearest first.",
    "Give a YAML list of {n} names for a {colour} {animal}.",
)
ALONE = ("Reply with it alone.", "No other text.", "Nothing else.")


def _list(rng: random.Random) -> str:
    asked = rng.choice(LISTS).format(
        n=rng.randint(3, 9),
        profession=rng.choice(PROFESSIONS),
        venue=rng.choice(VENUES),
        animal=rng.choice(ANIMALS),
        topic=rng.choice(TOPICS),
        goods=rng.choice(GOODS),
        colour=rng.choice(COLOURS),
    )
    return f"{asked} {rng.choice(ALONE)}"


CODE_STUB = Kind("code", _code_stub)
LIST = Kind("list", _list)
