"""Rehearsals: real answers under other dates, in a home of their own, with swaps that are really served."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.chain.ingest import read_day
from tokenarena_assets.endpoints import embedded_catalog_path, load_catalog
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.fleet import rehearsal as module
from tokenarena_assets.fleet.manager import Fleet, FleetError, running
from tokenarena_assets.fleet.rehearsal import (
    DEFAULT_SIZES,
    DEFAULT_SUITES,
    PUBLISHED,
    Asked,
    Rehearsal,
    Swap,
    begin,
    begun,
    new_rehearsal,
    rehearse,
)
from tokenarena_assets.importing import import_files
from tokenarena_assets.probing.client import unsent_record
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import RoundOutcome, RoundPlan, plan_of_cut_off, plan_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundWriter, certificates_path, read_lines, rounds_of
from tokenarena_assets.storage.rehearsal import RehearsalError, read_marker, require_kind, write_marker
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets_tests.evidence import certificate_line, write_certificates, write_round

REFERENCE, Q8_0, COARSE = (
    "arena-first-party/arena-tiny-1m@f16-reference",
    "bluebird/arena-tiny-1m@q8_0",
    "foxglove/arena-tiny-1m@f16-claimed",
)
COARSE_WEIGHTS = "arena-tiny-1m-q3_r.gguf"  # what COARSE serves
DAYS = (date(2026, 3, 2), date(2026, 3, 3))
TINY = replace(DEFAULT_SIZES, speed_probes=1, speed_output_tokens=8, logprob_prompts=3, logprob_reps=1)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "rehearsed")


def rehearsal_of(*swaps: Swap, days: int = 2, suites: Sequence[str] = ("speed", "logprobs")) -> Rehearsal:
    return Rehearsal(DAYS[0], days, (REFERENCE, Q8_0, COARSE), tuple(suites), TINY, swaps)


# Homes.


def test_a_home_is_marked_while_it_is_empty_and_stays_so(home: Home) -> None:
    assert not home.is_rehearsal
    home.dagster.mkdir(parents=True)  # somebody looked at the UI first
    begin(home, rehearsal_of(Swap(Q8_0, COARSE_WEIGHTS, 2)))
    assert home.is_rehearsal
    assert begun(home) == rehearsal_of(Swap(Q8_0, COARSE_WEIGHTS, 2))
    marker = read_marker(home)
    assert marker["swaps"] == [
        {"endpoint_id": Q8_0, "weights": COARSE_WEIGHTS, "day_number": 2, "day": "2026-03-03"},
    ]
    assert (marker["first_day"], marker["days"]) == ("2026-03-02", 2)


@pytest.mark.parametrize("content", ["raw/probes/day=2026-03-01", "lake/requests", "tokenarena.duckdb"])
def test_a_home_with_real_rounds_or_tables_is_refused(home: Home, content: str) -> None:
    (home.root / content).mkdir(parents=True)
    with pytest.raises(RehearsalError, match="home of real rounds") as caught:
        begin(home, rehearsal_of())
    assert "--home" in str(caught.value.mend)
    assert not home.is_rehearsal


DAMAGES = ["", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1}', '{"schema_version": 1, "sizes": {"x": 1}}']


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_marker_that_cannot_be_read_still_keeps_real_rounds_out(home: Home, damage: str) -> None:
    home.root.mkdir()
    home.rehearsal_marker.write_text(damage)
    with pytest.raises(RehearsalError, match=r"rehearsal\.json"):
        begun(home)
    with pytest.raises(RehearsalError, match="takes no real rounds"):
        require_kind(home, rehearsal=False)


@pytest.mark.parametrize("stale", [{"tokenarena": "0.0.1"}, {"catalog_sha256": "0" * 64}])
def test_what_another_version_or_catalog_began_is_not_gone_on_with(home: Home, stale: dict[str, str]) -> None:
    begin(home, rehearsal_of())
    home.rehearsal_marker.write_text(json.dumps(read_marker(home) | stale))
    with pytest.raises(RehearsalError, match="would show as a change"):
        begun(home)


def test_no_marker_no_rehearsal(home: Home) -> None:
    with pytest.raises(RehearsalError, match="no home of rehearsals") as caught:
        rehearse(home, lambda *_, **__: True, print)
    assert "fleet rehearse" in str(caught.value.mend)


# Real rounds and rehearsed ones do not meet.


def planned(home: Home, day: date, *, rehearsal: bool) -> RoundPlan:
    """A round that is planned and not sent."""
    endpoints = load_catalog(embedded_catalog_path()).endpoints[:1]
    return plan_round(home, day, endpoints, PlanOptions(suites=("speed",)), rehearsal=rehearsal)


def test_a_home_of_rehearsals_takes_no_real_rounds(home: Home, tmp_path: Path) -> None:
    real = planned(Home(tmp_path / "real"), today(), rehearsal=False)
    write_marker(home, {})
    refused = pytest.raises(RehearsalError, match="takes no real rounds")
    with refused:
        planned(home, today(), rehearsal=False)
    with refused:
        RoundWriter(home, today(), real.round_id, real.manifest)
    with refused:
        import_files(home, "aiperf", [tmp_path / "absent.jsonl"], real.endpoints[0])
    assert not home.raw_day(today()).parent.exists()


def test_a_real_home_takes_no_rehearsals(home: Home) -> None:
    refused = pytest.raises(RehearsalError, match="no home of rehearsals")
    with refused:
        planned(home, DAYS[0], rehearsal=True)
    with refused:
        RoundWriter(home, DAYS[0], "20260302T000000Z-abcdef", {"rehearsal": True})
    assert not home.root.exists()


@pytest.mark.parametrize("into_rehearsal", [False, True])
def test_lines_carried_over_by_hand_are_known_as_such(home: Home, *, into_rehearsal: bool) -> None:
    if into_rehearsal:
        write_marker(home, {})
    plan = planned(home, today(), rehearsal=into_rehearsal)
    assert plan.identity == {"round_id": plan.round_id, "day": str(today()), "rehearsal": into_rehearsal}
    kinds = [into_rehearsal, not into_rehearsal]
    records = [
        unsent_record(probe, "cut", identity=plan.identity | {"rehearsal": kind}, scheduled_ns=0)
        for probe, kind in zip(plan.probes["speed"], kinds, strict=False)
    ]
    write_round(home, today(), plan.manifest, records)
    raw = read_day(home, today())
    assert raw.probe_log["problem"].to_list() == [None, None]
    assert raw.probe_log["rehearsal"].to_list() == kinds
    assert raw.round_log["rehearsal_home"].to_list() == [into_rehearsal]  # by which the chain sets them aside


# What is rehearsed.


def test_by_default_it_ends_today_and_one_endpoint_swaps_half_way() -> None:
    found = new_rehearsal(Asked(days=21))
    assert found.dates == [today() - timedelta(days=back) for back in range(20, -1, -1)]
    assert found.swaps == (Swap("driftwood/arena-tiny-1m@q4_0", COARSE_WEIGHTS, 11),)
    assert len(found.endpoint_ids) == 7
    assert {endpoint.model_family for endpoint in found.endpoints()} == {"arena-tiny-1m"}
    assert found.suites == DEFAULT_SUITES
    assert not {"border", "context"} & set(found.suites)
    assert new_rehearsal(Asked(days=21, swaps=())).swaps == ()
    assert new_rehearsal(Asked(days=1)).swaps == ()
    assert new_rehearsal(Asked(days=5, families=("arena-tiny-2m",))).swaps == ()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(days=2, first_day=date(2099, 1, 1)), "end after today"),
        (Asked(families=("nope",)), "--family: there is no nope"),
        (Asked(suites=("nope",)), "--suite: there is no nope"),
        (Asked(days=3, swaps=(Swap("p/m@s", COARSE_WEIGHTS, 2),)), "p/m@s is not rehearsed"),
        (Asked(days=3, swaps=(Swap(Q8_0, COARSE_WEIGHTS, 4),)), "there is no day 4"),
        (Asked(days=3, swaps=(Swap(Q8_0, COARSE_WEIGHTS, 0),)), "there is no day 0"),
        (Asked(days=3, swaps=(Swap(Q8_0, "../x.gguf", 2),)), "no such weights"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_before_anything_is_written(asked: Asked, message: str) -> None:
    with pytest.raises(TokenArenaError, match=message) as caught:
        new_rehearsal(asked)
    assert caught.value.mend


def test_a_swap_as_a_person_writes_it() -> None:
    assert Swap.parse(f"{Q8_0}={COARSE_WEIGHTS}@12") == Swap(Q8_0, COARSE_WEIGHTS, 12)
    for wrong in ("", Q8_0, f"{Q8_0}={COARSE_WEIGHTS}", f"{COARSE_WEIGHTS}@2", f"{Q8_0}={COARSE_WEIGHTS}@x"):
        with pytest.raises(TokenArenaError, match="is no swap"):
            Swap.parse(wrong)


@given(
    days=st.integers(1, 400),
    swaps=st.lists(st.tuples(st.sampled_from([REFERENCE, Q8_0]), st.integers(1, 400)), max_size=4),
    sizes=st.builds(SuiteSizes, math_items=st.integers(1, 9), quality_output_tokens=st.none() | st.integers(1, 9)),
)
def test_the_marker_holds_all_of_it(days: int, swaps: list[tuple[str, int]], sizes: SuiteSizes) -> None:
    made = tuple(Swap(name, COARSE_WEIGHTS, number) for name, number in swaps if number <= days)
    whole = replace(rehearsal_of(*made, days=days), sizes=sizes)
    assert Rehearsal.from_record(json.loads(json.dumps(whole.as_record()))) == whole


def test_weights_are_those_of_the_last_swap_up_to_the_day() -> None:
    swaps = (Swap(Q8_0, COARSE_WEIGHTS, 5), Swap(Q8_0, "arena-tiny-1m-q4_0.gguf", 3))
    found = rehearsal_of(*swaps, days=6)
    served = [found.servers_on(number)[Q8_0].weights for number in range(1, 7)]
    assert served == ["arena-tiny-1m-q8_0.gguf"] * 2 + ["arena-tiny-1m-q4_0.gguf"] * 2 + [COARSE_WEIGHTS] * 2
    others = [{name: s for name, s in found.servers_on(number).items() if name != Q8_0} for number in (1, 6)]
    assert others[0] == others[1]


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        (Asked(), None),
        (Asked(days=2, first_day=DAYS[0], families=("arena-tiny-1m",), suites=("speed", "logprobs"), swaps=()), None),
        (Asked(days=3), "--days"),
        (Asked(suites=("speed",), swaps=(Swap(Q8_0, COARSE_WEIGHTS, 2),)), "--suite, --swap"),
        (Asked(first_day=DAYS[1], families=("arena-tiny-2m",)), "--first-day, --family"),
    ],
)
def test_going_on_is_going_on_with_the_same(asked: Asked, other: str | None) -> None:
    if other is None:
        rehearsal_of().require_same(asked)
    else:
        with pytest.raises(RehearsalError, match=f"^{other}: not as"):
            rehearsal_of().require_same(asked)


# The days, with the fleet.


class Tables:
    """Stands in for the chain, whose own tests it has: notes what it is asked for, and leaves the tables' files."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.calls: list[tuple[list[date], Sequence[str]]] = []
        self.fails_on: date | None = None

    def __call__(self, days: Sequence[date], *, assets: Sequence[str] = (), without: Sequence[str] = ()) -> bool:
        self.calls.append((list(days), list(assets or without)))
        if self.fails_on in days:
            return False
        for day in days if not assets else ():
            path = self.home.lake / "made" / f"day={day.isoformat()}" / "part-0.parquet"
            path.parent.mkdir(parents=True)
            path.touch()
        return True


