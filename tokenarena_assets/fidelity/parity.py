"""Prompt-token parity: the same messages must count the same number of input tokens as at the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SETS_FOR_AN_OFFSET = 2  # one message set alone differs by a constant whatever the cause


@dataclass(frozen=True, slots=True)
class Parity:
    """What a day's message sets show; counts of tokens as billed (`usage.prompt_tokens`)."""

    n: int  # message sets that both sides counted
    n_missing: int  # asked for, and not counted by one side or both
    equal: int
    mismatched: tuple[tuple[str, int, int], ...]  # prompt_id, the endpoint's count, the reference's
    offset: int | None  # endpoint less reference where all sets differ by this one number, not 0

    @property
    def note(self) -> str:
        """In words, for a reader who asks what the numbers mean."""
        if not self.n:
            return "no message set was counted by both sides"
        if not self.mismatched:
            return f"token counts equal on all {self.n} message sets"
        if self.offset is not None:
            return f"a hidden prompt or another template of about {self.offset:+d} tokens, on all {self.n} message sets"
        return (
            f"token counts differ on {len(self.mismatched)} of {self.n} message sets: "
            "another template or tokenizer for these messages"
        )


def parity(endpoint: Mapping[str, int | None], reference: Mapping[str, int | None]) -> Parity:
    """Compare counts by prompt_id, exactly; None is a count that was not given, and proves nothing."""
    asked = sorted(endpoint.keys() | reference.keys())
    counts = [(prompt, endpoint.get(prompt), reference.get(prompt)) for prompt in asked]
    both = [(prompt, got, expected) for prompt, got, expected in counts if got is not None and expected is not None]
    mismatched = tuple(row for row in both if row[1] != row[2])
    offsets = {got - expected for _, got, expected in both}
    constant = len(offsets) == 1 and len(both) >= SETS_FOR_AN_OFFSET and bool(mismatched)
    return Parity(
        n=len(both),
        n_missing=len(asked) - len(both),
        equal=len(both) - len(mismatched),
        mismatched=mismatched,
        offset=offsets.pop() if constant else None,
    )
