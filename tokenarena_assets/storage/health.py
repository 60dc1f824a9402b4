"""What is wrong with the files of a home, seen without reading all of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tokenarena_assets.errors import StorageError
from tokenarena_assets.storage.faults import owner_of, require_footer
from tokenarena_assets.storage.home import Home


def of_others(home: Home) -> dict[str, int]:
    """Files and folders of the home that belong to another user: his name -> how many."""
    return dict(Counter(owner_of(path) for path in _every_path(home.root) if path.lstat().st_uid != os.geteuid()))


def _every_path(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield folder
    for parent, folders, names in os.walk(folder):
        yield from (path for name in chain(folders, names) if not (path := Path(parent, name)).is_symlink())


def partitions(home: Home) -> tuple[int, list[StorageError]]:
    """How many partitions the lake has, and what is wrong with those whose footer cannot be read."""
    count, damaged = 0, []
    for path in sorted(home.lake.glob("*/day=*/part-0.parquet")):
        count += 1
        try:
            require_footer(path)
        except StorageError as error:
            damaged.append(error)
    return count, damaged
