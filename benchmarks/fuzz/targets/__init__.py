"""What is fuzzed, a module each; `NAMES` in the order in which they run."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

NAMES = ("stream", "rawlog", "yaml_files", "importers", "items", "graders", "feeds", "snapshot")


class Target(Protocol):
    """One module."""

    def seeds(self) -> list[bytes]:
        """Inputs that are as they should be, to begin from."""
        ...

    def check(self, data: bytes) -> None:
        """Raises what is not allowed, for any bytes."""
        ...


def target(name: str) -> Target:
    """The target of that name; its import is what is instrumented."""
    return cast("Target", import_module(f"{__name__}.{name}"))
