"""Loaders of GSM8K, HumanEval and MBPP in their published file formats, and the frozen anchor panel.

The project ships none of the sets: a user gives the path of a file. Formats, as published:

- GSM8K: JSON lines of `question`, `answer`; the answer ends in `#### 18`.
- HumanEval: JSON lines, often gzipped, of `task_id`, `prompt`, `entry_point`, `canonical_solution`, `test`.
- MBPP: `mbpp.jsonl`, JSON lines of `task_id`, `text`, `code`, `test_list`, `test_setup_code`; or `sanitized-mbpp.json`,
  one list of `task_id`, `prompt`, `code`, `test_list`, `test_imports`.
"""

from __future__ import annotations

import ast
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.grading import parse_number
from tokenarena_assets.suites.items import Item, derived_seed

ANCHOR_ITEMS = 10  # of each set
ANCHOR_SEED = "tokenarena anchor 1"  # another panel is another series: never changed
MAX_BYTES = 64 * 2**20  # the largest of the sets, unpacked, is below 1 MB

MATH_REQUEST = "Solve the problem step by step. The last line of your reply must be: Answer: <number>"
CODE_REQUEST = "Complete this Python function. Reply with the whole function in one code block."
TESTS_REQUEST = "Reply with the whole function in one code block. It has to pass tests such as:"


