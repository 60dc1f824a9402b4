"""Rounds with endpoints that cannot be sent to: one record a suite, nothing of the caps, and no account in any file."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.redaction import without_account
from tokenarena_assets.probing.round import plan_of_cut_off, plan_round, run_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundWriter, read_lines
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets_tests.probing.rounds import QUICK, content_of_every_file, endpoint, run, speed_only
from tokenarena_assets_tests.servers.misbehaving import MisbehavingServer

TWO_SUITES = PlanOptions(suites=("speed", "quality_math", "own"), sizes=SuiteSizes(speed_probes=3, math_items=4))


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ABSENT_KEY", "TEST_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)


def test_a_round_of_nobody_is_sealed_with_a_reason_for_each_suite(home: Home) -> None:
    absent = endpoint("absent", api_key_env="ABSENT_KEY")
    account = endpoint("account", "https://${TEST_ACCOUNT}.api.example.com/v1", api_key_env="ABSENT_KEY")
    never = endpoint("never", cannot_probe="speaks no API of ours")
    ran = run(home, [absent, account, never], TWO_SUITES)
    assert [(r["endpoint_id"], r["suite"], r["status"], r["error"]) for r in ran.records] == [
        (f"test/{name}@standard", suite, "not_sent", f"missing {variables}")
        for name, variables in (("absent", "ABSENT_KEY"), ("account", "ABSENT_KEY, TEST_ACCOUNT"))
        for suite in ("speed", "quality_math")  # own: nobody brought items
    ]
    assert ran.outcome.by_status == {"not_sent": 4}
    assert ran.plan.manifest["not_ready"]["test/never@standard"] == "cannot be probed: speaks no API of ours"
    assert ran.plan.n_ready == 0
    assert ran.plan.usd_max == 0


def test_who_is_not_ready_takes_nothing_of_the_caps(home: Home, server: MisbehavingServer) -> None:
    ready = endpoint("good", server.url("good"))
    alone = plan_round(home, today(), [ready], speed_only(3))
    beside = plan_round(
        home, today(), [ready, *(endpoint(f"a{n}", api_key_env="ABSENT_KEY") for n in range(5))], speed_only(3)
    )
    # Prompts begin with words of their own round, and so differ by a few tokens.
    assert float(beside.usd_max) == pytest.approx(float(alone.usd_max), rel=0.05)
    tight = speed_only(3, max_round_usd=alone.usd_max * Decimal("1.05"))
    ran = run(home, [ready, endpoint("absent", api_key_env="ABSENT_KEY")], tight)
    assert [record["status"] for record in ran.of("good")] == ["ok"] * 3
    assert ran.plan.cuts == ()


def test_a_forecast_may_take_every_key_for_set(home: Home) -> None:
    endpoints = [endpoint("absent", api_key_env="ABSENT_KEY"), endpoint("never", cannot_probe="no")]
    plan = plan_round(home, today(), endpoints, speed_only(3), keys_assumed=True)
    assert [row.requests for row in plan.forecast] == [3, 0]
    assert plan.not_ready == {"test/never@standard": "cannot be probed: no"}
    assert plan_round(home, today(), endpoints, speed_only(3)).usd_max == Decimal(0)


def test_many_reasons_are_one_remark(home: Home) -> None:
    endpoints = [endpoint(f"m{n}", api_key_env=f"ABSENT_KEY_{n % 6}") for n in range(13)]
    (remark,) = plan_round(home, today(), endpoints, speed_only()).remarks()
    assert remark.startswith("not sent to: 13 of 13 endpoints: missing ABSENT_KEY_0 (3); missing ABSENT_KEY_1 (2)")
    assert remark.endswith("and 2 more reasons (tokenarena endpoints lists them)")


def test_a_round_cut_off_is_not_completed_once_a_key_is_there(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_round(home, today(), [endpoint("absent", api_key_env="ABSENT_KEY")], speed_only())
    RoundWriter(home, plan.day, plan.round_id, plan.manifest).close()
    found = plan_of_cut_off(home, today())
    assert found is not None
    assert found.round_id == plan.round_id
    monkeypatch.setenv("ABSENT_KEY", "sk-there-now")
    assert plan_of_cut_off(home, today()) is None


@pytest.mark.parametrize("name", ["good", "unauthorized"])
def test_the_account_is_in_no_file(
    home: Home, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The request goes to the filled address; what is written has the template."""
    monkeypatch.setenv("TEST_ACCOUNT", "contoso-7")
    template = "https://${TEST_ACCOUNT}.api.example.com/v1"
    asked = endpoint(name, template)
    plan = plan_round(home, today(), [asked], speed_only())
    outcome = run_round(home, plan, {asked.endpoint_id: server.url(f"{name}/contoso-7")}, limits=QUICK)
    (record,) = [json.loads(line.data) for line in read_lines(outcome.path)]
    assert [request.route for request in server.seen] == [f"{name}/contoso-7"]
    assert record["request"]["url"] == f"{template}/chat/completions"
    assert plan.manifest["endpoints"][0]["base_url"] == template
    assert not any(b"contoso-7" in content for content in content_of_every_file(home.root).values())


def test_errors_and_headers_lose_the_account_and_answers_keep_what_they_say() -> None:
    record = {
        "status": "http_4xx",
        "error": "no deployment at Contoso-7.api.example.com, contoso-77 aside",
        "error_body": '{"path": "/accounts/contoso-7/ai"}',
        "response_headers": [["location", "https://contoso-7.api.example.com/"]],
        "frames": [[1, "data: contoso-7 is unknown"]],
        "text": "contoso-7",
    }
    cleaned = without_account(record, {"TEST_ACCOUNT": "contoso-7", "REGION": "us"})
    assert cleaned["error"] == "no deployment at ${TEST_ACCOUNT}.api.example.com, contoso-77 aside"
    assert cleaned["error_body"] == '{"path": "/accounts/${TEST_ACCOUNT}/ai"}'
    assert cleaned["response_headers"] == [["location", "https://${TEST_ACCOUNT}.api.example.com/"]]
    assert cleaned["frames"] == [[1, "data: ${TEST_ACCOUNT} is unknown"]]
    assert cleaned["text"] == "contoso-7"
    assert without_account(record | {"status": "ok"}, {"A": "contoso-7"})["frames"] == record["frames"]
    assert without_account(record, {}) == record


def test_no_temperature_leaves_nothing_to_ask_of_a_first_token(home: Home) -> None:
    options = PlanOptions(suites=("speed", "greedy", "sampled"), sizes=SuiteSizes(speed_probes=1, sampled_prompts=2))
    plain = plan_round(home, today(), [endpoint("plain")], options)
    without = plan_round(home, today(), [endpoint("without", extra_body={"temperature": None})], options)
    assert set(plain.probes) - set(without.probes) == {"greedy"}
    assert {m.suite: m.reason for m in without.misfits} == {
        "greedy": "not applicable: extra_body takes the temperature out of the request"
    }
