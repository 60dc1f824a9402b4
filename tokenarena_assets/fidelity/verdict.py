"""From the channels' p values to a day's suspects, and from days to a verdict and what may be said in words."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

COUNTED_CHANNELS = ("sampled", "greedy", "logprobs")  # parity and border are reported, and judge nobody
EXACT_CHANNELS = frozenset({"greedy", "logprobs"})  # the ones that see small numeric differences
Q = 0.05  # false discovery rate over a day's endpoints
MIN_REFERENCE_DAYS = 14
MARGIN_POINTS = 3.0  # of F: closer than this is as good as the same
DAYS_IN_A_ROW = 3
CHANNELS_NEEDED = 2
SMALLEST_P = 1e-300  # what a tail probability rounds to 0 under


@dataclass(frozen=True, slots=True)
class Flag:
    """One endpoint on one day, all endpoints of the day considered."""

    p_endpoint: float | None  # Bonferroni over its own channels; None where no channel has a p
    q_value: float | None  # after Benjamini and Hochberg over the day's endpoints
    suspect: bool
    named: frozenset[str]  # channels that would carry the finding by themselves


NO_FLAG = Flag(None, None, False, frozenset())


@dataclass(frozen=True, slots=True)
class DayEvidence:
    """What a verdict rests on, beside the flags of the days before."""

    role: Literal["endpoint", "reference", "honest"]
    flag: Flag | None
    gap_lo: float | None  # 95 % interval of F_self - F, in points
    gap_hi: float | None
    n_reference_days: int
    reference_kind: str  # own_api, self_hosted, partner, consensus, none
    n_consensus: int = 0  # endpoints that the consensus is of
    why_no_score: str = ""
    why_no_reference: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict's name and why it is this one."""

    verdict: str
    note: str


def p_of_a_difference(p: float | None, gap_hi: float | None) -> float | None:
    """What the p of sampled text counts for among the day's: 1 where the gap is shown to be within the margin.

    What is shown to be as good as the same is no finding, however sure it is that it is not exactly the same: with
    enough samples everything differs. A p that is only ever raised stays one.
    """
    return 1.0 if p is not None and gap_hi is not None and gap_hi < MARGIN_POINTS else p


