"""SQL models as files: what a header says, what is one SELECT, and that faults name file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tokenarena_assets.errors import ConfigError, MissingTableError
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.sqlmodels import SqlModel, load_ephemerals, load_models
from tokenarena_assets_tests.sql_models.frames import DAY, put

Write = Callable[..., Path]
HEADER = """\
-- description: A table of a test.
-- grain: one row
-- group: clean
-- key: day
-- column day: UTC day
-- column number: a number
"""
QUERY = "select\n    probe_log.day,\n    1 as number\nfrom probe_log\nwhere probe_log.day = $day\n"


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(text: str, name: str = "example", layer: str = "marts") -> Path:
        path = tmp_path / layer / f"{name}.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


def loaded(path: Path) -> SqlModel:
    return load_models(path.parent.parent)[path.stem]


def test_a_header_is_read(written: Write) -> None:
    extra = (
        "-- owner: team:other\n-- not null: day, number\n-- published: view\n-- rule fine: number = 1 or 'a: b' = 'c'\n"
    )
    model = loaded(written(HEADER + extra + QUERY))
    spec = model.spec
    assert (spec.name, spec.description, spec.grain, spec.group) == (
        "example",
        "A table of a test.",
        "one row",
        "clean",
    )
    assert (spec.key, spec.not_null, spec.owner, spec.published) == (("day",), ("day", "number"), "team:other", "view")
    assert spec.rules == {"fine": "number = 1 or 'a: b' = 'c'"}
    assert [(c.name, c.comment) for c in spec.columns] == [("day", "UTC day"), ("number", "a number")]
    assert (model.layer, model.dependencies) == ("marts", ("probe_log",))
    plain = loaded(written(HEADER + QUERY)).spec
    assert (plain.owner, plain.published, plain.not_null, plain.rules) == ("team:tokenarena", "table", (), {})


def test_code_version_ignores_wording_and_layout_alone(written: Write) -> None:
    version = loaded(written(HEADER + QUERY)).code_version
    reworded = HEADER.replace("A table of a test.", "Another wording.") + "-- rule a: number > 0\n" + QUERY
    relaid = (
        HEADER
        + "-- column b: c\nSELECT probe_log.day, /* why */ 1   AS number -- one\n"
        + "FROM probe_log WHERE probe_log.day = $day"
    )
    changed = HEADER + QUERY.replace("1 as", "2 as")
    assert loaded(written(reworded)).code_version == version
    assert loaded(written(relaid)).code_version == version
    assert loaded(written(changed)).code_version != version


def test_an_ephemeral_select_is_read_like_a_table_and_is_none(written: Write, tmp_path: Path) -> None:
    inner = """\
-- description: twice the line
with n as (select * from probe_log)
select n.day, 2 * n.raw_line as number
from n
"""
    written(inner, "doubled", "ephemeral")
    query = """\
