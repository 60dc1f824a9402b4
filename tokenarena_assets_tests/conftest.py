"""Fixtures that several folders share: one real round over the embedded fleet, and homes made from its rows."""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tokenarena_assets.defs.execute import materializing
from tokenarena_assets.endpoints import Catalog, embedded_catalog_path, load_catalog
from tokenarena_assets.fleet.serving import serving
from tokenarena_assets.probing import certify
from tokenarena_assets.probing.certificate import BUDGET_VARIABLE, Budget
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.reference_server import Schedule
from tokenarena_assets.probing.round import plan_round, run_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import read_lines, rounds_of
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets_tests.evidence import (
    Materialized,
    RealRound,
    certificate_line,
    write_certificates,
    write_round,
)

# A busy machine is no fault of a property.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

WIDE = Budget(p50_ms=10_000, p99_ms=60_000)
DISPUTED = date(2026, 11, 2)  # the last day of the home whose tables are explained, recomputed and published
BRIEFER = Schedule(ttft_ms=2.0, interval_ms=1.0, tokens=20)  # a tenth of what a real round is certified with
SMALL = SuiteSizes(
    speed_probes=6,
    math_items=14,
    code_items=6,
    speed_output_tokens=48,
    quality_output_tokens=64,
    sampled_prompts=10,
    sampled_reps=1,
    greedy_prompts=8,
    greedy_output_tokens=16,
    logprob_prompts=2,
    logprob_reps=2,
    border_candidates=3,
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the settings or the home of the person who runs it."""
    for name in list(os.environ):
        if name.startswith(("TOKENARENA_", "DAGSTER_HOME")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TOKENARENA_HOME", str(tmp_path / "arena"))
    # How busy the machine is decides no test; those of certificates set a budget of their own.
    monkeypatch.setenv(BUDGET_VARIABLE, f"{WIDE.p50_ms},{WIDE.p99_ms}")
    monkeypatch.setattr(certify, "BRIEF", BRIEFER)


@pytest.fixture(scope="session")
def few_endpoints() -> Catalog:
    """Four endpoints of the embedded fleet: a reference, its replica, its coarse form and one of the other family."""
    catalog = load_catalog(embedded_catalog_path())
    wanted = (
        "arena-first-party/arena-tiny-1m",
        "northwind/arena-tiny-1m",
        "emberworks/arena-tiny-1m",
        "bluebird/arena-tiny-2m",
    )
    return Catalog(endpoints=tuple(e for e in catalog.endpoints if e.endpoint_id.startswith(wanted)))


@pytest.fixture(scope="session")
def real_round(few_endpoints: Catalog, tmp_path_factory: pytest.TempPathFactory) -> RealRound:
    """One small round of real inference, made once a session."""
    home = Home(tmp_path_factory.mktemp("real") / "arena")
    plan = plan_round(home, today(), few_endpoints.endpoints, PlanOptions(sizes=SMALL))
    with serving(few_endpoints.endpoints) as urls:
        outcome = run_round(home, plan, urls, budget=WIDE)
    found = rounds_of(home, plan.day)[0]
    records: list[dict[str, Any]] = [json.loads(line.data) for line in read_lines(outcome.path)]
    assert found.manifest is not None
    return RealRound(home, plan.day, found.manifest, records)


@pytest.fixture(scope="session")
def materialized(real_round: RealRound, tmp_path_factory: pytest.TempPathFactory) -> Materialized:
    """A home of two days of real answers with all of its tables; copied before it is changed."""
    home = Home(tmp_path_factory.mktemp("materialized") / "arena")
    days = [DISPUTED - timedelta(days=1), DISPUTED]
    for day in days:
        manifest, records = real_round.moved(day)
        write_round(home, day, manifest, records)
        lines = [certificate_line(manifest["round_id"], day, phase=phase) for phase in ("before", "during")]
        write_certificates(home, day, manifest["round_id"], *lines)
        with materializing(home, log="problems") as run:
            assert run([day])
    return Materialized(home, days)
