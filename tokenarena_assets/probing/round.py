"""One round: what it asks and may spend, its files from the manifest to the seal, completing what was cut off."""

from __future__ import annotations

import json
import platform
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from tokenarena_assets import __version__
from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.endpoints.readiness import not_ready
from tokenarena_assets.errors import SpendCapError, TokenArenaError
from tokenarena_assets.probing.apis import adapter_for
from tokenarena_assets.probing.before import Before, before
from tokenarena_assets.probing.billing import NOTHING, cost_of
from tokenarena_assets.probing.certificate import Budget, Certificate, append_certificate
from tokenarena_assets.probing.client import unsent_record
from tokenarena_assets.probing.exchange import Limits
from tokenarena_assets.probing.inputs import Inputs, load_inputs
from tokenarena_assets.probing.plan import (
    ContextPlan,
    ForecastRow,
    Misfit,
    PlanOptions,
    Probe,
    SuiteForecast,
    context_plans,
    forecast,
    forecast_by_suite,
    last_slot_due,
    make_plan,
    misfits_of,
    plan_key,
    unasked,
)
from tokenarena_assets.probing.retries import Purse, Recorded, recorded_of
from tokenarena_assets.probing.session import Progress, run_session
from tokenarena_assets.probing.spend import Booked, Cut, booked_spend, cut_back
from tokenarena_assets.probing.vantage import LOCAL, Vantage
from tokenarena_assets.storage.faults import explained
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, RoundWriter, is_being_written
from tokenarena_assets.storage.rehearsal import require_kind
from tokenarena_assets.suites.items import CANARY
from tokenarena_assets.suites.version import SUITE_VERSION

