"""A misbehaving server and a home folder for each test that sends probes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenarena_assets.storage.home import Home
from tokenarena_assets_tests.servers.misbehaving import MisbehavingServer


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    with MisbehavingServer() as running:
        yield running
