"""What a snapshot keeps back, in raw records and in tables alike, so that the one still gives the other.

Three things: texts (asked for), gold answers and seeds of fresh items younger than 30 days, and whatever belongs to a
person's own items, which are asked again every day. In place of a value stands an empty one of the same type; the
record's field `withheld` names each, with its length and, where it cannot be guessed from that, its SHA-256.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson
import polars as pl

from tokenarena_assets.retention.lines import UNREADABLE, expired_of
from tokenarena_assets.retention.needs import NEEDS
from tokenarena_assets.retention.texts import (
    FIRST_TOKENS,
    GOLD_TABLES,
    OWN_SUITES,
    TABLE_TEXTS,
    take_frames,
    take_texts,
)
from tokenarena_assets.storage.rawlog import encoded

GOLD_AFTER_DAYS = 30
FRESH_SUITES = ("quality_math", "quality_code")
WITHHELD = b"withheld: sha256 "
KEPT = (FIRST_TOKENS,)  # of the texts: a channel of fidelity can be recomputed by them alone
NEED_TEXTS = tuple(table for table in NEEDS if table != "probe_log")  # taken as they were published where none are


@dataclass(frozen=True, slots=True)
class Policy:
    """What is withheld: all texts or not, and the gold of fresh items from which day on (None: of none)."""

    texts: bool
    gold_from: date | None

    @classmethod
    def of(cls, newest: date, *, texts: bool, recent_items: bool) -> Policy:
        """`newest` is the last day of evidence: the age of items is told from it, not from the clock."""
        return cls(texts, None if recent_items else newest - timedelta(days=GOLD_AFTER_DAYS - 1))

    def gold_is_withheld(self, suite: str | None, day: date) -> bool:
        """Whether the gold answer of a probe stays back."""
        return suite in OWN_SUITES or (suite in FRESH_SUITES and self.gold_from is not None and day >= self.gold_from)


def redact_line(line: bytes, day: date, policy: Policy) -> bytes:
    """One raw line as it is published; the same bytes where nothing of it is withheld."""
    try:
        record = orjson.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        # Not readable before and not readable after: the same reason to be set aside. Its suite stands before its item.
        suites = [suite for suite in (*FRESH_SUITES, *OWN_SUITES) if policy.gold_is_withheld(suite, day)]
        kept_back = policy.texts or any(f'"{suite}"'.encode() in line for suite in suites)
        return _sealed(line) if kept_back and line else line
    try:
        return _redacted(record, day, policy) or line
    except (TypeError, ValueError, RecursionError):  # nested deeper than can be written, and than the chain reads
        return _sealed(line)


def _redacted(record: dict[str, Any], day: date, policy: Policy) -> bytes | None:
    """The record as it is published; None where nothing of it is withheld."""
    gold = policy.gold_is_withheld(_text(record.get("suite")), day)
    texts = policy.texts or record.get("suite") in OWN_SUITES
    withheld: dict[str, dict[str, Any]] = {}
    if texts:
        # A short answer is found from its hash by trying: where gold stays back, the hash does as well.
        _withhold_texts(record, withheld, hashed=not gold)
    if gold and isinstance(item := record.get("item"), dict):
        for name, empty in (("answer_value", ""), ("seed", 0)):
            if name in item:
                item[name] = empty
                withheld[f"item.{name}"] = {}
    return encoded(record | {"withheld": withheld}) if withheld else None


def _sealed(line: bytes) -> bytes:
    return WITHHELD + f"{hashlib.sha256(line).hexdigest()}, {len(line)} bytes".encode()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _withhold_texts(record: dict[str, Any], withheld: dict[str, dict[str, Any]], *, hashed: bool) -> None:
    def mark(name: str, value: Any) -> None:
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else orjson.dumps(value)
        withheld[name] = {"length": len(value) if isinstance(value, str) else len(data)}
        if hashed:
            withheld[name]["sha256"] = hashlib.sha256(data).hexdigest()

    for name, value in (*take_texts(record, keep=KEPT), *take_frames(record)):
        mark(name, value)


@dataclass(frozen=True, slots=True)
class Withheld:
    """A line of which something is missing: whose it is, and whether its texts are among that."""

    request_id: str
    texts: bool


def withheld_of(line: bytes) -> Withheld | None:
    """What a line says of what was withheld from it, or has expired; None: it is whole, or lost its frames alone."""
    if line.startswith((UNREADABLE, WITHHELD)):
        return Withheld("", texts=True)  # it was no record: its hash is all that is left
    if b'"withheld"' not in line and b'"expired"' not in line:
        return None
    try:
        record = orjson.loads(line)
    except ValueError:
        return None
    found = record.get("withheld") if isinstance(record, dict) else None
    withheld = found if isinstance(found, dict) else {}
    texts = "texts" in (expired_of(line) or {})
    if not withheld and not texts:
        return None
    texts = texts or any(not name.startswith("item.") for name in withheld)
    return Withheld(_text(record.get("request_id")) or "", texts)


def redact_frame(table: str, day: date, frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The partition of a table as it is published; the same frame where nothing of it is withheld."""
    own = pl.col("suite").is_in(OWN_SUITES) if "suite" in frame.columns else pl.lit(value=False)
    for column in TABLE_TEXTS.get(table, ()):
        if column in frame.columns and column not in KEPT:
            frame = _emptied(frame, column, pl.lit(value=True) if policy.texts else own)
    if table in GOLD_TABLES and "gold" in frame.columns and "suite" in frame.columns:
        suites = [suite for suite in (*FRESH_SUITES, *OWN_SUITES) if policy.gold_is_withheld(suite, day)]
        frame = _emptied(frame, "gold", pl.col("suite").is_in(suites))
    return frame


def _emptied(frame: pl.DataFrame, column: str, where: pl.Expr) -> pl.DataFrame:
    value = pl.when(where & pl.col(column).is_not_null()).then(pl.lit("")).otherwise(pl.col(column))
    return frame.with_columns(value.alias(column))