with own as (select doubled.day, doubled.number from doubled)
select own.day, own.number
from own
inner join doubled on own.number = doubled.number
where own.day = $day
"""
    model = loaded(written(HEADER + query))
    assert set(load_models(tmp_path)) == {"example"}
    assert model.dependencies == ("probe_log",)
    types = {"day": "DATE", "raw_file": "VARCHAR", "raw_line": "BIGINT"}
    assert model.column_lineage({"probe_log": types})["number"] == [("probe_log", "raw_line")]
    lake = ParquetLake(tmp_path / "lake")
    put(lake, probe_log=[{"raw_file": "f", "raw_line": line} for line in (1, 2)])
    model.run(lake, DAY)
    assert lake.read("example", DAY)["number"].sort().to_list() == [2, 4]
    version = model.code_version
    written(inner.replace("2 *", "3 *"), "doubled", "ephemeral")
    assert loaded(model.path).code_version != version
    written("-- description: two\nselect 1;\nselect 2\n", "doubled", "ephemeral")
    with pytest.raises(ConfigError, match=r"doubled\.sql:3.*exactly one SELECT"):
        _ = loaded(model.path).expression


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("select 1 as one\n", r"doubled\.sql:1: the header lacks description"),
        ("-- description: one\n-- colour: red\nselect 1 as one\n", r"doubled\.sql:2: unknown header field 'colour'"),
    ],
)
def test_the_header_of_an_ephemeral_select_is_read_as_strictly(written: Write, text: str, says: str) -> None:
    path = written(text, "doubled", "ephemeral")
    with pytest.raises(ConfigError, match=says):
        load_ephemerals(path.parent.parent)


def test_no_ephemeral_select_reads_another() -> None:
    known = load_ephemerals()
    assert known
    assert not [name for name, model in known.items() if known.keys() & set(model.dependencies)]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (HEADER + "-- colour: red\n" + QUERY, 7, "unknown header field 'colour'"),
        (HEADER + "-- columns day: x\n" + QUERY, 7, "unknown header field 'columns day'"),
        (HEADER + "-- just a remark\n" + QUERY, 7, "header line not understood"),
        (HEADER + "-- column Day: x\n" + QUERY, 7, "header line not understood"),
        (HEADER.replace("-- grain: one row\n", "") + QUERY, 1, "the header lacks grain"),
        (QUERY, 1, "the header lacks description, grain, group, key"),
    ],
)
def test_a_wrong_header_names_file_and_line(written: Write, text: str, line: int, says: str) -> None:
    path = written(text)
    with pytest.raises(ConfigError) as caught:
        load_models(path.parent.parent)
    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert says in caught.value.message
    assert caught.value.mend


@pytest.mark.parametrize(
    ("query", "line", "says"),
    [
        (QUERY + ";\n\nselect 2\n", 14, "must hold exactly one SELECT"),
        ("create table other as select 1\n", 7, "must hold exactly one SELECT"),
        ("drop table probe_log\n", 7, "must hold exactly one SELECT"),
        ("", 1, "must hold exactly one SELECT"),
        ("select (1 from probe_log\n", 7, "not valid SQL"),
        (QUERY + "\norder by (1\n", 13, "not valid SQL"),
        ("select 'open from probe_log\n", None, "not valid SQL"),
    ],
)
def test_what_is_not_one_select_names_file_and_line(written: Write, query: str, line: int | None, says: str) -> None:
    path = written(HEADER + query)
    with pytest.raises(ConfigError) as caught:
        _ = loaded(path).expression
    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert says in caught.value.message
    assert caught.value.message.isprintable()


def test_a_semicolon_at_the_end_is_no_second_statement(written: Write) -> None:
    assert loaded(written(HEADER + QUERY.rstrip() + ";\n")).dependencies == ("probe_log",)


def test_two_files_of_one_name_are_refused(written: Write) -> None:
    written(HEADER + QUERY, layer="marts")
    path = written(HEADER + QUERY, layer="staging")
    with pytest.raises(ConfigError, match="makes the same table") as caught:
        load_models(path.parent.parent)
    assert caught.value.file == str(path)


def test_a_partition_is_ordered_by_its_key_and_replaced_whole(written: Write, tmp_path: Path) -> None:
    lake = ParquetLake(tmp_path / "lake")
    model = loaded(written(HEADER.replace("key: day", "key: number") + QUERY.replace("1 as", "probe_log.raw_line as")))
    put(lake, probe_log=[{"raw_line": line} for line in (3, 1, 2)])
    model.run(lake, DAY)
    assert lake.read("example", DAY)["number"].to_list() == [1, 2, 3]
    put(lake, probe_log=[{"raw_line": 9}])
    model.run(lake, DAY)
    model.run(lake, DAY)
    assert lake.read("example", DAY)["number"].to_list() == [9]


def test_a_missing_dependency_is_named(written: Write, tmp_path: Path) -> None:
    with pytest.raises(MissingTableError, match="table probe_log has no partition of 2026-11-23") as caught:
        loaded(written(HEADER + QUERY)).run(ParquetLake(tmp_path / "lake"), DAY)
    assert caught.value.mend == "materialize probe_log for 2026-11-23: tokenarena run --day 2026-11-23"
