"""Modeled energy of a day: what is told of an endpoint decides its grade, ratios have bounds, comparisons support."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.chain.energy import (
    AS_PROBED,
    Model,
    energy_daily,
    energy_in_time,
    energy_per_correct,
    model_day,
)
from tokenarena_assets.chain.energy_tables import ENERGY_DAILY, ENERGY_PAIRS, ENERGY_PER_CORRECT
from tokenarena_assets.endpoints import embedded_presets_path, load_presets
from tokenarena_assets_tests.sql_models.frames import DAY, Row, at, frame

PRESETS = load_presets(embedded_presets_path())
DISCLOSED = {
    "accelerator": "H100 SXM 80GB",
    "n_accelerators": 2,
    "batch": 64.0,
    "output_tok_s": 2000.0,
    "pue": 1.1,
    "source": "their report",
    "as_of": "2026-10-01",
}


def endpoint(endpoint_id: str = "together/llama-3.3-70b@fp8", **given: Any) -> Row:
    provider, rest = endpoint_id.split("/")
    model, sku = rest.split("@")
    return {
        "endpoint_id": endpoint_id,
        "valid_from": at(1),
        "provider": provider,
        "model": model,
        "model_family": model,
        "sku": sku,
        "is_embedded": False,
        "service_tier": "standard",
        "quantization": "fp8",
        "model_facts_json": json.dumps({"params_total_b": 70.6, "params_active_b": 70.6, "source": "its card"}),
        **given,
    }


def answers(
    endpoint_id: str, n: int = 20, correct: int = 15, tokens_out: int | None = 300, wait_s: float = 2.0
) -> tuple[list[Row], list[Row]]:
    rows = [
        {
            "request_id": f"{endpoint_id}-{i}",
            "endpoint_id": endpoint_id,
            "suite": "quality_math",
            "item_id": f"m{i}",
            "template_id": f"t{i % 10}",
            "domain": "math",
            "outcome": "correct" if i < correct else "wrong",
            "correct": i < correct,
            "n_attempts": 1,
            "input_tokens": 200,
            "cached_tokens": 0,
            "output_tokens": tokens_out,
        }
        for i in range(n)
    ]
    waits = [
        {"endpoint_id": endpoint_id, "suite": "quality_math", "item_id": f"m{i}", "wait_s": wait_s * (1 + i)}
        for i in range(n)
    ]
    return rows, waits


def modeled(endpoints: Sequence[Row], rows: Sequence[Row]) -> Model:
    return model_day(frame("endpoints", endpoints), frame("latency_daily", []), frame("answers", rows), PRESETS)


def per_correct(endpoints: Sequence[Row], rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    table, pairs = energy_per_correct(
        DAY, modeled(endpoints, rows), frame("answers", rows), frame("endpoints", endpoints), PRESETS
    )
    assert table.schema == ENERGY_PER_CORRECT.polars_schema
    assert pairs.schema == ENERGY_PAIRS.polars_schema
    return [row for row in table.to_dicts() if row["mix"] == AS_PROBED], pairs.to_dicts()


def test_a_disclosure_moves_an_endpoint_from_class_priors_to_facts() -> None:
    rows, _ = answers("together/llama-3.3-70b@fp8")
    found = {}
    for grade, told in {
        "C": None,
        "B": {**DISCLOSED, "output_tok_s": None},
        "A": DISCLOSED,
    }.items():
        own = endpoint(disclosure_json=None if told is None else json.dumps(told))
        daily = energy_daily(DAY, modeled([own], rows)).to_dicts()
        assert {row["evidence_grade"] for row in daily} == {grade}
        (chat,) = [row for row in daily if row["workload"] == "chat"]
        found[grade] = chat["energy_j_per_request_p95"] / chat["energy_j_per_request_p5"]
    assert found["A"] < found["B"] < found["C"]


def test_a_disclosure_that_cannot_be_is_told_and_not_guessed() -> None:
    own = endpoint(disclosure_json=json.dumps({**DISCLOSED, "accelerator": "H9000"}))
    daily = energy_daily(DAY, modeled([own], answers(own["endpoint_id"])[0])).to_dicts()
    assert all("H9000" in row["not_modeled_because"] for row in daily)
    assert all(row["energy_j_per_request_p50"] is None for row in daily)


def test_an_unknown_model_is_modeled_with_what_is_assumed_of_it() -> None:
    own = endpoint("nobody/mystery@x", model_facts_json=None, quantization=None)
    daily = energy_daily(DAY, modeled([own], answers(own["endpoint_id"])[0])).to_dicts()
    assert {row["evidence_grade"] for row in daily} == {"C"}
    assert all("parameters not published" in row["assumptions"] for row in daily)
    assert all(row["region_basis"] == "assumed" for row in daily)


def test_the_embedded_fleet_is_outside_of_the_model_and_gets_an_interval_alone() -> None:
    own = endpoint("bluebird/arena-tiny-1m@q8_0", is_embedded=True, fleet_threads=1, model_facts_json=None)
    rows, pairs = per_correct([own], answers(own["endpoint_id"])[0])
    assert {row["evidence_grade"] for row in rows} == {"D"}
    assert {row["rank"] for row in rows} == {None}
    assert all("outside of the model" in row["rank_note"] for row in rows)
    assert all(row["energy_j_per_correct_p5"] < row["energy_j_per_correct_p95"] for row in rows)
    assert pairs == []


def test_measured_tokens_and_modeled_energy_stand_apart_and_as_product() -> None:
    own = endpoint()
    (row,) = per_correct([own], answers(own["endpoint_id"])[0])[0]
    assert row["output_tokens_per_correct"] == pytest.approx(20 * 300 / 15)
    assert (
        row["output_tokens_per_correct_lo"] <= row["output_tokens_per_correct"] <= row["output_tokens_per_correct_hi"]
    )
    product = row["output_tokens_per_correct"] * row["energy_j_per_output_token_p50"]
    assert row["energy_j_per_correct_p50"] == pytest.approx(product, rel=0.05)
    # Items alone leave much less open than the model does.
    sampling = row["energy_j_per_correct_sampling_hi"] / row["energy_j_per_correct_sampling_lo"]
    assert sampling < row["energy_j_per_correct_p95"] / row["energy_j_per_correct_p5"]
    assert (row["label"], row["n_items"], row["n_correct"], row["n_attempts"]) == ("modeled", 20, 15, 20)


def test_failed_attempts_cost_energy_and_earn_nothing() -> None:
    own = endpoint()
    rows, _ = answers(own["endpoint_id"])
    failed = {**rows[0], "request_id": "f", "item_id": "m99", "outcome": "missing", "correct": None, "n_attempts": 3}
    with_failures = [*rows, failed | {"output_tokens": 6000, "input_tokens": 600}]
    (sound,), (failing,) = (per_correct([own], each)[0] for each in (rows, with_failures))
    assert failing["n_attempts"] == sound["n_attempts"] + 3
    assert failing["energy_j_per_correct_p50"] > 1.5 * sound["energy_j_per_correct_p50"]


def test_too_few_correct_have_no_ratio_and_none_has_a_bound() -> None:
    own = endpoint()
    (few,) = per_correct([own], answers(own["endpoint_id"], correct=9)[0])[0]
    assert few["energy_j_per_correct_p50"] is None
    assert few["rank_note"] == "9 of 20 correct: at least 10 are needed for a ratio"
    assert few["energy_j_per_correct_at_least"] is None
    (none,) = per_correct([own], answers(own["endpoint_id"], correct=0)[0])[0]
    assert none["energy_j_per_correct_p50"] is None
    assert none["energy_j_per_correct_at_least"] > 0


def test_unknown_tokens_are_not_published() -> None:
    own = endpoint()
    (row,) = per_correct([own], answers(own["endpoint_id"], tokens_out=None)[0])[0]
    assert row["energy_j_per_correct_p50"] is None
    assert row["rank_note"] == "tokens unknown: usage is not reported for every answer"


def test_only_supported_differences_part_ranks() -> None:
    thrifty, alike, wasteful = (endpoint(f"{name}/llama-3.3-70b@fp8") for name in ("together", "deepinfra", "nebius"))
    rows = [
        *answers(thrifty["endpoint_id"])[0],
        *answers(alike["endpoint_id"])[0],
        *answers(wasteful["endpoint_id"], tokens_out=30_000)[0],
    ]
    table, pairs = per_correct([thrifty, alike, wasteful], rows)
    ranks = {row["endpoint_id"]: (row["rank"], row["rank_lo"], row["rank_hi"]) for row in table}
    assert ranks[thrifty["endpoint_id"]] == ranks[alike["endpoint_id"]] == (1, 1, 2)
    assert ranks[wasteful["endpoint_id"]] == (3, 3, 3)
    probed = {(row["endpoint_a"], row["endpoint_b"]): row for row in pairs if row["mix"] == AS_PROBED}
    close = probed[alike["endpoint_id"], thrifty["endpoint_id"]]
    assert (close["supported"], close["finding"]) == (False, "no supported difference")
    far = probed[wasteful["endpoint_id"], thrifty["endpoint_id"]]
    assert far["supported"]
    assert far["p_a_less"] <= 0.1
    assert far["ratio_p5"] > 1
    assert "is modeled to take less than nebius/" in far["finding"]


def test_an_answer_that_comes_too_late_earns_nothing() -> None:
    own = endpoint()
    rows, waits = answers(own["endpoint_id"], n=40, correct=40, wait_s=1.0)  # item i is there after 1 + i seconds
    found = energy_in_time(
        DAY, modeled([own], rows), frame("answers", rows), frame("answer_waits", waits), PRESETS
    ).to_dicts()
    by_deadline = {row["deadline_s"]: row for row in found}
    assert {deadline: row["n_correct_in_time"] for deadline, row in by_deadline.items()} == {10.0: 10, 30.0: 30}
    ratio = (
        by_deadline[10.0]["energy_j_per_correct_in_time_p50"] / by_deadline[30.0]["energy_j_per_correct_in_time_p50"]
    )
    assert ratio == pytest.approx(3, rel=0.15)


def test_the_same_day_gives_the_same_digits() -> None:
    own = endpoint()
    rows, _ = answers(own["endpoint_id"])
    assert per_correct([own], rows) == per_correct([own], rows)
    other = endpoint("deepinfra/llama-3.3-70b@fp8")
    beside = per_correct([own, other], [*rows, *answers(other["endpoint_id"])[0]])[0]
    alone = per_correct([own], rows)[0]
    assert [r["energy_j_per_correct_p50"] for r in beside if r["endpoint_id"] == own["endpoint_id"]] == [
        r["energy_j_per_correct_p50"] for r in alone
    ]


def test_no_column_of_the_database_is_a_bare_point_of_energy() -> None:
    parts = ("energy", "joule", "gco2e", "_wh", "_j_per")
    for name, spec in table_specs().items():
        columns = set(spec.column_names)
        for column in columns:
            if not any(part in column for part in parts) or column in NOT_A_QUANTITY:
                continue
            stem, _, end = column.rpartition("_")
            whole = end in ("p5", "p50", "p95") and {f"{stem}_{p}" for p in ("p5", "p50", "p95")} <= columns
            bounds = end in ("lo", "hi") and {f"{stem}_lo", f"{stem}_hi"} <= columns
            assert whole or bounds or column.endswith("_at_least"), f"{name}.{column}"


NOT_A_QUANTITY = {"energy_evidence_grade", "energy_rank", "energy_rank_note", "energy_model", "energy_constants"}


def test_every_declared_quantity_is_ordered_by_a_rule() -> None:
    stems = {name.removesuffix("_p50") for name in ENERGY_DAILY.column_names if name.endswith("_p50")}
    assert {f"{stem}_ordered" for stem in stems} <= ENERGY_DAILY.rules.keys()
