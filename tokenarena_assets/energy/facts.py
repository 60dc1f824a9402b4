"""Reads and checks the constants of the energy model: CSV rows, each with its source and date."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from tokenarena_assets.energy.constants import (
    CPU,
    Accelerator,
    Architecture,
    Facts,
    ModelRow,
    Precision,
    ProviderRow,
    Region,
    SizeClass,
)
from tokenarena_assets.energy.roofline import TERMS
from tokenarena_assets.energy.rows import Row, Spread, read_rows
from tokenarena_assets.errors import ConfigError

T = TypeVar("T")
COMPUTE = ("bf16", "fp8", "fp4")


def facts_folder() -> Path:
    """Where the package keeps the constants of the energy model."""
    return Path(str(files("tokenarena_assets") / "facts" / "energy"))


@cache
def facts() -> Facts:
    """The constants that the package ships."""
    return load_facts(facts_folder())


def constants_version(folder: Path) -> str:
    """Twelve hex digits of a hash over names and content of the folder's CSV files."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.csv")):
        content = file.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def load_facts(folder: Path) -> Facts:
    """Read and check all constants.

    Raises:
        ConfigError: naming file, line and column of the first thing that is wrong, and its mend.
    """
    accelerators = _accelerators(folder)
    precisions, names = _precisions(folder)
    steps, closed = _precision_priors(folder, names)
    grids, basis = _grids(folder)
    pue = _by_name(folder / "pue.csv", "operator", ("pue", "low_p5", "high_p95"), _pue)
    priors, spreads = _priors(folder)
    overhead = _overhead(folder)
    found = Facts(
        version=constants_version(folder),
        accelerators=accelerators,
        precisions=precisions,
        precision_names=names,
        open_precision_steps=steps,
        closed_precisions=closed,
        hardware=_shares(folder / "hardware_prior.csv", "hardware_class", "accelerator", accelerators),
        coefficients={row.text("coefficient"): row.number("value") for row in _coefficient_rows(folder)},
        priors=priors,
        spreads=spreads,
        systems=_systems(folder),
        architectures=tuple(
            _by_name(folder / "architectures.csv", "architecture", _SHAPE_COLUMNS, _architecture).values()
        ),
        size_classes=_by_name(folder / "size_classes.csv", "size_class", _SIZE_COLUMNS, _size_class),
        models=_by_name(folder / "models.csv", "model", _MODEL_COLUMNS, lambda row: _model(row, names)),
        providers=_by_name(folder / "providers.csv", "provider", _PROVIDER_COLUMNS, lambda row: _provider(row, pue)),
        provider_countries=_shares(folder / "provider_regions.csv", "provider", "country_iso3", grids),
        region_groups=_shares(folder / "region_groups.csv", "region_group", "country_iso3", grids),
        pue=pue,
        host=overhead["host_factor_prior"],
        idle={kind: overhead[f"idle_factor_prior_{kind}"] for kind in ("hyperscaler", "independent")},
        grids=grids,
        grid_basis=basis,
        regions=_by_name(folder / "grid_cloud_region.csv", "region", _REGION_COLUMNS, _region),
    )
    _check_complete(found, folder)
    return found


_PRIORS = (
    "batch_priority_median", "batch_priority_sigma_ln", "batch_standard_median", "batch_standard_sigma_ln",
    "batch_batch_median", "batch_batch_sigma_ln", "weights_memory_factor", "memory_usable_fraction",
    "double_n_probability", "cached_share_low", "cached_share_high", "ci_relative_p95", "speed_slack",
    "speed_sigma_ln", "speculation_probability", "speculation_tokens_high", "electricity_usd_per_kwh",
    "electricity_price_share", "kappa_sigma_ln", "kappa_sigma_undisclosed_ln", "kappa_shared_share",
)  # fmt: skip
_QUANTITIES = ("per_user_speed", "batch", "power_fraction", "prefill_ratio")
_OVERHEADS = ("host_factor_prior", "idle_factor_prior_hyperscaler", "idle_factor_prior_independent")


