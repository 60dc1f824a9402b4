"""What must be known of an endpoint before a figure of it is ranked: nobody is ranked on what survived."""

from __future__ import annotations

MIN_KNOWN = 5
MIN_SUCCESS_RATE = 0.8
MAX_MISSING_SHARE = 0.05
MAX_TRUNCATED_SHARE = 0.02
REFERENCE_RANGE = (0.60, 0.85)  # of a family's reference: there two endpoints differ on most items


def not_ranked_because(sent: int, answered: int, known: int, mostly: str | None = None) -> str | None:
    """Why a figure known of `known` probes may not be ranked; `sent` went out and `answered` came back.

    `mostly` is the reason for which most of the others have no such figure.
    """
    if sent == 0:
        return "no probe was sent"
    if answered < MIN_SUCCESS_RATE * sent:
        return f"{answered} of {sent} answered, {MIN_SUCCESS_RATE:.0%} needed"
    if known < MIN_KNOWN:
        return f"known of {known} of {sent}{f' ({mostly})' if mostly else ''}, {MIN_KNOWN} needed"
    return None


def is_scored(asked: int, missing: int) -> bool:
    """Whether so few answers are missing that what is left speaks for the endpoint."""
    return missing < asked and missing <= MAX_MISSING_SHARE * asked


def is_truncation_limited(asked: int, truncated: int) -> bool:
    """Whether so many answers were cut at the output cap that the cap, not the model, limits the accuracy."""
    return truncated > MAX_TRUNCATED_SHARE * asked
