"""Times, output speed and streaming quality: known streams give known figures, however the network cuts them up."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tokenarena_assets.probing.timing import (
    MIN_BURSTS,
    MIN_CHARS,
    MIN_TOKENS,
    Arrival,
    Stamps,
    Timing,
    TokenCounts,
    measure,
)

US, MS = 1_000, 1_000_000
SENT = 5_000 * MS
EXAMPLES = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
BILLED = TokenCounts(output_tokens=101, reasoning_tokens=None, stopped_by_itself=False)


def stamps_of(arrivals: Sequence[Arrival], headers_ns: int | None = SENT) -> Stamps:
    answers = [arrival.ns for arrival in arrivals if arrival.answer]
    return Stamps(
        scheduled_ns=SENT - 7 * MS,
        sent_ns=SENT,
        headers_ns=headers_ns,
        first_token_ns=arrivals[0].ns if arrivals else None,
        first_answer_ns=answers[0] if answers else None,
        last_token_ns=arrivals[-1].ns if arrivals else None,
    )


def measured(arrivals: Sequence[Arrival], counts: TokenCounts = BILLED) -> Timing:
    return measure(stamps_of(arrivals), counts, arrivals)


def stream(gaps_ms: Sequence[float], text: str = "word ", first_ms: float = 100) -> list[Arrival]:
    """Answer events: the first at `first_ms`, each next one after its gap."""
    moments = accumulate(gaps_ms, initial=first_ms)
    return [Arrival(SENT + round(moment * MS), len(text), text) for moment in moments]


EVEN = stream([10.0] * 100)


def test_known_stamps_give_known_figures() -> None:
    thought = [Arrival(SENT + round((80 + i) * MS), 5, "") for i in (0, 10)]
    timing = measure(stamps_of([*thought, *EVEN], SENT + 60 * MS), replace(BILLED, output_tokens=103), thought + EVEN)
    assert timing == Timing(
        ttfb_ms=60.0,
        ttft_ms=80.0,
        ttfo_ms=100.0,
        readable_ms=210.0,  # the twelfth word came with the twelfth event, at 100 + 11 x 10
        e2e_ms=1_100.0,
        e2e_from_schedule_ms=1_107.0,
        output_speed_tok_s=pytest.approx(100.0),
        speed_method="one_token_per_event",
        output_chars_per_s=pytest.approx(500.0),
        inter_chunk_p50_ms=10.0,
        longest_stall_ms=10.0,
        shortest_gap_ms=10.0,
        stall_ratio=1.0,
        burstiness=-1.0,
        largest_burst_share=pytest.approx(1 / 103),
    )


def test_what_was_never_sent_or_never_came_has_no_figures() -> None:
    names = ("ttft_refusal", "ttfo_refusal", "speed_refusal", "streaming_refusal")
    unsent = measure(Stamps(SENT, None, None, None, None, None), BILLED, [])
    assert unsent == Timing(**dict.fromkeys(names, "not_sent"))
    silent = measure(Stamps(SENT, SENT, SENT + 3 * MS, None, None, None), BILLED, [])
    assert silent == Timing(ttfb_ms=3.0, **dict.fromkeys(names, "no_tokens"))


def test_an_answer_in_one_piece_has_its_end_but_no_first_token() -> None:
    timing = measured([Arrival(SENT + 900 * MS, 400, "All of it. " * 36)], replace(BILLED, streamed=False))
    assert (timing.ttft_ms, timing.ttft_refusal, timing.speed_refusal) == (None, "not_streamed", "not_streamed")
    assert (timing.ttfo_ms, timing.readable_ms, timing.e2e_ms) == (900.0, 900.0, 900.0)
    assert (timing.largest_burst_share, timing.streaming_refusal) == (None, "not_streamed")


def test_reasoning_alone_is_no_answer() -> None:
    timing = measured([arrival._replace(answer="") for arrival in EVEN])
    assert (timing.ttft_ms, timing.ttfo_ms, timing.ttfo_refusal, timing.readable_ms) == (100.0, None, "no_answer", None)
    assert timing.output_speed_tok_s == pytest.approx(100.0)


# --- output speed ---------------------------------------------------------------------------------------------------


def bundled(sizes: Sequence[int], gap_ms: float = 10.0, *, usage: bool = False) -> list[Arrival]:
    """Events of so many tokens each, four characters a token; a token is made every `gap_ms`, the first at 100 ms."""
    ends = list(accumulate(sizes))
    return [
        Arrival(SENT + round((90 + end * gap_ms) * MS), 4 * size, "abc " * size, end if usage else None)
        for size, end in zip(sizes, ends, strict=True)
    ]


@pytest.mark.parametrize(
    ("sizes", "usage", "billed", "method"),
    [
        ([1] * 101, False, 101, "one_token_per_event"),
        ([1] * 101, True, 101, "usage_per_event"),
        ([11] + [1] * 90, True, 101, "usage_per_event"),
        ([11] + [1] * 90, False, 101, "share_of_text"),
        ([3] * 33 + [2], False, 101, "share_of_text"),
    ],
)
def test_tokens_of_the_first_burst_are_left_out(sizes: list[int], usage: bool, billed: int, method: str) -> None:
    timing = measured(bundled(sizes, usage=usage), replace(BILLED, output_tokens=billed))
    assert timing.output_speed_tok_s == pytest.approx(100.0)
    assert (timing.speed_method, timing.speed_refusal) == (method, None)


def test_the_first_burst_is_all_that_came_with_the_first_read() -> None:
    arrivals = [Arrival(SENT + (max(n, 9) + 1) * 10 * MS, 4, "abc ") for n in range(60)]  # ten came together
    timing = measured(arrivals, replace(BILLED, output_tokens=60))
    assert (timing.output_speed_tok_s, timing.speed_method) == (pytest.approx(100.0), "one_token_per_event")


@pytest.mark.parametrize("sizes", [[1] * 40, [2] * 20, [4] * 12])
@pytest.mark.parametrize("usage", [True, False])
def test_an_end_of_text_token_that_sends_no_event_does_not_lift_the_speed(sizes: list[int], usage: bool) -> None:
    counts = TokenCounts(output_tokens=sum(sizes) + 1, reasoning_tokens=None, stopped_by_itself=True)
    assert measured(bundled(sizes, usage=usage), counts).output_speed_tok_s == pytest.approx(100.0)


def test_an_answer_cut_at_its_cap_has_no_such_token() -> None:
    counts = TokenCounts(output_tokens=48, reasoning_tokens=None, stopped_by_itself=False)
    assert measured(bundled([4] * 12), counts).output_speed_tok_s == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("so_far", "billed"),
    [
        ([0] * 41, 41),  # says nothing: no tokens so far
        ([41] * 41, 41),  # all of them on every event
        (list(range(100, 141)), 41),  # more than were billed
        ([None] * 40 + [41], 41),  # only at the end
    ],
)
def test_usage_on_events_that_says_nothing_is_not_used(so_far: list[int | None], billed: int) -> None:
    arrivals = [a._replace(tokens_so_far=n) for a, n in zip(bundled([1] * 41), so_far, strict=True)]
    timing = measured(arrivals, replace(BILLED, output_tokens=billed))
    assert (timing.output_speed_tok_s, timing.speed_method) == (pytest.approx(100.0), "one_token_per_event")


@pytest.mark.parametrize(
    ("arrivals", "counts", "reason"),
    [
        (EVEN, {"output_tokens": None}, "no_usage"),
        (EVEN, {"output_tokens": MIN_TOKENS - 1}, "too_few_tokens"),
        (bundled([12] * (MIN_BURSTS - 1)), {}, "too_few_bursts"),
        ([a._replace(ns=EVEN[0].ns) for a in EVEN], {}, "all_tokens_at_once"),
        (bundled([101]), {}, "all_tokens_at_once"),
        (list(reversed(EVEN)), {}, "stamps_out_of_order"),
    ],
)
def test_every_refusal_says_why_and_keeps_the_times(
    arrivals: list[Arrival], counts: dict[str, Any], reason: str
) -> None:
    timing = measured(arrivals, replace(BILLED, **counts))
    assert (timing.output_speed_tok_s, timing.speed_method, timing.speed_refusal) == (None, None, reason)
    assert timing.ttft_ms is not None
    assert timing.e2e_ms is not None


def test_the_least_that_is_measured() -> None:
    sizes = [2] * (MIN_TOKENS - MIN_BURSTS) + [1] * (2 * MIN_BURSTS - MIN_TOKENS)
    assert (len(sizes), sum(sizes)) == (MIN_BURSTS, MIN_TOKENS)
    timing = measured(bundled(sizes, usage=True), replace(BILLED, output_tokens=MIN_TOKENS))
    assert timing.output_speed_tok_s == pytest.approx(100.0)


# --- hidden reasoning -----------------------------------------------------------------------------------------------


def after_hidden_thought(reasoning: int = 300) -> tuple[list[Arrival], TokenCounts]:
    """Twenty answer tokens held back and let go within 2 ms, then eighty at their pace of 10 ms."""
    held = [Arrival(SENT + round(4_000 * MS) + n * 100 * US, 4, "abc ") for n in range(20)]
    paced = [Arrival(SENT + 4_002 * MS + n * 10 * MS, 4, "abc ") for n in range(1, 81)]
    return held + paced, TokenCounts(reasoning + 100, reasoning, stopped_by_itself=False)


def test_hidden_reasoning_leaves_the_last_80_percent_of_the_answer() -> None:
    timing = measured(*after_hidden_thought())
    assert timing.output_speed_tok_s == pytest.approx(100.0)
    assert timing.speed_method == "last_80_percent_of_answer"
    assert timing.ttft_ms == timing.ttfo_ms == 4_000.0


@pytest.mark.parametrize(("shown", "method"), [("", True), ("x" * 299, True), ("x" * 300, False), ("x" * 1200, False)])
def test_reasoning_is_hidden_where_its_text_cannot_hold_its_tokens(shown: str, method: bool) -> None:
    arrivals, counts = after_hidden_thought()
    thought = [Arrival(SENT + 3_000 * MS, len(shown), "")] if shown else []
    assert (measured(thought + arrivals, counts).speed_method == "last_80_percent_of_answer") == method


def test_hidden_reasoning_and_a_short_answer_give_no_speed() -> None:
    arrivals, _ = after_hidden_thought()
    few = TokenCounts(300 + MIN_TOKENS - 1, 300, stopped_by_itself=False)
    assert measured(arrivals[:15], few).speed_refusal == "too_few_tokens"
    some = TokenCounts(330, 300, stopped_by_itself=False)
    assert measured(arrivals[:30], some).speed_refusal == "too_few_bursts"  # 1 + 10, of which two go and one opens


# --- re-chunking ----------------------------------------------------------------------------------------------------


def parts(draw: st.DrawFn, total: int, most: int, first_most: int | None = None) -> list[int]:
    """`total` as sizes of at most `most`, the first of at most `first_most`."""
    sizes = []
    while (left := total - sum(sizes)) > 0:
        sizes.append(draw(st.integers(1, min(left, first_most if first_most and not sizes else most))))
    return sizes


@st.composite
def rechunked(draw: st.DrawFn) -> tuple[list[Arrival], TokenCounts, float, float]:
    """One stream of tokens as some server and network may deliver it, with its true speed and the first arrival in ms.

    Token k is made at k gaps, give or take the jitter. The server writes events of a few tokens; what was made by the
    end of a read comes with it; and the network may cut a read up into several that follow within microseconds.
    """
    rng = random.Random(draw(st.integers(0, 2**32)))
    total, gap_ms = draw(st.integers(200, 260)), draw(st.sampled_from([2.0, 10.0, 80.0]))
    jitter = draw(st.sampled_from([0.0, 0.4])) * gap_ms
    start_ms = draw(st.sampled_from([5.0, 300.0, 3_000.0]))
    made_ms = sorted(start_ms + k * gap_ms + rng.uniform(-jitter, jitter) for k in range(total))
    usage = draw(st.sampled_from(["every", "end"]))
    even_text = draw(st.booleans())
    # The share of text stands for the share of tokens: exact where tokens are of one length, else off by a few tokens.
    reads = parts(draw, total, 12, 12 if even_text or usage == "every" else 4)
    per_event = draw(st.integers(1, 4))
    cut_us = draw(st.sampled_from([0, 1, 30]))
    arrivals: list[Arrival] = []
    sent = 0
    for size in reads:
        end = sent + size
        moment = SENT + round(made_ms[end - 1] * MS)
        while sent < end:
            bundle = min(per_event, end - sent)
            text = "".join("word" if even_text else "w" * rng.randint(1, 8) for _ in range(bundle))
            sent += bundle
            so_far = sent if usage == "every" else None
            arrivals.append(Arrival(moment, len(text), text, so_far))
            moment += cut_us * US
    unseen_end = draw(st.booleans())
    counts = TokenCounts(total + unseen_end, draw(st.sampled_from([None, 0])), stopped_by_itself=unseen_end)
    return arrivals, counts, 1000 / gap_ms, made_ms[reads[0] - 1]


@EXAMPLES
@given(rechunked())
def test_speed_does_not_move_under_any_rechunking(case: tuple[list[Arrival], TokenCounts, float, float]) -> None:
    arrivals, counts, speed, first_ms = case
    timing = measured(arrivals, counts)
    assert timing.ttft_ms == pytest.approx(first_ms, rel=1e-6)
    assert timing.ttfo_ms == timing.ttft_ms
    assert timing.speed_refusal is None
    assert timing.output_speed_tok_s == pytest.approx(speed, rel=0.01)
    if all(arrival.answer == "word" * (arrival.chars // 4) for arrival in arrivals):
        assert timing.output_chars_per_s == pytest.approx(4 * speed, rel=0.01)


@EXAMPLES
@given(st.lists(st.integers(1, 6), min_size=40, max_size=60), st.lists(st.integers(1, 40), min_size=300, max_size=300))
@example([4] * 40, [20] * 300)
def test_cutting_reads_up_moves_no_figure(sizes: list[int], cuts_us: list[int]) -> None:
    """Each read of a stream, cut into one read an event, a few microseconds apart."""
    ends = list(accumulate(sizes))
    whole = [
        Arrival(SENT + end * 10 * MS, 4, "abc ") for size, end in zip(sizes, ends, strict=True) for _ in range(size)
    ]
    cut, late, moments = [], 0, [arrival.ns for arrival in whole]
    for number, arrival in enumerate(whole):
        late = late + cuts_us[number] * US if number and moments[number] == moments[number - 1] else 0
        cut.append(arrival._replace(ns=arrival.ns + late))
    counts = replace(BILLED, output_tokens=len(whole))
    before, after = measured(whole, counts), measured(cut, counts)
    assert after.output_speed_tok_s == pytest.approx(before.output_speed_tok_s, rel=0.005)
    assert after.inter_chunk_p50_ms == pytest.approx(before.inter_chunk_p50_ms, rel=0.03)
    assert after.longest_stall_ms == pytest.approx(before.longest_stall_ms, rel=0.03)
    assert after.largest_burst_share == before.largest_burst_share
    assert after.ttft_ms == before.ttft_ms


# --- streaming quality ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart_us", [0, 1, 20, 150])
@pytest.mark.parametrize("wait_ms", [800, 5_000])
def test_a_buffered_answer_let_go_at_once_is_one_burst(apart_us: int, wait_ms: int) -> None:
    timing = measured(stream([apart_us / 1000] * 200, first_ms=wait_ms), replace(BILLED, output_tokens=201))
    assert timing.largest_burst_share == 1.0
    assert (timing.speed_refusal, timing.streaming_refusal) == ("all_tokens_at_once", "all_tokens_at_once")
    assert timing.inter_chunk_p50_ms is timing.longest_stall_ms is timing.stall_ratio is timing.burstiness is None


def test_a_part_that_was_held_back_is_told_by_its_share() -> None:
    timing = measured(stream([0.02] * 99 + [10.0] * 100, first_ms=1_000))
    assert timing.largest_burst_share == pytest.approx(0.5)
    assert timing.output_speed_tok_s is not None


@pytest.mark.parametrize("gap_ms", [0.17, 1.0, 30.0])
def test_an_endpoint_that_streams_as_it_writes_has_no_burst(gap_ms: float) -> None:
    timing = measured(stream([gap_ms] * 199, first_ms=3.0))
    assert timing.largest_burst_share == pytest.approx(1 / 200)
    assert timing.burstiness == -1.0


def test_a_long_wait_before_an_honest_stream_is_no_burst() -> None:
    assert measured(stream([10.0] * 99, first_ms=20_000)).largest_burst_share == pytest.approx(1 / 100)


def test_a_stall_is_the_longest_gap() -> None:
    timing = measured(stream([10.0] * 60 + [700.0] + [10.0] * 40))
    assert (timing.inter_chunk_p50_ms, timing.longest_stall_ms, timing.stall_ratio) == (10.0, 700.0, 70.0)


def test_burstiness_has_its_closed_form_and_tells_even_from_random_from_clumped() -> None:
    gaps = [10.0, 30.0] * 50  # mean 20, standard deviation 10
    assert measured(stream(gaps)).burstiness == pytest.approx((10 - 20) / (10 + 20))
    rng = random.Random(7)
    poisson = measured(stream([rng.expovariate(1 / 20) for _ in range(4_000)])).burstiness
    assert abs(poisson) < 0.05
    clumps = measured(stream(([0.2] * 19 + [200.0]) * 10)).burstiness
    assert clumps > 0.6


def test_too_little_to_judge_a_stream() -> None:
    short = measured(stream([10.0] * 9, text="ab "))
    assert (short.largest_burst_share, short.streaming_refusal) == (None, "too_little_text")
    few = measured(stream([10.0] * (MIN_BURSTS - 2), text="w" * MIN_CHARS))
    assert (few.stall_ratio, few.burstiness, few.streaming_refusal) == (None, None, "too_few_bursts")
    assert (few.inter_chunk_p50_ms, few.longest_stall_ms, few.largest_burst_share) == (10.0, 10.0, pytest.approx(1 / 9))
    assert few.output_chars_per_s is None


@pytest.mark.parametrize(
    ("pieces", "at"),
    [
        (["Four is", " two and", " two.", " And", " more"], 3),  # known to be a sentence when the space has come
        (["It is 3", ".", "5 metres", " long", ".\n", "Next"], 4),
        (["Well", ". ", "Dr. ", "No ", "came here", "! ", "Then"], 5),  # too few words before the first two
        (["Is it so", '?" ', "she asked", " him"], 1),
        (["one two three four five six seven eight", " nine ten eleven", " twelve", " thirteen"], 3),
        (["one two three four five six seven eight nine ten eleven twelve", " "], 1),
        (["答案是四", "。", "因为"], 1),
        (["x" * 150, "x" * 49, "x", "x"], 2),
        (["42"], 0),
        (["4", "2"], 1),  # shorter than a sentence: all of it
        (["", "\n", "Yes", ""], 2),
    ],
)
def test_time_to_something_readable(pieces: list[str], at: int) -> None:
    arrivals = [Arrival(SENT + (n + 1) * 10 * MS, 5, piece) for n, piece in enumerate(pieces)]
    assert measured(arrivals).readable_ms == (at + 1) * 10.0


@pytest.mark.parametrize("pieces", [[""], [" ", "\n\n"]])
def test_nothing_to_read_is_never_readable(pieces: list[str]) -> None:
    assert measured([Arrival(SENT + 10 * MS, 2, piece) for piece in pieces]).readable_ms is None


# --- whatever comes -------------------------------------------------------------------------------------------------

NANOSECONDS = st.integers(-(2**62), 2**62)
ARRIVALS = st.builds(
    Arrival, NANOSECONDS, st.integers(0, 50), st.text(max_size=8), st.one_of(st.none(), st.integers(-5, 60))
)


@EXAMPLES
@given(
    st.builds(Stamps, NANOSECONDS, *[st.one_of(st.none(), NANOSECONDS)] * 5),
    st.builds(TokenCounts, *[st.one_of(st.none(), st.integers(0, 99))] * 2, st.booleans(), st.booleans()),
    st.one_of(
        st.lists(ARRIVALS, max_size=40),
        st.lists(ARRIVALS, min_size=15, max_size=40).map(lambda found: sorted(found, key=lambda a: a.ns)),
    ),
)
def test_no_stamps_break_it_and_every_figure_is_finite_or_refused(
    stamps: Stamps, counts: TokenCounts, arrivals: list[Arrival]
) -> None:
    timing = measure(stamps, counts, arrivals)
    json.dumps(asdict(timing), allow_nan=False)
    assert (timing.output_speed_tok_s is None) == (timing.speed_refusal is not None)
    assert (timing.speed_method is None) == (timing.output_speed_tok_s is None)
    assert (timing.ttft_ms is None) == (timing.ttft_refusal is not None)
    assert timing.ttfo_ms is None or timing.ttfo_refusal in (None, "no_tokens")
    quality = (timing.largest_burst_share, timing.inter_chunk_p50_ms, timing.stall_ratio, timing.burstiness)
    assert (None in quality) == (timing.streaming_refusal is not None)
    if timing.largest_burst_share is not None:
        assert 0 <= timing.largest_burst_share <= 1
    if timing.burstiness is not None:
        assert -1 <= timing.burstiness <= 1
        assert math.isfinite(timing.burstiness)
    if timing.shortest_gap_ms is not None:
        gaps = [later.ns - earlier.ns for earlier, later in pairwise(arrivals) if later.ns != earlier.ns]
        assert timing.shortest_gap_ms == min(gaps) / MS
