"""Small hand-made tables in a lake: a test names the columns it is about, the rest are null."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from tokenarena_assets.chain.billing import billing_of_day, billing_requests
from tokenarena_assets.chain.border import border_figures, border_inputs, read_border, read_found
from tokenarena_assets.chain.catalog import PYTHON_TABLES, sql_models
from tokenarena_assets.chain.churn import preset_churn
from tokenarena_assets.chain.context import contexts_of
from tokenarena_assets.chain.drift import change_points_of, read_drift
from tokenarena_assets.chain.energy import Model, energy_daily, energy_in_time, energy_per_correct, model_day
from tokenarena_assets.chain.fidelity_channels import FidelityDay, fidelity_of_day
from tokenarena_assets.chain.fidelity_daily import fidelity_daily, read_channels
from tokenarena_assets.chain.fidelity_pool import families_of, read_samples
from tokenarena_assets.chain.fidelity_samples import fidelity_samples
from tokenarena_assets.chain.findings import findings_of_day, tables_asked
from tokenarena_assets.chain.grade import grade_answers
from tokenarena_assets.chain.in_time import in_time_of_day
from tokenarena_assets.chain.measure import latency_by_endpoint
from tokenarena_assets.chain.observe import observations
from tokenarena_assets.chain.pooling import read_pool
from tokenarena_assets.chain.price import blend_prices
from tokenarena_assets.chain.price_book import PriceDay, price_day, read_observations
from tokenarena_assets.chain.quality import anchor_gaps, quality_by_endpoint, quality_of_pool
from tokenarena_assets.chain.rank import cost_per_correct
from tokenarena_assets.chain.ranks import RANKED, rank_day
from tokenarena_assets.chain.round_prices import round_prices
from tokenarena_assets.chain.vantage import vantage_by_place
from tokenarena_assets.endpoints import embedded_presets_path, load_presets
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import Lake, ParquetLake
from tokenarena_assets.tokens import TokenizerFiles

DAY = date(2026, 11, 23)
Row = dict[str, Any]


def at(hour: int, day: date = DAY) -> datetime:
    """A full hour of the day."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def models_in_order() -> list[str]:
    """Names of the SQL models, each after those it reads."""
    done: list[str] = []
    waiting = dict(sql_models())
    while waiting:
        ready = [name for name, model in waiting.items() if not waiting.keys() & set(model.dependencies)]
        assert ready, f"models read each other: {sorted(waiting)}"
        done += ready
        for name in ready:
            del waiting[name]
    return done


@cache
def schemas() -> dict[str, pl.Schema]:
    """Types of every table: declared for those of Python, as DuckDB makes them of empty tables for those of SQL."""
    found = {spec.name: pl.Schema(spec.polars_schema) for spec in PYTHON_TABLES}
    with tempfile.TemporaryDirectory() as folder:
        lake = ParquetLake(Path(folder))
        for spec in PYTHON_TABLES:
            lake.write(spec.name, DAY, spec.frame([]))
        for name in models_in_order():
            sql_models()[name].run(lake, DAY)
            found[name] = lake.read(name, DAY).schema
    return found


def frame(table: str, rows: Sequence[Row], day: date = DAY) -> pl.DataFrame:
    """Rows of `table` on `day`; unknown columns are refused, columns left out are null."""
    schema = schemas()[table]
    for row in rows:
        unknown = row.keys() - schema.keys()
        assert not unknown, f"{table} has no column {unknown}"
    whole = [{name: row.get(name) for name in schema} | {"day": row.get("day", day)} for row in rows]
    return pl.DataFrame(whole, schema=schema, orient="row")


def put(lake: Lake, day: date = DAY, **tables: Sequence[Row]) -> None:
    """Write tables of one day."""
    for table, rows in tables.items():
        lake.write(table, day, frame(table, rows, day))


def result(lake: Lake, model: str, day: date = DAY) -> list[Row]:
    """Run a model and give its rows in the order of its key; energy is optional, tests of it name it."""
    if not lake.has("energy_per_correct", day):
        put(lake, day, energy_per_correct=[])
    sql_models()[model].run(lake, day)
    return lake.read(model, day).sort(sql_models()[model].spec.key).to_dicts()


PRICES = {"input_usd_per_mtok": Decimal("1.0"), "output_usd_per_mtok": Decimal("3.0")}


