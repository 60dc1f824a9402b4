"""Constants are checked on reading, and their version is that of their content."""

import csv
import shutil
from pathlib import Path

import pytest

from tokenarena_assets.energy.facts import constants_version, facts, facts_folder, load_facts
from tokenarena_assets.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(facts_folder(), tmp_path / "energy"))


def altered(file: Path, row: int, column: str, value: str) -> None:
    with file.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    rows[row][column] = value
    with file.open("w", newline="", encoding="utf-8") as handle:
        out = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def test_published_figures_are_read():
    found = facts()
    h100 = found.accelerator("H100 SXM 80GB")
    assert (h100.tdp_w, h100.memory_bytes, h100.bandwidth) == (700, 80e9, 3.35e12)
    assert h100.flops("fp8") == 1979e12
    assert h100.flops("fp4") == 989e12  # unpacked to bf16 before Blackwell
    assert found.accelerator("A100 SXM4 80GB").flops("fp8") == 312e12
    assert found.precision("FP4").name == "nvfp4"
    assert found.grids["FRA"] == 44.2
    assert found.pue["Google"].p50 == 1.09
    assert sum(found.hardware["independent_gpu"].values()) == pytest.approx(1)


def test_every_row_has_source_and_date():
    for file in facts_folder().glob("*.csv"):
        with file.open(newline="", encoding="utf-8") as handle:
            for row in csv.DictReader(handle):
                assert row["source"].strip(), file
                assert row["as_of"].strip(), file


@pytest.mark.parametrize(
    ("file", "row", "column", "value", "says"),
    [
        ("accelerators.csv", 3, "tdp_w", "-700", "not above 0"),
        ("accelerators.csv", 3, "mem_bw_gb_s", "fast", "not a finite number"),
        ("accelerators.csv", 3, "kind", "toaster", "use one of"),
        ("accelerators.csv", 3, "source", "", "is empty"),
        ("pue.csv", 0, "pue", "0.9", "between"),
        ("providers.csv", 0, "operator", "Nobody", "has no PUE"),
        ("hardware_prior.csv", 0, "weight", "0.9", "add up to"),
        ("hardware_prior.csv", 0, "accelerator", "H9000", "no row of its own"),
        ("models.csv", 6, "params_active_b", "9000", "more than the total"),
        ("size_classes.csv", 0, "sigma_ln_total", "0.2", "not within 0.7"),
        ("grid_country.csv", 1, "basis", "market-based", "differs"),
        ("precision.csv", 1, "precision", "bf16", "already"),
    ],
)
def test_bad_constant_names_file_line_column_and_mend(folder: Path, file, row, column, value, says):
    altered(folder / file, row, column, value)
    with pytest.raises(ConfigError) as caught:
        load_facts(folder)
    error = caught.value
    assert Path(error.file).name == file
    assert error.field == column or file in ("hardware_prior.csv", "pue.csv", "precision.csv")
    assert error.line is not None
    assert error.mend
    assert says in str(error)


def test_missing_file_row_and_column(folder: Path):
    (folder / "pue.csv").rename(folder / "pue.bak")
    with pytest.raises(ConfigError, match=r"pue\.csv: cannot be read"):
        load_facts(folder)
    (folder / "pue.bak").rename(folder / "pue.csv")
    altered(folder / "coefficients.csv", 0, "coefficient", "layer")
    with pytest.raises(ConfigError, match="has no row of layers"):
        load_facts(folder)
    shutil.copy(facts_folder() / "coefficients.csv", folder)
    text = (folder / "grid_country.csv").read_text()
    (folder / "grid_country.csv").write_text(text.replace("grid_gco2e_per_kwh", "grams", 1))
    with pytest.raises(ConfigError, match="grid_gco2e_per_kwh: is not a column"):
        load_facts(folder)


def test_row_with_an_unquoted_comma(folder: Path):
    with (folder / "pue.csv").open("a") as handle:
        handle.write("Someone,1.2,1.1,1.3,all sites, mostly,a page,2026,\n")
    with pytest.raises(ConfigError, match="as many fields as the header"):
        load_facts(folder)


def test_version_follows_content_alone(folder: Path):
    before = constants_version(folder)
    assert before == facts().version
    text = (folder / "pue.csv").read_bytes()
    (folder / "pue.csv").write_bytes(text.replace(b"\n", b"\r\n"))
    assert constants_version(folder) == before
    altered(folder / "pue.csv", 0, "pue", "1.08")
    assert constants_version(folder) != before
