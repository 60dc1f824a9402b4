"""The Dagster instance of a home, and its configuration for one machine and for several."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from tokenarena_assets.cluster.services import is_cluster, postgres_url
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.faults import explained
from tokenarena_assets.storage.files import write_text
from tokenarena_assets.storage.home import Home

# deploy/dagster-local.yaml and deploy/dagster-cluster.yaml are these, for who starts Dagster without the command line.
_ALIKE = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1   # without a limit a pool is unlimited: one publisher, one prober at a time
    granularity: op
"""
LOCAL_CONFIG = (
    _ALIKE
    + """\
storage:
  custom:   # SQLite files as by default, with connections that stay open
    module: tokenarena_assets.defs.sqlite_storage
    class: OpenSqliteStorage
    config:
      base_dir:
        env: DAGSTER_HOME
"""
)
CLUSTER_CONFIG = (
    _ALIKE
    + """\
storage:
  postgres:
    postgres_url:
      env: TOKENARENA_POSTGRES_URL   # postgresql+psycopg2://USER:PASSWORD@HOST/DATABASE
run_monitoring:   # by the daemon: a run whose process is gone, or that takes too long, is ended
  enabled: true
  start_timeout_seconds: 300
  max_runtime_seconds: 14400
  poll_interval_seconds: 60
  free_slots_after_run_end_seconds: 60
run_retries:
  enabled: true
  max_retries: 1   # a round that was cut off is completed, a partition replaced: nothing is doubled
"""
)


def by_workers(home: Home) -> bool:
    """Whether steps of this home go to workers: those of rehearsals and recomputes stay here, as their tables do."""
    return is_cluster() and not home.is_rehearsal and home.root == Home.from_environment().root


def prepare_instance(home: Home) -> None:
    """Write the instance's configuration where there is none yet; a user's own is left alone.

    Raises:
        StorageError: the home is of a newer version, or cannot be written.
        TokenArenaError: steps go to other machines, and the configuration there is has no PostgreSQL.
    """
    home.begin_writing()
    path = home.dagster / "dagster.yaml"
    if not path.exists():
        write_text(path, CLUSTER_CONFIG if by_workers(home) else LOCAL_CONFIG)
    elif by_workers(home) and "postgres" not in path.read_text(encoding="utf-8"):
        raise TokenArenaError(
            f"{path} keeps runs in files of this machine, which workers on others cannot share",
            mend="replace it by deploy/dagster-cluster.yaml",
        )


@contextmanager
def instance_of(home: Home) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of the home folder."""
    prepare_instance(home)
    if by_workers(home):
        postgres_url()  # a missing or misspelt one is told as such
    os.environ["DAGSTER_HOME"] = str(home.dagster)  # child processes of the multiprocess executor look there
    with explained(home.dagster, "written"), dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        yield instance
