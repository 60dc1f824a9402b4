"""Server-Sent Events from bytes in any split (WHATWG HTML, 9.2), and the JSON that some endpoints send instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_EVENT_BYTES = 8 * 1024 * 1024
MAX_EVENTS = 200_000  # of one answer: more than any real one has, and far fewer than empty ones fit into its bytes
SLICE_BYTES = 64 * 1024  # a longer read is taken in slices, so that what is refused was never copied whole
BOM = b"\xef\xbb\xbf"
BETWEEN_DOCUMENTS = re.compile(r"[\s,\[\]]*")
DECODER = json.JSONDecoder()


class EventTooLargeError(ValueError):
    """An event, or a line of one, is larger than the limit, or there are more of them."""


class SseEvent(NamedTuple):
    """One dispatched event: its data lines joined by newlines, and its name."""

    data: str
    name: str = "message"


class SseParser:
    """Incremental parser: feed it what the socket gave, get the events that this completed.

    Lines of JSON where event lines should be are kept and become events at the end: a body that is a JSON document
    (an answer that was not streamed, an error, Google's array of responses), or one at the end of a stream that broke.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._start: bytes | None = b""  # the first bytes, while they may be half a byte order mark
        self._after_cr = False
        self._unfinished = bytearray()  # the beginning of a line
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._name = ""
        self._json = bytearray()
        self.comments = 0

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """Events completed by `chunk`; read them all before the next call.

        Raises:
            EventTooLargeError: after the events before it, when one is beyond the limit; nothing can be read after it.
        """
        if self._start is not None:
            chunk = self._without_bom(chunk)
        for start in range(0, len(chunk), SLICE_BYTES):
            yield from self._events(self._whole_lines(chunk[start : start + SLICE_BYTES]))
            self._check_size(len(self._unfinished), "a line")

    def close(self) -> Iterator[SseEvent]:
        """Events left at the end of the stream: one that lacks its blank line still counts as sent.

        Raises:
            EventTooLargeError: as :meth:`feed` does.
        """
        yield from self._events([bytes(self._unfinished) + (self._start or b"")])
        yield from self._events([b""])
        for document in json_documents(self._json.decode("utf-8", "replace")):
            yield SseEvent(document)

    def _without_bom(self, chunk: bytes) -> bytes:
        start = (self._start or b"") + chunk
        if len(start) < len(BOM) and BOM.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(BOM)

    def _whole_lines(self, part: bytes) -> list[bytes]:
        if self._after_cr or b"\r" in part:
            # A carriage return ends a line at once; a newline that follows it, here or in the next read, is its half.
            if self._after_cr and part.startswith(b"\n"):
                part = part[1:]
            self._after_cr = part.endswith(b"\r")
            part = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        whole, newline, rest = part.rpartition(b"\n")
        if newline and self._unfinished:
            whole = bytes(self._unfinished) + whole
            self._unfinished.clear()
        self._unfinished += rest
        return whole.split(b"\n") if newline else []

    def _events(self, lines: Iterable[bytes]) -> Iterator[SseEvent]:
        for line in lines:
            if line.startswith(b"data:") or line == b"data":
                self._data_bytes += len(line)
                self._check_size(self._data_bytes, "an event")
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif line:
                self._other_line(line)
            else:
                data, name = self._data, self._name
                self._data, self._data_bytes, self._name = [], 0, ""
                if data:
                    yield SseEvent(b"\n".join(data).decode("utf-8", "replace"), name or "message")

    def _other_line(self, line: bytes) -> None:
        self._check_size(len(line), "a line")
        field, _, value = line.partition(b":")
        if not field:
            self.comments += 1
        elif field == b"event":
            self._name = value.removeprefix(b" ").decode("utf-8", "replace")
        elif (self._json and field not in (b"id", b"retry")) or field.lstrip()[:1] in (b"{", b"["):
            self._json += line + b"\n"
            self._check_size(len(self._json), "a JSON document")

    def _check_size(self, size: int, what: str) -> None:
        if size > self._max:
            raise EventTooLargeError(f"{what} of more than {self._max} bytes")


def json_documents(text: str) -> Iterator[str]:
    """The objects of a JSON document, or of several, each as its own text; what cannot be read comes last as it is."""
    position = 0
    while (position := _end_of_gap(text, position)) < len(text):
        try:
            value, end = DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            yield text[position:]
            return
        if isinstance(value, dict):
            yield text[position:end]
        position = end


def _end_of_gap(text: str, position: int) -> int:
    found = BETWEEN_DOCUMENTS.match(text, position)
    return found.end() if found else position