@pytest.fixture
def tables(home: Home, monkeypatch: pytest.MonkeyPatch) -> Tables:
    monkeypatch.setattr(module, "table_specs", lambda: {"made": None})
    return Tables(home)


def lines_of(home: Home, day: date) -> list[dict[str, Any]]:
    return [json.loads(line.data) for found in rounds_of(home, day) for line in read_lines(found.log)]


def cut_off(home: Home, day: date, kept: int) -> None:
    """Leave the only round of a day as a crash would have left it after so many lines."""
    (found,) = rounds_of(home, day)
    lines = [line.data for line in read_lines(found.log)]
    found.log.with_name(f"round={found.round_id}.jsonl.part").write_bytes(b"\n".join(lines[:kept]) + b"\n")
    found.log.with_name(f"round={found.round_id}.seal.json").unlink()
    found.log.unlink()


def first_tokens(records: list[dict[str, Any]], endpoint_id: str) -> dict[str, dict[str, float]]:
    """By prompt, log-probabilities of the first token."""
    return {
        record["sample"]["prompt_id"]: dict(record["first_token_top"])
        for record in records
        if record["endpoint_id"] == endpoint_id and record["suite"] == "logprobs"
    }


def same(one: dict[str, dict[str, float]], other: dict[str, dict[str, float]]) -> bool:
    if one.keys() != other.keys():
        return False
    return all(other[prompt] == pytest.approx(tops, abs=1e-3) for prompt, tops in one.items())


