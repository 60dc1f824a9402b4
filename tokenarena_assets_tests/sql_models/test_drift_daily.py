"""The dated view: each figure from its own table, of the day alone, null where it was not measured."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets_tests.sql_models.frames import Row, at, put, result

A, B = "p/m@a", "p/m@b"
EMPTY: dict[str, list[Row]] = {
    name: []
    for name in (
        "fidelity_daily",
        "latency_daily",
        "quality_daily",
        "answers",
        "requests",
        "context_daily",
        "endpoints",
    )
}


@pytest.fixture
def lake(tmp_path: Path) -> ParquetLake:
    return ParquetLake(tmp_path / "lake")


def endpoint(endpoint_id: str = A, hour: int = 1, **given: Any) -> Row:
    names = {"provider": "p", "model": "m", "model_family": "m", "sku": "a", "api": "openai_chat", "is_embedded": False}
    return {"endpoint_id": endpoint_id, "valid_from": at(hour), **names, "is_reference": False, **given}


def speed(size: int | None, endpoint_id: str = A, suite: str = "speed", **given: Any) -> Row:
    figures = {"output_speed_p50_tok_s": 50.0, "n_speed": 8, "ttft_p50_ms": 20.0, "n_ttft": 9}
    return {"endpoint_id": endpoint_id, "suite": suite, "prompt_tokens_target": size, **figures, **given}


def request(request_id: str, endpoint_id: str = A, **given: Any) -> Row:
    return {"request_id": request_id, "endpoint_id": endpoint_id, "suite": "quality_math", "started_at": at(1), **given}


def answer(request_id: str, suite: str = "quality_math", correct: bool | None = True, endpoint_id: str = A) -> Row:
    # What all tries were billed is not the length of the answer.
    return {
        "request_id": request_id,
        "endpoint_id": endpoint_id,
        "suite": suite,
        "correct": correct,
        "output_tokens": 999,
    }


def view(lake: ParquetLake, **tables: list[Row]) -> list[Row]:
    put(lake, **(EMPTY | {"endpoints": [endpoint()]} | tables))
    return result(lake, "drift_daily")


def test_an_endpoint_without_figures_is_there_with_nulls(lake: ParquetLake) -> None:
    (row,) = view(lake)
    known = {name for name, value in row.items() if value is not None}
    assert known == {"day", "endpoint_id", "model_family"}


def test_figures_of_fidelity_are_those_of_the_day(lake: ParquetLake) -> None:
    own = {"endpoint_id": A, "fidelity": 99.0, "fidelity_day": 97.5, "fidelity_day_n_prompts": 40}
    channels = {"greedy_rate_per_1k": 3.0, "greedy_n_prompts": 100, "logprob_lt_nats": 0.2, "logprob_n_prompts": 10}
    more = {"parity_compared": 12, "parity_mismatched": 1, "border_tv": 0.1, "border_n_prompts": 20}
    (row,) = view(lake, fidelity_daily=[own | channels | more])
    assert (row["fidelity_day"], row["fidelity_day_n"]) == (97.5, 40)
    assert (row["greedy_rate_per_1k"], row["greedy_n"], row["logprob_lt_nats"], row["logprob_n"]) == (3.0, 100, 0.2, 10)
    assert (row["parity_mismatched"], row["parity_n"], row["border_tv"], row["border_n"]) == (1, 12, 0.1, 20)


def test_math_and_code_stand_apart(lake: ParquetLake) -> None:
    suites = [("quality_math", 0.7, 60), ("quality_code", 0.5, 40), ("mix", 0.62, 100), ("anchor", 0.9, 10)]
    rows = [{"endpoint_id": A, "suite": suite, "accuracy": value, "n_graded": n} for suite, value, n in suites]
    (row,) = view(lake, quality_daily=rows)
    assert [row[f"accuracy_{of}"] for of in ("math", "math_n", "code", "code_n")] == [0.7, 60, 0.5, 40]


@pytest.mark.parametrize(
    ("sizes", "chosen"), [([100, 1000, 4000], 1000), ([4000, 100], 100), ([None, 200], 200), ([None], None)]
)
def test_speed_is_of_one_prompt_size(lake: ParquetLake, sizes: list[int | None], chosen: int | None) -> None:
    rows = [speed(size, output_speed_p50_tok_s=float(size or 7)) for size in sizes]
    (row,) = view(lake, latency_daily=[*rows, speed(1000, suite="parallel"), speed(1000, suite="imported:aiperf")])
    assert (row["latency_prompt_tokens"], row["output_speed_tok_s"]) == (chosen, float(chosen or 7))
    assert (row["output_speed_n"], row["ttft_ms"], row["ttft_n"]) == (8, 20.0, 9)


def test_what_may_not_be_ranked_is_no_figure(lake: ParquetLake) -> None:
    because = {"speed_not_ranked_because": "known of 2 of 9, 5 needed"}
    (row,) = view(lake, latency_daily=[speed(1000, **because)])
    assert (row["output_speed_tok_s"], row["output_speed_n"], row["ttft_ms"]) == (None, 8, 20.0)


def test_tokens_are_of_the_try_that_counts_of_graded_answers_to_generated_items(lake: ParquetLake) -> None:
    requests = [
        request(name, output_tokens=tokens) for name, tokens in zip("abcdef", (10, 30, 500, 700, 20, None), strict=True)
    ]
    answers = [answer("a"), answer("b", correct=False), answer("c", "anchor"), answer("d", correct=None)]
    (row,) = view(lake, requests=requests, answers=[*answers, answer("e", "quality_code"), answer("f")])
    assert (row["tokens_per_answer"], row["tokens_per_answer_n"]) == (20.0, 3)


def test_the_name_is_that_of_most_responses(lake: ParquetLake) -> None:
    names = ["new", "old", "old", None, None, None, "new", "imported", "imported", "imported"]
    requests = [
        request(str(i), served_model=name, source_tool="aiperf" if name == "imported" else None)
        for i, name in enumerate(names)
    ]
    assert view(lake, requests=requests)[0]["served_model"] == "new"  # as often as the other: the first by name
    assert view(lake, requests=requests[1:])[0]["served_model"] == "old"


def test_prices_are_of_the_last_catalog_of_the_day(lake: ParquetLake) -> None:
    early = endpoint(hour=1, input_usd_per_mtok=Decimal("1.0"), output_usd_per_mtok=Decimal("3.0"))
    late = endpoint(hour=5, input_usd_per_mtok=Decimal("2.0"), output_usd_per_mtok=Decimal("3.0"))
    (row,) = view(lake, endpoints=[late, early], context_daily=[{"endpoint_id": A, "effective_tokens": 896}])
    assert (row["input_usd_per_mtok"], row["output_usd_per_mtok"]) == (2, 3)
    assert row["context_effective_tokens"] == 896


def test_endpoints_are_kept_apart(lake: ParquetLake) -> None:
    rows = view(
        lake,
        endpoints=[endpoint(A), endpoint(B)],
        latency_daily=[speed(1000, B)],
        requests=[
            request("a", A, served_model="x", output_tokens=5),
            request("b", B, served_model="y", output_tokens=9),
        ],
        answers=[answer("a"), answer("b", endpoint_id=B)],
    )
    shown = [
        [row[name] for name in ("endpoint_id", "output_speed_tok_s", "served_model", "tokens_per_answer")]
        for row in rows
    ]
    assert shown == [[A, None, "x", 5.0], [B, 50.0, "y", 9.0]]
