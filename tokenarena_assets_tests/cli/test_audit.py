"""`tokenarena audit`, on a home that was published and on one that was not."""

from __future__ import annotations

import json
from datetime import date

import pytest
from typer.testing import CliRunner

from tokenarena_assets.chain.audit_tables import ANSWERS_IN_TIME, BILLING_AUDIT, BILLING_EVIDENCE, NO_ANSWER_DAILY
from tokenarena_assets.chain.billing import _unaudited
from tokenarena_assets.cli import app
from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import publish

DAY = date(2026, 11, 23)
SPECS = [BILLING_AUDIT, BILLING_EVIDENCE, ANSWERS_IN_TIME, NO_ANSWER_DAILY]


@pytest.fixture
def published() -> Home:
    home = Home.from_environment()
    lake = ParquetLake(home.lake)
    evidence = {
        "day": DAY,
        "endpoint_id": "p/m@s",
        "finding": "output_more",
        "severity": "flag",
        "claim": "bills more \x1b[31m than text",
        "n": 40,
        "evidence": json.dumps([{"raw_file": "round=a.jsonl.zst", "raw_line": 7}]),
    }
    lake.write("billing_audit", DAY, BILLING_AUDIT.frame([_unaudited(DAY, "p/m@s")]))
    lake.write("billing_evidence", DAY, BILLING_EVIDENCE.frame([evidence]))
    lake.write("answers_in_time", DAY, ANSWERS_IN_TIME.frame([]))
    lake.write("no_answer_daily", DAY, NO_ANSWER_DAILY.frame([]))
    publish(home, SPECS)
    return home


def test_it_prints_tables(published: Home) -> None:
    shown = CliRunner().invoke(app, ["audit", "--day", DAY.isoformat()])
    assert shown.exit_code == 0, shown.output
    assert "p/m@s" in shown.output
    assert "round=a.jsonl.zst:7" in shown.output
    assert "\x1b[31m" not in shown.output


def test_json_has_all_tables(published: Home) -> None:
    shown = CliRunner().invoke(app, ["audit", "--json"])
    found = json.loads(shown.output)
    assert set(found) == {"billing_audit", "billing_evidence", "answers_in_time", "no_answer_daily"}
    assert found["billing_audit"][0]["output_verdict"] == "cannot tell"


def test_what_is_not_there_is_said(published: Home) -> None:
    with pytest.raises(MissingTableError, match="no audit of 2026-01-01"):
        CliRunner().invoke(app, ["audit", "--day", "2026-01-01"], catch_exceptions=False)
    with pytest.raises(TokenArenaError, match="is not a day"):
        CliRunner().invoke(app, ["audit", "--day", "monday"], catch_exceptions=False)
