"""Finds the program in an answer: fenced blocks, whole functions, completions of a signature, code between prose.

Text operations only: what a model wrote is neither compiled nor run here, but in the sandbox.
"""

from __future__ import annotations

import re

from tokenarena_assets.suites.reasoning import without_reasoning

MAX_ANSWER = 200_000  # characters of an answer that are looked at, from its end

# Possessive (`++`): what was taken is never given back, or a line of n marks would be tried n times.
_FENCE = re.compile(r"^[ \t]*+(`{3,}+|~{3,}+)[ \t]*+([\w+#.-]*+)[^\n`]*+$", re.MULTILINE)
_PYTHON = frozenset({"python", "python3", "py", "py3", "python2"})
_CODE_LINE = re.compile(
    r"(?:from\s+[\w.]+\s+import\b|import\s+\w|def\s+\w+\s*[(\[]|async\s+def\s|class\s+\w+\s*[:(]|@\w)"
)


def code_of(text: str, entry_point: str) -> str:
    """The part of an answer that is its program; empty where there is none.

    The last fenced block in Python or without a language that defines `entry_point`, else the last one in Python, else
    the last one, else the whole text. That a block with the definition goes before a later one without departs from
    "the last block": many answers end with an example of use, which on its own defines nothing.
    """
    visible = without_reasoning(text[-MAX_ANSWER:]).replace("\r\n", "\n")
    blocks = _fenced(visible)
    defining = [body for language, body in blocks if language in {*_PYTHON, ""} and _defines(body, entry_point)]
    chosen = defining or [body for language, body in blocks if language in _PYTHON] or [body for _, body in blocks]
    return chosen[-1] if chosen else visible if visible.strip() else ""


def programs_of(code: str, prompt: str, entry_point: str) -> list[str]:
    """The programs that `code` may stand for, likeliest first: the first one that compiles is meant.

    With a definition of `entry_point` of its own it is a whole program, and still gets what the prompt imports and
    defines. Without, it goes on where the prompt ends.
    """
    start = prompt if prompt.endswith("\n") or not prompt else prompt + "\n"
    if _defines(code, entry_point):
        whole = [_dedented(code), code, *_between_prose(code)]
        return list(dict.fromkeys([*(start + "\n" + body for body in whole if prompt), *whole]))
    body = code.strip("\n")
    first = next((line for line in body.splitlines() if line.strip()), "")
    if _CODE_LINE.match(first):  # a function of another name, unless it returns in the open
        tries = ["    " + body, _indented(body)]
        return list(dict.fromkeys([code, *(start + attempt + "\n" for attempt in tries)]))
    if first[:1] in (" ", "\t"):
        moved = [body, "    " + body.lstrip(), _indented(_dedented(body))]
        tries = [*moved, *map(_up_to_dedent, moved)]
    else:  # a chat may lose the first line's indent, or all of it
        tries = ["    " + body, _indented(body), _up_to_dedent("    " + body), body]
    return list(dict.fromkeys(start + attempt + "\n" for attempt in tries))


def _fenced(text: str) -> list[tuple[str, str]]:
    """(language, body) of each fenced block; one that is never closed ends with the text."""
    blocks: list[tuple[str, str]] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1][0] == opened[1][0] and len(fence[1]) >= len(opened[1]) and not fence[2]:
            blocks.append((opened[2].lower(), text[opened.end() + 1 : fence.start()]))
            opened = None
    if opened is not None:
        blocks.append((opened[2].lower(), text[opened.end() + 1 :]))
    return blocks


def _defines(code: str, entry_point: str) -> bool:
    name = re.escape(entry_point)
    return re.search(rf"^[ \t]*(?:async[ \t]+)?def[ \t]+{name}\b|^{name}[ \t]*=", code, re.MULTILINE) is not None


def _between_prose(code: str) -> list[str]:
    """From the first line that is code to the last that can be, and the same up to each later paragraph of prose."""
    lines = code.splitlines()
    start = next((number for number, line in enumerate(lines) if _CODE_LINE.match(line)), None)
    if start is None:
        return []
    kept: list[str] = []
    for line in lines[start:]:
        if line[:1] in (" ", "\t", "", ")", "]", "}", "#") or _CODE_LINE.match(line) or re.match(r"\w+\s*=", line):
            kept.append(line)
        else:
            break
    return ["\n".join(lines[start:]) + "\n", "\n".join(kept) + "\n"]


def _dedented(code: str) -> str:
    """Every line less the indent of the first: blocks inside a list item are indented as a whole."""
    first = next((line for line in code.splitlines() if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    return "\n".join(line.removeprefix(indent) for line in code.splitlines()) + "\n" if indent else code


def _indented(code: str) -> str:
    return "\n".join("    " + line if line.strip() else line for line in code.splitlines()) + "\n"


def _up_to_dedent(body: str) -> str:
    """`body` up to the first line at the margin: completions run on with prose, examples or another function."""
    kept: list[str] = []
    for line in body.splitlines():
        if line.strip() and line[0] not in " \t":
            break
        kept.append(line)
    return "\n".join(kept) + "\n"