def catalog_row(endpoint_id: str, round_id: str = "r0", hour: int = 1, day: date = DAY, **given: Any) -> Row:
    """An endpoint as a round recorded it."""
    provider, rest = endpoint_id.split("/")
    model, sku = rest.split("@")
    return {
        "day": day,
        "round_id": round_id,
        "recorded_at": at(hour, day),
        "endpoint_id": endpoint_id,
        "provider": provider,
        "model": model,
        "model_family": model,
        "sku": sku,
        "api": "openai_chat",
        "is_embedded": False,
        "request_model": model,
        "is_reference": False,
        **PRICES,
        **given,
    }


def certificate_row(
    round_id: str = "r0", line: int = 1, within_budget: bool | None = True, day: date = DAY, **given: Any
) -> Row:
    """A certificate that could be read, within its budget or not."""
    verdict = {"within_budget": within_budget, "reason": None if within_budget else "TTFT error p50 3.10 ms, over 2 ms"}
    place = {"day": day, "round_id": round_id, "raw_file": f"round={round_id}.certificates.jsonl", "raw_line": line}
    measured = {"phase": "before", "at_once": 16, "n_probes": 32, "n_failed": 0, "n_events": 1024}
    return place | verdict | measured | {"ttft_error_p50_ms": 0.5, "event_lag_p50_ms": 0.2} | given


def judged(
    lake: Lake,
    probes: Sequence[Row],
    catalog: Sequence[Row] | None = None,
    certificates: Sequence[Row] = (),
    day: date = DAY,
    *,
    rehearsal_home: bool = False,
) -> list[Row]:
    """The verdicts on `probes`, whose rounds are those of their files; also leaves `stg_rounds` in the lake."""
    files = sorted({row["raw_file"] for row in probes})
    rounds = [
        {
            "round_id": name.removeprefix("round=").split(".")[0],
            "state": "complete",
            "raw_file": name,
            "raw_rows": sum(row["raw_file"] == name for row in probes),
            "rehearsal_home": rehearsal_home,
        }
        for name in files
    ]
    claims = [catalog_row("p/m@a", day=day)] if catalog is None else catalog
    put(lake, day, probe_log=probes, round_log=rounds, certificates=certificates, catalog_log=claims)
    result(lake, "stg_rounds", day)
    put_round_prices(lake, day)
    return result(lake, "stg_probe_log", day)


def put_round_prices(lake: Lake, day: date = DAY, book: Sequence[Row] = ()) -> None:
    """What the rounds of the lake's catalogs pay; `book` is the price book of the day."""
    priced = round_prices(day, lake.read("catalog_log", day), frame("price_book", book, day))
    lake.write("round_prices", day, priced)


def probe(request_id: str, line: int, endpoint_id: str = "p/m@a", day: date = DAY, **given: Any) -> Row:
    """A sound raw line of the speed suite."""
    return {
        "day": day,
        "raw_file": "round=r0.jsonl.zst",
        "raw_line": line,
        "record_day": day,
        "round_id": "r0",
        "request_id": request_id,
        "endpoint_id": endpoint_id,
        "suite": "speed",
        "expects_cache": False,
        "started_at": at(1, day),
        "status": "ok",
        "http_status": 200,
        "ttfb_ms": 10.0,
        "ttft_ms": 20.0,
        "ttfo_ms": 20.0,
        "e2e_ms": 100.0,
        "output_speed_tok_s": 50.0,
        "input_tokens": 30,
        "output_tokens": 10,
        "rehearsal": False,
        **given,
    }


def answered(request_id: str, line: int, item: int, text: str, endpoint_id: str = "p/m@a", **given: Any) -> Row:
    """A sound raw line of the math suite; the gold answer of item i is i."""
    item_columns = {"item_id": f"item-{item}", "template_id": "add", "difficulty": "easy", "gold": str(item)}
    return probe(
        request_id,
        line,
        endpoint_id,
        **{"suite": "quality_math", "text": text, "answer_type": "int"} | item_columns | given,
    )


