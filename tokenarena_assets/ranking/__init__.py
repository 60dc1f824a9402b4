"""Orders endpoints, and says which of them cannot be told apart."""

from tokenarena_assets.ranking.in_time import cost_per_correct_in_time, no_answer_in_time
from tokenarena_assets.ranking.per_correct import Candidate, GradedItem, Ranked, item_weights, rank_per_correct

__all__ = [
    "Candidate",
    "GradedItem",
    "Ranked",
    "cost_per_correct_in_time",
    "item_weights",
    "no_answer_in_time",
    "rank_per_correct",
]
