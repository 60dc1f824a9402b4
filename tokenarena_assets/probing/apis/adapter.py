"""What the adapter of an API offers: the request to send, and a reader that says what each event brings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol
from urllib.parse import quote

Channel = Literal["content", "reasoning", "tool"]
Turns = Sequence[tuple[str, str]]  # role (user or assistant) and text, of each


class Piece(NamedTuple):
    """A stretch of generated text, in the channel of the field that it was sent in."""

    channel: Channel
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts: `input_tokens` includes what was read from and written to a cache, `output_tokens` reasoning.

    None is a count that the provider did not report; `raw` is its own block, merged where it came in parts.
    """

    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    raw: dict[str, Any]
    cache_write_tokens: int | None = None


@dataclass(slots=True)
class Reading:
    """What one event says: `usage` is the provider's block as it is, `ends` an end marker that gives no reason."""

    pieces: Sequence[Piece] = ()
    usage: dict[str, Any] | None = None
    finish_reason: str | None = None
    error: str | None = None
    logprobs: list[float] = field(default_factory=list)
    # Of the event's first token as it was sent: what was chosen, and what it could have been.
    first_token: tuple[Any, Any] | None = None
    response_id: str | None = None
    served_model: str | None = None
    ends: bool = False


class Reader(Protocol):
    """Reads the events of one answer, in order; it may remember what came before."""

    def read(self, event: dict[str, Any], name: str) -> Reading:
        """What `event`, sent under the SSE event name `name`, brings. Never raises."""
        ...


def messages(prompt: str, earlier: Turns) -> list[dict[str, Any]]:
    """The turns of a conversation as OpenAI and Anthropic write them; its last is the prompt."""
    return [{"role": role, "content": text} for role, text in (*earlier, ("user", prompt))]


class Adapter(ABC):
    """One API: where and how a prompt is sent, and how its answer is read.

    `reserved` are the body fields that only the prober sets: with another value the answer would not be the one that
    was asked for, or could not be read. `multi_turn`: it takes turns before the prompt; `has_logprobs`: it can be asked
    for log-probabilities.
    """

    api: ClassVar[str]
    route: ClassVar[str]
    whole_route: ClassVar[str | None] = None  # of an answer that is not streamed, where it has another one
    reserved: ClassVar[frozenset[str]]
    multi_turn: ClassVar[bool] = True
    has_logprobs: ClassVar[bool] = True

    def path(self, request_model: str, *, stream: bool) -> str:
        """What follows the base URL."""
        route = self.route if stream else self.whole_route or self.route
        return route.format(model=quote(request_model, safe="/@"))

    @abstractmethod
    def headers(self, api_key: str | None) -> dict[str, str]:
        """The API's own headers, the secret among them."""

    @abstractmethod
    def body(
        self,
        model: str,
        prompt: str,
        *,
        max_output_tokens: int,
        temperature: float,
        stream: bool = True,
        top_logprobs: int | None = None,
        earlier: Turns = (),
        seed: int | None = None,
    ) -> dict[str, Any]:
        """The body of a request for one user message, `earlier` turns before it; no `seed` where the API has none."""

    @abstractmethod
    def reader(self) -> Reader:
        """A reader for one answer, streamed or whole."""

    @abstractmethod
    def usage(self, block: dict[str, Any]) -> Usage:
        """A usage block of this API, normalised; `raw` is `block` itself."""