REASONS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """A round about to be run: which probes, at what cost at most, what is not asked and why, what an earlier try left.

    `forecast` is of what is still to be sent, and so is `by_suite`; `contexts` are the searches of the context suite;
    `purse` is what the caps leave beyond that forecast.
    """

    day: date
    round_id: str
    endpoints: tuple[Endpoint, ...]
    options: PlanOptions
    probes: dict[str, list[Probe]]
    forecast: list[ForecastRow]
    unsent: tuple[tuple[Probe, str], ...]  # cut because of a cap; and one a suite of each endpoint that is not ready
    cuts: tuple[Cut, ...]
    misfits: tuple[Misfit, ...]
    booked_usd: Decimal  # of the day, before this try
    resumed: RoundFiles | None
    manifest: dict[str, Any]
    contexts: tuple[ContextPlan, ...] = ()
    purse: Purse = field(default_factory=Purse)
    by_suite: list[SuiteForecast] = field(default_factory=list)
    not_ready: Mapping[str, str] = field(default_factory=dict)  # endpoint_id -> why it is not sent to
    vantage: Vantage = field(default_factory=Vantage)

    @property
    def rehearsal(self) -> bool:
        """Whether it is filed under a day on which it is not run."""
        return self.manifest.get("rehearsal") is True

    @property
    def identity(self) -> dict[str, Any]:
        """What each of its records begins with."""
        return {"round_id": self.round_id, "day": self.day.isoformat(), "rehearsal": self.rehearsal}

    @property
    def usd_max(self) -> Decimal:
        """What is still to be sent may cost so much, leaving out what has no price."""
        return sum((row.usd_max for row in self.forecast if row.usd_max is not None), start=Decimal(0))

    @property
    def unpriced(self) -> list[str]:
        """Endpoints of which no cap can hold, for the catalog has no price."""
        ready = (endpoint for endpoint in self.endpoints if endpoint.endpoint_id not in self.not_ready)
        return [endpoint.endpoint_id for endpoint in ready if endpoint.price is None]

    @property
    def nothing_to_send(self) -> str | None:
        """Why a round would send nothing at all; None where it sends something, or has something to complete."""
        if self.probes or self.contexts or self.resumed is not None or not self.cuts:
            return None
        return "; ".join(sorted({cut.reason for cut in self.cuts}))

    @property
    def n_ready(self) -> int:
        """How many endpoints can be sent to."""
        return len(self.endpoints) - len(self.not_ready)

    def remarks(self) -> list[str]:
        """What a person should know before it is sent: who is not ready, what is cut, uncapped or does not fit."""
        cut: dict[tuple[str, str], list[Cut]] = {}
        for row in self.cuts:
            cut.setdefault((row.suite, row.reason), []).append(row)
        unfit: dict[tuple[str, int | None], list[Misfit]] = {}
        for misfit in self.misfits:
            unfit.setdefault((misfit.suite, misfit.prompt_tokens), []).append(misfit)
        found = self._who_is_not_ready()
        found += [
            f"cut back: {sum(row.requests for row in rows)} requests of {suite} to "
            f"{_some([row.endpoint_id for row in rows])} are not sent: {reason}"
            for (suite, reason), rows in cut.items()
        ]
        if self.unpriced:
            found.append(f"no price, so cannot be capped: {_some(self.unpriced)}")
        for (suite, tokens), rows in unfit.items():
            what = suite if tokens is None else f"{suite} with {tokens:,} tokens"
            one = "" if len({row.reason for row in rows}) == 1 else "for one, "
            whom = _some([row.endpoint_id for row in rows])
            found.append(f"does not fit: {what} is not asked of {whom}: {one}{rows[0].reason}")
        return found

    def _who_is_not_ready(self) -> list[str]:
        """Who is not sent to, most of them first: a line a reason, and one for all where there are many reasons."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.not_ready.items():
            reasons.setdefault(reason, []).append(name)
        ordered = sorted(reasons.items(), key=lambda pair: -len(pair[1]))
        if len(ordered) <= REASONS_SHOWN:
            return [f"not sent to: {_some(names)}: {reason}" for reason, names in ordered]
        shown = "; ".join(f"{reason} ({len(names)})" for reason, names in ordered[:REASONS_SHOWN])
        return [
            f"not sent to: {len(self.not_ready)} of {len(self.endpoints)} endpoints: {shown} and "
            f"{len(ordered) - REASONS_SHOWN} more reasons (tokenarena endpoints lists them)"
        ]


def _some(names: Sequence[str], shown: int = 2) -> str:
    if len(names) <= shown + 1:
        return ", ".join(names)
    return f"{', '.join(names[:shown])} and {len(names) - shown} more"


@dataclass(frozen=True, slots=True)
class RoundOutcome:
    """What a round came to."""

    round_id: str
    path: Path
    kept: int  # records of an earlier try
    written: int
    by_status: dict[str, int]
    certificates: tuple[Certificate, ...]


def today() -> date:
    """The current UTC day."""
    return datetime.now(UTC).date()


def plan_round(
    home: Home,
    day: date,
    endpoints: Sequence[Endpoint],
    options: PlanOptions,
    *,
    rehearsal: bool = False,
    keys_assumed: bool = False,
    vantage: Vantage | None = None,
) -> RoundPlan:
    """What the next round of today does, sent from `vantage` (None: what the environment says); nothing is sent.

    A round of the same plan that was cut off is completed under its own id. What would pass a cap is cut back.
    A `rehearsal` is filed under whatever day is given, in a home that takes nothing else. With `keys_assumed` it is the
    plan of who has every key and placeholder, for a forecast.

    Raises:
        RehearsalError: the home is for rounds of the other kind.
        TokenArenaError: `day` is not today, an endpoint speaks an API for which there is no adapter, or there is
            nothing to ask.
    """
    require_kind(home, rehearsal=rehearsal)
    vantage = vantage or Vantage.in_force()
    if not rehearsal and day != vantage.today():
        raise TokenArenaError(
            f"a round can be run for today ({vantage.today()}) only, not for {day}",
            mend="evidence of another day cannot be made today; re-read what is there: tokenarena run --day DAY",
        )
    for endpoint in endpoints:
        adapter_for(endpoint.api)
    inputs = load_inputs(options.anchors, options.items_file)
    unready = not_ready(endpoints)
    if keys_assumed:
        unready = {each.endpoint_id: unready[each.endpoint_id] for each in endpoints if each.cannot_probe is not None}
    key = plan_key(endpoints, options, day=day, inputs=inputs, not_ready=unready)
    existing = vantage.own_rounds(home, day)
    resumed = next((r for r in existing if _resumable(r, key)), None)
    if resumed is not None and resumed.manifest is not None:
        return _plan(home, day, endpoints, options, inputs, resumed, resumed.manifest, vantage)
    started = datetime.now(UTC)
    slot = last_slot_due(vantage.shared(started).hour) if options.slots_due else None
    earlier = before(home, day, options.suites, slot, vantage)
    manifest = {
        "schema_version": 1,
        "round_id": _new_round_id(started, vantage),
        "day": day.isoformat(),
        "rehearsal": rehearsal,
        "ordinal": len(existing),
        "started_at": started.isoformat(timespec="milliseconds"),
        **vantage.as_record(),
        "plan_key": key,
        "options": json.loads(json.dumps(asdict(options), default=str)),
        "files": inputs.sha256,
        "private_seed_sha256": inputs.seed_mark,
        "not_ready": unready,
        "before": earlier.as_record({suite: [e.endpoint_id for e in endpoints] for suite in options.suites}),
        "endpoints": [
            endpoint.model_dump(mode="json") | {"endpoint_id": endpoint.endpoint_id} for endpoint in endpoints
        ],
        "canary": CANARY,
        "suite_version": SUITE_VERSION,
        "client": {"tokenarena": __version__, "httpx": httpx.__version__, "python": platform.python_version()},
    }
    plan = _plan(home, day, endpoints, options, inputs, None, manifest, vantage)
    asked = {suite: sorted({probe.endpoint_id for probe in probes}) for suite, probes in plan.probes.items()}
    if plan.contexts:
        asked["context"] = sorted(search.endpoint_id for search in plan.contexts)
    manifest |= {
        "forecast": [_as_json(row) for row in plan.forecast],
        "forecast_by_suite": [_as_json(row) for row in plan.by_suite],
        "cuts": [_as_json(row) for row in plan.cuts],
        "does_not_fit": [_as_json(row) for row in plan.misfits],
        "cannot_be_capped": plan.unpriced,
        "booked_usd": str(plan.booked_usd),
        "spread_s": options.spread_s,
        "before": earlier.as_record(asked),
        "asked": asked,
        "contexts": [_as_json(search) for search in plan.contexts],
    }
    return plan


def _new_round_id(started: datetime, vantage: Vantage) -> str:
    """Begins with its start; the region in it keeps apart what two hosts begin in one second."""
    region = "" if vantage.region_from == LOCAL else f"{vantage.region_from}-"
    return f"{started:%Y%m%dT%H%M%SZ}-{region}{secrets.token_hex(3)}"


def _as_json(row: ForecastRow | SuiteForecast | Cut | Misfit | ContextPlan) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(asdict(row), default=str))
    return content


def _plan(
    home: Home,
    day: date,
    endpoints: Sequence[Endpoint],
    options: PlanOptions,
    inputs: Inputs,
    resumed: RoundFiles | None,
    manifest: dict[str, Any],
    vantage: Vantage,
) -> RoundPlan:
    round_id, earlier = manifest["round_id"], Before.from_record(manifest["before"])
    unready: dict[str, str] = manifest["not_ready"]
    ready = [endpoint for endpoint in endpoints if endpoint.endpoint_id not in unready]
    planned = make_plan(ready, options, day=day, round_id=round_id, before=earlier, inputs=inputs)
    searches = context_plans(ready, options, day=day, round_id=round_id, before=earlier)
    misfits = tuple(misfit for endpoint in ready for misfit in misfits_of(endpoint, options, day, inputs))
    left_out = tuple(unasked(endpoints, unready, options, day=day, round_id=round_id, inputs=inputs))
    if not planned and not searches and not left_out:
        why = "; ".join(sorted({f"{misfit.suite}: {misfit.reason}" for misfit in misfits}))
        raise TokenArenaError(
            f"there is nothing to ask: {why or 'what is asked once a day was answered already'}",
            mend="ask another suite, or raise the limits",
        )
    booked = booked_spend(home, day, vantage)
    recorded = recorded_of(resumed.log) if resumed is not None else Recorded()
    searches = _less_spent(searches, recorded, endpoints)
    affordable = cut_back(
        planned, endpoints, options, booked, round_id, done=frozenset(recorded.statuses), contexts=searches
    )
    left = {
        suite: [probe for probe in probes if probe.request_id not in recorded.statuses]
        for suite, probes in affordable.probes.items()
    }
    rows = forecast(left, endpoints, affordable.contexts)
    return RoundPlan(
        day,
        round_id,
        tuple(endpoints),
        options,
        affordable.probes,
        rows,
        affordable.unsent + left_out,
        affordable.cuts,
        misfits,
        booked.total,
        resumed,
        manifest,
        affordable.contexts,
        _purse(rows, endpoints, options, booked, round_id),
        forecast_by_suite(left, endpoints, affordable.contexts),
        unready,
        vantage,
    )


def _less_spent(
    searches: Sequence[ContextPlan], recorded: Recorded, endpoints: Sequence[Endpoint]
) -> list[ContextPlan]:
    prices = {endpoint.endpoint_id: endpoint.price for endpoint in endpoints}
    spent: dict[str, Decimal] = {}
    for record in recorded.context.values():
        price = prices.get(str(record.get("endpoint_id")))
        if price is not None:
            spent[record["endpoint_id"]] = spent.get(record["endpoint_id"], NOTHING) + cost_of(record, price)
    return [replace(search, spent_usd=spent.get(search.endpoint_id, NOTHING)) for search in searches]


def _purse(
    rows: Sequence[ForecastRow], endpoints: Sequence[Endpoint], options: PlanOptions, booked: Booked, round_id: str
) -> Purse:
    """What the caps leave beyond what is planned."""
    planned = {row.endpoint_id: row.usd_max or NOTHING for row in rows}
    allowed = min(booked.left(options.max_day_usd), options.max_round_usd - booked.by_round.get(round_id, NOTHING))
    return Purse(
        allowed - sum(planned.values(), start=NOTHING),
        {
            endpoint.endpoint_id: booked.left(endpoint.limits.max_usd_per_day, endpoint.endpoint_id)
            - planned[endpoint.endpoint_id]
            for endpoint in endpoints
            if endpoint.limits.max_usd_per_day is not None
        },
    )


def plan_of_cut_off(home: Home, day: date, vantage: Vantage | None = None) -> RoundPlan | None:
    """The last round of today from `vantage` that was cut off, as its own manifest planned it; None: there is none.

    A round that another version planned is none: it would not be the same questions.
    """
    vantage = vantage or Vantage.in_force()
    if day != vantage.today() or home.is_rehearsal:  # what a rehearsal left is completed by itself
        return None
    for found in reversed(vantage.own_rounds(home, day)):
        if found.manifest is None:
            continue
        try:
            recorded = [
                Endpoint.model_validate({name: value for name, value in entry.items() if name != "endpoint_id"})
                for entry in found.manifest["endpoints"]
            ]
            options = PlanOptions.from_record(found.manifest["options"])
            inputs = load_inputs(options.anchors, options.items_file)
        except (KeyError, TypeError, ValueError, ArithmeticError, TokenArenaError):  # the last: a file is gone
            continue
        key = plan_key(recorded, options, day=day, inputs=inputs, not_ready=not_ready(recorded))
        if _resumable(found, key):
            return _plan(home, day, recorded, options, inputs, found, found.manifest, vantage)
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
    budget: Budget | None = None,
    progress: Progress | None = None,
) -> RoundOutcome:
    """Run `plan` against `base_urls` (by endpoint_id) and seal the round.

    Keys are read from the environment and go nowhere but into the request to their own endpoint. `budget` is the error
    that our own client may have.

    Raises:
        SpendCapError: the caps leave nothing to send; nothing is written.
    """
    if (why := plan.nothing_to_send) is not None:
        raise SpendCapError(
            f"nothing can be sent: {why}",
            mend="raise --max-usd, --max-usd-per-day or the endpoint's limits.max_usd_per_day, or wait for tomorrow",
        )
    home.begin_writing()
    seal_leftovers(home, plan.day, keep=plan.round_id, vantage=plan.vantage)

    def certify(found: Certificate) -> None:
        append_certificate(home, plan.day, plan.round_id, found)

    writer = RoundWriter(home, plan.day, plan.round_id, plan.manifest if plan.resumed is None else None)
    try:
        recorded = recorded_of(writer.path) if plan.resumed is not None else Recorded()
        cut = [(probe, reason) for probe, reason in plan.unsent if probe.request_id not in recorded.statuses]
        for probe, reason in cut:
            writer.append(unsent_record(probe, reason, identity=plan.identity, scheduled_ns=time.perf_counter_ns()))
        session = run_session(
            plan,
            base_urls,
            write=writer.append_line,
            certify=certify,
            limits=limits or Limits(),
            budget=budget or Budget.in_force(),
            progress=progress,
            recorded=recorded,
        )
        with explained(writer.path, "sealed"):
            path = writer.seal("complete")
    finally:
        writer.close()
    by_status = session.by_status + Counter({"not_sent": len(cut)})
    return RoundOutcome(
        plan.round_id,
        path,
        len(recorded.statuses),
        session.written + len(cut),
        dict(by_status),
        tuple(session.certificates),
    )


def seal_leftovers(home: Home, day: date, keep: str | None = None, vantage: Vantage | None = None) -> list[str]:
    """Seal the rounds of a day from `vantage` that were cut off and that nobody will complete; their ids."""
    sealed = []
    for found in (vantage or Vantage.in_force()).own_rounds(home, day):
        if found.is_open and found.round_id != keep and not is_being_written(found.log):
            with explained(found.log, "sealed"):
                RoundWriter(home, day, found.round_id, None).seal("partial")
            sealed.append(found.round_id)
    return sealed
