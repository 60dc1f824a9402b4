"""YAML read with its line numbers, so that a validation error can name file, line and field."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from tokenarena_assets.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]
MAX_BYTES = 8 * 1024 * 1024  # sixty times the catalog of 195 real endpoints
MAX_VALUES = 500_000  # with what each alias stands for: nine lines of aliases can stand for a billion values


def load_yaml(path: Path, model: type[Model]) -> tuple[Model, dict[Location, int]]:
    """Read `path` as `model`; returns it with the line of every field.

    Raises:
        ConfigError: unreadable file or one too large, broken YAML, a key given twice, or the first field that is bad.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(path, f"is larger than {MAX_BYTES // 2**20} MB", mend="give the file of a catalog")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(path, "there is no such file", mend="check the path given") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, f"cannot be read: {error}", mend="it must be a UTF-8 text file") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = {} if root is None else _lines_of(path, root)
        data = yaml.safe_load(text)
    except RecursionError:
        raise ConfigError(path, "nested too deep, or an alias holds itself", mend="write it flat") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        line = mark.line + 1 if mark else None
        raise ConfigError(path, f"not valid YAML: {problem}", line=line, mend="check indentation and quotes") from error
    except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
        # What looks like a date or a number and is none, such as 2026-13-45, comes out of PyYAML as it is.
        raise ConfigError(path, f"a value is not what it looks like: {error}", mend="put it in quotes") from None
    if root is None:
        raise ConfigError(path, "the file is empty", mend="see README.md for a five-line example")
    try:
        return model.model_validate(data), lines
    except ValidationError as error:
        raise _config_error(path, error, lines) from None


def _lines_of(path: Path, root: yaml.Node) -> dict[Location, int]:
    lines: dict[Location, int] = {}
    for count, (location, line) in enumerate(_lines(path, root, ())):
        if count > MAX_VALUES:
            raise ConfigError(
                path, f"stands for more than {MAX_VALUES} values", line=line, mend="write out what is meant"
            )
        lines[location] = line
    return lines


def _lines(path: Path, node: yaml.Node, at: Location) -> Iterator[tuple[Location, int]]:
    yield at, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen:
                raise ConfigError(path, "is given twice", line=line, field=_field((*at, name)), mend="keep one of them")
            seen.add(name)
            yield from _lines(path, value, (*at, name))
            yield (*at, name), line
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _lines(path, child, (*at, index))


def line_of(lines: Mapping[Location, int], location: Location) -> int | None:
    """The line of `location`, or of the nearest thing around it that has one."""
    for end in range(len(location), -1, -1):
        if location[:end] in lines:
            return lines[location[:end]]
    return None


def _field(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


NAME_MEND = "letters, digits and . _ : + - only; the provider's own name of a model goes into request_model"
MENDS_BY_FIELD = {
    "provider": NAME_MEND,
    "model": NAME_MEND,
    "model_family": NAME_MEND,
    "sku": NAME_MEND,
    "api_key_env": "give the name of the environment variable that holds the key, never the key",
}
MENDS = {
    "extra_forbidden": "remove the field or correct its name",
    "missing": "add the field",
    "literal_error": "use one of the values named",
    "model_type": "give it its fields, each as `name: value`",
    "too_short": "give at least one",
    "string_type": 'write it as text, in quotes if it looks like a number: "4"',
}


def _config_error(path: Path, error: ValidationError, lines: dict[Location, int]) -> ConfigError:
    # A list whose items do not fit is also reported as too short: that is no second fault.
    errors = [found for found in error.errors() if found["type"] != "too_short"] or error.errors()
    first = errors[0]
    location: Location = tuple(first["loc"])
    problem = "unknown field" if first["type"] == "extra_forbidden" else _problem(first)
    more = len(errors) - 1
    if more:
        problem += f" (and {more} more)"
    return ConfigError(
        path,
        problem,
        line=line_of(lines, location),
        field=_field(location) or None,
        mend=_mend(first["type"], location),
    )


def _mend(kind: str, location: Location) -> str:
    if kind == "string_pattern_mismatch" and location[-1] in MENDS_BY_FIELD:
        return MENDS_BY_FIELD[str(location[-1])]
    return MENDS.get(kind, "correct the value")


def _problem(detail: Any) -> str:
    if detail["type"] == "too_short":
        return "is empty"
    message = re.sub(r" or instance of \w+$", "", str(detail["msg"]).removeprefix("Value error, "))
    # What may be a secret is not repeated, be it in a URL or a key in place of its name: errors end up in logs.
    if detail["type"] == "missing" or isinstance(detail["input"], dict | list) or "api_key_env" in detail["loc"]:
        return message
    return f"{message}, got {re.sub(r'(?<=//)[^/@]*@|(?<=[?#]).+', '***', repr(detail['input']))}"


def chosen_file(configured: str, variable: str, local_name: str, embedded: Path) -> Path:
    """The first that is given: a configured path, one in the environment, a file in the current folder, the default."""
    given = configured or os.environ.get(variable)
    if given:
        return Path(given).absolute()
    local = Path(local_name).absolute()
    return local if local.exists() else embedded
