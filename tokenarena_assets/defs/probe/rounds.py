"""What the steps that run rounds share: their configuration, when one is due, and running it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from decimal import Decimal
from queue import SimpleQueue
from threading import Thread
from typing import Any

import dagster as dg
from pydantic import Field

from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.fleet.serving import serving
from tokenarena_assets.probing.inputs import absolute_file, anchors_in_force, items_file_in_force, parse_anchors
from tokenarena_assets.probing.plan import DEFAULT_DAY_CAP_USD, PlanOptions, day_cap_usd, usd_of
from tokenarena_assets.probing.round import RoundOutcome, RoundPlan, plan_of_cut_off, plan_round, run_round
from tokenarena_assets.probing.vantage import Vantage
from tokenarena_assets.report.markdown import forecast_line, forecast_table, suites_table
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, is_being_written, rounds_of
from tokenarena_assets.suites.suite import SUITES, SuiteSizes

# What the environment says is read when a round is planned.
DEFAULTS = PlanOptions(max_day_usd=DEFAULT_DAY_CAP_USD, anchors=(), items_file=None)

LAST_LINES_S = 10.0


class RoundConfig(dg.Config):
    """When a round is run, and how large it is.

    `run_round`: `if_none` runs one when today has none yet (or completes one that was cut off), `always` runs one
    more, `never` only re-reads what is there. Past days and backfills never send anything.
    """

    run_round: str = Field("if_none", pattern="^(if_none|always|never)$")
    suites: list[str] = Field(list(SUITES))
    speed_probes: int = DEFAULTS.sizes.speed_probes
    math_items: int = DEFAULTS.sizes.math_items
    code_items: int = DEFAULTS.sizes.code_items
    sampled_reps: int = Field(
        DEFAULTS.sizes.sampled_reps, description="Samples of a fidelity prompt a day, references aside"
    )
    border_candidates: int = Field(DEFAULTS.sizes.border_candidates, description="Prompts a day tried as border inputs")
    slots_due: bool = Field(
        DEFAULTS.slots_due, description="Of the fidelity suites only what is planned up to the next scheduled round"
    )
    items_file: str = Field("", description="JSONL of your own items; empty: TOKENARENA_ITEMS")
    anchors: list[str] = Field([], description="public sets for the weekly anchor, SET=PATH; empty: TOKENARENA_ANCHORS")
    at_once: int = DEFAULTS.at_once
    spread_s: float = DEFAULTS.spread_s
    max_round_usd: str = str(DEFAULTS.max_round_usd)
    max_usd_per_day: str = Field("", description="Of all rounds; empty: TOKENARENA_MAX_USD_PER_DAY, else 20")

    def options(self, vantage: Vantage | None = None) -> PlanOptions:
        """As the prober takes it at a place, which may not ask every suite."""
        return PlanOptions(
            suites=tuple(self.suites) if vantage is None else vantage.suites(self.suites),
            sizes=SuiteSizes(
                speed_probes=self.speed_probes,
                math_items=self.math_items,
                code_items=self.code_items,
                sampled_reps=self.sampled_reps,
                border_candidates=self.border_candidates,
            ),
            slots_due=self.slots_due,
            items_file=absolute_file(self.items_file) or items_file_in_force(),
            anchors=parse_anchors(self.anchors, "anchors") if self.anchors else anchors_in_force(),
            at_once=self.at_once,
            spread_s=self.spread_s,
            max_round_usd=usd_of(self.max_round_usd, "max_round_usd"),
            max_day_usd=usd_of(self.max_usd_per_day, "max_usd_per_day") if self.max_usd_per_day else day_cap_usd(),
        )


def not_due_because(home: Home, day: date, when: str, vantage: Vantage) -> str | None:
    """Why no round is to be run for `day` from `vantage` now; None: one is due."""
    if day != vantage.today():
        return "evidence of another day cannot be made today"
    if when == "never":
        return "none was asked for"
    own = vantage.own_rounds(home, day)
    if vantage.run_id is not None:
        # A step that is tried again, or was handed to two workers: its round is run once.
        for found in own:
            if (found.manifest or {}).get("run_id") == vantage.run_id and not _is_cut_off(found):
                return f"round {found.round_id} was run for this very run, or is being run"
    # A single place takes whatever the day has, from wherever it was sent.
    has_one = bool(own if vantage.regions else rounds_of(home, day))
    if when == "always" or not has_one or plan_of_cut_off(home, day, vantage) is not None:
        return None
    return "the day has a round already"


def _is_cut_off(found: RoundFiles) -> bool:
    return found.is_open and not is_being_written(found.log)


def run_due_round(
    context: dg.AssetExecutionContext, arena: Arena, config: RoundConfig, home: Home, vantage: Vantage
) -> dict[str, Any]:
    """Run a round for today, or complete the one that was cut off; metadata of what came of it."""
    day = vantage.today()
    if not (options := config.options(vantage)).suites:
        return {"note": f"of {', '.join(config.suites)} nothing is asked from {vantage.region_from}"}
    # What was begun is completed as it was planned, unless one more round was asked for.
    cut_off = plan_of_cut_off(home, day, vantage) if config.run_round == "if_none" else None
    plan = cut_off or plan_round(home, day, arena.catalog().endpoints, options, vantage=vantage)
    verb = "completes" if plan.resumed else "is"
    context.log.info("this %s round %s: %s", verb, plan.round_id, forecast_line(plan.forecast))
    for remark in plan.remarks():
        context.log.info("%s", remark)
    if (why := plan.nothing_to_send) is not None:
        context.log.warning("no round is run: %s", why)
        return forecast_metadata(plan) | {"note": f"no round was run: {why}"}
    outcome = _send(context, home, plan)
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(outcome.by_status.items()))
    context.log.info("round %s: %d records written (%s)", outcome.round_id, outcome.written, statuses)
    return forecast_metadata(plan) | {
        "round_id": outcome.round_id,
        "records_written": outcome.written,
        "records_kept_of_an_earlier_try": outcome.kept,
        "by_status": outcome.by_status,
    }


def forecast_metadata(plan: RoundPlan) -> dict[str, Any]:
    """The forecast of a round as the UI shows it."""
    rows = plan.forecast
    return {
        "requests": sum(row.requests for row in rows),
        "usd_max": float(sum((row.usd_max or Decimal(0) for row in rows), start=Decimal(0))),
        "forecast": dg.MetadataValue.md(forecast_table(rows)),
        "forecast_by_suite": dg.MetadataValue.md(suites_table(plan.by_suite)),
    }


def _send(context: dg.AssetExecutionContext, home: Home, plan: RoundPlan) -> RoundOutcome:
    with ExitStack() as stack:
        base_urls = stack.enter_context(serving(plan.endpoints))
        # Over a network a line of the log takes long: the loop that stamps answers must not wait for it.
        say = stack.enter_context(_said_beside(context)) if plan.vantage.regions else context.log.info

        def progress(suite: str, done: int, of: int, failed: int) -> None:
            if of == 0 and done % 50 == 0:
                say(f"{suite}: {done} sent, {failed} failed")
            elif of and (done == of or done % max(1, of // 5) == 0):
                say(f"{suite}: {done} of {of} sent, {failed} failed")

        return run_round(home, plan, base_urls, progress=progress)


@contextmanager
def _said_beside(context: dg.AssetExecutionContext) -> Iterator[Callable[[str], None]]:
    """Logs in a thread; what cannot be logged is left out, for it is no evidence."""
    waiting: SimpleQueue[str | None] = SimpleQueue()

    def log_all() -> None:
        while (text := waiting.get()) is not None:
            with suppress(Exception):
                context.log.info(text)

    thread = Thread(target=log_all, daemon=True)
    thread.start()
    try:
        yield waiting.put
    finally:
        waiting.put(None)
        thread.join(LAST_LINES_S)
