"""What a host is told before it takes steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenarena_assets.cluster import worker
from tokenarena_assets.cluster.services import celery_config, postgres_url
from tokenarena_assets.cluster.worker import check_host, other_code, record_code
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.vantage import Clock
from tokenarena_assets.storage.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    (tmp_path / "arena").mkdir()
    monkeypatch.setenv("TOKENARENA_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setattr(worker, "shared_clock", lambda: Clock(2.0, 1.0))
    return Home(tmp_path / "arena")


def test_a_sound_host_is_taken(home: Home, tmp_path: Path) -> None:
    assert check_host(home, "eu").warnings == ()
    assert (tmp_path / "spool").is_dir()
    assert list(home.root.iterdir()) == [], "looking leaves nothing behind"


def test_a_clock_that_is_off_is_told_and_by_how_much(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "shared_clock", lambda: Clock(-300_000.0, 40.0))
    (warning,) = check_host(home, "eu").warnings
    assert "+300.000 s off (+- 40 ms)" in warning
    monkeypatch.setattr(worker, "shared_clock", lambda: Clock(-1500.0, 900.0))
    assert check_host(home, "eu").warnings == (), "it may be 0.6 s, for all that is known"


def test_without_the_shared_folder_nothing_starts(home: Home) -> None:
    with pytest.raises(TokenArenaError, match="is not there"):
        check_host(Home(home.root / "not-mounted"), None)


def test_a_spool_in_the_shared_folder_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENARENA_SPOOL", str(home.root / "spool"))
    with pytest.raises(TokenArenaError, match="lies in the shared folder"):
        check_host(home, "eu")
    check_host(home, None)  # a host that does not probe needs none


def test_other_code_is_refused_and_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert other_code(home) is None
    record_code(home)
    assert check_host(home, None).warnings == ()
    monkeypatch.setattr(worker, "versions_here", lambda: {"code": "other"})
    with pytest.raises(TokenArenaError, match=r"code \w+ there, other here"):
        check_host(home, None)


def test_addresses_of_services(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TokenArenaError, match="TOKENARENA_CELERY_BROKER is not set"):
        celery_config()
    monkeypatch.setenv("TOKENARENA_CELERY_BROKER", "redis://h:1/0")
    assert celery_config() == {"broker": "redis://h:1/0", "backend": "redis://h:1/0"}
    monkeypatch.setenv("TOKENARENA_CELERY_BROKER", "amqp://h//")
    assert celery_config()["backend"] == "rpc://"
    monkeypatch.setenv("TOKENARENA_POSTGRES_URL", "postgresql://u:secret@h/d")
    with pytest.raises(TokenArenaError, match="does not begin with") as raised:
        postgres_url()
    assert "secret" not in str(raised.value)
