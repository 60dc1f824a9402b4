"""Is it the same model, and has it changed? Statistics of samples: pure functions on arrays."""

from tokenarena_assets.fidelity.border import border_alarm, mean_tv, total_variation
from tokenarena_assets.fidelity.day_variance import DayTest, DayVariance, day_test, day_variance
from tokenarena_assets.fidelity.estimators import (
    FidelityEstimate,
    UParts,
    fidelity,
    kernel_cosine,
    mmd2,
    u_parts,
    within_kernel,
)
from tokenarena_assets.fidelity.greedy import divergence, rate_ratio
from tokenarena_assets.fidelity.kernels import Kernel, delta_kernel, gram, hamming_kernel, prefix_kernel
from tokenarena_assets.fidelity.logprobs import kl_top_k, lt_statistic, lt_test
from tokenarena_assets.fidelity.mmd import mmd_hamming
from tokenarena_assets.fidelity.permutation import PermutationTest, permutation_test
from tokenarena_assets.fidelity.sequences import END, Outcome, PromptSamples, encode
from tokenarena_assets.fidelity.verdict import claim, flag_day, judge, p_of_a_difference

__all__ = [
    "END",
    "DayTest",
    "DayVariance",
    "FidelityEstimate",
    "Kernel",
    "Outcome",
    "PermutationTest",
    "PromptSamples",
    "UParts",
    "border_alarm",
    "claim",
    "day_test",
    "day_variance",
    "delta_kernel",
    "divergence",
    "encode",
    "fidelity",
    "flag_day",
    "gram",
    "hamming_kernel",
    "judge",
    "kernel_cosine",
    "kl_top_k",
    "lt_statistic",
    "lt_test",
    "mean_tv",
    "mmd2",
    "mmd_hamming",
    "p_of_a_difference",
    "permutation_test",
    "prefix_kernel",
    "rate_ratio",
    "total_variation",
    "u_parts",
    "within_kernel",
]
