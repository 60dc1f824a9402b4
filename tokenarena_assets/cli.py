"""The `tokenarena` command."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from tokenarena_assets import __version__
from tokenarena_assets.commands import (
    audit,
    compact,
    explain,
    lake,
    leaderboard,
    prices,
    recompute,
    report,
    snapshot,
    worker,
)
from tokenarena_assets.commands import endpoints as endpoints_command
from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.storage.faults import in_words
from tokenarena_assets.storage.home import Home, root_in_force
from tokenarena_assets.storage.rehearsal import say_rehearsal

if TYPE_CHECKING:
    from tokenarena_assets.probing.certificate import Budget
    from tokenarena_assets.probing.exchange import Limits
    from tokenarena_assets.probing.plan import PlanOptions
    from tokenarena_assets.probing.round import RoundOutcome, RoundPlan

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Measure AI inference endpoints: speed, latency, price, quality - from raw probes to a leaderboard in DuckDB.",
)
fleet_app = typer.Typer(
    help="The embedded fleet: real models of our own on a real inference server, on loopback.",
    epilog="Example: tokenarena fleet up",
)
app.add_typer(fleet_app, name="fleet")
for part in (
    audit,
    compact,
    endpoints_command,
    explain,
    lake,
    leaderboard,
    prices,
    recompute,
    report,
    snapshot,
    worker,
):
    part.register(app)

# Bursts would take another half minute, and the search for border inputs two.
DEMO_SUITES = ("speed", "quality_math", "quality_code", "context", "parity", "sampled", "greedy", "logprobs")
DEMO_SAMPLED_REPS = 3  # of five: nobody waits half a minute more for a narrower interval
MAX_PROMPT_TOKENS = 2_000_000  # prompts are made before a forecast is: beyond this they fill the memory

EndpointsFile = Annotated[
    Path | None, typer.Option("--endpoints", help="Catalog file; default: ./endpoints.yaml, else the embedded fleet.")
]
ItemsFile = Annotated[
    Path | None,
    typer.Option("--items", help="JSONL file of your own items, asked beside ours; default: TOKENARENA_ITEMS."),
]
AnchorFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--anchor",
        metavar="SET=PATH",
        help="File of a public set (gsm8k, humaneval, mbpp) for the weekly anchor; may be given again. "
        "Default: TOKENARENA_ANCHORS.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Day = Annotated[str | None, typer.Option("--day", help="UTC day, YYYY-MM-DD; default: today.")]


def main() -> None:
    """Run the command; errors meant for people are printed without a traceback."""
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    try:
        app()
    except TokenArenaError as error:
        _end(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except KeyboardInterrupt:
        print("tokenarena: stopped", file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:
        told = in_words(error)
        if told is None:
            raise
        _end(told)


def _end(error: TokenArenaError) -> NoReturn:
    _say(f"tokenarena: {error}")
    raise SystemExit(1) from None


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit()


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _day(text: str | None) -> date:
    from tokenarena_assets.probing.round import today

    if text is None:
        return today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TokenArenaError(f"--day: {text!r} is not a day", mend="write it as 2026-11-23") from None


def _catalog_path(endpoints: Path | None) -> Path:
    from tokenarena_assets.endpoints import catalog_path

    return catalog_path(str(endpoints or ""))


def _say(text: str) -> None:
    from tokenarena_assets.report.terminal import plain_lines

    print(plain_lines(text), file=sys.stderr, flush=True)


@app.command(epilog="Example: tokenarena demo")
def demo() -> None:
    """Probe the embedded fleet, materialize today's partition and print the leaderboards. No key, no network."""
    from tokenarena_assets.endpoints import embedded_catalog_path, embedded_presets_path
    from tokenarena_assets.storage.rehearsal import require_kind

    home = Home.from_environment()
    require_kind(home, rehearsal=False)
    _say("Probing the embedded fleet (real models, real inference, invented prices) and materializing today:")
    _materialize(
        home,
        _day(None),
        embedded_catalog_path(),
        embedded_presets_path(),
        {"run_round": "always", "suites": list(DEMO_SUITES), "sampled_reps": DEMO_SAMPLED_REPS},
    )
    leaderboard.print_leaderboards(home, None, None, as_json=False)
    _say(f"database  {home.database}")
    _say(f"evidence  {home.raw_day(_day(None))}")
    query = "select preset, rank, endpoint_id, usd_per_correct from leaderboard order by 1, 2"
    _say(f'query     {os.path.relpath(sys.argv[0])} sql "{query}"')
    _say("UI        make ui, then open http://127.0.0.1:3000")


