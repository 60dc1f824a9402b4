"""Gathers the stages into one Definitions object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import dagster as dg

from tokenarena_assets.cluster.services import EXECUTOR_VARIABLE
from tokenarena_assets.defs import (
    audit,
    clean,
    context,
    drift,
    energy,
    fidelity,
    measure,
    price,
    publish,
    quality,
    rank,
    report,
)
from tokenarena_assets.defs.drift.sensors import SENSORS
from tokenarena_assets.defs.jobs import jobs_of, schedules_of
from tokenarena_assets.defs.probe.assets import probe_assets
from tokenarena_assets.defs.progress import progress_logger
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.vantage import regions_in_force

STAGES = (clean, measure, price, quality, context, fidelity, drift, audit, energy, rank, publish, report)


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """All definitions; tests swap resources by name."""
    regions = regions_in_force()
    return dg.Definitions(
        assets=[
            *probe_assets(regions),
            *(asset for stage in STAGES for asset in dg.load_assets_from_package_module(stage)),
        ],
        asset_checks=[check for stage in STAGES for check in dg.load_asset_checks_from_package_module(stage)],
        jobs=jobs_of(regions),
        schedules=schedules_of(regions),
        sensors=SENSORS,
        resources={"arena": Arena(), **(resource_overrides or {})},
        loggers={"console": dg.colored_console_logger, "progress": progress_logger},
        executor=_executor(),
    )


def _executor() -> dg.ExecutorDefinition:
    """In this process by default: 4 s against 37 s for ten small steps in processes of their own."""
    chosen = os.environ.get(EXECUTOR_VARIABLE, "in_process")
    if chosen == "in_process":
        return dg.in_process_executor
    if chosen == "multiprocess":
        forkserver = {"forkserver": {"preload_modules": ["tokenarena_assets.definitions"]}}
        return dg.multiprocess_executor.configured({"start_method": forkserver})
    if chosen == "celery":
        from tokenarena_assets.defs.celery_steps import executor  # noqa: PLC0415 - comes with an extra of its own

        return executor()
    raise TokenArenaError(
        f"{EXECUTOR_VARIABLE}={chosen!r} is not known", mend="set it to in_process, multiprocess or celery"
    )
