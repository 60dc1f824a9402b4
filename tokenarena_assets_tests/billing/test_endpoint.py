"""The audit of one endpoint, with counts made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.billing import AnswerCounts, Counted, findings_of, reported_cost_usd, summarise, usage_shape
from tokenarena_assets.billing.endpoint import CHANNEL_TOKENS


def exact(tokens: int) -> Counted:
    return Counted.by(tokens, 1.0, 1.0)


def answer(number: int, **given: Any) -> AnswerCounts:
    """An honest answer of 50 to 69 tokens and its end, to a prompt of 20, 220, ... tokens with 7 around it."""
    tokens, prompt = 50 + number % 20, 20 + 200 * (number % 5)
    honest = AnswerCounts(
        request_id=f"r{number:03}",
        raw_file="round=a.jsonl.zst",
        raw_line=number + 1,
        billed_input=prompt + 7,
        billed_output=tokens + 1,
        billed_reasoning=None,
        answer=exact(tokens),
        reasoning=exact(0),
        ended=1,
        prompt=exact(prompt),
        events=tokens,
    )
    return replace(honest, **given)


def kinds(answers: list[AnswerCounts], *, is_exact: bool = True, **shapes: int) -> dict[str, str]:
    summary = summarise(answers, exact=is_exact)
    found = findings_of(summary, answers, tokenizer="t.json", exact=is_exact, shapes=shapes)
    return {finding.kind: finding.severity for finding in found}


def test_an_honest_endpoint_is_exact() -> None:
    answers = [answer(number) for number in range(40)]
    found = summarise(answers, exact=True)
    assert (found.ratio.value, found.ratio.lo, found.ratio.hi, found.ratio.n) == (1.0, 1.0, 1.0, 40)
    assert found.output_verdict == found.input_verdict == "agrees"
    assert found.line.slope == pytest.approx(1.0)
    assert found.line.overhead == pytest.approx(7.0)
    assert not found.bills_more_than_text
    assert kinds(answers) == {}


def test_one_that_does_not_bill_the_end_agrees_as_well() -> None:
    answers = [answer(n, billed_output=50 + n % 20) for n in range(40)]
    found = summarise(answers, exact=True)
    assert found.output_verdict == "agrees"
    assert found.ratio.value == pytest.approx(2380 / 2420)  # 40 ends of 2,420


def test_thirty_percent_more_is_seen_and_shown() -> None:
    answers = [answer(n, billed_output=round(1.3 * (51 + n % 20))) for n in range(40)]
    found = summarise(answers, exact=True)
    assert found.ratio.value == pytest.approx(1.3, abs=0.005)
    assert found.bills_more_than_text
    (finding,) = findings_of(found, answers, tokenizer="t.json", exact=True, shapes={})
    assert (finding.kind, finding.severity, finding.n) == ("output_more", "flag", 40)
    assert "the family's own tokenizer" in finding.claim
    assert [each["request_id"] for each in finding.examples] == ["r018", "r019", "r038"]  # 21 beyond, each
    assert finding.examples[0]["raw_line"] == 19


def test_a_common_tokenizer_within_its_error_accuses_nobody() -> None:
    wide = [
        answer(n, answer=Counted.by(50 + n % 20, 0.95, 1.225), billed_output=round(1.2 * (50 + n % 20)))
        for n in range(40)
    ]
    found = summarise(wide, exact=False)
    assert found.output_verdict == "within the tokenizer's error"
    assert kinds(wide, is_exact=False) == {}
    beyond = [replace(each, billed_output=round(1.3 * each.answer.tokens)) for each in wide]
    assert summarise(beyond, exact=False).output_verdict == "more"


@given(factor=st.floats(0.5, 2.0), lo=st.floats(0.6, 1.0), hi=st.floats(1.0, 1.8))
def test_nobody_is_flagged_unless_the_interval_clears_the_error(factor: float, lo: float, hi: float) -> None:
    answers = [
        answer(n, answer=Counted.by(50 + n % 20, lo, hi), billed_output=round(factor * (50 + n % 20)))
        for n in range(24)
    ]
    found = summarise(answers, exact=False)
    if found.output_verdict == "more":
        assert found.ratio.lo is not None
        assert found.error_hi is not None
        assert found.ratio.lo > found.error_hi
    if lo * 1.01 < factor < hi * 0.99:
        assert found.output_verdict != "more"


def test_too_few_answers_cannot_tell() -> None:
    answers = [answer(n, billed_output=500) for n in range(19)]
    assert summarise(answers, exact=True).output_verdict == "cannot tell"
    assert kinds(answers) == {"output": "cannot tell"}
    assert summarise([], exact=True).output_verdict == "cannot tell"


def test_no_usage_cannot_tell() -> None:
    answers = [answer(n, billed_output=None, billed_input=None) for n in range(30)]
    assert kinds(answers) == {"usage_missing": "note", "output": "cannot tell"}


def test_hidden_reasoning_is_told_and_not_accused() -> None:
    answers = [answer(n, billed_output=51 + n % 20 + 300, billed_reasoning=300) for n in range(30)]
    found = summarise(answers, exact=True)
    assert found.hidden == 9000
    assert found.ratio.value == 1.0
    assert kinds(answers) == {"hidden_reasoning": "cannot tell"}


def test_shown_reasoning_is_counted() -> None:
    answers = [
        answer(n, billed_output=51 + n % 20 + 100 + CHANNEL_TOKENS, billed_reasoning=100, reasoning=exact(100))
        for n in range(30)
    ]
    found = summarise(answers, exact=True)
    assert found.hidden == 0
    assert found.output_verdict == "agrees"  # marks around reasoning are billed and not shown


@pytest.mark.parametrize("reported", [100, None])
def test_reasoning_added_twice(reported: int | None) -> None:
    answers = [
        answer(n, billed_output=51 + n % 20 + 200, billed_reasoning=reported, reasoning=exact(100)) for n in range(30)
    ]
    assert kinds(answers) == {"output_more": "flag", "reasoning_twice": "flag"}


def test_hidden_reasoning_added_twice() -> None:
    answers = [answer(n, billed_output=51 + n % 20 + 600, billed_reasoning=300) for n in range(30)]
    assert kinds(answers) == {
        "output_more": "flag",
        "reasoning_twice": "flag",
        "hidden_reasoning": "cannot tell",
    }


def test_chunks_counted_as_tokens() -> None:
    answers = [answer(n, billed_output=12, events=12) for n in range(30)]
    assert kinds(answers) == {"output_less": "note", "chunks_counted": "note"}
    one_token_an_event = [answer(n, ended=0, billed_output=50 + n % 20) for n in range(30)]
    assert kinds(one_token_an_event) == {}


def test_more_prompt_tokens_than_were_sent() -> None:
    answers = [answer(n, billed_input=round(1.25 * (20 + 200 * (n % 5))) + 7) for n in range(40)]
    found = summarise(answers, exact=True)
    assert found.line.slope == pytest.approx(1.25)
    assert found.line.overhead == pytest.approx(7.0)
    assert found.bills_more_than_text
    assert kinds(answers) == {"input_more": "flag"}


def test_a_large_fixed_part_is_noted_and_no_accusation() -> None:
    answers = [answer(n, billed_input=20 + 200 * (n % 5) + 1500) for n in range(40)]
    assert kinds(answers) == {"input_overhead": "note"}


def test_prompts_of_one_length_do_not_tell() -> None:
    answers = [answer(n, prompt=exact(100), billed_input=500) for n in range(40)]
    found = summarise(answers, exact=True)
    assert found.line.slope is None
    assert found.input_verdict == "cannot tell"


def test_reported_cost_against_list_price() -> None:
    answers = [answer(n, cost_usd=0.001 * (1 + n % 3), reported_cost_usd=0.00125 * (1 + n % 3)) for n in range(30)]
    found = summarise(answers, exact=True)
    assert found.cost_ratio.value == pytest.approx(1.25)
    assert found.cost_ratio.n == 30
    assert kinds(answers) == {"reported_cost_differs": "note"}
    assert kinds([replace(each, reported_cost_usd=each.cost_usd) for each in answers]) == {}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"cost_in_usd_ticks": 37756000}, (0.0037756, "cost_in_usd_ticks")),  # docs.x.ai, "Cost tracking"
        (
            {"cost": 0.000837, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.000837}},
            (0.000837, "cost"),
        ),
        (
            {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}},
            (0.21, "cost + cost_details.upstream_inference_cost"),
        ),
        ({"cost": {"input_tokens_cost": 0.1, "total_cost": 0.3}}, (0.3, "cost.total_cost")),
        ({"estimated_cost": 1.5e-5}, (1.5e-5, "estimated_cost")),
        ({"cost": 0}, (0.0, "cost")),
        ({"cost": "much"}, (None, None)),
        ({"cost": -1.0}, (None, None)),
        ({"cost": True}, (None, None)),
        ({"cost": float("nan")}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_reported_costs(block: dict[str, Any], expected: tuple[float | None, str | None]) -> None:
    amount, field = reported_cost_usd(block)
    assert field == expected[1]
    assert amount == pytest.approx(expected[0])


@pytest.mark.parametrize(
    ("block", "counts", "expected"),
    [
        ({"prompt_tokens": 100, "completion_tokens": 50}, (100, 60, 50, 20), ("inside", "inside")),
        ({"input_tokens": 40, "output_tokens": 50}, (100, 60, 50, None), ("outside", None)),  # Anthropic
        ({"prompt_tokens": 100, "completion_tokens": 2}, (100, 0, 342, 340), (None, "outside")),  # xAI
        ({}, (None, None, None, None), (None, None)),
    ],
)
def test_places_of_tokens(
    block: dict[str, int], counts: tuple[int | None, ...], expected: tuple[str | None, str | None]
) -> None:
    names = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    shape = usage_shape(block, **dict(zip(names, counts, strict=True)))
    assert (shape.cached, shape.reasoning) == expected


def test_two_habits_in_one_day_are_noted() -> None:
    answers = [answer(n) for n in range(30)]
    assert kinds(answers, cached_inside=3, cached_outside=2) == {"cached_outside": "note", "cached_mixed": "note"}
