"""Mutations that keep the form: one value of one JSON document among lines is replaced, taken out or nested."""

from __future__ import annotations

import json
import random
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**70), 10**400, 0.1, -0.0, 1e308, 1e-308),
    *(float("inf"), float("nan"), "", " ", "\x00", "\ud800", "\udfff\ud800", "\u202e\x1b[31m", "=1+1", "null", "0"),
    *("1" * 5000, "1e999999999", "NaN", "-Infinity", "2026-13-45", "../../etc/passwd", "[DONE]", "data: {}", "\r\n"),
    *([], {}, [[]], [None], {"": None}, [{}], {"a": {"a": {"a": []}}}, "x" * 5000, ["x"] * 50, 1.5, "١٢", "1" * 19),
)
PREFIX = "data: "


def mutated(data: bytes, rng: random.Random) -> bytes:
    """`data` with one thing changed: in the JSON of one of its lines where there is any, else in its bytes."""
    lines = data.split(b"\n")
    if rng.random() < 0.7:
        for number in rng.sample(range(len(lines)), min(4, len(lines))):
            changed = _json_line(lines[number], rng)
            if changed is not None:
                return b"\n".join([*lines[:number], changed, *lines[number + 1 :]])
        changed = _json_line(data, rng)
        if changed is not None:
            return changed
    if rng.random() < 0.3 and len(lines) > 1:
        rng.shuffle(lines)
        return b"\n".join(lines)
    return _bytes(data, rng)


def _json_line(line: bytes, rng: random.Random) -> bytes | None:
    start = next((at for at in range(min(len(line), 16)) if line[at : at + 1] in b"{["), None)
    if start is None:
        return None
    try:
        found = json.loads(line[start:])
        changed = json.dumps(_changed(found, rng), ensure_ascii=rng.random() < 0.5)
    except (ValueError, RecursionError):
        return None
    return line[:start] + changed.encode("utf-8", "surrogatepass")


def _changed(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(list(value))
        if rng.random() < 0.1:
            return {other: entry for other, entry in value.items() if other != name}
        return value | {name: _changed(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], _changed(value[at], rng), *value[at + 1 :]]
    return _odd(value, rng)


def _odd(value: Any, rng: random.Random) -> Any:
    kind = rng.random()
    if kind < 0.1:
        return [value] * rng.randrange(1, 40)
    if kind < 0.2:
        for _ in range(rng.choice((3, 100, 300, 900))):
            value = [value] if rng.random() < 0.5 else {"a": value}
        return value
    return rng.choice(ODD)


def _bytes(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        at, kind = rng.randrange(len(changed) + 1), rng.randrange(4)
        if kind == 0:
            changed[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del changed[at : at + rng.randrange(1, 64)]
        elif kind == 2:
            changed[at:at] = rng.choice(
                (b"\r", b"\n\n", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"<<", b"```", b"&a *a")
            )
        else:
            other = rng.randrange(len(changed) + 1)
            changed[at:at] = changed[other : other + 256]
    return bytes(changed)
