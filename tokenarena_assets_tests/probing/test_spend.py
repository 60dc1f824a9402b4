"""Money: what a day's rounds have cost by their evidence, and rounds cut back to what may still be spent."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenarena_assets.endpoints.catalog import Endpoint, ListPrice
from tokenarena_assets.probing import round_digest
from tokenarena_assets.probing.billing import cost_of
from tokenarena_assets.probing.plan import PlanOptions, Probe, forecast, make_plan, usd_at_most, usd_of_tokens
from tokenarena_assets.probing.round import plan_of_cut_off, plan_round, run_round, today
from tokenarena_assets.probing.spend import Affordable, Booked, booked_spend, cut_back, usd
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundWriter
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets_tests.probing.rounds import QUICK, endpoint, planned_ids, run
from tokenarena_assets_tests.servers.misbehaving import Answer, MisbehavingServer, streams

DAY = date(2026, 11, 23)
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
NOTHING_YET = Booked({}, {})
# Cents, so that sums can be done in the head: 1,000 tokens in are 1 cent, 1,000 out are 4.
PRICE = ListPrice(input_usd_per_mtok=Decimal(10), cached_input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(40))
CENT = Decimal("0.01")


def record(endpoint_id: str = "test/a@standard", **fields: Any) -> dict[str, Any]:
    """A raw record, as far as it is about money: 1,000 tokens in and 500 out."""
    usage = {"input_tokens": 1_000, "cached_tokens": None, "output_tokens": 500, "reasoning_tokens": None, "raw": {}}
    return {"endpoint_id": endpoint_id, "status": "ok", "http_status": 200, "usage": usage, "source": None} | fields


def with_usage(**counts: Any) -> dict[str, Any]:
    return record(usage=record()["usage"] | counts)


# -- what was spent ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "cents"),
    [
        (record(), "3"),
        (with_usage(cached_tokens=400), "2.64"),
        (with_usage(cached_tokens=2_000), "2.1"),  # more than there were: no more than all of them
        (record(status="truncated"), "3"),
        (record(status="dropped"), "3"),
        (record(http_status=206), "3"),
        (record(http_status=429), "0"),
        (record(http_status=500), "0"),
        (record(http_status=None, status="not_sent", usage=None), "0"),
        (record(source={"tool": "aiperf"}), "0"),
        (record(usage=None, text="x" * 1_000, request={"body": "y" * 1_998}), "3"),  # by characters, two a token
        (record(usage=None, text="x" * 200, reasoning="x" * 800, request={"body": "y" * 1_998}), "3"),
        (record(usage=None), "0.002"),
        (with_usage(input_tokens=None, request=None), "2.002"),
        (with_usage(output_tokens=-5), "1"),
        (with_usage(output_tokens=True), "1"),
        (with_usage(output_tokens="500"), "1"),
    ],
)
def test_what_one_record_cost(raw: dict[str, Any], cents: str) -> None:
    assert cost_of(raw, PRICE) == Decimal(cents) * CENT


def test_cached_tokens_cost_as_much_as_others_where_no_price_is_published() -> None:
    plain = PRICE.model_copy(update={"cached_input_usd_per_mtok": None})
    assert cost_of(with_usage(cached_tokens=400), plain) == 3 * CENT


def _manifest(round_id: str, *priced: str, price: ListPrice = PRICE, **more: Any) -> dict[str, Any]:
    entries = [{"endpoint_id": name, "price": price.model_dump(mode="json")} for name in priced]
    return {"round_id": round_id, "endpoints": [*entries, {"endpoint_id": "test/free@standard", "price": None}]} | more


def _write(
    home: Home, round_id: str, manifest: dict[str, Any], *records: dict[str, Any] | bytes, seal: bool = True
) -> RoundWriter:
    writer = RoundWriter(home, DAY, round_id, manifest)
    for line in records:
        if isinstance(line, bytes):
            writer.append_line(line)
        else:
            writer.append(line)
    if seal:
        writer.seal("complete")
    return writer


def test_a_day_is_the_sum_of_its_rounds_each_at_its_own_prices(home: Home) -> None:
    a, b = "test/a@standard", "test/b@standard"
    dearer = PRICE.model_copy(update={"input_usd_per_mtok": Decimal(30)})
    _write(
        home,
        "r1",
        _manifest("r1", a, b),
        record(a),
        record(a),
        record(b),
        record("test/free@standard"),
        record("test/gone@x"),
    )
    _write(home, "r2", _manifest("r2", a, price=dearer), record(a), b"{torn", b"[1]", b"\xff\xfe")
    _write(home, "imported", {"round_id": "imported", "source": "aiperf"}, record(a, source={"tool": "aiperf"}))
    _write(home, "nothing", {}, record(a))
    booked = booked_spend(home, DAY)
    assert booked.by_endpoint == {a: 11 * CENT, b: 3 * CENT}
    assert booked.by_round == {"r1": 9 * CENT, "r2": 5 * CENT, "imported": 0, "nothing": 0}
    assert booked.total == 14 * CENT
    assert booked_spend(home, date(2026, 11, 24)) == Booked({}, {})


def test_a_record_with_a_number_beyond_64_bits_still_counts(home: Home) -> None:
    line = json.dumps(record(served_model=10**30)).encode()
    _write(home, "r", _manifest("r", "test/a@standard"), line, json.dumps(record(text="\ud83d")).encode())
    assert booked_spend(home, DAY).total == 6 * CENT


def test_a_sealed_round_is_read_once(home: Home) -> None:
    a = "test/a@standard"
    log = _write(home, "r", _manifest("r", a), record(a), record(a)).path.with_name("round=r.jsonl.zst")
    booked = booked_spend(home, DAY)
    assert booked.total == 6 * CENT
    content = log.read_bytes()
    log.write_bytes(b"")  # not looked into any more
    assert booked_spend(home, DAY) == booked
    (kept,) = (home.digests / f"day={DAY}").iterdir()
    log.write_bytes(content)
    kept.write_text('{"spent": {"test/a@standard": "much"}}')  # of no use: found anew
    assert booked_spend(home, DAY) == booked
    manifest = log.with_name("round=r.manifest.json")
    manifest.write_text(
        json.dumps(_manifest("r", a, price=PRICE.model_copy(update={"input_usd_per_mtok": Decimal(30)})))
    )
    assert booked_spend(home, DAY).total == 10 * CENT  # other prices, another digest
    shutil.rmtree(home.digests)
    assert booked_spend(home, DAY).total == 10 * CENT


def test_other_code_finds_the_digest_anew(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"billing.py", "ask.py", "round_digest.py", "price_list.py"} <= {
        Path(file).name for file in round_digest.CODE
    }
    log = _write(home, "r", _manifest("r", "test/a@standard"), record()).path.with_name("round=r.jsonl.zst")
    assert booked_spend(home, DAY).total == 3 * CENT
    log.unlink()
    log.write_bytes(b"")
    assert booked_spend(home, DAY).total == 3 * CENT
    monkeypatch.setattr(round_digest, "_code", lambda: "of another version")
    assert booked_spend(home, DAY).total == 0


def test_digests_of_days_that_nobody_looks_back_to_are_forgotten(home: Home) -> None:
    old, near = home.digests / "day=2026-11-14", home.digests / "day=2026-11-16"
    for folder in (old, near):
        folder.mkdir(parents=True)
    _write(home, "r", _manifest("r", "test/a@standard"), record())
    booked_spend(home, DAY)
    assert not old.exists()
    assert near.exists()


def test_where_nothing_can_be_kept_the_round_is_read_each_time(home: Home) -> None:
    _write(home, "r", _manifest("r", "test/a@standard"), record())
    home.digests.write_text("no folder")
    assert booked_spend(home, DAY).total == booked_spend(home, DAY).total == 3 * CENT


def test_a_round_that_is_being_written_counts_with_what_it_may_still_cost(home: Home) -> None:
    a = "test/a@standard"
    forecast_rows = [{"endpoint_id": a, "usd_max": "0.5"}, {"endpoint_id": "test/free@standard", "usd_max": None}]
    writer = _write(home, "r", _manifest("r", a, forecast=forecast_rows), record(a), seal=False)
    assert booked_spend(home, DAY).total == Decimal("0.5")
    writer.close()  # cut off: what was not sent is no longer going to be, until somebody completes it
    assert booked_spend(home, DAY).total == 3 * CENT


# -- cutting back ------------------------------------------------------------------------------------------------------


CATALOG = [endpoint("a"), endpoint("b", price={"input_usd_per_mtok": "3", "output_usd_per_mtok": "15"}), endpoint("c")]
PROBED = ("speed", "parallel", "quality_math")
OPTIONS = PlanOptions(
    suites=PROBED, sizes=SuiteSizes(4, 9, 100, 200), max_round_usd=Decimal("inf"), max_day_usd=Decimal("inf")
)


def _planned(endpoints: list[Endpoint], options: PlanOptions = OPTIONS) -> dict[str, list[Probe]]:
    return make_plan(endpoints, options, day=DAY, round_id="r")


def _cut(endpoints: list[Endpoint], booked: Booked = NOTHING_YET, **caps: str) -> Affordable:
    options = replace(OPTIONS, **{name: Decimal(cap) for name, cap in caps.items()})
    return cut_back(_planned(endpoints), endpoints, options, booked, "r")


def _usd(probes: dict[str, list[Probe]], endpoints: list[Endpoint], endpoint_id: str | None = None) -> Decimal:
    rows = [row for row in forecast(probes, endpoints) if endpoint_id in (None, row.endpoint_id)]
    return sum((row.usd_max for row in rows if row.usd_max is not None), start=Decimal(0))


ALL = _usd(_planned(CATALOG), CATALOG)
money = st.decimals(min_value=0, max_value=ALL * 2, places=6)


@EXAMPLES
@given(
    round_cap=money,
    day_cap=money,
    caps=st.lists(st.none() | money, min_size=3, max_size=3),
    spent=st.lists(money, min_size=3, max_size=3),
    of_round=money,
    unpriced=st.booleans(),
)
def test_no_cap_can_be_passed_and_nothing_is_lost(
    round_cap: Decimal,
    day_cap: Decimal,
    caps: list[Decimal | None],
    spent: list[Decimal],
    of_round: Decimal,
    unpriced: bool,
) -> None:
    capped = [
        e.model_copy(update={"limits": e.limits.model_copy(update={"max_usd_per_day": cap})})
        for e, cap in zip(CATALOG, caps, strict=True)
    ]
    endpoints = [*capped, endpoint("free", price=None)] if unpriced else capped
    booked = Booked({e.endpoint_id: usd for e, usd in zip(CATALOG, spent, strict=True)}, {"r": of_round})
    options = replace(OPTIONS, max_round_usd=round_cap, max_day_usd=day_cap)
    planned = _planned(endpoints)
    found = cut_back(planned, endpoints, options, booked, "r")
    kept = _usd(found.probes, endpoints)
    assert kept == 0 or kept <= round_cap - of_round
    assert kept == 0 or kept <= day_cap - sum(spent)
    for own, cap, gone in zip(endpoints, caps, spent, strict=False):
        mine = _usd(found.probes, endpoints, own.endpoint_id)
        assert cap is None or mine == 0 or mine <= cap - gone
    ids = Counter(p.request_id for probes in found.probes.values() for p in probes) + Counter(
        p.request_id for p, _ in found.unsent
    )
    assert ids == Counter(p.request_id for probes in planned.values() for p in probes)
    assert sum(cut.requests for cut in found.cuts) == len(found.unsent)
    assert all(reason.startswith("cut: over the cap of $") for _, reason in found.unsent)
    # What has no price is never cut, and the order of what is left is the plan's.
    assert sum(p.endpoint_id == "test/free@standard" for probes in found.probes.values() for p in probes) == (
        23 if unpriced else 0
    )
    for suite, probes in found.probes.items():
        left = iter(planned[suite])
        assert all(probe in left for probe in probes)


@EXAMPLES
@given(money)
def test_a_cap_on_all_leaves_every_endpoint_the_same_questions(cap: Decimal) -> None:
    found = cut_back(_planned(CATALOG), CATALOG, replace(OPTIONS, max_round_usd=cap), NOTHING_YET, "r")
    keys: dict[str, set[str]] = defaultdict(set)
    for probes in found.probes.values():
        for probe in probes:
            keys[probe.endpoint_id].add(probe.question.key)
    assert len(keys) in (0, 3)
    assert all(own == keys["test/a@standard"] for own in keys.values())


def test_quality_goes_first_then_the_bursts_whole_then_speed_from_the_last_one_on() -> None:
    def counts(cap: Decimal) -> tuple[int, int, int]:
        probes = cut_back(_planned(CATALOG), CATALOG, replace(OPTIONS, max_day_usd=cap), NOTHING_YET, "r").probes
        return tuple(
            sum(p.endpoint_id == "test/a@standard" for p in probes.get(s, []))
            for s in ("quality_math", "parallel", "speed")
        )  # type: ignore[return-value]

    seen = [counts(ALL * Decimal(share) / 200) for share in range(200, -1, -1)]
    assert seen[0] == (9, 10, 4)
    assert seen[-1] == (0, 0, 0)
    assert all(earlier >= later for earlier, later in pairwise(seen))
    assert {parallel for _, parallel, _ in seen} == {10, 0}
    assert all(parallel == 0 or speed == 4 for _, parallel, speed in seen)
    assert all(quality == 0 or parallel == 10 for quality, parallel, _ in seen)
    assert {quality for quality, _, _ in seen} == set(range(10))


def test_math_and_code_are_cut_in_proportion() -> None:
    options = replace(OPTIONS, suites=("quality_math", "quality_code"), sizes=SuiteSizes(math_items=9, code_items=6))
    planned = _planned(CATALOG, options)
    whole = _usd(planned, CATALOG)
    for share in (2, 5, 8):
        cut = cut_back(planned, CATALOG, replace(options, max_day_usd=whole * share / 10), NOTHING_YET, "r").probes
        math, code = (len(cut.get(suite, [])) / 3 for suite in ("quality_math", "quality_code"))
        assert abs(math / 9 - code / 6) <= 1 / 6


def test_items_are_cut_from_the_last_one_on() -> None:
    planned = _planned(CATALOG)["quality_math"]
    order = list(dict.fromkeys(p.question.key for p in planned))
    kept = _cut(CATALOG, max_round_usd=str(ALL * Decimal("0.9"))).probes["quality_math"]
    keys = list(dict.fromkeys(p.question.key for p in kept))
    assert 0 < len(keys) < len(order)
    assert keys == order[: len(keys)]


def test_the_cap_of_one_endpoint_cuts_that_one() -> None:
    poor = endpoint("b", price=CATALOG[1].price, limits={"max_usd_per_day": "0.05"})
    catalog = [CATALOG[0], poor, CATALOG[2]]
    found = _cut(catalog, Booked({"test/b@standard": Decimal("0.02")}, {"earlier": Decimal("0.02")}))
    assert {p.endpoint_id for p, _ in found.unsent} == {"test/b@standard"}
    assert {cut.reason for cut in found.cuts} == {"over the cap of $0.05 a day for this endpoint ($0.02 booked today)"}
    assert 0 < _usd(found.probes, catalog, "test/b@standard") <= Decimal("0.03")


def test_what_costs_nothing_is_not_cut() -> None:
    gratis = endpoint("gratis", price={"input_usd_per_mtok": "0", "output_usd_per_mtok": "0"})
    found = _cut([*CATALOG, gratis], max_day_usd="0")
    assert {p.endpoint_id for probes in found.probes.values() for p in probes} == {"test/gratis@standard"}


def test_what_was_sent_before_is_neither_cut_nor_counted() -> None:
    planned = _planned(CATALOG)
    done = frozenset(p.request_id for p in planned["speed"] + planned["parallel"])
    spent = Booked({}, {"r": Decimal("0.01")})
    options = replace(OPTIONS, max_round_usd=Decimal("0.01"))
    found = cut_back(planned, CATALOG, options, spent, "r", done=done)
    assert {suite: len(probes) for suite, probes in found.probes.items()} == {"speed": 12, "parallel": 30}
    assert {p.question.suite for p, _ in found.unsent} == {"quality_math"}


def test_amounts_are_told_as_people_read_them() -> None:
    told = [usd(Decimal(text)) for text in ("0", "0.0000012345", "0.05", "0.999", "1", "12.3456", "1234.5", "Infinity")]
    assert told == ["$0.00", "$0.0000012", "$0.05", "$0.999", "$1.00", "$12.3456", "$1,234.50", "$Infinity"]


# -- in a round --------------------------------------------------------------------------------------------------------


TINY = PlanOptions(suites=("speed", "quality_math"), sizes=SuiteSizes(2, 6, 20, 40, prompt_tokens=(100,)))


def test_a_round_is_cut_back_and_says_so_everywhere(home: Home) -> None:
    with MisbehavingServer() as server:
        catalog = [endpoint("a", server.url("good/a")), endpoint("free", server.url("good/free"), price=None)]
        whole = plan_round(home, today(), catalog, TINY)
        ran = run(home, catalog, replace(TINY, max_round_usd=whole.usd_max * Decimal("0.7")))
        assert len(server.requests_of("good/free")) == 8
        asked = len(server.requests_of("good/a"))
    cut = [r for r in ran.of("a") if r["status"] == "not_sent"]
    assert (asked, len(cut)) == (len(ran.of("a")) - len(cut), 8 - asked)
    assert 0 < len(cut) < 6
    assert {r["suite"] for r in cut} == {"quality_math"}
    assert all(r["error"].startswith("cut: over the cap of $") for r in cut)
    assert sorted(r["request_id"] for r in ran.records) == planned_ids(ran.plan)
    assert ran.outcome.by_status["not_sent"] == len(cut)
    assert ran.outcome.written == 16
    (row,) = ran.plan.manifest["cuts"]
    assert (row["endpoint_id"], row["suite"], row["requests"]) == ("test/a@standard", "quality_math", len(cut))
    assert ran.plan.manifest["cannot_be_capped"] == ["test/free@standard"]
    told = "\n".join(ran.plan.remarks())
    assert f"cut back: {len(cut)} requests of quality_math to test/a@standard are not sent: over the cap" in told
    assert "no price, so cannot be capped: test/free@standard" in told


def test_a_days_cap_holds_over_its_rounds(home: Home) -> None:
    """Each answer bills far more than was booked before it; the third round finds the day's money gone."""
    answer = Answer(prompt_tokens=120, tokens=(" word",) * 20)
    with MisbehavingServer({"good": streams(answer)}) as server:
        catalog = [endpoint("a", server.url("good"), limits={"max_usd_per_day": "0.0012"})]
        first = run(home, catalog, TINY)
        spent = booked_spend(home, today())
        assert spent.total == 8 * (120 * Decimal("0.5") + 20 * 2) / 1_000_000
        second = run(home, catalog, TINY)
        assert len([r for r in first.records if r["status"] != "not_sent"]) == 8
        sent = len([r for r in second.records if r["status"] != "not_sent"])
        assert 0 < sent < 8
        third = plan_round(home, today(), catalog, replace(TINY, max_day_usd=booked_spend(home, today()).total))
        assert third.nothing_to_send is not None
        assert third.booked_usd == booked_spend(home, today()).total <= Decimal("0.0012")


