"""The errors that a person is meant to read: what is wrong, where, and how to mend it."""

from __future__ import annotations

from pathlib import Path


class TokenArenaError(Exception):
    """Base of every error that the command line prints without a traceback."""

    def __init__(self, message: str, *, mend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message}\n  mend: {self.mend}" if self.mend else self.message


class ConfigError(TokenArenaError):
    """A configuration file is wrong; names the file, and the line and field where they are known."""

    def __init__(
        self, file: Path | str, problem: str, *, line: int | None = None, field: str | None = None, mend: str | None
    ) -> None:
        place = f"{file}:{line}" if line else str(file)
        super().__init__(f"{place}: {field}: {problem}" if field else f"{place}: {problem}", mend=mend)
        self.file, self.line, self.field = str(file), line, field


class NoEvidenceError(TokenArenaError):
    """A day has no raw probe rounds, and evidence of a past day cannot be made today."""


class MissingTableError(TokenArenaError):
    """A table, or its partition of a day, has not been materialized."""


class SpendCapError(TokenArenaError):
    """A round would cost more than the cap allows."""


class StorageError(TokenArenaError):
    """A file cannot be read or written, or is not what it should be; nothing was overwritten."""
