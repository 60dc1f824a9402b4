"""Sections of tables that a database may not have (yet): each is there when its table is, and null when it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tokenarena_assets.report.page.guard import all_with_intervals
from tokenarena_assets.report.page.packing import packed, plain
from tokenarena_assets.report.page.source import Source

if TYPE_CHECKING:
    from tokenarena_assets.report.page.data import Names

ENERGY = (
    "mix domain endpoint_id n_items n_correct output_tokens_per_correct output_tokens_per_correct_lo "
    "output_tokens_per_correct_hi energy_j_per_output_token_p5 energy_j_per_output_token_p50 "
    "energy_j_per_output_token_p95 energy_j_per_correct_p5 energy_j_per_correct_p50 energy_j_per_correct_p95 "
    "energy_j_per_correct_at_least gco2e_per_correct_p5 gco2e_per_correct_p50 gco2e_per_correct_p95 evidence_grade "
    "rank rank_lo rank_hi rank_note label"
).split()
ENERGY_DAILY = (
    "endpoint_id workload energy_j_per_request_p5 energy_j_per_request_p50 energy_j_per_request_p95 "
    "gco2e_per_request_p5 gco2e_per_request_p50 gco2e_per_request_p95 region region_basis evidence_grade assumptions "
    "would_narrow not_modeled_because"
).split()
FINDING = "finding about headline value value_lo value_hi unit n endpoints supported modeled sql detail".split()
EFFECTIVE = (
    "endpoint_id preset blended_usd_per_mtok effective_usd_per_mtok output_multiplier output_multiplier_n "
    "no_price_because no_effective_because"
).split()
BILLING = (
    "endpoint_id n_audited output_ratio output_ratio_lo output_ratio_hi n_output output_verdict hidden_reasoning_share "
    "bills_more_than_text tokenizer_basis claim"
).split()
IN_TIME = (
    "endpoint_id deadline_s presets domain n_asked p_no_answer p_no_answer_lo p_no_answer_hi usd_per_correct_in_time "
    "usd_per_correct_in_time_lo usd_per_correct_in_time_hi note"
).split()


def optional_sections(source: Source, names: Names, of_day: Mapping[str, object]) -> dict[str, Any]:
    """Energy, findings, effective prices, billing and answers in time.

    Raises:
        BareEnergyError: modeled energy without its interval.
    """
    energy = _section(source, names, "energy_per_correct", ENERGY, "mix, domain, endpoint_id", of_day, modeled=True)
    workloads = _section(source, names, "energy_daily", ENERGY_DAILY, "workload, endpoint_id", of_day, modeled=True)
    effective = source.has("blended_prices", "effective_usd_per_mtok")
    return {
        "energy": energy,
        "energy_daily": workloads,
        "findings": _findings(source, names, of_day),
        "effective": _section(source, names, "blended_prices", EFFECTIVE, "preset, endpoint_id", of_day)
        if effective
        else None,
        "billing": _section(source, names, "billing_audit", BILLING, "endpoint_id", of_day),
        "in_time": _section(source, names, "answers_in_time", IN_TIME, "domain, deadline_s, endpoint_id", of_day),
    }


def _section(
    source: Source,
    names: Names,
    table: str,
    columns: list[str],
    order: str,
    of_day: Mapping[str, object],
    *,
    modeled: bool = False,
) -> dict[str, Any] | None:
    if not source.has(table, "day", "endpoint_id"):
        return None
    where = "day = $day" + (" and population = 'probed'" if source.has(table, "population") else "")
    rows = names.numbered(source.rows(table, columns, where, order, of_day))
    if modeled:
        all_with_intervals(rows)
    return packed(rows, ("e", *source.known(table, columns[1:] if columns[0] == "endpoint_id" else columns)))


def _findings(source: Source, names: Names, of_day: Mapping[str, object]) -> list[Any] | None:
    if not source.has("findings", "day", "finding", "headline"):
        return None
    known = set(names.ids)
    found = source.rows("findings", FINDING, "day = $day", "finding", of_day)
    all_with_intervals({"endpoint_id": f"finding {row['finding']}", **row} for row in found)
    return [plain({**row, "endpoints": _listed(row.get("endpoints"), known)}) for row in found]


def _listed(text: object, known: set[str]) -> list[str]:
    """The endpoints of a finding, given as JSON (a list, or an object that has them as keys or values)."""
    try:
        value = json.loads(str(text)) if text is not None else []
    except ValueError:
        value = str(text).split(",")
    if isinstance(value, dict):
        value = [*value.keys(), *(item for item in value.values() if isinstance(item, str))]
    listed = [str(item).strip() for item in value] if isinstance(value, list) else []
    return [item for item in dict.fromkeys(listed) if item in known]
