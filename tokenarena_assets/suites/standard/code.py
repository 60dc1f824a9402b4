"""Code items for real models: functions described in words, judged by what they return.

Every item draws its own numbers, letters and rules, which change what is right: code learned by heart fails. What is
expected comes from running the item's own reference when the item is made; the examples in the docstring come from
there too, on arguments that are not among the cases.
"""

from __future__ import annotations

import copy
import random
import textwrap
from collections.abc import Callable
from typing import Any

from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.items import Item
from tokenarena_assets.suites.reference import function_of
from tokenarena_assets.suites.standard import lists, machines, texts
from tokenarena_assets.suites.standard.families import Args, Spec

ASK = "Write this Python function. Answer with one Python code block."
CASES = 30  # drawn ones; each family adds edge cases
EXAMPLES = 2
DIFFICULTIES = ("easy", "medium", "hard")
FAMILIES = {family.name: family for family in (*lists.FAMILIES, *texts.FAMILIES, *machines.FAMILIES)}
TRIES = 50
MOST_ALIKE = 0.4  # of the cases, those that expect the same
LONG_EXAMPLE = 60  # characters of arguments


def expected(function: Callable[..., Any], args: Args) -> str:
    """What `function` returns for a copy of `args`, as a literal."""
    return repr(function(*copy.deepcopy(args)))


def template_id(family: str, difficulty: str) -> str:
    """The name of a family's template at one difficulty."""
    return f"{family}_{difficulty}"


def make_item(family: str, difficulty: str, seed: int, tier: str) -> Item:
    """The item that a family makes at one difficulty from `seed`; the same for every tier but for its `tier` field."""
    name = template_id(family, difficulty)
    item_id = f"{name}-{seed:016x}"
    spec, source, examples, cases = _tried(family, difficulty, seed)
    prompt = _stub(spec, examples)
    task = CodeTask(item_id, spec.name, prompt, source, cases)
    return Item(
        item_id=item_id,
        family="standard_code",
        template_id=name,
        seed=seed,
        prompt=f"{ASK}\n\n{prompt}",
        answer_type="code",
        answer_value=task.to_json(),
        difficulty=difficulty,
        solution=f"```python\n{source}\n```",
        tier=tier,
    )


Pairs = tuple[tuple[str, str], ...]


def _tried(family: str, difficulty: str, seed: int) -> tuple[Spec, str, Pairs, Pairs]:
    """The first draw whose cases do not all expect nearly the same, which a constant would pass."""
    rng = random.Random(seed)
    for _ in range(TRIES):
        spec = FAMILIES[family].at(difficulty)(rng)
        source = f"def {spec.name}{spec.signature}:\n{spec.body}"
        drawn = _drawn(spec, function_of(source, spec.name), rng)
        results = [result for _, result in drawn]
        if len(drawn) == EXAMPLES + CASES and max(map(results.count, results)) <= MOST_ALIKE * len(results):
            break
    telling = sorted(drawn, key=lambda pair: (len(pair[0]) > LONG_EXAMPLE, results.count(pair[1]), -len(pair[1])))
    examples = tuple(telling[:EXAMPLES])
    cases = tuple(pair for pair in drawn if pair not in examples)
    function = function_of(source, spec.name)
    edges = tuple((repr(args), expected(function, args)) for args in spec.edges)
    return spec, source, examples, edges + cases


def _drawn(spec: Spec, function: Callable[..., Any], rng: random.Random) -> list[tuple[str, str]]:
    """Distinct arguments, none of them an edge case, with what they give."""
    pairs: dict[str, str] = {}
    edges = {repr(args) for args in spec.edges}
    for _ in range(10 * CASES):
        args = spec.draw(rng)
        if repr(args) not in edges:
            pairs.setdefault(repr(args), expected(function, args))
        if len(pairs) == EXAMPLES + CASES:
            break
    return list(pairs.items())


def _stub(spec: Spec, examples: Pairs) -> str:
    """The signature and the docstring, as the models are shown them."""
    lines = textwrap.wrap(spec.doc, 84, break_long_words=False, break_on_hyphens=False)
    shown = [line for args, result in examples for line in (f">>> {spec.name}{_call(args)}", result)]
    doc = textwrap.indent("\n".join([*lines, "", *shown]), "    ", lambda line: bool(line.strip()))
    return f'def {spec.name}{spec.signature}:\n    """{doc.lstrip()}\n    """'


def _call(args: str) -> str:
    """The literal of a tuple of arguments as one writes a call."""
    return f"{args[:-2]})" if args.endswith(",)") else args
