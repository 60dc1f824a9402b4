"""Great Expectations over the profile of a table. Imports it, so load this module only where a check runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

# Set before the import: older versions read it there.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import pandas as pd
from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
from great_expectations.expectations.core.expect_table_columns_to_match_ordered_list import (
    ExpectTableColumnsToMatchOrderedList,
)

from tokenarena_assets.checks.profile import KINDS, TableProfile


class BrokenCheckError(RuntimeError):
    """A check could not be evaluated: a fault of the check, not of the data."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Great Expectations says of one kind of rule on one table and day."""

    kind: str
    passed: bool
    rows: int
    violations: dict[str, int]


def judge(profile: TableProfile) -> list[Verdict]:
    """One verdict a kind.

    Raises:
        BrokenCheckError: an expectation raised inside Great Expectations, which would otherwise look like bad data.
    """
    columns = pd.DataFrame(columns=list(profile.columns))
    verdicts = []
    for kind in KINDS:
        rules = {rule.rule: rule.violations for rule in profile.rules if rule.kind == kind}
        if kind == "schema":
            expected = list(profile.expected_columns)
            passed = _validate(columns, ExpectTableColumnsToMatchOrderedList(column_list=expected))
            difference = sorted(set(expected) ^ set(profile.columns))
            rules = {f"column {name}": 1 for name in difference} if not passed else {}
        else:
            frame = pd.DataFrame({"rule": list(rules), "violations": list(rules.values())})
            passed = _validate(frame, ExpectColumnValuesToBeBetween(column="violations", min_value=0, max_value=0))
        verdicts.append(Verdict(kind, passed, profile.rows, {rule: count for rule, count in rules.items() if count}))
    return verdicts


_context: Any = None


def _validate(frame: pd.DataFrame, expectation: Any) -> bool:
    global _context
    if _context is None:
        _context = gx.get_context(mode="ephemeral")
        _context.variables.progress_bars = {"globally": False}
        source = _context.data_sources.add_pandas("profiles")
        source.add_dataframe_asset("profile").add_batch_definition_whole_dataframe("whole")
    batch_definition = _context.data_sources.get("profiles").get_asset("profile").get_batch_definition("whole")
    batch = batch_definition.get_batch(batch_parameters={"dataframe": frame})
    result = batch.validate(expectation, result_format="SUMMARY")
    info = result.exception_info or {}
    blocks = [info] if "raised_exception" in info else [block for block in info.values() if isinstance(block, dict)]
    for block in blocks:
        if block.get("raised_exception"):
            raise BrokenCheckError(f"{expectation.expectation_type}: {block.get('exception_message')}")
    return bool(result.success)
