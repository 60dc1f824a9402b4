"""Intervals and tests: pure functions on numbers and arrays."""

from tokenarena_assets.stats.bootstrap import bca_ratio
from tokenarena_assets.stats.clusters import clustered_mean, clustered_se
from tokenarena_assets.stats.combine import weighted_sum
from tokenarena_assets.stats.intervals import Interval, quantile_interval, wilson
from tokenarena_assets.stats.paired import (
    PairedDifference,
    holm,
    mcnemar_exact,
    minimum_detectable_difference,
    paired_difference,
    weighted_mcnemar_exact,
)
from tokenarena_assets.stats.ratio import RatioOfSums, log_ratio_p_values, ratio_of_sums, ratio_with_interval
from tokenarena_assets.stats.tail import Tail, conservative_percentile, sample_needed

__all__ = [
    "Interval",
    "PairedDifference",
    "RatioOfSums",
    "Tail",
    "bca_ratio",
    "clustered_mean",
    "clustered_se",
    "conservative_percentile",
    "holm",
    "log_ratio_p_values",
    "mcnemar_exact",
    "minimum_detectable_difference",
    "paired_difference",
    "quantile_interval",
    "ratio_of_sums",
    "ratio_with_interval",
    "sample_needed",
    "weighted_mcnemar_exact",
    "weighted_sum",
    "wilson",
]
