"""The program that the sandbox runs: an answer in a process of its own, and a judge that never runs the answer's code.

Standard library only: its source is sent into the sandbox. The answer's process is forked off before the job is read,
so that it never holds the asserts or the nonce; what the cases expect is not in the job at all. It talks to the judge
over a pipe, in Python literals of plain builtins. The report on descriptor 3 is the judge's alone, one JSON text a
line, each with the nonce of the job.

The job, a JSON object: nonce, setup, sources (tried in order until one compiles), entry_point, cases (literals of
argument tuples), namespace (source that the asserts may use), tests.
"""
# ruff: noqa: S102, S307 - running what it is given is what it is for

from __future__ import annotations

import ast
import builtins
import json
import os
import sys
import time

MYPY = False
if MYPY:  # `typing` would take longer to import than most answers to run
    from collections.abc import Callable, Iterator
    from typing import Any

RESULT_BYTES = 256_000
LINE_BYTES = 8_000_000
DEPTH = 60
ITEMS = 10_000
LONGEST_DECIMAL_BITS = 12_000  # Python reads no decimal number of over 4,300 digits
PARTS = {"loaded": 2, "value": 2, "unlike": 4, "error": 4}


class NotPlainError(Exception):
    """A value that is not made of plain builtins."""


class AnswerError(Exception):
    """The answer's code raised something that is no ordinary builtin exception."""


# --- in the answer's process


def literal(value: Any, depth: int = 0) -> str:
    """A Python literal of `value`, of exact builtin types only: a subclass could bring its own `__eq__`."""
    if depth > DEPTH:
        raise NotPlainError("nested too deeply")
    kind = type(value)
    if kind is float:
        return {"inf": "1e999", "-inf": "-1e999"}.get(repr(value)) or repr(value)
    if kind is int and value.bit_length() > LONGEST_DECIMAL_BITS:
        return hex(value)
    if value is None or kind in (bool, int, str, bytes, complex):
        return repr(value)
    if kind in (list, tuple, set, frozenset):
        inner = [literal(item, depth + 1) for item in value]
        if kind is list:
            return "[" + ", ".join(inner) + "]"
        if kind is tuple:
            return "(" + "".join(item + ", " for item in inner) + ")"
        return "{" + ", ".join(inner) + "}" if inner else "set()"
    if kind is dict:
        return "{" + ", ".join(literal(k, depth + 1) + ": " + literal(v, depth + 1) for k, v in value.items()) + "}"
    return literal(plain(value), depth)


def plain(value: Any) -> Any:
    """The builtin that `value` is a subclass of: Counter, namedtuple, IntEnum and the like."""
    scalars: tuple[Any, ...] = (int, float, complex, str, bytes)
    for base in scalars:
        if isinstance(value, base):
            return base.__new__(base, value)
    containers: tuple[Any, ...] = (list, tuple, set, frozenset, dict)
    for base in containers:
        if isinstance(value, base):
            return base(value)
    raise NotPlainError("a " + str(getattr(type(value), "__name__", "value"))[:80])


def message_of(result: Any) -> list[Any]:
    """What is sent for a result: its literal, else what it is, whether it is true, and what it iterates over."""
    try:
        text = literal(result)
        return ["value", text] if len(text) <= RESULT_BYTES else ["unlike", "too long", True, None]
    except NotPlainError as error:
        words = str(error)
    try:
        items = literal([item for item, _ in zip(result, range(ITEMS))])  # noqa: B905 - not before Python 3.10
    except (TypeError, NotPlainError):
        items = None
    return ["unlike", words, bool(result), items if items is None or len(items) <= RESULT_BYTES else None]


def told(error: BaseException) -> list[Any]:
    """What went wrong: the nearest builtin exception, its own name, its message."""
    names = [kind.__name__ for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind]
    try:
        words = str(error)[:300]
    except BaseException:
        words = ""
    return ["error", names[0] if names else "Exception", type(error).__name__[:80], words]


