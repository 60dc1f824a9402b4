"""Fits the coefficients of the decode model on measured energy, and judges forms by families left out of the fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from tokenarena_assets.energy.architecture import likely_shape
from tokenarena_assets.energy.constants import Facts
from tokenarena_assets.energy.facts import facts_folder
from tokenarena_assets.energy.roofline import TERMS, Array, Serving, kv_read_bytes, step_terms
from tokenarena_assets.energy.rows import Row, read_rows

CALIBRATION = "calibration_ml_energy_v3.csv"
_COLUMNS = (
    "model", "task", "params_total_b", "params_active_b", "precision", "accelerator", "n_accelerators",
    "batch_or_concurrency", "output_tok_s", "measured_j_per_output_token", "avg_input_tokens", "avg_output_tokens",
    "kv_bytes_per_token_full", "kv_bytes_per_token_windowed", "kv_window_tokens", "layers", "state_bytes_per_sequence",
)  # fmt: skip
LOSS_SCALE = 0.2  # ln units: beyond a misfit of 22 % a row pulls less than by its square
PULL = 0.1  # weight of one row: a term that nothing speaks for stays at a fifth of the median energy


@dataclass(frozen=True)
class Calibration:
    """Measured rows: servings, bytes of KV cache that a step reads for a sequence, energy, throughput of the server."""

    model: NDArray[np.str_]
    task: NDArray[np.str_]
    accelerator: NDArray[np.str_]
    precision: NDArray[np.str_]
    output_tokens: Array
    serving: Serving
    cache_bytes: Array
    measured_j: Array
    output_tok_s: Array

    @property
    def family(self) -> NDArray[np.str_]:
        """Models that share their weights' design, so that one of them would give the other away."""
        return np.array([_family(name) for name in self.model])

    @property
    def design(self) -> Array:
        """Joules per output token that each term takes at a coefficient of 1, of shape (rows, terms)."""
        return _design(self.serving)

    def design_by_size(self, facts: Facts) -> Array:
        """The same where of a model only size and KV cache are known: layers looked up, no recurrent state."""
        total, active = (np.asarray(p, float) / 1e9 for p in (self.serving.params_total, self.serving.params_active))
        layers = likely_shape(total, active, facts).layers
        return _design(replace(self.serving, layers=layers, kv_bytes=self.cache_bytes))


def _design(s: Serving) -> Array:
    terms = step_terms(s)
    watts = np.asarray(s.n, float) * np.asarray(s.tdp_w, float) / np.asarray(s.batch, float)
    return np.column_stack([watts * terms[name] for name in TERMS])


def _family(model: str) -> str:
    name = model.rsplit("/", maxsplit=1)[-1]
    for start in ("Qwen3-30B", "Llama-3.1-405B", "Llama-4", "NVIDIA-Nemotron-Nano"):
        if name.startswith(start):
            return start
    return name


def load_calibration(facts: Facts) -> Calibration:
    """The calibration rows of the facts.

    Raises:
        ConfigError: naming file, line and column of what is wrong.
    """
    rows = read_rows(facts_folder() / CALIBRATION, _COLUMNS)

    def column(name: str, of: Callable[[Row, str], float] = Row.number) -> Array:
        return np.array([of(row, name) for row in rows])

    chips = [facts.accelerator(row.text("accelerator")) for row in rows]
    precisions = [facts.precision(row.text("precision")) for row in rows]
    inputs, outputs = column("avg_input_tokens"), column("avg_output_tokens")
    cache = kv_read_bytes(
        column("kv_bytes_per_token_full"),
        column("kv_bytes_per_token_windowed"),
        column("kv_window_tokens"),
        inputs + outputs / 2,
    )
    serving = Serving(
        params_total=column("params_total_b") * 1e9,
        params_active=column("params_active_b") * 1e9,
        bytes_per_weight=np.array([p.bytes_per_weight for p in precisions]),
        layers=column("layers"),
        tdp_w=np.array([chip.tdp_w for chip in chips]),
        bandwidth=np.array([chip.bandwidth for chip in chips]),
        flops=np.array([chip.flops(p.compute) for chip, p in zip(chips, precisions, strict=True)]),
        n=column("n_accelerators"),
        batch=column("batch_or_concurrency"),
        kv_bytes=cache + column("state_bytes_per_sequence"),
        prefill_per_output=inputs / outputs,
    )
    return Calibration(
        model=np.array([row.text("model") for row in rows]),
        task=np.array([row.text("task") for row in rows]),
        accelerator=np.array([row.text("accelerator") for row in rows]),
        precision=np.array([p.name for p in precisions]),
        output_tokens=outputs,
        serving=serving,
        cache_bytes=cache,
        measured_j=column("measured_j_per_output_token"),
        output_tok_s=column("output_tok_s"),
    )


