"""All tables of the chain by name, wherever they are made."""

from __future__ import annotations

from functools import cache

from tokenarena_assets.chain import tables
from tokenarena_assets.chain.audit_tables import AUDIT_TABLES
from tokenarena_assets.chain.drift_tables import DRIFT_TABLES
from tokenarena_assets.chain.energy_tables import ENERGY_TABLES
from tokenarena_assets.chain.fidelity_tables import FIDELITY_TABLES
from tokenarena_assets.chain.price_tables import PRICE_TABLES
from tokenarena_assets.chain.rank_tables import RANK_TABLES
from tokenarena_assets.storage.sqlmodels import SqlModel, load_models
from tokenarena_assets.storage.tables import TableSpec

PYTHON_TABLES = (
    *tables.PYTHON_TABLES,
    *AUDIT_TABLES,
    *DRIFT_TABLES,
    *ENERGY_TABLES,
    *FIDELITY_TABLES,
    *PRICE_TABLES,
    *RANK_TABLES,
)


@cache
def sql_models() -> dict[str, SqlModel]:
    """The SQL models of the project.

    Raises:
        ValueError: a model reads a table that nothing makes.
    """
    models = load_models()
    known = models.keys() | {spec.name for spec in PYTHON_TABLES}
    for model in models.values():
        unknown = set(model.dependencies) - known
        if unknown:
            raise ValueError(f"{model.path}: reads {', '.join(sorted(unknown))}, which no asset makes")
    return models


@cache
def table_specs() -> dict[str, TableSpec]:
    """Every table's declaration by name."""
    return {spec.name: spec for spec in PYTHON_TABLES} | {name: model.spec for name, model in sql_models().items()}


def final_tables() -> list[str]:
    """The tables that no SQL model reads; every other table is upstream of one of them."""
    read = {name for model in sql_models().values() for name in model.dependencies}
    return sorted(table_specs().keys() - read)
