"""Intervals and tests: pure functions on numbers and arrays."""

from tokenarena_assets.stats.intervals import Interval, quantile_interval, wilson
from tokenarena_assets.stats.paired import PairedDifference, holm, mcnemar_exact, paired_difference
from tokenarena_assets.stats.ratio import RatioOfSums, log_ratio_p_value, ratio_of_sums
from tokenarena_assets.stats.tail import Tail, conservative_percentile, sample_needed

__all__ = [
    "Interval",
    "PairedDifference",
    "RatioOfSums",
    "Tail",
    "conservative_percentile",
    "holm",
    "log_ratio_p_value",
    "mcnemar_exact",
    "paired_difference",
    "quantile_interval",
    "ratio_of_sums",
    "sample_needed",
    "wilson",
]