def test_a_round_cut_back_and_cut_off_is_completed_within_its_cap(home: Home) -> None:
    with MisbehavingServer() as server:
        catalog = [endpoint("a", server.url("good"))]
        url = {"test/a@standard": server.url("good")}
        whole = plan_round(home, today(), catalog, TINY)
        options = replace(TINY, max_round_usd=whole.usd_max * Decimal("0.7"))
        plan = plan_round(home, today(), catalog, options)
        # Killed after what is cut was written down and one speed probe was answered.
        writer = RoundWriter(home, plan.day, plan.round_id, plan.manifest)
        first = plan.probes["speed"][0]
        writer.append(
            record("test/a@standard", request_id=first.request_id, usage={"input_tokens": 100, "output_tokens": 20})
        )
        for probe, reason in plan.unsent:
            writer.append(
                {
                    "request_id": probe.request_id,
                    "status": "not_sent",
                    "error": reason,
                    "endpoint_id": "test/a@standard",
                }
            )
        writer.close()
        again = plan_of_cut_off(home, today())
        assert again is not None
        assert again.round_id == plan.round_id
        assert plan_round(home, today(), catalog, options).round_id == plan.round_id
        cost = usd_at_most(first, catalog[0])
        assert cost is not None
        assert again.usd_max == plan.usd_max - cost
        outcome = run_round(home, again, url, limits=QUICK)
        assert (outcome.kept, outcome.kept + outcome.written) == (1 + len(plan.unsent), 8)
        assert len(server.seen) == 8 - outcome.kept


