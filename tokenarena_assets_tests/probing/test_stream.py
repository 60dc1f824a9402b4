"""What a chat stream amounts to: its channels, what a reader sees, its end, its usage, and hostile events."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing import StreamResult, parse_stream, sse
from tokenarena_assets.probing.sse import EventTooLargeError, SseEvent
from tokenarena_assets.probing.stream import StreamAccumulator
from tokenarena_assets_tests.servers.misbehaving import WORDS, Answer, chunk, data, joined

EXAMPLES = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DONE = b"data: [DONE]\n\n"


def _counts(result: StreamResult) -> tuple[int | None, ...] | None:
    usage = result.usage
    if usage is None:
        return None
    return usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens


def test_an_api_without_adapter_is_refused_by_name() -> None:
    with pytest.raises(TokenArenaError, match=r"no adapter for api 'cohere_chat'.*\n.*anthropic_messages.*openai_chat"):
        parse_stream([b""], api="cohere_chat")


@EXAMPLES
@given(st.integers(1, 6), st.booleans(), st.sampled_from([None, "end", "every"]), st.data())
def test_a_good_stream_is_read_in_any_bundling_and_split(
    bundle: int, comments: bool, usage: str | None, drawn: st.DataObject
) -> None:
    answer = Answer(reasoning=WORDS, tokens_per_event=bundle, comments_between=comments, usage=usage)
    body = joined(answer.events())
    cuts = sorted(drawn.draw(st.sets(st.integers(0, len(body)), max_size=10)))
    result = parse_stream(body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True))
    assert (result.reasoning, result.text) == ("".join(WORDS), "".join(answer.tokens))
    assert result.first_generated_index == 1  # the role event is no token
    assert result.first_content_index == result.first_answer_index == 1 + -(-len(WORDS) // bundle)
    assert (result.finish_reason, result.finish_class) == ("stop", "stop")
    assert result.done
    assert sum(event.chars for event in result.generated) == len(result.reasoning) + len(result.text)
    counts = (20, None, len(WORDS) + len(answer.tokens), len(WORDS))
    assert _counts(result) == (None if usage is None else counts)
    assert [e.output_tokens_so_far for e in result.generated][-1:] == [
        len(WORDS) + len(answer.tokens) if usage == "every" else None
    ]


@pytest.mark.parametrize(
    ("delta", "field", "text"),
    [
        ({"content": "a"}, "text", "a"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "text", "ab"),
        ({"content": ["a", {"type": "output_text", "text": "b"}, {"type": "reference", "ids": [1]}]}, "text", "ab"),
        ({"content": None, "refusal": "a"}, "text", "a"),
        ({"reasoning": "a"}, "reasoning", "a"),
        ({"reasoning_content": "a"}, "reasoning", "a"),
        ({"reasoning": "a", "reasoning_content": "a"}, "reasoning", "a"),
        ({"reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a"}]}, "reasoning", "a"),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "a"}]}, "reasoning", "a"),
        ({"reasoning_details": [{"type": "reasoning.summary", "summary": "a"}]}, "reasoning", "a"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]}, "reasoning", "a"),
        ({"content": [{"type": "thinking", "thinking": "a"}]}, "reasoning", "a"),
        ({"content": [{"type": "reasoning", "text": "a"}]}, "reasoning", "a"),
        ({"content": [{"type": "thinking", "thinking": "a"}], "reasoning_content": "a"}, "reasoning", "a"),
        ({"tool_calls": [{"function": {"name": "look", "arguments": ""}}]}, "tool_arguments", "look"),
        ({"tool_calls": [{"function": {"arguments": '{"a"'}}]}, "tool_arguments", '{"a"'),
        ({"tool_calls": [{"custom": {"name": "run", "input": "x"}}]}, "tool_arguments", "runx"),
        ({"function_call": {"name": "look", "arguments": "{}"}}, "tool_arguments", "look{}"),
        ({"tool_calls": [{"function": {"name": "look", "arguments": {"a": 1}}}]}, "tool_arguments", 'look{"a":1}'),
        ({"tool_calls": [{"function": {"name": "look", "arguments": {}}}]}, "tool_arguments", "look"),
    ],
)
def test_every_channel_counts_as_generated(delta: dict[str, Any], field: str, text: str) -> None:
    result = parse_stream([chunk({"role": "assistant", "content": ""}), chunk(delta)])
    assert {name: getattr(result, name) for name in ("text", "reasoning", "tool_arguments")} == {
        "text": "",
        "reasoning": "",
        "tool_arguments": "",
    } | {field: text}
    assert result.first_generated_index == 1
    assert (result.first_content_index == 1) == (field == "text")
    # A call of a tool is no answer that a reader sees.
    assert (result.first_answer_index == 1) == (field == "text")
    assert [(event.chars, event.answer) for event in result.generated] == [(len(text), text if field == "text" else "")]


@pytest.mark.parametrize(
    "event",
    [
        chunk({"role": "assistant"}),
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": None, "reasoning": None}),
        chunk({"content": []}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "c2VjcmV0"}]}),
        chunk({}, finish_reason="stop"),
        data({"choices": []}),
        data({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}),
        data({"choices": [], "usage": {"completion_tokens": 3}}),
        b": PROCESSING\n\n",
        b"data:\n\n",
        b"data: \n\n",
        b"id: 3\nretry: 10\n\n",
        DONE,
    ],
)
def test_what_brings_no_token_never_stops_the_clock(event: bytes) -> None:
    result = parse_stream([event, chunk({"content": "first"})] if event is not DONE else [event])
    assert result.first_generated_index == (None if event is DONE else len(result.events) - 1)
    assert result.malformed_events == 0


def test_text_that_stands_beside_the_delta_is_not_taken_twice() -> None:
    twice = data({"choices": [{"delta": {"content": "a"}, "text": "a"}]})
    thought_twice = data({"choices": [{"delta": {"reasoning": "b"}, "text": "b"}]})
    legacy = data({"choices": [{"text": "c"}]})
    result = parse_stream([twice, thought_twice, legacy])
    assert (result.text, result.reasoning) == ("ac", "b")


def test_a_whole_message_that_ends_a_stream_is_not_taken_twice() -> None:
    whole = {"object": "chat.completion", "choices": [{"finish_reason": "stop", "message": {"content": "ab"}}]}
    usage = {"usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}}
    placeholder = {"usage": {"total_tokens": 0, "completion_tokens": 0}}
    result = parse_stream([chunk({"content": "a"}, **placeholder), chunk({"content": "b"}), data(whole | usage)])
    assert (result.text, result.last_generated_index, result.finish_reason) == ("ab", 1, "stop")
    assert _counts(result) == (4, None, 2, None)
    assert [event.output_tokens_so_far for event in result.generated] == [None, None]
    # Alone it is the answer.
    assert parse_stream([data(whole)]).text == "ab"


def test_what_follows_done_does_not_count() -> None:
    late_usage = data({"choices": [], "usage": {"completion_tokens": 7}})
    after = [chunk({"content": "b"}, finish_reason="length"), data({"error": {"message": "late"}}), late_usage]
    result = parse_stream([chunk({"content": "a"}, finish_reason="stop"), DONE, *after])
    assert (result.text, result.last_generated_index) == ("a", 0)
    assert (result.finish_reason, result.finish_class, result.error) == ("stop", "stop", None)
    assert len(result.events) == 4
    # A bill that comes late still counts, unless there was one in time.
    assert _counts(result) == (None, None, 7, None)
    in_time = data({"choices": [], "usage": {"completion_tokens": 1}})
    assert _counts(parse_stream([in_time, DONE, late_usage])) == (None, None, 1, None)


@pytest.mark.parametrize(
    ("events", "ended", "finish_class"),
    [
        ([chunk({"content": "a"})], False, None),
        ([chunk({"content": "a"}), DONE], True, None),
        ([chunk({"content": "a"}, finish_reason="stop")], True, "stop"),
        ([chunk({"content": "a"}, finish_reason="eos"), DONE], True, "stop"),
        ([chunk({"content": "a"}, finish_reason="length"), DONE], True, "length"),
        ([chunk({"content": "a"}, finish_reason="content_filter"), DONE], True, "content_filter"),
        ([chunk({"tool_calls": [{"function": {"name": "f"}}]}, finish_reason="tool_calls")], True, "tool_calls"),
        ([chunk({"tool_calls": [{"function": {"name": "f"}}]}, finish_reason="stop")], True, "tool_calls"),
        ([chunk({"content": "a"}, finish_reason="abort"), DONE], True, "broken"),
        ([chunk({"content": "a"}, finish_reason="error"), DONE], True, "broken"),
        ([chunk({"content": "a"}, finish_reason="never heard of"), DONE], True, None),
        ([chunk({"content": "a"}, finish_reason="")], False, None),
        ([chunk({"content": "a"}), data({"error": {"message": "boom"}})], False, "broken"),
        ([chunk({"content": "a"}, finish_reason="stop"), data({"error": "boom"}), DONE], True, "broken"),
    ],
)
def test_how_a_stream_ended(events: list[bytes], ended: bool, finish_class: str | None) -> None:
    result = parse_stream(events)
    assert (result.ended, result.finish_class) == (ended, finish_class)


USAGE = {"prompt_tokens": 9, "completion_tokens": 5}


@pytest.mark.parametrize(
    ("block", "counts"),
    [
        (USAGE | {"total_tokens": 14}, (9, None, 5, None)),
        # xAI: the completion leaves the reasoning out
        (
            {
                "prompt_tokens": 32,
                "completion_tokens": 2,
                "total_tokens": 374,
                "completion_tokens_details": {"reasoning_tokens": 340},
            },
            (32, None, 342, 340),
        ),
        # Google's compatible API leaves it out and does not say how much it is
        ({"prompt_tokens": 6, "completion_tokens": 1, "total_tokens": 42}, (6, None, 36, None)),
        ({"prompt_tokens": 6, "total_tokens": 42}, (6, None, 36, None)),
        # the prompt leaves the cached tokens out
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 1015,
                "prompt_tokens_details": {"cached_tokens": 1000},
            },
            (1010, 1000, 5, None),
        ),
        (USAGE | {"prompt_tokens_details": {"cached_tokens": 8}}, (9, 8, 5, None)),
        (USAGE | {"prompt_tokens_details": {"cached_tokens": None}, "cached_tokens": 8}, (9, 8, 5, None)),
        (USAGE | {"cached_tokens": 4, "reasoning_tokens": 3}, (9, 4, 5, 3)),
        (USAGE | {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5}, (9, 4, 5, None)),
        (USAGE | {"num_cached_tokens": 4}, (9, 4, 5, None)),
        (USAGE | {"prompt_tokens_details": None}, (9, None, 5, None)),
        ({"input_tokens": 9, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}}, (9, None, 5, 2)),
        # a provider's own contradiction is left as it is
        (USAGE | {"total_tokens": 14, "completion_tokens_details": {"reasoning_tokens": 6}}, (9, None, 5, 6)),
        ({"prompt_tokens": 9.0, "completion_tokens": 5.5}, (9, None, None, None)),
        ({"prompt_tokens": -9, "completion_tokens": True}, (None, None, None, None)),
        ({"prompt_tokens": "9", "completion_tokens": 2**60}, (None, None, None, None)),
        ({"prompt_tokens": 9, "completion_tokens": 2**70, "total_tokens": -1}, (9, None, None, None)),
        ({}, (None, None, None, None)),
    ],
)
def test_usage_is_normalised(block: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    for event in (
        {"choices": [], "usage": block},
        {"choices": [], "usage": None, "x_groq": {"usage": block}},
        {"choices": [{"delta": {}, "finish_reason": "stop", "usage": block}]},  # Moonshot's place
    ):
        result = parse_stream([chunk({"content": "a"}, usage=None), data(event)])
        assert _counts(result) == counts
        assert result.usage is not None
        assert result.usage.raw == json.loads(json.dumps(block))


def test_usage_that_comes_in_parts_is_merged() -> None:
    parts = (
        {"prompt_tokens": 9, "completion_tokens": 1, "cost": None},
        {"prompt_tokens": None, "completion_tokens": 3, "cost": 0.5},
        {"completion_tokens": 5, "extra": None},
    )
    result = parse_stream([chunk({"content": "a"}, usage=part) for part in parts])
    assert _counts(result) == (9, None, 5, None)
    assert result.usage is not None
    assert result.usage.raw == {"prompt_tokens": 9, "completion_tokens": 5, "cost": 0.5, "extra": None}
    assert [event.output_tokens_so_far for event in result.generated] == [1, 3, 5]
    assert result.events[0]["usage"] == parts[0]


def _in_parts(text: str, cuts: list[int]) -> StreamResult:
    parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    return parse_stream([chunk({"content": part}) for part in parts])


@EXAMPLES
@given(
    st.sampled_from(["", "\n", " "]),
    st.text("ab<>/think\n", max_size=12).filter(lambda thought: "</think>" not in thought),
    st.sampled_from(["", "\n", " \n\n"]),
    st.text("ab<>/think \n", max_size=12).filter(lambda answer: answer == answer.lstrip()),
    st.data(),
)
@example("", "thought", "\n\n", "answer", None)
def test_an_inline_thought_is_no_answer_whatever_the_split(
    before: str, thought: str, between: str, answer: str, drawn: st.DataObject | None
) -> None:
    whole = f"{before}<think>{thought}</think>{between}{answer}"
    everywhere = list(range(1, len(whole)))
    cuts = everywhere if drawn is None else sorted(drawn.draw(st.sets(st.sampled_from(everywhere), max_size=8)))
    result = _in_parts(whole, cuts)
    assert (result.thought, result.answer) == (thought, answer)
    assert (result.text, result.reasoning, result.first_content_index) == (whole, "", 0)
    assert "".join(event.answer for event in result.generated) == answer
    position, first = 0, None
    for index, end in enumerate([*cuts, len(whole)]):
        if first is None and answer and end > len(whole) - len(answer):
            first = index
        assert result.generated[index].answer == whole[max(position, len(whole) - len(answer)) : end]
        position = end
    assert result.first_answer_index == first


@pytest.mark.parametrize("text", ["a <think>b</think>", "<thin", "<", "</think>a", "<b>bold</b>", "<think"])
def test_what_is_no_thought_stays_answer(text: str) -> None:
    for cuts in ([], list(range(1, len(text)))):
        result = _in_parts(text, cuts)
        assert (result.text, result.answer, result.thought) == (text, text, "")
        assert result.first_answer_index == 0


def test_white_space_is_nothing_to_see() -> None:
    result = parse_stream([chunk({"content": part}) for part in ("\n\n", " ", "Hi", "\n", "you ")])
    assert (result.first_content_index, result.first_answer_index) == (0, 2)
    assert (result.text, result.answer) == ("\n\n Hi\nyou ", "Hi\nyou ")
    assert [event.answer for event in result.generated] == ["", "", "Hi", "\n", "you "]


def test_a_thought_without_end_is_no_answer() -> None:
    result = parse_stream([chunk({"content": "<think>on and"}), chunk({"content": " on </thi"})])
    assert (result.text, result.thought, result.answer) == ("<think>on and on </thi", "on and on </thi", "")
    assert (result.first_content_index, result.first_answer_index) == (0, None)


def test_both_kinds_of_thought_are_joined() -> None:
    result = parse_stream([chunk({"reasoning": "first "}), chunk({"content": "<think>then</think>4"})])
    assert (result.reasoning, result.thought, result.answer) == ("first ", "first then", "4")


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (data({"error": {"message": "boom", "code": 502}}), "boom"),
        (data({"error": "boom"}), "boom"),
        (data({"error": {"code": 502}}), "{'code': 502}"),
        (data({"choices": [{"error": {"message": "boom"}, "finish_reason": "error"}]}), "boom"),
        (data({"choices": [{"delta": {}}], "error": {"message": "boom"}}), "boom"),
        (data({"choices": [], "x_groq": {"error": "boom"}}), "boom"),
        (data({"object": "error", "message": "boom", "code": 400}), "boom"),
        (data({"detail": "boom"}), "boom"),
        (data({"base_resp": {"status_code": 1004, "status_msg": "boom"}}), "boom"),
        (b"event: error\n" + data({"reason": "boom"}), "{'reason': 'boom'}"),
        (b'event: error\ndata: "boom"\n\n', "boom"),
        (b"event: error\ndata: boom\n\n", "boom"),
        (b'{\n  "error": {\n    "message": "boom"\n  }\n}\n', "boom"),
        (data({"error": "b" * 9999}), "b" * 2000),
        (data({"error": None}), None),
        (data({"error": {}}), None),
        (data({"base_resp": {"status_code": 0, "status_msg": "boom"}}), None),
        (b"data: boom\n\n", None),
    ],
)
def test_errors_inside_a_stream_are_found(event: bytes, error: str | None) -> None:
    result = parse_stream([chunk({"content": "kept"}), event])
    assert (result.text, result.error) == ("kept", error)
    assert result.finish_class == (None if error is None else "broken")


@pytest.mark.parametrize(
    ("block", "values"),
    [
        ({"content": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1}]}, [-0.5, -1.0]),
        ({"content": None, "refusal": None}, []),
        ({"tokens": ["a", "b"], "token_logprobs": [None, -0.5]}, [-0.5]),
        ({"content": [{"logprob": True}, {"logprob": "x"}, {"logprob": 10**400}, 3]}, []),
        (None, []),
        ([], []),
    ],
)
def test_logprobs_are_read(block: Any, values: list[float]) -> None:
    assert parse_stream([data({"choices": [{"delta": {"content": "ab"}, "logprobs": block}]})]).logprobs == values


def test_halves_of_a_surrogate_pair_are_joined() -> None:
    halves = ("\ud83d", "\udc26 ", "\ud83d")
    result = parse_stream([b"data: " + json.dumps({"choices": [{"text": half}]}).encode() + b"\n\n" for half in halves])
    assert result.text == result.answer == "🐦 \ufffd"
    assert [event.answer for event in result.generated] == ["\ufffd", "\ufffd ", "\ufffd"]
    broken = rb'data: {"id": "\ud83d", "model": "\ud83d", "error": "\ud83d", "usage": {"\ud83d": "\ud83d"}}'
    result = parse_stream([broken])
    assert result.usage is not None
    json.dumps([result.response_id, result.served_model, result.error, result.usage.raw], ensure_ascii=False).encode()


WHOLE = {
    "id": "chat-1",
    "model": "served",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Grüße"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("before", ["", "\ufeff", "\r\n "])
def test_an_answer_that_was_not_streamed_is_one_event(indent: int | None, before: str) -> None:
    body = (before + json.dumps(WHOLE, indent=indent, ensure_ascii=False)).encode()
    accumulator = StreamAccumulator("openai_chat")
    accumulator.add_document(body)
    for result in (parse_stream([body]), parse_stream(body[i : i + 1] for i in range(len(body))), accumulator.finish()):
        assert result.events == [WHOLE]
        assert (result.text, result.first_generated_index, result.last_generated_index) == ("Grüße", 0, 0)
        assert (result.finish_reason, result.ended, result.error) == ("stop", True, None)
        assert _counts(result) == (3, None, 2, None)


def test_a_whole_answer_that_was_cut_off_is_malformed() -> None:
    body = json.dumps(WHOLE).encode()[:-40]
    accumulator = StreamAccumulator("openai_chat")
    accumulator.add_document(body)
    for result in (parse_stream([body]), accumulator.finish()):
        assert (result.events, result.malformed_events, result.ended) == ([], 1, False)


def test_the_accumulator_says_which_event_it_took() -> None:
    accumulator = StreamAccumulator("openai_chat")
    taken = [accumulator.add(SseEvent(text)) for text in ("{}", "[DONE]", "no JSON", "", "7", "{}")]
    assert taken == [0, None, None, None, 1, 2]


FIELDS = sorted(
    set(re.findall(r"\w+", "choices delta message content text type reasoning reasoning_details thinking tool_calls"))
    | set(re.findall(r"\w+", "function arguments name usage x_groq prompt_tokens completion_tokens total_tokens id"))
    | set(re.findall(r"\w+", "prompt_tokens_details cached_tokens logprobs logprob error model finish_reason detail"))
    | set(re.findall(r"\w+", "function_call refusal token_logprobs base_resp status_code status_msg code object"))
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.sampled_from(["thinking", "error", "stop"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@EXAMPLES
@given(st.lists(JSON, max_size=4))
@example([{"choices": [{"logprobs": {"content": [{"logprob": 10**400}]}}]}])
@example([{"choices": [{"logprobs": {"content": [{"logprob": float("inf")}]}}]}])
@example([{"choices": [{"delta": {"content": [{"type": ["thinking"], "text": "a"}]}}]}])
@example([{"usage": {"completion_tokens": float("-inf")}}])
def test_no_event_makes_it_raise(events: list[Any]) -> None:
    result = parse_stream([data(event) for event in events])
    assert len(result.events) + result.malformed_events == len(events)
    assert all(isinstance(value, float) for value in result.logprobs)
    json.dumps(result.logprobs, allow_nan=False)


@pytest.mark.parametrize(
    "nested",
    [
        '{"usage": {"completion_tokens": 2, "a": %s}}',
        '{"error": {"message": %s}}',
        '{"choices": [{"delta": {"content": [{"text": %s}]}}]}',
        '{"choices": [{"delta": {"content": %s}}]}',
        '{"choices": [{"delta": {"reasoning_details": [{"text": %s}]}}]}',
        "%s",
    ],
)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('[{"text": ', "}]")])
@pytest.mark.parametrize("depth", [50, 200, 450, 900, 100_000])
def test_deep_nesting_does_not_make_it_raise(nested: str, opening: str, closing: str, depth: int) -> None:
    deep = opening * depth + '"x"' + closing * depth
    result = parse_stream([b"data: " + (nested % deep).encode() + b"\n\n", chunk({"content": "after"})])
    assert result.text.endswith("after")
    json.dumps([result.error, result.usage.raw if result.usage else None])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1" + "0" * 5000])
def test_numbers_that_json_does_not_have_make_an_event_malformed(number: str) -> None:
    result = parse_stream([b'data: {"choices": [], "usage": {"completion_tokens": %s}}\n\n' % number.encode()])
    assert (result.malformed_events, result.usage) == (1, None)


def test_numbers_beyond_a_float_cost_nothing_else_of_an_event() -> None:
    event = b'data: {"choices": [{"delta": {"content": "a"}}], "usage": {"completion_tokens": 1e999, "a": -1e999}}\n\n'
    result = parse_stream([event])
    assert (result.text, _counts(result)) == ("a", (None, None, None, None))
    assert result.usage is not None
    json.dumps(result.usage.raw, allow_nan=False)


def test_bytes_that_are_no_utf8_cost_nothing_else_of_an_event() -> None:
    result = parse_stream([b'data: {"choices": [{"delta": {"content": "a\xff\xe2\x82b"}}]}\n\n'])
    assert (result.text, result.malformed_events) == ("a\ufffd\ufffdb", 0)


def test_an_event_too_large_ends_the_stream_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse.SseParser.__init__, "__defaults__", (1000,))
    good = chunk({"content": "kept"})
    for parts in ([good + b"data: " + b"x" * 2000], [good, b"data: " + b"x" * 2000, b"\n\n"]):
        result = parse_stream([*parts, chunk({"content": "lost"})])
        assert (result.text, result.ended, result.finish_class) == ("kept", False, "broken")
        assert result.error is not None
        assert result.error.startswith("event too large")


def test_an_event_of_50_mb_is_refused_and_recorded() -> None:
    def chunks() -> Any:
        yield chunk({"content": "kept"}) + b'data: {"choices": [{"delta": {"content": "'
        for _ in range(800):
            yield b"x" * 65536
        yield b'"}}]}\n\n' + chunk({"content": "lost"})

    result = parse_stream(chunks())
    assert (result.text, len(result.events)) == ("kept", 1)
    assert result.error == f"event too large: a line of more than {sse.MAX_EVENT_BYTES} bytes"


def test_usage_that_grows_with_every_event_is_not_copied_with_every_event() -> None:
    accumulator, count = StreamAccumulator("openai_chat"), 60_000  # a copy each would be 2 * 10 ** 9 entries
    for number in range(count):
        accumulator.add(SseEvent(f'{{"choices": [], "usage": {{"n{number}": 1}}}}'))
    usage = accumulator.finish().usage
    assert usage is not None
    assert len(usage.raw) == count


def test_log_probabilities_of_many_choices_are_not_copied_with_every_choice() -> None:
    choice = '{"logprobs": {"content": [{"token": "a", "logprob": -1}]}}'
    event = '{"choices": [' + ",".join([choice] * 60_000) + "]}"
    assert len(parse_stream([b"data: " + event.encode() + b"\n\n"]).logprobs) == 60_000


def test_a_body_of_more_objects_than_an_answer_has_events_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenarena_assets.probing.stream.MAX_EVENTS", 3)
    accumulator = StreamAccumulator("openai_chat")
    with pytest.raises(EventTooLargeError, match="more than 3 events"):
        accumulator.add_document(b"[" + b",".join([b"{}"] * 4) + b"]")
    assert len(accumulator.result.events) == 3
