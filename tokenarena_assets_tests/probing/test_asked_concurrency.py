"""`--at-once N` asked for by a person: N in flight, also where there are fewer endpoints than N."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenarena_assets.endpoints import Endpoint
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import plan_round, run_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets_tests.servers.misbehaving import Answer, MisbehavingServer, in_company, streams


@pytest.mark.parametrize(("endpoints", "at_once"), [(1, 5), (2, 5), (5, 5), (3, 1)])
def test_in_flight_is_what_was_asked(tmp_path: Path, endpoints: int, at_once: int) -> None:
    with MisbehavingServer({"good": in_company(at_once, streams(Answer()))}) as server:
        catalog = [
            Endpoint(provider=f"p{number}", model="m", base_url=server.url(f"good/{number}"))
            for number in range(endpoints)
        ]
        options = PlanOptions(suites=("speed",), sizes=SuiteSizes(speed_probes=10), at_once=at_once, at_once_asked=True)
        home = Home(tmp_path / "arena")
        run_round(home, plan_round(home, today(), catalog, options), {e.endpoint_id: str(e.base_url) for e in catalog})
        assert server.most_in_flight == at_once
