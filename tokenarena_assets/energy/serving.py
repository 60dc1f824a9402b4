"""Draws of how an endpoint is served on accelerators of the roofline, and its energy per token of each kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tokenarena_assets.energy.architecture import Shape, likely_shape
from tokenarena_assets.energy.constants import Facts
from tokenarena_assets.energy.plan import Plan
from tokenarena_assets.energy.records import Workload
from tokenarena_assets.energy.roofline import Array, Serving, joules_per_output_token, kv_read_bytes
from tokenarena_assets.energy.streams import choices, lognormal, normals, stream, triangular, uniforms

ROUNDS = 8
MAX_ACCELERATORS = 1024.0


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


@dataclass(frozen=True)
class ModelDraws:
    """Draws that all endpoints of a model share: parameters (counts), its shape, bytes that a step reads a sequence."""

    total: Array
    active: Array
    layers: Array
    attention: Array
    step_bytes: Array
    ln_kappa: Array
    drawn: bool


@dataclass(frozen=True)
class Machine:
    """Draws of one serving: chip and precision by index, accelerators per replica, batch."""

    chip: NDArray[np.intp]
    precision: NDArray[np.intp]
    n: Array
    batch: Array


def draw_sizes(plan: Plan, facts: Facts, n_draws: int, seed: int) -> tuple[Array, Array]:
    """Draws of total and active parameters (billions), by the model's name alone; constant where they are known."""
    size, key = plan.size, plan.model_key
    prior = facts.size_classes[size.class_name]
    total = np.full(n_draws, size.total_b if size.total_b is not None else prior.params_total_b)
    if size.total_b is None:
        total = total * np.exp(prior.sigma_ln_total * normals(n_draws, seed, "params_total", key))
    if size.active_b is not None:
        return total, np.full(n_draws, size.active_b)
    share = lognormal(prior.active_share, normals(n_draws, seed, "active_share", key))
    return total, total * np.minimum(share, 1.0)


def draw_model(plan: Plan, context: float, facts: Facts, n_draws: int, seed: int) -> ModelDraws:
    """Draws of what is not known of a model, at a mean context of so many tokens."""
    total, active = draw_sizes(plan, facts, n_draws, seed)
    shape = likely_shape(total, active, facts)
    layers = plan.of_model("layers")
    width = plan.of_model("attention_width")
    return ModelDraws(
        total=total * 1e9,
        active=active * 1e9,
        layers=shape.layers if layers is None else np.full(n_draws, layers),
        attention=shape.attention if layers is None or width is None else np.full(n_draws, layers * width),
        step_bytes=_step_bytes(plan, shape, context),
        ln_kappa=stack_sigma(plan, facts)[0] * normals(n_draws, seed, "stack of model", plan.model_key),
        drawn=plan.size.total_b is None or plan.size.active_b is None,
    )


def stack_sigma(plan: Plan, facts: Facts) -> tuple[float, float]:
    """Standard deviations of ln kappa: of the part that a model's servings share, and of what each has alone.

    The shared part is how far the form is off for a model; a stack of which not even chip and batch are disclosed adds
    to its own part.
    """
    priors, e = facts.priors, plan.endpoint
    disclosed = e.accelerator is not None and e.batch is not None
    whole = priors["kappa_sigma_ln"] if disclosed else priors["kappa_sigma_undisclosed_ln"]
    shared2 = priors["kappa_shared_share"] * priors["kappa_sigma_ln"] ** 2
    return float(shared2**0.5), float((whole**2 - shared2) ** 0.5)


def _step_bytes(plan: Plan, shape: Shape, context: float) -> Array:
    full = plan.of_model("kv_bytes_per_token")
    windowed, window = plan.of_model("kv_windowed_bytes_per_token") or 0.0, plan.of_model("kv_window_tokens") or 0.0
    if full is None:
        read = shape.kv_bytes * context
    elif plan.endpoint.kv_bytes_per_token is not None and plan.endpoint.kv_windowed_bytes_per_token is None:
        read = np.full(len(shape.kv_bytes), full * context)  # a cache given as a whole has no window
    else:
        read = np.full(len(shape.kv_bytes), kv_read_bytes(full, windowed, window, context))
    return np.asarray(read + (plan.endpoint.state_bytes_per_sequence or 0.0), float)


class _Chips:
    """Columns of the chips and precisions that an endpoint may have, to be picked by index."""

    def __init__(self, plan: Plan) -> None:
        self.tdp_low, self.tdp, self.tdp_high, self.memory, self.bandwidth = (
            np.array([getattr(chip, name) for chip in plan.chips])
            for name in ("tdp_low_w", "tdp_w", "tdp_high_w", "memory_bytes", "bandwidth")
        )
        self.all_in = np.array([chip.power_is_all_in for chip in plan.chips])
        self.flops = np.array([[chip.flops(p.compute) for p in plan.precisions] for chip in plan.chips])
        self.bytes = np.array([p.bytes_per_weight for p in plan.precisions])


def draw_serving(plan: Plan, workload: Workload, facts: Facts, n_draws: int, seed: int) -> TokenEnergy:
    """Draws of energy per token of an endpoint on accelerators of the roofline (design note 2.2 to 2.5, 2.7, 2.8)."""
    context = workload.input_tokens + workload.output_tokens / 2
    model, chips = draw_model(plan, context, facts, n_draws, seed), _Chips(plan)
    machine, notes = _feasible_machines(plan, model, chips, facts, seed)
    u = uniforms(n_draws, seed, "tdp", plan.serving_key)
    tdp = triangular(chips.tdp_low[machine.chip], chips.tdp[machine.chip], chips.tdp_high[machine.chip], u)
    serving = _serving(plan, model, chips, machine, tdp)
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


