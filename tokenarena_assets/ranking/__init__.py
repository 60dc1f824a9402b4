"""Orders endpoints, and says which of them cannot be told apart."""

from tokenarena_assets.ranking.per_correct import Candidate, GradedItem, Ranked, rank_per_correct

__all__ = ["Candidate", "GradedItem", "Ranked", "rank_per_correct"]
