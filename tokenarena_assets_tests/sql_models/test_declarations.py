"""The project's models as declared: header and SELECT agree, dependencies and lineage are found."""

from __future__ import annotations

from functools import cache

import pytest
from sqlglot import exp

from tokenarena_assets.chain.catalog import sql_models, table_specs
from tokenarena_assets.storage.sqlmodels import LAYERS, models_folder
from tokenarena_assets_tests.sql_models.frames import schemas

EXPECTED_DEPENDENCIES = {
    "stg_rounds": ("certificates", "round_log"),
    "stg_probe_log": ("catalog_log", "probe_log", "round_prices", "stg_rounds"),
    "requests": ("probe_log", "round_log", "round_prices", "stg_probe_log"),
    "quarantine": ("stg_probe_log",),
    "rounds": ("quarantine", "requests", "round_log", "stg_rounds"),
    "spend_daily": ("catalog_log", "round_log", "stg_probe_log"),
    "endpoints": ("catalog_log",),
    "answers": ("graded_answers", "requests"),
    "scorecard": (
        "context_daily",
        "cost_per_correct",
        "endpoints",
        "energy_per_correct",
        "fidelity_daily",
        "latency_daily",
        "quality_daily",
    ),
    "drift_daily": (
        "answers",
        "context_daily",
        "endpoints",
        "fidelity_daily",
        "latency_daily",
        "quality_daily",
        "requests",
    ),
    "billing_sample": ("probe_log", "stg_probe_log"),
    "answer_waits": ("answers", "requests"),
    "leaderboard": (
        "blended_prices",
        "catalog_log",
        "cost_per_correct",
        "energy_per_correct",
        "rounds",
        "scorecard",
    ),
}
ALL = pytest.mark.parametrize("name", sorted(EXPECTED_DEPENDENCIES))


@cache
def lineage_of(name: str) -> dict[str, list[tuple[str, str]]]:
    model = sql_models()[name]
    # Names are what lineage needs of a schema; the types do not change it.
    return model.column_lineage({table: dict.fromkeys(schemas()[table], "varchar") for table in model.dependencies})


def test_no_model_is_missing_here() -> None:
    assert sql_models().keys() == EXPECTED_DEPENDENCIES.keys()
    layers = [path for layer in LAYERS for path in (models_folder() / layer).glob("*.sql")]
    assert {path.stem for path in layers} == EXPECTED_DEPENDENCIES.keys()


@ALL
def test_dependencies_are_the_tables_that_the_select_reads(name: str) -> None:
    assert sql_models()[name].dependencies == EXPECTED_DEPENDENCIES[name]


@ALL
def test_header_and_output_have_the_same_columns_in_the_same_order(name: str) -> None:
    model = sql_models()[name]
    assert tuple(schemas()[name].names()) == model.spec.column_names
    assert tuple(column.alias_or_name for column in model.expression.selects) == model.spec.column_names


@ALL
def test_every_column_has_a_comment(name: str) -> None:
    spec = table_specs()[name]
    assert all(column.comment.strip() for column in spec.columns)
    assert len(set(spec.column_names)) == len(spec.columns)
    assert spec.description.endswith(".")
    assert spec.grain.startswith("one ")


@ALL
def test_keys_and_not_null_are_columns(name: str) -> None:
    spec = table_specs()[name]
    assert spec.key
    assert set(spec.key) | set(spec.not_null) <= set(spec.column_names)
    assert set(spec.key) <= set(spec.not_null)


@ALL
def test_the_final_select_names_its_columns(name: str) -> None:
    assert not any(isinstance(column, exp.Star) or column.is_star for column in sql_models()[name].expression.selects)


@ALL
def test_every_column_has_its_origin(name: str) -> None:
    model = sql_models()[name]
    lineage = lineage_of(name)
    assert set(lineage) == set(model.spec.column_names) - {
        "n_requests",
        "n_quarantined",
        "n_attempts",
    }  # count(*) is of no column
    for origins in lineage.values():
        assert {table for table, _ in origins} <= set(model.dependencies)
        assert all(column in schemas()[table] for table, column in origins)


def test_cost_comes_from_tokens_and_prices() -> None:
    assert lineage_of("requests")["cost_usd"] == lineage_of("stg_probe_log")["cost_usd"]
    assert set(lineage_of("stg_probe_log")["cost_usd"]) == {
        ("probe_log", "input_tokens"),
        ("probe_log", "cached_tokens"),
        ("probe_log", "output_tokens"),
        ("probe_log", "cache_write_tokens"),
        ("probe_log", "reasoning_tokens"),
        ("round_prices", "input_usd_per_mtok"),
        ("round_prices", "cached_input_usd_per_mtok"),
        ("round_prices", "cache_write_usd_per_mtok"),
        ("round_prices", "output_usd_per_mtok"),
        ("round_prices", "reasoning_output_usd_per_mtok"),
    }
    assert lineage_of("requests")["text"] == [("probe_log", "text")]


def test_lineage_goes_through_common_table_expressions() -> None:
    assert lineage_of("rounds")["cost_usd"] == [("requests", "cost_usd")]
    origins = lineage_of("scorecard")
    assert origins["context_advertised_tokens"] == [("endpoints", "context_tokens")]
    assert origins["ttft_ms_n"] == [("latency_daily", "n_ttft")]
