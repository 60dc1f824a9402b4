"""Your own items: a JSONL file of questions with gold answers or tests, which runs beside ours. See `docs/items.md`."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.grading import MAX_LENGTH, parse_number
from tokenarena_assets.suites.items import Item

MAX_BYTES = 32 * 2**20
MAX_ITEMS = 5_000
MAX_PROMPT = 400_000  # characters, about 100k tokens
MAX_TEXT = 20_000  # characters of a gold answer, or of a piece of code
MEND = "see docs/items.md for the schema, with an example of each type"

_BARE_NUMBER = re.compile(r"[-+]?(?:\d+ \d+/\d+|[\d,_.]+(?:[eE][-+]?\d+|\s?/\s?[\d,_.]+)?)")


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Stated = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number"], "minLength": 1})]
Code = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class OwnAnswer(_Strict):
    """A gold answer: a number, compared exactly or within `tol`, or a text, compared without case and markup."""

    type: Literal["int", "rational", "decimal", "text"]
    value: Stated = Field(min_length=1, max_length=MAX_TEXT, description='such as 42, "3/4", "0.125" or "Paris"')
    tol: Stated | None = Field(default=None, description="how far from the value an answer may be; numbers alone")

    @model_validator(mode="after")
    def _is_of_its_type(self) -> OwnAnswer:
        if self.type == "text":
            if self.tol is not None:
                raise ValueError("tol is for numbers; leave it out of a text")
            return self
        number = _plain_number(self.value)
        if number is None or (self.type == "int" and number.denominator != 1):
            raise ValueError(f"value {self.value[:40]!r} is not of type {self.type}")
        tolerance = _plain_number(self.tol) if self.tol is not None else 0
        if tolerance is None or tolerance < 0:
            raise ValueError(f"tol {(self.tol or '')[:40]!r} is not a number of 0 or more")
        return self


class OwnCase(_Strict):
    """One call of the function: its arguments, and what it must return."""

    args: list[Any] = Field(description="the arguments, in order")
    expected: Any = Field(description="what the call must return")


class OwnTests(_Strict):
    """What proves a function: cases, or the source of tests, or both."""

    entry_point: str = Field(max_length=200, description="the name of the function")
    cases: list[OwnCase] = Field(default=[], max_length=1_000, description="calls with what they must return")
    source: Code | None = Field(default=None, description="asserts that call the function, or check(candidate)")
    reference: Code | None = Field(default=None, description="the source of a right solution; it is never sent")
    setup: Code | None = Field(default=None, description="what runs before the tests, such as imports")

    @model_validator(mode="after")
    def _can_be_run(self) -> OwnTests:
        if not self.entry_point.isidentifier():
            raise ValueError(f"entry_point {self.entry_point[:40]!r} is not the name of a function")
        if not self.cases and self.source is None:
            raise ValueError("there are neither cases nor a source")
        for name in ("source", "reference", "setup"):
            _parsed_code(name, getattr(self, name))
        if self.reference is not None and self.entry_point not in _defined(self.reference):
            raise ValueError(f"reference does not define {self.entry_point}")
        return self


class OwnItem(_Strict):
    """One line of the file: a question, and either its gold answer or the tests of the function it asks for."""

    id: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")
    prompt: str = Field(min_length=1, max_length=MAX_PROMPT, description="sent as it stands")
    answer: OwnAnswer | None = None
    tests: OwnTests | None = None

    @model_validator(mode="after")
    def _has_one_of_both(self) -> OwnItem:
        if (self.answer is None) == (self.tests is None):
            raise ValueError("give either an answer or tests")
        if not self.prompt.strip():
            raise ValueError("prompt says nothing")
        return self


def load_own_items(path: Path) -> tuple[Item, ...]:
    """The items of a JSONL file; item ids are `own:` and the line's `id`.

    Raises:
        ConfigError: the file cannot be read, is too large, or a line is not of the schema or is there twice; names
            the line and the field.
    """
    path = Path(path)
    seen: dict[str, int] = {}
    items: list[Item] = []
    for number, line in enumerate(_text_of(path).split("\n"), 1):
        if not line.strip():
            continue
        own = _checked(path, number, line)
        if own.id in seen:
            problem = f"{own.id!r} is line {seen[own.id]}'s already"
            raise ConfigError(path, problem, line=number, field="id", mend="give every item an id of its own")
        seen[own.id] = number
        items.append(_item(path, own))
        if len(items) > MAX_ITEMS:
            raise ConfigError(path, f"has more than {MAX_ITEMS} items", line=number, mend="split the file")
    if not items:
        raise ConfigError(path, "has no items", mend=MEND)
    return tuple(items)


def own_items_schema() -> dict[str, Any]:
    """The JSON Schema of one line."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **OwnItem.model_json_schema()}


def _item(path: Path, own: OwnItem) -> Item:
    answer, tests = own.answer, own.tests
    if tests is not None:
        kind, value, solution = "code", _task(own.id, tests).to_json(), tests.reference or ""
    elif answer is not None:
        kind, value, solution = answer.type, answer.value.strip(), ""
    return Item(
        item_id=f"own:{own.id}",
        family="own",
        template_id=f"own:{own.id}",
        seed=0,
        prompt=own.prompt,
        answer_type=kind,
        answer_value=value,
        difficulty="medium",
        solution=solution,
        tier="standard",
        source=f"own:{path.name}",
        tolerance=answer.tol if answer is not None else None,
    )


def _task(name: str, tests: OwnTests) -> CodeTask:
    return CodeTask(
        task_id=f"own:{name}",
        entry_point=tests.entry_point,
        reference=tests.reference,
        # what JSON holds has the same literals in Python as `repr` writes
        cases=tuple((repr(tuple(case.args)), repr(case.expected)) for case in tests.cases),
        test_source=tests.source or "",
        setup=tests.setup or "",
    )


def _checked(path: Path, number: int, line: str) -> OwnItem:
    try:
        return OwnItem.model_validate(
            json.loads(line, object_pairs_hook=_without_twins, parse_constant=_refuse_constant)
        )
    except RecursionError:
        raise ConfigError(path, "is nested too deeply", line=number, mend=MEND) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        problem = first["msg"].removeprefix("Value error, ")
        raise ConfigError(path, problem, line=number, field=field, mend=MEND) from None
    except ValueError as error:
        raise ConfigError(path, f"is not JSON: {error}", line=number, mend="write one JSON object per line") from None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twin = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"the field {twin!r} is there twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _plain_number(text: str) -> Fraction | None:
    """The number that `text` is, with nothing beside it: a gold answer has no words."""
    bare = text.strip()
    return parse_number(bare) if len(bare) <= MAX_LENGTH and _BARE_NUMBER.fullmatch(bare) else None


def _parsed_code(name: str, code: str | None) -> ast.Module | None:
    try:
        return ast.parse(code) if code is not None else None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{name} is not Python: {error}") from None


def _defined(code: str) -> set[str]:
    tree = ast.parse(code)
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)} | {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(path, "there is no such file", mend="check the path given") from None
    except OSError as error:
        raise ConfigError(path, f"cannot be read: {error.strerror}", mend="give a file that can be read") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(path, f"is larger than {MAX_BYTES // 2**20} MB", mend="split the file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(path, "is not UTF-8", line=line, mend="save the file as UTF-8") from None


if __name__ == "__main__":
    print(json.dumps(own_items_schema(), indent=2))  # docs/items.schema.json
