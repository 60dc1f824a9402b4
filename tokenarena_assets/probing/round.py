"""One round: sends a plan to all endpoints at once, appends each record as it ends, completes what was cut off."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from tokenarena_assets import __version__
from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.errors import SpendCapError, TokenArenaError
from tokenarena_assets.probing.client import Limits, http_client, send_probe, tls_context, unsent_record
from tokenarena_assets.probing.loop_lag import LoopLag
from tokenarena_assets.probing.plan import ForecastRow, PlanOptions, Probe, forecast, make_plan, plan_key
from tokenarena_assets.probing.stream import adapter_for
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, RoundWriter, is_being_written, read_lines, rounds_of

# After this many failures in a row of a kind that will not pass by itself, the rest is recorded as not sent.
GIVE_UP_AFTER = 3
HOPELESS = frozenset({"connect_failed", "timeout_connect", "timeout_first", "http_3xx"})
HOPELESS_HTTP = frozenset({401, 403, 404})

FLEET_AT_ONCE = 4

Progress = Callable[[str, int, int, int], None]  # (suite, done, of, failed)


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """A round about to be run: which probes, at what cost at most, and what an earlier try left."""

    day: date
    round_id: str
    endpoints: tuple[Endpoint, ...]
    options: PlanOptions
    probes: dict[str, list[Probe]]
    forecast: list[ForecastRow]
    resumed: RoundFiles | None
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RoundOutcome:
    """What a round came to."""

    round_id: str
    path: Path
    kept: int  # records of an earlier try
    written: int
    by_status: dict[str, int]


def today() -> date:
    """The current UTC day."""
    return datetime.now(UTC).date()


def plan_round(home: Home, day: date, endpoints: Sequence[Endpoint], options: PlanOptions) -> RoundPlan:
    """What the next round of today does; nothing is sent.

    A round of the same plan that was cut off is completed under its own id.

    Raises:
        TokenArenaError: `day` is not today, or an endpoint speaks an API for which there is no adapter.
        SpendCapError: the forecast is over the cap.
    """
    if day != today():
        raise TokenArenaError(
            f"a round can be run for today ({today()}) only, not for {day}",
            mend="evidence of another day cannot be made today; re-read what is there: tokenarena run --day DAY",
        )
    for endpoint in endpoints:
        adapter_for(endpoint.api)
    key = plan_key(endpoints, options)
    existing = rounds_of(home, day)
    resumed = next((r for r in existing if _resumable(r, key)), None)
    if resumed is not None and resumed.manifest is not None:
        manifest = resumed.manifest
    else:
        started = datetime.now(UTC)
        manifest = {
            "schema_version": 1,
            "round_id": f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
            "day": day.isoformat(),
            "ordinal": len(existing),
            "started_at": started.isoformat(timespec="milliseconds"),
            "plan_key": key,
            "options": json.loads(json.dumps(asdict(options), default=str)),
            "endpoints": [
                endpoint.model_dump(mode="json") | {"endpoint_id": endpoint.endpoint_id} for endpoint in endpoints
            ],
            "client": {"tokenarena": __version__, "httpx": httpx.__version__, "python": platform.python_version()},
        }
    plan = _plan(day, endpoints, options, resumed, manifest)
    usd = sum((row.usd_max for row in plan.forecast if row.usd_max is not None), start=Decimal(0))
    if usd > options.max_round_usd:
        raise SpendCapError(
            f"the round could cost up to ${usd:.4f}, over the cap of ${options.max_round_usd}",
            mend="raise --max-usd, or probe fewer endpoints or suites",
        )
    return plan


def _plan(
    day: date,
    endpoints: Sequence[Endpoint],
    options: PlanOptions,
    resumed: RoundFiles | None,
    manifest: dict[str, Any],
) -> RoundPlan:
    probes = make_plan(endpoints, options, day=day, round_id=manifest["round_id"], ordinal=manifest["ordinal"])
    rows = forecast(probes, endpoints)
    return RoundPlan(day, manifest["round_id"], tuple(endpoints), options, probes, rows, resumed, manifest)


def plan_of_cut_off(home: Home, day: date) -> RoundPlan | None:
    """The last round of today that was cut off, as its own manifest planned it; None where there is none.

    A round that another version planned is none: it would not be the same questions.
    """
    if day != today():
        return None
    for found in reversed(rounds_of(home, day)):
        if found.manifest is None:
            continue
        try:
            recorded = [
                Endpoint.model_validate({name: value for name, value in entry.items() if name != "endpoint_id"})
                for entry in found.manifest["endpoints"]
            ]
            options = PlanOptions.from_record(found.manifest["options"])
        except (KeyError, TypeError, ValueError):
            continue
        if _resumable(found, plan_key(recorded, options)):
            return _plan(day, recorded, options, found, found.manifest)
    return None


def _resumable(found: RoundFiles, key: str) -> bool:
    planned_so = found.manifest is not None and found.manifest.get("plan_key") == key
    return found.is_open and planned_so and not is_being_written(found.log)


def run_round(
    home: Home,
    plan: RoundPlan,
    base_urls: Mapping[str, str],
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> RoundOutcome:
    """Run `plan` against `base_urls` (by endpoint_id) and seal the round.

    Keys are read from the environment here and go nowhere but into the request to their own endpoint.
    """
    seal_leftovers(home, plan.day, keep=plan.round_id)
    writer = RoundWriter(home, plan.day, plan.round_id, plan.manifest if plan.resumed is None else None)
    try:
        done = _request_ids(writer.path) if plan.resumed is not None else set()
        session = _Session(plan, base_urls, writer, limits or Limits(), progress, done)
        asyncio.run(session.run())
        path = writer.seal("complete")
    finally:
        writer.close()
    return RoundOutcome(plan.round_id, path, len(done), session.written, dict(session.by_status))


def seal_leftovers(home: Home, day: date, keep: str | None = None) -> list[str]:
    """Seal the rounds of a day that were cut off and that nobody will complete; their ids."""
    sealed = []
    for found in rounds_of(home, day):
        if found.is_open and found.round_id != keep and not is_being_written(found.log):
            RoundWriter(home, day, found.round_id, None).seal("partial")
            sealed.append(found.round_id)
    return sealed


def _request_ids(path: Path) -> set[str]:
    ids = set()
    for line in read_lines(path):
        try:
            record = json.loads(line.data)
        except (ValueError, RecursionError):
            continue  # a torn line: its request is sent again, the line stays as it is
        if isinstance(record, dict) and isinstance(record.get("request_id"), str):
            ids.add(record["request_id"])
    return ids


def _api_key(endpoint: Endpoint) -> str | None:
    # A key read from a file often brings its line end along.
    return os.environ.get(endpoint.api_key_env, "").strip() if endpoint.api_key_env else None


def _key_problem(endpoint: Endpoint) -> str | None:
    key = _api_key(endpoint)
    if key is None:
        return None
    if not key:
        return f"missing key: set {endpoint.api_key_env}"
    if not (key.isascii() and key.isprintable()):
        return f"unusable key: {endpoint.api_key_env} holds characters that no HTTP header can carry"
    return None


class _Session:
    """The sending of one round: one httpx client an endpoint, a cap on requests in flight in all and for each."""

    def __init__(
        self,
        plan: RoundPlan,
        base_urls: Mapping[str, str],
        writer: RoundWriter,
        limits: Limits,
        progress: Progress | None,
        done: set[str],
    ) -> None:
        self._plan, self._base_urls, self._writer, self._limits = plan, base_urls, writer, limits
        self._progress, self._done = progress, done
        self._endpoints = {endpoint.endpoint_id: endpoint for endpoint in plan.endpoints}
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._in_a_row: Counter[str] = Counter()
        self._given_up: dict[str, str] = {}
        self._identity = {"round_id": plan.round_id, "day": plan.day.isoformat()}
        self.by_status: Counter[str] = Counter()
        self.written = 0

    async def run(self) -> None:
        """Send every suite of the plan in turn."""
        context = tls_context()
        async with AsyncExitStack() as stack:
            for endpoint in self._plan.endpoints:
                # A pool smaller than what may be in flight would hold requests back unseen.
                client = http_client(context, self._plan.options.at_once)
                self._clients[endpoint.endpoint_id] = await stack.enter_async_context(client)
                if problem := _key_problem(endpoint):
                    self._given_up[endpoint.endpoint_id] = problem
            lag = await stack.enter_async_context(LoopLag())
            for suite, probes in self._plan.probes.items():
                await self._run_suite(suite, [probe for probe in probes if probe.request_id not in self._done], lag)

    async def _run_suite(self, suite: str, probes: list[Probe], lag: LoopLag) -> None:
        at_once, each = self._concurrency(suite)
        overall = asyncio.Semaphore(at_once)
        per_endpoint = {endpoint_id: asyncio.Semaphore(each) for endpoint_id in self._endpoints}
        finished = failed = 0

        async def one(probe: Probe) -> None:
            nonlocal finished, failed
            async with per_endpoint[probe.endpoint_id], overall:
                record = await self._probe(probe, lag)
            self._writer.append(record)
            self._count(probe.endpoint_id, record)
            finished += 1
            failed += record["status"] not in ("ok", "truncated")
            if self._progress:
                self._progress(suite, finished, len(probes), failed)

        await asyncio.gather(*(one(probe) for probe in probes))

    def _concurrency(self, suite: str) -> tuple[int, int]:
        options = self._plan.options
        if options.at_once_asked:
            share = -(-options.at_once // len(self._endpoints))
            return options.at_once, share if suite == "speed" else max(share, options.at_once_per_endpoint)
        # Endpoints of the embedded fleet share this machine: two at once would measure each other.
        local = any(endpoint.fleet is not None for endpoint in self._plan.endpoints)
        if suite == "speed":
            return (1 if local else options.at_once), 1
        return (min(options.at_once, FLEET_AT_ONCE) if local else options.at_once), options.at_once_per_endpoint

    async def _probe(self, probe: Probe, lag: LoopLag) -> dict[str, Any]:
        now = time.perf_counter_ns()
        reason = self._given_up.get(probe.endpoint_id)
        if reason is not None:
            return unsent_record(probe, reason, identity=self._identity, scheduled_ns=now)
        endpoint = self._endpoints[probe.endpoint_id]
        return await send_probe(
            self._clients[probe.endpoint_id],
            endpoint,
            self._base_urls[probe.endpoint_id],
            _api_key(endpoint),
            probe,
            identity=self._identity,
            scheduled_ns=now,
            limits=self._limits,
            lag=lag,
        )

    def _count(self, endpoint_id: str, record: dict[str, Any]) -> None:
        self.written += 1
        status = record["status"]
        self.by_status[status] += 1
        if status == "not_sent":
            return
        hopeless = status in HOPELESS or record["http_status"] in HOPELESS_HTTP
        self._in_a_row[endpoint_id] = self._in_a_row[endpoint_id] + 1 if hopeless else 0
        if self._in_a_row[endpoint_id] >= GIVE_UP_AFTER and endpoint_id not in self._given_up:
            self._given_up[endpoint_id] = f"given up after {GIVE_UP_AFTER} in a row: {status}: {record['error']}"
