"""Draws of how an endpoint is served on accelerators of the roofline, and its energy per token of each kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenarena_assets.energy.constants import Facts
from tokenarena_assets.energy.machines import Machine, Machines
from tokenarena_assets.energy.model_draws import ModelDraws, draw_model, stack_sigma
from tokenarena_assets.energy.plan import Plan
from tokenarena_assets.energy.records import Workload
from tokenarena_assets.energy.roofline import Array, joules_per_output_token
from tokenarena_assets.energy.streams import lognormal, normals, triangular, uniforms


@dataclass(frozen=True)
class TokenEnergy:
    """Draws of accelerator energy per token [J]: uncached input, cached input, output; and what they came from.

    `traces` holds, per driver, the draws behind it; `host` is False where the power drawn is all-in.
    """

    e_in: Array
    e_cached: Array
    e_out: Array
    traces: dict[str, Array]
    host: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def draw_serving(plan: Plan, workload: Workload, facts: Facts, n_draws: int, seed: int) -> TokenEnergy:
    """Draws of energy per token of an endpoint on accelerators of the roofline (design note 2.2 to 2.5, 2.7, 2.8)."""
    context = workload.input_tokens + workload.output_tokens / 2
    model = draw_model(plan, context, facts, n_draws, seed)
    machines = Machines(plan, model, facts, seed)
    machine, notes = machines.draw()
    chips = machines.chips
    u = uniforms(n_draws, seed, "tdp", plan.serving_key)
    tdp = triangular(chips.tdp_low[machine.chip], chips.tdp[machine.chip], chips.tdp_high[machine.chip], u)
    serving = machines.serving(machine, np.arange(n_draws), tdp)
    ln_kappa = model.ln_kappa + stack_sigma(plan, facts)[1] * normals(
        n_draws, seed, "stack of serving", plan.serving_key
    )
    if plan.endpoint.output_tok_s is None:
        e_out = np.exp(ln_kappa) * joules_per_output_token(serving, facts.coefficients)
    else:
        phi = lognormal(facts.spreads["power_fraction"], normals(n_draws, seed, "power fraction", plan.serving_key))
        ln_kappa = np.log(phi)
        e_out = phi * machine.n * tdp / plan.endpoint.output_tok_s
    factor = lognormal(facts.spreads["prefill_factor"], normals(n_draws, seed, "prefill"))
    arithmetic = 2 * model.active + 2 * model.attention * workload.input_tokens
    e_in = np.exp(ln_kappa if plan.endpoint.output_tok_s is None else model.ln_kappa) * factor * tdp * arithmetic
    e_in = e_in / np.asarray(serving.flops, float)
    share_low, share_high = facts.priors["cached_share_low"], facts.priors["cached_share_high"]
    cached = e_in * (share_low + (share_high - share_low) * uniforms(n_draws, seed, "cached share"))
    traces = _traces(model, machine, ln_kappa)
    return TokenEnergy(e_in, cached, e_out, traces, ~chips.all_in[machine.chip], notes)


def _traces(model: ModelDraws, machine: Machine, ln_kappa: Array) -> dict[str, Array]:
    traces = {
        "stack": ln_kappa,
        "batch": machine.batch,
        "chip": machine.chip.astype(float),
        "count": machine.n,
        "precision": machine.precision.astype(float),
    }
    return {**traces, "model size": model.active} if model.drawn else traces
