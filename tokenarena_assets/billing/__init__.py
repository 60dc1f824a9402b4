"""Billing: what an endpoint bills against what its text holds and what it says itself that it cost."""

from tokenarena_assets.billing.endpoint import AnswerCounts, BillingSummary, Counted, summarise
from tokenarena_assets.billing.findings import Finding, findings_of
from tokenarena_assets.billing.reported_cost import reported_cost_usd
from tokenarena_assets.billing.usage_shape import UsageShape, usage_shape

__all__ = [
    "AnswerCounts",
    "BillingSummary",
    "Counted",
    "Finding",
    "UsageShape",
    "findings_of",
    "reported_cost_usd",
    "summarise",
    "usage_shape",
]
