"""What a stream amounts to: recorded provider streams under random splits, inline thoughts, hostile events."""

from __future__ import annotations

import hashlib
import json
import random
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing import sse
from tokenarena_assets.probing.stream import StreamResult, ThinkSplitter, parse_stream
from tokenarena_assets_tests.servers.misbehaving import WORDS, Answer, chunk, data, joined

RECORDINGS = Path(__file__).parents[2] / "../shared/data/streams"
SPLITS = 20
EXAMPLES = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Their thought stands inline between <think> tags, so that what the recordings call content is reasoning first.
INLINE_THOUGHT = {
    ("test_groq__test_groq_model_thinking_part_iter.yaml", 0),
    ("test_huggingface__test_hf_model_thinking_part_iter.yaml", 0),
}


def _expectations() -> list[Any]:
    path = RECORDINGS / "expected.json"
    if not path.exists():
        return [pytest.param(None, None, marks=pytest.mark.skip(reason=f"no recordings in {RECORDINGS}"))]
    return [
        pytest.param(file, facts, id=f"{file.split('__')[1].removesuffix('.yaml')}-{facts['interaction']}")
        for file, interactions in json.loads(path.read_text()).items()
        for facts in interactions
        if facts["uri"].partition("#")[0].endswith("/chat/completions")  # the APIs that there is an adapter for
    ]


@cache
def _bodies(file: str) -> dict[int, bytes]:
    text = (RECORDINGS / file).read_text(encoding="utf-8")
    interactions = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["interactions"]
    bodies = [interaction["response"].get("body", {}).get("string", "") for interaction in interactions]
    return {number: b if isinstance(b, bytes) else str(b).encode() for number, b in enumerate(bodies)}


def _randomly_split(body: bytes, rng: random.Random) -> list[bytes]:
    cuts = sorted(rng.sample(range(len(body)), k=min(len(body) // 2, rng.choice((1, 5, 40, 200)))))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@pytest.mark.parametrize(("file", "facts"), _expectations())
def test_recorded_streams_yield_their_facts(file: str, facts: dict[str, Any]) -> None:
    body = _bodies(file)[facts["interaction"]]
    result = parse_stream([body])
    assert len(result.events) == facts["n_json_events"]
    assert result.malformed_events == facts["n_unparseable"]
    assert result.comments == facts["n_comment_lines"]
    assert result.done == facts["done_seen"]
    assert result.first_generated_index == facts["first_generated_event"]
    assert result.last_generated_index == facts["last_generated_event"]
    assert result.finish_reason == facts["finish_reason"]
    assert (result.error is not None) == (facts["error_event"] is not None)
    assert result.served_model == facts["model"]
    _assert_usage(result, facts)
    if (file, facts["interaction"]) in INLINE_THOUGHT:
        thought = len("<think>") + len(result.reasoning) + len("</think>")
        assert result.reasoning
        # Line ends between the thought and the answer belong to neither.
        assert 0 <= facts["content_chars"] - thought - len(result.text) <= 2
    else:
        assert result.first_content_index == facts["first_content_event"]
        assert len(result.text) == facts["content_chars"]
        assert len(result.reasoning) == facts["reasoning_chars"]
        assert hashlib.sha256(result.text.encode()).hexdigest() == facts["content_sha256"]
        assert hashlib.sha256(result.reasoning.encode()).hexdigest() == facts["reasoning_sha256"]


def _assert_usage(result: StreamResult, facts: dict[str, Any]) -> None:
    if facts["usage"] is None:
        assert result.usage is None
        return
    assert result.usage is not None
    assert result.usage.input_tokens == facts["usage"]["prompt_tokens"]
    assert result.usage.output_tokens == facts["billed_output_by_total"]
    assert result.usage.reasoning_tokens == facts["reasoning_tokens_reported"]
    assert result.usage.raw == facts["usage"]


@pytest.mark.parametrize(("file", "facts"), _expectations())
def test_recorded_streams_do_not_depend_on_their_split(file: str, facts: dict[str, Any]) -> None:
    body, rng = _bodies(file)[facts["interaction"]], random.Random(file)
    whole = parse_stream([body])
    for _ in range(SPLITS):
        assert parse_stream(_randomly_split(body, rng)) == whole


def test_an_api_without_adapter_is_refused_by_name() -> None:
    with pytest.raises(TokenArenaError, match=r"no adapter for api 'anthropic_messages'.*\n.*openai_chat"):
        parse_stream([b""], api="anthropic_messages")


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
    assert result.first_content_index == 1 + -(-len(WORDS) // bundle)
    assert result.finish_reason == "stop"
    assert result.done
    assert sum(event.chars for event in result.generated) == len(result.reasoning) + len(result.text)
    reported = None if result.usage is None else (result.usage.output_tokens, result.usage.reasoning_tokens)
    assert reported == (None if usage is None else (len(WORDS) + len(answer.tokens), len(WORDS)))
    assert [e.output_tokens_so_far for e in result.generated][-1:] == [
        len(WORDS) + len(answer.tokens) if usage == "every" else None
    ]


@pytest.mark.parametrize(
    ("delta", "field", "text"),
    [
        ({"content": "a"}, "text", "a"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "text", "ab"),
        ({"reasoning": "a", "reasoning_content": "a"}, "reasoning", "a"),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "a"}]}, "reasoning", "a"),
        ({"reasoning_details": [{"type": "reasoning.summary", "summary": "a"}]}, "reasoning", "a"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]}, "reasoning", "a"),
        ({"tool_calls": [{"function": {"name": "look", "arguments": ""}}]}, "tool_arguments", "look"),
        ({"tool_calls": [{"function": {"arguments": '{"a"'}}]}, "tool_arguments", '{"a"'),
    ],
)
def test_every_channel_counts_as_generated(delta: dict[str, Any], field: str, text: str) -> None:
    result = parse_stream([chunk({"role": "assistant", "content": ""}), chunk(delta)])
    assert getattr(result, field) == text
    assert result.first_generated_index == 1
    assert (result.first_content_index == 1) == (field == "text")


