"""Churn of orders: by hand, and what the real list of 2026-07-01 shows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tokenarena_assets.endpoints import embedded_presets_path, load_presets
from tokenarena_assets.pricing import workload_price
from tokenarena_assets.pricing.churn import churn
from tokenarena_assets.pricing.facts import price_list

PRESETS = {preset.name: preset for preset in load_presets(embedded_presets_path())}


def order(preset: str) -> dict[str, Decimal]:
    work = PRESETS[preset].workload()
    return {each.endpoint_id: workload_price(each.price, work).usd_per_mtok for each in price_list()}


@pytest.mark.parametrize(
    ("a", "b", "leave", "enter", "tau"),
    [
        ("chat", "rag", {"wandb/qwen3-235b-a22b-instruct-2507@standard"}, {"openai/gpt-5-nano@standard"}, 0.919),
        (
            "chat",
            "reasoning",
            {"novita-ai/gpt-oss-120b@standard", "amazon-bedrock/nova-lite@standard"},
            {"deepinfra/deepseek-v4-flash@standard", "novita-ai/gemma-3-27b-it@standard"},
            0.914,
        ),
        ("rag", "reasoning", None, None, 0.831),
    ],
)
def test_the_market_by_price_alone(a: str, b: str, leave: set[str] | None, enter: set[str] | None, tau: float) -> None:
    moved = churn(order(a), order(b))
    assert (moved.n, moved.n_only_one, len(moved.leave)) == (195, 0, 3 if leave is None else len(leave))
    if leave is not None:
        assert (set(moved.leave), set(moved.enter)) == (leave, enter)
    assert moved.tau_b == pytest.approx(tau, abs=0.001)


def test_by_hand() -> None:
    a = {"p/m@1": 1.0, "p/m@2": 2.0, "p/m@3": 3.0, "p/m@4": 4.0}
    b = {"p/m@1": 1.0, "p/m@2": 4.0, "p/m@3": 3.0, "p/m@4": 2.0}
    moved = churn(a, b, top_n=2)
    assert (moved.leave, moved.enter) == (("p/m@2",), ("p/m@4",))
    assert moved.tau_b == pytest.approx(0.0)  # three pairs of six are in the other order


def test_of_equal_values_the_names_decide_and_tau_knows_them_for_ties() -> None:
    a = {"q/m@a": 1.0, "p/n@a": 1.0, "p/m@b": 1.0}
    b = {"q/m@a": 1.0, "p/n@a": 1.0, "p/m@b": 2.0}
    moved = churn(a, b, top_n=1)
    assert (moved.leave, moved.enter, moved.tau_b) == (("p/m@b",), ("p/n@a",), None)


def test_who_is_in_one_order_only_is_counted_and_left_out() -> None:
    moved = churn({"p/m@1": 1, "p/m@2": 2}, {"p/m@2": 2, "p/m@3": 1})
    assert (moved.n, moved.n_only_one, moved.leave, moved.tau_b) == (1, 2, (), None)