def flag_day(p: Mapping[str, Mapping[str, float | None]], q: float = Q) -> dict[str, Flag]:
    """Suspects of one day: Bonferroni over an endpoint's channels, Benjamini-Hochberg over the endpoints.

    Args:
        p: By endpoint the p value of each channel; None where it has none. Only the counted channels are read. Leave
            references and honest stand-ins out: they are not judged.
        q: The false discovery rate.
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - a second that starting need not wait for

    channels = {
        endpoint: {c: value for c in COUNTED_CHANNELS if (value := found.get(c)) is not None}
        for endpoint, found in p.items()
    }
    p_endpoint = {e: min(1.0, len(found) * min(found.values())) for e, found in channels.items() if found}
    if not p_endpoint:
        return dict.fromkeys(p, NO_FLAG)
    adjusted = false_discovery_control(list(p_endpoint.values()))
    q_value = {endpoint: float(value) for endpoint, value in zip(p_endpoint, adjusted, strict=True)}
    # Benjamini and Hochberg's critical value, not the largest p under it: with one suspect alone that would be its own
    # smallest p, and no second channel could ever be named.
    threshold = q * sum(value <= q for value in q_value.values()) / len(q_value)
    flags = dict.fromkeys(p, NO_FLAG)
    for endpoint, value in p_endpoint.items():
        found = channels[endpoint]
        named = frozenset(c for c, own in found.items() if len(found) * own <= threshold)
        flags[endpoint] = Flag(value, q_value[endpoint], q_value[endpoint] <= q, named)
    return flags


def judge(today: DayEvidence, history: Sequence[Flag | None]) -> Verdict:
    """The verdict of one endpoint-day. It is made anew every day, so it clears by itself.

    Args:
        today: The evidence of the day.
        history: Flags of the two days before, in any order; None, or one too few, where a day has none.
    """
    if today.role == "reference":
        return Verdict("reference", "")
    if today.role == "honest":
        return Verdict("honest_floor", "measures the floor; not judged")
    if today.reference_kind == "none":
        return Verdict("no_reference", today.why_no_reference or "the family has no reference")
    if today.reference_kind == "consensus":
        return Verdict("undetermined", f"consensus of {today.n_consensus} endpoints: no claim of deviation")
    flag = today.flag or NO_FLAG
    if flag.p_endpoint is None and today.gap_hi is None:
        return Verdict("no_score", today.why_no_score or "no channel could be compared")
    if today.n_reference_days < MIN_REFERENCE_DAYS:
        missing = MIN_REFERENCE_DAYS - today.n_reference_days
        note = f"no verdict before {MIN_REFERENCE_DAYS} reference days: {missing} missing"
        return Verdict("suspect" if flag.suspect else "undetermined", note)
    if flag.suspect:
        return _suspect_or_different(today, flag, history)
    if today.gap_hi is not None and today.gap_hi < MARGIN_POINTS:
        return Verdict("consistent", f"at most {today.gap_hi:.1f} points under the reference's own similarity")
    if today.gap_hi is None:
        return Verdict("undetermined", today.why_no_score or "no score of sampled text")
    return Verdict("undetermined", f"could be up to {today.gap_hi:.1f} points under the reference's own similarity")


def _suspect_or_different(today: DayEvidence, flag: Flag, history: Sequence[Flag | None]) -> Verdict:
    before = [found for found in history if found is not None and found.suspect]
    if len(before) < DAYS_IN_A_ROW - 1 or len(history) != DAYS_IN_A_ROW - 1:
        return Verdict("suspect", f"different takes {DAYS_IN_A_ROW} days in a row")
    lasting = flag.named.intersection(*(found.named for found in before))
    if len(lasting) < CHANNELS_NEEDED:
        return Verdict("suspect", f"different takes {CHANNELS_NEEDED} channels on {DAYS_IN_A_ROW} days in a row")
    if today.gap_lo is None or today.gap_lo <= MARGIN_POINTS:
        return Verdict("suspect", f"sampled text is not shown to be over {MARGIN_POINTS:g} points off")
    channels = ", ".join(sorted(lasting))
    return Verdict("different", f"{channels}: {DAYS_IN_A_ROW} days in a row, over {today.gap_lo:.1f} points off")


def claim(verdict: str, named: Collection[str], disclosed: str | None, reference_quantization: str | None) -> str:
    """What may be said of a finding; empty where nothing is found.

    Sampled text alone cannot tell 8-bit weights from full ones, nor a quantization from another template or prompt:
    with only that channel named, no precision is mentioned.
    """
    if verdict not in {"suspect", "different"}:
        return ""
    channels = ", ".join(c for c in COUNTED_CHANNELS if c in named)
    if not EXACT_CHANNELS.intersection(named):
        return f"text differs from the reference's ({channels})" if channels else "differs from the reference"
    if disclosed and reference_quantization and disclosed != reference_quantization:
        return f"differs from the reference, as its disclosed {disclosed} would ({channels})"
    if disclosed and reference_quantization:
        return f"outputs differ from the {disclosed} that is disclosed ({channels})"
    return f"outputs differ from the reference's ({channels})"


def e_value(p_endpoint: float) -> float:
    """The day's evidence as an e value, 0.5 / sqrt(p): its mean is 1 under the null.

    E values of other days with fresh references may be multiplied, p values may not.

    Raises:
        ValueError: not a p value.
    """
    if not 0 <= p_endpoint <= 1:
        raise ValueError(f"not a p value: {p_endpoint}")
    return 0.5 / math.sqrt(max(p_endpoint, SMALLEST_P))
