"""Endpoints at addresses of a test, one round against them, and what that round wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.probing.exchange import Limits
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import RoundOutcome, RoundPlan, plan_round, run_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import read_lines
from tokenarena_assets.suites.suite import SuiteSizes

# As short as a busy machine allows: what is late for other reasons than the server's must not count as hanging.
QUICK = Limits(connect_s=2.0, first_s=1.0, stall_s=0.6, total_s=20.0)
PRICE = {"input_usd_per_mtok": "0.5", "output_usd_per_mtok": "2"}


def endpoint(name: str, url: str = "http://127.0.0.1:9/v1", **fields: Any) -> Endpoint:
    """An endpoint of the catalog, named after what it does."""
    plain = {"provider": "test", "model": name, "base_url": url, "price": PRICE, "quality_tier": "tiny"}
    return Endpoint.model_validate(plain | fields)


def speed_only(probes: int = 1, **options: Any) -> PlanOptions:
    """Options of a round of speed probes."""
    return PlanOptions(suites=("speed",), sizes=SuiteSizes(speed_probes=probes), **options)


@dataclass(frozen=True)
class Ran:
    """A round that was run."""

    plan: RoundPlan
    outcome: RoundOutcome
    records: list[dict[str, Any]]

    def of(self, model: str) -> list[dict[str, Any]]:
        """The records of the endpoint named `model`."""
        return [record for record in self.records if record["endpoint_id"] == f"test/{model}@standard"]

    def only(self, model: str) -> dict[str, Any]:
        """Its record, where one probe was planned."""
        (record,) = self.of(model)
        return record


def run(home: Home, endpoints: Sequence[Endpoint], options: PlanOptions, limits: Limits = QUICK) -> Ran:
    """Plan and run today's next round against the endpoints' own addresses."""
    plan = plan_round(home, today(), endpoints, options)
    urls: Mapping[str, str] = {e.endpoint_id: e.base_url for e in endpoints if e.base_url is not None}
    outcome = run_round(home, plan, urls, limits=limits)
    return Ran(plan, outcome, [json.loads(line.data) for line in read_lines(outcome.path)])


def planned_ids(plan: RoundPlan) -> list[str]:
    """The identities of all planned probes, those that were cut included, in order of their text."""
    sent = [probe.request_id for probes in plan.probes.values() for probe in probes]
    return sorted(sent + [probe.request_id for probe, _ in plan.unsent])


def content_of_every_file(folder: Path) -> dict[Path, bytes]:
    """Every file under `folder`, compressed ones opened."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            found[path] = zstandard.decompress(content) if path.suffix == ".zst" else content
    return found