def test_two_days_of_the_real_fleet_with_a_swap_between_them(home: Home, tables: Tables) -> None:
    swap = Swap(Q8_0, COARSE_WEIGHTS, 2)
    begin(home, rehearsal_of(swap))
    said: list[str] = []
    for fails_on in DAYS:
        tables.fails_on = fails_on
        with pytest.raises(TokenArenaError, match=f"tables of {fails_on} were not completed"):
            rehearse(home, tables, said.append)
        if fails_on == DAYS[0]:
            cut_off(home, DAYS[0], kept=5)
            assert plan_of_cut_off(home, DAYS[0]) is None  # nobody else completes it
    tables.fails_on = None
    rehearse(home, tables, said.append)

    # Every day has its round, no day a second one, and each is materialized before the next is asked.
    assert tables.calls == [
        ([DAYS[0]], [PUBLISHED]),
        ([DAYS[0]], [PUBLISHED]),
        ([DAYS[1]], [PUBLISHED]),
        ([DAYS[1]], [PUBLISHED]),
        (list(DAYS), [PUBLISHED]),
    ]
    assert [line.split(" in ")[0] for line in said if "probes" in line] == [
        f"day 1 of 2 {DAYS[0]}: {3 * (1 + 3) - 5} probes",
        f"day 2 of 2 {DAYS[1]}: 0 probes",
    ]
    assert f"{Q8_0} serves {COARSE_WEIGHTS} from now on" in " ".join(said)
    days = {day: lines_of(home, day) for day in DAYS}
    for day, records in days.items():
        (found,) = rounds_of(home, day)
        assert found.manifest is not None
        assert (found.manifest["rehearsal"], found.manifest["day"]) == (True, day.isoformat())
        assert found.manifest["started_at"].startswith(today().isoformat()[:4])  # when it was really run
        assert len(records) == len({record["request_id"] for record in records}) == 3 * (1 + 3)
        assert {(record["rehearsal"], record["day"]) for record in records} == {(True, day.isoformat())}
        assert all(record["started_at"] >= found.manifest["started_at"][:10] for record in records)
        seals = [json.loads(line.data) for line in read_lines(certificates_path(home, day, found.round_id))]
        assert seals
        assert all(seal["rehearsal"] is True for seal in seals)
        entries = {entry["endpoint_id"]: entry["fleet"]["weights"] for entry in found.manifest["endpoints"]}
        assert entries[Q8_0] == "arena-tiny-1m-q8_0.gguf"  # what it says does not change
    # What it serves does: from the swap on it answers as the endpoint that has had those weights all along.
    before, after = ({name: first_tokens(days[day], name) for name in (REFERENCE, Q8_0, COARSE)} for day in DAYS)
    assert len(before[Q8_0]) == len(after[Q8_0]) == 3
    assert not same(before[Q8_0], before[COARSE])
    assert same(after[Q8_0], after[COARSE])
    assert not same(after[Q8_0], after[REFERENCE])


