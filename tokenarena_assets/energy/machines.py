"""Draws of the machines that may serve an endpoint: chip, precision, accelerators per replica, batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tokenarena_assets.energy.constants import Facts
from tokenarena_assets.energy.model_draws import ModelDraws
from tokenarena_assets.energy.plan import Plan
from tokenarena_assets.energy.roofline import Array, Serving, joules_per_output_token
from tokenarena_assets.energy.streams import choices, stream

ROUNDS = 8
MAX_ACCELERATORS = 1024.0
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Machine:
    """Draws of one serving: chip and precision by index, accelerators per replica, batch."""

    chip: NDArray[np.intp]
    precision: NDArray[np.intp]
    n: Array
    batch: Array

    def part(self, at: Index | Mask) -> Machine:
        """Some of the draws."""
        return Machine(self.chip[at], self.precision[at], self.n[at], self.batch[at])

    def replace(self, at: Index, by: Machine) -> None:
        """Put others in the place of some draws."""
        self.chip[at], self.precision[at], self.n[at], self.batch[at] = by.chip, by.precision, by.n, by.batch


class Chips:
    """Columns of the chips and precisions that an endpoint may have, to be picked by index."""

    def __init__(self, plan: Plan) -> None:
        self.tdp_low, self.tdp, self.tdp_high, self.memory, self.bandwidth = (
            np.array([getattr(chip, name) for chip in plan.chips])
            for name in ("tdp_low_w", "tdp_w", "tdp_high_w", "memory_bytes", "bandwidth")
        )
        self.all_in = np.array([chip.power_is_all_in for chip in plan.chips])
        self.flops = np.array([[chip.flops(p.compute) for p in plan.precisions] for chip in plan.chips])
        self.bytes = np.array([p.bytes_per_weight for p in plan.precisions])


class Machines:
    """Machines of one endpoint, drawn anew from its own stream until memory and speed allow what was seen."""

    def __init__(self, plan: Plan, model: ModelDraws, facts: Facts, seed: int) -> None:
        self.plan, self.model, self.facts = plan, model, facts
        self.chips = Chips(plan)
        self.source = stream(seed, "machine", plan.serving_key)

    def draw(self) -> tuple[Machine, tuple[str, ...]]:
        """One machine per draw, and what there is to say of them."""
        every = np.arange(len(self.model.total))
        chosen = self._candidates(every)
        fits = self._fits(chosen, every)
        ok = fits & self._fast_enough(chosen, every)
        for _ in range(ROUNDS):
            at = np.flatnonzero(~ok)
            if not len(at):
                break
            fresh = self._candidates(at)
            fits_too = self._fits(fresh, at)
            good = fits_too & self._fast_enough(fresh, at)
            # One that fits but is too slow is still better than one that cannot be.
            take = good | (fits_too & ~fits[at])
            chosen.replace(at[take], fresh.part(take))
            fits[at[take]], ok[at[good]] = True, True
        notes: list[str] = []
        if not fits.all():
            chosen, notes = self._made_to_fit(chosen, every)
        slow = float(np.mean(fits & ~ok))
        if slow > 0.05:
            notes.append(f"the speed seen is out of the model's reach in {slow:.0%} of the draws")
        return chosen, tuple(notes)

    def serving(self, machine: Machine, at: Index, tdp_w: Array) -> Serving:
        """The draws at some places as the roofline wants them."""
        model = self.model
        return Serving(
            params_total=model.total[at],
            params_active=model.active[at],
            bytes_per_weight=self.chips.bytes[machine.precision],
            layers=model.layers[at],
            tdp_w=tdp_w,
            bandwidth=self.chips.bandwidth[machine.chip],
            flops=self.chips.flops[machine.chip, machine.precision],
            n=machine.n,
            batch=machine.batch,
            kv_bytes=model.step_bytes[at],
            expert_gpus=self.plan.expert_gpus,
        )

    def _candidates(self, at: Index) -> Machine:
        plan, chips, priors = self.plan, self.chips, self.facts.priors
        u_chip, u_precision, u_n = self.source.random((3, len(at)))
        z = self.source.standard_normal(len(at))
        chip = choices(np.array(plan.chip_weights), u_chip)
        precision = choices(np.array(plan.precision_weights), u_precision)
        if plan.endpoint.n_accelerators is not None:
            n = np.full(len(at), float(plan.endpoint.n_accelerators))
        else:
            weights = priors["weights_memory_factor"] * self.model.total[at] * chips.bytes[precision]
            n = 2 ** np.ceil(np.log2(np.maximum(weights / chips.memory[chip], 1)))
            n = np.where(u_n < priors["double_n_probability"], 2 * n, n)
        return Machine(chip, precision, n, plan.batch_median * np.exp(plan.batch_sigma_ln * z))

    def _fits(self, machine: Machine, at: Index) -> Mask:
        """Whether weights and KV cache fit into nine tenths of the memory (design note 2.2)."""
        plan, chips = self.plan, self.chips
        memory = self.facts.priors["memory_usable_fraction"] * machine.n * chips.memory[machine.chip]
        spread = 1.0 if plan.expert_gpus is None else np.maximum(plan.expert_gpus / machine.n, 1.0)
        weights = self.model.total[at] * chips.bytes[machine.precision] / spread
        return np.asarray(machine.batch * self.model.step_bytes[at] <= memory - weights)

    def _fast_enough(self, machine: Machine, at: Index) -> Mask:
        """One-sided use of a stream's speed (design note 2.7): rules out machines whose step takes too long for it.

        Accepted with P(t_model < 1.35 tau / s), tau tokens per step where decoding is speculative.
        """
        speed, priors = self.plan.endpoint.per_user_speed_tok_s, self.facts.priors
        if speed is None or self.plan.endpoint.output_tok_s is not None:
            return np.ones(len(at), bool)
        u_accept, u_speculation, u_tau = self.source.random((3, len(at)))
        tdp = self.chips.tdp[machine.chip]
        watts = priors["power_fraction"] * machine.n * tdp
        joules = joules_per_output_token(self.serving(machine, at, tdp), self.facts.coefficients)
        tau = 1 + (priors["speculation_tokens_high"] - 1) * u_tau * (u_speculation < priors["speculation_probability"])
        reach = priors["speed_slack"] * tau / (speed * joules * machine.batch / watts)
        return np.asarray(u_accept < ndtr(np.log(reach) / priors["speed_sigma_ln"]))

    def _made_to_fit(self, machine: Machine, every: Index) -> tuple[Machine, list[str]]:
        """Twice the accelerators until weights and KV cache fit; what is disclosed stays as it was disclosed."""
        if self.plan.endpoint.n_accelerators is not None:
            misfit = float(np.mean(~self._fits(machine, every)))
            return machine, [f"what is disclosed does not fit into memory in {misfit:.0%} of the draws"]
        n = machine.n
        while True:
            machine = Machine(machine.chip, machine.precision, n, machine.batch)
            short = ~self._fits(machine, every) & (n < MAX_ACCELERATORS)
            if not short.any():
                return machine, []
            n = np.where(short, 2 * n, n)
