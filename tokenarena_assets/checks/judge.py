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

from tokenarena_assets.checks.profile import KINDS, TableProfile


class BrokenCheckError(RuntimeError):
    """A check could not be evaluated: a fault of the check, not of the data."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Great Expectations says of one kind of rule on one table and day."""

    kind: str
    rows: int
    violations: dict[str, int]

    @property
    def passed(self) -> bool:
        """Whether no rule of the kind is broken."""
        return not self.violations


def judge(profile: TableProfile) -> list[Verdict]:
    """One verdict a kind.

    Raises:
        BrokenCheckError: the expectation raised inside Great Expectations, which would otherwise look like bad data.
    """
    broken = {profile.rules[place] for place in _not_zero([rule.violations for rule in profile.rules])}
    verdicts = []
    for kind in KINDS:
        own = {rule.rule: rule.violations for rule in profile.rules if rule.kind == kind and rule in broken}
        verdicts.append(Verdict(kind, profile.rows, own))
    return verdicts


_context: Any = None


def _not_zero(violations: Sequence[int]) -> list[int]:
    """Where the rules are whose count is not the expected zero: a row a rule, all of them in one validation."""
    global _context
    if _context is None:
        _context = gx.get_context(mode="ephemeral")
        _context.variables.progress_bars = {"globally": False}
        source = _context.data_sources.add_pandas("profiles")
        source.add_dataframe_asset("profile").add_batch_definition_whole_dataframe("whole")
    batch_definition = _context.data_sources.get("profiles").get_asset("profile").get_batch_definition("whole")
    batch = batch_definition.get_batch(batch_parameters={"dataframe": pd.DataFrame({"violations": violations})})
    none = ExpectColumnValuesToBeBetween(column="violations", min_value=0, max_value=0)
    result = batch.validate(none, result_format="COMPLETE")
    info = result.exception_info or {}
    blocks = [info] if "raised_exception" in info else [block for block in info.values() if isinstance(block, dict)]
    for block in blocks:
        if block.get("raised_exception"):
            raise BrokenCheckError(f"{result.expectation_config.type}: {block.get('exception_message')}")
    places = [int(place) for place in result.result.get("unexpected_index_list") or ()]
    if bool(places) == result.success:
        raise BrokenCheckError(f"{result.expectation_config.type}: success is {result.success}, rows are {places}")
    return places
