"""Runs the daily job in this process on the home's own Dagster instance, so that the UI shows the run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg

from tokenarena_assets.defs.build import build_defs
from tokenarena_assets.defs.partitions import DAYS
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.files import write_text
from tokenarena_assets.storage.home import Home

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
    """Write the instance's configuration where there is none yet; a user's own is left alone."""
    path = home.dagster / "dagster.yaml"
    if not path.exists():
        write_text(path, INSTANCE_CONFIG)


@contextmanager
def instance_of(home: Home) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of the home folder."""
    prepare_instance(home)
    os.environ["DAGSTER_HOME"] = str(home.dagster)  # child processes of the multiprocess executor look there
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
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
    key = day.isoformat()
    if not DAYS.has_partition_key(key):
        raise TokenArenaError(
            f"there is no partition {key}", mend=f"days run from {DAYS.get_first_partition_key()} to today (UTC)"
        )
    arena = {"home_folder": str(home.root), "endpoints_file": endpoints_file, "presets_file": presets_file}
    ops = {name: {"config": round_config} for name in ("round_forecast", "probe_rounds")} if round_config else {}
    run_config = {"loggers": {"progress": {}}, "resources": {"arena": {"config": arena}}, "ops": ops}
    with instance_of(home) as instance:
        job = build_defs().resolve_job_def("materialize_day")
        result = job.execute_in_process(
            partition_key=key, run_config=run_config, instance=instance, raise_on_error=False
        )
    return bool(result.success)
