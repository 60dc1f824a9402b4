"""What a published folder says of itself: README, licences, methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tokenarena_assets.snapshot.withhold import GOLD_AFTER_DAYS, Policy

DATA_LICENCE = "CC-BY-4.0"
CODE_LICENCE = "Apache-2.0"
CC_BY = """\
The data in this folder - raw logs, tables, the database, the catalog, prices and documents - are licensed under the
Creative Commons Attribution 4.0 International licence (CC BY 4.0).

  Summary:    https://creativecommons.org/licenses/by/4.0/
  Legal text: https://creativecommons.org/licenses/by/4.0/legalcode

You may share and adapt them, commercially as well, provided that you give credit ("TokenArena", with the days of the
data), link to the licence, and say what you changed. They come without warranties.

Text that models wrote and lists of prices that providers publish are quoted as evidence; rights that others may have in
them are not ours to give. SQL models and program code are under Apache-2.0, see LICENSE.
"""


EXPIRED = {
    "texts": "`recompute` names the tables that it can no longer compute, and computes the others.",
    "frames": "no table is made of them.",
}


def docs_folder() -> Path:
    """`docs/` of the checkout, or the copy inside an installed package."""
    package = Path(__file__).resolve().parent.parent
    beside = package.parent / "docs"
    return beside if beside.is_dir() else package / "_docs"


def licence_file() -> Path:
    """The Apache licence of the checkout or of the installed package."""
    package = Path(__file__).resolve().parent.parent
    beside = package.parent / "LICENSE"
    return beside if beside.is_file() else package / "_docs" / "LICENSE"


def readme(days: Sequence[date], policy: Policy, expired: Mapping[str, Any], *, rehearsal: bool, canary: str) -> str:
    """README.md of the folder; `expired`: what the manifest says of retention."""
    span = str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} days)"
    banner = "**Rehearsal: its days were not lived through.**\n\n" if rehearsal else ""
    return f"""\
# TokenArena snapshot: {span}

{banner}AI inference endpoints measured from raw probes: speed, latency, price, quality, fidelity and modeled energy.
What every number is, how uncertain it is and what it cannot say stands in `docs/methodology.md`.

| what | where |
| --- | --- |
| requests as sent and received, with manifest, seal, certificates | `raw/probes/day=*/round=*.jsonl.zst` |
| presets and versions in force | `raw/config/day=*` |
| price feeds as they were looked at | `raw/prices/day=*` |
| every table, Parquet | `tables/<table>/day=*/part-0.parquet` |
| every table, JSON lines | `json/<table>/day=*.jsonl` |
| the database, for any DuckDB from 1.2 on, started in this folder | `tokenarena.duckdb` |
| the catalog of the last round of each day | `catalog/day=*.json` |
| constants of the energy model, each with its source | `facts/` |
| every file with its SHA-256 | `MANIFEST.json` |

## Check it

```console
tokenarena snapshot --verify .        # every file is what the manifest says
tokenarena recompute .                # the tables once more from the raw logs, compared cell by cell
tokenarena explain {days[-1]} chat PROVIDER/MODEL@SKU ttft_ms --snapshot .
```

Without TokenArena: `sha256sum` gives the hashes of `MANIFEST.json`, and of each `round=*.jsonl.zst` that is not marked
`rewritten` there the hash that its `round=*.seal.json` has: where texts or raw events had expired the last one under
`compacted`, else the one of the round's end.

## What is not in it

{_withheld(policy, expired.get("expired", {}))}

## Licence

Data: CC BY 4.0 (`LICENSE-DATA.md`). Code and SQL: Apache-2.0 (`LICENSE`).

{canary}
"""


def _withheld(policy: Policy, expired: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    said = ["- Keys: they are in no file."]
    for kind, what in (("texts", "Texts"), ("frames", "Raw events")):
        if days := [day for day, gone in expired.items() if kind in gone]:
            span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} days)"
            said.append(
                f"- {what} of {span} that had expired before (see `raw/retention.jsonl`, `compacted` in the seals and "
                f"`expired` in the lines): {EXPIRED[kind]}"
            )
    if policy.texts:
        said.append(
            "- Texts: prompts, answers and reasoning are left out of logs and tables; each log line keeps their "
            "lengths and SHA-256 in its field `withheld`. Figures that need them (grades, context, fidelity channels, "
            "billed against counted tokens) cannot be recomputed from here; all that follows from those can."
        )
    if policy.gold_from is not None:
        said.append(
            f"- Gold answers and seeds of fresh items from {policy.gold_from} on: younger than {GOLD_AFTER_DAYS} days. "
            "Their answers cannot be graded again from here. A right answer tells its gold: whoever wants none to be "
            "seen publishes without texts."
        )
    said.append("- Texts and gold answers of the publisher's own items (suite `own`), which are asked again every day.")
    return "\n".join(said)