def whole_chain(lake: Lake, day: date = DAY) -> None:
    """A day of two endpoints, of one round and 12 items, with a failure and a broken line, through every table.

    A second round of one request is void.
    """
    endpoints = ("p/m@a", "q/m@b")
    lines: list[Row] = []
    for number, endpoint_id in enumerate(endpoints):
        for i in range(6):
            status: Row = {} if i else {"status": "http_5xx", "ttft_ms": None, "ttfo_ms": None, "e2e_ms": None}
            status |= {} if i else {"output_speed_tok_s": None, "speed_refusal": "failed", "output_tokens": None}
            times = {"ttft_ms": 20.0 + i + number, "ttfo_ms": 20.0 + i + number}
            lines.append(probe(f"{day}-s{number}-{i}", len(lines) + 1, endpoint_id, day) | times | status)
        for i in range(12):
            right = i % (4 - number)
            text = f"Answer: {i if right else -1}"
            tokens = {"day": day, "record_day": day, "output_tokens": 10 + i + number}
            lines.append(answered(f"{day}-m{number}-{i}", len(lines) + 1, i, text, endpoint_id, **tokens))
    lines.append(
        {"day": day, "raw_file": "round=r0.jsonl.zst", "raw_line": len(lines) + 1, "problem": "malformed_json"}
    )
    claims = [catalog_row(e, day=day, is_reference=e == endpoints[0]) for e in endpoints]
    closed: Row = {"state": "complete", "region_from": "local"}
    rounds = [closed | {"round_id": "r0", "raw_file": "round=r0.jsonl.zst", "raw_rows": len(lines)}]
    rounds.append(closed | {"round_id": "r1", "raw_file": "round=r1.jsonl.zst", "raw_rows": 1})
    lines.append(probe(f"{day}-void", 1, endpoints[0], day) | {"round_id": "r1", "raw_file": "round=r1.jsonl.zst"})
    seals = [certificate_row("r0", day=day), certificate_row("r1", within_budget=False, day=day)]
    put(lake, day, probe_log=lines, catalog_log=claims, round_log=rounds, certificates=seals)
    make_the_rest(lake, day)


def _fidelity(lake: Lake, day: date) -> FidelityDay:
    families = families_of(lake.read("endpoints", day))
    border = border_figures(day, read_found(lake, day), read_border(lake, day)) if lake.days("border_inputs") else {}
    return fidelity_of_day(read_samples(lake, day, families), families, border, permutations=99)


def _prices(lake: Lake, day: date) -> PriceDay:
    return price_day(day, read_observations(lake, day))


def _counted(lake: Lake, day: date) -> pl.DataFrame:
    sample = lake.read("billing_sample", day)
    raw: dict[tuple[str, int], Row] = {place: {} for place in sample.select("raw_file", "raw_line").iter_rows()}
    return billing_requests(sample, raw, lake.read("endpoints", day), TokenizerFiles())


