"""A home of real answers whose texts have expired: made anew, recomputed, explained and published."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.cli import app
from tokenarena_assets.defs.execute import materializing
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.explain.cell import Explainer
from tokenarena_assets.explain.text import cell_text
from tokenarena_assets.recompute.evidence import Evidence, broken_seals
from tokenarena_assets.recompute.rerun import _expired, recompute
from tokenarena_assets.retention.compact import compact
from tokenarena_assets.retention.needs import BY_ROW, NEEDS
from tokenarena_assets.retention.policy import Policy, Terms
from tokenarena_assets.retention.texts import TABLE_TEXTS
from tokenarena_assets.snapshot.build import build
from tokenarena_assets.snapshot.manifest import evidence_of, read_manifest, verify
from tokenarena_assets.storage.lake import lake_of
from tokenarena_assets.storage.rawlog import read_lines, rounds_of
from tokenarena_assets_tests.evidence import Materialized

pytestmark = pytest.mark.timeout(600)  # a whole chain under a busy machine

ENDPOINT = "arena-first-party/arena-tiny-1m@f16-reference"
ALL = Policy(Terms(frames_days=14, texts_days=60))
COMPARED = {"fidelity_prompts", "fidelity_references", "fidelity_channels", "border_inputs"}
invoke = CliRunner().invoke


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def expired(materialized: Materialized, tmp_path_factory: pytest.TempPathFactory) -> Materialized:
    """The first day is 60 days old and lost its texts, the second one 59 and lost its frames alone."""
    home = materialized.copied(tmp_path_factory.mktemp("expired") / "arena")
    first, second = materialized.days
    done = compact(home, ALL, [first, second], first + timedelta(days=60), quiet)
    assert (done.kept, done.broken) == ([], [])
    return Materialized(home, [first, second])


def test_cells_are_as_they_were_but_for_texts(materialized: Materialized, expired: Materialized) -> None:
    before, after = lake_of(materialized.home), lake_of(expired.home)
    for name in table_specs():
        for day in expired.days:
            was, now = before.read(name, day), after.read(name, day)
            texts = TABLE_TEXTS.get(name, ()) if day == expired.days[0] else ()
            assert now.drop(texts).equals(was.drop(texts)), (name, day)
            for column in texts:
                filled = was[column].is_not_null() & ~was[column].is_in(["", "[]"])
                assert now.filter(filled)[column].null_count() == filled.sum() or column == "detail"
    for day in expired.days:
        lines, originals = (list(read_lines(rounds_of(each.home, day)[0].log)) for each in (expired, materialized))
        assert [json.loads(each.data)["request_id"] for each in lines] == [
            json.loads(each.data)["request_id"] for each in originals
        ]
        assert not any(json.loads(each.data)["frames"] for each in lines)


def test_all_that_needs_no_texts_is_recomputed_and_the_rest_is_named(expired: Materialized, tmp_path: Path) -> None:
    first, second = expired.days
    home = expired.copied(tmp_path / "arena")
    lake = lake_of(home)
    board = lake.read("leaderboard", second)
    tampered = pl.when(pl.int_range(pl.len()) == 0).then(0.999).otherwise("quality")
    lake.write("leaderboard", second, board.with_columns(quality=tampered))
    found = recompute(Evidence.of_home(home), None, tmp_path / "again", quiet)
    assert (found.broken, found.failed) == ([], False)
    whole = NEEDS.keys() - BY_ROW
    assert whole - found.expired[first].keys() <= {"border_inputs"}
    assert found.expired[second].keys() <= COMPARED
    assert "fidelity_channels" in found.expired[second]
    assert found.expired[first]["context_daily"] == (
        f"can no longer be recomputed: texts of context of {first} expired on {first + timedelta(days=60)} (retention)"
    )
    assert {"probe_log", "graded_answers"} <= found.taken.keys()
    compared = {(each.table, each.day) for each in found.tables}
    assert compared == {
        (table, day) for table in table_specs() for day in expired.days if table not in found.expired[day]
    }
    (wrong,) = (each for each in found.tables if not each.same)  # what was tampered with above, and nothing else
    assert (wrong.table, wrong.day, wrong.differing) == ("leaderboard", second, 1)


def test_such_a_day_is_not_made_anew(expired: Materialized, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = expired.days
    monkeypatch.setenv("TOKENARENA_HOME", str(expired.home.root))
    lake = lake_of(expired.home)
    before = {name: lake.version(name, first) for name in table_specs()}
    for day in expired.days:  # the second one reads the answers of the first
        refused = invoke(app, ["run", "--day", str(day)])
        assert isinstance(refused.exception, TokenArenaError)
        assert f"{day} cannot be made anew: texts of " in str(refused.exception)
        assert f" of {first} expired on {first + timedelta(days=60)} (retention)" in str(refused.exception)
        assert f"tokenarena recompute {day}" in str(refused.exception)
    with materializing(expired.home, log="problems") as run:
        assert not run([first], assets=["probe_rounds"])
        assert not run([first], assets=["graded_answers"])
        assert not run([second], assets=["fidelity_prompts", "fidelity_references", "fidelity_channels"])
        assert {name: lake.version(name, first) for name in table_specs()} == before
        assert run([first], assets=["latency_daily"])  # which reads no text


def test_a_day_without_frames_alone_is_made_as_before(expired: Materialized) -> None:
    (_, second), lake = expired.days, lake_of(expired.home)
    with materializing(expired.home, log="problems") as run:
        before = {name: lake.read(name, second) for name in ("probe_log", "round_log", "catalog_log")}
        assert run([second], assets=list(before))
    assert all(lake.read(name, second).equals(was) for name, was in before.items())


def test_explain_says_what_expired(expired: Materialized, materialized: Materialized) -> None:
    first = expired.days[0]
    with Explainer(Evidence.of_home(expired.home), first) as explainer:
        cell = explainer.cell("leaderboard", explainer.row("leaderboard", "chat", ENDPOINT, {}), "quality")
    text = cell_text(cell)
    sealed = (rounds_of(materialized.home, first)[0].seal or {})["sha256"]
    assert "as it was compacted" in text
    assert f"sealed  {sealed}" in text
    assert f"texts expired on {first + timedelta(days=60)}" in text
    assert f"frames and texts expired under policy {ALL.sha256[:12]}" in text
    with Explainer(Evidence.of_home(materialized.home), first) as explainer:
        whole = explainer.cell("leaderboard", explainer.row("leaderboard", "chat", ENDPOINT, {}), "quality")
    assert (cell["value"], cell["probes"]["total"]) == (whole["value"], whole["probes"]["total"])
    for now, was in zip(cell["probes"]["shown"], whole["probes"]["shown"], strict=True):
        assert now["expired"]["line_sha256"] == was["line_sha256"]


def test_a_snapshot_says_it_and_is_verified(expired: Materialized, tmp_path: Path) -> None:
    first, second = expired.days
    build(expired.home, [second], tmp_path / "second", quiet)
    folder = tmp_path / "both"
    build(expired.home, None, folder, quiet)
    manifest = read_manifest(folder)
    assert verify(folder, manifest) == []
    gone = manifest.withheld["expired"]
    assert gone.keys() == {str(first), str(second)}
    assert "sampled" in gone[str(first)]["texts"]
    assert gone[str(second)].keys() == {"frames"}
    assert f"Texts of {first} that had expired before" in (folder / "README.md").read_text()
    evidence = evidence_of(folder)
    assert f"texts of {first} had expired before this folder was made" in evidence.notes
    assert [broken_seals(evidence, day) for day in expired.days] == [[], []]
    assert _expired(evidence, expired.days) == _expired(Evidence.of_home(expired.home), expired.days)
    # The logs of the first day are not in the other folder: the ledger tells what became of them.
    assert _expired(evidence_of(tmp_path / "second"), [second]) == _expired(Evidence.of_home(expired.home), [second])


def test_the_command(materialized: Materialized, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = materialized.copied(tmp_path / "arena")
    monkeypatch.setenv("TOKENARENA_HOME", str(home.root))
    monkeypatch.chdir(tmp_path)
    helped = invoke(app, ["compact", "--help"])
    assert "Example: tokenarena compact" in helped.output
    without = invoke(app, ["compact"])
    assert "there is no policy" in without.output
    assert "nothing is due" in without.output
    (tmp_path / "retention.yaml").write_text("default: {frames_days: 1}\n")
    dry = invoke(app, ["compact", "--dry-run", "--day", str(materialized.days[0])])
    assert dry.exit_code == 0, dry.output
    assert "would go" in dry.output
    assert "quality_math" in dry.output
    log = rounds_of(home, materialized.days[0])[0].log
    size = log.stat().st_size
    done = invoke(app, ["compact", "--json", "--day", str(materialized.days[0])])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["bytes_before"], found["bytes_after"]) == (size, log.stat().st_size)
    assert found["bytes_after"] < size
    assert {each["suite"] for each in found["removed"]} >= {"speed", "quality_math", "sampled"}
    log.write_bytes(log.read_bytes() + b"\0")
    (tmp_path / "retention.yaml").write_text("default: {frames_days: 1}\nsuites: {speed: {texts_days: 2}}\n")
    broken = invoke(app, ["compact", "--day", str(materialized.days[0])])
    assert broken.exit_code == 1
    assert "is not the file that was sealed" in broken.output
