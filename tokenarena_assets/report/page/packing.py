"""Rows as compact columns whose text shows every character, and JSON that may stand inside of a script element."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

DIGITS = 6  # significant; the database has them all
# What ends a script element, opens a comment, or breaks a line of JavaScript.
ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def visible(text: str) -> str:
    """Text with every control, format and direction character written out; lines stay lines."""
    return "\n".join(
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        for line in text.split("\n")
    )


def plain(value: Any) -> Any:
    """A value as JSON has it: numbers of `DIGITS` digits, days and times as ISO text, text made :func:`visible`."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float | Decimal):
        number = float(value)
        return float(f"{number:.{DIGITS}g}") if math.isfinite(number) else None
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {visible(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return visible(str(value))


def packed(rows: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> dict[str, list[Any]]:
    """Rows as `{column: values}`; a column of one value throughout is that value alone, without a list."""
    found: dict[str, Any] = {"length": len(rows)}
    for name in columns:
        values = [plain(row.get(name)) for row in rows]
        alike = values and not isinstance(values[0], list) and all(value == values[0] for value in values)
        found[name] = values[0] if alike else values
    return found


def script_json(data: object) -> str:
    """JSON for a script element; nothing in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(ESCAPES)
