"""The fidelity assets through Dagster on a lake of requests of known models: tables, checks, what the UI shows."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from tokenarena_assets.chain.fidelity_samples import fidelity_samples
from tokenarena_assets.chain.fidelity_tables import FIDELITY_TABLES
from tokenarena_assets.defs import fidelity
from tokenarena_assets.defs.fidelity import assets
from tokenarena_assets.defs.fidelity.checks import conservation
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.rehearsal import write_marker
from tokenarena_assets_tests.chain.fidelity_frames import Model, Row, samples
from tokenarena_assets_tests.sql_models.frames import at, frame

DAYS = [date(2026, 11, 22), date(2026, 11, 23)]
MODELS = {
    "ref": Model(),
    "same": Model(),
    "other": Model(stray=0.5, letter="c", greedy_differs=1.0, logprob_shift=4.0),
}
STATUS = {"answered": "truncated", "missing": "dropped"}


def requests_of(day: date) -> pl.DataFrame:
    """The table `requests` of a day: what was made of models of known make, as it was before it became samples."""
    rows: list[Row] = []
    for name, model in MODELS.items():
        reps, runs = (20, 2) if name == "ref" else (5, 1)
        for row in samples(name, model, day, reps=reps, runs=runs).iter_rows(named=True):
            kept = {key: row[key] for key in ("endpoint_id", "prompt_id", "prompt_set", "rep", "slot", "text")}
            told = {key: row[key] for key in ("request_id", "first_token_top", "input_tokens", "output_tokens")}
            more = {"suite": row["channel"], "status": STATUS[row["outcome"]], "started_at": at(1, day)}
            rows.append(kept | told | more | {"rehearsal": False, "raw_file": "f", "raw_line": len(rows)})
    rows.append({"request_id": f"speed-{day}", "endpoint_id": "ref/m@s", "suite": "speed", "status": "ok"})
    return frame("requests", rows, day)


def endpoints_of(day: date) -> pl.DataFrame:
    rows = [
        {
            "endpoint_id": f"{name}/m@s",
            "valid_from": at(0, day),
            "model_family": "m",
            "is_reference": name == "ref",
            "reference_kind": "own_api" if name == "ref" else None,
            "honest": False,
            "thinks": False,
            "top_logprobs": 20,
            "quality_tier": "tiny",
            "quantization": "f16",
        }
        for name in MODELS
    ]
    return frame("endpoints", rows, day)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("arena")
    lake = ParquetLake(root / "lake")
    for day in DAYS:
        lake.write("requests", day, requests_of(day))
        lake.write("endpoints", day, endpoints_of(day))
    return root


@pytest.fixture(scope="module")
def result(home: Path) -> dg.ExecuteInProcessResult:
    """Both days in one run."""
    return materialize(home, DAYS)


def materialize(home: Path, days: list[date]) -> dg.ExecuteInProcessResult:
    window = dict(zip(("start", "end"), (days[0].isoformat(), days[-1].isoformat()), strict=True))
    return dg.materialize(
        [
            *dg.load_assets_from_package_module(fidelity),
            *dg.load_asset_checks_from_package_module(fidelity),
        ],
        resources={"arena": Arena(home_folder=str(home))},
        tags={f"dagster/asset_partition_range_{end}": day for end, day in window.items()},
        raise_on_error=False,
    )


def evaluated(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    return {(e.asset_key.to_user_string(), e.check_name): e for e in result.get_asset_check_evaluations()}


def test_every_table_of_both_days_is_made_and_keeps_its_rules(home: Path, result: dg.ExecuteInProcessResult) -> None:
    assert result.success
    lake = ParquetLake(home / "lake")
    for spec in FIDELITY_TABLES:
        assert lake.days(spec.name) == DAYS
        for kind in ("schema", "nulls", "keys", "ranges"):
            assert evaluated(result)[spec.name, kind].passed, (spec.name, kind)


def test_the_second_day_pools_the_first(home: Path, result: dg.ExecuteInProcessResult) -> None:
    assert result.success
    lake = ParquetLake(home / "lake")
    first, second = (lake.read("fidelity_daily", day).filter(endpoint_id="same/m@s").to_dicts()[0] for day in DAYS)
    assert (first["fidelity_n_samples"], second["fidelity_n_samples"]) == (60, 120)
    assert (first["fidelity_self_floor_split"], second["fidelity_self_floor_split"]) == ("repeats", "days")
    assert (first["n_reference_days"], second["n_reference_days"]) == (1, 2)


def test_samples_are_conserved_and_the_warnings_name_who(result: dg.ExecuteInProcessResult) -> None:
    found = evaluated(result)
    assert found["fidelity_samples", "samples_are_conserved"].passed
    missing = found["fidelity_references", "references_are_there"]
    assert (missing.passed, missing.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert missing.metadata["families"].value["2026-11-23 m"] == "2 reference days, 12 missing"
    differs = found["fidelity_daily", "nothing_differs"]
    assert (differs.passed, differs.severity) == (False, dg.AssetCheckSeverity.WARN)
    said = "suspect: outputs differ from the f16 that is disclosed (greedy, logprobs)"
    assert differs.metadata["endpoints"].value == {f"{day} other/m@s": said for day in DAYS}


@pytest.mark.parametrize("wrong", ["lost", "doubled", "uncounted"])
def test_what_is_lost_doubled_or_not_counted_breaks_conservation(wrong: str) -> None:
    day = DAYS[0]
    requests, made = requests_of(day), fidelity_samples(day, requests_of(day), endpoints_of(day))
    assert conservation(day, requests, made)["conserved"]
    broken = {
        "lost": made[1:],
        "doubled": pl.concat([made, made[:1]]),
        "uncounted": made.with_columns(counts=pl.col("counts") & (pl.col("rep") != 1)),
    }
    assert not conservation(day, requests, broken[wrong])["conserved"]


def test_the_ui_shows_the_channels_and_the_plot(result: dg.ExecuteInProcessResult) -> None:
    shown: dict[str, Any] = {}
    for event in result.get_asset_materialization_events():
        made = event.step_materialization_data.materialization
        if made.asset_key == dg.AssetKey("fidelity_daily") and made.partition == DAYS[1].isoformat():
            shown = dict(made.metadata)
    assert "suspect: greedy, logprobs" in shown["channels"].value
    assert shown["fidelity"].value.startswith("![fidelity by family over days](data:image/png;base64,")


def test_border_inputs_read_the_thirty_days_that_they_are_known_for() -> None:
    (dep,) = next(iter(assets.inputs.specs)).deps
    mapping = dep.partition_mapping
    assert isinstance(mapping, dg.TimeWindowPartitionMapping)
    assert (mapping.start_offset, mapping.end_offset) == (-29, 0)


def test_in_a_home_of_rehearsals_every_row_says_so_of_endpoints_asked_nothing_too(tmp_path: Path) -> None:
    home, day = Home(tmp_path), DAYS[0]
    write_marker(home, {})
    lake = ParquetLake(home.lake)
    lake.write("requests", day, requests_of(day).filter(suite="speed"))
    lake.write("endpoints", day, endpoints_of(day))
    assert materialize(tmp_path, [day]).success
    rows = lake.read("fidelity_daily", day)
    assert rows["verdict"].to_list() == ["no_score", "reference", "no_score"]
    assert rows["rehearsal"].to_list() == [True, True, True]
