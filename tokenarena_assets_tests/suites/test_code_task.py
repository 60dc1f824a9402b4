"""Code tasks as they are recorded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.suites.code_task import CodeTask, CodeTaskError


@given(
    task=st.builds(
        CodeTask,
        task_id=st.text(),
        entry_point=st.text(),
        prompt=st.text(),
        reference=st.none() | st.text(),
        cases=st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
        test_source=st.text(),
        setup=st.text(),
    )
)
def test_a_task_comes_back_from_its_json(task: CodeTask) -> None:
    assert CodeTask.from_json(task.to_json()) == task
    assert "\n" not in task.to_json()


def test_what_is_left_out_has_its_default() -> None:
    assert CodeTask.from_json('{"task_id": "a", "entry_point": "f", "unknown": 1}') == CodeTask("a", "f")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"task_id": "a"}', "entry_point: a text is missing"),
        (json.dumps({"task_id": "a", "entry_point": "f", "cases": [["(1,)"]]}), "cases: not a list"),
        (json.dumps({"task_id": "a", "entry_point": "f", "cases": "(1,)"}), "cases: not a list"),
        (json.dumps({"task_id": "a", "entry_point": "f", "prompt": None}), "prompt: not a text"),
    ],
)
def test_what_is_no_task_is_told(text: str, said: str) -> None:
    with pytest.raises(CodeTaskError, match=said):
        CodeTask.from_json(text)
