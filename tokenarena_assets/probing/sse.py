"""Server-Sent Events from bytes in any split (WHATWG HTML, section 9.2: event stream interpretation)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE_END = re.compile(rb"\r\n|\n|\r")
MAX_EVENT_BYTES = 8 * 1024 * 1024
BOM = b"\xef\xbb\xbf"


class EventTooLargeError(ValueError):
    """An event, or a line of one, is larger than MAX_EVENT_BYTES."""


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One dispatched event: its name (`message` by default) and its data lines joined by newlines."""

    data: str
    name: str = "message"


class SseParser:
    """Incremental parser: feed it what the socket gave, get the events that this completed."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._buffer = bytearray()
        self._searched = 0  # bytes of the buffer that are known to hold no line end
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._name = ""
        self._at_start = True
        self.comments = 0

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """Events completed by `chunk`; read them all before the next call.

        Raises:
            EventTooLargeError: after the events before it, when one is beyond the limit; nothing can be read after it.
        """
        self._buffer += chunk
        return self._take_lines(final=False)

    def close(self) -> Iterator[SseEvent]:
        """Events left at the end of the stream: one that lacks its blank line still counts as sent.

        Raises:
            EventTooLargeError: as :meth:`feed` does.
        """
        yield from self._take_lines(final=True)
        if self._buffer:
            self._line(bytes(self._buffer))
            self._buffer.clear()
        if event := self._dispatch():
            yield event

    def _take_lines(self, *, final: bool) -> Iterator[SseEvent]:
        if self._at_start and not final and len(self._buffer) < len(BOM) and BOM.startswith(bytes(self._buffer)):
            return
        if self._at_start and self._buffer.startswith(BOM):
            del self._buffer[: len(BOM)]
        self._at_start = False
        position = 0
        while match := LINE_END.search(self._buffer, max(position, self._searched)):
            # A carriage return at the very end may be half of \r\n: wait for the next byte.
            if match.group() == b"\r" and match.end() == len(self._buffer) and not final:
                break
            line = bytes(self._buffer[position : match.start()])
            position = match.end()
            if line:
                self._line(line)
            elif event := self._dispatch():
                yield event
        del self._buffer[:position]
        self._searched = len(self._buffer) - self._buffer.endswith(b"\r")
        self._check_size(self._searched, "a line")

    def _check_size(self, size: int, what: str) -> None:
        if size > self._max:
            raise EventTooLargeError(f"{what} of more than {self._max} bytes")

    def _line(self, line: bytes) -> None:
        self._check_size(len(line), "a line")
        if line.startswith(b":"):
            self.comments += 1
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data_bytes += len(value)
            self._check_size(self._data_bytes, "an event")
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")

    def _dispatch(self) -> SseEvent | None:
        data, name = self._data, self._name
        self._data, self._data_bytes, self._name = [], 0, ""
        if not data:
            return None
        return SseEvent(b"\n".join(data).decode("utf-8", "replace"), name or "message")
