"""`tokenarena selftest`: what it measures and prints, and that a client over its budget is an exit code of 1."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from tokenarena_assets import doctor
from tokenarena_assets.cli import app
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing import selftest
from tokenarena_assets.probing.reference_server import Schedule

LENIENT, IMPOSSIBLE = "60000,60000", "0.000001,0.000002"


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "LIKE_AN_ENDPOINT", Schedule(ttft_ms=2.0, interval_ms=1.0, tokens=4))
    monkeypatch.setattr(selftest, "FLOOD", Schedule(ttft_ms=0.0, interval_ms=0.0, tokens=50))


def _selftest(*arguments: str, budget: str = LENIENT) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["selftest", "--client-error-budget", budget, *arguments])


def test_it_prints_a_row_for_each_load() -> None:
    done = _selftest("--at-once", "3", "--at-once", "60")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    rows = [line.split() for line in lines if line.endswith("within budget")]
    assert [(row[0], row[1]) for row in rows] == [("3", "24"), ("60", "120")]
    assert "n too small" in done.stdout, "24 probes tell no p99"
    assert "4 tokens at 1 ms after a true TTFT of 2 ms; budget p50 60000 ms, p99 60000 ms" in done.stdout
    assert "events a second" in done.stdout


def test_as_json_it_is_the_certificates() -> None:
    told = json.loads(_selftest("--at-once", "50", "--json").stdout)
    (found,) = told["certificates"]
    assert told["within_budget"] is True
    assert told["events_per_s"] > 0
    assert (found["phase"], found["at_once"], found["n_probes"], found["n_failed"]) == ("selftest", 50, 100, 0)
    assert found["n_events"] == 400
    assert 0 < found["event_lag_p50_ms"] <= found["event_lag_p99_ms"]
    assert 0 < found["ttft_error_p50_ms"] <= found["ttft_error_p99_ms"]


def test_over_budget_it_fails_and_says_what_to_do() -> None:
    done = _selftest("--at-once", "5", budget=IMPOSSIBLE)
    assert done.exit_code == 1
    assert "TTFT error p50" in done.stdout
    assert "fewer at once" in done.stderr
    assert "more processes" in done.stderr
    assert "quieter machine" in done.stderr


def test_the_budget_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENARENA_CLIENT_ERROR_BUDGET_MS", IMPOSSIBLE)
    assert CliRunner().invoke(app, ["selftest", "--at-once", "5", "--json"]).exit_code == 1


def test_a_budget_that_is_none_is_refused_before_anything_is_measured() -> None:
    done = _selftest(budget="ten")
    assert isinstance(done.exception, TokenArenaError)
    assert done.exception.mend == "write P50,P99 in milliseconds, such as 2,10"


def test_doctor_names_what_the_client_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctor._client()
    assert found.level == "ok"
    assert "httptools" in found.finding
    assert "tokenarena selftest" in found.finding

    def missing(name: str) -> str:
        raise doctor.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", missing)
    assert (doctor._client().level, doctor._client().mend) == ("FAIL", "pip install httpx")
