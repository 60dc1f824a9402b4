"""Dagster's storage in SQLite files with connections that stay open.

Dagster's own opens and closes one for each of some thirty events of a step, and closing the last one of a file folds
its write-ahead log back: a seventh of a day of this project.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine

MOST_OPEN = 8  # event logs, of the runs used last: each run has a file of its own


class OpenEngines:
    """Engines by address, those used last; one that is let go closes its connections."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._engines: OrderedDict[str, Engine] = OrderedDict()

    def of(self, address: str) -> Engine:
        """The engine of a file."""
        with self._lock:
            engine = self._engines.get(address)
            if engine is None:
                engine = create_engine(address, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
                self._engines[address] = engine
            self._engines.move_to_end(address)
            while len(self._engines) > MOST_OPEN:
                self._engines.popitem(last=False)[1].dispose()
            return engine

    def close(self) -> None:
        """Let all of them go."""
        with self._lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()


class OpenEventLogStorage(SqliteEventLogStorage):
    """The event logs, of each run and of all assets."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines = OpenEngines()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.of(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def wipe(self) -> None:
        """Remove all events; the files of runs are deleted."""
        self._engines.close()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        self._engines.close()


class OpenRunStorage(SqliteRunStorage):
    """The runs."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines = OpenEngines()
        super().__init__(conn_string, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction on the runs."""
        with self._engines.of(self._conn_string).begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        self._engines.close()


class OpenSqliteStorage(DagsterSqliteStorage):
    """`storage: custom:` of a `dagster.yaml`; the files are those of Dagster's default, which reads them too."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        history = Path(base_dir) / "history"
        self._run_storage = OpenRunStorage.from_local(str(history))
        self._event_log_storage = OpenEventLogStorage(str(history / "runs"))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> OpenSqliteStorage:
        """The storage that a `dagster.yaml` configures."""
        return cls.from_local(inst_data=inst_data, **config_value)