def _billing(lake: Lake, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    return billing_of_day(day, _counted(lake, day), lake.read("billing_sample", day), lake.read("endpoints", day))


def _in_time(lake: Lake, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    presets = load_presets(embedded_presets_path())
    return in_time_of_day(day, lake.read("answer_waits", day), lake.read("endpoints", day), presets)


def _modeled(lake: Lake, day: date) -> Model:
    endpoints, latency, answers = (lake.read(table, day) for table in ("endpoints", "latency_daily", "answers"))
    return model_day(endpoints, latency, answers, load_presets(embedded_presets_path()))


def _per_correct(lake: Lake, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    presets = load_presets(embedded_presets_path())
    answers, endpoints = lake.read("answers", day), lake.read("endpoints", day)
    return energy_per_correct(day, _modeled(lake, day), answers, endpoints, presets)


def make_the_rest(lake: Lake, day: date) -> None:
    """Every table that is made from the raw ones."""
    steps = {
        "graded_answers": lambda: grade_answers(day, lake.read("requests", day)),
        "latency_daily": lambda: latency_by_endpoint(day, lake.read("requests", day)),
        "vantage_daily": lambda: vantage_by_place(day, lake.read("requests", day)),
        "price_observation": lambda: observations(Home(lake.spill / "home"), day, lake.read("catalog_log", day)),
        "price_book": lambda: _prices(lake, day).book,
        "price_quarantine": lambda: _prices(lake, day).quarantine,
        "price_verdicts": lambda: _prices(lake, day).verdicts,
        "round_prices": lambda: round_prices(day, lake.read("catalog_log", day), lake.read("price_book", day)),
        "preset_churn": lambda: preset_churn(day, lake.read("blended_prices", day), lake.read("leaderboard", day)),
        "blended_prices": lambda: blend_prices(
            day, lake.read("endpoints", day), lake.read("price_book", day), lake.read("requests", day), presets
        ),
        "quality_daily": lambda: quality_by_endpoint(day, lake.read("answers", day), lake.read("endpoints", day)),
        "quality_pool": lambda: quality_of_pool(day, read_pool(lake, day), lake.read("endpoints", day)),
        "anchor_gap": lambda: anchor_gaps(day, read_pool(lake, day)),
        "context_requests": lambda: contexts_of(day, lake.read("requests", day)).requests,
        "context_curve": lambda: contexts_of(day, lake.read("requests", day)).curve,
        "context_daily": lambda: contexts_of(day, lake.read("requests", day)).daily,
        "change_points": lambda: change_points_of(day, read_drift(lake, day)),
        "cost_per_correct": lambda: cost_per_correct(
            day, lake.read("answers", day), lake.read("blended_prices", day), presets
        ),
    }
    steps |= {
        "fidelity_samples": lambda: fidelity_samples(day, lake.read("requests", day), lake.read("endpoints", day)),
        "border_inputs": lambda: border_inputs(day, read_border(lake, day)),
        "fidelity_prompts": lambda: _fidelity(lake, day).prompts,
        "fidelity_references": lambda: _fidelity(lake, day).references,
        "fidelity_channels": lambda: _fidelity(lake, day).channels,
        "fidelity_daily": lambda: fidelity_daily(
            day,
            read_channels(lake, day),
            lake.read("fidelity_references", day),
            families_of(lake.read("endpoints", day)),
        ),
    }
    steps |= {
        "billing_requests": lambda: _counted(lake, day),
        "billing_audit": lambda: _billing(lake, day)[0],
        "billing_evidence": lambda: _billing(lake, day)[1],
        "answers_in_time": lambda: _in_time(lake, day)[0],
        "no_answer_daily": lambda: _in_time(lake, day)[1],
    }
    steps |= {
        "energy_daily": lambda: energy_daily(day, _modeled(lake, day)),
        "energy_per_correct": lambda: _per_correct(lake, day)[0],
        "energy_pairs": lambda: _per_correct(lake, day)[1],
        "energy_in_time": lambda: energy_in_time(
            day, _modeled(lake, day), lake.read("answers", day), lake.read("answer_waits", day), presets
        ),
        "ranks": lambda: rank_day(
            day, [preset.name for preset in presets], **{name: lake.read(table, day) for name, table in RANKED.items()}
        ),
        "findings": lambda: findings_of_day(day, lake),
    }
    presets = load_presets(embedded_presets_path())
    made = {"probe_log", "catalog_log", "round_log", "certificates"}
    waiting = dict.fromkeys([*sql_models(), *steps])
    needs = {name: set(model.dependencies) for name, model in sql_models().items()} | {
        "graded_answers": {"requests"},
        "latency_daily": {"requests"},
        "vantage_daily": {"requests"},
        "price_observation": {"catalog_log"},
        "price_book": {"price_observation"},
        "price_quarantine": {"price_observation"},
        "price_verdicts": {"price_observation"},
        "round_prices": {"catalog_log", "price_book"},
        "blended_prices": {"endpoints", "price_book", "requests"},
        "preset_churn": {"blended_prices", "leaderboard"},
        "quality_daily": {"answers", "endpoints"},
        "quality_pool": {"answers", "endpoints"},
        "anchor_gap": {"answers"},
        "context_requests": {"requests"},
        "context_curve": {"requests"},
        "context_daily": {"requests"},
        "change_points": {"drift_daily"},
        "cost_per_correct": {"answers", "blended_prices"},
        "energy_daily": {"answers", "endpoints", "latency_daily"},
        "energy_per_correct": {"answers", "endpoints", "latency_daily"},
        "energy_pairs": {"answers", "endpoints", "latency_daily"},
        "energy_in_time": {"answers", "answer_waits", "endpoints", "latency_daily"},
        "ranks": set(RANKED.values()),
        "findings": set(tables_asked()),
        "billing_requests": {"billing_sample", "endpoints"},
        "billing_audit": {"billing_sample", "endpoints"},
        "billing_evidence": {"billing_sample", "endpoints"},
        "answers_in_time": {"answer_waits", "endpoints"},
        "no_answer_daily": {"answer_waits", "endpoints"},
        "fidelity_samples": {"requests", "endpoints"},
        "border_inputs": {"fidelity_samples"},
        "fidelity_prompts": {"fidelity_samples", "endpoints"},
        "fidelity_references": {"fidelity_samples", "endpoints"},
        "fidelity_channels": {"fidelity_samples", "endpoints", "border_inputs"},
        "fidelity_daily": {"fidelity_channels", "fidelity_references"},
    }
    while waiting:
        for name in [name for name in waiting if needs[name] <= made]:
            if name in steps:
                lake.write(name, day, steps[name]())
            else:
                sql_models()[name].run(lake, day)
            made.add(name)
            del waiting[name]