@pytest.mark.parametrize(
    "event",
    [
        chunk({"role": "assistant"}),
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": None, "reasoning": None}),
        chunk({"content": []}),
        data({"choices": []}),
        data({"choices": [], "usage": {"completion_tokens": 3}}),
        b": PROCESSING\n\n",
        b"data:\n\n",
        b"data: [DONE]\n\n",
    ],
)
def test_what_brings_no_token_never_stops_the_clock(event: bytes) -> None:
    assert parse_stream([event]).first_generated_index is None


def test_text_that_stands_beside_the_delta_is_not_taken_twice() -> None:
    twice = data({"choices": [{"delta": {"content": "a"}, "text": "a"}]})
    legacy = data({"choices": [{"text": "b"}]})
    assert parse_stream([twice, legacy]).text == "ab"


@pytest.mark.parametrize(
    ("block", "counts"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}, (9, None, 5, None)),
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
        ({"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}}, (9, 8, 5, None)),
        ({"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4, "reasoning_tokens": 3}, (9, 4, 5, 3)),
        ({"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": None}, (9, None, 5, None)),
        ({"prompt_tokens": 9.0, "completion_tokens": 5.5}, (9, None, None, None)),
        ({"prompt_tokens": -9, "completion_tokens": True}, (None, None, None, None)),
        ({"prompt_tokens": "9", "completion_tokens": 2**60}, (None, None, None, None)),
        ({}, (None, None, None, None)),
    ],
)
def test_usage_is_normalised(block: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    for event in ({"choices": [], "usage": block}, {"choices": [], "x_groq": {"usage": block}}):
        usage = parse_stream([data(event)]).usage
        assert usage is not None
        assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens) == counts
        assert usage.raw == block


@EXAMPLES
@given(
    st.sampled_from(["", "\n", " "]),
    st.text("ab<>/think\n", max_size=12).filter(lambda thought: "</think>" not in thought),
    st.sampled_from(["", "\n", "\n\n"]),
    st.text("ab<>/think \n", max_size=12).filter(lambda answer: not answer.startswith("\n")),
    st.data(),
)
@example("", "thought", "\n\n", "answer", None)
def test_an_inline_thought_is_moved_whatever_the_split(
    before: str, thought: str, between: str, answer: str, drawn: st.DataObject | None
) -> None:
    whole = f"{before}<think>{thought}</think>{between}{answer}"
    if drawn is None:
        parts = list(whole)
    else:
        cuts = sorted(drawn.draw(st.sets(st.integers(0, len(whole)), max_size=8)))
        parts = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    splitter = ThinkSplitter()
    pieces = [piece for part in parts for piece in splitter.feed(part)] + splitter.flush()
    assert "".join(piece.text for piece in pieces if piece.channel == "reasoning") == thought
    assert "".join(piece.text for piece in pieces if piece.channel == "content") == answer
    assert all(piece.text for piece in pieces)


@pytest.mark.parametrize("text", ["a <think>b</think>", "<thin", "<", "  ", "</think>a", "\n<b>bold</b>", "<think"])
def test_what_is_no_thought_stays_content(text: str) -> None:
    for parts in ([text], list(text)):
        assert parse_stream([chunk({"content": part}) for part in parts]).text == text


def test_a_thought_without_end_is_reasoning() -> None:
    result = parse_stream([chunk({"content": "<think>on and"}), chunk({"content": " on </thi"})])
    assert (result.reasoning, result.text, result.first_content_index) == ("on and on </thi", "", None)


def test_held_back_text_counts_for_the_event_that_brought_it() -> None:
    result = parse_stream([chunk({"content": "<"}), chunk({"content": "b>"})])
    assert [event.chars for event in result.generated] == [1, 2]
    assert result.first_generated_index == 0


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"error": {"message": "boom", "code": 502}}, "boom"),
        ({"error": "boom"}, "boom"),
        ({"error": {"code": 502}}, "{'code': 502}"),
        ({"error": None}, None),
        ({"error": {}}, None),
    ],
)
def test_errors_inside_a_stream_are_found(event: dict[str, Any], error: str | None) -> None:
    assert parse_stream([data(event)]).error == error


