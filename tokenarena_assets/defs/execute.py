"""Runs the daily job in this process on the home's own Dagster instance, so that the UI shows the run."""

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Literal, Protocol

import dagster as dg

from tokenarena_assets.defs.build import build_defs
from tokenarena_assets.defs.killed_runs import end_killed_runs, going_on
from tokenarena_assets.defs.partitions import DAYS
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.faults import explained
from tokenarena_assets.storage.files import write_text
from tokenarena_assets.storage.home import Home

ROUND_STEPS = ("round_forecast", "probe_rounds")
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
INSTANCE_CONFIG = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1   # without a limit a pool is unlimited: one publisher, one prober at a time
    granularity: op
"""


def prepare_instance(home: Home) -> None:
    """Write the instance's configuration where there is none yet; a user's own is left alone.

    Raises:
        StorageError: the home is of a newer version, or cannot be written.
    """
    home.begin_writing()
    path = home.dagster / "dagster.yaml"
    if not path.exists():
        write_text(path, INSTANCE_CONFIG)


@contextmanager
def instance_of(home: Home) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of the home folder."""
    prepare_instance(home)
    os.environ["DAGSTER_HOME"] = str(home.dagster)  # child processes of the multiprocess executor look there
    with explained(home.dagster, "written"), dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        yield instance


def materialize(
    home: Home,
    day: date,
    *,
    endpoints_file: str = "",
    presets_file: str = "",
    round_config: dict[str, Any] | None = None,
) -> bool:
    """Materialize every asset of `day` with progress on stderr; whether all of it succeeded.

    Raises:
        TokenArenaError: the day is no partition.
    """
    with materializing(
        home, endpoints_file=endpoints_file, presets_file=presets_file, round_config=round_config
    ) as run:
        return run([day])


class Run(Protocol):
    """Materializes days; whether all of it succeeded."""

    def __call__(self, days: Sequence[date], *, assets: Sequence[str] = (), without: Sequence[str] = ()) -> bool:
        """All assets, or those of `assets`; none of `without`. Several days without a gap are one run.

        Raises:
            TokenArenaError: a day is no partition.
        """
        ...


@contextmanager
def materializing(
    home: Home,
    *,
    endpoints_file: str = "",
    presets_file: str = "",
    round_config: dict[str, Any] | None = None,
    log: Literal["progress", "problems"] = "progress",
    evidence_only: bool = False,
) -> Iterator[Run]:
    """For many runs in this process on one instance and one set of definitions; what `log` tells goes to stderr."""
    files = {"home_folder": str(home.root), "endpoints_file": endpoints_file, "presets_file": presets_file}
    arena = files | {"evidence_only": evidence_only}
    with instance_of(home) as instance:
        end_killed_runs(home, instance)
        defs = build_defs()
        job = defs.resolve_job_def("materialize_day")
        known = {key.to_user_string() for key in defs.resolve_asset_graph().executable_asset_keys}

        def run(days: Sequence[date], *, assets: Sequence[str] = (), without: Sequence[str] = ()) -> bool:
            keys = [day.isoformat() for day in days]
            if not all(DAYS.has_partition_key(key) for key in keys):
                raise TokenArenaError(
                    f"there is no partition {', '.join(keys)}",
                    mend=f"days run from {DAYS.get_first_partition_key()} to today (UTC)",
                )
            chosen = (set(assets) or known) - set(without)
            steps = chosen.intersection(ROUND_STEPS) if round_config else ()
            run_id = str(uuid.uuid4())
            with going_on(home, run_id):
                result = job.execute_in_process(
                    partition_key=keys[0] if len(keys) == 1 else None,
                    tags=None if len(keys) == 1 else {RANGE_START: keys[0], RANGE_END: keys[-1]},
                    asset_selection=[dg.AssetKey(name) for name in sorted(chosen)],
                    run_config={
                        "loggers": {"progress": {"config": {"only_problems": log == "problems"}}},
                        "resources": {"arena": {"config": arena}},
                        "ops": {name: {"config": round_config} for name in steps},
                    },
                    instance=instance,
                    raise_on_error=False,
                    run_id=run_id,
                )
            return bool(result.success)

        yield run


def upstream_of(tables: Sequence[str]) -> set[str]:
    """The tables that `tables` are made from, themselves included."""
    graph = build_defs().resolve_asset_graph()
    keys = dg.AssetSelection.assets(*tables).upstream().required_multi_asset_neighbors().upstream().resolve(graph)
    return {key.to_user_string() for key in keys}
