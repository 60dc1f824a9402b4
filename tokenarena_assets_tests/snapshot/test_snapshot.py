"""A folder to publish: the same bytes each time, nothing of this machine in it, and the tables again elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.errors import MissingTableError
from tokenarena_assets.explain.cell import Explainer
from tokenarena_assets.recompute.evidence import Evidence
from tokenarena_assets.recompute.rerun import recompute
from tokenarena_assets.snapshot.build import _refuse_leaks, build
from tokenarena_assets.snapshot.manifest import MANIFEST, SnapshotError, evidence_of, read_manifest, verify
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import read_lines, rounds_of
from tokenarena_assets_tests.evidence import Materialized


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def published(materialized: Materialized, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "snapshot"
    build(materialized.home, None, folder, quiet)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_home_gives_the_same_bytes(published: Path, materialized: Materialized, tmp_path: Path) -> None:
    build(materialized.home, None, tmp_path / "again", quiet)
    first, second = contents(published), contents(tmp_path / "again")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_it_holds_what_it_promises(published: Path, materialized: Materialized) -> None:
    manifest = read_manifest(published)
    assert verify(published, manifest) == []
    names = {entry.path for entry in manifest.files}
    assert {"README.md", "LICENSE", "LICENSE-DATA.md", "tokenarena.duckdb", "docs/methodology.md"} <= names
    for day in materialized.days:
        for table in table_specs():
            assert f"tables/{table}/day={day}/part-0.parquet" in names
            assert f"json/{table}/day={day}.jsonl" in names
        assert any(name.startswith(f"raw/config/day={day}/presets-") for name in names)
        assert f"catalog/day={day}.json" in names
    by_name = {entry.path: entry for entry in manifest.files}
    day = materialized.days[0]
    rows = Evidence.of_home(materialized.home).tables.read("requests", day).height
    assert by_name[f"tables/requests/day={day}/part-0.parquet"].rows == rows
    assert by_name[f"json/requests/day={day}.jsonl"].rows == rows
    assert manifest.licence == {"data": "CC-BY-4.0", "code": "Apache-2.0"}
    assert set(manifest.versions) == {str(day) for day in materialized.days}


def test_nothing_of_this_machine_is_in_it(published: Path, materialized: Materialized) -> None:
    places = [str(materialized.home.root).encode(), str(published).encode(), str(Path.cwd()).encode()]
    found = [name for name, data in contents(published).items() for place in places if place in data]
    assert found == []


def test_a_planted_key_stops_it(materialized: Materialized, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = materialized.copied(tmp_path / "arena")
    monkeypatch.setenv("SOME_API_KEY", "sk-planted-4711")
    manifest = next(home.raw_day(materialized.days[0]).glob("*.manifest.json"))
    content = json.loads(manifest.read_text())
    content["note"] = "Bearer sk-planted-4711"
    manifest.write_text(json.dumps(content))
    with pytest.raises(SnapshotError, match="the value of SOME_API_KEY") as caught:
        build(home, materialized.days[:1], tmp_path / "out", quiet)
    assert "sk-planted-4711" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("folder", ["/", "/tmp"])
def test_a_folder_that_tells_nothing_of_anybody_is_no_secret(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's home is `/arena`, which stands in `northwind/arena-tiny-1m` too."""
    (tmp_path / "page.md").write_text(f"`/tmp` of the sandbox, northwind/arena-tiny-1m, {tmp_path}")
    monkeypatch.chdir(folder)
    _refuse_leaks(Home(Path("/arena")), tmp_path)
    with pytest.raises(SnapshotError, match="holds the path of the home"):
        _refuse_leaks(Home(tmp_path), tmp_path)


def test_paths_of_own_files_are_left_out_of_manifests(materialized: Materialized, tmp_path: Path) -> None:
    home = materialized.copied(tmp_path / "arena")
    manifest = next(home.raw_day(materialized.days[0]).glob("*.manifest.json"))
    content = json.loads(manifest.read_text())
    content["options"] |= {"items_file": "/secret/place/mine.jsonl", "anchors": [["gsm8k", "/secret/place/test.jsonl"]]}
    manifest.write_text(json.dumps(content))
    build(home, materialized.days[:1], tmp_path / "out", quiet)
    assert not any(b"/secret/place" in data for data in contents(tmp_path / "out").values())