def _serving(plan: Plan, model: ModelDraws, chips: _Chips, machine: Machine, tdp: Array) -> Serving:
    return Serving(
        params_total=model.total,
        params_active=model.active,
        bytes_per_weight=chips.bytes[machine.precision],
        layers=model.layers,
        tdp_w=tdp,
        bandwidth=chips.bandwidth[machine.chip],
        flops=chips.flops[machine.chip, machine.precision],
        n=machine.n,
        batch=machine.batch,
        kv_bytes=model.step_bytes,
        expert_gpus=plan.expert_gpus,
    )


def _feasible_machines(
    plan: Plan, model: ModelDraws, chips: _Chips, facts: Facts, seed: int
) -> tuple[Machine, tuple[str, ...]]:
    """Machines drawn anew, each from the endpoint's own stream, until their memory and speed allow what was seen."""
    source = stream(seed, "machine", plan.serving_key)
    chosen = _candidates(plan, model, chips, facts, source)
    fits = _fits(plan, model, chips, chosen, facts)
    ok = fits & _fast_enough(plan, model, chips, chosen, facts, source)
    for _ in range(ROUNDS):
        if ok.all():
            break
        fresh = _candidates(plan, model, chips, facts, source)
        fits_too = _fits(plan, model, chips, fresh, facts)
        good = fits_too & _fast_enough(plan, model, chips, fresh, facts, source)
        # One that fits but is too slow is still better than one that cannot be.
        take = ~ok & (good | (fits_too & ~fits))
        chosen = _where(take, fresh, chosen)
        fits, ok = fits | (take & fits_too), ok | (take & good)
    notes: list[str] = []
    if not fits.all():
        chosen, notes = _made_to_fit(plan, model, chips, chosen, facts)
    slow = float(np.mean(fits & ~ok))
    if slow > 0.05:
        notes.append(f"the speed seen is out of the model's reach in {slow:.0%} of the draws")
    return chosen, tuple(notes)


def _where(take: NDArray[np.bool_], fresh: Machine, chosen: Machine) -> Machine:
    pairs = zip((fresh.chip, fresh.precision, fresh.n, fresh.batch),
                (chosen.chip, chosen.precision, chosen.n, chosen.batch), strict=True)  # fmt: skip
    return Machine(*(np.where(take, new, old) for new, old in pairs))


def _candidates(plan: Plan, model: ModelDraws, chips: _Chips, facts: Facts, source: np.random.Generator) -> Machine:
    n_draws = len(model.total)
    u_chip, u_precision, u_n = source.random((3, n_draws))
    z = source.standard_normal(n_draws)
    chip = choices(np.array(plan.chip_weights), u_chip)
    precision = choices(np.array(plan.precision_weights), u_precision)
    if plan.endpoint.n_accelerators is not None:
        n = np.full(n_draws, float(plan.endpoint.n_accelerators))
    else:
        need = facts.priors["weights_memory_factor"] * model.total * chips.bytes[precision] / chips.memory[chip]
        n = 2 ** np.ceil(np.log2(np.maximum(need, 1)))
        n = np.where(u_n < facts.priors["double_n_probability"], 2 * n, n)
    return Machine(chip, precision, n, plan.batch_median * np.exp(plan.batch_sigma_ln * z))


def _fits(plan: Plan, model: ModelDraws, chips: _Chips, machine: Machine, facts: Facts) -> NDArray[np.bool_]:
    memory = facts.priors["memory_usable_fraction"] * machine.n * chips.memory[machine.chip]
    spread = 1.0 if plan.expert_gpus is None else np.maximum(plan.expert_gpus / machine.n, 1.0)
    return np.asarray(
        machine.batch * model.step_bytes <= memory - model.total * chips.bytes[machine.precision] / spread
    )


def _fast_enough(
    plan: Plan,
    model: ModelDraws,
    chips: _Chips,
    machine: Machine,
    facts: Facts,
    source: np.random.Generator,
) -> NDArray[np.bool_]:
    """One-sided use of a stream's speed (design note 2.7): rules out machines whose step takes too long for it.

    Accepted with P(t_model < 1.35 tau / s), tau tokens per step where decoding is speculative.
    """
    speed, priors = plan.endpoint.per_user_speed_tok_s, facts.priors
    u_accept, u_speculation, u_tau = source.random((3, len(model.total)))
    if speed is None or plan.endpoint.output_tok_s is not None:
        return np.ones(len(model.total), bool)
    serving = _serving(plan, model, chips, machine, chips.tdp[machine.chip])
    watts = priors["power_fraction"] * machine.n * chips.tdp[machine.chip]
    step = joules_per_output_token(serving, facts.coefficients) * machine.batch / watts
    tau = 1 + (priors["speculation_tokens_high"] - 1) * u_tau * (u_speculation < priors["speculation_probability"])
    chance = ndtr(np.log(priors["speed_slack"] * tau / (speed * step)) / priors["speed_sigma_ln"])
    return np.asarray(u_accept < chance)


def _made_to_fit(
    plan: Plan, model: ModelDraws, chips: _Chips, machine: Machine, facts: Facts
) -> tuple[Machine, list[str]]:
    """Twice the accelerators until weights and KV cache fit; what is disclosed stays as it was disclosed."""
    if plan.endpoint.n_accelerators is not None:
        misfit = float(np.mean(~_fits(plan, model, chips, machine, facts)))
        return machine, [f"what is disclosed does not fit into memory in {misfit:.0%} of the draws"]
    n = machine.n
    while True:
        machine = Machine(machine.chip, machine.precision, n, machine.batch)
        short = ~_fits(plan, model, chips, machine, facts) & (n < MAX_ACCELERATORS)
        if not short.any():
            return machine, []
        n = np.where(short, 2 * n, n)
