"""A tool's file as JSON or as JSON lines; what cannot be read is named with its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenarena_assets.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file of JSON lines; `problem` says why it is no JSON, and `value` is then its text."""

    number: int
    value: Any
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content: one JSON value, or lines of them; `sha256` is of its bytes."""

    path: Path
    sha256: str
    value: Any = None
    lines: tuple[Line, ...] | None = None

    @property
    def first(self) -> Any:
        """What tells which tool wrote it: the value, its first element, or the first line that could be read."""
        if self.lines is not None:
            return next((line.value for line in self.lines if line.problem is None), None)
        return self.value[0] if isinstance(self.value, list) and self.value else self.value

    def records(self) -> Iterator[Line]:
        """Its lines, or the elements of its list numbered from 1, or its one object."""
        if self.lines is not None:
            yield from self.lines
        else:
            elements = self.value if isinstance(self.value, list) else [self.value]
            yield from (Line(number, element) for number, element in enumerate(elements, start=1))


def read_document(path: Path) -> Document:
    """Read a result file.

    Raises:
        ConfigError: it cannot be read, or is neither JSON nor JSON lines.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(path, "there is no such file", mend="check the path given") from None
    except OSError as error:
        raise ConfigError(path, f"cannot be read: {error.strerror}", mend="give a file that can be read") from None
    sha256 = hashlib.sha256(data).hexdigest()
    if not data.strip():
        raise ConfigError(path, "the file is empty", mend="give the file of a run that was finished")
    try:
        return Document(path, sha256, value=json.loads(data.decode("utf-8-sig")))
    except RecursionError:
        raise ConfigError(path, "is nested too deeply", mend="give the file as the tool wrote it") from None
    except ValueError as error:
        lines = _lines(data)
        if any(isinstance(line.value, dict) for line in lines):
            return Document(path, sha256, lines=lines)
        raise ConfigError(
            path,
            f"is neither JSON nor JSON lines: {error}",
            line=getattr(error, "lineno", None),
            mend="give the tool's JSON output as it wrote it; one that was cut off cannot be read",
        ) from None


def _lines(data: bytes) -> tuple[Line, ...]:
    return tuple(_line(number, line) for number, line in enumerate(data.split(b"\n"), start=1) if line.strip())


def _line(number: int, data: bytes) -> Line:
    text = data.decode("utf-8", "replace").removeprefix("\ufeff").strip()
    try:
        return Line(number, json.loads(text))
    except RecursionError:
        return Line(number, text, "it is nested too deeply")
    except ValueError as error:
        return Line(number, text, f"it is no JSON: {error}")