def _check_complete(found: Facts, folder: Path) -> None:
    """Every row that the model looks up by name must be there: better no start than a KeyError on some endpoint."""
    outside = [name for name, chip in found.accelerators.items() if not chip.in_roofline]
    needs: list[tuple[str, Iterable[str], Iterable[str]]] = [
        ("coefficients.csv", found.coefficients, TERMS),
        ("priors.csv", found.priors, _PRIORS),
        ("priors.csv", found.spreads, ("prefill_factor", "power_fraction")),
        ("precision.csv", found.precisions, ("bf16", "fp8", "nvfp4")),
        (
            "precision_prior.csv",
            found.closed_precisions,
            list(found.closed_precisions)[:1] or ["a closed model's precision"],
        ),
        ("grid_country.csv", found.grids, ("WOR",)),
        ("providers.csv", found.providers, ("*",)),
        ("provider_regions.csv", found.provider_countries, ("*",)),
        (
            "size_classes.csv",
            found.size_classes,
            {m.size_class for m in found.models.values() if m.size_class} | {"large"},
        ),
        ("hardware_prior.csv", (*found.hardware, CPU), {row.hardware_class for row in found.providers.values()}),
        ("system_rules.csv", found.systems, (*outside, CPU)),
        *(("system_rules.csv", rules, _QUANTITIES) for rules in found.systems.values()),
        ("system_rules.csv", found.systems.get(CPU, {}), ("power_per_thread",)),
    ]
    for file, names, wanted in needs:
        missing = sorted(set(wanted) - set(names))
        if missing:
            raise ConfigError(folder / file, f"has no row of {missing[0]}", mend="add the row, with source and date")


