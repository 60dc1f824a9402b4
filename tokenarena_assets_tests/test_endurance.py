"""Short forms of the benchmarks of endurance: the prober killed at random instants, and rounds after rounds of it."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tokenarena_assets_tests.storage.broken_disks import ROOT, ran

KILLS = 4


def _benchmark(name: str) -> Path:
    return ROOT / "benchmarks" / f"{name}.py"


def test_a_prober_killed_at_random_instants_loses_what_is_in_flight_and_nothing_else() -> None:
    arguments = ["--of", "probe", "--kills", str(KILLS), "--seed", "5", "--complete-each", "2", "--json"]
    done = ran([sys.executable, str(_benchmark("crash")), *arguments])
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["probe"]
    assert found["faults"] == []
    assert found["kills"] == sum(found["hit"].values()) == KILLS
    assert found["completed_after"] >= 2
    assert found["doubled"] == 0
    assert found["torn_lines"] <= KILLS
    assert found["rows"] > 0


def test_a_few_rounds_leave_nothing_open() -> None:
    done = ran([sys.executable, str(_benchmark("soak")), "--rounds", "3", "--pause-s", "0"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("3 rounds in ")
    assert "held_mb: cannot tell a trend of so few rounds" in done.stdout
    assert done.stdout.endswith("no leak\n")


@pytest.fixture(scope="module")
def soak() -> ModuleType:
    spec = importlib.util.spec_from_file_location("soak", _benchmark("soak"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def _looks(soak: ModuleType, mb_per_hour: float, *, fds: int = 6) -> list[Any]:
    """A process that fills up in its first minutes, then grows so fast; known noise on top."""
    noise = np.random.default_rng(3).normal(0, 0.2, 120)
    return [
        soak.Look(15.0 * n, 200.0, 150 + 10 * min(1.0, n / 20) + growth, fds + (n > 60), 0, 6, 0)
        for n in range(120)
        for growth in [mb_per_hour * n * 15 / 3600 + noise[n]]
    ]


@pytest.mark.parametrize("growth", [0.0, 20.0])
def test_the_trend_is_that_of_the_process_after_its_warm_up(soak: ModuleType, growth: float) -> None:
    trend = soak.trend_of(_looks(soak, growth))
    assert trend.low < growth < trend.high
    assert trend.high - trend.low < 2.0
    leaks = soak.leaks_of(_looks(soak, growth), trend)
    assert leaks[0] == "fds: 6 after the first round, 7 after the last"
    assert len(leaks) == (2 if growth else 1)
