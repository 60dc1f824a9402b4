"""Times and output speed: known stamps give known figures, and bundling tokens differently does not change them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tokenarena_assets.probing.client import token_counts
from tokenarena_assets.probing.stream import parse_stream
from tokenarena_assets.probing.timing import MIN_READS, MIN_TOKENS, Stamps, Timing, TokenCounts, measure
from tokenarena_assets_tests.servers.misbehaving import chunk, data

MS = 1_000_000
EXAMPLES = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
STAMPS = Stamps(
    sent_ns=5_000 * MS, headers_ns=5_080 * MS, first_token_ns=5_100 * MS, first_answer_ns=5_300 * MS,
    last_token_ns=6_100 * MS,
)  # fmt: skip
ONE_EACH = TokenCounts(
    output_tokens=101,
    generated_events=101,
    generated_reads=101,
    generated_chars=404,
    first_read_events=1,
    first_read_chars=4,
    first_read_tokens=None,
    hidden_reasoning=False,
)


def test_known_stamps_give_known_times() -> None:
    assert measure(STAMPS, ONE_EACH) == Timing(
        ttfb_ms=80.0,
        ttft_ms=100.0,
        ttfo_ms=300.0,
        e2e_ms=1_100.0,
        output_speed_tok_s=100.0,
        speed_method="one_token_per_event",
        speed_refusal=None,
    )


@pytest.mark.parametrize(
    ("changes", "speed", "method"),
    [
        ({"first_read_events": 5, "first_read_chars": 20}, 96.0, "one_token_per_event"),
        ({"first_read_tokens": 11, "generated_events": 30}, 90.0, "usage_per_event"),
        ({"first_read_tokens": 1, "first_read_events": 3}, 100.0, "usage_per_event"),
        # What says nothing: no tokens so far, or all of them with the first event.
        ({"first_read_tokens": 0}, 100.0, "one_token_per_event"),
        ({"first_read_tokens": 101}, 100.0, "one_token_per_event"),
        ({"generated_events": 100}, 100.0, "one_token_per_event"),
        ({"generated_events": 51, "first_read_chars": 4 * 20}, 81.0, "share_of_text"),
        # Events that bring less than a token do not stand for one each.
        ({"generated_events": 202, "first_read_events": 40, "first_read_chars": 4 * 20}, 81.0, "share_of_text"),
    ],
)
def test_tokens_of_the_first_read_are_left_out(changes: dict[str, int], speed: float, method: str) -> None:
    timing = measure(STAMPS, replace(ONE_EACH, **changes))
    assert timing.output_speed_tok_s == pytest.approx(speed)
    assert (timing.speed_method, timing.speed_refusal) == (method, None)


@pytest.mark.parametrize(
    ("stamps", "changes", "reason"),
    [
        ({"first_token_ns": None, "last_token_ns": None}, {}, "no_tokens"),
        ({}, {"output_tokens": None}, "no_usage"),
        ({}, {"hidden_reasoning": True}, "hidden_reasoning"),
        ({}, {"output_tokens": MIN_TOKENS - 1}, "too_few_tokens"),
        ({}, {"generated_reads": MIN_READS - 1}, "too_few_reads"),
        ({"last_token_ns": STAMPS.first_token_ns}, {}, "all_tokens_at_once"),
        ({}, {"generated_events": 40, "first_read_chars": 404}, "all_tokens_at_once"),
        ({}, {"first_read_events": 101}, "all_tokens_at_once"),
    ],
)
def test_every_refusal_says_why_and_keeps_the_times(
    stamps: dict[str, int | None], changes: dict[str, object], reason: str
) -> None:
    timing = measure(replace(STAMPS, **stamps), replace(ONE_EACH, **changes))
    assert (timing.output_speed_tok_s, timing.speed_method, timing.speed_refusal) == (None, None, reason)
    assert timing.ttfb_ms == 80.0


def test_what_did_not_happen_has_no_time() -> None:
    nothing = Stamps(sent_ns=7, headers_ns=None, first_token_ns=None, first_answer_ns=None, last_token_ns=None)
    assert measure(nothing, ONE_EACH) == Timing(None, None, None, None, None, None, "no_tokens")


def test_at_the_least_that_is_measured() -> None:
    least = replace(ONE_EACH, output_tokens=MIN_TOKENS, generated_events=MIN_TOKENS, generated_reads=MIN_READS)
    assert measure(STAMPS, least).output_speed_tok_s == pytest.approx(MIN_TOKENS - 1)


@st.composite
def bundlings(draw: st.DrawFn) -> tuple[int, list[int]]:
    """A number of tokens and how many of them each read brings; at least `MIN_READS` reads."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=MIN_READS, max_size=60))
    sizes = [size * (2 if sum(sizes) < MIN_TOKENS else 1) for size in sizes]
    return sum(sizes), sizes


