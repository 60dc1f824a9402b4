"""Grades code that a model wrote: runs it in the sandbox and compares its results outside."""

from __future__ import annotations

import ast
import json
import math
import secrets
import threading
import unicodedata
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from tokenarena_assets.suites.code_answer import code_of, programs_of
from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.grading import Grade
from tokenarena_assets.suites.sandbox import Sandbox, SandboxRun

CODE_GRADER_VERSION = "code-1"
LEAST_WALL_S = 3.0  # wall = max(3 s, 4 x the reference's time)
WALL_FACTOR = 4.0
REFERENCE_WALL_S = 30.0
FLOAT_RELATIVE, FLOAT_ABSOLUTE = 1e-6, 1e-9
MAX_DETAIL = 400
MAX_EXTRACTED = 20_000


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What came of one program: a reason of `Grade`, and the run's seconds."""

    reason: str
    detail: str | None
    wall_s: float
    ours: bool = False  # a fault that may not come again


def grade_code(text: str, task: CodeTask, sandbox: Sandbox | None) -> Grade:
    """Grade the program in `text` by `task`; never raises for what is in `text`.

    Without a sandbox nothing is run: `no_sandbox`. A task whose own reference does not pass, and a run that the sandbox
    could not begin, are `grader_fault`; both have `correct` None. An exception, a missing function and a syntax error
    are `code_error`, a result or an assert that differs is `wrong`, whichever case comes first. Floats agree within
    1e-6 relative or 1e-9 absolute; everything else as Python's `==` has it, between plain builtins.
    """
    if sandbox is None:
        return Grade(None, None, None, "no_sandbox", "code is run only inside a sandbox, and there is none here")
    code = code_of(text, task.entry_point)
    if not code:
        return Grade(False, False, None, "no_answer")
    extracted = _shown(code, MAX_EXTRACTED)
    wall_s = LEAST_WALL_S
    if task.reference is not None:
        proof = _proof_of(task, sandbox)
        if proof.reason != "correct":
            detail = f"the task's own reference fails: {proof.reason}: {proof.detail}"
            return Grade(None, None, extracted, "grader_fault", detail[:MAX_DETAIL])
        wall_s = max(LEAST_WALL_S, WALL_FACTOR * proof.wall_s)
    verdict = _run(code, task, sandbox, wall_s)
    if verdict.ours:
        verdict = _run(code, task, sandbox, wall_s)
    if verdict.reason == "grader_fault" and not verdict.ours and task.reference is not None:
        # the asserts can be run, the reference has shown it: what came between is the answer's doing
        verdict = replace(verdict, reason="wrong")
    correct = None if verdict.reason == "grader_fault" else verdict.reason == "correct"
    return Grade(correct, correct, extracted, verdict.reason, verdict.detail)


def grade_codes(pairs: Sequence[tuple[str, CodeTask]], sandbox: Sandbox | None, workers: int = 2) -> list[Grade]:
    """Grades in the order of `pairs`, `workers` at a time; the same answer to the same task is run once."""
    distinct = list(dict.fromkeys(pairs))
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        grades = dict(
            zip(distinct, pool.map(lambda pair: grade_code(pair[0], pair[1], sandbox), distinct), strict=True)
        )
    return [grades[pair] for pair in pairs]


class _Proofs:
    """Verdicts on tasks' own references, each run once a process; faults of ours are tried again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[tuple[CodeTask, Sandbox], threading.Lock] = {}
        self._known: dict[tuple[CodeTask, Sandbox], _Verdict] = {}

    def of(self, task: CodeTask, sandbox: Sandbox) -> _Verdict:
        key = (task, sandbox)
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            known = self._known.get(key)
            if known is None:
                known = _run(task.reference or "", task, sandbox, REFERENCE_WALL_S)
                if not known.ours and known.reason != "code_timeout":
                    self._known[key] = known
            return known


_PROOFS = _Proofs()
_proof_of = _PROOFS.of


@cache
def _harness() -> str:
    return Path(__file__).with_name("sandbox_harness.py").read_text(encoding="utf-8")


def _run(code: str, task: CodeTask, sandbox: Sandbox, wall_s: float) -> _Verdict:
    nonce = secrets.token_hex(16)
    job = {
        "nonce": nonce,
        "setup": task.setup,
        "sources": programs_of(code, task.prompt, task.entry_point),
        "entry_point": task.entry_point,
        "cases": [arguments for arguments, _ in task.cases],
        "namespace": _namespace(task),
        "tests": _tests(task),
    }
    run = sandbox.run(_harness(), json.dumps(job).encode(), wall_s)
    reason, detail, ours = _judged(run, _lines(run.report, nonce), task)
    return _Verdict(reason, None if detail is None else _shown(detail, MAX_DETAIL), run.wall_s, ours)


def _lines(report: bytes, nonce: str) -> list[list[Any]]:
    """The lines of a report that carry the nonce, as far as they are whole."""
    lines: list[list[Any]] = []
    for raw in report.split(b"\n"):
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, list) and len(line) > 1 and line[0] == nonce:
            lines.append(line[1:])
    return lines


def _judged(run: SandboxRun, lines: list[list[Any]], task: CodeTask) -> tuple[str, str | None, bool]:
    """(reason, detail, whether it is our fault and may pass)."""
    if run.status == "fault":
        return "grader_fault", f"the sandbox did not start: {run.error}", True
    done = False
    for kind, *rest in lines:
        failure: tuple[str, str | None] | None = None
        if kind == "unloaded":
            failure = _failure(rest[0])
        elif kind == "case":
            failure = _case(rest[0], rest[1], task)
        elif kind == "tests":
            failure = _of_tests(rest)
        elif kind == "done":
            done = True
        if failure is not None:
            return (*failure, False)
    if done:
        return "correct", None, False
    if run.status == "timeout":
        return "code_timeout", f"{run.error}", False
    if run.status == "killed":
        return "code_error", f"ended: {run.error}", False
    return "grader_fault", f"the judge ended early: {run.error}", True


def _failure(found: list[Any]) -> tuple[str, str | None]:
    """The reason that a message of the answer's process stands for, where it is no value."""
    kind, *words = found
    if kind == "error":
        return "code_error", f"{words[1]}: {words[2]}"
    if kind == "unlike":
        return "wrong", f"the result is no plain value: {words[0]}"
    return "code_error", str(words[0])