def _by_name(file: Path, key: str, columns: Iterable[str], make: Callable[[Row], T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for row in read_rows(file, (key, *columns)):
        name = row.text(key)
        if name in found:
            raise row.error(key, f"{name} has a row already", "keep one row")
        found[name] = make(row)
    return found


def _shares(file: Path, key: str, of: str, known: Mapping[str, object]) -> dict[str, dict[str, float]]:
    """Weights by key and name, each key's scaled to 1; a set of weights must add up to 1."""
    found: dict[str, dict[str, float]] = {}
    last: dict[str, Row] = {}
    for row in read_rows(file, (key, of, "weight")):
        name = row.text(of)
        if name not in known:
            raise row.error(of, f"{name!r} has no row of its own", "use a name of that table, or add it there")
        found.setdefault(row.text(key), {})[name] = row.number("weight", above=0, high=1)
        last[row.text(key)] = row
    for name, weights in found.items():
        total = sum(weights.values())
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise last[name].error("weight", f"those of {name} add up to {total:g}", "make them add up to 1")
    return found


_ACCELERATOR_COLUMNS = (
    "kind", "tdp_w", "tdp_low_w", "tdp_high_w", "power_is_all_in", "memory_gb", "mem_bw_gb_s", "bf16_dense_tflops",
    "fp8_dense_tflops", "fp4_dense_tflops", "confidence",
)  # fmt: skip


def _accelerators(folder: Path) -> dict[str, Accelerator]:
    return _by_name(folder / "accelerators.csv", "accelerator", _ACCELERATOR_COLUMNS, _accelerator)


def _accelerator(row: Row) -> Accelerator:
    kind = row.one_of("kind", ("gpu", "tpu", "asic", "sram-asic", "wafer", "dataflow"))
    tdp = row.number("tdp_w", above=0, high=50_000)
    low, high = (row.maybe_number(column, above=0) or tdp for column in ("tdp_low_w", "tdp_high_w"))
    if not low <= tdp <= high:
        raise row.error("tdp_w", f"{tdp:g} is not between {low:g} and {high:g}", "order low, typical and high power")
    peaks = {c: row.maybe_number(f"{c}_dense_tflops", above=0) for c in COMPUTE}
    if peaks["bf16"] is None and kind != "wafer":
        raise row.error("bf16_dense_tflops", "is empty", "give the dense peak in TFLOP/s")
    return Accelerator(
        name=row.text("accelerator"),
        kind=kind,
        tdp_w=tdp,
        tdp_low_w=low,
        tdp_high_w=high,
        power_is_all_in=row.flag("power_is_all_in"),
        memory_bytes=row.number("memory_gb", above=0) * 1e9,
        bandwidth=row.number("mem_bw_gb_s", above=0) * 1e9,
        peaks={c: peak * 1e12 for c, peak in peaks.items() if peak is not None},
        confidence=row.one_of("confidence", ("high", "medium", "low")),
    )


def _precisions(folder: Path) -> tuple[dict[str, Precision], dict[str, str]]:
    names: dict[str, str] = {}

    def precision(row: Row) -> Precision:
        name = row.text("precision")
        for alias in (name, *(row.maybe_text("aliases") or "").split(";")):
            if alias and names.setdefault(alias.strip().lower(), name) != name:
                raise row.error("aliases", f"{alias} is of {names[alias.lower()]} already", "keep it once")
        size = row.spread("bytes_low", "bytes_per_weight", "bytes_high")
        bits = int(row.number("bits", above=0, high=32))
        return Precision(name, bits, size.p50, size.p5, size.p95, row.one_of("compute", COMPUTE))

    columns = ("aliases", "bits", "bytes_per_weight", "bytes_low", "bytes_high", "compute")
    return _by_name(folder / "precision.csv", "precision", columns, precision), names


def _precision_priors(folder: Path, names: Mapping[str, str]) -> tuple[tuple[float, ...], dict[str, float]]:
    steps: dict[int, float] = {}
    closed: dict[str, float] = {}
    for row in read_rows(folder / "precision_prior.csv", ("case", "step", "weight")):
        weight = row.number("weight", above=0, high=1)
        if row.one_of("case", ("open", "closed")) == "open":
            steps[-int(row.number("step", low=-2, high=0))] = weight
        elif (step := row.text("step")) in names:
            closed[names[step]] = weight
        else:
            raise row.error("step", f"{step!r} is no precision", "use a name of precision.csv")
    return tuple(steps.get(i, 0.0) for i in range(3)), closed


def _coefficient_rows(folder: Path) -> list[Row]:
    return read_rows(folder / "coefficients.csv", ("coefficient", "value", "p5", "p95", "unit"))


def _priors(folder: Path) -> tuple[dict[str, float], dict[str, Spread]]:
    priors: dict[str, float] = {}
    spreads: dict[str, Spread] = {}
    for row in read_rows(folder / "priors.csv", ("item", "value", "low_p5", "high_p95", "unit")):
        priors[row.text("item")] = row.number("value", above=0)
        if row.maybe_text("low_p5"):
            spreads[row.text("item")] = row.spread("low_p5", "value", "high_p95")
    return priors, spreads


def _overhead(folder: Path) -> dict[str, Spread]:
    file = folder / "server_overhead.csv"
    rows = read_rows(file, ("item", "value", "unit", "low_p5", "high_p95"))
    found = {row.text("item"): row.spread("low_p5", "value", "high_p95") for row in rows if row.maybe_text("low_p5")}
    if missing := sorted(set(_OVERHEADS) - set(found)):
        raise ConfigError(file, f"has no row of {missing[0]}", mend="add the row, with value, low_p5 and high_p95")
    return found


def _systems(folder: Path) -> dict[str, dict[str, Spread]]:
    found: dict[str, dict[str, Spread]] = {}
    for row in read_rows(folder / "system_rules.csv", ("system", "quantity", "median", "low_p5", "high_p95", "unit")):
        found.setdefault(row.text("system"), {})[row.text("quantity")] = row.spread("low_p5", "median", "high_p95")
    return found


_SHAPE_COLUMNS = ("params_total_b", "params_active_b", "layers", "attention_width", "kv_bytes_per_token")


def _architecture(row: Row) -> Architecture:
    total, active = (row.number(f"params_{which}_b", above=0) for which in ("total", "active"))
    if active > total:
        raise row.error("params_active_b", f"{active:g} is more than the total {total:g}", "swap or correct them")
    rest = (row.number(column, above=0) for column in _SHAPE_COLUMNS[2:])
    return Architecture(row.text("architecture"), total, active, *rest)


_SIZE_COLUMNS = ("params_total_b", "sigma_ln_total", "active_share_p5", "active_share_median", "active_share_p95")


def _size_class(row: Row) -> SizeClass:
    share = row.spread("active_share_p5", "active_share_median", "active_share_p95")
    if share.p95 > 1:
        raise row.error("active_share_p95", f"{share.p95:g} is above 1", "give shares of 1")
    # Design note 2.8: no narrower than this, or a guess would pass for knowledge.
    return SizeClass(row.number("params_total_b", above=0), row.number("sigma_ln_total", low=0.7, high=3), share)


_MODEL_COLUMNS = (
    "open_weights", "params_total_b", "params_active_b", "size_class", "released_precision", "layers",
    "attention_width", "kv_bytes_per_token", "kv_windowed_bytes_per_token", "kv_window_tokens", "basis",
)  # fmt: skip


def _model(row: Row, precisions: Mapping[str, str]) -> ModelRow:
    total, active = (row.maybe_number(f"params_{which}_b", above=0) for which in ("total", "active"))
    if total is not None and active is not None and active > total:
        raise row.error("params_active_b", f"{active:g} is more than the total {total:g}", "swap or correct them")
    if total is None and row.maybe_text("size_class") is None:
        raise row.error("params_total_b", "is empty, and so is size_class", "give one of the two")
    released = row.maybe_text("released_precision")
    if released is not None and released not in precisions:
        raise row.error("released_precision", f"{released!r} is no precision", "use a name of precision.csv")
    return ModelRow(
        model=row.text("model"),
        open_weights=row.flag("open_weights"),
        params_total_b=total,
        params_active_b=active,
        size_class=row.maybe_text("size_class"),
        released_precision=released,
        layers=row.maybe_number("layers", above=0),
        attention_width=row.maybe_number("attention_width", above=0),
        kv_bytes_per_token=row.maybe_number("kv_bytes_per_token", above=0),
        kv_windowed_bytes_per_token=row.maybe_number("kv_windowed_bytes_per_token", above=-1) or 0.0,
        kv_window_tokens=row.maybe_number("kv_window_tokens", above=-1) or 0.0,
        basis=row.one_of("basis", ("stated", "judgement")),
        source=row.text("source"),
    )


_PROVIDER_COLUMNS = (
    "hardware_class", "operator", "idle_class", "expert_parallel_gpus", "batch_per_replica_median",
    "batch_per_replica_sigma_ln", "basis",
)  # fmt: skip


def _provider(row: Row, pue: Mapping[str, Spread]) -> ProviderRow:
    if row.text("operator") not in pue:
        raise row.error("operator", f"{row.text('operator')!r} has no PUE", "use an operator of pue.csv")
    return ProviderRow(
        provider=row.text("provider"),
        hardware_class=row.text("hardware_class"),
        operator=row.text("operator"),
        idle_class=row.one_of("idle_class", ("hyperscaler", "independent")),
        expert_parallel_gpus=row.maybe_number("expert_parallel_gpus", above=0),
        batch_median=row.maybe_number("batch_per_replica_median", above=0),
        batch_sigma_ln=row.maybe_number("batch_per_replica_sigma_ln", above=0),
        basis=row.one_of("basis", ("stated", "judgement")),
        source=row.text("source"),
    )


def _pue(row: Row) -> Spread:
    spread = row.spread("low_p5", "pue", "high_p95")
    if spread.p5 <= 1 or spread.p95 > 3:
        raise row.error("pue", "is not within 1 and 3", "give total over IT power, such as 1.2")
    return spread


def _grids(folder: Path) -> tuple[dict[str, float], str]:
    basis: set[str] = set()

    def grid(row: Row) -> float:
        basis.add(row.text("basis"))
        if len(basis) > 1:
            raise row.error("basis", "differs from the rows above", "keep one basis in this file: they are compared")
        return row.number("grid_gco2e_per_kwh", above=0, high=2000)

    grids = _by_name(folder / "grid_country.csv", "country_iso3", ("grid_gco2e_per_kwh", "basis"), grid)
    return grids, basis.pop() if basis else ""


_REGION_COLUMNS = (
    "cloud",
    "country_iso3",
    "pue",
    "grid_gco2e_per_kwh_location",
    "grid_gco2e_per_kwh_marginal",
    "basis",
)


def _region(row: Row) -> Region:
    return Region(
        cloud=row.text("cloud"),
        region=row.text("region"),
        country_iso3=row.text("country_iso3"),
        pue=row.maybe_number("pue", above=1),
        location_g_per_kwh=row.maybe_number("grid_gco2e_per_kwh_location", above=0),
        marginal_g_per_kwh=row.maybe_number("grid_gco2e_per_kwh_marginal", above=0),
        basis=row.text("basis"),
    )
