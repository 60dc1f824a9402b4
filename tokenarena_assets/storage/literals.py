"""A text as SQL writes it, where no parameter can stand: paths, names of views, settings, comments."""

from __future__ import annotations


def literal(value: str) -> str:
    """`value` between quotes, its own ones doubled."""
    return "'" + value.replace("'", "''") + "'"
