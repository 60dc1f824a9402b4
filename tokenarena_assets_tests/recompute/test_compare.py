"""Cell-by-cell comparison against differences that are known."""

from __future__ import annotations

from datetime import date

import polars as pl

from tokenarena_assets.recompute.compare import compare

DAY = date(2026, 11, 2)
BASE = pl.DataFrame({"id": ["a", "b", None], "x": [1.0, float("nan"), None], "n": [1, 2, 3]})


def test_the_same_cells_are_the_same_whatever_the_order_of_rows() -> None:
    found = compare("t", DAY, ["id"], BASE, BASE.reverse())
    assert found.same
    assert (found.rows, found.cells, found.differing) == (3, 9, 0)


def test_the_last_digit_counts() -> None:
    other = BASE.with_columns(x=pl.Series([1.0 + 2**-52, float("nan"), None]))
    found = compare("t", DAY, ["id"], BASE, other)
    assert found.differing == 1
    (only,) = found.examples
    assert (only.key, only.column, only.published, only.recomputed) == ({"id": "a"}, "x", 1.0, 1.0 + 2**-52)


def test_null_is_no_number_and_no_other_null() -> None:
    other = BASE.with_columns(x=pl.Series([1.0, None, float("nan")]))
    found = compare("t", DAY, ["id"], BASE, other)
    assert found.differing == 2
    assert [each.key for each in found.examples] == [{"id": "b"}, {"id": None}]


def test_rows_of_one_side_alone_differ_in_all_their_cells() -> None:
    found = compare("t", DAY, ["id"], BASE, pl.concat([BASE.head(2), BASE.head(1).with_columns(id=pl.lit("c"))]))
    assert found.differing == 6
    assert {(each.key["id"], each.published, each.recomputed) for each in found.examples} == {
        (None, "a row", "no row"),
        ("c", "no row", "a row"),
    }


def test_another_schema_is_said_by_column() -> None:
    found = compare("t", DAY, ["id"], BASE, BASE.drop("n").with_columns(x=pl.lit("1"), y=pl.lit(1)))
    assert not found.same
    assert found.problem is not None
    for part in ("column n is not made any more", "column y was not published", "column x is String"):
        assert part in found.problem


def test_a_key_that_is_not_unique_is_a_problem_of_its_own() -> None:
    found = compare("t", DAY, ["id"], pl.concat([BASE, BASE]), BASE)
    assert found.problem == "its key id is not unique"


def test_empty_tables_are_the_same() -> None:
    assert compare("t", DAY, ["id"], BASE.head(0), BASE.head(0)).same