@EXAMPLES
@given(bundlings(), st.integers(1, 5), st.sampled_from([None, "end", "every"]), st.sampled_from([5, 80]))
@example((17, [2] + [1] * 15), 2, "end", 5)
@example((120, [20] + [1] * 100), 1, "end", 5)
def test_bundling_does_not_change_the_speed(
    bundling: tuple[int, list[int]], tokens_per_event: int, usage: str | None, gap_ms: int
) -> None:
    """Token k of equal length is made at k gaps; a read brings all that were made, in events of up to a few tokens."""
    total, reads = bundling
    events, event_ns, sent = [], [], 0
    for size in reads:
        end = sent + size
        while sent < end:
            bundle = min(tokens_per_event, end - sent)
            sent += bundle
            extra = {"usage": {"completion_tokens": sent}} if usage == "every" else {}
            events.append(chunk({"content": "word" * bundle}, **extra))
            event_ns.append(end * gap_ms * MS)
    if usage == "end":
        events.append(data({"choices": [], "usage": {"completion_tokens": total}}))
        event_ns.append(event_ns[-1])
    result = parse_stream(events)
    assert result.first_generated_index is not None
    assert result.last_generated_index is not None
    stamps = Stamps(0, 0, event_ns[result.first_generated_index], None, event_ns[result.last_generated_index])
    timing = measure(stamps, token_counts(result, event_ns))
    if usage is None:
        assert timing.speed_refusal == "no_usage"
    else:
        # One event fewer than tokens: the billed end of the text, or two tokens in one event. A token of doubt.
        doubt = 1 / (total - reads[0]) if len(result.generated) == total - 1 else 0.0
        assert timing.output_speed_tok_s == pytest.approx(1000 / gap_ms, rel=0.01 + doubt)


def test_the_first_read_counts_all_its_events() -> None:
    events = [chunk({"content": f" w{number:02d}"}) for number in range(30)]
    event_ns = [(max(number, 9) + 1) * 10 * MS for number in range(30)]  # the first ten came together
    result = parse_stream([*events, data({"choices": [], "usage": {"completion_tokens": 30}})])
    counts = token_counts(result, [*event_ns, event_ns[-1]])
    assert (counts.first_read_events, counts.generated_reads) == (10, 21)
    timing = measure(Stamps(0, 0, event_ns[0], event_ns[0], event_ns[-1]), counts)
    assert timing.output_speed_tok_s == pytest.approx(100.0)


@pytest.mark.parametrize(("reasoning", "text"), itertools.product((None, 0, 12), ("", "thought")))
def test_reasoning_that_is_billed_and_not_shown_refuses_the_speed(reasoning: int | None, text: str) -> None:
    usage = {"completion_tokens": 40, "completion_tokens_details": {"reasoning_tokens": reasoning}}
    result = parse_stream([chunk({"reasoning": text}), chunk({"content": "a"}), data({"usage": usage})])
    assert token_counts(result, [1, 2, 3]).hidden_reasoning == (bool(reasoning) and not text)
