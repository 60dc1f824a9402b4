"""What a round asks: the same of every endpoint, new on every day and round."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites import reading
from tokenarena_assets.suites.items import CANARY, Item
from tokenarena_assets.suites.suite import (
    SUITES,
    Question,
    SuiteSizes,
    day_items,
    main_size,
    questions,
    speed_pattern,
)
from tokenarena_assets.suites.tiers import TINY_CODE_MIX, TINY_MATH_MIX
from tokenarena_assets.suites.tiny import prose

DAY = date(2026, 11, 23)
OWN = Item("own-1", "own", "own", 0, "What is 1 + 1?", "int", "2", "easy", "Answer: 2", "standard", "own:mine.yaml")


def asked(
    suite: str, day: date = DAY, round_id: str = "r0", sizes: SuiteSizes | None = None, of: str = "a"
) -> list[Question]:
    return list(questions(suite, day, round_id, sizes or SuiteSizes(), endpoint_id=of))


@pytest.mark.parametrize("suite", SUITES)
def test_the_same_round_asks_the_same_again(suite: str) -> None:
    assert asked(suite) == asked(suite)
    keys = [question.key for question in asked(suite)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("suite", ["quality_math", "quality_code"])
def test_items_belong_to_the_day_and_not_to_the_round_or_the_endpoint(suite: str) -> None:
    first = asked(suite)
    assert asked(suite, round_id="another", of="b") == first
    assert {q.key for q in first}.isdisjoint(q.key for q in asked(suite, day=date(2026, 11, 24)))


def test_the_seed_of_an_item_is_a_hash_of_what_it_is_for() -> None:
    item = day_items("quality_math", DAY, "tiny", SuiteSizes())[8]
    text = f"2026.11|2026-11-23|quality_math|tiny|{TINY_MATH_MIX[1]}|8"
    assert item.seed == int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
    assert item.item_id == f"{TINY_MATH_MIX[1]}-{item.seed:016x}"


@given(st.integers(0, 90), st.integers(0, 90), st.sampled_from(["quality_math", "quality_code"]))
def test_a_larger_day_begins_with_the_items_of_a_smaller_one(one: int, other: int, suite: str) -> None:
    small, large = sorted((one, other))
    items = day_items(suite, DAY, "tiny", SuiteSizes(math_items=large, code_items=large))
    assert items[:small] == day_items(suite, DAY, "tiny", SuiteSizes(math_items=small, code_items=small))
    counts = Counter(item.template_id for item in items)
    mix = TINY_MATH_MIX if suite == "quality_math" else TINY_CODE_MIX
    assert {counts[name] for name in mix} <= {large // len(mix), -(-large // len(mix))}


def test_no_two_items_of_a_day_ask_the_same() -> None:
    for day in (date(2026, 11, number) for number in range(1, 11)):
        for suite in ("quality_math", "quality_code"):
            items = day_items(suite, day, "tiny", SuiteSizes(math_items=400, code_items=400))
            assert len({item.prompt for item in items}) == len({item.item_id for item in items}) == 400


def test_quality_questions_carry_their_item_and_are_greedy() -> None:
    for suite, count in (("quality_math", 60), ("quality_code", 40)):
        assert len(asked(suite)) == count
        for question in asked(suite):
            assert question.item is not None
            assert question.key == question.item.item_id
            assert question.prompt == question.item.prompt
            assert CANARY not in question.prompt
            assert (question.suite, question.temperature, question.max_output_tokens) == (suite, 0.0, 512)
            assert question.attempt == 1


def test_items_that_the_day_has_an_answer_to_are_left_out() -> None:
    every = asked("quality_code")
    left = list(questions("quality_code", DAY, "r1", SuiteSizes(), skip_items={every[0].key, every[7].key}))
    assert left == [question for place, question in enumerate(every) if place not in (0, 7)]


@pytest.mark.parametrize("suite", ["anchor", "own"])
def test_items_from_elsewhere_are_asked_likewise(suite: str) -> None:
    def of(**options: Any) -> list[tuple[str, int]]:
        found = questions(suite, DAY, "r0", SuiteSizes(), tier="hard", extra_items=[OWN], **options)
        return [(question.key, question.max_output_tokens) for question in found]

    assert of() == [("own-1", 8_192)]
    assert of(output_tokens=77) == [("own-1", 77)]
    assert of(skip_items=["own-1"]) == []


def test_the_cap_on_answers_is_the_callers_then_the_sizes_then_the_tiers() -> None:
    def caps(sizes: SuiteSizes, **options: Any) -> set[int]:
        return {q.max_output_tokens for q in questions("quality_math", DAY, "r0", sizes, **options)}

    assert caps(SuiteSizes(quality_output_tokens=99), output_tokens=5) == {5}
    assert caps(SuiteSizes(quality_output_tokens=99)) == {99}
    assert caps(SuiteSizes()) == {512}


def test_the_context_suite_is_asked_elsewhere() -> None:
    assert asked("context") == []


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
    assert caught.value.mend == (
        "suites are: speed, parallel, quality_math, quality_code, anchor, own, context, "
        "parity, sampled, greedy, border, logprobs"
    )
    with pytest.raises(TokenArenaError, match="no items are generated for 'speed'"):
        day_items("speed", DAY, "tiny", SuiteSizes())
    with pytest.raises(TokenArenaError, match="there is no tier 'huge'"):
        list(questions("quality_code", DAY, "r0", SuiteSizes(), tier="huge"))
