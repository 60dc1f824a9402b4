"""Evidence of price feeds: written once, never rewritten, read back with its place; released prices."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.pricelog import append_release, read_looks, read_releases, record_look

AT = datetime(2026, 11, 23, 14, 3, 5, tzinfo=UTC)
DAY = date(2026, 11, 23)
ENTRIES = [("p/m@a", "m", {"cost": {"input": Decimal("0.10")}}), ("p/m@b", "m2", {"name": "ü"})]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


def test_a_look_is_read_back_as_it_was(home: Home) -> None:
    path = record_look(home, AT, "models.dev", "abc", ENTRIES)
    assert path is not None
    assert path.parent == home.root / "raw" / "prices" / "day=2026-11-23"
    first, second = read_looks(home, DAY)
    assert (first.file, first.line, first.feed, first.feed_version) == (path.name, 2, "models.dev", "abc")
    assert (first.observed_at, first.endpoint_id, first.key) == (AT, "p/m@a", "m")
    assert first.raw == {"cost": {"input": "0.10"}}
    assert (second.line, second.raw) == (3, {"name": "ü"})


def test_the_same_content_of_a_day_is_written_once_and_nothing_is_rewritten(home: Home) -> None:
    first = record_look(home, AT, "models.dev", "abc", ENTRIES)
    before = {path: path.read_bytes() for path in home.raw_prices(DAY).iterdir()}
    assert record_look(home, AT + timedelta(hours=3), "models.dev", "abc", ENTRIES) is None
    changed = record_look(home, AT + timedelta(hours=3), "models.dev", "abd", ENTRIES)
    assert changed is not None
    assert changed != first
    assert record_look(home, AT + timedelta(days=1), "models.dev", "abc", ENTRIES) is not None
    assert all(path.read_bytes() == content for path, content in before.items())
    assert len(list(read_looks(home, DAY))) == 4


def test_a_look_that_failed_is_kept_with_its_reason(home: Home) -> None:
    record_look(home, AT, "litellm", "unknown", (), problem="answered HTTP 500")
    (line,) = read_looks(home, DAY)
    assert (line.endpoint_id, line.problem) == (None, "no_look: answered HTTP 500")


def test_what_cannot_be_read_keeps_its_place(home: Home) -> None:
    whole = record_look(home, AT, "models.dev", "abc", ENTRIES)
    assert whole is not None
    whole.with_name(whole.name.replace("140305", "150000")).write_bytes(whole.read_bytes()[:40])
    whole.with_name("feed=odd.jsonl.zst").write_bytes(b"")
    lines = list(read_looks(home, DAY))
    assert [(line.line, (line.problem or "ok").split(":")[0]) for line in lines] == [
        (2, "ok"),
        (3, "ok"),
        (0, "unreadable_file"),
        (0, "bad_name"),
    ]
    assert list(read_looks(home, date(2026, 1, 1))) == []


def test_releases_are_read_back_and_a_broken_one_is_named(home: Home) -> None:
    assert read_releases(home) == []
    append_release(home, AT, "p/m@a", '{"input_usd_per_mtok":"1","output_usd_per_mtok":"3"}', "seen")
    (release,) = read_releases(home)
    assert release == {
        "endpoint_id": "p/m@a",
        "day": DAY,
        "price_json": '{"input_usd_per_mtok":"1","output_usd_per_mtok":"3"}',
        "reason": "seen",
    }
    with home.price_releases.open("a") as file:
        file.write("{}\n")
    with pytest.raises(TokenArenaError, match=r"releases.jsonl:2: is no release"):
        read_releases(home)
