"""`tokenarena worker` and `tokenarena ship`: a host that takes steps, and rounds that wait on its disk."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import replace
from typing import Annotated

import typer

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.home import Home


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: tokenarena worker --region eu")(worker)
    app.command(epilog="Example: tokenarena ship")(ship)


def worker(
    region: Annotated[
        str | None, typer.Option("--region", help="Probe from this region; default: TOKENARENA_REGION_FROM, else none.")
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Steps at once; a host that probes measures best with 1.")
    ] = 1,
    probing_only: Annotated[
        bool, typer.Option("--probing-only", help="Take rounds of the region and no other step.")
    ] = False,
) -> None:
    """Take steps of Dagster runs from the Celery broker until interrupted; checks this host first."""
    from tokenarena_assets.cluster.services import EXECUTOR_VARIABLE
    from tokenarena_assets.cluster.worker import check_host
    from tokenarena_assets.probing.vantage import LOCAL, REGION_FROM_VARIABLE, region_from_in_force, regions_in_force

    if region is not None:
        os.environ[REGION_FROM_VARIABLE] = region
    os.environ[EXECUTOR_VARIABLE] = "celery"
    named, regions = region_from_in_force(), regions_in_force()
    own = None if named == LOCAL else named
    if own is not None and own not in regions:
        raise TokenArenaError(
            f"the region {own} is none of TOKENARENA_REGIONS ({', '.join(regions) or 'not set'})",
            mend="set TOKENARENA_REGIONS alike on every host",
        )
    if probing_only and own is None:
        raise TokenArenaError("--probing-only needs a region", mend="give --region")
    ready = check_host(Home.from_environment(), own)
    for warning in ready.warnings:
        print(f"warning: {warning}", file=sys.stderr, flush=True)
    from tokenarena_assets.defs.celery_steps import STEPS_QUEUE, work
    from tokenarena_assets.defs.probe.regions import queue_of

    queues = [*([] if probing_only else [STEPS_QUEUE]), *([queue_of(own)] if own else [])]
    work(f"{own or 'steps'}@{socket.gethostname()}-{os.getpid()}", queues, steps)


def ship() -> None:
    """Ship the sealed rounds that wait in this host's spool to the shared home; exits with 1 where one still waits."""
    from tokenarena_assets.probing.vantage import spool_in_force
    from tokenarena_assets.storage.shipping import ship as ship_rounds

    found = ship_rounds(replace(Home.from_environment(), spool=spool_in_force()))
    for round_id in found.shipped:
        print(f"shipped  {round_id}")
    for round_id, why in found.waiting.items():
        print(f"waits    {round_id}: {why}", file=sys.stderr)
    if found.waiting:
        raise typer.Exit(1)
