"""From an ask to a question and back, the haystacks, and the grading of answers."""

from __future__ import annotations

import json
import random
import re
from datetime import date

import pytest

from tokenarena_assets.context import Ask, asked_of, grade_needles, question_of, reply_of
from tokenarena_assets.suites.haystack import LATENTS, NAMED, make_haystack
from tokenarena_assets.suites.reading_words import NAMES

VALUES = ["48213", "Octavia", "77310", "20001", "Thaddeus", "99999", "31415", "27182"]
ASK = Ask("rung", 4_000, 18_000, 1, 4_001.5)


def asked(**changes: object):
    named = {"tier": "standard", "day": date(2026, 11, 23), "endpoint_id": "a/b", "round_id": "r1"}
    named |= {"output_tokens": 400, "mode": "cold", "advertised_tokens": 131_072} | changes
    ask = named.pop("ask", ASK)
    return question_of(ask, **named)  # type: ignore[arg-type]


def test_a_question_is_the_same_for_the_same_ask_and_new_for_any_other() -> None:
    assert asked() == asked()
    others = [asked(round_id="r2"), asked(endpoint_id="a/c"), asked(day=date(2026, 11, 24))]
    others += [asked(ask=Ask("rung", 4_000, 18_000, 2)), asked(ask=Ask("base", 4_000, 18_000, 1))]
    starts = {question.prompt[:30] for question in [asked(), *others]}
    assert len(starts) == len(others) + 1
    question = asked()
    assert (question.suite, question.key) == ("context", "context-rung-4000-1")
    assert (question.max_output_tokens, question.temperature, question.prompt_tokens_target) == (400, 0.0, 4_000)
    assert question.item.answer_type == "context"
    assert len({other.item.item_id for other in [question, *others]}) == len(starts)


@pytest.mark.parametrize("tier", ["tiny", "standard"])
def test_there_and_back(tier: str) -> None:
    question = asked(tier=tier, mode="sentinel", known_tokens=8_000, most_tokens=64_000)
    held = asked_of(question.item.answer_value)
    assert (held.ask, held.tier, held.mode) == (ASK, tier, "sentinel")
    assert (held.known_tokens, held.advertised_tokens, held.most_tokens) == (8_000, 131_072, 64_000)
    named = {"http_status": 200, "error": None, "input_tokens": 4_010, "ttft_ms": 12.5}
    ask, reply = reply_of(question.item.answer_value, status="ok", text=question.item.solution, **named)
    assert ask == ASK
    assert reply.hits == (True,) * 8
    assert (reply.input_tokens, reply.ttft_ms, reply.prompt_chars) == (4_010, 12.5, len(question.prompt))
    assert reply_of(question.item.answer_value, status="empty", text="", **named)[1].hits == (False,) * 8
    assert reply_of(question.item.answer_value, status="truncated", text=" ", **named)[1].hits is None
    assert reply_of(question.item.answer_value, status="http_429", text="", **named)[1].hits is None


def test_hits_are_in_the_order_of_the_eighths() -> None:
    question = asked()
    needles = json.loads(question.item.answer_value)["needles"]
    answers = [needle["value"] if needle["octile"] in (0, 5) else "?" for needle in needles]
    named = {"status": "ok", "http_status": 200, "error": None, "input_tokens": 1, "ttft_ms": None}
    reply = reply_of(question.item.answer_value, text=json.dumps(answers), **named)[1]
    assert [octile for octile, hit in enumerate(reply.hits) if hit] == [0, 5]


@pytest.mark.parametrize("value", ["", "5", "[]", "{}", '{"needles": []}'])
def test_another_answer_value_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not the answer value"):
        asked_of(value)


RIGHT = json.dumps(VALUES)
ALL, NONE = (True,) * 8, (False,) * 8


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        (RIGHT, ALL),
        (f"Sure! Here you go:\n```json\n{RIGHT}\n```\nAnything else?", ALL),
        (f'<think>[1, 2] maybe ["x"]</think>{RIGHT} [see above]', ALL),
        (json.dumps({str(number): value for number, value in reversed(list(enumerate(VALUES, 1)))}), ALL),
        (json.dumps({"answers": VALUES}), ALL),
        (json.dumps([f"The number is {value}." for value in VALUES]), ALL),
        (json.dumps([48213, "OCTAVIA", 77310, "20,001", "Thaddeus", 99999, 31415, 27182]), ALL),
        (json.dumps([{"answer": value} for value in VALUES]), ALL),
        (json.dumps(["148213", "Octavian", "7731", "20001x", "", "9999", "314155", None]), NONE),
        (json.dumps(VALUES[::-1]), NONE),
        (json.dumps([" ".join(VALUES)] * 8), NONE),
        (json.dumps(VALUES[:4]), (True,) * 4 + (False,) * 4),
        (json.dumps([*VALUES, "more"]), ALL),
        ("\n".join(f"{number}. {value}" for number, value in enumerate(VALUES, 1)), ALL),
        (
            "\n".join(f"{number}) {value}" for number, value in enumerate(VALUES, 1) if number != 3),
            (*ALL[:2], False, *ALL[3:]),
        ),
        (RIGHT[:40], (True,) * 4 + (False,) * 4),  # cut off within the list
        ("I think it is " + ", then ".join(VALUES), ALL),
        ("", NONE),
        ("[" * 5_000, NONE),
    ],
)
def test_grading_of_answers(text: str, hits: tuple[bool, ...]) -> None:
    assert grade_needles(text, VALUES) == hits


def test_codes_of_three_digits_are_not_read_as_thousands() -> None:
    assert grade_needles("[442,350]", ["442", "350"]) == (True, True)


@pytest.mark.parametrize("chars", [4_000, 9_100, 60_000])
def test_a_haystack_has_one_needle_in_each_eighth(chars: int) -> None:
    for seed in range(20):
        haystack = make_haystack(random.Random(seed), chars, "standard")
        assert abs(len(haystack.prompt) - chars) < 150
        assert sorted(haystack.octiles) == list(range(8))
        assert len(set(haystack.values)) == 8
        body = haystack.prompt.split("\n\n", 1)[1].rsplit("\n\n", 1)[0]
        for value, octile in zip(haystack.values, haystack.octiles, strict=True):
            assert len(re.findall(rf"\b{value}\b", haystack.prompt)) == 1
            assert octile / 8 - 0.07 <= body.index(value) / len(body) <= (octile + 1) / 8 + 0.07
        for question in haystack.questions:
            assert haystack.prompt.count(question) == 2
        assert grade_needles(haystack.solution, haystack.values) == ALL


def test_latent_needles_share_no_word_with_their_questions() -> None:
    stop = set(re.findall(r"\w+", "a an and as at by has have had in is it of on or so that the to was who with whose"))
    stop |= {"which", "person"}
    for sentence, question in LATENTS:
        words, asked_words = (set(re.findall(r"[a-z]+", text.lower())) - stop for text in (sentence, question))
        assert not words & asked_words, question
    assert not set(NAMED) & set(NAMES)
    assert len({question for _, question in LATENTS}) == len(LATENTS)


def test_tiny_haystacks_are_the_sheets_that_the_models_know() -> None:
    from tokenarena_assets.suites.tiny.facts import make_long_sheet

    sheet = make_long_sheet(random.Random(3), 1_800)
    haystack = make_haystack(random.Random(3), 1_800, "tiny")
    assert haystack.prompt == sheet.prompt
    assert haystack.solution == sheet.solution
    assert sorted(haystack.octiles) == list(range(8))
    assert grade_needles(sheet.solution, haystack.values) == ALL
