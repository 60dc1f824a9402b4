"""Where the files of a shared lake lie: a folder that every machine has under the same path, or object storage."""

from __future__ import annotations

import importlib.util
import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.files import replacing
from tokenarena_assets.storage.literals import literal

DATA_VARIABLE = "TOKENARENA_LAKE_DATA"
# Only what the wheels of the lock brought: nothing is downloaded at run time, on any machine.
OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
MEND_EXTRA = "make cluster, then .venv-cluster/bin/tokenarena ...; or: pip install '.[cluster]'"


class LakeError(TokenArenaError):
    """The lake cannot be reached, or is not one that this installation can read and write."""


class Place(ABC):
    """Keeps files that are written once."""

    root: str

    @property
    def tables(self) -> str:
        """Where DuckLake's own files lie; what else is here is not its to remove."""
        return f"{self.root}/tables/"

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What polars is told beyond the environment."""
        return None

    @abstractmethod
    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection read and write here."""

    @abstractmethod
    def put(self, source: Path, path: str) -> str:
        """Copy a local file to `path` under the root, whole or not at all; its full name.

        Raises:
            LakeError: it cannot be written.
        """

    @abstractmethod
    def require_writable(self) -> None:
        """Raises LakeError where nothing can be written."""


class FolderPlace(Place):
    """A folder: of this machine, or mounted by all of them."""

    def __init__(self, root: str) -> None:
        self.root = root

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Nothing is needed."""

    def require_writable(self) -> None:
        """A folder that is missing is not made: it may be one that is not mounted.

        Raises:
            LakeError: it is missing or cannot be written.
        """
        if not Path(self.root).is_dir():
            raise LakeError(
                f"{DATA_VARIABLE}: {self.root} is not there", mend=f"mount it; or for a new lake: mkdir -p {self.root}"
            )
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise LakeError(
                f"{DATA_VARIABLE}: {self.root} cannot be written", mend="give this user the right to write there"
            )

    def put(self, source: Path, path: str) -> str:
        """Copy a local file to `path` under the root, whole or not at all; its full name.

        Raises:
            LakeError: it cannot be written.
        """
        self.require_writable()
        target = Path(self.root) / path
        try:
            with replacing(target) as temporary:
                shutil.copyfile(source, temporary)
        except OSError as error:
            raise LakeError(
                f"{target} cannot be written: {error.strerror}",
                mend="free some space, or mend the rights of the folder",
            ) from error
        return str(target)


class BucketPlace(Place):
    """A prefix in object storage that speaks S3; credentials, region and endpoint are those of the AWS_* variables."""

    def __init__(self, root: str) -> None:
        self.root = root
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        self._endpoint = urlsplit(endpoint) if endpoint else None
        self._region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"

    @property
    def storage_options(self) -> dict[str, str] | None:
        """Endpoint and region; polars takes the keys from the environment itself."""
        options = {"aws_region": self._region}
        if self._endpoint is not None:
            options["aws_endpoint_url"] = self._endpoint.geturl()
            options["aws_allow_http"] = str(self._endpoint.scheme == "http").lower()
        return options

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Load the extension and hand it the credentials.

        Raises:
            LakeError: there are none.
        """
        load_extension(connection, "httpfs")
        found = {
            "key_id": os.environ.get("AWS_ACCESS_KEY_ID"),
            "secret": os.environ.get("AWS_SECRET_ACCESS_KEY"),
            "session_token": os.environ.get("AWS_SESSION_TOKEN"),
            "region": self._region,
        }
        if not found["key_id"] or not found["secret"]:
            raise LakeError(f"{self.root} needs credentials", mend="export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        if self._endpoint is not None:
            found |= {
                "endpoint": self._endpoint.netloc,
                "url_style": "path",
                "use_ssl": str(self._endpoint.scheme != "http").lower(),
            }
        given = ", ".join(f"{name} {literal(value)}" for name, value in found.items() if value)
        try:
            connection.execute(f"create or replace secret lake_data (type s3, scope {literal(self.root)}, {given})")
        except duckdb.Error:  # its text would show the keys
            raise LakeError("the AWS_* variables are not a credential that DuckDB takes", mend="look at them") from None

    def put(self, source: Path, path: str) -> str:
        """Copy a local file to `path` under the root, whole or not at all; its full name.

        Raises:
            LakeError: it cannot be written.
        """
        target = f"{self.root}/{path}"
        with duckdb.connect(config=OFFLINE) as connection:
            self.prepare(connection)
            try:
                connection.execute(
                    f"copy (select content from read_blob({literal(str(source))})) to {literal(target)} (format blob)"
                )
            except duckdb.Error as error:
                raise LakeError(
                    f"{target} cannot be written: {error}", mend="mend the AWS_* variables, or the rights of the bucket"
                ) from error
        return target

    def require_writable(self) -> None:
        """Write a small object.

        Raises:
            LakeError: it cannot be written.
        """
        self.put(Path(__file__), "writable")


def place_of(data: str) -> Place:
    """The place that `TOKENARENA_LAKE_DATA` names: `s3://bucket/prefix`, or a folder.

    Raises:
        LakeError: it is of another kind.
    """
    if data.startswith("s3://"):
        return BucketPlace(data.rstrip("/"))
    if "://" in data:
        raise LakeError(f"{DATA_VARIABLE}: {data} is neither a folder nor s3://", mend="write s3://bucket/prefix")
    return FolderPlace(str(Path(data).absolute()))


def load_extension(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension from its wheel.

    Raises:
        LakeError: it is not installed, or is for another DuckDB.
    """
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    if found is None or found.origin is None:
        raise LakeError(f"tables on DuckLake need DuckDB's extension {name}, which is not installed", mend=MEND_EXTRA)
    folder = Path(found.origin).parent / "extensions"
    file = folder / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not file.exists():
        made_for = ", ".join(sorted(each.name for each in folder.iterdir()))
        raise LakeError(f"DuckDB here is {duckdb.__version__}; its extension {name} is for {made_for}", mend=MEND_EXTRA)
    connection.execute(f"load {literal(str(file))}")
