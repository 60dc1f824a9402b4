"""The search end to end against endpoints that do to their prompts what real ones do."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.context import (
    STANDARD,
    TINY,
    Ask,
    ContextSearch,
    Ladder,
    Reply,
    ladder_of,
    rungs_of,
    verdict,
    worst_case,
)
from tokenarena_assets_tests.context.endpoints import (
    Endpoint,
    keep_ends,
    keep_first,
    keep_last,
    run,
    tokens_of,
)

ADVERTISED = 32_768
TOP = 28_672  # 7/8 of it


def kinds(result) -> set[str]:
    return {finding.kind for finding in result.findings}


def test_a_perfect_endpoint_is_effective_to_the_top_of_its_ladder() -> None:
    endpoint = Endpoint()
    result = run(endpoint, advertised=ADVERTISED)
    assert (result.status, result.effective, result.effective_lo, result.effective_hi) == ("ok", TOP, TOP, None)
    assert result.accepted == result.served == TOP
    assert result.base_accuracy == 1.0
    assert result.n_base == 24
    assert result.method == "two_calls"
    assert not result.findings
    assert result.max_residual is not None
    assert abs(result.max_residual) < 0.03
    top = result.curve[-1]
    assert (top.tokens, top.hits, top.answers, top.scored) == (TOP, 16, 16, 2)
    assert top.achieved_tokens == pytest.approx(TOP, rel=0.02)  # the length meant is the length sent


def test_the_calibration_finds_slope_and_overhead_of_the_tokenizer() -> None:
    plain = run(Endpoint(overhead=0), advertised=8_000)
    hidden = run(Endpoint(overhead=700), advertised=8_000)
    assert plain.prompt_overhead_tokens is not None
    assert hidden.prompt_overhead_tokens == pytest.approx(plain.prompt_overhead_tokens + 700)
    assert plain.tokens_per_char == pytest.approx(len(tokens_of(_prose())) / len(_prose()), rel=0.05)


def _prose() -> str:
    from tokenarena_assets.suites import reading

    return reading.prose(random.Random(1), 50_000)


@pytest.mark.parametrize("mode", ["cold", "full"])
def test_an_honest_refusal_sets_the_accepted_length(mode: str) -> None:
    result = run(Endpoint(limit=10_000), advertised=ADVERTISED, mode=mode)
    assert (result.status, result.effective, result.effective_hi) == ("ok", 8_000, 16_000)
    assert result.accepted == result.served == 8_000
    assert kinds(result) == {"limit"}
    assert "10000 tokens" in result.findings[0].evidence
    assert {rung.decision for rung in result.curve if rung.tokens > 8_000} == {"refused"}


@pytest.mark.parametrize(
    ("keep", "kind"),
    [(keep_last(9_000), "head_dropped"), (keep_first(9_000), "tail_dropped"), (keep_ends(9_000), "middle_dropped")],
)
@pytest.mark.parametrize("usage", ["kept", "sent", "none"])
@pytest.mark.parametrize("mode", ["cold", "full"])
def test_silent_truncation_is_found_and_is_no_lack_of_quality(keep, kind, usage, mode) -> None:
    result = run(Endpoint(keep=keep, usage=usage), advertised=ADVERTISED, mode=mode)
    assert result.status == "truncating"
    assert kind in kinds(result)
    assert result.effective == result.served == 8_000
    assert result.effective_hi == 16_000
    assert result.accepted == 8_000
    for rung in result.curve:
        # not one answer to a prompt that was shortened is scored
        assert rung.decision == ("truncated" if rung.tokens > 8_000 else "accept")
        assert rung.answers == 0 or rung.tokens <= 8_000
    assert result.method == ("chars_per_token" if usage == "none" else "two_calls")
    assert ("no_usage" in kinds(result)) == (usage == "none")


def test_a_window_so_small_that_nothing_is_found_is_still_truncation() -> None:
    """Some servers keep a small window of any prompt, answer with HTTP 200, and make the answer up."""
    result = run(Endpoint(keep=keep_last(2_100)), advertised=ADVERTISED)
    assert result.status == "truncating"
    assert "calibration_short" in kinds(result)
    assert result.method == "one_call"
    assert result.effective is None
    assert result.served == 2_000
    assert result.effective_hi == 4_000
    assert all(rung.answers == 0 for rung in result.curve)


@pytest.mark.parametrize("usage", ["kept", "sent", "none"])
def test_accuracy_that_falls_with_the_length_sets_the_effective_length(usage: str) -> None:
    endpoint = Endpoint(accuracy=lambda tokens: 0.99 if tokens < 10_000 else 0.45, usage=usage)
    result = run(endpoint, advertised=ADVERTISED, mode="full")
    assert (result.status, result.effective, result.effective_hi) == ("ok", 8_000, 16_000)
    assert result.served == 16_000  # served whole, and read badly
    assert not kinds(result) - {"no_usage"}
    isotonic = [rung.isotonic for rung in result.curve]
    assert isotonic == sorted(isotonic, reverse=True)
    for rung in result.curve:
        assert rung.isotonic_lo <= rung.isotonic <= rung.isotonic_hi


def test_not_even_the_first_rung() -> None:
    result = run(Endpoint(accuracy=lambda tokens: 0.99 if tokens < 3_000 else 0.3), advertised=ADVERTISED)
    assert (result.status, result.effective) == ("ok", None)
    assert (result.effective_lo, result.effective_hi) == (STANDARD.base_tokens, 4_000)


def test_a_base_too_weak_leaves_it_undefined() -> None:
    result = run(Endpoint(accuracy=lambda tokens: 0.5), advertised=ADVERTISED)
    assert (result.status, result.effective, result.effective_lo) == ("undefined", None, None)
    assert result.base_accuracy < 0.8
    assert result.curve == ()
    assert result.requests == 5


def test_lost_requests_are_no_misses() -> None:
    for seed in range(3):
        result = run(Endpoint(fails=0.15, seed=seed), advertised=ADVERTISED)
        assert (result.status, result.effective) == ("ok", TOP), seed
        assert all(rung.accuracy == 1.0 for rung in result.curve)


def test_nothing_but_failures_tells_nothing() -> None:
    result = run(Endpoint(fails=1.0), advertised=ADVERTISED)
    assert (result.status, result.effective, result.requests) == ("cannot_tell", None, 4)


def test_a_rung_with_nothing_but_failures_cannot_be_told() -> None:
    search = ContextSearch(ladder=STANDARD, advertised_tokens=ADVERTISED, mode="full")
    while (ask := search.next()) is not None:
        long = ask.target_tokens > 8_000
        hits = None if long else (True,) * 8
        search.take(ask, Reply("timeout_first" if long else "ok", None, None, round(ask.chars / 4.5), hits))
    result = search.result()
    assert (result.status, result.effective, result.effective_lo) == ("cannot_tell", None, 8_000)
    assert result.curve[-1].decision == "cannot_tell"
    assert result.curve[-1].failed == 3


def test_usage_that_answers_prove_wrong_is_not_truncation() -> None:
    """Reported tokens fall to a third, and yet every needle is found, at both ends and between."""
    search = ContextSearch(ladder=STANDARD, advertised_tokens=ADVERTISED, mode="cold")
    while (ask := search.next()) is not None:
        reported = round(ask.chars / 4.5 * (0.34 if ask.kind == "rung" else 1))
        search.take(ask, Reply("ok", 200, None, reported, (True,) * 8))
    result = search.result()
    assert (result.status, result.effective, result.served) == ("ok", TOP, TOP)
    assert kinds(result) == {"usage_contradicted"}


def test_a_little_less_usage_and_everything_found_lowers_only_what_is_served() -> None:
    search = ContextSearch(ladder=STANDARD, advertised_tokens=ADVERTISED, mode="full")
    while (ask := search.next()) is not None:
        reported = round(ask.chars / 4.5 * (0.93 if ask.target_tokens > 8_000 else 1))
        search.take(ask, Reply("ok", 200, None, reported, (True,) * 8))
    result = search.result()
    assert (result.status, result.effective, result.served) == ("ok", TOP, 8_000)
    assert kinds(result) == {"short_usage"}


def test_a_prompt_read_at_four_fifths_of_its_length_does_not_count_as_that_length() -> None:
    search = ContextSearch(ladder=STANDARD, advertised_tokens=ADVERTISED, mode="full")
    while (ask := search.next()) is not None:
        reported = round(ask.chars / 4.5 * (0.8 if ask.target_tokens > 8_000 else 1))
        search.take(ask, Reply("ok", 200, None, reported, (True,) * 8))
    result = search.result()
    assert (result.status, result.effective, result.served) == ("ok", 8_000, 8_000)
    assert result.curve[-1].decision == "short"


def test_one_eighth_missed_again_and_again_with_the_tokens_short_is_a_dropped_head() -> None:
    search = ContextSearch(ladder=STANDARD, advertised_tokens=ADVERTISED, mode="cold")
    while (ask := search.next()) is not None:
        cut = ask.target_tokens > 8_000
        reported = round(ask.chars / 4.5 * (0.8 if cut else 1))
        search.take(ask, Reply("ok", 200, None, reported, (not cut,) + (True,) * 7))
    result = search.result()
    assert (result.status, result.effective, result.served) == ("truncating", 8_000, 8_000)
    assert "head_dropped" in kinds(result)


def test_reading_the_middle_worst_is_no_hole() -> None:
    rng = random.Random(5)
    for _ in range(40):
        search = ContextSearch(ladder=STANDARD, advertised_tokens=ADVERTISED, mode="full")
        while (ask := search.next()) is not None:
            weak = ask.target_tokens > 8_000
            hits = tuple(rng.random() < (0.5 if weak and 2 <= octile < 6 else 0.97) for octile in range(8))
            search.take(ask, Reply("ok", 200, None, round(ask.chars / 4.5), hits))
        assert search.result().status in ("ok", "undefined")


def test_the_time_to_the_first_token_that_does_not_rise_is_told() -> None:
    search = ContextSearch(ladder=STANDARD, advertised_tokens=100_000, mode="full")
    while (ask := search.next()) is not None:
        search.take(ask, Reply("ok", 200, None, round(ask.chars / 4.5), (True,) * 8, 800.0))
    assert kinds(search.result()) == {"ttft_flat"}
    assert search.result().status == "ok"


def test_the_sentinel_asks_once_and_believes_what_it_knows() -> None:
    result = run(Endpoint(), advertised=ADVERTISED, mode="sentinel", known=16_000)
    assert (result.status, result.effective, result.requests) == ("ok", 16_000, 3)
    assert (result.base_accuracy, result.n_base, result.effective_hi) == (None, 0, None)
    assert [rung.decision for rung in result.curve] == ["accept"]


def test_a_sentinel_that_misses_goes_on_as_warm() -> None:
    worse = Endpoint(accuracy=lambda tokens: 0.99 if tokens < 6_000 else 0.4)
    result = run(worse, advertised=ADVERTISED, mode="sentinel", known=16_000)
    assert (result.status, result.effective, result.effective_hi) == ("ok", 4_000, 8_000)
    asked = [ask.target_tokens for ask, _ in worse.asked if ask.kind == "rung"]
    assert asked[0] == 16_000
    assert max(asked) == 16_000


def test_a_sentinel_that_sees_shortening_says_so() -> None:
    result = run(Endpoint(keep=keep_last(9_000)), advertised=ADVERTISED, mode="sentinel", known=16_000)
    assert (result.status, result.effective) == ("truncating", 8_000)


def test_a_sentinel_without_answers_cannot_tell() -> None:
    search = ContextSearch(ladder=STANDARD, advertised_tokens=ADVERTISED, mode="sentinel", known_tokens=16_000)
    while (ask := search.next()) is not None:
        hits = None if ask.kind == "rung" else (False,) * 8
        search.take(ask, Reply("ok" if hits else "timeout_first", None, None, 900 + ask.attempt, hits))
    assert search.result().status == "cannot_tell"
    assert search.result().requests <= 6


def test_warm_asks_at_the_known_length_and_the_one_above() -> None:
    endpoint = Endpoint(accuracy=lambda tokens: 0.99 if tokens < 10_000 else 0.4)
    result = run(endpoint, advertised=ADVERTISED, mode="warm", known=8_000)
    assert (result.effective, result.effective_hi) == (8_000, 16_000)
    assert {ask.target_tokens for ask, _ in endpoint.asked if ask.kind == "rung"} == {8_000, 16_000}


def test_lengths_of_half_a_million_are_asked_twice_at_most() -> None:
    search = ContextSearch(ladder=STANDARD, advertised_tokens=1_048_576, mode="full")
    rng = random.Random(3)
    asked: dict[int, int] = {}
    while (ask := search.next()) is not None:
        asked[ask.target_tokens] = asked.get(ask.target_tokens, 0) + (ask.kind == "rung")
        hits = tuple(rng.random() < 0.9 for _ in range(8)) if ask.kind == "rung" else (True,) * 8
        search.take(ask, Reply("ok", 200, None, round(ask.chars / 4.5), hits))
    assert all(count <= 2 for tokens, count in asked.items() if tokens >= 448_000)


@pytest.mark.parametrize("keep", [400, 512])
def test_the_tiny_tier_finds_a_dropped_head(keep: int) -> None:
    result = run(Endpoint(keep=keep_last(keep)), tier="tiny", advertised=1_024)
    assert result.status == "truncating"
    assert "head_dropped" in kinds(result)
    assert all(rung.accuracy is None or rung.accuracy >= 0.85 for rung in result.curve)


def test_the_tiny_tier_reads_an_honest_limit() -> None:
    result = run(Endpoint(limit=500), tier="tiny", advertised=1_024)
    assert (result.status, result.effective) == ("ok", 384)
    assert "limit" in kinds(result)


def test_no_ladder_for_a_context_that_is_too_short() -> None:
    result = run(Endpoint(), advertised=1_000)
    assert (result.status, result.requests) == ("cannot_tell", 0)


REPLIES = st.tuples(
    st.sampled_from(["answered", "answered", "answered", "failed", "limit"]),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.sampled_from([None, 0.2, 0.5, 0.95, 1.0, 1.0, 1.3]),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(REPLIES, min_size=1, max_size=30),
    st.sampled_from(["cold", "warm", "full", "sentinel"]),
    st.sampled_from([None, 900, 8_192, 131_072, 1_048_576]),
    st.sampled_from([None, 384, 16_000, 64_000]),
    st.sampled_from([STANDARD, TINY]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_any_search_ends_within_its_worst_case(
    replies, mode, advertised, known, ladder: Ladder, good_base: bool, rng: random.Random
) -> None:
    most = 131_072
    named = {"ladder": ladder, "advertised_tokens": advertised, "mode": mode, "known_tokens": known}
    search = ContextSearch(**named, most_tokens=most)
    bound = worst_case(ladder, advertised, mode, most, 400, known)
    pairs: list[tuple[Ask, Reply]] = []
    while (ask := search.next()) is not None:
        kind, hits, share = replies[len(pairs) % len(replies)]
        if good_base and ask.kind != "rung":
            kind, hits, share = "answered", [True] * 8, 1.0
        answered = kind == "answered"
        pairs.append(
            (
                ask,
                Reply(
                    "ok" if answered else "http_4xx",
                    200 if answered else 400 if kind == "limit" else None,
                    "maximum context length is 12 tokens" if kind == "limit" else None,
                    round(ask.chars / ladder.chars_per_token * share) if answered and share else None,
                    tuple(hits) if answered else None,
                ),
            )
        )
        search.take(*pairs[-1])
        assert len(pairs) <= bound.requests
    assert sum(max(ask.target_tokens, ask.chars / ladder.chars_per_token) for ask, _ in pairs) <= bound.input_tokens
    assert bound.output_tokens == 400 * bound.requests
    result = search.result()
    assert result.finished
    assert result.requests == len(pairs)
    assert result.effective is None or result.effective in rungs_of(ladder, advertised, most)
    # The verdict is of what came back, not of the order in which it is read, nor of failed attempts before an answer.
    rng.shuffle(pairs)
    lost = [(ask, Reply("timeout_first", None, None, None, None)) for ask, _ in pairs]
    assert verdict([*lost, *pairs], **named, most_tokens=most) == result


def test_a_search_cut_off_goes_on_where_it_stopped() -> None:
    endpoint = Endpoint(accuracy=lambda tokens: 0.9)
    whole = run(endpoint, advertised=ADVERTISED)
    for cut in range(len(endpoint.asked)):
        again = ContextSearch(ladder=ladder_of("standard"), advertised_tokens=ADVERTISED, mode="cold")
        for pair in endpoint.asked[:cut]:
            again.take(*pair)
        assert again.next() == endpoint.asked[cut][0]
        assert again.result().finished is False
        assert again.result().effective is None
    assert verdict(endpoint.asked, advertised_tokens=ADVERTISED, ladder=STANDARD, mode="cold") == whole


@pytest.mark.parametrize("accuracy", [0.75, 0.6, 0.3])
def test_reading_badly_at_random_is_seldom_called_truncation(accuracy: float) -> None:
    """About 1 search in 200, by simulation; here at most 2 of 100."""
    rng = random.Random(11)
    flagged = 0
    for _ in range(100):
        search = ContextSearch(ladder=STANDARD, advertised_tokens=ADVERTISED, mode="cold")
        while (ask := search.next()) is not None:
            chance = accuracy if ask.target_tokens > 8_000 else 0.97
            hits = tuple(rng.random() < chance for _ in range(8))
            search.take(ask, Reply("ok", 200, None, round(ask.chars / 4.5), hits))
        flagged += search.result().status == "truncating"
    assert flagged <= 2
