"""Draws of what is not known of a model's weights: endpoints of the model share them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tokenarena_assets.energy.architecture import Shape, likely_shape
from tokenarena_assets.energy.constants import Facts
from tokenarena_assets.energy.plan import Plan
from tokenarena_assets.energy.roofline import Array, kv_read_bytes
from tokenarena_assets.energy.streams import lognormal, normals


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