HOURS = ListPrice.model_validate(
    {
        "input_usd_per_mtok": 10,
        "output_usd_per_mtok": 40,
        "cache_write_usd_per_mtok": 12,
        "tiers": [{"above_input_tokens": 2000, "input_usd_per_mtok": 20, "output_usd_per_mtok": 60}],
        "bands": [{"from_utc": "01:00", "to_utc": "04:00", "input_usd_per_mtok": 30, "output_usd_per_mtok": 80}],
    }
)


@pytest.mark.parametrize(
    ("usage", "started_at", "cents"),
    [
        ({}, "2026-11-23T00:59:59.999+00:00", "3"),
        ({}, "2026-11-23T01:00:00+00:00", "7"),
        ({}, "2026-11-23T05:00:00+04:00", "7"),  # told in another zone
        ({}, None, "7"),  # no moment: the dearest
        ({"input_tokens": 2_000}, "2026-11-23T12:00:00+00:00", "4"),
        ({"input_tokens": 2_001}, "2026-11-23T12:00:00+00:00", "7.002"),
        ({"cache_write_tokens": 500}, "2026-11-23T12:00:00+00:00", "3.1"),
    ],
)
def test_a_record_is_charged_by_its_hour_its_size_and_what_was_written(
    usage: dict[str, Any], started_at: str | None, cents: str
) -> None:
    assert cost_of(with_usage(**usage) | {"started_at": started_at}, HOURS) == Decimal(cents) * CENT


def test_what_a_plan_may_cost_is_bounded_by_the_dearest_hour_and_size() -> None:
    endpoint = Endpoint(provider="p", model="m", base_url="https://a.example", price=HOURS)
    assert usd_of_tokens(1_000, 500, endpoint) == Decimal("0.07")
    assert usd_of_tokens(2_001, 500, endpoint) == Decimal("0.10003")
    assert usd_of_tokens(1, 1, endpoint.model_copy(update={"price": None})) is None
