"""Modeled energy of inference endpoints: intervals from public facts, fitted on energy that others measured."""

from tokenarena_assets.energy.comparison import SUPPORTED, Comparison, compare
from tokenarena_assets.energy.constants import CPU
from tokenarena_assets.energy.disclosed import decode_energy_j_per_token, energy_from_throughput
from tokenarena_assets.energy.draws import DEFAULT_SEED, EndpointDraws, EnergyDraws, draw_endpoint, energy_draws
from tokenarena_assets.energy.facts import facts, load_facts
from tokenarena_assets.energy.interval import MODEL_VERSION, energy_interval, summary
from tokenarena_assets.energy.per_correct import (
    AnsweredItem,
    PerCorrect,
    PerToken,
    Resampling,
    finite_interval,
    joules_per_correct,
    lower_bound_j,
    probabilities_less,
)
from tokenarena_assets.energy.records import EnergyEndpoint, EnergyInterval, Interval, Workload, as_endpoint

__all__ = [
    "CPU",
    "DEFAULT_SEED",
    "MODEL_VERSION",
    "SUPPORTED",
    "AnsweredItem",
    "Comparison",
    "EndpointDraws",
    "EnergyDraws",
    "EnergyEndpoint",
    "EnergyInterval",
    "Interval",
    "PerCorrect",
    "PerToken",
    "Resampling",
    "Workload",
    "as_endpoint",
    "compare",
    "decode_energy_j_per_token",
    "draw_endpoint",
    "energy_draws",
    "energy_from_throughput",
    "energy_interval",
    "facts",
    "finite_interval",
    "joules_per_correct",
    "load_facts",
    "lower_bound_j",
    "probabilities_less",
    "summary",
]
