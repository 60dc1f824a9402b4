"""What a code item asks for and how its answer is judged, apart from the text that is sent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from tokenarena_assets.errors import TokenArenaError

MEND = "a code task is the JSON of CodeTask: see docs/sandbox.md"


class CodeTaskError(TokenArenaError):
    """A recorded code task that cannot be read."""


@dataclass(frozen=True, slots=True)
class CodeTask:
    """A function to write, with what proves it.

    `prompt` is the signature with its docstring; it goes before an answer that lacks `def entry_point`. `reference` is
    the source of a right solution and is never sent. `cases` are pairs of Python literals, a tuple of arguments and the
    expected result: results are compared outside the sandbox, so an answer never sees what is expected. `test_source`
    holds asserts that call `entry_point`, or a function `check(candidate)` of them. `setup` runs before either.
    """

    task_id: str
    entry_point: str
    prompt: str = ""
    reference: str | None = None
    cases: tuple[tuple[str, str], ...] = ()
    test_source: str = ""
    setup: str = ""

    def to_json(self) -> str:
        """One line with sorted keys: equal tasks have equal text."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> CodeTask:
        """The task that `to_json` wrote; raises CodeTaskError."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CodeTaskError(f"not JSON: {error}", mend=MEND) from None
        if not isinstance(found, dict):
            raise CodeTaskError("not an object", mend=MEND)
        return cls(
            **{field.name: _checked(found, field.name) for field in fields(cls) if field.name in _present(found)}
        )


def _present(found: dict[str, Any]) -> set[str]:
    missing = [name for name in ("task_id", "entry_point") if not isinstance(found.get(name), str)]
    if missing:
        raise CodeTaskError(f"{' and '.join(missing)}: a text is missing", mend=MEND)
    return set(found)


def _checked(found: dict[str, Any], name: str) -> Any:
    value = found[name]
    if name == "cases":
        if not isinstance(value, list) or not all(_is_pair(pair) for pair in value):
            raise CodeTaskError("cases: not a list of [arguments, expected] literals", mend=MEND)
        return tuple((pair[0], pair[1]) for pair in value)
    if not (isinstance(value, str) or (name == "reference" and value is None)):
        raise CodeTaskError(f"{name}: not a text", mend=MEND)
    return value


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