def fit_terms(design: Array, measured_j: Array, model: NDArray[np.str_]) -> Array:
    """Coefficients above 0 of a sum of terms, by least squares of ln(modeled / measured), robust (soft L1).

    Args:
        design: of shape (rows, terms), joules that a term takes at a coefficient of 1.
        measured_j: of shape (rows,).
        model: of shape (rows,); each model weighs as much as any other, however many rows it has.

    Returns:
        Of shape (terms,).
    """
    _, at, counts = np.unique(model, return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(counts[at])
    weight = weight / np.sqrt(np.mean(weight**2))
    start = np.log(np.clip(0.2 * np.median(measured_j[:, None] / np.maximum(design, 1e-30), axis=0), 1e-3, 1e4))
    ln_measured = np.log(measured_j)

    def misfit(z: Array) -> Array:
        return np.concatenate([weight * (np.log(design @ np.exp(z)) - ln_measured), PULL * (z - start)])

    found = least_squares(misfit, start, loss="soft_l1", f_scale=LOSS_SCALE)
    return np.asarray(np.exp(found.x), float)


def left_out(
    design: Array,
    measured_j: Array,
    model: NDArray[np.str_],
    group: NDArray[np.str_],
    judged: Array | None = None,
) -> Array:
    """ln(modeled / measured) of every row, its whole group left out of the fit; of shape (rows,).

    `judged`: the design by which the rows left out are modeled, where less is known of them than of those in the fit.
    """
    judged = design if judged is None else judged
    errors = np.empty(len(measured_j))
    for name in np.unique(group):
        out = group == name
        coefficients = fit_terms(design[~out], measured_j[~out], model[~out])
        errors[out] = np.log(judged[out] @ coefficients / measured_j[out])
    return errors


def bootstrap(design: Array, measured_j: Array, model: NDArray[np.str_], repeats: int, seed: int) -> Array:
    """Coefficients of fits on models drawn with replacement; of shape (repeats, terms)."""
    names, rng = np.unique(model), np.random.default_rng(seed)
    rows = {name: np.flatnonzero(model == name) for name in names}
    found = []
    for _ in range(repeats):
        drawn = [rows[name] for name in rng.choice(names, len(names))]
        # A model drawn twice counts twice: its copies are models of their own.
        label = np.concatenate([np.full(len(r), f"{i}") for i, r in enumerate(drawn)])
        at = np.concatenate(drawn)
        found.append(fit_terms(design[at], measured_j[at], label))
    return np.array(found)


def between_share(errors: Array, group: NDArray[np.str_]) -> float:
    """Share of the mean square of errors that a mean error per group accounts for."""
    means = {name: errors[group == name].mean() for name in np.unique(group)}
    return float(np.mean([means[name] ** 2 for name in group]) / np.mean(errors**2))


def ecologits_j(params_active_b: Array, n: Array, batch: float = 64.0) -> Array:
    """The published formula of EcoLogits 0.9 for GPUs alone [J per output token], for comparison.

    Wh per token and GPU = 1.17e-6 exp(-0.0112 B) P_active + 4.05e-5.
    """
    return np.asarray((1.17e-6 * np.exp(-0.0112 * batch) * params_active_b + 4.05e-5) * n * 3600, float)


def given_form(calibration: Calibration) -> tuple[Array, Sequence[str]]:
    """The design note's six terms (fixed, count, weights, kv, flops, sequence), which know no layers."""
    s, terms = calibration.serving, step_terms(calibration.serving)
    n, batch = np.asarray(s.n, float), np.asarray(s.batch, float)
    watts = n * np.asarray(s.tdp_w, float) / batch
    columns = {
        "fixed": np.full(len(batch), 1e-3),
        "count": 1e-3 * np.log2(n),
        "weights": terms["weights"],
        "kv": terms["kv"],
        "flops": terms["flops"] / (1 + np.asarray(s.prefill_per_output, float)),
        "sequence": 1e-6 * batch,
    }
    return np.column_stack([watts * column for column in columns.values()]), tuple(columns)
