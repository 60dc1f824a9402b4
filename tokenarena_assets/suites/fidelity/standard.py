"""Prompts of the easy, standard and hard tiers: five kinds of short answer whose wording leaves room.

An answer that is always worded alike tells nothing, nor does one never worded the same twice. So the prompts ask for a
sentence on something particular, and often say how it begins. They are set by judgment: which of them fit a model shows
in its reference's own answers, and the next of a kind take the place of those that do not.
"""

from __future__ import annotations

from tokenarena_assets.suites.fidelity.languages import FOREIGN
from tokenarena_assets.suites.fidelity.pools import Pool
from tokenarena_assets.suites.fidelity.standard_code import CODE_STUB, LIST
from tokenarena_assets.suites.fidelity.standard_texts import FACT, INSTRUCTION

# Of 20 greedy prompts: five facts, four each of code, foreign text and instructions, three lists.
GREEDY = (
    *(FACT, CODE_STUB, FOREIGN, INSTRUCTION, LIST, FACT, CODE_STUB, FOREIGN, INSTRUCTION, FACT),
    *(CODE_STUB, LIST, FOREIGN, FACT, INSTRUCTION, CODE_STUB, FOREIGN, LIST, INSTRUCTION, FACT),
)
# Their first tokens have several likely ways to go in most models. `x` is what published series of first-token
# log-probabilities ask.
FIRST_TOKENS = (
    *("x", "Hello", "Name a colour.", "Pick a number from 1 to 100.", "The weather today is"),
    *("Once upon a time", "print(", "Is a tomato a fruit? One word.", "Translate to French: cat", "Tell me something."),
)
STANDARD = Pool(
    "standard",
    {
        "sampled": (FACT, CODE_STUB, LIST, FOREIGN, INSTRUCTION),
        "greedy": GREEDY,
        "logprobs": (),
    },
    FIRST_TOKENS,
)