def test_the_database_needs_no_other_place(
    published: Path, materialized: Materialized, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(published, elsewhere)
    monkeypatch.chdir(elsewhere)
    lake = Evidence.of_home(materialized.home).tables
    with duckdb.connect("tokenarena.duckdb", read_only=True) as connection:
        for table in ("leaderboard", "requests", "probe_log"):
            wanted = sum(lake.read(table, day).height for day in materialized.days)
            assert connection.execute(f"select count(*) from {table}").fetchone() == (wanted,)
        comment = "select comment from duckdb_columns() where table_name = 'leaderboard' and column_name = 'rank'"
        assert connection.execute(comment).fetchone() is not None


@pytest.mark.timeout(600)  # a whole chain under a busy machine
@pytest.mark.parametrize("texts", [True, False])
def test_elsewhere_the_tables_come_out_the_same(materialized: Materialized, tmp_path: Path, texts: bool) -> None:
    build(materialized.home, materialized.days[:1], tmp_path / "made", quiet, texts=texts)
    folder = tmp_path / "other" / "machine"
    folder.parent.mkdir()
    (tmp_path / "made").rename(folder)
    evidence = evidence_of(folder)
    (folder / "tokenarena.duckdb").write_bytes(b"not opened: its views would run as whoever does")
    found = recompute(evidence, None, tmp_path / "again", quiet)
    assert [(each.table, each.examples, each.problem) for each in found.tables if not each.same] == []
    assert found.same
    assert "graded_answers" in found.taken  # said, not hidden: no gold answer is in the folder
    assert ("fidelity_channels" in found.taken) is not texts
    assert {"leaderboard", "quality_daily", "latency_daily"} <= {each.table for each in found.tables}


def test_without_texts_there_is_none(materialized: Materialized, tmp_path: Path) -> None:
    build(materialized.home, materialized.days[:1], tmp_path / "out", quiet, texts=False)
    day = materialized.days[0]
    log = rounds_of(materialized.home, day)[0].log
    texts = {json.loads(line.data)["text"] for line in read_lines(log)}
    long = sorted((text for text in texts if len(text) > 60 and text.isascii() and "\n" not in text), key=len)[-20:]
    assert len(long) > 5
    published = tmp_path / "out"
    plain = b"".join(data for name, data in contents(published).items() if name.startswith(("json/", "docs/")))
    plain += b"".join(
        line.data for each in rounds_of(evidence_of(published).home, day) for line in read_lines(each.log)
    )
    assert [text for text in long if text.encode() in plain] == []
    requests = pl.read_parquet(published / f"tables/requests/day={day}/part-0.parquet", hive_partitioning=False)
    assert set(requests["text"].drop_nulls()) == {""}


def test_a_cell_is_explained_from_the_folder_alone(published: Path, materialized: Materialized) -> None:
    with Explainer(evidence_of(published), materialized.days[-1]) as explainer:
        name = explainer.evidence.tables.read("leaderboard", explainer.day)["endpoint_id"].sort()[0]
        row = explainer.row("leaderboard", "chat", name, {})
        found = explainer.cell("leaderboard", row, "quality", 1)
    assert found["probes"]["shown"][0]["file_state"] == "published without some of its content"


def test_the_database_of_a_snapshot_is_never_opened(
    published: Path, materialized: Materialized, tmp_path: Path
) -> None:
    """Its views would run as whoever opens it; `test_elsewhere_the_tables_come_out_the_same` recomputes without it."""
    folder = tmp_path / "copied"
    shutil.copytree(published, folder)
    evidence = evidence_of(folder)
    (folder / "tokenarena.duckdb").write_bytes(b"no database")
    with Explainer(evidence, materialized.days[-1]) as explainer:
        name = evidence.tables.read("leaderboard", explainer.day)["endpoint_id"].sort()[0]
        assert explainer.cell("leaderboard", explainer.row("leaderboard", "chat", name, {}), "quality", 1)["probes"]


@pytest.mark.timeout(600)
def test_one_day_brings_the_tables_that_it_looks_back_on(materialized: Materialized, tmp_path: Path) -> None:
    last = materialized.days[-1]
    build(materialized.home, [last], tmp_path / "day", quiet)
    evidence = evidence_of(tmp_path / "day")
    assert evidence.days() == [last]
    assert evidence.tables.days("answers") == materialized.days
    found = recompute(evidence, None, tmp_path / "again", quiet)
    assert found.same
    assert any("taken as published" in note for note in found.notes)


def test_tampering_is_found_before_anything_is_read(published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tampered"
    shutil.copytree(published, folder)
    victim = next(folder.glob("raw/probes/*/*.jsonl.zst"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(bytes(data))
    with pytest.raises(SnapshotError, match=victim.name):
        evidence_of(folder)
    assert (folder / MANIFEST).exists()


def test_a_day_that_was_not_made_and_a_folder_that_is_there_are_refused(
    materialized: Materialized, tmp_path: Path
) -> None:
    with pytest.raises(MissingTableError, match="2025-11-01"):
        build(materialized.home, [materialized.days[0].replace(year=2025)], tmp_path / "x", quiet)
    with pytest.raises(SnapshotError, match="is there already"):
        build(materialized.home, None, tmp_path, quiet)
