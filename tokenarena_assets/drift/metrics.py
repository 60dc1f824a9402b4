"""What is watched of each endpoint: on which scale, against what it is compared, and which change is worth a claim."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Scale = Literal["plain", "log"]
Shared = Literal["all", "family", "none"]
PARTS = ("outputs", "quality", "answer length", "speed", "price", "served name", "context")


@dataclass(frozen=True, slots=True)
class Metric:
    """One column of `drift_daily` whose days of an unchanged endpoint scatter; sizes are on its scale.

    `shared` says whose days move together: where the same day shows at all endpoints, it is our machine or our line;
    where it shows at a whole family, it is the day's items or the family's reference. A `share` is of so many items.
    """

    name: str
    label: str
    part: str
    unit: str
    n: str | None  # the column of what a day's value rests on
    scale: Scale
    shared: Shared
    least: float  # smallest change worth a claim
    usual: float  # standard deviation of a real change, of the prior
    scatter: float  # a day-to-day standard deviation below this is not believed
    offset: float = 0.0  # added before the logarithm: below it, differences do not matter
    share: bool = False  # of n items

    def scaled(self, value: float) -> float:
        """`value` on the metric's scale."""
        return math.log(value + self.offset) if self.scale == "log" else value


@dataclass(frozen=True, slots=True)
class Recorded:
    """One column of `drift_daily` that is on record, not estimated: it needs no statistics.

    `days` is how long a value must stand to be one: a name or a count is of that day's requests, and a single day may
    be a detour; a list price is a fact at once.
    """

    name: str
    label: str
    part: str
    unit: str
    days: int


MEASURED = (
    Metric("fidelity_day", "fidelity F", "outputs", "points", "fidelity_day_n", "plain", "family", 3.0, 10.0, 0.5),
    Metric(
        "greedy_rate_per_1k",
        "greedy divergences per 1k tokens",
        "outputs",
        "per 1k tokens",
        "greedy_n",
        "log",
        "family",
        math.log(2),
        1.0,
        0.1,
        offset=5.0,
    ),
    Metric(
        "logprob_lt_nats",
        "log-probability distance",
        "outputs",
        "nats",
        "logprob_n",
        "log",
        "family",
        math.log(2),
        1.0,
        0.1,
        offset=0.02,
    ),
    Metric("border_tv", "first tokens of border inputs", "outputs", "", "border_n", "plain", "none", 0.2, 0.5, 0.02),
    Metric(
        "accuracy_math",
        "accuracy in math",
        "quality",
        "",
        "accuracy_math_n",
        "plain",
        "family",
        0.05,
        0.15,
        0.01,
        share=True,
    ),
    Metric(
        "accuracy_code",
        "accuracy in code",
        "quality",
        "",
        "accuracy_code_n",
        "plain",
        "family",
        0.05,
        0.15,
        0.01,
        share=True,
    ),
    Metric(
        "tokens_per_answer",
        "tokens per answer",
        "answer length",
        "tokens",
        "tokens_per_answer_n",
        "log",
        "family",
        math.log(1.1),
        0.3,
        0.01,
    ),
    Metric(
        "output_speed_tok_s",
        "output speed",
        "speed",
        "tok/s",
        "output_speed_n",
        "log",
        "all",
        math.log(1.15),
        0.5,
        0.02,
    ),
    Metric("ttft_ms", "time to first token", "speed", "ms", "ttft_n", "log", "all", math.log(1.25), 0.5, 0.02),
    Metric(
        "context_effective_tokens",
        "effective context",
        "context",
        "tokens",
        None,
        "log",
        "none",
        math.log(1.25),
        0.7,
        0.05,
    ),
)
RECORDED = (
    Recorded("parity_mismatched", "prompt token counts unlike the reference's", "outputs", "message sets", 3),
    Recorded("input_usd_per_mtok", "input price", "price", "USD per million tokens", 1),
    Recorded("output_usd_per_mtok", "output price", "price", "USD per million tokens", 1),
    Recorded("served_model", "model name in responses", "served name", "", 3),
)
