"""Modeled energy as people see it: never a point, outside of the model no middle; dollars against joules."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.report.energy import modeled_interval, per_correct_table, requests_table
from tokenarena_assets.report.front import front_plot, pareto
from tokenarena_assets_tests.sql_models.frames import Row, frame

KNOWN = {"x_p5": 1.0, "x_p50": 2.0, "x_p95": 9.0}


def test_a_middle_without_its_interval_is_refused() -> None:
    assert modeled_interval(KNOWN | {"evidence_grade": "C"}, "x") == "2 [1, 9]"
    assert modeled_interval(KNOWN | {"evidence_grade": "D"}, "x") == "1 to 9"
    assert modeled_interval(dict.fromkeys(KNOWN) | {"evidence_grade": None}, "x") == "-"
    with pytest.raises(ValueError, match="interval or not at all"):
        modeled_interval(KNOWN | {"x_p95": None, "evidence_grade": "C"}, "x")


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_the_front_is_who_nobody_beats(points: list[tuple[int, int]]) -> None:
    found = {points[i] for i in pareto([(float(x), float(y)) for x, y in points])}
    beaten = {p for p in points if any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in points)}
    assert found == set(points) - beaten


def cost(endpoint_id: str, usd: float) -> Row:
    return {
        "mix": "as_probed",
        "domain": "math",
        "endpoint_id": endpoint_id,
        "usd_per_correct": usd,
        "usd_per_correct_lo": usd / 2,
        "usd_per_correct_hi": usd * 2,
    }


def energy(endpoint_id: str, joules: float, grade: str = "C") -> Row:
    figures = {f"energy_j_per_correct_{p}": joules * by for p, by in (("p5", 0.3), ("p50", 1.0), ("p95", 3.0))}
    per_token = {f"energy_j_per_output_token_{p}": by for p, by in (("p5", 0.3), ("p50", 1.0), ("p95", 3.0))}
    place = {"mix": "as_probed", "domain": "math", "endpoint_id": endpoint_id, "evidence_grade": grade, "n_items": 60}
    return place | figures | per_token


def test_the_plot_is_a_picture_and_there_is_none_without_both_figures() -> None:
    costs = frame("cost_per_correct", [cost("p/m@a", 1e-3), cost("p/m@b", 2e-3)])
    plot = front_plot(costs, frame("energy_per_correct", [energy("p/m@a", 50.0), energy("p/m@b", 20.0, "D")]))
    assert plot is not None
    data = re.search(r"base64,([A-Za-z0-9+/=]+)", plot)
    assert data is not None
    assert base64.b64decode(data[1]).startswith(b"\x89PNG")
    assert front_plot(costs, frame("energy_per_correct", [])) is None
    only_outside = frame("energy_per_correct", [energy("p/m@a", 50.0, "D")])
    assert front_plot(costs, only_outside) is not None  # a cross of intervals, and no front


def test_tables_say_modeled_and_escape_names() -> None:
    table = per_correct_table(frame("energy_per_correct", [energy("p/<b>m@a", 50.0), energy("p/m@b", 20.0, "D")]))
    assert "J per correct (modeled)" in table
    assert "<b>" not in table
    assert r"50 \[15, 150\]" in table
    assert "6 to 60" in table
    empty = {"endpoint_id": "p/m@a", "workload": "chat", "not_modeled_because": "no such chip"}
    assert "no such chip" in requests_table(frame("energy_daily", [empty]))
