"""Fits the decode model's coefficients anew, and prints its errors on families left out beside those of other forms.

Writes nothing unless asked to: `python benchmarks/energy_fit.py --write` renews coefficients.csv. Only calibration rows
enter; held-out measurements never do.
"""

from __future__ import annotations

import csv
import sys

import numpy as np

from tokenarena_assets.energy.facts import facts, facts_folder
from tokenarena_assets.energy.fit import (
    between_share,
    bootstrap,
    ecologits_j,
    fit_terms,
    given_form,
    left_out,
    load_calibration,
)  # fmt: skip
from tokenarena_assets.energy.roofline import TERMS
from tokenarena_assets.energy.rows import Z95

GIVEN = dict(
    zip(
        ("fixed", "count", "weights", "kv", "flops", "sequence"),
        (2.05, 0.083, 0.855, 0.838, 3.188, 33.497),
        strict=True,
    )
)
UNITS = dict(
    zip(TERMS, ("us per layer", "us per layer and log2(n)", "1", "1", "1", "ns per layer and sequence"), strict=True)
)
REPEATS, SEED = 200, 20_261_123


def line(label: str, errors: np.ndarray) -> None:
    """Errors in one row: ln(modeled / measured) in, percentages out."""
    off = np.abs(np.expm1(errors))
    print(
        f"{label:<46} {len(errors):4d} {np.exp(np.median(errors)):6.2f} {np.median(off):7.0%} "
        f"{np.mean(np.abs(errors) < np.log(2)):8.0%} {np.sqrt(np.mean(errors**2)):7.3f}"
    )


def main() -> None:
    """Fit, judge, print; write if asked."""
    constants = facts()
    data = load_calibration(constants)
    design, measured, model, family = data.design, data.measured_j, data.model, data.family
    found, spread = fit_terms(design, measured, model), bootstrap(design, measured, model, REPEATS, SEED)
    low, high = np.quantile(spread, (0.05, 0.95), axis=0)
    print(f"{'coefficient':<12} {'value':>9} {'p5':>9} {'p95':>9}  in coefficients.csv  unit")
    for i, name in enumerate(TERMS):
        shipped = constants.coefficients.get(name, float("nan"))
        print(f"{name:<12} {found[i]:9.4g} {low[i]:9.4g} {high[i]:9.4g} {shipped:20.4g}  {UNITS[name]}")
    print(f"\n{'form':<46} rows  ratio  med.err within 2x  rms ln")
    given, names = given_form(data)
    errors = left_out(design, measured, model, family)
    line("in the fit", np.log(design @ found / measured))
    line("this form, family left out", errors)
    by_size = left_out(design, measured, model, family, data.design_by_size(constants))
    line("the same, layers by size, state not known", by_size)
    line("this form, model left out", left_out(design, measured, model, model))
    line("design note's form refitted, family left out", left_out(given, measured, model, family))
    line(
        "design note's form and coefficients (in its fit)",
        np.log(given @ np.array([GIVEN[name] for name in names]) / measured),
    )
    active, n = np.asarray(data.serving.params_active) / 1e9, np.asarray(data.serving.n)
    line("EcoLogits 0.9, B = 64", np.log(ecologits_j(active, n) / measured))
    chips = np.array([name[:4] for name in data.accelerator])
    line("this form, the other chip left out", left_out(design, measured, model, chips))
    plain = np.array(["Nemotron" not in name for name in model])
    for label, of in (("no hybrids at all: this form", design), ("no hybrids at all: design note's form", given)):
        line(label, left_out(of[plain], measured[plain], model[plain], family[plain]))
    sparse = np.asarray(data.serving.params_active) < np.asarray(data.serving.params_total)
    line("family left out: sparse models", errors[sparse])
    line("family left out: four and more accelerators", errors[n >= 4])
    phi = constants.priors["power_fraction"] * n * np.asarray(data.serving.tdp_w) / data.output_tok_s
    line("server throughput given (0.73 TDP)", np.log(phi / measured))
    sigma = constants.priors["kappa_sigma_ln"]
    print(f"\nbetween families: {between_share(errors, family):.0%} of the mean square error; shipped sigma {sigma:g}")
    print("rows inside the 90 % interval, family left out")
    for s in sorted({0.25, 0.3, 0.35, 0.4, sigma}):
        inside, sized = (np.mean(np.abs(e) < Z95 * s) for e in (errors, by_size))
        print(f"  sigma {s:.2f}, width {np.exp(2 * Z95 * s):.1f}x: {inside:.1%}; layers by size {sized:.1%}")
    if "--write" in sys.argv[1:]:
        write(found, low, high)


def write(found: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Renew coefficients.csv."""
    with (facts_folder() / "coefficients.csv").open("w", newline="", encoding="utf-8") as handle:
        out = csv.writer(handle, lineterminator="\n")
        out.writerow(("coefficient", "value", "p5", "p95", "unit", "source", "as_of"))
        source = "own fit on calibration_ml_energy_v3.csv (benchmarks/energy_fit.py), interval by bootstrap over models"
        for row in zip(TERMS, found, low, high, strict=True):
            out.writerow((row[0], *(f"{v:.4g}" for v in row[1:]), UNITS[row[0]], source, "2026-11"))


if __name__ == "__main__":
    main()
