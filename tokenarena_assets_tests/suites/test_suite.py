"""What a round asks: the same of every endpoint, new on every day and round."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites import reading
from tokenarena_assets.suites.grading import grade_math
from tokenarena_assets.suites.suite import (
    MATH_MIX,
    SUITES,
    Question,
    SuiteSizes,
    main_size,
    questions,
    speed_pattern,
)
from tokenarena_assets.suites.tiny import prose
from tokenarena_assets.suites.tiny.math import BY_ID

DAY = date(2026, 11, 23)


def asked(
    suite: str, day: date = DAY, ordinal: int = 0, round_id: str = "r0", sizes: SuiteSizes | None = None, of: str = "a"
) -> list[Question]:
    return list(questions(suite, day, ordinal, round_id, sizes or SuiteSizes(), endpoint_id=of))


@pytest.mark.parametrize("suite", SUITES)
def test_the_same_round_asks_the_same_again(suite: str) -> None:
    assert asked(suite) == asked(suite)
    keys = [question.key for question in asked(suite)]
    assert len(keys) == len(set(keys))


def test_math_items_belong_to_the_day_and_round_and_not_to_its_id() -> None:
    first = asked("quality_math")
    assert asked("quality_math", round_id="another") == first
    seen = {q.key for q in first}
    for other in (asked("quality_math", ordinal=1), asked("quality_math", day=date(2026, 11, 24))):
        assert seen.isdisjoint(q.key for q in other)
        seen |= {q.key for q in other}
    assert len(seen) == 3 * len(first)


def test_a_larger_round_begins_with_the_items_of_a_smaller_one() -> None:
    small = asked("quality_math", sizes=SuiteSizes(math_items=10))
    assert asked("quality_math")[:10] == small


def test_math_items_are_a_fair_share_of_each_template() -> None:
    found = asked("quality_math")
    assert len(found) == SuiteSizes().math_items
    counts = Counter(q.item.template_id for q in found if q.item)
    assert counts == dict.fromkeys(MATH_MIX, 5)
    assert set(MATH_MIX) <= BY_ID.keys()


def test_math_questions_carry_their_item_and_are_greedy() -> None:
    for question in asked("quality_math"):
        assert question.item is not None
        assert question.key == question.item.item_id
        assert question.prompt == question.item.prompt
        assert (question.suite, question.temperature, question.max_output_tokens) == ("quality_math", 0.0, 512)
        assert grade_math(question.item.solution, question.item.answer_value).correct


@pytest.mark.parametrize("suite", ["speed", "parallel"])
def test_timed_prompts_share_no_beginning_within_and_between_rounds_and_endpoints(suite: str) -> None:
    prompts = [
        q.prompt
        for round_id in ("r0", "r1", "r2")
        for name in ("a", "b")
        for q in asked(suite, round_id=round_id, of=name)
    ]
    assert len({prompt.split()[0] for prompt in prompts}) == len(prompts)
    shared = [
        next((n for n, (x, y) in enumerate(zip(one, other, strict=False)) if x != y), 10**6)
        for one, other in combinations(prompts, 2)
    ]
    assert max(shared) < 10  # characters: two or three tokens, less than any cache keeps
    assert all(q.item is None and q.temperature == 1.0 for q in asked(suite))


def test_the_text_after_the_opening_is_the_same_for_every_endpoint_and_new_in_every_round() -> None:
    def texts(round_id: str, of: str) -> list[str]:
        return [q.prompt.partition(". ")[2] for q in asked("speed", round_id=round_id, of=of)]

    assert texts("r0", "a") == texts("r0", "b")
    assert set(texts("r0", "a")).isdisjoint(texts("r1", "a"))
    assert len(set(texts("r0", "a"))) == 8


@pytest.mark.parametrize("target", [100, 150, 1_000, 2_500, 10_000])
def test_a_prompt_is_as_long_as_its_size_says(target: int) -> None:
    """What makes a token was measured (see the two modules); here only the lengths that follow from it."""
    per_token = prose.CHARS_PER_TOKEN if target <= 200 else reading.CHARS_PER_TOKEN
    for number in range(5):
        (question,) = asked("speed", round_id=f"r{number}", sizes=SuiteSizes(1, prompt_tokens=(target,)))
        assert question.prompt_tokens_target == target
        assert len(question.prompt) == pytest.approx(target * per_token, rel=0.02, abs=45)
        assert question.prompt.splitlines()[-1].startswith("Write a long story about ")


def test_a_size_too_small_for_any_text_is_the_request_alone() -> None:
    (question,) = asked("speed", sizes=SuiteSizes(1, prompt_tokens=(5,)))
    assert question.prompt.count(".") == 2
    assert "Write a long story about " in question.prompt


@pytest.mark.parametrize(
    ("fitting", "probes", "pattern"),
    [
        ((100, 1_000, 10_000), 8, [1_000, 100, 10_000, 1_000, 100, 1_000, 1_000, 1_000]),
        ((100, 1_000, 10_000), 3, [1_000, 100, 10_000]),
        ((100, 1_000), 5, [1_000, 100, 1_000, 100, 1_000]),
        ((100,), 3, [100, 100, 100]),
        ((500, 4_000), 2, [500, 4_000]),
        ((), 8, []),
        ((100,), 0, []),
    ],
)
def test_the_pattern_of_sizes(fitting: tuple[int, ...], probes: int, pattern: list[int]) -> None:
    assert speed_pattern(fitting, probes) == pattern


@given(st.sets(st.integers(1, 200_000), min_size=1, max_size=5), st.integers(1, 60))
def test_every_size_is_asked_and_the_main_one_most(fitting: set[int], probes: int) -> None:
    counts = Counter(speed_pattern(tuple(fitting), probes))
    assert counts.total() == probes
    if probes >= len(fitting):
        assert counts.keys() == fitting
    assert counts[main_size(tuple(fitting))] == max(counts.values())


@pytest.mark.parametrize(
    ("sizes", "main"),
    [((100, 1_000, 10_000), 1_000), ((100,), 100), ((100, 10_000), 100), ((900, 1_200), 900), ((400, 2_000), 2_000)],
)
def test_the_main_size_is_nearest_to_an_ordinary_request(sizes: tuple[int, ...], main: int) -> None:
    assert main_size(sizes) == main


def test_a_burst_asks_so_many_of_the_main_size_together() -> None:
    assert {(q.together, q.prompt_tokens_target, q.max_output_tokens) for q in asked("parallel")} == {(10, 1_000, 200)}
    assert len(asked("parallel")) == 10
    five = asked("parallel", sizes=SuiteSizes(parallel_at_once=5, prompt_tokens=(100,)))
    assert [(q.together, q.prompt_tokens_target) for q in five] == [(5, 100)] * 5
    assert {q.together for q in asked("speed") + asked("quality_math")} == {1}


def test_sizes_are_obeyed() -> None:
    sizes = SuiteSizes(speed_probes=3, math_items=0, speed_output_tokens=50)
    assert [q.max_output_tokens for q in asked("speed", sizes=sizes)] == [50] * 3
    assert asked("quality_math", sizes=sizes) == []


def test_an_unknown_suite_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TokenArenaError) as caught:
        asked("poetry")
    assert caught.value.mend == "suites are: speed, parallel, quality_math"