FIELDS = sorted(
    set(re.findall(r"\w+", "choices delta message content text type reasoning reasoning_details thinking tool_calls"))
    | set(re.findall(r"\w+", "function arguments name usage x_groq prompt_tokens completion_tokens total_tokens id"))
    | set(re.findall(r"\w+", "prompt_tokens_details cached_tokens logprobs logprob error model finish_reason"))
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats(allow_nan=False) | st.text(max_size=4),
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
        '{"choices": [{"delta": {"reasoning_details": [{"text": %s}]}}]}',
    ],
)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('[{"text": ', "}]")])
@pytest.mark.parametrize("depth", [50, 200, 450, 900, 100_000])
def test_deep_nesting_does_not_make_it_raise(nested: str, opening: str, closing: str, depth: int) -> None:
    deep = opening * depth + '"x"' + closing * depth
    result = parse_stream([b"data: " + (nested % deep).encode() + b"\n\n", chunk({"content": "after"})])
    assert result.text.endswith("after")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1" + "0" * 5000])
def test_numbers_that_json_does_not_have_make_an_event_malformed(number: str) -> None:
    result = parse_stream([b'data: {"choices": [], "usage": {"completion_tokens": %s}}\n\n' % number.encode()])
    assert (result.malformed_events, result.usage) == (1, None)


def test_an_event_too_large_ends_the_stream_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse.SseParser.__init__, "__defaults__", (1000,))
    good = chunk({"content": "kept"})
    for parts in ([good + b"data: " + b"x" * 2000], [good, b"data: " + b"x" * 2000, b"\n\n"]):
        result = parse_stream(parts)
        assert result.text == "kept"
        assert result.error is not None
        assert result.error.startswith("event too large")
