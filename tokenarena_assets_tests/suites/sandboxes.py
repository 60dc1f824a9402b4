"""The machine's sandbox for tests; a machine without one skips them, and says loudly why."""

from __future__ import annotations

import warnings

import pytest

from tokenarena_assets.suites.sandbox import Sandbox, find_sandbox, why_no_sandbox


def machine_sandbox() -> Sandbox:
    sandbox = find_sandbox()
    if sandbox is None:
        warnings.warn(f"NOT TESTED, model-written code cannot be run here: {why_no_sandbox()}", stacklevel=2)
        pytest.skip(f"no sandbox: {why_no_sandbox()}")
    return sandbox
