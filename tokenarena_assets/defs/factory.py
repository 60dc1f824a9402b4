"""Makes assets of table declarations: specs, checks, and the metadata that the UI shows of each partition."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from tokenarena_assets.chain.catalog import sql_models
from tokenarena_assets.checks.profile import KINDS, profile_table, samples
from tokenarena_assets.defs.partitions import DAYS, days_of
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.retention.needs import require_texts
from tokenarena_assets.storage.faults import explained
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import Lake
from tokenarena_assets.storage.rehearsal import BANNER
from tokenarena_assets.storage.sqlmodels import SqlModel
from tokenarena_assets.storage.tables import TableSpec

CHECKS = {
    "schema": "the table has exactly the declared columns",
    "nulls": "declared columns are never null",
    "keys": "the key is unique",
    "ranges": "every row obeys the declared rules",
}
Describe = Callable[[Lake, date], dict[str, Any]]


def days_to_make(context: dg.AssetExecutionContext, arena: Arena) -> list[date]:
    """The days of a step that makes tables anew.

    Raises:
        TokenArenaError: texts that a table of the step needs have expired: it would come out wrong, and stays as it is.
    """
    days = days_of(context)
    if not arena.evidence_only:  # a recompute knows which tables it must not make
        require_texts(arena.home, sorted(key.to_user_string() for key in context.selected_asset_keys), days)
    return days


def asset_spec(
    spec: TableSpec, deps: Sequence[str | dg.AssetDep], *, kinds: set[str], code_version: str | None = None
) -> dg.AssetSpec:
    """The asset of a table."""
    return dg.AssetSpec(
        key=spec.name,
        deps=list(deps),
        description=f"{spec.description}\n\nOne row = {spec.grain}.",
        group_name=spec.group,
        owners=[spec.owner],
        kinds=kinds,
        code_version=code_version,
        partitions_def=DAYS,
        metadata={"dagster/table_name": spec.name},
    )


def check_specs(spec: TableSpec) -> list[dg.AssetCheckSpec]:
    """The blocking checks of a table: what breaks them does not go on."""
    return [dg.AssetCheckSpec(kind, asset=spec.name, description=CHECKS[kind], blocking=True) for kind in KINDS]


def sql_asset(model: SqlModel, describe: Describe | None = None) -> dg.AssetsDefinition:
    """The asset of one SQL model."""

    @dg.multi_asset(
        name=model.spec.name,
        specs=[
            asset_spec(
                model.spec, model.dependencies, kinds={"sql", "duckdb", "parquet"}, code_version=model.code_version
            )
        ],
        check_specs=check_specs(model.spec),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def _asset(context: dg.AssetExecutionContext, arena: Arena) -> Iterator[dg.MaterializeResult]:
        days = days_to_make(context, arena)
        for day in days:
            with explained(arena.home.lake):
                model.run(arena.lake, day)
        yield from finish(context, arena, [model.spec], days, describe)

    return _asset


def sql_assets(group: str, describe: dict[str, Describe] | None = None) -> list[dg.AssetsDefinition]:
    """The assets of all SQL models of a group."""
    return [
        sql_asset(model, (describe or {}).get(name))
        for name, model in sql_models().items()
        if model.spec.group == group
    ]


def python_asset(
    spec: TableSpec,
    deps: Sequence[str | dg.AssetDep],
    compute: Callable[[Arena, date], None],
    describe: Describe | None = None,
) -> dg.AssetsDefinition:
    """The asset of a table that `compute` writes to the lake for a day."""

    @dg.multi_asset(
        name=spec.name,
        specs=[asset_spec(spec, deps, kinds={"python", "polars", "parquet"})],
        check_specs=check_specs(spec),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def _asset(context: dg.AssetExecutionContext, arena: Arena) -> Iterator[dg.MaterializeResult]:
        days = days_to_make(context, arena)
        for day in days:
            with explained(arena.home.lake):
                compute(arena, day)
        yield from finish(context, arena, [spec], days, describe)

    return _asset


def finish(
    context: dg.AssetExecutionContext,
    arena: Arena,
    specs: Sequence[TableSpec],
    days: Sequence[date],
    describe: Describe | None = None,
) -> Iterator[dg.MaterializeResult]:
    """Report the partitions that a step has written: metadata by day, then the checks over all of them."""
    home, lake = arena.home, arena.lake
    for spec in specs:
        for day in days:
            metadata = marked(home, partition_metadata(lake, spec, day) | (describe(lake, day) if describe else {}))
            context.add_asset_metadata(metadata, asset_key=spec.name, partition_key=day.isoformat())
        yield dg.MaterializeResult(asset_key=spec.name, check_results=check_results(lake, spec, days))


def marked(home: Home, metadata: dict[str, Any]) -> dict[str, Any]:
    """Metadata of a partition; that of a rehearsal says so, and so does each page in it."""
    if not home.is_rehearsal:
        return metadata
    return {"rehearsal": True} | {
        name: dg.MetadataValue.md(f"**{BANNER}**\n\n{value.md_str}")
        if isinstance(value, dg.MarkdownMetadataValue)
        else value
        for name, value in metadata.items()
    }


def partition_metadata(lake: Lake, spec: TableSpec, day: date) -> dict[str, Any]:
    """Row count, place, column schema (types as DuckDB has them) and, for SQL, column lineage."""
    with lake.connect({spec.name: day}) as connection:
        types = {str(row[0]): str(row[1]) for row in connection.execute(f'describe "{spec.name}"').fetchall()}
        counted = connection.execute(f'select count(*) from "{spec.name}"').fetchone()
    columns = [
        dg.TableColumn(
            name=column.name,
            type=types.get(column.name, "missing"),
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=column.name not in spec.not_null),
        )
        for column in spec.columns
    ]
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": counted[0] if counted else 0,
        "dagster/uri": lake.uri(spec.name, day),
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }
    model = sql_models().get(spec.name)
    if model is not None:
        metadata["dagster/column_lineage"] = _lineage(lake, model, day)
    return metadata


def _lineage(lake: Lake, model: SqlModel, day: date) -> dg.TableColumnLineage:
    schemas: dict[str, dict[str, str]] = {}
    with lake.connect(dict.fromkeys(model.dependencies, day)) as connection:
        for table in model.dependencies:
            schemas[table] = {str(row[0]): str(row[1]) for row in connection.execute(f'describe "{table}"').fetchall()}
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=dg.AssetKey(table), column_name=source) for table, source in sources]
            for column, sources in model.column_lineage(schemas).items()
        }
    )


def check_results(lake: Lake, spec: TableSpec, days: Sequence[date]) -> list[dg.AssetCheckResult]:
    """One result a kind over all days, with counts of violations by rule and samples of the rows."""
    # Great Expectations takes seconds to import: only where a check runs.
    from tokenarena_assets.checks.judge import judge  # noqa: PLC0415

    profiles = [profile_table(lake, spec, day) for day in days]
    verdicts = [(profile, verdict) for profile in profiles for verdict in judge(profile)]
    results = []
    for kind in KINDS:
        own = [(profile, verdict) for profile, verdict in verdicts if verdict.kind == kind]
        bad = [(profile, verdict) for profile, verdict in own if not verdict.passed]
        metadata: dict[str, Any] = {
            "rows": sum(verdict.rows for _, verdict in own),
            "unexpected_count": sum(sum(verdict.violations.values()) for _, verdict in own),
            "rules": len([rule for rule in profiles[0].rules if rule.kind == kind]) if profiles else 0,
        }
        if bad:
            metadata["violations"] = {str(profile.day): verdict.violations for profile, verdict in bad}
            metadata["samples"] = [row for profile, _ in bad for row in samples(lake, spec, profile, kind)][:20]
        results.append(
            dg.AssetCheckResult(
                check_name=kind,
                asset_key=spec.name,
                passed=not bad,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata=metadata,
                description=_sentence(spec, kind, bad),
            )
        )
    return results


def _sentence(spec: TableSpec, kind: str, bad: Sequence[tuple[Any, Any]]) -> str:
    if not bad:
        return CHECKS[kind]
    parts = [f"{rule}: {count}" for _, verdict in bad for rule, count in verdict.violations.items()]
    return f"{spec.name}: rows that break {'; '.join(parts)}"
