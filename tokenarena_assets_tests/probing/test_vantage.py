"""Several places that probe: names, what each asks and may spend, and that none touches another's rounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing import vantage as module
from tokenarena_assets.probing.before import before
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import RoundPlan, plan_of_cut_off, plan_round, seal_leftovers, today
from tokenarena_assets.probing.spend import Booked, booked_spend
from tokenarena_assets.probing.vantage import Clock, Vantage, region_from_in_force, regions_in_force
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundWriter, rounds_of
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets_tests.probing.rounds import endpoint

REGIONS = ("eu", "us")
EU, US = (Vantage(name, REGIONS) for name in REGIONS)
OPTIONS = PlanOptions(suites=("speed", "parallel"), sizes=SuiteSizes(speed_probes=2), max_day_usd=Decimal(8))
ENDPOINTS = [endpoint("a"), endpoint("b")]


def begin(home: Home, vantage: Vantage, *, seal: bool = False, records: int = 0) -> RoundPlan:
    plan = plan_round(home, today(), ENDPOINTS, OPTIONS, vantage=vantage)
    writer = RoundWriter(home, plan.day, plan.round_id, plan.manifest)
    for probe in plan.probes["speed"][:records]:
        usage = {"input_tokens": 1_000_000, "output_tokens": 0}
        writer.append({"request_id": probe.request_id, "endpoint_id": probe.endpoint_id, "http_status": 200,
                       "status": "ok", "suite": "speed", "usage": usage})  # fmt: skip
    if seal:
        writer.seal("complete")
    writer.close()
    return plan


def test_regions_are_named_as_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    assert regions_in_force() == ()
    assert region_from_in_force() == "local"
    monkeypatch.setenv("TOKENARENA_REGIONS", " eu, us_east ,")
    monkeypatch.setenv("TOKENARENA_REGION_FROM", "us_east")
    assert regions_in_force() == ("eu", "us_east")
    assert Vantage.in_force() == Vantage("us_east")


@pytest.mark.parametrize("names", ["EU", "eu-west", "eu,../us", "1st", "eu,eu", "x" * 31])
def test_what_is_no_name_is_refused(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENARENA_REGIONS", names)
    with pytest.raises(TokenArenaError, match="TOKENARENA_REGIONS"):
        regions_in_force()


def test_only_the_first_region_asks_what_is_the_same_from_everywhere() -> None:
    suites = ("speed", "parallel", "quality_math", "sampled", "context")
    assert EU.suites(suites) == Vantage().suites(suites) == suites
    assert US.suites(suites) == ("speed", "parallel")


def test_rounds_of_two_regions_never_share_a_name(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where they begin in the same second and draw the same number."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "abcdef")
    plans = [plan_round(home, today(), ENDPOINTS, OPTIONS, vantage=vantage) for vantage in (EU, US, Vantage())]
    assert len({plan.round_id[16:] for plan in plans}) == 3
    assert [plan.manifest["region_from"] for plan in plans] == ["eu", "us", "local"]
    requests = [{probe.request_id for probes in plan.probes.values() for probe in probes} for plan in plans]
    assert not requests[0] & requests[1]


def test_each_region_counts_completes_and_closes_its_own(home: Home) -> None:
    of_us = begin(home, US)
    assert plan_of_cut_off(home, today(), EU) is None, "it may still be running elsewhere"
    assert plan_round(home, today(), ENDPOINTS, OPTIONS, vantage=EU).resumed is None
    assert seal_leftovers(home, today(), vantage=EU) == []
    resumed = plan_of_cut_off(home, today(), US)
    assert resumed is not None
    assert resumed.round_id == of_us.round_id
    begin(home, EU, seal=True)
    assert plan_round(home, today(), ENDPOINTS, OPTIONS, vantage=EU).manifest["ordinal"] == 1
    assert seal_leftovers(home, today(), vantage=US) == [of_us.round_id]


def test_a_burst_is_asked_once_a_day_from_each_region(home: Home) -> None:
    begin(home, EU, seal=True)
    assert before(home, today(), ("parallel",), vantage=EU).was_asked("parallel", "test/a@standard")
    assert not before(home, today(), ("parallel",), vantage=US).was_asked("parallel", "test/a@standard")
    assert "parallel" not in plan_round(home, today(), ENDPOINTS, OPTIONS, vantage=EU).probes
    assert "parallel" in plan_round(home, today(), ENDPOINTS, OPTIONS, vantage=US).probes


def test_spending_from_everywhere_counts_against_the_cap(home: Home) -> None:
    begin(home, EU, seal=True, records=2)  # 2 x 1M tokens at $0.50
    seen_from_us = booked_spend(home, today(), US)
    assert seen_from_us.total == 1
    assert sum(seen_from_us.elsewhere.values()) == 1
    assert seen_from_us.left(Decimal(8)) == 4, "half of the cap is its own"
    assert booked_spend(home, today(), EU).left(Decimal(8)) == 3
    assert booked_spend(home, today()).left(Decimal(8)) == 7
    assert seen_from_us.left(Decimal("1.2")) == Decimal("0.2"), "what was spent elsewhere beyond its share is gone"


@given(
    cap=st.decimals(0, 100, places=2),
    spends=st.lists(st.tuples(st.integers(0, 2), st.decimals(0, 20, places=2)), max_size=20),
)
def test_regions_that_do_not_see_each_other_never_pass_the_cap(cap: Decimal, spends: list[tuple[int, Decimal]]) -> None:
    """Each spends what `left` allows it, knowing only of itself; together they stay within the cap."""
    own = [Decimal(0)] * 3
    for place, wish in spends:
        booked = Booked({"e": own[place]}, {}, {}, Fraction(1, 3))
        own[place] += max(Decimal(0), min(wish, booked.left(cap), booked.left(cap, "e")))
    assert sum(own) <= cap + Decimal("1e-20")


def test_the_shared_clock_decides_the_day(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host 5 minutes ahead at 23:58 of the shared clock: its own calendar says tomorrow, its round is of today."""
    host_says = datetime(2026, 11, 24, 0, 3, tzinfo=UTC)
    day = (host_says - timedelta(minutes=5)).date()

    class Wall(datetime):
        @classmethod
        def now(cls, tz: object = None) -> Wall:
            return cls(2026, 11, 24, 0, 3, tzinfo=UTC)

    monkeypatch.setattr(module, "datetime", Wall)
    ahead = replace(US, clock=Clock(offset_ms=-300_000, uncertainty_ms=20))
    assert ahead.today() == day
    plan = plan_round(home, day, ENDPOINTS, OPTIONS, vantage=ahead)
    assert plan.manifest["day"] == day.isoformat()
    assert plan.identity["day"] == day.isoformat(), "its records are of the day of their partition"
    assert plan.manifest["clock"] == {"offset_ms": -300_000, "uncertainty_ms": 20}
    with pytest.raises(TokenArenaError, match="for today"):
        plan_round(home, day, ENDPOINTS, OPTIONS, vantage=US)


def test_a_host_reads_both_its_spool_and_the_shared_home(tmp_path: Path) -> None:
    shared = Home(tmp_path / "arena")
    host = replace(shared, spool=tmp_path / "spool")
    begin(shared, EU, seal=True)
    waiting = begin(host, US, seal=True)
    assert [found.round_id for found in rounds_of(shared, today())] != []
    assert {(found.manifest or {})["region_from"] for found in rounds_of(host, today())} == {"eu", "us"}
    assert {(found.manifest or {})["region_from"] for found in rounds_of(shared, today())} == {"eu"}
    assert not (shared.raw_day(today()) / f"round={waiting.round_id}.jsonl.zst").exists()