def load(job: dict[str, Any]) -> tuple[int, Callable[..., Any]]:
    """The number of the source that compiles, and the function that it defines."""
    module = type(sys)("answer")
    sys.modules["answer"] = module
    space = module.__dict__
    exec(job["setup"], space)
    problem: BaseException = SyntaxError("no program")
    for number, source in enumerate(job["sources"]):
        try:
            code = compile(source, "answer", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
            problem = error if number == 0 else problem
            continue
        exec(code, space)
        call = space.get(job["entry_point"])
        if not callable(call):
            raise NameError("no function " + job["entry_point"])
        return number, call
    raise problem


def run_answer(lines: Lines) -> None:
    """Load the answer, then call it for every line of arguments that comes."""
    job = json.loads(lines.line() or "")
    try:
        number, call = load(job)
    except BaseException as error:
        lines.send(told(error))
        return
    lines.send(["loaded", number])
    while True:
        line = lines.line()
        if line is None:
            return
        try:
            positional, named = eval(line, {})  # a fresh copy of the arguments each time
            message = message_of(call(*positional, **named))
        except BaseException as error:
            message = told(error)
        lines.send(message)


# --- on both sides


class Lines:
    """JSON texts, one a line, over two pipe ends."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self.writing, self.held = reading, writing, b""

    def send(self, value: Any) -> None:
        """Write one line; a text goes as it is."""
        write(self.writing, value if isinstance(value, str) else json.dumps(value))

    def line(self) -> str | None:
        """The next line, or None at the end; raises ValueError for one that is too long."""
        parts: list[bytes] = []
        size = 0
        while b"\n" not in self.held:
            parts.append(self.held)
            size += len(self.held)
            if size > LINE_BYTES:
                raise ValueError("a line without end")
            self.held = os.read(self.reading, 65536)
            if not self.held:
                return None
        head, _, self.held = self.held.partition(b"\n")
        return (b"".join(parts) + head).decode("utf-8", "replace")


def write(descriptor: int, line: str) -> None:
    """Write `line` whole."""
    data = line.encode("utf-8", "backslashreplace") + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]


# --- in the judge's process


class Opaque:
    """Stands in the asserts for a result that is no plain value: it has a truth and may be iterated over."""

    def __init__(self, truth: bool, items: list[Any] | None) -> None:
        self._truth, self._items = truth, items

    def __bool__(self) -> bool:
        return self._truth

    def __iter__(self) -> Iterator[Any]:
        if self._items is None:
            raise TypeError("the result is not iterable")
        return iter(self._items)


class Judge:
    """Asks the answer's process and reports what came of it."""

    def __init__(self, job: dict[str, Any], child: int, lines: Lines) -> None:
        self.job, self.child, self.lines = job, child, lines

    def report(self, kind: str, *details: Any) -> None:
        """One line of the report."""
        write(3, json.dumps([self.job["nonce"], kind, *details]))

    def ask(self, arguments: str | None = None) -> list[Any]:
        """The answer's next message: loaded, value, unlike, error; or that it ended."""
        try:
            if arguments is not None:
                self.lines.send(arguments)
            line = self.lines.line()
            if line is not None:
                found = json.loads(line)
                if isinstance(found, list) and found and PARTS.get(str(found[0])) == len(found):
                    return found
                return ["ended", "it sent something that is no result"]
        except (OSError, ValueError, RecursionError, MemoryError):
            pass
        return ["ended", self.fate()]

    def fate(self) -> str:
        """How the answer's process ended."""
        status = 0
        for _ in range(20):  # its pipe closes a little before it is gone
            pid, status = os.waitpid(self.child, os.WNOHANG)
            if pid:
                break
            time.sleep(0.005)
        if os.WIFSIGNALED(status):
            return "its process died of signal " + str(os.WTERMSIG(status))
        return "its process ended before it returned"

    def judge(self) -> None:
        """The whole job."""
        loaded = self.ask()
        self.report("loaded" if loaded[0] == "loaded" else "unloaded", loaded)
        if loaded[0] != "loaded":
            return
        for number, arguments in enumerate(self.job["cases"]):
            found = self.ask("(" + arguments + ", {})")
            self.report("case", number, found)
            if found[0] == "ended":
                return
        if self.job["tests"]:
            self.report("tests", *self.outcome_of_tests())
        self.report("done")

    def outcome_of_tests(self) -> tuple[Any, ...]:
        """Run the asserts here, with a stand-in that asks the answer's process."""
        escaped: list[tuple[Exception, list[Any]]] = []

        def stand_in(*arguments: Any, **named: Any) -> Any:
            found = self.ask(literal((arguments, named)))
            try:
                if found[0] == "value":
                    return ast.literal_eval(found[1])
                if found[0] == "unlike":
                    return Opaque(bool(found[2]), None if found[3] is None else ast.literal_eval(found[3]))
            except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
                found = ["unlike", "cannot be read", True, None]
            error = raised(found)
            escaped.append((error, found))
            raise error

        space: dict[str, Any] = {"__name__": "tests"}
        exec(self.job["setup"], space)
        exec(self.job["namespace"], space)
        space[self.job["entry_point"]] = stand_in
        try:
            code = compile(self.job["tests"], "tests", "exec")
        except (SyntaxError, ValueError) as error:
            return "unfit", str(error)[:300]
        try:
            exec(code, space)
        except AssertionError as error:
            return "failed", "assertion failed: " + (str(error)[:300] or at_line(error, self.job["tests"]))
        except Exception as error:
            own = [found for caught, found in escaped if caught is error]
            if own:
                return "raised", own[0]
            words = type(error).__name__ + ": " + str(error)[:200] + " in " + at_line(error, self.job["tests"])
            return "unfit" if isinstance(error, (NotPlainError, NameError)) else "failed", words
        # asserts that expect an exception would take the end of the process for one
        ends = [found for _, found in escaped if found[0] == "ended"]
        return ("raised", ends[0]) if ends else ("passed",)


def raised(found: list[Any]) -> Exception:
    """The exception to raise in the asserts for a message that is no value."""
    if found[0] != "error":
        return AnswerError(str(found[1]))
    kind = getattr(builtins, str(found[1]), None)
    words = str(found[2]) + ": " + str(found[3])
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(words)
        except TypeError:  # UnicodeDecodeError takes five arguments
            pass
    return AnswerError(words)


def at_line(error: BaseException, source: str) -> str:
    """The line of the asserts that `error` came out of."""
    trace, number = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "tests":
            number = trace.tb_lineno
        trace = trace.tb_next
    lines = source.splitlines()
    return lines[number - 1].strip()[:300] if 0 < number <= len(lines) else "the tests"


def main() -> None:
    """Fork the answer's process, then read the job and judge."""
    to_answer, from_judge = os.pipe()
    to_judge, from_answer = os.pipe()
    child = os.fork()
    if child == 0:
        null = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        for descriptor in (3, null, from_judge, to_judge):
            os.close(descriptor)
        try:
            run_answer(Lines(to_answer, from_answer))
        finally:
            os._exit(0)
    os.close(to_answer)
    os.close(from_answer)
    job = json.loads(sys.stdin.buffer.read())
    lines = Lines(to_judge, from_judge)
    lines.send({name: job[name] for name in ("setup", "sources", "entry_point")})
    Judge(job, child, lines).judge()


if __name__ == "__main__":
    main()
