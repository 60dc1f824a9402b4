"""The page of a day as a file of the home."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tokenarena_assets.report.page.build import page_html
from tokenarena_assets.report.page.data import latest_day, page_data
from tokenarena_assets.storage.files import write_text
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.publish import open_published

OPTIONAL = ("energy", "energy_daily", "findings", "effective", "billing", "in_time")


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was written: its place, size, and the sections that its database has no table for."""

    day: date
    path: Path
    size_bytes: int
    endpoints: int
    days: int
    left_out: tuple[str, ...]


def default_path(home: Home, day: date) -> Path:
    """Where the page of a day lies."""
    return home.root / "report" / f"{day.isoformat()}.html"


def write_page(home: Home, day: date | None = None, path: Path | None = None) -> Page:
    """Write the page of a day, by default of the last published one, and put it into place whole.

    Raises:
        MissingTableError: nothing is published, or nothing of that day.
        BareEnergyError: modeled energy without its interval.
    """
    with open_published(home) as connection:
        on = latest_day(connection) if day is None else day
        data = page_data(connection, on)
    target = default_path(home, on) if path is None else path
    text = page_html(data)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, text)
    return Page(
        day=on,
        path=target,
        size_bytes=len(text.encode()),
        endpoints=int(data["endpoints"]["length"]),
        days=len(data["history"]["days"]),
        left_out=tuple(name for name in OPTIONAL if data[name] is None),
    )