@app.command(epilog="Example: tokenarena run --endpoints endpoints.yaml --day 2026-11-23")
def run(endpoints: EndpointsFile = None, day: Day = None, items: ItemsFile = None, anchor: AnchorFiles = None) -> None:
    """Materialize every asset of a day through Dagster and publish. Today gets its first round if it has none."""
    from tokenarena_assets.probing.inputs import load_inputs
    from tokenarena_assets.retention.needs import NEEDS, require_texts
    from tokenarena_assets.storage.rawlog import rounds_of
    from tokenarena_assets.storage.rehearsal import require_kind

    home, on = Home.from_environment(), _day(day)
    require_texts(home, NEEDS, [on])
    if not rounds_of(home, on):
        require_kind(home, rehearsal=False)  # it would run one
    say_rehearsal(home)
    given = _files(items, anchor)
    load_inputs(given.get("anchors") or (), given.get("items_file"))  # a bad file is reported before anything starts
    config = {
        "items_file": given.get("items_file"),
        "anchors": [f"{name}={path}" for name, path in given["anchors"]] if "anchors" in given else None,
    }
    round_config = {name: value for name, value in config.items() if value is not None}
    _materialize(home, on, _catalog_path(endpoints), None, round_config or None)
    _say(f"published {home.database}")
    _say_void_rounds(home, on)


def _files(items: Path | None, anchor: list[str] | None) -> dict[str, Any]:
    """What of the files of items was given, as options of a round."""
    from tokenarena_assets.probing.inputs import absolute_file, parse_anchors

    given: dict[str, Any] = {}
    if items is not None:
        given["items_file"] = absolute_file(str(items))
    if anchor:
        given["anchors"] = parse_anchors(anchor, "--anchor")
    return given


def _say_void_rounds(home: Home, day: date) -> None:
    from tokenarena_assets.probing.certificate import OVER_BUDGET_MEND
    from tokenarena_assets.storage.publish import open_published, rows_of

    query = "select round_id, void_reason from rounds where day = $day and void order by round_id"
    with open_published(home) as connection:
        void = rows_of(connection, query, {"day": day})
    for row in void:
        _say(f"void, nothing is published of round {row['round_id']}: {row['void_reason']}")
    if void:
        _say(f"  mend: {OVER_BUDGET_MEND}; then a new round: tokenarena probe")


def _materialize(
    home: Home, day: date, catalog: Path, presets: Path | None, round_config: dict[str, Any] | None
) -> None:
    from tokenarena_assets.defs.execute import materialize
    from tokenarena_assets.endpoints import load_catalog

    load_catalog(catalog)  # a bad file is reported as such, before anything starts
    succeeded = materialize(
        home, day, endpoints_file=str(catalog), presets_file=str(presets or ""), round_config=round_config
    )
    if not succeeded:
        raise TokenArenaError(
            f"the day {day} was not completed; what failed is marked above",
            mend="mend it and run again: finished work is kept, raw evidence is never lost",
        )


