"""The asset graph: what it is made of, how it starts, and what a change does to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.definitions import defs
from tokenarena_assets.defs.build import build_defs
from tokenarena_assets.defs.jobs import close_yesterday, round_every_3_hours
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.probing.round import today

ROOT = Path(__file__).parents[2]
# They tell a person what to look at, and stop nothing.
WARNINGS = {"tiers_fit", "grader_is_sound", "nothing_is_truncated", "references_are_there", "nothing_differs"}
WARNINGS |= {"same_thing_sold", "nobody_bills_more_than_text", "feeds_can_be_read", "feeds_agree", "nothing_is_held"}
WARNINGS |= {"energy_is_plausible"}


def _graph() -> dict[str, Any]:
    graph = defs.resolve_asset_graph()
    return {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "deps": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "checks": sorted(check.name for check in graph.asset_check_keys if check.asset_key == key),
            "kinds": sorted(graph.get(key).kinds),
        }
        for key in sorted(graph.get_all_asset_keys())
    }


def test_graph_is_as_recorded(snapshot: SnapshotAssertion) -> None:
    assert json.dumps(_graph(), indent=1) == snapshot


def test_every_asset_says_what_it_is() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key
        assert node.group_name != "default", key
        assert node.partitions_def is not None, key


def test_every_table_is_an_asset_with_blocking_checks() -> None:
    graph = defs.resolve_asset_graph()
    for name in table_specs():
        checks = [key for key in graph.asset_check_keys if key.asset_key == dg.AssetKey(name)]
        assert {"schema", "nulls", "keys", "ranges"} <= {check.name for check in checks}
        assert all(graph.get_check_spec(check).blocking for check in checks if check.name not in WARNINGS)


def test_the_graph_runs_one_way() -> None:
    order = [
        "probe",
        "ingest",
        "book",
        "clean",
        "measure",
        "price",
        "quality",
        "context",
        "fidelity",
        "drift",
        "audit",
        "energy",
        "rank",
        "publish",
    ]
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        for parent in graph.get(key).parent_keys:
            own, before = graph.get(key).group_name, graph.get(parent).group_name
            assert order.index(before) <= order.index(own), f"{own} reads {before}"


def test_schedules_are_off_and_name_the_right_day() -> None:
    for name in ("round_every_3_hours", "close_yesterday"):
        assert defs.resolve_schedule_def(name).default_status == dg.DefaultScheduleStatus.STOPPED
    tick = datetime(2026, 11, 23, 0, 20, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=tick)
    assert close_yesterday(context).partition_key == "2026-11-22"
    assert round_every_3_hours(context).partition_key == "2026-11-23"


def test_a_scheduled_round_is_spread() -> None:
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 23, 3, tzinfo=UTC))
    request = round_every_3_hours(context)
    config = request.run_config["ops"]["probe_rounds"]["config"]
    assert config == {"run_round": "always", "spread_s": 600.0, "slots_due": True}
    dg.validate_run_config(defs.resolve_job_def("probe_round"), request.run_config)


def test_closing_a_day_never_sends(tmp_path: Path) -> None:
    job = build_defs({"arena": Arena(home_folder=str(tmp_path / "arena"))}).resolve_job_def("close_day")
    result = job.execute_in_process(partition_key=today().isoformat(), raise_on_error=False)
    assert not result.success
    assert not (tmp_path / "arena" / "raw").exists()


def test_workspace_is_live_and_has_one_location_name() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert "dg" not in tools, "[tool.dg] silently switches workspace.yaml off"
    assert "dagster" not in tools, "[tool.dagster] silently switches workspace.yaml off"
    entries = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert [entry["python_module"]["location_name"] for entry in entries] == ["tokenarena"]


@pytest.mark.parametrize(
    "command",
    [
        ["dagster", "definitions", "validate", "-w", "workspace.yaml"],
        ["dagster", "definitions", "validate"],
    ],
)
def test_dagster_finds_the_project(command: list[str], tmp_path: Path) -> None:
    environment = os.environ | {"DAGSTER_HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    tried = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "tokenarena" in tried.stdout + tried.stderr


def test_importing_the_definitions_loads_no_great_expectations() -> None:
    names = "('great_expectations', 'xllamacpp')"
    code = f"import sys, tokenarena_assets.definitions; print(*(name in sys.modules for name in {names}))"
    tried = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert tried.stdout.split() == ["False", "False"]


def test_methods_import_no_dagster() -> None:
    """Only `defs/`, `definitions.py` and the command line may know Dagster."""
    package = ROOT / "tokenarena_assets"
    for path in package.rglob("*.py"):
        inside = path.relative_to(package).parts[0]
        if inside not in ("defs", "definitions.py"):
            text = path.read_text()
            assert "import dagster" not in text, path
            assert "from dagster" not in text, path
