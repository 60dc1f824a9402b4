"""Has what is sold under one name changed? Change points of daily series, each with its evidence and probability."""

from tokenarena_assets.drift.changes import Change, changes_of, probability_beside, recorded_changes
from tokenarena_assets.drift.events import (
    CANNOT_TELL,
    CHANGED,
    UNCHANGED,
    Event,
    History,
    details_of,
    events_of,
)
from tokenarena_assets.drift.metrics import MEASURED, RECORDED, Metric, Recorded
from tokenarena_assets.drift.posterior import Posterior, change_posterior, log_bayes_factors
from tokenarena_assets.drift.segments import proposed_changes
from tokenarena_assets.drift.series import Series, chance_of_share, day_weights, without_shared

__all__ = [
    "CANNOT_TELL",
    "CHANGED",
    "MEASURED",
    "RECORDED",
    "UNCHANGED",
    "Change",
    "Event",
    "History",
    "Metric",
    "Posterior",
    "Recorded",
    "Series",
    "chance_of_share",
    "change_posterior",
    "changes_of",
    "day_weights",
    "details_of",
    "events_of",
    "log_bayes_factors",
    "probability_beside",
    "proposed_changes",
    "recorded_changes",
    "without_shared",
]