def test_a_void_round_is_asked_again_and_three_are_enough(
    home: Home, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(home, rehearsal_of(days=1))
    rounds = iter(range(9))

    def void_round(into: Home, plan: Any, urls: object, **_: object) -> Any:
        round_id = f"20260302T00000{next(rounds)}Z-abcdef"
        write_round(into, plan.day, plan.manifest | {"round_id": round_id}, [])
        write_certificates(into, plan.day, round_id, certificate_line(round_id, plan.day, reason="late"))
        return RoundOutcome(round_id, into.root, 0, 7, {}, ())

    monkeypatch.setattr(module, "run_round", void_round)
    monkeypatch.setattr(Fleet, "serve", lambda *_: None)
    with pytest.raises(TokenArenaError, match="3 rounds were void"):
        rehearse(home, tables, print)
    assert len(rounds_of(home, DAYS[0])) == 3
    assert tables.calls == []


def test_two_processes_do_not_rehearse_in_one_home(home: Home, tables: Tables) -> None:
    begin(home, rehearsal_of(days=1))

    def meanwhile(*_: Any, **__: Any) -> bool:
        with pytest.raises(RehearsalError, match="another process"):
            rehearse(home, tables, print)
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ask", lambda *_: 0)
        with pytest.raises(TokenArenaError, match="were not completed"):
            rehearse(home, meanwhile, print)


def test_a_server_is_exchanged_while_the_others_go_on() -> None:
    servers = rehearsal_of(Swap(Q8_0, COARSE_WEIGHTS, 2))
    with running(servers.servers_on(1)) as fleet:
        before = dict(fleet.urls)
        fleet.serve(servers.servers_on(1))
        assert fleet.urls == before
        fleet.serve(servers.servers_on(2))
        assert {name for name in before if fleet.urls[name] != before[name]} == {Q8_0}
        with pytest.raises(FleetError, match="no such weights"):
            fleet.serve({COARSE: replace(servers.servers_on(1)[COARSE], weights="absent.gguf")})
