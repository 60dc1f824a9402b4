"""Whether an endpoint can be sent to from here: its key, the placeholders of its address, an adapter for its API."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.endpoints.placeholders import names_in, unusable, values_of


@dataclass(frozen=True, slots=True)
class Readiness:
    """What an endpoint lacks: variables that are not set, a value that cannot be used, or any way to be probed."""

    missing: tuple[str, ...] = ()
    problem: str | None = None
    cannot_probe: str | None = None

    @property
    def reason(self) -> str | None:
        """Why it is not sent to; None: it can be."""
        if self.cannot_probe is not None:
            return f"cannot be probed: {self.cannot_probe}"
        return f"missing {', '.join(self.missing)}" if self.missing else self.problem


def api_key(endpoint: Endpoint) -> str | None:
    """The key of an endpoint from the environment; None where it needs none, empty where it is missing."""
    # A key read from a file often brings its line end along.
    return os.environ.get(endpoint.api_key_env, "").strip() if endpoint.api_key_env else None


def readiness(endpoint: Endpoint) -> Readiness:
    """What an endpoint lacks now, in this environment; values are never part of it."""
    if endpoint.cannot_probe is not None:
        return Readiness(cannot_probe=endpoint.cannot_probe)
    key, values = api_key(endpoint), values_of(endpoint.base_url)
    missing = [name for name in names_in(endpoint.base_url) if name not in values]
    if key == "" and endpoint.api_key_env is not None:
        missing.insert(0, endpoint.api_key_env)
    if missing:
        return Readiness(tuple(dict.fromkeys(missing)))
    if key is not None and not (key.isascii() and key.isprintable()):
        return Readiness(problem=f"unusable {endpoint.api_key_env}: it holds characters that no HTTP header can carry")
    if wrong := unusable(values):
        return Readiness(
            problem=f"unusable {', '.join(wrong)}: letters, digits and . _ - only, the first and last a letter or digit"
        )
    return Readiness()


def not_ready(endpoints: Iterable[Endpoint]) -> dict[str, str]:
    """By endpoint_id, why it is not sent to; who is ready is left out."""
    return {each.endpoint_id: reason for each in endpoints if (reason := readiness(each).reason) is not None}


def needed_by(endpoints: Iterable[Endpoint]) -> Mapping[str, int]:
    """How many endpoints wait for each variable that is not set, most wanted first."""
    counts: dict[str, int] = {}
    for endpoint in endpoints:
        for name in readiness(endpoint).missing:
            counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
