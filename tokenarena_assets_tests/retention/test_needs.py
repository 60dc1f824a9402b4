"""The list of tables that need texts is what the declared sources and the lineage of the SQL say."""

from __future__ import annotations

from datetime import date, timedelta

from tokenarena_assets.chain.catalog import sql_models, table_specs
from tokenarena_assets.explain.sources import SOURCES
from tokenarena_assets.retention.needs import BY_ROW, EVERY, NEEDS, days_read, gone, said
from tokenarena_assets.retention.seals import Expiry
from tokenarena_assets.retention.texts import TABLE_TEXTS
from tokenarena_assets.suites.suite import SUITES

DAY = date(2026, 11, 30)
TEXTS = {(table, column) for table, columns in TABLE_TEXTS.items() for column in columns}


def test_tables_made_by_python_need_what_their_sources_declare() -> None:
    declared: dict[str, int] = {}
    for table, sources in SOURCES.items():
        for each in (one for source in sources for one in source.inputs):
            if {(each.table, column) for column in each.columns} & TEXTS:
                declared[table] = max(declared.get(table, 0), each.days)
    assert declared.keys() <= NEEDS.keys()
    for table, days in declared.items():
        assert max(NEEDS[table].values()) >= days
    # The rest comes of the same functions, or is read from the line itself.
    assert NEEDS.keys() - declared.keys() == {"probe_log", "stg_probe_log", "context_curve", "context_daily"}
    codes = [{source.code for source in SOURCES[f"context_{name}"]} for name in ("requests", "curve", "daily")]
    assert "chain.context:contexts_of" in set.intersection(*codes)


def test_sql_models_pass_texts_on_or_are_listed() -> None:
    """A column of a SQL model that rests on a text is that text itself, or its model is among those that need texts."""
    schemas = {
        name: dict.fromkeys(spec.column_names, "VARCHAR") | {"day": "DATE"} for name, spec in table_specs().items()
    }
    texts = set(TEXTS)
    resting: dict[str, set[str]] = {}
    for model in sql_models().values():
        origins = model.column_lineage({name: schemas[name] for name in model.dependencies})
        for column, sources in origins.items():
            if set(sources) & texts and (model.spec.name, column) not in texts:
                resting.setdefault(model.spec.name, set()).add(column)
    assert resting.keys() - NEEDS.keys() == set()
    assert "reject_reason" in resting["stg_probe_log"]


def test_texts_are_published_as_views_alone() -> None:
    """A compaction replaces partitions: no copy of a text lies in the published database."""
    assert {table_specs()[table].published for table in TABLE_TEXTS} == {"view"}
    assert NEEDS.keys() >= BY_ROW


def test_windows_reach_to_their_last_day_and_no_further() -> None:
    for suite, days in (("border", 30), ("sampled", 28), ("greedy", 28), ("parity", 7), ("speed", 1)):
        assert days_read(suite) == days

        def expiry(day: date, suite: str = suite) -> Expiry:
            return Expiry(texts={suite: "2027-01-01"} if day == DAY else {})

        table = "fidelity_channels" if days > 1 else "stg_probe_log"
        assert gone(expiry, table, DAY + timedelta(days=days - 1))
        assert not gone(expiry, table, DAY + timedelta(days=days))
        assert not gone(expiry, table, DAY - timedelta(days=1))


def test_what_is_gone_is_said_in_words() -> None:
    missing = gone(lambda _: Expiry(texts={"own": "2027-01-01", "anchor": "2027-01-02"}), "graded_answers", DAY)
    assert said(missing) == ("texts of anchor, own of 2026-11-30 expired on 2027-01-01 to 2027-01-02 (retention)")
    assert all(set(need) <= {*SUITES, EVERY} for need in NEEDS.values())
