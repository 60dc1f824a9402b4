"""Which requests ask something: of who was not ready, a round has one row a suite, and that stands for no question."""

from __future__ import annotations

import polars as pl


def asks(question: str) -> pl.Expr:
    """Whether a request asks a question, told by the column that names it; what was sent asks one in any case."""
    return (pl.col("status") != "not_sent") | pl.col(question).is_not_null()
