"""Addresses of a catalog's endpoints: live ones as they are, embedded ones after their servers were started."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.endpoints.placeholders import filled
from tokenarena_assets.endpoints.readiness import readiness
from tokenarena_assets.fleet.manager import FleetError, FleetServer, running_fleet
from tokenarena_assets.storage.files import write_text
from tokenarena_assets.storage.home import Home


@contextmanager
def serving(endpoints: Sequence[Endpoint]) -> Iterator[dict[str, str]]:
    """Base URL by endpoint_id; what the embedded fleet serves is up inside the block and gone after it.

    Of an endpoint that is not ready (a placeholder of its address is not set) there is none.

    Raises:
        FleetError: a server did not come up.
    """
    servers = servers_of(endpoints)
    with ExitStack() as stack:
        urls = stack.enter_context(running_fleet(servers)) if servers else {}
        yield urls | {
            endpoint.endpoint_id: filled(endpoint.base_url)
            for endpoint in endpoints
            if endpoint.base_url is not None and readiness(endpoint).reason is None
        }


def servers_of(endpoints: Sequence[Endpoint]) -> dict[str, FleetServer]:
    """What has to be served for the embedded ones among `endpoints`, by endpoint_id."""
    return {
        endpoint.endpoint_id: FleetServer(
            weights=endpoint.fleet.weights,
            threads=endpoint.fleet.threads,
            context_tokens=endpoint.fleet.context_tokens,
            keep_last_tokens=endpoint.fleet.keep_last_tokens,
        )
        for endpoint in endpoints
        if endpoint.fleet is not None
    }


@contextmanager
def serve_until_stopped(
    home: Home, endpoints: Sequence[Endpoint]
) -> Iterator[tuple[dict[str, str], Callable[[], None]]]:
    """The fleet with its addresses noted in the home folder; yields them and a call that waits for a signal to stop."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    state = _state_file(home)
    home.begin_writing()
    with serving([endpoint for endpoint in endpoints if endpoint.fleet is not None]) as urls:
        write_text(state, json.dumps({"pid": os.getpid(), "urls": urls}, indent=1) + "\n")
        try:
            yield urls, lambda: _wait(stopped)
        finally:
            state.unlink(missing_ok=True)


def _wait(stopped: threading.Event) -> None:
    with suppress(KeyboardInterrupt):
        stopped.wait()


def fleet_that_is_up(home: Home) -> dict[str, str]:
    """Addresses of the fleet that another process has up.

    Raises:
        FleetError: there is none.
    """
    try:
        state = json.loads(_state_file(home).read_text(encoding="utf-8"))
        os.kill(int(state["pid"]), 0)
        return {str(name): str(url) for name, url in state["urls"].items()}
    except (OSError, ValueError, KeyError, AttributeError):
        raise FleetError("no fleet is up", mend="start one in another terminal: tokenarena fleet up") from None


def _state_file(home: Home) -> Path:
    return home.root / "fleet.json"
