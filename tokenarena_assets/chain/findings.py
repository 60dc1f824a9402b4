"""Findings of a day: each is one question in SQL over the day's tables, whose one row is the answer."""

from __future__ import annotations

import json
from datetime import date
from functools import cache

import polars as pl

from tokenarena_assets.chain.rank_tables import FINDINGS as TABLE
from tokenarena_assets.storage.lake import Lake
from tokenarena_assets.storage.sqlmodels import FINDINGS, SqlModel, load_models


@cache
def questions() -> dict[str, SqlModel]:
    """The questions by name."""
    return load_models(layers=(FINDINGS,))


def tables_asked() -> list[str]:
    """The tables that the questions read."""
    return sorted({table for question in questions().values() for table in question.dependencies})


def findings_of_day(day: date, lake: Lake) -> pl.DataFrame:
    """The answers, one row a question; what cannot be told is an answer too.

    Raises:
        MissingTableError: a table has no partition of that day.
        ValueError: a question has not exactly one answer.
    """
    rows: list[dict[str, object]] = []
    with lake.connect(dict.fromkeys(tables_asked(), day)) as connection:
        for name, question in questions().items():
            cursor = connection.execute(question.sql, {"day": day})
            columns = [str(column[0]) for column in cursor.description or []]
            answers = cursor.fetchall()
            if len(answers) != 1:
                raise ValueError(f"{question.path} has {len(answers)} answers, one is meant")
            answer = dict(zip(columns, answers[0], strict=True))
            rows.append(
                {
                    "day": day,
                    "finding": name,
                    "about": question.spec.description,
                    **answer,
                    "endpoints": json.dumps(answer["endpoints"], ensure_ascii=False),
                    "sql": query_text(question, day),
                }
            )
    return TABLE.frame([{column: row[column] for column in TABLE.column_names} for row in rows])


def query_text(question: SqlModel, day: date) -> str:
    """The question as it is asked of the published database: without its header, with the day in place of `$day`."""
    lines = question.sql.splitlines()
    kept = [line for line in lines if not line.lstrip().startswith("--")]
    return "\n".join(kept).strip().replace("$day", f"date '{day.isoformat()}'")
