"""The SSE parser: what it yields depends on the bytes alone, never on how they were split into reads."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tokenarena_assets.probing import sse
from tokenarena_assets.probing.sse import EventTooLargeError, SseEvent, SseParser

LINE_ENDS = ("\n", "\r\n", "\r")
EXAMPLES = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LINES = (
    "data: plain",
    "data:no space",
    "data:  two spaces",
    "data",
    "data:",
    'data: {"text": "Grüße 🐦"}',
    "data: \ufeff",
    ": comment",
    ":",
    "event: usage",
    "event",
    "id: 7",
    "retry: 100",
    "unknown: x",
    "Data: other case",
    "\ufeffdata: mark in the middle",
    '{"error": "no event line"}',
    "[",
    '  {"a": 1},',
    "]",
    "",
    "",
)


def _parse(chunks: list[bytes], max_event_bytes: int = sse.MAX_EVENT_BYTES) -> tuple[list[SseEvent], int, bool]:
    parser, events = SseParser(max_event_bytes), []
    try:
        for chunk in chunks:
            events += parser.feed(chunk)
        events += parser.close()
    except EventTooLargeError:
        return events, parser.comments, True
    return events, parser.comments, False


def _events(stream: bytes) -> list[tuple[str, str]]:
    return [(event.name, event.data) for event in _parse([stream])[0]]


@st.composite
def split_streams(draw: st.DrawFn) -> list[bytes]:
    """Lines of every kind with line ends of every kind, cut into reads anywhere."""
    lines = draw(st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(LINE_ENDS)), max_size=12))
    mark = draw(st.sampled_from(("", "\ufeff")))
    tail = draw(st.sampled_from(("", "data: cut", "\r", "data: x\r")))
    stream = (mark + "".join(line + end for line, end in lines) + tail).encode()
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@EXAMPLES
@given(split_streams())
@example([b"\n", b"\xef\xbb\xbfdata: x\n\n"])
@example([b"\xef\xbb", b"\xbfdata: x\n\n"])
@example([b"data: x\r", b"\n\r", b"\n"])
@example([b"\xef", b""])
def test_any_split_gives_the_same_events(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    expected = _parse([whole])
    assert _parse(chunks) == expected
    assert _parse([whole[i : i + 1] for i in range(len(whole))]) == expected


@EXAMPLES
@given(split_streams(), st.integers(1, 30))
@example([b"data: 1\n\ndata: 2345678901\n\n"], 7)
def test_the_size_limit_falls_at_the_same_event_in_any_split(chunks: list[bytes], limit: int) -> None:
    whole = b"".join(chunks)
    events, _, refused = _parse([whole], limit)
    one_by_one, _, refused_one_by_one = _parse([whole[i : i + 1] for i in range(len(whole))], limit)
    split, _, refused_split = _parse(chunks, limit)
    assert refused == refused_one_by_one == refused_split
    assert events == one_by_one == split


@pytest.mark.parametrize("end", LINE_ENDS)
def test_events_are_read_as_the_standard_says(end: str) -> None:
    lines = (
        "\ufeff: a comment",
        "data: first",
        "data:  second",
        "",
        "event: usage",
        "data: named",
        "",
        "data: unnamed again",
        "",
        "event: without data",
        "",
        "data",
        "data",
        "",
        "",
        "Data: other field",
        "",
        "data: last, without its blank line",
    )
    assert _events(end.join(lines).encode()) == [
        ("message", "first\n second"),
        ("usage", "named"),
        ("message", "unnamed again"),
        ("message", "\n"),
        ("message", "last, without its blank line"),
    ]


def test_bytes_that_are_no_utf8_are_replaced_not_fatal() -> None:
    assert _events(b"data: a\xff\xfeb\n\n") == [("message", "a\ufffd\ufffdb")]


def test_comments_are_counted() -> None:
    assert _parse([b": one\n\n:\ndata: x\n\n: three\n\n"])[1] == 3


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + b"x" * 200,
        b"x" * 200,
        b": " + b"x" * 200 + b"\n",
        b"data: 12345678\n" * 20,
        b"data\n" * 60,
        b"event: " + b"x" * 200,
        b"{\n" + b'"a": 1,\n' * 60,
    ],
    ids=["line without end", "no field", "comment", "many lines", "many empty lines", "name", "JSON"],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_too_large_is_refused_after_what_came_before(stream: bytes, size: int) -> None:
    whole = b"data: good\n\n" + stream
    events, _, refused = _parse([whole[i : i + size] for i in range(0, len(whole), size)], max_event_bytes=100)
    assert refused
    assert [event.data for event in events] == ["good"]


def test_an_event_of_exactly_the_limit_is_taken() -> None:
    line = b"data: " + b"x" * 94
    assert _parse([line, b"\r\n\r\n"], max_event_bytes=100)[2] is False
    assert _parse([line, b"\r", b"\n\n"], max_event_bytes=100)[2] is False
    assert _parse([line + b"x", b"\n\n"], max_event_bytes=100)[2] is True


def test_a_lone_carriage_return_ends_a_line_at_once() -> None:
    parser = SseParser()
    assert list(parser.feed(b"data: x\r")) == []
    assert list(parser.feed(b"\r")) == [SseEvent("x")]
    # The newline belongs to the carriage return before it and ends nothing.
    assert list(parser.feed(b"\ndata: y\n")) == []
    assert list(parser.close()) == [SseEvent("y")]


HUGE = 50 * 1024 * 1024
READ = b"x" * 65536


def _in_reads() -> Iterator[bytes]:
    yield b"data: good\n\ndata: "
    for _ in range(HUGE // len(READ)):
        yield READ
    yield b"\n\n"


def _in_lines() -> Iterator[bytes]:
    yield b"data: good\n\n"
    for _ in range(HUGE // len(READ)):
        yield b"data: " + READ + b"\n"
    yield b"\n"


def _peak_bytes(chunks: Iterable[bytes]) -> int:
    parser, events, refused = SseParser(), [], False
    tracemalloc.start()
    try:
        for chunk in chunks:
            events += parser.feed(chunk)
    except EventTooLargeError:
        refused = True
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert refused
    assert events == [SseEvent("good")]
    return peak


@pytest.mark.parametrize("chunks", [_in_reads, _in_lines])
def test_an_event_of_50_mb_is_refused_in_bounded_memory(chunks: Callable[[], Iterator[bytes]]) -> None:
    assert _peak_bytes(chunks()) < 3 * sse.MAX_EVENT_BYTES


def test_an_event_of_50_mb_in_one_read_is_refused_without_copying_it() -> None:
    whole = b"data: good\n\ndata: " + b"x" * HUGE + b"\n\n"
    assert _peak_bytes([whole]) < 3 * sse.MAX_EVENT_BYTES


@pytest.mark.timeout(60)  # a copy of the line with every byte would move half a terabyte
def test_a_long_line_fed_byte_by_byte_takes_no_quadratic_time() -> None:
    parser, size = SseParser(), 1_000_000
    for start in (b"data: ", b"\n", b"data: ", b"\r\n\r\n"):
        events = list(parser.feed(start))
        if start == b"data: ":
            for _ in range(size):
                events += parser.feed(b"x")
    assert events == [SseEvent("x" * size + "\n" + "x" * size)]


@pytest.mark.parametrize(
    ("body", "documents"),
    [
        ('{"a": {"b": "]"}}', ['{"a": {"b": "]"}}']),
        ('{\n  "a": 1,\n\n  "b": 2\n}\n', ['{\n  "a": 1,\n  "b": 2\n}']),
        ('[{"a": 1},\r\n{"a": 2}]', ['{"a": 1}', '{"a": 2}']),
        ('[{"a": 1},\r\n{"a": ', ['{"a": 1}', '{"a": \n']),
        ('{"a": 1}\n{"a": 2}\n', ['{"a": 1}', '{"a": 2}']),
        ('{"half": ', ['{"half": \n']),
        ("[1, 2, null]", []),
        ('data: x\n\n{"error": 1}', ["x", '{"error": 1}']),
        ('{"a":\ndata: x\n\nid: 3\n1}', ["x", '{"a":\n1}']),
        ("<html>{</html>\n}", []),
    ],
)
def test_json_where_events_should_be_is_read_as_its_objects(body: str, documents: list[str]) -> None:
    for size in (1, 3, 1000):
        chunks = [body.encode()[i : i + size] for i in range(0, len(body), size)]
        assert [event.data for event in _parse(chunks)[0]] == documents


def test_json_that_nests_too_deeply_is_left_as_it_is() -> None:
    deep = '{"a": ' * 100_000
    assert [event.data.strip() for event in _parse([deep.encode()])[0]] == [deep.strip()]
    assert [event.data for event in _parse([b"[" * 100_000])[0]] == []
