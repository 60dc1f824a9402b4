"""Great Expectations over the profile of a table. Imports it, so load this module only where a check runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    expected = list(profile.expected_columns)
    columns = pd.DataFrame(columns=list(profile.columns))
    same_columns = _validate(columns, [ExpectTableColumnsToMatchOrderedList(column_list=expected)])[None]
    differing = [] if same_columns else sorted(set(expected) ^ set(profile.columns))
    found = {"schema": (same_columns, {f"column {name}": 1 for name in differing})}
    # A column a kind, a row a rule: all of them are judged in one pass.
    kinds = [kind for kind in KINDS if kind != "schema"]
    rules = {kind: {rule.rule: rule.violations for rule in profile.rules if rule.kind == kind} for kind in kinds}
    counts = pd.DataFrame({kind: pd.Series(list(of.values()), dtype="Int64") for kind, of in rules.items()})
    none = [ExpectColumnValuesToBeBetween(column=kind, min_value=0, max_value=0) for kind in kinds]
    passed = _validate(counts, none)
    for kind in kinds:
        found[kind] = passed[kind], {rule: count for rule, count in rules[kind].items() if count}
    return [Verdict(kind, well, profile.rows, violations) for kind, (well, violations) in found.items()]


_context: Any = None


def _validate(frame: pd.DataFrame, expectations: Sequence[Any]) -> dict[str | None, bool]:
    """Whether the frame meets each of the expectations, by the column that it is of (None: of the whole frame)."""
    global _context
    if _context is None:
        _context = gx.get_context(mode="ephemeral")
        _context.variables.progress_bars = {"globally": False}
        source = _context.data_sources.add_pandas("profiles")
        source.add_dataframe_asset("profile").add_batch_definition_whole_dataframe("whole")
    batch_definition = _context.data_sources.get("profiles").get_asset("profile").get_batch_definition("whole")
    batch = batch_definition.get_batch(batch_parameters={"dataframe": frame})
    suite = gx.ExpectationSuite("profile", expectations=list(expectations))
    found: dict[str | None, bool] = {}
    for result in batch.validate(suite, result_format="SUMMARY").results:
        info = result.exception_info or {}
        blocks = [info] if "raised_exception" in info else [block for block in info.values() if isinstance(block, dict)]
        for block in blocks:
            if block.get("raised_exception"):
                raise BrokenCheckError(f"{result.expectation_config.type}: {block.get('exception_message')}")
        found[result.expectation_config.kwargs.get("column")] = bool(result.success)
    return found
