"""Runs our own references, when items are made. Code that a model wrote runs in the sandbox alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def function_of(source: str, name: str) -> Callable[..., Any]:
    """The function that our own `source` defines."""
    namespace: dict[str, Any] = {}
    exec(compile(source, f"<{name}>", "exec"), namespace)  # noqa: S102 - rendered from our own templates
    found: Callable[..., Any] = namespace[name]
    return found
