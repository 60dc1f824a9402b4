"""What planning asks of a round, money spent and questions answered: of a sealed round read once, then kept.

A round of a large day is gigabytes, and each later round of the day is planned from all of them.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tokenarena_assets import pricing
from tokenarena_assets.errors import StorageError
from tokenarena_assets.pricing import ListPrice
from tokenarena_assets.probing import billing
from tokenarena_assets.probing.billing import GENERATED, NOTHING, cost_of
from tokenarena_assets.probing.record import ITS_OWN_DOING
from tokenarena_assets.storage.files import write_text
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, manifest_path, records_of
from tokenarena_assets.suites.fidelity import ask
from tokenarena_assets.suites.fidelity.ask import FidelityAsk

# What decides what is kept: where any of it changes, digests are found anew.
CODE = (billing.__file__, ask.__file__, __file__, *sorted(map(str, Path(pricing.__file__).parent.glob("*.py"))))
KEPT_DAYS = 8  # the anchor looks back to its Monday
READ = (
    *("endpoint_id", "suite", "status", "http_status", "source", "started_at", "usage", "request", "item", "sample"),
    *GENERATED,
)
DAY_FOLDER = re.compile(r"day=(\d{4}-\d{2}-\d{2})$")


@dataclass(frozen=True, slots=True)
class Digest:
    """Of one round: USD spent by endpoint (of those with a price), and by suite and endpoint what was answered.

    An answer is named by its item, or by the key of its question in the fidelity suites.
    """

    spent: Mapping[str, Decimal]
    answered: Mapping[str, Mapping[str, frozenset[str]]]


def digest_of(home: Home, found: RoundFiles) -> Digest:
    """The digest of a round: as it was kept, if its log and manifest are the same, else read from its log."""
    path = _kept_at(home, found)
    if path is None:
        return read_digest(found)
    kept = _load(path)
    if kept is None:
        kept = read_digest(found)
        with suppress(StorageError):  # it only saves time; whether the home can be written is for others to say
            write_text(path, _dump(kept))
            _forget_before(path.parent)
    return kept


def read_digest(found: RoundFiles) -> Digest:
    """The digest of a round from its log."""
    prices = _prices(found.manifest or {})
    spent = dict.fromkeys(prices, NOTHING)
    answered: dict[str, dict[str, set[str]]] = {}
    for record in records_of(found.log, READ):
        endpoint_id = str(record.get("endpoint_id"))
        if (price := prices.get(endpoint_id)) is not None:
            spent[endpoint_id] += cost_of(record, price)
        if record.get("status") in ITS_OWN_DOING and (key := _key_of(record)) is not None:
            answered.setdefault(str(record.get("suite")), {}).setdefault(endpoint_id, set()).add(key)
    return Digest(
        spent, {suite: {name: frozenset(keys) for name, keys in of.items()} for suite, of in answered.items()}
    )


def _prices(manifest: Mapping[str, Any]) -> dict[str, ListPrice]:
    prices = {}
    for entry in manifest.get("endpoints", ()):
        try:
            prices[str(entry["endpoint_id"])] = ListPrice.model_validate(entry["price"])
        except (KeyError, TypeError, ValidationError):
            continue  # no price, or one that another version wrote
    return prices


def _key_of(record: Mapping[str, Any]) -> str | None:
    """What a record answers: an item, or a question of the fidelity suites."""
    item, sample = record.get("item"), record.get("sample")
    if isinstance(item, dict):
        return str(item.get("item_id"))
    if not isinstance(sample, dict):
        return None
    try:
        return FidelityAsk(**{field.name: sample[field.name] for field in fields(FidelityAsk)}).key
    except KeyError:
        return None  # of another version: nothing that is asked now


def _kept_at(home: Home, found: RoundFiles) -> Path | None:
    """Where the digest of a sealed round is kept, by what its log and manifest hold; None: it still grows."""
    day, seal = DAY_FOLDER.search(found.log.parent.name), found.seal
    sha256 = seal.get("sha256") if seal else None
    if found.is_open or day is None or not isinstance(sha256, str):
        return None
    try:
        manifest = manifest_path(found.log, found.round_id).read_bytes()
    except FileNotFoundError:
        manifest = b""
    content = hashlib.sha256(f"{_code()} {sha256} ".encode() + manifest).hexdigest()
    return home.digests / day[0] / f"{found.round_id}-{content[:16]}.json"


@cache
def _code() -> str:
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in CODE)).hexdigest()


def _dump(digest: Digest) -> str:
    answered = {suite: {name: sorted(keys) for name, keys in of.items()} for suite, of in digest.answered.items()}
    return json.dumps({"spent": {name: str(usd) for name, usd in digest.spent.items()}, "answered": answered})


def _load(path: Path) -> Digest | None:
    """What is kept there; None: nothing, or nothing that can be used."""
    try:
        content = json.loads(path.read_bytes())
        return Digest(
            {name: Decimal(usd) for name, usd in content["spent"].items()},
            {suite: {name: frozenset(keys) for name, keys in of.items()} for suite, of in content["answered"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
        return None


def _forget_before(folder: Path) -> None:
    """Remove the digests of days that no round looks back to."""
    oldest = f"day={date.fromisoformat(folder.name[4:]) - timedelta(days=KEPT_DAYS)}"
    for other in folder.parent.iterdir():
        if DAY_FOLDER.match(other.name) and other.name < oldest:
            shutil.rmtree(other, ignore_errors=True)
