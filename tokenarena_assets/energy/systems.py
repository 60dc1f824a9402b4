"""Energy per token outside of the roofline: SRAM, wafer and dataflow systems, and servers on processor threads.

E = phi P n / (s B): power of all parts over the speed of a stream and the streams at once, each from a wide prior.
"""

from __future__ import annotations

import numpy as np

from tokenarena_assets.energy.constants import CPU, Facts
from tokenarena_assets.energy.model_draws import draw_sizes
from tokenarena_assets.energy.plan import Plan
from tokenarena_assets.energy.serving import TokenEnergy
from tokenarena_assets.energy.streams import Array, choices, lognormal, normals, triangular, uniforms

RDU_PER_RACK = 16  # SambaNova serves from racks of 16, whatever the model


def draw_system(plan: Plan, facts: Facts, n_draws: int, seed: int) -> TokenEnergy:
    """Draws of energy per token by the rule of the endpoint's system (design note 2.8)."""
    system = plan.system or CPU
    rule, key = facts.systems[system], plan.serving_key

    def drawn(quantity: str) -> Array:
        return lognormal(rule[quantity], normals(n_draws, seed, system, quantity, key))

    speed = plan.endpoint.per_user_speed_tok_s
    pace = drawn("per_user_speed") if speed is None else np.full(n_draws, speed)
    watts = _cpu_watts(plan, drawn("power_per_thread")) if system == CPU else _system_watts(plan, facts, n_draws, seed)
    batch = drawn("batch") if plan.endpoint.batch is None else np.full(n_draws, plan.endpoint.batch)
    phi = drawn("power_fraction")
    if plan.endpoint.output_tok_s is None:
        e_out = phi * watts / (pace * batch)
    else:
        e_out = phi * watts / plan.endpoint.output_tok_s
    e_in = e_out * drawn("prefill_ratio")
    low, high = facts.priors["cached_share_low"], facts.priors["cached_share_high"]
    cached = e_in * (low + (high - low) * uniforms(n_draws, seed, "cached share"))
    host = np.full(n_draws, not (plan.chips and plan.chips[0].power_is_all_in))
    notes = (f"outside of the roofline: rule of {system}, power and streams at once from wide priors",)
    note_speed = () if speed is not None else ("speed of a stream not given: prior of the system",)
    return TokenEnergy(e_in, cached, e_out, {"power": phi * watts, "batch": batch}, host, notes + note_speed)


def _cpu_watts(plan: Plan, per_thread: Array) -> Array:
    return np.asarray((plan.endpoint.threads or 1) * per_thread, float)


def _system_watts(plan: Plan, facts: Facts, n_draws: int, seed: int) -> Array:
    """Power of as many chips or systems as hold the weights."""
    chip = plan.chips[0]
    low, middle, high = (np.full(n_draws, watts) for watts in (chip.tdp_low_w, chip.tdp_w, chip.tdp_high_w))
    watts = triangular(low, middle, high, uniforms(n_draws, seed, "tdp", plan.serving_key))
    if plan.endpoint.n_accelerators is not None:
        return watts * plan.endpoint.n_accelerators
    if chip.kind == "dataflow":
        return watts * RDU_PER_RACK
    picked = choices(np.array(plan.precision_weights), uniforms(n_draws, seed, "precision", plan.serving_key))
    size = np.array([p.bytes_per_weight for p in plan.precisions])[picked]
    total = draw_sizes(plan, facts, n_draws, seed)[0] * 1e9
    need = facts.priors["weights_memory_factor"] * total * size / chip.memory_bytes
    return np.asarray(watts * np.maximum(np.ceil(need), 1), float)
