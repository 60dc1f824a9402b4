"""Runs the daily job on the home's own Dagster instance, for the UI to show it: in this process, or by workers."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date
from functools import cache
from typing import Any, Literal, Protocol

import dagster as dg

from tokenarena_assets.cluster.worker import record_code
from tokenarena_assets.defs.build import build_defs
from tokenarena_assets.defs.instance import by_workers, instance_of
from tokenarena_assets.defs.jobs import materialize_day, probe_job
from tokenarena_assets.defs.killed_runs import end_killed_runs, free_pools, going_on
from tokenarena_assets.defs.partitions import DAYS
from tokenarena_assets.defs.probe.regions import rounds_asset
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.round import today
from tokenarena_assets.probing.vantage import region_from_in_force, regions_in_force
from tokenarena_assets.storage.home import Home

ROUND_STEPS = ("round_forecast", "probe_rounds")
PARTITION = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


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
    regions = regions_in_force()
    with instance_of(home) as instance:
        if by_workers(home):
            record_code(home)
        end_killed_runs(home, instance)
        defs = build_defs()
        job = defs.resolve_job_def(materialize_day.name)
        known = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}

        def run(days: Sequence[date], *, assets: Sequence[str] = (), without: Sequence[str] = ()) -> bool:
            keys = [day.isoformat() for day in days]
            if not all(DAYS.has_partition_key(key) for key in keys):
                raise TokenArenaError(
                    f"there is no partition {', '.join(keys)}",
                    mend=f"days run from {DAYS.get_first_partition_key()} to today (UTC)",
                )
            chosen = (set(assets) or known) - set(without)
            shared = {
                "loggers": {"progress": {"config": {"only_problems": log == "problems"}}},
                "resources": {"arena": {"config": arena}},
            }
            if regions and today() in days and "probe_rounds" in chosen and not evidence_only:
                _run_regions(home, regions, today().isoformat(), shared, round_config or {})
            steps = chosen.intersection(ROUND_STEPS) if round_config else ()
            return _execute(
                home,
                instance,
                job,
                tags={PARTITION: keys[0]} if len(keys) == 1 else {RANGE_START: keys[0], RANGE_END: keys[-1]},
                assets=chosen,
                run_config=shared | {"ops": {name: {"config": round_config} for name in steps}},
            )

        yield run


@cache
def job_named(name: str) -> dg.JobDefinition:
    """A job of the project; workers make it by this function, once in their lives."""
    return build_defs().resolve_job_def(name)


def _execute(
    home: Home,
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    *,
    tags: dict[str, str],
    assets: set[str],
    run_config: dict[str, Any],
) -> bool:
    """Run `assets` of a job in this process, or by workers, and wait for it; whether all of it succeeded."""
    keys = [dg.AssetKey(name) for name in sorted(assets)]
    if not by_workers(home):
        with going_on(home) as mark:
            in_process = job.execute_in_process(
                tags=tags | mark,
                asset_selection=keys,
                run_config=run_config,
                instance=instance,
                raise_on_error=False,
            )
        return bool(in_process.success)
    with going_on(home) as mark:
        result = dg.execute_job(
            dg.build_reconstructable_job(__name__, job_named.__name__, (job.name,)),
            instance,
            run_config=run_config,
            tags=tags | mark,
            asset_selection=keys,
        )
    free_pools(instance, result.run_id)  # of a run that failed they stay taken
    return bool(result.success)


def _run_regions(
    home: Home, regions: Sequence[str], key: str, shared: dict[str, Any], round_config: dict[str, Any]
) -> None:
    """A round of today from each region, all at the same time, each in a run of its own: a lost one stops no other.

    What is missing in the end is said by the check `all_regions` of the day.
    """
    config = {"run_round": "if_none"} | round_config
    if not by_workers(home):
        here = region_from_in_force()  # of the others there is no host here
        for region in [region for region in regions if region == here]:
            _run_region(home, region, key, shared, config)
        return
    # Two runs in one process lock each other out: Dagster configures logging anew for each.
    with ProcessPoolExecutor(len(regions), mp_context=multiprocessing.get_context("spawn")) as processes:
        waiting = [processes.submit(_run_region, home, region, key, shared, config) for region in regions]
        for each in waiting:
            each.result()


def _run_region(home: Home, region: str, key: str, shared: dict[str, Any], config: dict[str, Any]) -> bool:
    name = rounds_asset(region)
    with instance_of(home) as instance:
        return _execute(
            home,
            instance,
            build_defs().resolve_job_def(probe_job(region)),
            tags={PARTITION: key},
            assets={name},
            run_config=shared | {"ops": {name: {"config": config}}},
        )


def upstream_of(tables: Sequence[str]) -> set[str]:
    """The tables that `tables` are made from, themselves included."""
    graph = build_defs().resolve_asset_graph()
    keys = dg.AssetSelection.assets(*tables).upstream().required_multi_asset_neighbors().upstream().resolve(graph)
    return {key.to_user_string() for key in keys}
