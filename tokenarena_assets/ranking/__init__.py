"""Orders endpoints, and says which of them cannot be told apart."""

from tokenarena_assets.ranking.in_time import cost_per_correct_in_time, no_answer_in_time
from tokenarena_assets.ranking.per_correct import Candidate, GradedItem, Ranked, item_weights, rank_per_correct
from tokenarena_assets.ranking.places import (
    ClosePair,
    RankIntervals,
    close_pairs,
    normal_p_values,
    rank_from_p_values,
    rank_intervals,
    rank_upper_bound,
    shared_places,
)
from tokenarena_assets.ranking.two_samples import rank_sum_p_values, tail_p_values, weighted_mcnemar_p_values

__all__ = [
    "Candidate",
    "ClosePair",
    "GradedItem",
    "RankIntervals",
    "Ranked",
    "close_pairs",
    "cost_per_correct_in_time",
    "item_weights",
    "no_answer_in_time",
    "normal_p_values",
    "rank_from_p_values",
    "rank_intervals",
    "rank_per_correct",
    "rank_sum_p_values",
    "rank_upper_bound",
    "shared_places",
    "tail_p_values",
    "weighted_mcnemar_p_values",
]
