"""Which part of an answer is its program."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.suites.code_answer import code_of, programs_of
from tokenarena_assets.suites.reasoning import without_reasoning

PROMPT = 'from typing import List\n\n\ndef twice(values: List[int]) -> List[int]:\n    """Each value times two."""\n'
WHOLE = "def twice(values):\n    return [2 * value for value in values]\n"
BODY = "    return [2 * value for value in values]\n"

RIGHT = {
    "a fenced function": f"Here it is:\n\n```python\n{WHOLE}```\nIt doubles.",
    "a fence without a language": f"```\n{WHOLE}```",
    "tildes": f"~~~python\n{WHOLE}~~~",
    "an attribute after the language": f"```python title=twice.py\n{WHOLE}```",
    "a fence that is never closed": f"```python\n{WHOLE}",
    "the last of two": "```python\ndef twice(values):\n    return values\n```\nBetter:\n```python\n" + WHOLE + "```",
    "an example of use after it": f"```python\n{WHOLE}```\nUse it:\n```python\nprint(twice([1]))\n```",
    "its output in another language": f"```python\n{WHOLE}```\n```text\n[2]\n```",
    "indented in a list": "1. Do:\n\n" + "".join(f"    {line}\n" for line in f"```py\n{WHOLE}```".splitlines()),
    "a Windows text": f"```python\n{WHOLE}```".replace("\n", "\r\n"),
    "the whole text": WHOLE,
    "prose around": f"Sure! This is it:\n\n{WHOLE}\nIt multiplies each value, as asked.",
    "prose around, with imports and helpers": "Sure:\nimport math\n\nN = 2\n\ndef by(n, x):\n    return n * x\n\n"
    "def twice(values):\n    return [by(N, value) for value in values]\n\nThis is O(n).",
    "the prompt again": PROMPT + BODY,
    "its type hints without their imports": "```python\ndef twice(values: List[int]) -> List[int]:\n" + BODY + "```",
    "a future import": "```python\nfrom __future__ import annotations\n" + WHOLE + "```",
    "a lambda": "```python\ntwice = lambda values: [2 * value for value in values]\n```",
    "a completion": BODY,
    "a completion without its first indent": BODY.lstrip(),
    "a completion without any indent": "new = []\nfor value in values:\n    new.append(2 * value)\nreturn new",
    "a completion with a part of its indent": " a = []\n    for v in values:\n        a.append(2 * v)\n    return a",
    "a completion that imports": "import math\nreturn [math.prod((2, value)) for value in values]",
    "a completion of another width": "  new = []\n  for value in values:\n    new.append(2 * value)\n  return new\n",
    "a completion that runs on": BODY + "\n\nHere is how to use it: call twice",
    "a completion with a helper after it": "    return [_two(v) for v in values]\n\ndef _two(v):\n    return 2 * v\n",
    "a fenced body": f"```python\n{BODY}```",
    "reasoning before": f"<think>Maybe\n```python\ndef twice(values): return 3\n```\n</think>\n```python\n{WHOLE}```",
    "reasoning without its opening": f"```python\ndef twice(values): return 3\n```</think>{WHOLE}",
    "shifts that look like annotations": "```python\ndef twice(values):\n    return [v << 1 for v in values]\n```",
    "a main part": f"```python\n{WHOLE}\nif __name__ == '__main__':\n    print(twice(input()))\n```",
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_the_program_of_an_answer(name: str) -> None:
    for source in programs_of(code_of(RIGHT[name], "twice"), PROMPT, "twice"):
        with contextlib.suppress(SyntaxError):
            code = compile(source, name, "exec", dont_inherit=True)
            break
    space: dict[str, object] = {"__name__": "answer"}
    exec(code, space)
    assert space["twice"]([1, 2]) == [2, 4]  # type: ignore[operator]


@pytest.mark.parametrize(
    "text", ["", "  \n ", "<think>def twice(values): return values", "```python\n```", "```\n\n```"]
)
def test_where_there_is_no_program(text: str) -> None:
    assert not code_of(text, "twice").strip()


def test_a_shift_is_not_taken_for_a_calculator_annotation() -> None:
    assert without_reasoning("1 << 3 and 8 >> 1") == "1 << 3 and 8 >> 1"
    assert without_reasoning("return scores[thought] + x[think]") == "return scores[thought] + x[think]"


@given(text=st.text(alphabet=st.sampled_from("`~ \n\tdeftwice():<>/think#python=[]"), max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    code = code_of(text, "twice")
    assert len(programs_of(code, PROMPT, "twice")) >= 1


def test_hostile_texts_take_no_long_time() -> None:
    for text in (
        "`" * 200_000,
        "```\n" * 50_000,
        "<think>" * 30_000,
        " " * 200_000,
        "def twice" * 20_000,
        "=" * 200_000,
    ):
        programs_of(code_of(text, "twice"), PROMPT, "twice")


@pytest.mark.parametrize("line", ["```" + "a" * 150_000 + "`", "~" * 150_000 + "`", "~~~" + " " * 150_000 + "`"])
def test_a_fence_that_is_none_is_read_once(line: str) -> None:
    # Tried in every way to share the line out, this would take minutes.
    assert code_of(f"{line}\n```python\ndef twice(values): pass\n```", "twice").startswith("def twice")
