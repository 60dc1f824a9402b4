"""The sensor with a lake of its own and a real receiver: what it posts, when it does not, and what it remembers."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tokenarena_assets.alerting.webhook import URL_VARIABLE, WebhookError
from tokenarena_assets.chain.drift_tables import CHANGE_POINTS
from tokenarena_assets.chain.fidelity_tables import FIDELITY_DAILY
from tokenarena_assets.defs.drift import sensors
from tokenarena_assets.defs.drift.sensors import verdict_changed
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.storage.lake import Lake
from tokenarena_assets.storage.tables import TableSpec
from tokenarena_assets_tests.alerting.receiver import SECRET, Receiver, receiving

DAYS = (date(2026, 11, 20), date(2026, 11, 21))
FOX, JAY = "fox/m@a", "jay/m@a"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "SLEEP", lambda _: None)


@pytest.fixture
def arena(tmp_path: Path) -> Arena:
    return Arena(home_folder=str(tmp_path / "arena"))


def write(lake: Lake, spec: TableSpec, day: date, *rows: dict[str, Any]) -> None:
    whole = [dict.fromkeys(spec.column_names) | {"day": day} | row for row in rows]
    lake.write(spec.name, day, spec.frame(whole))
    path = lake.path(spec.name, day)
    # As if written a while apart, however coarse the file system's clock is.
    write.stamp += 1_000_000_000  # type: ignore[attr-defined]
    os.utime(path, ns=(write.stamp, write.stamp))  # type: ignore[attr-defined]


write.stamp = 1_790_000_000_000_000_000  # type: ignore[attr-defined]


def verdicts(arena: Arena, day: date, **now: str) -> None:
    ids = {"fox": FOX, "jay": JAY}
    write(
        arena.lake, FIDELITY_DAILY, day, *({"endpoint_id": ids[n], "verdict": v, "claim": "x"} for n, v in now.items())
    )


def changed(arena: Arena, day: date, on: date | None) -> None:
    dates = {"changed_on": on, "changed_lo": on, "changed_hi": on}
    row = {"endpoint_id": FOX, "event": 0, "verdict": "changed" if on else "no change seen", "n_days": 20}
    write(
        arena.lake, CHANGE_POINTS, day, row | dates | {"claim": "outputs changed", "evidence": "e", "probability": 0.99}
    )


def tick(arena: Arena, cursor: str | None = None) -> tuple[str, str | None]:
    context = dg.build_sensor_context(cursor=cursor, resources={"arena": arena})
    found = verdict_changed(context)
    if isinstance(found, dg.SkipReason):
        return str(found.skip_message), cursor
    assert isinstance(found, dg.SensorResult)
    assert not found.run_requests
    assert found.skip_reason is not None
    return str(found.skip_reason.skip_message), found.cursor


def use(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    monkeypatch.setenv(URL_VARIABLE, receiver.url)


def test_without_an_address_it_says_how_to_set_one(arena: Arena) -> None:
    verdicts(arena, DAYS[0], fox="suspect")
    said, cursor = tick(arena)
    assert URL_VARIABLE in said
    assert cursor is None


def test_it_is_off_until_switched_on() -> None:
    assert verdict_changed.default_status == dg.DefaultSensorStatus.STOPPED


def test_changes_are_posted_once(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts(arena, DAYS[0], fox="undetermined", jay="undetermined")
    changed(arena, DAYS[0], None)
    with receiving(200) as receiver:
        use(monkeypatch, receiver)
        said, cursor = tick(arena)
        assert (said, receiver.documents) == ("no verdict changed", [])
        assert tick(arena, cursor)[0] == "nothing new since the last look"
        verdicts(arena, DAYS[1], fox="suspect", jay="undetermined")
        changed(arena, DAYS[1], date(2026, 11, 18))
        said, cursor = tick(arena, cursor)
        assert said == "2 documents accepted"
        changed(arena, DAYS[1], date(2026, 11, 18))
        verdicts(arena, DAYS[1], fox="suspect", jay="undetermined")
        assert tick(arena, cursor)[0] == "no verdict changed"
    first, second = receiver.documents
    assert first == {
        "schema_version": 1,
        "event": "verdict_changed",
        "id": first["id"],
        "day": "2026-11-21",
        "endpoint_id": FOX,
        "was": "undetermined",
        "is": "suspect",
        "claim": "x",
        "evidence": None,
        "rehearsal": False,
    }
    assert (second["event"], second["changed_on"], second["probability"]) == ("change_point", "2026-11-18", 0.99)
    assert second["id"] != first["id"]


def test_a_failure_loses_nothing_and_repeats_only_what_was_not_accepted(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts(arena, DAYS[0], fox="suspect", jay="different")
    with receiving(404) as receiver:
        use(monkeypatch, receiver)
        with pytest.raises(WebhookError, match="HTTP 404"):
            tick(arena)
    with receiving(200, 500) as receiver:
        use(monkeypatch, receiver)
        said, cursor = tick(arena)
        assert said.startswith("1 documents accepted, 1 left for the next look (the webhook did not accept")
    with receiving(500, 200) as receiver:
        use(monkeypatch, receiver)
        said, cursor = tick(arena, cursor)
        assert said == "1 documents accepted"
        assert [document["endpoint_id"] for document in receiver.documents] == [JAY, JAY]
        assert tick(arena, cursor)[0] == "nothing new since the last look"


def test_the_time_of_a_tick_is_bounded(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts(arena, DAYS[0], fox="suspect", jay="different")
    monkeypatch.setattr(sensors, "TIME_FOR_A_TICK_S", -1.0)
    with receiving(200) as receiver:
        use(monkeypatch, receiver)
        said, cursor = tick(arena)
        assert said == "0 documents accepted, 2 left for the next look"
        monkeypatch.undo()
        use(monkeypatch, receiver)
        assert tick(arena, cursor)[0] == "2 documents accepted"


def test_a_rehearsal_says_so(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts(arena, DAYS[0], fox="suspect")
    arena.home.rehearsal_marker.write_text("{}")
    with receiving(200) as receiver:
        use(monkeypatch, receiver)
        tick(arena)
    assert receiver.documents[0]["rehearsal"] is True


def test_the_address_is_not_remembered_and_not_told(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts(arena, DAYS[0], fox="suspect")
    with receiving(200) as receiver:
        use(monkeypatch, receiver)
        said, cursor = tick(arena)
    assert SECRET not in said + str(cursor)
    assert "127.0.0.1" not in said + str(cursor)
    assert json.loads(str(cursor))["verdicts"] == {FOX: "suspect"}


def test_an_empty_home_is_nothing_to_tell(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(200) as receiver:
        use(monkeypatch, receiver)
        assert tick(arena)[0] == "nothing new since the last look"
    assert receiver.documents == []
