"""The disclosures file: found, merged into the catalog, and each fault with its file, line and mend."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tokenarena_assets.endpoints import embedded_catalog_path, load_catalog
from tokenarena_assets.errors import ConfigError

CATALOG = """\
endpoints:
  - {provider: a, model: m, base_url: https://a.example.com/v1}
  - provider: b
    model: m
    base_url: https://b.example.com/v1
    disclosure: {accelerator: H100, source: their page, as_of: 2026-11-01}
"""
TOLD = """\
disclosures:
  - endpoint_id: a/m@standard
    accelerator: B200
    batch: 48
    source: their report
    as_of: 2026-10-01
"""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOKENARENA_DISCLOSURES", raising=False)
    path = tmp_path / "endpoints.yaml"
    path.write_text(CATALOG)
    return path


def refusal(catalog: Path, text: str) -> ConfigError:
    Path("disclosures.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_catalog(catalog)
    assert caught.value.file == str(Path("disclosures.yaml").absolute())
    assert caught.value.mend
    return caught.value


def test_a_file_in_the_folder_is_merged(catalog: Path) -> None:
    before = load_catalog(catalog).endpoints
    Path("disclosures.yaml").write_text(TOLD)
    first, second = load_catalog(catalog).endpoints
    assert first.disclosure is not None
    assert (first.disclosure.accelerator, first.disclosure.batch, first.disclosure.as_of) == (
        "B200",
        48,
        date(2026, 10, 1),
    )
    assert second == before[1]
    assert first.model_copy(update={"disclosure": None}) == before[0]


def test_the_environment_names_another_file(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("disclosures.yaml").write_text("disclosures: []")
    Path("other.yaml").write_text(TOLD)
    monkeypatch.setenv("TOKENARENA_DISCLOSURES", "other.yaml")
    assert load_catalog(catalog).endpoints[0].disclosure is not None
    monkeypatch.setenv("TOKENARENA_DISCLOSURES", "none.yaml")
    with pytest.raises(ConfigError, match="there is no such file"):
        load_catalog(catalog)


def test_the_embedded_fleet_takes_none(catalog: Path) -> None:
    Path("disclosures.yaml").write_text(TOLD)
    assert all(each.disclosure is None for each in load_catalog(embedded_catalog_path()).endpoints)


def test_an_unknown_endpoint_is_refused(catalog: Path) -> None:
    error = refusal(catalog, TOLD.replace("a/m@standard", "a/n@standard"))
    assert (error.line, error.field) == (2, "disclosures[0].endpoint_id")
    assert "has no 'a/n@standard'" in error.message


def test_one_in_both_places_names_both(catalog: Path) -> None:
    error = refusal(catalog, TOLD.replace("a/m@standard", "b/m@standard"))
    assert f"b/m@standard has a disclosure of its own at {catalog}:6" in error.message
    assert error.line == 2


def test_one_given_twice_names_both_lines(catalog: Path) -> None:
    error = refusal(catalog, TOLD + TOLD.split("\n", 1)[1])
    assert (error.line, error.field) == (7, "disclosures[1].endpoint_id")
    assert "is disclosed on line 2 already" in error.message


@pytest.mark.parametrize(
    ("line", "replacement", "field"),
    [
        ("batch: 48", "batch: -1", "disclosures[0].batch"),
        ("batch: 48", "btach: 48", "disclosures[0].btach"),
        ("    source: their report\n", "", "disclosures[0].source"),
    ],
)
def test_a_bad_field_is_named(catalog: Path, line: str, replacement: str, field: str) -> None:
    assert refusal(catalog, TOLD.replace(line, replacement)).field == field
