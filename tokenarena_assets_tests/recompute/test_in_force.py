"""What a day was made with stays known, and is not written twice."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.recompute.in_force import JOURNAL, config_folder, in_force, record_in_force
from tokenarena_assets.recompute.versions import differences
from tokenarena_assets.storage.home import Home

DAY = date(2026, 11, 2)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


def test_the_last_presets_are_in_force_and_the_earlier_ones_stay(home: Home) -> None:
    assert in_force(home, DAY) is None
    for text in (b"presets: 1", b"presets: 1", b"presets: 2", b"presets: 1"):
        record_in_force(home, DAY, text, {"suite": "1"})
    found = in_force(home, DAY)
    assert found is not None
    assert found.presets.read_bytes() == b"presets: 1"
    assert found.presets_sha256 == hashlib.sha256(b"presets: 1").hexdigest()
    folder = config_folder(home, DAY)
    assert len((folder / JOURNAL).read_text().splitlines()) == 3
    assert len(list(folder.glob("presets-*.yaml"))) == 2


def test_new_versions_are_a_new_line(home: Home) -> None:
    record_in_force(home, DAY, b"p", {"suite": "1"})
    record_in_force(home, DAY, b"p", {"suite": "2"})
    found = in_force(home, DAY)
    assert found is not None
    assert found.versions == {"suite": "2"}


def test_a_torn_line_is_passed_over(home: Home) -> None:
    record_in_force(home, DAY, b"p", {"suite": "1"})
    path = config_folder(home, DAY) / JOURNAL
    path.write_bytes(path.read_bytes() + b'{"schema_ver')
    record_in_force(home, DAY, b"q", {"suite": "1"})
    found = in_force(home, DAY)
    assert found is not None
    assert found.presets.read_bytes() == b"q"


def test_presets_that_were_changed_afterwards_are_refused(home: Home) -> None:
    record_in_force(home, DAY, b"p", {})
    found = in_force(home, DAY)
    assert found is not None
    found.presets.write_bytes(b"other")
    with pytest.raises(TokenArenaError, match="is not the file that was in force"):
        in_force(home, DAY)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "presets-0000000000000000.yaml"])
def test_a_record_that_names_another_file_is_refused(home: Home, name: str) -> None:
    record_in_force(home, DAY, b"p", {})
    path = config_folder(home, DAY) / JOURNAL
    path.write_text(path.read_text().replace(f"presets-{hashlib.sha256(b'p').hexdigest()[:16]}.yaml", name))
    with pytest.raises(TokenArenaError, match="is not there"):
        in_force(home, DAY)


def test_other_versions_are_named_with_what_they_may_explain() -> None:
    recorded = {"suite": "2026.10", "duckdb": "2.0.0", "energy_model": "energy-1"}
    said = differences(recorded, recorded | {"suite": "2026.11", "duckdb": "2.1.0"})
    assert len(said) == 2
    assert "suite: 2026.10 when it was made, 2026.11 here" in said[0]
    assert "fidelity_channels" in said[0]
    assert "last digits" in said[1]
