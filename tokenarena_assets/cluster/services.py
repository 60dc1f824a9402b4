"""Where the services of several machines are, from the environment; none of them is needed on a single one."""

from __future__ import annotations

import os

from tokenarena_assets.errors import TokenArenaError

EXECUTOR_VARIABLE = "TOKENARENA_EXECUTOR"
BROKER_VARIABLE = "TOKENARENA_CELERY_BROKER"
BACKEND_VARIABLE = "TOKENARENA_CELERY_BACKEND"
POSTGRES_VARIABLE = "TOKENARENA_POSTGRES_URL"
# SQLAlchemy 2.1 takes a plain postgresql:// for another driver than the one that dagster-postgres brings.
DRIVER = "postgresql+psycopg2://"


def is_cluster() -> bool:
    """Whether steps run on Celery workers (`TOKENARENA_EXECUTOR=celery`)."""
    return os.environ.get(EXECUTOR_VARIABLE) == "celery"


def celery_config() -> dict[str, str]:
    """`broker` and `backend` of Celery; the backend is the broker where it has no URL of its own (Redis is both).

    Raises:
        TokenArenaError: there is no broker.
    """
    broker = _url(BROKER_VARIABLE, "redis://HOST:6379/0 or amqp://USER:PASSWORD@HOST//")
    backend = os.environ.get(BACKEND_VARIABLE, "").strip() or (broker if broker.startswith("redis") else "rpc://")
    return {"broker": broker, "backend": backend}


def postgres_url() -> str:
    """The URL of Dagster's storage.

    Raises:
        TokenArenaError: it is not set, or names no driver.
    """
    url = _url(POSTGRES_VARIABLE, f"{DRIVER}USER:PASSWORD@HOST/DATABASE")
    if not url.startswith(DRIVER):
        raise TokenArenaError(
            f"{POSTGRES_VARIABLE} does not begin with {DRIVER}",
            mend=f"write {DRIVER}USER:PASSWORD@HOST/DATABASE: with a plain postgresql:// another driver is looked for",
        )
    return url


def _url(variable: str, example: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise TokenArenaError(f"{variable} is not set", mend=f"set it to {example}")
    return value
