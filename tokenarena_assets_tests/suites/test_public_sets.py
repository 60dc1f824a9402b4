"""Loaders of the public sets: the published formats, the frozen panel, and what a bad file says."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.grading import grade_math
from tokenarena_assets.suites.items import Item
from tokenarena_assets.suites.public_sets import LOADERS, anchor_items, load_gsm8k, load_humaneval, load_mbpp

SETS = Path(__file__).parents[3] / "shared" / "data" / "public_sets"
PUBLISHED = {
    "gsm8k": SETS / "gsm8k" / "test.jsonl",
    "humaneval": SETS / "humaneval" / "HumanEval.jsonl.gz",
    "mbpp": SETS / "mbpp" / "sanitized-mbpp.json",
}
needs_sets = pytest.mark.skipif(not all(map(Path.exists, PUBLISHED.values())), reason="the sets are not beside us")

GSM8K = {"question": "Two and two?", "answer": "It is 2+2 = <<2+2=4>>1,004.\n#### 1,004"}
HUMANEVAL = {
    "task_id": "HumanEval/0",
    "prompt": 'def twice(n: int) -> int:\n    """Twice n."""\n',
    "entry_point": "twice",
    "canonical_solution": "    return 2 * n\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n",
}
MBPP = {
    "task_id": 7,
    "text": "Write a function to find both.",
    "code": "def helper(n):\r\n  return n\r\ndef both(a, b):\r\n  return (helper(a), b)",
    "test_list": ["assert set(both(1, 2)) == set((1, 2))", "assert both(3, 4) == (3, 4)"],
    "test_setup_code": "",
    "challenge_test_list": [],
}
SANITIZED = {
    "source_file": "x.ipynb",
    "task_id": 8,
    "prompt": "Write a function to find the root.",
    "code": "def root(n):\n  return n ** 0.5",
    "test_imports": ["import math"],
    "test_list": ["assert math.isclose(root(4), 2.0)"],
}


def written(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_gsm8k(tmp_path: Path) -> None:
    (item,) = load_gsm8k(written(tmp_path / "test.jsonl", GSM8K))
    assert (item.answer_type, item.answer_value, item.source) == ("int", "1004", "gsm8k")
    assert item.item_id == item.template_id == "gsm8k-1"
    assert item.prompt.endswith("Two and two?")
    assert "Answer: <number>" in item.prompt
    assert "<<" not in item.solution
    assert grade_math(item.solution, item.answer_value).correct


def test_humaneval(tmp_path: Path) -> None:
    (item,) = load_humaneval(written(tmp_path / "HumanEval.jsonl", HUMANEVAL))
    task = CodeTask.from_json(item.answer_value)
    assert (item.item_id, item.answer_type, item.source) == ("humaneval-0", "code", "humaneval")
    assert (task.entry_point, task.prompt, task.test_source) == ("twice", HUMANEVAL["prompt"], HUMANEVAL["test"])
    assert task.reference == HUMANEVAL["prompt"] + HUMANEVAL["canonical_solution"]
    assert HUMANEVAL["prompt"].strip() in item.prompt
    assert "assert" not in item.prompt
    assert "return 2" not in item.prompt


def test_humaneval_may_be_gzipped(tmp_path: Path) -> None:
    plain = written(tmp_path / "HumanEval.jsonl", HUMANEVAL)
    packed = tmp_path / "HumanEval.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert load_humaneval(packed) == load_humaneval(plain)


def test_mbpp_names_the_function_by_its_first_test_alone(tmp_path: Path) -> None:
    (item,) = load_mbpp(written(tmp_path / "mbpp.jsonl", MBPP))
    task = CodeTask.from_json(item.answer_value)
    assert (item.item_id, item.source, task.entry_point, task.setup) == ("mbpp-7", "mbpp", "both", "")
    assert task.test_source == "\n".join(MBPP["test_list"])
    assert "\r" not in item.answer_value + item.solution
    assert MBPP["test_list"][0] in item.prompt
    assert MBPP["test_list"][1] not in item.prompt


def test_mbpp_sanitized_is_one_list(tmp_path: Path) -> None:
    path = tmp_path / "sanitized-mbpp.json"
    path.write_text(json.dumps([SANITIZED], indent=4), encoding="utf-8")
    (item,) = load_mbpp(path)
    task = CodeTask.from_json(item.answer_value)
    assert (item.item_id, task.entry_point, task.setup) == ("mbpp-8", "root", "import math")


def test_what_ends_no_line_of_json_lines_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text('\ufeff{"question": "Two\u2028and two?", "answer": "#### 4"}\n\n', encoding="utf-8")
    (item,) = load_gsm8k(path)
    assert "Two\u2028and two?" in item.prompt


@pytest.mark.parametrize(
    ("name", "rows", "place", "problem"),
    [
        ("gsm8k", [GSM8K, {"question": "?"}], ":2: answer:", "is missing"),
        ("gsm8k", [{**GSM8K, "answer": "four"}], ":1: answer:", "does not end in"),
        ("gsm8k", [{**GSM8K, "answer": "#### four"}], ":1: answer:", "does not end in"),
        ("gsm8k", [{**GSM8K, "question": 4}], ":1: question:", "is not a text"),
        ("gsm8k", [{**GSM8K, "question": " "}], ":1: question:", "is not a text"),
        ("gsm8k", [GSM8K, 4], ":2:", "is not an object"),
        ("humaneval", [HUMANEVAL, HUMANEVAL], ":2: task_id:", "is there twice"),
        ("humaneval", [{**HUMANEVAL, "entry_point": "thrice"}], ":1: entry_point:", "'thrice'"),
        ("humaneval", [{**HUMANEVAL, "test": "assert True"}], ":1: test:", "check(candidate)"),
        ("humaneval", [MBPP], ":1: task_id:", "is not a text"),
        ("mbpp", [{**MBPP, "task_id": "7"}], ":1: task_id:", "whole number"),
        ("mbpp", [{**MBPP, "test_list": []}], ":1: test_list:", "no test"),
        ("mbpp", [{**MBPP, "test_list": "assert"}], ":1: test_list:", "list of texts"),
        ("mbpp", [{**MBPP, "test_list": ["assert f() == 1"]}], ":1: test_list:", "calls no function"),
        ("mbpp", [{**MBPP, "code": "def both(:"}], ":1: test_list:", "calls no function"),
        ("mbpp", [GSM8K], ":1: task_id:", "whole number"),
    ],
)
def test_a_bad_row_names_its_line_and_field(
    tmp_path: Path, name: str, rows: list[Any], place: str, problem: str
) -> None:
    path = written(tmp_path / "set.jsonl", *rows)
    with pytest.raises(ConfigError) as caught:
        LOADERS[name](path)
    assert f"{path}{place}" in str(caught.value)
    assert problem in caught.value.message
    assert caught.value.mend


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"{", "is not JSON"),
        (b'{"question": "a"}\n{"quest', ":2: is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe", "is not UTF-8"),
        (gzip.compress(b"{}", mtime=0)[:12], "cannot be unpacked"),
        (b"\x1f\x8bnonsense", "cannot be unpacked"),
    ],
)
def test_a_file_that_is_no_set_says_so(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "set.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        load_gsm8k(path)
    assert caught.value.mend


def test_a_file_that_unpacks_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenarena_assets.suites.public_sets.MAX_BYTES", 2**20)
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * (2**20 + 1)))
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        load_humaneval(path)


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_mbpp(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_mbpp(tmp_path)


def test_the_panel_needs_enough_items_and_known_sets(tmp_path: Path) -> None:
    path = written(tmp_path / "test.jsonl", GSM8K)
    with pytest.raises(ConfigError, match="has 1 items"):
        anchor_items({"gsm8k": path})
    with pytest.raises(ConfigError, match="no public set 'math'"):
        anchor_items({"math": path})
    assert anchor_items({}) == ()


def test_the_panel_is_the_same_whatever_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [{**MBPP, "task_id": number} for number in range(40)]
    there = anchor_items({"mbpp": written(tmp_path / "a.jsonl", *rows)})
    back = anchor_items({"mbpp": written(tmp_path / "b.jsonl", *rows[::-1])})
    assert there == back
    assert len({item.item_id for item in there}) == 10


@needs_sets
def test_the_published_files_are_read_whole() -> None:
    assert [len(LOADERS[name](path)) for name, path in PUBLISHED.items()] == [1319, 164, 427]
    assert len(load_mbpp(SETS / "mbpp" / "mbpp.jsonl")) == 974
    assert all(item.answer_type == "int" for item in load_gsm8k(PUBLISHED["gsm8k"]))


@needs_sets
def test_the_panel_is_frozen() -> None:
    panel = anchor_items(PUBLISHED)
    assert [item.item_id for item in panel] == [
        *(f"gsm8k-{n}" for n in (801, 617, 1074, 182, 1198, 686, 784, 750, 559, 135)),
        *(f"humaneval-{n}" for n in (22, 10, 48, 0, 140, 55, 19, 13, 2, 41)),
        *(f"mbpp-{n}" for n in (75, 478, 444, 614, 138, 79, 398, 630, 558, 281)),
    ]
    assert anchor_items({"mbpp": PUBLISHED["mbpp"]}) == panel[20:]


def proven(item: Item) -> bool:
    task = CodeTask.from_json(item.answer_value)
    tests = f"{task.test_source}\ncheck({task.entry_point})" if "def check(" in task.test_source else task.test_source
    source = "\n".join([task.setup, task.reference or "", tests])
    run = subprocess.run([sys.executable, "-I", "-c", source], check=False, capture_output=True, timeout=60)
    return run.returncode == 0


@needs_sets
def test_the_published_solutions_of_the_panel_pass_its_tests() -> None:
    code = [item for item in anchor_items(PUBLISHED) if item.answer_type == "code"]
    assert len(code) == 20
    assert [item.item_id for item in code if not proven(item)] == []
