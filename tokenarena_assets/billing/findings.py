"""What an audit allows to say of an endpoint: one careful sentence each, with the clearest examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tokenarena_assets.billing.endpoint import MIN_ANSWERS, MIN_TOKENS, AnswerCounts, BillingSummary
from tokenarena_assets.stats import RatioOfSums

MIN_COSTS = 5
COST_TOLERANCE = 0.01  # rounding of reported costs
EXAMPLES = 3
LARGE_OVERHEAD_TOKENS = 200
CHUNK_SHARE = 0.9
Severity = Literal["flag", "note", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that may be said; `examples` are the clearest requests with their place in the evidence."""

    kind: str
    severity: Severity
    claim: str
    n: int
    examples: tuple[dict[str, Any], ...] = ()


def findings_of(
    summary: BillingSummary, answers: Sequence[AnswerCounts], *, tokenizer: str, exact: bool, shapes: dict[str, int]
) -> list[Finding]:
    """The findings of an endpoint; `shapes` counts what :mod:`usage_shape` found, as `cached_inside` and so on."""
    by = f"by {tokenizer}, the family's own tokenizer" if exact else f"by {tokenizer}, a common tokenizer"
    found = [
        _no_usage(summary),
        _output(summary, answers, by),
        _input(summary, answers, by),
        _overhead(summary),
        _reasoning_twice(summary, answers),
        _chunks(summary, answers),
        _hidden(summary, answers),
        _cost(summary.cost_ratio, answers),
        *_shapes(shapes),
    ]
    return [finding for finding in found if finding is not None]


def _no_usage(summary: BillingSummary) -> Finding | None:
    missing = summary.n - summary.n_usage
    if not missing:
        return None
    claim = f"{missing} of {summary.n} audited answers came without usage: what they are billed cannot be told"
    return Finding("usage_missing", "note", claim, summary.n)


def _output(summary: BillingSummary, answers: Sequence[AnswerCounts], by: str) -> Finding | None:
    ratio, n = summary.ratio, summary.n_usage
    if summary.output_verdict == "cannot tell":
        if n < MIN_ANSWERS or summary.counted < MIN_TOKENS:
            why = f"{n} answers with usage and {summary.counted} tokens; it takes {MIN_ANSWERS} and {MIN_TOKENS}"
        else:
            why = f"billed over counted is {_interval(ratio)} {by}, whose own error is {_error(summary)}"
        return Finding("output", "cannot tell", f"whether output is billed as the text has it cannot be told: {why}", n)
    if summary.output_verdict not in ("more", "less"):
        return None
    more = summary.output_verdict == "more"
    claim = (
        f"bills {_interval(ratio)} times the output tokens that its text holds, its end included, counted {by} "
        f"(error {_error(summary)}; {n} answers)"
    )
    if more:
        claim += "; reasoning that is billed and neither shown nor reported would look the same"
    examples = _examples(answers, lambda a: a.shown_billed - a.counted.hi if more else a.counted.lo - a.shown_billed)
    return Finding("output_more" if more else "output_less", "flag" if more else "note", claim, n, examples)


def _input(summary: BillingSummary, answers: Sequence[AnswerCounts], by: str) -> Finding | None:
    line = summary.line
    if summary.input_verdict not in ("more", "less"):
        return None
    more = summary.input_verdict == "more"
    claim = (
        f"bills {line.slope:.3f} [{line.lo:.3f}, {line.hi:.3f}] prompt tokens for each that was sent, beside a fixed "
        f"{line.overhead:.0f} a request, counted {by} (error {summary.input_error_lo:.2f} to "
        f"{summary.input_error_hi:.2f}; {line.n} prompts)"
    )
    if not more:
        claim += "; a prompt that was cut would look the same"
    sign = 1 if more else -1
    examples = _examples(
        answers, lambda a: sign * ((a.billed_input or 0) - a.prompt.tokens) if a.prompt is not None else float("-inf")
    )
    return Finding("input_more" if more else "input_less", "flag" if more else "note", claim, line.n, examples)


def _overhead(summary: BillingSummary) -> Finding | None:
    overhead = summary.line.overhead
    if overhead is None or overhead < LARGE_OVERHEAD_TOKENS:
        return None
    claim = (
        f"each request is billed about {overhead:.0f} prompt tokens beside its text: a chat template and what is put "
        "before the prompt without being asked"
    )
    return Finding("input_overhead", "note", claim, summary.line.n)


