"""Wald's sequential test: how many requests it takes to tell a length that is read well from one that is not."""

from __future__ import annotations

import math
from typing import Literal

TestDecision = Literal["accept", "reject", "undetermined"]


class SequentialTest:
    """Is the accuracy at a length `accept * base_accuracy` or only `reject * base_accuracy`?

    Wald's sequential probability ratio test ("Sequential Tests of Statistical Hypotheses", 1945) on single answers,
    looked at after each request. `alpha` is the chance to reject a length as good as `accept`, `beta` that to accept
    one as poor as `reject`, both for independent answers. Those of one request are not quite independent, hence
    `min_requests`. After `max_requests` without a decision it is "undetermined". A decision once made stands.

    Raises:
        ValueError: a share is not within 0 to 1, `reject` is not below `accept`, or the requests are out of order.
    """

    def __init__(
        self,
        base_accuracy: float,
        accept: float = 0.85,
        reject: float = 0.60,
        alpha: float = 0.05,
        beta: float = 0.05,
        min_requests: int = 2,
        max_requests: int = 6,
    ) -> None:
        good, poor = accept * base_accuracy, reject * base_accuracy
        if not 0 < poor < good < 1:
            raise ValueError("needs 0 < reject * base_accuracy < accept * base_accuracy < 1")
        if not (0 < alpha < 1 and 0 < beta < 1 and alpha + beta < 1):
            raise ValueError("needs alpha and beta between 0 and 1, together below 1")
        if not 1 <= min_requests <= max_requests:
            raise ValueError("needs 1 <= min_requests <= max_requests")
        self.per_miss = math.log((1 - poor) / (1 - good))
        self.per_hit = math.log(poor / good)
        self.upper = math.log((1 - beta) / alpha)
        self.lower = math.log(beta / (1 - alpha))
        self.log_ratio = 0.0
        self.requests = 0
        self._least, self._most = min_requests, max_requests
        self._decision: TestDecision | None = None

    def add(self, hits: int, misses: int) -> None:
        """Count one more request, with its answers found and missed. After a decision it changes nothing.

        Raises:
            ValueError: a count is negative.
        """
        if hits < 0 or misses < 0:
            raise ValueError("hits and misses are counts")
        if self._decision is not None:
            return
        self.requests += 1
        self.log_ratio += hits * self.per_hit + misses * self.per_miss
        if self.requests < self._least:
            return
        if self.log_ratio >= self.upper:
            self._decision = "reject"
        elif self.log_ratio <= self.lower:
            self._decision = "accept"
        elif self.requests >= self._most:
            self._decision = "undetermined"

    @property
    def decision(self) -> TestDecision | None:
        """The decision so far; None: ask once more."""
        return self._decision
