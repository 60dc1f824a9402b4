"""What an answer that is a program is worth, and what an answer that cheats is not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tokenarena_assets.suites import code_grading
from tokenarena_assets.suites.code_grading import grade_code, grade_codes
from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.grading import Grade
from tokenarena_assets.suites.public_sets import LOADERS
from tokenarena_assets.suites.sandbox import Sandbox, SandboxRun
from tokenarena_assets_tests.suites.sandboxes import machine_sandbox

PROMPT = 'def add(a, b):\n    """The sum of a and b."""\n'
CASES = CodeTask(
    "add",
    "add",
    PROMPT,
    reference=PROMPT + "    return a + b\n",
    cases=(("(1, 2)", "3"), ("(0.1, 0.2)", "0.3"), ("([1], [(2, 'x')])", "[1, (2, 'x')]")),
)
ASSERTS = CodeTask(
    "add",
    "add",
    PROMPT,
    reference="    return a + b\n",
    test_source="def check(candidate):\n    assert candidate(1, 2) == 3\n"
    "    assert candidate(b=2, a=5) == 7, 'by name'\n",
)
PLAIN_ASSERTS = CodeTask("add", "add", test_source="assert add(1, 2) == 3\nassert set(add([1], [2, 1])) == {1, 2}\n")
TASKS = {"cases": CASES, "check": ASSERTS, "asserts": PLAIN_ASSERTS}


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return machine_sandbox()


class NoSandbox:
    """Answers every run with the same outcome; counts them."""

    def __init__(self, run: SandboxRun) -> None:
        self.outcome, self.runs = run, 0

    def run(self, program: str, stdin: bytes = b"", wall_s: float = 3.0) -> SandboxRun:
        self.runs += 1
        return self.outcome


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("def add(a, b):\n    return a + b", "correct"),
        ("def add(a, b):\n    print('x' * 10)\n    return a + b", "correct"),
        ("def add(a, b):\n    return b", "wrong"),
        ("def add(a, b):\n    return None", "wrong"),
        ("def add(a, b):\n    pass", "wrong"),
        ("def add(a, b):\n    return a + c", "code_error"),
        ("def add(a, b)\n    return a + b", "code_error"),
        ("def add(a):\n    return a", "code_error"),
        ("def plus(a, b):\n    return a + b", "code_error"),
        ("import numpy\ndef add(a, b):\n    return numpy.add(a, b)", "code_error"),
        ("def add(a, b):\n    return add(a, b)", "code_error"),
        ("add = 3", "code_error"),
        ("", "no_answer"),
        ("<think>def add(a, b):\n    return a + b", "no_answer"),
    ],
)
def test_answers(sandbox: Sandbox, kind: str, answer: str, reason: str) -> None:
    grade = grade_code(answer, TASKS[kind], sandbox)
    assert grade.reason == reason, grade
    assert grade.correct is (reason == "correct")
    assert grade.lenient_correct is grade.correct
    assert (grade.detail is None) == (reason in ("correct", "no_answer"))


# None of these adds. Each must be anything but correct, and must not be missing either.
CHEATS = {
    "exit": "import sys\nsys.exit(0)\ndef add(a, b): ...",
    "exit when called": "import sys\ndef add(a, b): sys.exit(0)",
    "end the process": "import os\ndef add(a, b): os._exit(0)",
    "end the process at once": "import os\nos._exit(0)\ndef add(a, b): ...",
    "equal to everything": "class All:\n    def __eq__(self, o): return True\n    def __hash__(self): return 0\n"
    "    def __iter__(self): return iter([1, 2])\n    __ne__ = lambda s, o: False\ndef add(a, b): return All()",
    "an int equal to everything": "class All(int):\n    def __eq__(self, o): return True\n    __hash__ = int.__hash__\n"
    "def add(a, b): return All(9)",
    "a list equal to everything": "class All(list):\n    def __eq__(self, o): return True\n"
    "def add(a, b): return All([9])",
    "change the builtins": "import builtins\nbuiltins.AssertionError = ValueError\nbuiltins.all = lambda x: True\n"
    "builtins.repr = lambda x: '3'\nbuiltins.type = lambda x: int\nbuiltins.eval = lambda *x: 3\n"
    "def add(a, b): return 0",
    "change the harness": "import sys\nmain = sys.modules['__main__']\nfor name in list(vars(main)):\n"
    "    if not name.startswith('_'): setattr(main, name, lambda *a, **k: True)\ndef add(a, b): return 0",
    "look at the frames": "import sys, gc\ndef add(a, b):\n    f = sys._getframe()\n    seen = []\n    while f:\n"
    "        seen.append(f.f_locals.copy()); f = f.f_back\n    for s in seen:\n        for v in list(s.values()):\n"
    "            if isinstance(v, dict) and ('tests' in v or 'nonce' in v): return a + b\n    return -1",
    "look through memory": "import gc\ndef add(a, b):\n    for o in gc.get_objects():\n"
    "        if isinstance(o, dict) and 'nonce' in o and 'tests' in o: return a + b\n    return -1",
    "write a report": "import os\ndef add(a, b):\n    for fd in range(3, 64):\n        for line in (b'ready\\n',"
    " b'[\"\", \"done\"]\\n', b'[null, \"tests\", \"passed\"]\\n'):\n            try: os.write(fd, line)\n"
    "            except OSError: pass\n    return -1",
    "kill the judge": "import os, signal\ndef add(a, b):\n    os.kill(os.getppid(), signal.SIGKILL)\n    return 0",
    "stop the judge nicely": "import os, signal\ndef add(a, b):\n    os.kill(os.getppid(), signal.SIGTERM)\n"
    "    return 0",
    "print the verdict": "print('passed', 'correct', flush=True)\ndef add(a, b): return -1",
    "never come to an end in text": "def add(a, b):\n    x = []\n    x.append(x)\n    return x",
    "too much": "def add(a, b): return 'x' * 10_000_000",
    "nested": "def add(a, b):\n    x = 0\n    for _ in range(50): x = [x]\n    return x",
    "close everything": "import os\ndef add(a, b):\n    os.closerange(0, 64)\n    return 3",
    "a wrong protocol": "import os\ndef add(a, b):\n    for fd in range(3, 64):\n        try:\n"
    "            os.write(fd, b'[[[[\\n' * 9)\n        except OSError: pass\n    return 3",
    "raise the judge's own errors": "def add(a, b): raise AssertionError('assertion failed')",
    "raise an exit": "def add(a, b): raise KeyboardInterrupt",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["cases", "check"])
@pytest.mark.parametrize("name", CHEATS)
def test_cheats_do_not_pass(sandbox: Sandbox, kind: str, name: str) -> None:
    grade = grade_code(CHEATS[name], TASKS[kind], sandbox)
    assert grade.correct is False, grade
    assert grade.reason in ("wrong", "code_error")


def test_an_answer_without_end_is_a_timeout(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_grading, "LEAST_WALL_S", 0.3)
    for answer in ("def add(a, b):\n    while True: pass", "while True: pass\ndef add(a, b): ..."):
        grade = grade_code(answer, CASES, sandbox)
        assert (grade.correct, grade.reason) == (False, "code_timeout")


def test_the_first_case_that_fails_is_told(sandbox: Sandbox) -> None:
    grade = grade_code("def add(a, b):\n    return 3", CASES, sandbox)
    assert grade.detail == "add(0.1, 0.2) is 3, not 0.3"
    assert grade.extracted == "def add(a, b):\n    return 3"
    grade = grade_code("def add(a, b):\n    return {}[a]", CASES, sandbox)
    assert grade.detail == "add(1, 2): KeyError: 1"
    grade = grade_code("def add(a, b):\n    return 3", ASSERTS, sandbox)
    assert grade.detail == "assertion failed: by name"
    grade = grade_code("def add(a, b):\n    return 4", PLAIN_ASSERTS, sandbox)
    assert grade.detail == "assertion failed: assert add(1, 2) == 3"


def test_details_are_bounded_and_can_be_stored(sandbox: Sandbox) -> None:
    grade = grade_code("def add(a, b):\n    raise ValueError('\\x00\\ud800' * 10_000)", CASES, sandbox)
    assert grade.reason == "code_error"
    assert len(grade.detail or "") <= code_grading.MAX_DETAIL
    (grade.detail or "").encode()
    grade = grade_code("def add(a, b):\n    return '\ud800'" + "#" * 100_000, CASES, sandbox)
    assert len(grade.extracted or "") == code_grading.MAX_EXTRACTED
    (grade.extracted or "").encode()


@pytest.mark.parametrize(
    ("expected", "answer", "same"),
    [
        ("[1, 2]", "[1, 2]", True),
        ("[1, 2]", "(1, 2)", False),
        ("(1,)", "(1,)", True),
        ("()", "()", True),
        ("set()", "set()", True),
        ("{1, 2}", "{2, 1}", True),
        ("{1, 2}", "frozenset([1, 2])", True),
        ("{'a': [1.0]}", "{'a': [1.0 + 1e-9]}", True),
        ("{'a': 1}", "__import__('collections').Counter('a')", True),
        ("(1, 2)", "__import__('collections').namedtuple('P', 'x y')(1, 2)", True),
        ("3", "3.0", True),
        ("0.3", "0.1 + 0.2", True),
        ("0.3", "0.30001", False),
        ("0.0", "1e-12", True),
        ("1.5", "float('nan')", False),
        ("1e999", "float('inf')", True),
        ("1e999", "-float('inf')", False),
        ("1.5", "10 ** 400", False),
        ("1" + "0" * 4000, "10 ** 4000", True),
        ("0x1" + "0" * 5000, "16 ** 5000", True),
        ("'é\\n\\ud800'", "'é\\n\\ud800'", True),
        ("b'\\x00'", "bytes(1)", True),
        ("None", "None", True),
        ("True", "1 == 1", True),
        ("[0, 1]", "(i for i in range(2))", False),
        ("[0, 1]", "range(2)", False),
        ("[]", "object()", False),
        ("'3'", "3", False),
    ],
)
def test_results_compare_as_python_has_it_but_for_floats(
    sandbox: Sandbox, expected: str, answer: str, same: bool
) -> None:
    task = CodeTask("f", "f", cases=(("()", expected),))
    grade = grade_code(f"def f():\n    return {answer}", task, sandbox)
    assert grade.reason == ("correct" if same else "wrong"), grade


def test_asserts_may_iterate_over_a_result_and_ask_whether_it_is_true(sandbox: Sandbox) -> None:
    task = CodeTask("f", "f", test_source="assert sorted(f(3)) == [0, 1, 2]\nassert f(1)\n")
    assert grade_code("def f(n):\n    return (i for i in range(n))", task, sandbox).correct
    assert grade_code("from collections import deque\ndef f(n):\n    return deque(range(n))", task, sandbox).correct
    assert grade_code("def f(n):\n    return object()", task, sandbox).reason == "wrong"


def test_every_case_gets_arguments_of_its_own(sandbox: Sandbox) -> None:
    task = CodeTask("f", "f", cases=(("([1],)", "[1, 0]"), ("([1],)", "[1, 0]")))
    assert grade_code("def f(x):\n    x.append(0)\n    return x", task, sandbox).correct


def test_asserts_may_expect_an_exception(sandbox: Sandbox) -> None:
    source = "try:\n    f(0)\nexcept ZeroDivisionError as error:\n    pass\nelse:\n    assert False, 'it must raise'\n"
    task = CodeTask("f", "f", test_source=source)
    assert grade_code("def f(x):\n    return 1 / x", task, sandbox).correct
    assert grade_code("def f(x):\n    return 1", task, sandbox).reason == "wrong"
    assert grade_code("def f(x):\n    raise KeyError(x)", task, sandbox).reason == "code_error"
    task = CodeTask("f", "f", test_source="try:\n    f(0)\nexcept Exception:\n    pass\n")
    assert grade_code("def f(x):\n    return 1 / x", task, sandbox).correct
    assert grade_code("import os\ndef f(x):\n    os._exit(0)", task, sandbox).reason == "code_error"


def test_setup_runs_before_the_answer_and_the_asserts(sandbox: Sandbox) -> None:
    task = CodeTask("f", "f", setup="import math\nK = 2", test_source="assert f(4) == math.sqrt(4) * K")
    assert grade_code("def f(x):\n    return math.sqrt(x) * K", task, sandbox).correct


def test_sets_come_in_the_same_order_each_time(sandbox: Sandbox) -> None:
    task = CodeTask("f", "f", cases=(("()", "''"),))
    answer = "def f():\n    return ' '.join({'one', 'two', 'three', 'four', 'five'})"
    assert len({grade_code(answer, task, sandbox).detail for _ in range(4)}) == 1


def test_without_a_sandbox_nothing_is_wrong() -> None:
    grade = grade_code("def add(a, b):\n    return 0", CASES, None)
    assert (grade.correct, grade.lenient_correct, grade.reason) == (None, None, "no_sandbox")


def test_a_reference_that_fails_is_our_fault(sandbox: Sandbox) -> None:
    for reference in ("def f():\n    return 2", "def f(:", "def f():\n    import os; os._exit(0)"):
        task = CodeTask("f", "f", reference=reference, cases=(("()", "1"),))
        grade = grade_code("def f():\n    return 1", task, sandbox)
        assert (grade.correct, grade.lenient_correct, grade.reason) == (None, None, "grader_fault")
        assert "reference" in (grade.detail or "")


def test_cases_and_asserts_that_are_broken_are_our_fault(sandbox: Sandbox) -> None:
    for task in (
        CodeTask("f", "f", cases=(("()", "one"),)),
        CodeTask("f", "f", test_source="assert f( == 1"),
        CodeTask("f", "f", test_source="assert f() == unknown_name"),
        CodeTask("f", "f", test_source="assert f(object()) == 1"),
    ):
        grade = grade_code("def f(*x):\n    return 1", task, sandbox)
        assert (grade.correct, grade.reason) == (None, "grader_fault"), (task, grade)


@pytest.mark.parametrize("status", ["fault", "exited"])
def test_a_sandbox_that_fails_is_our_fault_and_is_tried_again(status: str) -> None:
    failing = NoSandbox(SandboxRun(status, 1, b"", False, 0.0, "no room"))  # type: ignore[arg-type]
    task = CodeTask("f", "f", cases=(("()", "1"),))
    grade = grade_code("def f():\n    return 1", task, failing)  # type: ignore[arg-type]
    assert (grade.correct, grade.reason) == (None, "grader_fault")
    assert "no room" in (grade.detail or "")
    assert failing.runs == 2


def test_a_report_without_the_nonce_counts_for_nothing() -> None:
    forged = NoSandbox(SandboxRun("exited", 0, b"", False, 0.0, None, b'["x", "done"]\n["", "done"]\n[]\n{}\n1\n'))
    assert grade_code("def f():\n    return 1", CodeTask("f", "f"), forged).correct is None  # type: ignore[arg-type]


def test_the_same_answer_to_the_same_task_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def grade(text: str, task: CodeTask, sandbox: Sandbox | None) -> Grade:
        asked.append(text)
        return Grade(True, True, text, "correct")

    monkeypatch.setattr(code_grading, "grade_code", grade)
    texts = ["a", "b", "a", "c", "b", "a"]
    grades = grade_codes([(text, CASES) for text in texts], None)
    assert [found.extracted for found in grades] == texts
    assert sorted(asked) == ["a", "b", "c"]


def test_many_are_graded_in_order(sandbox: Sandbox) -> None:
    texts = [f"def add(a, b):\n    return {'b' if number % 2 else 'a + b'}  # {number}" for number in range(8)]
    assert [found.correct for found in grade_codes([(text, CASES) for text in texts], sandbox)] == [True, False] * 4
    assert grade_codes([], sandbox) == []


SETS = Path(__file__).parents[3] / "shared" / "data" / "public_sets"


@pytest.mark.parametrize(
    ("name", "file", "items"),
    [("humaneval", "humaneval/HumanEval.jsonl.gz", 164), ("mbpp", "mbpp/sanitized-mbpp.json", 427)],
)
def test_published_references_pass(sandbox: Sandbox, name: str, file: str, items: int) -> None:
    if not (SETS / file).exists():
        pytest.skip(f"the project ships no public sets, and {SETS / file} is not there")
    tasks = [CodeTask.from_json(item.answer_value) for item in LOADERS[name](SETS / file)]
    assert len(tasks) == items
    sample = random.Random(20).sample(tasks, 20)
    if name == "humaneval":  # asserts that call helpers of the prompt
        sample += [task for task in tasks if task.entry_point in ("find_zero", "decode_cyclic", "decode_shift")]
    else:  # asserts that use modules, truth of match objects
        sample += [task for task in tasks if task.task_id.rpartition("/")[2] in ("596", "737", "787", "794")]
    assert len(sample) >= 22
    grades = grade_codes([(f"```python\n{task.reference}\n```", task) for task in sample], sandbox)
    assert [(task.task_id, grade.detail) for task, grade in zip(sample, grades, strict=True) if not grade.correct] == []
