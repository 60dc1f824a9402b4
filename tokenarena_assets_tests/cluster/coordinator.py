"""One command of the coordinator in a process of its own: `python -m ...coordinator WHAT JSON`.

`run`: materialize a day, or some of its tables; `region`: a round from one region; `single`: the same raw rounds on one
machine in an empty home, all tables compared cell by cell; `raw`: what the raw rounds of a day hold; `table`: its rows;
`versions`: those of some tables. Prints a line of JSON last.
"""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.defs.execute import materializing, upstream_of
from tokenarena_assets.probing.vantage import REGIONS_VARIABLE
from tokenarena_assets.recompute.evidence import Evidence, empty_home
from tokenarena_assets.recompute.rerun import Recomputed, compare_all
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake, lake_of
from tokenarena_assets.storage.rawlog import records_of, rounds_of


def run(asked: dict[str, Any]) -> dict[str, Any]:
    """Materialize; `up_to`: tables, with all that they are made from."""
    home, day = Home.from_environment(), date.fromisoformat(asked["day"])
    if "up_to" in asked:
        asked["assets"] = sorted(name for name in upstream_of(asked["up_to"]) if not name.startswith("probe_rounds_"))
    with materializing(home, endpoints_file=asked["catalog"], round_config=asked.get("round")) as materialize:
        return {"succeeded": materialize([day], assets=asked.get("assets", ()))}


def single(asked: dict[str, Any]) -> dict[str, Any]:
    """Make the tables of the same raw rounds on one machine, in Parquet files, and compare them all."""
    import os

    published, day = lake_of(Home.from_environment()), date.fromisoformat(asked["day"])
    evidence = Evidence(Home.from_environment().root, published)
    assert REGIONS_VARIABLE not in os.environ
    home = empty_home(evidence, Path(asked["folder"]))
    config = {"run_round": "never"}
    with materializing(
        home, endpoints_file=asked["catalog"], log="problems", evidence_only=True, round_config=config
    ) as materialize:
        succeeded = materialize([day])
    ours = lake_of(home)
    assert isinstance(ours, ParquetLake)
    assert type(published) is not type(ours), "the cluster's tables are in another store"
    compared = compare_all(published, ours, [day], Recomputed([day]))
    return {
        "succeeded": succeeded,
        "tables": len(compared),
        "of": len(table_specs()),
        "rows": sum(each.rows for each in compared),
        "cells": sum(each.cells for each in compared),
        "differing": sum(each.differing for each in compared),
        "problems": [f"{each.table}: {each.problem or each.examples}" for each in compared if not each.same],
    }


def raw(asked: dict[str, Any]) -> dict[str, Any]:
    """The raw rounds of a day, each with its records, and requests that are there more than once."""
    home, day = Home.from_environment(), date.fromisoformat(asked["day"])
    seen: Counter[str] = Counter()
    rounds = []
    for found in rounds_of(home, day):
        records = list(records_of(found.log))
        seen.update(record["request_id"] for record in records)
        rounds.append(
            {
                "round_id": found.round_id,
                "region_from": (found.manifest or {}).get("region_from"),
                "clock": (found.manifest or {}).get("clock"),
                "state": (found.seal or {}).get("state"),
                "records": len(records),
                "by_status": Counter(record["status"] for record in records),
            }
        )
    return {"rounds": rounds, "doubled": [name for name, count in seen.items() if count > 1]}


def table(asked: dict[str, Any]) -> dict[str, Any]:
    """The rows of a table of the day."""
    rows = lake_of(Home.from_environment()).read(asked["table"], date.fromisoformat(asked["day"]))
    return {"rows": json.loads(rows.write_json())}


def versions(asked: dict[str, Any]) -> dict[str, Any]:
    """The version of the day's partition of each of the tables."""
    lake, day = lake_of(Home.from_environment()), date.fromisoformat(asked["day"])
    return {"versions": {name: lake.version(name, day) for name in asked["tables"]}}


if __name__ == "__main__":
    logging.getLogger("alembic").setLevel(logging.WARNING)
    what = {"run": run, "single": single, "raw": raw, "table": table, "versions": versions}[sys.argv[1]]
    print(json.dumps(what(json.loads(sys.argv[2]))))
