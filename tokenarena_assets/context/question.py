"""From an ask to the probe that goes out, and from its record back to the ask and its reply."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from tokenarena_assets.context.records import Ask, Mode, Reply
from tokenarena_assets.suites.haystack import make_haystack
from tokenarena_assets.suites.items import Item, derived_seed, rng_for
from tokenarena_assets.suites.suite import SUITE_VERSION, Question

SUITE = "context"
# A reply whose text is an answer, good or bad. Cut off before the first word of an answer, it is none.
GRADED = ("ok", "truncated", "empty")
THOUSANDS = re.compile(r"(?<![\d,.])(\d{1,3}),(\d{3})(?![\d,.]\d|\d)")
OPENINGS = re.compile(r"[\[{]")
MOST_OPENINGS = 100  # the answer is at the end, and what is no JSON must not take long to be seen as such
NUMBERED = re.compile(r"^\W{0,4}(\d+)[.):]\s*(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the `answer_value` of a context item holds, besides its needles: the ask and the search it is part of."""

    ask: Ask
    tier: str
    mode: Mode
    known_tokens: int | None
    advertised_tokens: int | None
    most_tokens: int | None


def question_of(
    ask: Ask,
    *,
    tier: str,
    day: date,
    endpoint_id: str,
    round_id: str,
    output_tokens: int,
    mode: Mode,
    known_tokens: int | None = None,
    advertised_tokens: int | None = None,
    most_tokens: int | None = None,
) -> Question:
    """The probe of an ask: the same for the same arguments, and with no text in common with any other."""
    parts = (SUITE_VERSION, day.isoformat(), round_id, endpoint_id, ask.kind, ask.target_tokens, ask.attempt)
    haystack = make_haystack(rng_for(*parts), ask.chars, tier)
    key = f"{SUITE}-{ask.kind}-{ask.target_tokens}-{ask.attempt}"
    seed = derived_seed(*parts)
    asked = Asked(ask, tier, mode, known_tokens, advertised_tokens, most_tokens)
    needles = [
        {"value": value, "octile": octile} for value, octile in zip(haystack.values, haystack.octiles, strict=True)
    ]
    held = asdict(asked) | {"needles": needles, "prompt_chars": len(haystack.prompt)}
    item = Item(
        item_id=f"{key}-{seed:016x}",
        family="context",
        template_id=f"context_{ask.kind}",
        seed=seed,
        prompt=haystack.prompt,
        answer_type="context",
        answer_value=json.dumps(held, ensure_ascii=False, sort_keys=True),
        difficulty="medium",
        solution=haystack.solution,
        tier=tier,
    )
    return Question(SUITE, key, haystack.prompt, output_tokens, 0.0, item, ask.target_tokens)


def asked_of(answer_value: str) -> Asked:
    """What was asked, in what search.

    Raises:
        ValueError: this is not the answer value of a context item.
    """
    return _held(answer_value)[0]


def reply_of(
    answer_value: str,
    *,
    status: str,
    http_status: int | None,
    error: str | None,
    input_tokens: int | None,
    text: str,
    ttft_ms: float | None,
) -> tuple[Ask, Reply]:
    """The ask of a context item and what came of it, from the fields of its raw record.

    `input_tokens` with the cached ones included. An answer that its token limit cut off before the first word (all of
    it went into thinking), or that a filter withheld, is no answer.

    Raises:
        ValueError: this is not the answer value of a context item.
    """
    asked, needles, prompt_chars = _held(answer_value)
    hits = None
    if status in GRADED and (text.strip() or status != "truncated"):
        found = grade_needles(text, [value for value, _ in needles])
        by_octile = sorted(zip((octile for _, octile in needles), found, strict=True))
        hits = tuple(hit for _, hit in by_octile)
    return asked.ask, Reply(status, http_status, error, input_tokens, hits, ttft_ms, prompt_chars)


def _held(answer_value: str) -> tuple[Asked, list[tuple[str, int]], int]:
    try:
        held = json.loads(answer_value)
        needles = [(str(needle["value"]), int(needle["octile"])) for needle in held.pop("needles")]
        prompt_chars = int(held.pop("prompt_chars"))
        ask = Ask(**held.pop("ask"))
        return Asked(ask=ask, **held), needles, prompt_chars
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not the answer value of a context item: {error}") from error


def grade_needles(text: str, values: Sequence[str]) -> tuple[bool, ...]:
    """For each value, in the order in which they were asked for, whether the answer gives it.

    The answer is the last JSON list of the text that is as long as `values`, else its last list at all; or an object,
    whose values count in the order of its keys where these are numbers, else as written. A value must stand as a whole
    word in the entry of its question, and no other value that was asked for beside it. Without any list, numbered
    lines count as entries; failing that too, the values must come in the text in the order asked, each after the one
    before.
    """
    entries = _listed(text, len(values))
    if entries is None:
        entries = _numbered(text)
    if entries is None:
        return _in_order(text, values)
    entries += [""] * (len(values) - len(entries))
    return tuple(_gives(entry, value, values) for entry, value in zip(entries, values, strict=False))


def _gives(entry: str, value: str, values: Sequence[str]) -> bool:
    # An entry that lists several of the values guesses.
    entry = THOUSANDS.sub(r"\1\2", entry)
    others = {other.casefold() for other in values} - {value.casefold()}
    return _find(entry, value) is not None and not any(_find(entry, other) for other in others)


def _find(text: str, value: str, start: int = 0) -> re.Match[str] | None:
    pattern = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)", re.IGNORECASE)
    return pattern.search(text, start)


def _listed(text: str, wanted: int) -> list[str] | None:
    """The entries of the list that is meant as the answer; None: there is no list."""
    decoder = json.JSONDecoder()
    lists: list[list[str]] = []
    end = 0
    for opened in list(OPENINGS.finditer(text))[-MOST_OPENINGS:]:
        if opened.start() < end:
            continue  # within a list that was read
        try:
            value, end = decoder.raw_decode(text, opened.start())
        except (ValueError, RecursionError):
            continue
        entries = _entries(value)
        if entries:
            lists.append(entries)
    return next((entries for entries in reversed(lists) if len(entries) == wanted), lists[-1] if lists else None)


def _entries(value: object) -> list[str]:
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(inner := next(iter(value.values())), list | dict):
            return _entries(inner)  # {"answers": [...]}
        numbers = {key: re.search(r"\d+", key) for key in value}
        keys = list(value)
        if all(numbers.values()):
            keys.sort(key=lambda key: int(found[0]) if (found := numbers[key]) else 0)
        value = [value[key] for key in keys]
    if not isinstance(value, list):
        return []
    return [entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False) for entry in value]


def _numbered(text: str) -> list[str] | None:
    """The entries of lines `1. ...`, by their numbers; None: there are no such lines."""
    lines = {int(number[-4:]): line for number, line in NUMBERED.findall(text)}
    if 1 not in lines or len(lines) < 2:
        return None
    return [lines.get(number, "") for number in range(1, min(max(lines), 99) + 1)]


def _in_order(text: str, values: Sequence[str]) -> tuple[bool, ...]:
    found, at = [], 0
    for value in values:
        match = _find(text, value, at)
        found.append(match is not None)
        at = at if match is None else match.end()
    return tuple(found)