@dataclass(frozen=True, slots=True)
class _Row:
    """One record of a file, and where it stands: what errors name."""

    path: Path
    line: int | None
    values: Mapping[str, Any]
    what: str

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self.values.get(name, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.error(name, "is missing" if value is None else "is not a text that says something")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise self.error(name, "is not a list of texts")
        return tuple(value)

    def error(self, field: str | None, problem: str) -> ConfigError:
        mend = f"give the file of {self.what} as it was published"
        return ConfigError(self.path, problem, line=self.line, field=field, mend=mend)


def load_gsm8k(path: Path) -> tuple[Item, ...]:
    """The items of a GSM8K file, such as `test.jsonl`; an item's id is its line.

    Raises:
        ConfigError: the file is not such a file; names the line and the field.
    """
    return tuple(_gsm8k_item(row) for row in _rows(path, "GSM8K"))


def load_humaneval(path: Path) -> tuple[Item, ...]:
    """The items of a HumanEval file, `HumanEval.jsonl` or `HumanEval.jsonl.gz`.

    Raises:
        ConfigError: the file is not such a file; names the line and the field.
    """
    return _distinct([(row, _humaneval_item(row)) for row in _rows(path, "HumanEval")])


def load_mbpp(path: Path) -> tuple[Item, ...]:
    """The items of an MBPP file, `mbpp.jsonl` or `sanitized-mbpp.json`; the name asked for is the first test's.

    Raises:
        ConfigError: the file is not such a file; names the line (or the number in the list) and the field.
    """
    return _distinct([(row, _mbpp_item(row)) for row in _rows(path, "MBPP")])


LOADERS: Mapping[str, Callable[[Path], tuple[Item, ...]]] = {
    "gsm8k": load_gsm8k,
    "humaneval": load_humaneval,
    "mbpp": load_mbpp,
}


def anchor_items(paths: Mapping[str, Path]) -> tuple[Item, ...]:
    """The frozen anchor panel: 10 items of each of `gsm8k`, `humaneval`, `mbpp` that `paths` names.

    The choice depends on nothing but the ids in the file: the same file gives the same panel for ever.

    Raises:
        ConfigError: a file is not as published, or has too few items.
    """
    chosen: list[Item] = []
    for name in paths:
        if name not in LOADERS:
            mend = f"the sets are: {', '.join(LOADERS)}"
            raise ConfigError(paths[name], f"there is no public set {name!r}", mend=mend)
    for name, load in LOADERS.items():
        if name in paths:
            chosen.extend(_panel(name, paths[name], load(paths[name])))
    return tuple(chosen)


def _panel(name: str, path: Path, items: tuple[Item, ...]) -> list[Item]:
    if len(items) < ANCHOR_ITEMS:
        problem = f"has {len(items)} items, and the anchor panel takes {ANCHOR_ITEMS}"
        raise ConfigError(path, problem, mend="give the whole published file")
    # each item's own hash decides, so that no library's way of sampling is part of the panel
    return sorted(items, key=lambda item: (derived_seed(ANCHOR_SEED, name, item.item_id), item.item_id))[:ANCHOR_ITEMS]


def _gsm8k_item(row: _Row) -> Item:
    question, answer = row.text("question").strip(), row.text("answer")
    reasoning, hashes, final = answer.rpartition("####")
    value = parse_number(final) if hashes else None
    if value is None:
        raise row.error("answer", "does not end in '#### ' and a number")
    gold = str(value)
    worked = re.sub(r"<<[^<>]*>>", "", reasoning).strip()
    return Item(
        item_id=f"gsm8k-{row.line}",
        family="gsm8k",
        template_id=f"gsm8k-{row.line}",
        seed=0,
        prompt=f"{MATH_REQUEST}\n\n{question}",
        answer_type="int" if value.denominator == 1 else "rational",
        answer_value=gold,
        difficulty="medium",
        solution=f"{worked}\nAnswer: {gold}",
        tier="standard",
        source="gsm8k",
    )


def _humaneval_item(row: _Row) -> Item:
    name, prompt, entry_point = row.text("task_id"), row.text("prompt"), row.text("entry_point")
    reference = prompt + row.text("canonical_solution")
    if not re.search(rf"\bdef\s+{re.escape(entry_point)}\s*\(", prompt):
        raise row.error("entry_point", f"the prompt has no function {entry_point!r}")
    if "def check(" not in row.text("test"):
        raise row.error("test", "has no function check(candidate)")
    task = CodeTask(
        task_id=name, entry_point=entry_point, prompt=prompt, reference=reference, test_source=row.text("test")
    )
    shown = f"{CODE_REQUEST}\n\n```python\n{prompt.strip()}\n```"
    return _code_item("humaneval", name.replace("/", "-").lower(), shown, task)


def _mbpp_item(row: _Row) -> Item:
    number = row.values.get("task_id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise row.error("task_id", "is not a whole number")
    wanted = row.text("prompt" if "prompt" in row.values else "text").strip()
    code, tests = row.text("code"), row.texts("test_list")
    if not tests:
        raise row.error("test_list", "has no test")
    entry_point = _called_name(tests[0], code)
    if entry_point is None:
        raise row.error("test_list", "its first test calls no function that the code defines")
    setup = "\n".join([*row.texts("test_imports"), row.text("test_setup_code", default="")]).strip()
    task = CodeTask(
        task_id=f"MBPP/{number}",
        entry_point=entry_point,
        reference=code.replace("\r\n", "\n"),
        test_source="\n".join(tests).replace("\r\n", "\n"),
        setup=setup.replace("\r\n", "\n"),
    )
    shown = f"{wanted}\n\n{TESTS_REQUEST}\n\n```python\n{tests[0].strip()}\n```"
    return _code_item("mbpp", f"mbpp-{number}", shown, task)


def _code_item(source: str, item_id: str, prompt: str, task: CodeTask) -> Item:
    return Item(
        item_id=item_id,
        family=source,
        template_id=item_id,
        seed=0,
        prompt=prompt,
        answer_type="code",
        answer_value=task.to_json(),
        difficulty="medium",
        solution=f"```python\n{(task.reference or '').strip()}\n```",
        tier="standard",
        source=source,
    )


def _called_name(test: str, code: str) -> str | None:
    """The function of `code` that `test` calls: published tests wrap it in `set(...)` and `math.isclose(...)`."""
    try:
        defined = {node.name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef)}
        calls = [node.func for node in ast.walk(ast.parse(test.strip())) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return next((call.id for call in calls if isinstance(call, ast.Name) and call.id in defined), None)


def _distinct(pairs: list[tuple[_Row, Item]]) -> tuple[Item, ...]:
    seen: set[str] = set()
    for row, item in pairs:
        if item.item_id in seen:
            raise row.error("task_id", f"{row.values['task_id']!r} is there twice")
        seen.add(item.item_id)
    return tuple(item for _, item in pairs)


def _rows(path: Path, what: str) -> list[_Row]:
    path = Path(path)
    text = _text_of(path, what)
    if text.lstrip()[:1] == "[":
        return [_record(path, number, value, what) for number, value in enumerate(_parsed(path, None, text, what), 1)]
    # not splitlines(): a question may hold U+2028, which ends no line of JSON lines
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    return [_record(path, number, _parsed(path, number, line, what), what) for number, line in lines]


def _record(path: Path, line: int, value: Any, what: str) -> _Row:
    row = _Row(path, line, value if isinstance(value, dict) else {}, what)
    if not isinstance(value, dict):
        raise row.error(None, "is not an object")
    return row


def _parsed(path: Path, line: int | None, text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise _Row(path, line, {}, what).error(None, "is nested too deeply") from None
    except ValueError as error:
        where = line or getattr(error, "lineno", None)
        raise _Row(path, where, {}, what).error(None, f"is not JSON: {error}") from None


def _text_of(path: Path, what: str) -> str:
    whole = _Row(path, None, {}, what)
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with gzip.GzipFile(fileobj=file) if zipped else io.BytesIO(file.read(MAX_BYTES + 1)) as data:
                content = data.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(path, "there is no such file", mend="check the path given") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise whole.error(None, f"cannot be unpacked: {error}") from None
    except OSError as error:
        raise ConfigError(path, f"cannot be read: {error.strerror}", mend="give a file that can be read") from None
    if len(content) > MAX_BYTES:
        raise whole.error(None, f"is larger than {MAX_BYTES // 2**20} MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise whole.error(None, f"is not UTF-8: {error}") from None
    if not text.strip():
        raise whole.error(None, "is empty")
    return text