@app.command(
    epilog="Example: tokenarena probe --endpoints endpoints.yaml --suite speed --at-once 8 --max-output-tokens 64"
)
def probe(
    endpoints: EndpointsFile = None,
    suite: Annotated[
        list[str] | None, typer.Option("--suite", help="Suite to ask; may be given again. Default: all.")
    ] = None,
    at_once: Annotated[
        int | None, typer.Option("--at-once", min=1, max=512, help="Requests in flight, shared out over the endpoints.")
    ] = None,
    max_output_tokens: Annotated[int | None, typer.Option(min=1, help="Cap on output tokens of each request.")] = None,
    speed_probes: Annotated[
        int | None, typer.Option(min=1, help="Speed probes an endpoint; default: 8, and enough for --at-once.")
    ] = None,
    math_items: Annotated[int | None, typer.Option(min=1, max=1000, help="Math items of the day; default: 60.")] = None,
    code_items: Annotated[int | None, typer.Option(min=1, max=1000, help="Code items of the day; default: 40.")] = None,
    sampled_reps: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Samples of each fidelity prompt a day, references aside; default: 5."),
    ] = None,
    border_candidates: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=5000,
            help="Prompts a day that are tried as border inputs, until enough are found; default: 1000.",
        ),
    ] = None,
    slots_due: Annotated[
        bool,
        typer.Option(
            "--slots-due",
            help="Of the fidelity suites ask what is planned up to the next round of a schedule, every three hours; "
            "default: all that is left of the day.",
        ),
    ] = False,
    items: ItemsFile = None,
    anchor: AnchorFiles = None,
    prompt_tokens: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            max=MAX_PROMPT_TOKENS,
            help="Prompt size of speed probes, in tokens; may be given again. Default: 100, 1000, 10000.",
        ),
    ] = None,
    spread: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Spread the starts over so many seconds; default: 0.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, max=64, help="Processes that send; default: as many as are needed.")
    ] = None,
    max_pause: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="SECONDS", help="Give up an endpoint that asks to wait longer in all; default: 120."
        ),
    ] = None,
    max_usd: Annotated[
        str | None, typer.Option(metavar="USD", help="Cut the round back to what can cost no more; default: 5.")
    ] = None,
    max_usd_per_day: Annotated[
        str | None,
        typer.Option(
            metavar="USD",
            help="Cut the round back to what is left of so much for this UTC day; "
            "default: TOKENARENA_MAX_USD_PER_DAY, else 20. inf: no cap.",
        ),
    ] = None,
    first_token_timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds to the first token.")] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--client-error-budget",
            help="Own error, P50,P99 in milliseconds, over which the round is void; default: 2,10.",
            metavar="P50,P99",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the forecast and send nothing.")] = False,
    assume_keys: Annotated[
        bool, typer.Option("--assume-keys", help="With --dry-run: forecast as if every key were set.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run one round of probes for today and write its raw log; completes a round that was cut off."""
    from tokenarena_assets.endpoints import load_catalog
    from tokenarena_assets.probing.certificate import Budget
    from tokenarena_assets.probing.exchange import Limits
    from tokenarena_assets.probing.round import plan_round

    home = Home.from_environment()
    catalog = load_catalog(_catalog_path(endpoints))
    options = _options(
        {
            "suites": tuple(dict.fromkeys(suite)) if suite else None,
            "at_once": at_once,
            "at_once_asked": None if at_once is None else True,
            "spread_s": spread,
            "workers": workers,
            "max_pause_s": max_pause,
            "slots_due": slots_due,
        }
        | _files(items, anchor),
        {
            "speed_probes": speed_probes or _enough_probes(at_once, len(catalog.endpoints)),
            "math_items": math_items,
            "code_items": code_items,
            "sampled_reps": sampled_reps,
            "border_candidates": border_candidates,
            "speed_output_tokens": max_output_tokens,
            "quality_output_tokens": max_output_tokens,
            "context_output_tokens": max_output_tokens,
            "prompt_tokens": tuple(sorted(set(prompt_tokens))) if prompt_tokens else None,
        },
        {"max_round_usd": ("--max-usd", max_usd), "max_day_usd": ("--max-usd-per-day", max_usd_per_day)},
    )
    allowed = Budget.in_force(budget)
    if assume_keys and not dry_run:
        raise TokenArenaError("--assume-keys is for a forecast", mend="give --dry-run as well, or set the keys")
    plan = plan_round(home, _day(None), catalog.endpoints, options, keys_assumed=assume_keys)
    if dry_run and as_json:
        _print_forecast_json(plan)
    elif not as_json:
        _print_forecast(plan)
    for remark in plan.remarks():
        _say(remark)
    if dry_run:
        return
    limits = Limits() if first_token_timeout is None else replace(Limits(), first_s=first_token_timeout)
    outcome = _run_with_bar(home, plan, limits, allowed)
    _report_outcome(outcome, as_json)


def _enough_probes(at_once: int | None, endpoints: int) -> int | None:
    # Twice as many as are to be in flight, so that they are: the first have ended when the last of them start.
    from tokenarena_assets.suites.suite import SuiteSizes

    return None if at_once is None else max(SuiteSizes().speed_probes, -(-2 * at_once // endpoints))


def _options(given: dict[str, Any], sizes: dict[str, Any], amounts: dict[str, tuple[str, str | None]]) -> PlanOptions:
    """The options of a round: what was given, and the defaults of the rest."""
    from tokenarena_assets.probing.plan import PlanOptions, usd_of
    from tokenarena_assets.suites.suite import SuiteSizes

    kept = {name: value for name, value in given.items() if value is not None}
    kept |= {name: usd_of(text, option) for name, (option, text) in amounts.items() if text is not None}
    return PlanOptions(sizes=SuiteSizes(**{name: value for name, value in sizes.items() if value is not None}), **kept)


def _print_forecast_json(plan: RoundPlan) -> None:
    from dataclasses import asdict

    from tokenarena_assets.report.terminal import print_json

    print_json(
        {
            "round_id": plan.round_id,
            "completes_a_round_cut_off": plan.resumed is not None,
            "requests": sum(row.requests for row in plan.forecast),
            "context_requests": sum(row.context_requests for row in plan.forecast),
            "usd_max": plan.usd_max,
            "usd_booked_today": plan.booked_usd,
            "forecast": [asdict(row) for row in plan.forecast],
            "forecast_by_suite": [asdict(row) for row in plan.by_suite],
            "cuts": [asdict(cut) for cut in plan.cuts],
            "cannot_be_capped": plan.unpriced,
            "does_not_fit": [asdict(misfit) for misfit in plan.misfits],
            "not_ready": dict(plan.not_ready),
        }
    )


def _print_forecast(plan: RoundPlan) -> None:
    from tokenarena_assets.report.terminal import print_table

    resumed = " (completes a round that was cut off)" if plan.resumed else ""
    rows: list[list[object]] = [
        [
            r.endpoint_id,
            r.requests,
            r.context_requests,
            r.input_tokens_max,
            r.output_tokens_max,
            "no price" if r.usd_max is None else f"{r.usd_max:.6f}",
        ]
        for r in plan.forecast
        if r.requests
    ]
    totals = [sum(int(str(row[column])) for row in rows) for column in (1, 2, 3, 4)]
    hidden = len(plan.endpoints) - len(rows)
    whole = f"all {len(rows)} of {len(plan.endpoints)}" if hidden else "all"
    rows.append([whole, *totals, f"{plan.usd_max:.6f}"])
    print_table(
        ["endpoint", "max requests", "of them context", "max input tokens", "max output tokens", "max USD"],
        rows,
        title=f"round {plan.round_id}{resumed}: at most ${plan.usd_max:.6f}; ${plan.booked_usd:.6f} booked today",
    )
    by_suite = [
        [s.suite, s.requests, s.input_tokens_max, s.output_tokens_max, f"{s.usd_max:.6f}", s.unpriced_requests]
        for s in plan.by_suite
    ]
    print_table(
        ["suite", "max requests", "max input tokens", "max output tokens", "max USD", "requests without a price"],
        by_suite,
    )


def _run_with_bar(home: Home, plan: RoundPlan, limits: Limits, budget: Budget) -> RoundOutcome:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from tokenarena_assets.fleet.serving import serving
    from tokenarena_assets.probing.round import run_round

    with Progress(console=Console(stderr=True), transient=False) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(suite: str, done: int, of: int, failed: int) -> None:
            if suite not in tasks:
                tasks[suite] = bars.add_task(suite, total=of or None)
            bars.update(tasks[suite], completed=done, description=f"{suite} ({failed} failed)" if failed else suite)

        with serving(plan.endpoints) as base_urls:
            return run_round(home, plan, base_urls, limits=limits, budget=budget, progress=progress)


def _report_outcome(outcome: RoundOutcome, as_json: bool) -> None:
    from tokenarena_assets.probing.certificate import OVER_BUDGET_MEND, void_reasons
    from tokenarena_assets.report.terminal import plain, print_json
    from tokenarena_assets.storage.rawlog import failures_by_endpoint

    failures = failures_by_endpoint(outcome.path)
    if as_json:
        print_json(
            {
                "round_id": outcome.round_id,
                "path": str(outcome.path),
                "records_written": outcome.written,
                "records_kept": outcome.kept,
                "by_status": outcome.by_status,
                "failures": failures,
                "void": void_reasons(outcome.certificates),
            }
        )
        return
    kept = f", {outcome.kept} kept of an earlier try" if outcome.kept else ""
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(outcome.by_status.items()))
    print(f"round {outcome.round_id}: {outcome.written} records{kept} ({statuses or 'nothing left to send'})")
    for endpoint_id, reasons in failures.items():
        for reason, count in reasons.items():
            print(f"  {endpoint_id}: {count} x {plain(reason)}")
    print(f"evidence {outcome.path}")
    for reason in void_reasons(outcome.certificates):
        _say(f"void, nothing of this round will be published: {reason}")
        _say(f"  mend: {OVER_BUDGET_MEND}")


@app.command(
    "import",
    epilog="Example: tokenarena import --from aiperf profile_export.jsonl "
    "--endpoint deepinfra/meta-llama-3.3-70b@standard",
)
def import_results(
    files: Annotated[list[Path], typer.Argument(help="Result files with a record for each request.")],
    tool: Annotated[
        str, typer.Option("--from", help="Who wrote them: aiperf, guidellm, vllm, llmperf, inference-perf.")
    ],
    endpoint: Annotated[str, typer.Option("--endpoint", help="Whose results they are: provider/model@sku.")],
    endpoints: EndpointsFile = None,
    day: Annotated[
        str | None, typer.Option("--day", help="UTC day of results without a date; default: the day they carry.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take other tools' per-request results into the raw log, marked as such; the same file only once."""
    from tokenarena_assets.endpoints import load_catalog
    from tokenarena_assets.importing import import_files, summary
    from tokenarena_assets.report.terminal import plain, print_json, print_table

    path = _catalog_path(endpoints)
    known = load_catalog(path).by_id()
    if endpoint not in known:
        raise TokenArenaError(
            f"--endpoint: {path} has no {endpoint!r}",
            mend=f"add it there, or give one of: {', '.join(sorted(known))}",
        )
    on = None if day is None else _day(day)
    imported = import_files(Home.from_environment(), tool, files, known[endpoint], on)
    if as_json:
        print_json([summary.row(one) for one in imported])
        return
    print("\n".join(plain(line) for line in summary.lines(imported)))
    headers, rows = summary.speed_table(imported)
    if rows:
        print_table(headers, rows, title="output tokens per second of latency, recorded and recomputed (differ: > 5 %)")
    days = sorted({one.day for one in imported})
    print("\n".join(f"tables and leaderboard: tokenarena run --day {found}" for found in days))


@app.command(epilog='Example: tokenarena sql "select preset, rank, endpoint_id from leaderboard order by 1, 2"')
def sql(
    query: Annotated[
        str | None, typer.Argument(help="One query; without it, queries are read from standard input.")
    ] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="MOMENT",
            help="Read what was published then: an ISO time (UTC unless it says otherwise) or the number of a "
            "snapshot; for tables on DuckLake.",
        ),
    ] = None,
) -> None:
    """Query the published database, read-only; files outside the lake cannot be reached."""
    from tokenarena_assets.chain.catalog import table_specs
    from tokenarena_assets.report.terminal import print_csv, print_json, print_table
    from tokenarena_assets.storage.publish import open_as_of, open_published, run_query

    text = query if query is not None else sys.stdin.read()
    home = Home.from_environment()
    opened = open_published(home) if as_of is None else open_as_of(home, list(table_specs().values()), as_of)
    with opened as connection:
        headers, rows = run_query(connection, text)
    say_rehearsal(home)
    if as_json:
        print_json([dict(zip(headers, row, strict=True)) for row in rows])
    elif as_csv:
        print_csv(headers, rows)
    else:
        print_table(headers, rows)


@app.command(epilog="Example: tokenarena publish")
def publish() -> None:
    """Build the published database anew from the lake."""
    from tokenarena_assets.chain.catalog import table_specs
    from tokenarena_assets.storage.lake import lake_of
    from tokenarena_assets.storage.publish import publish as publish_home

    home = Home.from_environment()
    say_rehearsal(home)
    counts = publish_home(home, list(table_specs().values()), anew=True)
    if not counts:
        places = ", ".join(lake_of(home).places)
        raise MissingTableError(f"the lake {places} is empty", mend="materialize a day first: tokenarena run")
    print(f"published {home.database}: {sum(counts.values())} rows in {len(counts)} tables")


@app.command(epilog="Example: tokenarena doctor --endpoints endpoints.yaml")
def doctor(endpoints: EndpointsFile = None, as_json: Json = False) -> None:
    """Check configuration, keys, the home folder, sandbox, ports, clock and the embedded weights."""
    from tokenarena_assets.doctor import examine
    from tokenarena_assets.report.terminal import print_json, print_table

    findings = examine(Home(root_in_force()), _catalog_path(endpoints))  # of a newer version as well
    if as_json:
        print_json([{name: getattr(finding, name) for name in finding.__slots__} for finding in findings])
    else:
        print_table(
            ["level", "check", "finding", "mend"], [[f.level, f.check, f.finding, f.mend or ""] for f in findings]
        )
    if any(finding.level == "FAIL" for finding in findings):
        raise typer.Exit(1)


@app.command(epilog="Example: tokenarena selftest --at-once 50")
def selftest(
    at_once: Annotated[
        list[int] | None,
        typer.Option("--at-once", min=1, max=512, help="Streams at once; may be given again. Default: 20 and 100."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option("--client-error-budget", help="P50,P99 in milliseconds; default: 2,10.", metavar="P50,P99"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Certify this machine: how late its own client is against a server whose true instants are known."""
    from tokenarena_assets.probing.certificate import OVER_BUDGET_MEND, Budget
    from tokenarena_assets.probing.selftest import LEVELS, run_selftest
    from tokenarena_assets.report.selftest import print_selftest, selftest_bars, selftest_record
    from tokenarena_assets.report.terminal import print_json

    allowed = Budget.in_force(budget)
    with selftest_bars() as progress:
        found = run_selftest(tuple(at_once or LEVELS), allowed, progress)
    if as_json:
        print_json(selftest_record(found))
    else:
        print_selftest(found)
    if not found.within_budget:
        _say(f"over budget: {OVER_BUDGET_MEND}")
        raise typer.Exit(1)


@fleet_app.command("up", epilog="Example: tokenarena fleet up")
def fleet_up(
    listing: Annotated[bool, typer.Option("--list", help="Print `endpoint_id<TAB>url` lines, for scripts.")] = False,
    endpoints: EndpointsFile = None,
) -> None:
    """Start the embedded fleet and keep it up until interrupted; any OpenAI-compatible client can be pointed at it."""
    from tokenarena_assets.endpoints import embedded_catalog_path, load_catalog
    from tokenarena_assets.fleet.serving import serve_until_stopped
    from tokenarena_assets.report.terminal import print_table

    catalog = load_catalog(endpoints or embedded_catalog_path())
    with serve_until_stopped(Home.from_environment(), catalog.endpoints) as (urls, wait):
        if listing:
            print("\n".join(f"{name}\t{url}" for name, url in urls.items()), flush=True)
        else:
            print_table(["endpoint", "base URL"], [[name, url] for name, url in urls.items()])
            _say("Up. Stop with Ctrl-C.")
        wait()


@fleet_app.command("rehearse", epilog="Example: tokenarena fleet rehearse --days 21")
def fleet_rehearse(
    days: Annotated[int | None, typer.Option("--days", min=1, max=400, help="Days to rehearse; default: 21.")] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            help="Folder of the rehearsal; default: TOKENARENA_HOME if it is that of one, else ./arena-rehearsal.",
        ),
    ] = None,
    first_day: Annotated[
        str | None, typer.Option("--first-day", help="UTC day to begin with; default: such that the last is today.")
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option("--family", help="Family to ask; may be given again. Default: arena-tiny-1m."),
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option("--suite", help="Suite to ask; may be given again. Default: all but context and border."),
    ] = None,
    swap: Annotated[
        list[str] | None,
        typer.Option(
            "--swap",
            metavar="ENDPOINT_ID=WEIGHTS@DAYNUMBER",
            help="From that day on (the first is 1) the endpoint serves other weights and does not say so; may be "
            "given again. Default: driftwood/arena-tiny-1m@q4_0 serves arena-tiny-1m-q3_r.gguf from half-way on.",
        ),
    ] = None,
    no_swap: Annotated[bool, typer.Option("--no-swap", help="Nobody swaps.")] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            "--client-error-budget",
            help="Own error, P50,P99 in milliseconds, over which a round is void; default: 2,10.",
            metavar="P50,P99",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Probe the real fleet once for each of many days and file the rounds under their dates, to see verdicts.

    Every answer is a real one; only the date is another. Every row, table and page says so, and the home takes no real
    rounds. The same command again goes on where it stopped.
    """
    from tokenarena_assets.defs.execute import materializing
    from tokenarena_assets.endpoints import embedded_catalog_path, embedded_presets_path
    from tokenarena_assets.fleet.rehearsal import Asked, Swap, begin, begun, new_rehearsal, rehearse
    from tokenarena_assets.probing.certificate import Budget
    from tokenarena_assets.report.rehearsal import print_rehearsal, rehearsal_record
    from tokenarena_assets.report.terminal import print_json

    if swap and no_swap:
        raise TokenArenaError("--swap and --no-swap exclude each other", mend="give one of them")
    here = _rehearsal_home(home)
    allowed = Budget.in_force(budget)
    asked = Asked(
        days,
        None if first_day is None else _day(first_day),
        tuple(family) if family else None,
        tuple(dict.fromkeys(suite)) if suite else None,
        () if no_swap else tuple(Swap.parse(text) for text in swap) if swap else None,
    )
    if here.is_rehearsal:
        begun(here).require_same(asked)
        _say(f"{here.root}: goes on with the rehearsal that was begun there")
    else:
        begin(here, new_rehearsal(asked))
    say_rehearsal(here)
    with materializing(
        here,
        endpoints_file=str(embedded_catalog_path()),
        presets_file=str(embedded_presets_path()),
        round_config={"run_round": "never"},
        log="problems",
    ) as materialize:
        rehearsal = rehearse(here, materialize, _say, budget=allowed)
    if as_json:
        print_json(rehearsal_record(here, rehearsal))
        return
    say_rehearsal(here, sys.stdout)
    print_rehearsal(here, rehearsal)
    _say(f"database  {here.database}")
    _say(f"query     TOKENARENA_HOME={here.root} {os.path.relpath(sys.argv[0])} leaderboard")
    _say(f"UI        make ui TOKENARENA_HOME={here.root}, then open http://127.0.0.1:3000")


def _rehearsal_home(given: Path | None) -> Home:
    if given is not None:
        return Home.at(given)
    home = Home.from_environment()
    return home if home.is_rehearsal else Home(Path("arena-rehearsal").absolute())


@fleet_app.callback(invoke_without_command=True)
def fleet_root(
    context: typer.Context,
    listing: Annotated[bool, typer.Option("--list", help="Print the URLs of the fleet that is up.")] = False,
) -> None:
    """The embedded fleet."""
    if context.invoked_subcommand is None:
        if not listing:
            print(context.get_help())
            return
        fleet_list()


@fleet_app.command("list", epilog="Example: tokenarena fleet list")
def fleet_list(as_json: Json = False) -> None:
    """Print the URLs of the fleet that `tokenarena fleet up` has up."""
    from tokenarena_assets.fleet.serving import fleet_that_is_up
    from tokenarena_assets.report.terminal import print_json

    urls = fleet_that_is_up(Home.from_environment())
    if as_json:
        print_json(urls)
    else:
        print("\n".join(f"{name}\t{url}" for name, url in urls.items()))


if __name__ == "__main__":
    main()
