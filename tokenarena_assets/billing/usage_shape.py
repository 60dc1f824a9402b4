"""What a provider's usage block counts where: cached tokens inside the input or beside it, reasoning likewise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Place = Literal["inside", "outside"]
INPUT_FIELDS = ("prompt_tokens", "input_tokens", "promptTokenCount")
OUTPUT_FIELDS = ("completion_tokens", "output_tokens", "candidatesTokenCount")


@dataclass(frozen=True, slots=True)
class UsageShape:
    """Where cached and reasoning tokens are counted; None: there were none, or it does not show."""

    cached: Place | None
    reasoning: Place | None


def usage_shape(
    block: Mapping[str, Any],
    *,
    input_tokens: int | None,
    cached_tokens: int | None,
    output_tokens: int | None,
    reasoning_tokens: int | None,
) -> UsageShape:
    """The shape of a raw usage block, told by its normalised counts (which include cached tokens and reasoning)."""
    return UsageShape(
        cached=_place(_first(block, INPUT_FIELDS), input_tokens, cached_tokens),
        reasoning=_place(_first(block, OUTPUT_FIELDS), output_tokens, reasoning_tokens),
    )


def _place(written: int | None, normalised: int | None, part: int | None) -> Place | None:
    if not part or written is None or normalised is None:
        return None
    if normalised == written:
        return "inside"
    return "outside" if normalised >= written + part else None


def _first(block: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    values = (block.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool)), None)