def _case(number: int, found: list[Any], task: CodeTask) -> tuple[str, str | None] | None:
    arguments, expected = task.cases[number]
    call = f"{task.entry_point}{arguments[:150]}"
    if found[0] != "value":
        reason, detail = _failure(found)
        return reason, f"{call}: {detail}"
    try:
        wanted = ast.literal_eval(expected)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        return "grader_fault", f"the expected result of {call} is no literal: {error}"
    text = str(found[1])
    # a right result is about as long as the expected one: what is far longer need not be read
    if len(text) <= 4 * len(expected) + 4_000 and _same(wanted, _value(text)):
        return None
    return "wrong", f"{call} is {text[:100]}, not {expected[:100]}"


class _Unreadable:
    """What equals nothing."""


def _value(text: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cast("object", ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return _Unreadable()


def _same(wanted: object, got: object) -> bool:
    """Python's `==`, but floats within tolerance wherever they stand in lists, tuples and values of dicts."""
    if isinstance(wanted, float) or isinstance(got, float):
        if not (isinstance(wanted, (int, float)) and isinstance(got, (int, float))):
            return False
        try:
            return wanted == got or math.isclose(wanted, got, rel_tol=FLOAT_RELATIVE, abs_tol=FLOAT_ABSOLUTE)
        except OverflowError:
            return False
    if isinstance(wanted, (list, tuple)):
        if type(wanted) is not type(got):
            return False
        others = cast("Sequence[object]", got)
        return len(wanted) == len(others) and all(map(_same, wanted, others))
    if isinstance(wanted, dict):
        return isinstance(got, dict) and wanted.keys() == got.keys() and all(_same(wanted[k], got[k]) for k in wanted)
    return wanted == got


def _of_tests(found: list[Any]) -> tuple[str, str | None] | None:
    if found[0] == "passed":
        return None
    if found[0] == "raised":
        return _failure(found[1])
    if found[0] == "unfit":  # the asserts hand over what is no plain value: the task is at fault, not the answer
        return "grader_fault", f"the asserts cannot be run: {found[1]}"
    return "wrong", str(found[1])


def _namespace(task: CodeTask) -> str:
    """What asserts may use besides the function: what its reference imports, and what a prompt that is code defines.

    HumanEval's asserts call helpers that stand in the prompt, MBPP's use modules that the reference imports.
    """
    parts: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for source in (task.reference or "", task.prompt):
            try:
                body = ast.parse(source).body
            except (SyntaxError, ValueError):
                continue  # a reference that goes on where the prompt ends, a prompt in prose
            if source is task.prompt:
                parts.append(source)
            else:
                parts += [ast.unparse(part) for part in body if isinstance(part, (ast.Import, ast.ImportFrom))]
    return "\n".join(parts)


def _tests(task: CodeTask) -> str:
    """The asserts, with the call of `check` that HumanEval's files leave out."""
    if not task.test_source.strip():
        return ""
    try:
        body = ast.parse(task.test_source).body
    except (SyntaxError, ValueError):
        return task.test_source  # the sandbox says what is wrong with it
    defined = any(isinstance(part, ast.FunctionDef) and part.name == "check" for part in body)
    called = any(
        isinstance(part, ast.Expr) and isinstance(part.value, ast.Call) and ast.unparse(part.value.func) == "check"
        for part in body
    )
    return task.test_source + (f"\n\ncheck({task.entry_point})\n" if defined and not called else "\n")


def _shown(text: str, most: int) -> str:
    """`text` as it is kept: bounded, storable as UTF-8, no control characters but line ends and tabs."""
    return "".join(
        " " if sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in text[:most]
    )
