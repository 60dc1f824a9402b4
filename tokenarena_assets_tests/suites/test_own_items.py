"""Your own items: what a line may say, and what a bad line is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.grading import grade_math
from tokenarena_assets.suites.items import Item
from tokenarena_assets.suites.own_items import load_own_items, own_items_schema

DOCS = Path(__file__).parents[2] / "docs"
NUMBER = {"id": "sum-1", "prompt": "2 + 2?", "answer": {"type": "int", "value": 4}}
CODE = {
    "id": "twice",
    "prompt": "Write twice(n).",
    "tests": {
        "entry_point": "twice",
        "cases": [{"args": [2], "expected": 4}, {"args": ["a"], "expected": "aa"}],
        "reference": "def twice(n):\n    return 2 * n",
    },
}


def written(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def changed(row: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    new: dict[str, Any] = json.loads(json.dumps(row))
    *parents, last = path.split(".")
    place = new
    for parent in parents:
        place = place[parent]
    place[last] = value
    return new


def test_a_number(tmp_path: Path) -> None:
    row = changed(NUMBER, "answer", {"type": "decimal", "value": "3.14", "tol": 0.01})
    (item,) = load_own_items(written(tmp_path / "mine.jsonl", row))
    assert (item.item_id, item.template_id, item.source) == ("own:sum-1", "own:sum-1", "own:mine.jsonl")
    assert (item.answer_type, item.answer_value, item.tolerance) == ("decimal", "3.14", "0.01")
    assert item.prompt == "2 + 2?"
    assert grade_math("Answer: 3.15", item.answer_value, tolerance=item.tolerance).correct


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ({"type": "int", "value": 42}, "42"),
        ({"type": "int", "value": "1,234"}, "1,234"),
        ({"type": "int", "value": -42.0}, "-42.0"),
        ({"type": "rational", "value": "3/4"}, "3/4"),
        ({"type": "rational", "value": "1 1/2"}, "1 1/2"),
        ({"type": "decimal", "value": 0.1}, "0.1"),
        ({"type": "decimal", "value": 1e-7}, "1e-07"),
        ({"type": "text", "value": "Paris"}, "Paris"),
        ({"type": "text", "value": 1984}, "1984"),
    ],
)
def test_each_type_of_answer(tmp_path: Path, answer: dict[str, Any], value: str) -> None:
    (item,) = load_own_items(written(tmp_path / "mine.jsonl", changed(NUMBER, "answer", answer)))
    assert (item.answer_type, item.answer_value, item.tolerance) == (answer["type"], value, None)


def test_tests(tmp_path: Path) -> None:
    (item,) = load_own_items(written(tmp_path / "mine.jsonl", CODE))
    task = CodeTask.from_json(item.answer_value)
    assert (item.answer_type, task.entry_point, task.task_id) == ("code", "twice", "own:twice")
    assert task.cases == (("(2,)", "4"), ("('a',)", "'aa'"))
    assert task.reference == CODE["tests"]["reference"]
    assert "return" not in item.prompt


def test_values_of_cases_are_python_literals(tmp_path: Path) -> None:
    cases = [{"args": [None, True, {"a": [1.5]}], "expected": None}]
    (item,) = load_own_items(written(tmp_path / "mine.jsonl", changed(CODE, "tests.cases", cases)))
    assert CodeTask.from_json(item.answer_value).cases == (("(None, True, {'a': [1.5]})", "None"),)


@pytest.mark.parametrize(
    ("row", "field", "problem"),
    [
        ({"prompt": "?"}, "id", "required"),
        ({**NUMBER, "more": 1}, "more", "not permitted"),
        ({**NUMBER, "id": 7}, "id", "valid string"),
        ({**NUMBER, "id": "a b"}, "id", "pattern"),
        ({**NUMBER, "prompt": ""}, "prompt", "at least 1"),
        ({**NUMBER, "prompt": " \n"}, None, "prompt says nothing"),
        ({**NUMBER, "prompt": "x" * 400_001}, "prompt", "at most 400000"),
        ({"id": "a", "prompt": "?"}, None, "either an answer or tests"),
        ({**CODE, "answer": NUMBER["answer"]}, None, "either an answer or tests"),
        (changed(NUMBER, "answer.type", "number"), "answer.type", "'int'"),
        (changed(NUMBER, "answer.value", "four"), "answer", "not of type int"),
        (changed(NUMBER, "answer.value", "4 apples"), "answer", "not of type int"),
        (changed(NUMBER, "answer.value", "4 5"), "answer", "not of type int"),
        (changed(NUMBER, "answer.value", "4-5"), "answer", "not of type int"),
        (changed(NUMBER, "answer.value", "9" * 401), "answer", "not of type int"),
        (changed(NUMBER, "answer.value", 4.5), "answer", "not of type int"),
        (changed(NUMBER, "answer.value", True), "answer.value", "valid string"),
        (changed(NUMBER, "answer.value", ""), "answer.value", "at least 1"),
        (changed(NUMBER, "answer.tol", -1), "answer", "tol '-1'"),
        (changed(NUMBER, "answer.tol", "little"), "answer", "tol 'little'"),
        (changed(NUMBER, "answer", {"type": "text", "value": "a", "tol": 1}), "answer", "tol is for numbers"),
        (changed(CODE, "tests.entry_point", "2x"), "tests", "not the name"),
        (changed(CODE, "tests.cases", []), "tests", "neither cases nor a source"),
        (changed(CODE, "tests.cases", [{"args": 1, "expected": 1}]), "tests.cases.0.args", "valid list"),
        (changed(CODE, "tests.cases", [{"args": []}]), "tests.cases.0.expected", "required"),
        (changed(CODE, "tests.source", "assert ("), "tests", "source is not Python"),
        (changed(CODE, "tests.reference", "def thrice(n): ..."), "tests", "does not define twice"),
        ([], None, "valid dictionary"),
        ("{", None, "is not JSON"),
        ('{"id": "a", "id": "b"}', None, "'id' is there twice"),
        ('{"id": "a", "prompt": "?", "answer": {"type": "decimal", "value": NaN}}', None, "NaN"),
        ("[" * 100_000, None, "nested too deeply"),
    ],
)
def test_a_bad_line_names_line_and_field(tmp_path: Path, row: Any, field: str | None, problem: str) -> None:
    path = written(tmp_path / "mine.jsonl", "", {**NUMBER, "id": "fine"}, row)
    with pytest.raises(ConfigError) as caught:
        load_own_items(path)
    place = f"{path}:3: {field}: " if field else f"{path}:3: "
    assert str(caught.value).startswith(place)
    assert problem in caught.value.message
    assert caught.value.mend


def test_an_id_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.jsonl", NUMBER, CODE, NUMBER)
    with pytest.raises(ConfigError, match=r":3: id: 'sum-1' is line 1's already"):
        load_own_items(path)


def test_sizes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "mine.jsonl", NUMBER, CODE)
    monkeypatch.setattr("tokenarena_assets.suites.own_items.MAX_ITEMS", 1)
    with pytest.raises(ConfigError, match=r":2: has more than 1 items"):
        load_own_items(path)
    monkeypatch.setattr("tokenarena_assets.suites.own_items.MAX_BYTES", 10)
    with pytest.raises(ConfigError, match="is larger than"):
        load_own_items(path)


def test_files_that_are_no_items(tmp_path: Path) -> None:
    empty = written(tmp_path / "empty.jsonl", "", " ")
    with pytest.raises(ConfigError, match="has no items"):
        load_own_items(empty)
    with pytest.raises(ConfigError, match="there is no such file"):
        load_own_items(tmp_path / "none.jsonl")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_own_items(tmp_path)
    (tmp_path / "latin.jsonl").write_bytes(b'\n{"id": "\xe9"}')
    with pytest.raises(ConfigError, match=r":2: is not UTF-8"):
        load_own_items(tmp_path / "latin.jsonl")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(place=st.sampled_from(["id", "prompt", "answer", "answer.value", "answer.tol", "tests"]), value=JSON)
def test_any_json_is_an_item_or_an_error_that_says_where(
    tmp_path_factory: pytest.TempPathFactory, place: str, value: Any
) -> None:
    path = written(tmp_path_factory.getbasetemp() / "any.jsonl", changed(NUMBER, place, value))
    read: Item | ConfigError
    try:
        (read,) = load_own_items(path)
    except ConfigError as error:
        read = error
    if isinstance(read, Item):
        assert grade_math(f"Answer: {read.answer_value}", read.answer_value, tolerance=read.tolerance).correct
    else:
        assert (read.line, bool(read.mend)) == (1, True)


def test_the_documented_examples_are_items(tmp_path: Path) -> None:
    text = (DOCS / "items.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"(?s)```jsonl\n(.*?)```", text) for line in block.splitlines()]
    items = load_own_items(written(tmp_path / "docs.jsonl", *lines))
    assert {item.answer_type for item in items} == {"int", "rational", "decimal", "text", "code"}


def test_the_schema_in_the_documentation_is_that_of_the_model() -> None:
    """`python -m tokenarena_assets.suites.own_items > docs/items.schema.json` writes it anew."""
    assert json.loads((DOCS / "items.schema.json").read_text(encoding="utf-8")) == own_items_schema()


def test_many_fields_of_which_one_is_there_twice(tmp_path: Path) -> None:
    fields = [f'"f{n}": 1' for n in range(200_000)]  # looked for one by one, 4 * 10 ** 10 comparisons
    path = tmp_path / "items.jsonl"
    path.write_text("{" + ", ".join([*fields, fields[-1]]) + "}")
    with pytest.raises(ConfigError, match="'f199999' is there twice"):
        load_own_items(path)
