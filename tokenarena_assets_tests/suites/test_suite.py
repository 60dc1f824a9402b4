"""What a round asks: the same of every endpoint, new on every day and round."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites.grading import grade_math
from tokenarena_assets.suites.suite import MATH_MIX, SUITES, Question, SuiteSizes, questions
from tokenarena_assets.suites.tiny.math import BY_ID

DAY = date(2026, 11, 23)


def asked(
    suite: str, day: date = DAY, ordinal: int = 0, round_id: str = "r0", sizes: SuiteSizes | None = None
) -> list[Question]:
    return list(questions(suite, day, ordinal, round_id, sizes or SuiteSizes()))


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


def test_speed_prompts_share_no_beginning_within_and_between_rounds() -> None:
    prompts = [q.prompt for round_id in ("r0", "r1", "r2") for q in asked("speed", round_id=round_id)]
    assert len({prompt[:10] for prompt in prompts}) == len(prompts) == 24
    assert all(q.item is None and q.temperature == 1.0 for q in asked("speed"))


def test_sizes_are_obeyed() -> None:
    sizes = SuiteSizes(speed_probes=3, math_items=0, speed_output_tokens=50)
    assert [q.max_output_tokens for q in asked("speed", sizes=sizes)] == [50] * 3
    assert asked("quality_math", sizes=sizes) == []


def test_an_unknown_suite_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TokenArenaError) as caught:
        asked("poetry")
    assert caught.value.mend == "suites are: speed, quality_math"