def _reasoning_twice(summary: BillingSummary, answers: Sequence[AnswerCounts]) -> Finding | None:
    thought = [a for a in answers if a.billed_output is not None and (a.billed_reasoning or a.reasoning.tokens)]
    reasoning = sum(a.billed_reasoning or a.reasoning.tokens for a in thought)
    excess = sum(a.shown_billed - a.counted.tokens for a in thought)
    if summary.output_verdict != "more" or len(thought) < MIN_ANSWERS or not 0.85 <= excess / reasoning <= 1.15:
        return None
    claim = (
        f"what is billed beyond the text, {excess} tokens, is about its reasoning once more ({reasoning} tokens, "
        f"{len(thought)} answers): as if reasoning were added to an output count that contains it already"
    )
    return Finding("reasoning_twice", "flag", claim, len(thought), _examples(thought, lambda a: a.shown_billed))


def _chunks(summary: BillingSummary, answers: Sequence[AnswerCounts]) -> Finding | None:
    known = [a for a in answers if a.billed_output is not None]
    same = [a for a in known if a.billed_output == a.events and a.events > 1]
    off = summary.output_verdict in ("more", "less")
    if not off or len(known) < MIN_ANSWERS or len(same) < CHUNK_SHARE * len(known):
        return None
    claim = (
        f"in {len(same)} of {len(known)} answers the output tokens billed are the number of its chunks, and not of its "
        "tokens: chunks seem to be counted"
    )
    return Finding("chunks_counted", "note", claim, len(known), _examples(same, lambda a: a.events))


def _hidden(summary: BillingSummary, answers: Sequence[AnswerCounts]) -> Finding | None:
    if not summary.hidden:
        return None
    share = summary.hidden / summary.billed
    n = sum(answer.hidden > 0 for answer in answers)
    claim = (
        f"{share:.1%} of the output tokens billed are reasoning that is not shown, or only as a summary ({n} answers): "
        "whether that much was reasoned cannot be told"
    )
    return Finding("hidden_reasoning", "cannot tell", claim, n, _examples(answers, lambda a: a.hidden))


def _cost(ratio: RatioOfSums, answers: Sequence[AnswerCounts]) -> Finding | None:
    if ratio.value is None or ratio.lo is None or ratio.hi is None or ratio.n < MIN_COSTS:
        return None
    if ratio.lo <= 1 + COST_TOLERANCE and ratio.hi >= 1 - COST_TOLERANCE:
        return None
    claim = (
        f"reports {_interval(ratio)} times the cost that its usage comes to at the price that the catalog has "
        f"({ratio.n} requests): another price, a fee, or tokens that usage does not show"
    )
    examples = _examples(answers, lambda a: abs((a.reported_cost_usd or 0.0) - (a.cost_usd or 0.0)))
    return Finding("reported_cost_differs", "note", claim, ratio.n, examples)


def _shapes(shapes: dict[str, int]) -> list[Finding]:
    said = {
        "cached_outside": "cached prompt tokens are reported beside the prompt tokens, not among them; we add them",
        "reasoning_outside": "reasoning tokens are reported beside the output tokens, not among them; we add them",
    }
    found = [Finding(kind, "note", claim, shapes[kind]) for kind, claim in said.items() if shapes.get(kind)]
    for part in ("cached", "reasoning"):
        inside, outside = shapes.get(f"{part}_inside", 0), shapes.get(f"{part}_outside", 0)
        if inside and outside:
            claim = f"{part} tokens are inside the total in {inside} usage blocks and beside it in {outside}"
            found.append(Finding(f"{part}_mixed", "note", claim, inside + outside))
    return found


def _examples(answers: Sequence[AnswerCounts], weight: Callable[[AnswerCounts], float]) -> tuple[dict[str, Any], ...]:
    ordered = sorted(answers, key=lambda a: (-weight(a), a.request_id))[:EXAMPLES]
    return tuple(
        {
            "request_id": a.request_id,
            "raw_file": a.raw_file,
            "raw_line": a.raw_line,
            "billed_output_tokens": a.billed_output,
            "counted_output_tokens": a.counted.tokens,
            "billed_reasoning_tokens": a.billed_reasoning,
            "counted_reasoning_tokens": a.reasoning.tokens,
            "billed_input_tokens": a.billed_input,
            "counted_input_tokens": None if a.prompt is None else a.prompt.tokens,
            "cost_usd": a.cost_usd,
            "reported_cost_usd": a.reported_cost_usd,
        }
        for a in ordered
        if weight(a) > 0
    )


def _interval(ratio: RatioOfSums) -> str:
    if ratio.value is None:
        return "unknown"
    if ratio.lo is None or ratio.hi is None:
        return f"{ratio.value:.3f}"
    return f"{ratio.value:.3f} [{ratio.lo:.3f}, {ratio.hi:.3f}]"


def _error(summary: BillingSummary) -> str:
    if summary.error_lo is None or summary.error_hi is None:
        return "unknown"
    return f"{summary.error_lo:.2f} to {summary.error_hi:.2f}"
