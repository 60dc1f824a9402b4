"""When each probe of a round may be sent: spread starts, limits of each endpoint, pauses it asks for, giving up."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.probing.plan import PlanOptions, Probe, input_tokens_about, output_tokens_at_most
from tokenarena_assets.suites.items import rng_for

NS_PER_S = 1_000_000_000
# After this many failures in a row of a kind that will not pass by itself, the rest is recorded as not sent.
GIVE_UP_AFTER = 3
HOPELESS = frozenset({"connect_failed", "timeout_connect", "timeout_first", "http_3xx"})
HOPELESS_HTTP = frozenset({401, 403, 404})

FLEET_AT_ONCE = 4

RAMP_NS = 10_000_000  # between the first starts of a suite: a second for each hundred in flight
GAP_NS = 1_000_000  # between any two starts: what starts in one tick of the loop delays its neighbours
# A second more than a minute: two requests may reach the endpoint nearer to each other than they were sent.
WINDOW_NS = 61 * NS_PER_S
FIRST_PAUSE_S = 1.0  # after a 429 that names no time; doubled with each further one in a row
LONGEST_S = 1e9  # a longer time asked for is as good as for ever
WAIT_STATUSES = frozenset({429, 503})  # of which Retry-After is a request to wait


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to send one probe, or the reason why it will not be sent."""

    due_ns: int  # when it was due, on the pacer's clock: what its schedule-based latency counts from
    in_flight: int = 0  # at its endpoint, itself included; a burst counts whole from its first request on
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Caps:
    """How many requests of a suite may be in flight in all, and at each endpoint."""

    at_once: int
    each: int


def caps_of(suite: str, options: PlanOptions, endpoints: Sequence[Endpoint], at_once: int | None = None) -> Caps:
    """The caps that `suite` runs under; `at_once` is a worker's share of what the options allow in all.

    Endpoints of the embedded fleet share this machine: two at once would measure each other.
    """
    at_once = options.at_once if at_once is None else at_once
    local = any(endpoint.fleet is not None for endpoint in endpoints)
    if suite == "parallel":
        burst = options.sizes.parallel_at_once
        return Caps(min(at_once, burst) if local else at_once, burst)
    if options.at_once_asked:
        share = -(-at_once // max(1, len(endpoints)))
        return Caps(at_once, share if suite == "speed" else max(share, options.at_once_per_endpoint))
    if suite == "speed":
        return Caps(1 if local else at_once, 1)
    return Caps(min(at_once, FLEET_AT_ONCE) if local else at_once, options.at_once_per_endpoint)


class Pacer:
    """Lets the probes of a round go, each in its time.

    For each suite call `begin` once, then `enter` for every probe of it (all of them at once) and, for those that were
    let go, `leave` with the record that came of it; what comes up on the way (an attempt once more, what depends on an
    answer) is first given its place by `plan`. A 429 stays the failure that it is; what it asks for is a pause
    before the next request to that endpoint, never a wait inside a timed one.

    - **Starts.** `options.spread_s` is shared out equally over the suites; of the n probes of an endpoint one is
      started in each n-th of a suite's share, at a random moment of it. Without a spread the first starts of a suite
      come 10 ms after each other. No two requests are started within a millisecond.
    - **Limits.** In flight in all and at each endpoint; requests and tokens in any minute at each endpoint. Tokens are
      estimated input and the output cap, until usage tells better.
    - **Bursts.** Probes that are asked `together` start within as many milliseconds, when nothing else is in flight at
      their endpoint and there is room for all of them. Where some were sent in an earlier try, the rest are not.
    - **Pauses.** After a 429 (and a 503 with Retry-After) nothing is sent to the endpoint for as long as it asks; where
      it does not say, or where that did not help, for 1 s, 2 s, 4 s and so on. An endpoint that asks for more than
      `options.max_pause_s` in all is given up, and so is one with three hopeless failures in a row.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        options: PlanOptions,
        *,
        suites: int = 1,
        at_once: int | None = None,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """`suites`: how many share the spread. `at_once`: this worker's share; None: all that the options allow."""
        self._endpoints, self._options, self._clock = tuple(endpoints), options, clock
        self._spread_ns = round(options.spread_s / max(1, suites) * NS_PER_S)
        self._at_once = at_once
        self._lanes = {endpoint.endpoint_id: _Lane(endpoint, options.max_pause_s) for endpoint in endpoints}
        self._caps = Caps(1, 1)
        self._in_flight = 0
        self._next_start_ns = 0
        self._planned: dict[str, _Place] = {}
        self._timer: asyncio.Handle | None = None

    def begin(self, suite: str, probes: Sequence[Probe]) -> Caps:
        """Set up the caps and the planned starts of a suite, of which `probes` are left to send."""
        caps = self._caps = caps_of(suite, self._options, self._endpoints, self._at_once)
        for lane in self._lanes.values():
            lane.begin(caps.each)
        now = self._clock()
        of_endpoint = Counter(probe.endpoint_id for probe in probes)
        ramp_ns = RAMP_NS * min(caps.at_once, len(probes))
        seen: Counter[str] = Counter()
        self._planned = {}
        for number, probe in enumerate(probes):
            nth, of = seen[probe.endpoint_id], of_endpoint[probe.endpoint_id]
            seen[probe.endpoint_id] += 1
            together = probe.question.together
            if together > 1:
                # One moment for the whole of it; who comes first is by chance where there is a spread, else as planned.
                share = rng_for("start", suite, probe.endpoint_id, probes[0].request_id).random()
                offset = round(share * self._spread_ns)
            elif self._spread_ns:
                share = rng_for("start", probe.request_id).random()
                offset = round((nth + share) / of * max(self._spread_ns, ramp_ns))
            else:
                offset = RAMP_NS * min(number, caps.at_once)
            incomplete = together > 1 and of != together
            self._planned[probe.request_id] = _Place(now + offset, number, incomplete)
        return caps

    def plan(self, probe: Probe, after_s: float = 0.0) -> None:
        """Give a place to a probe of this suite that was not planned at its beginning: `after_s` from now, last."""
        self._planned[probe.request_id] = _Place(self._clock() + round(after_s * NS_PER_S), len(self._planned), False)

    async def enter(self, probe: Probe) -> Admission:
        """Wait until `probe` may be sent, or until it is clear that it will not be."""
        lane, place = self._lanes[probe.endpoint_id], self._planned[probe.request_id]
        refusal = lane.given_up or self._impossible(lane, probe, place)
        if refusal is not None:
            return Admission(self._clock(), refusal=refusal)
        going: asyncio.Future[Admission] = asyncio.get_running_loop().create_future()
        tokens = _tokens_about(probe, lane.endpoint)
        heapq.heappush(lane.waiting, _Waiting(place.start_ns, place.number, probe, tokens, going))
        self._look_soon()
        return await going

    def leave(self, probe: Probe, record: Mapping[str, Any]) -> None:
        """Take the outcome of a probe that was let go: frees its slot, sets pauses, gives up where nothing helps."""
        lane = self._lanes[probe.endpoint_id]
        lane.left(probe.request_id, record, self._clock())
        self._in_flight -= 1
        self._turn_away(lane)
        self._look_soon()

    def refuse(self, endpoint_id: str, reason: str) -> None:
        """Send no more to an endpoint (its key is missing, for one); who waits for it is told at once."""
        lane = self._lanes[endpoint_id]
        lane.given_up = lane.given_up or reason
        self._turn_away(lane)

    def refusal(self, endpoint_id: str) -> str | None:
        """Why nothing more is sent to an endpoint; None while something is."""
        return self._lanes[endpoint_id].given_up

    def in_flight(self, endpoint_id: str) -> int:
        """Requests in flight at an endpoint; a burst counts whole from its first request on."""
        return self._lanes[endpoint_id].in_flight

    def _impossible(self, lane: _Lane, probe: Probe, place: _Place) -> str | None:
        together, limits = probe.question.together, lane.endpoint.limits
        if place.incomplete:
            return f"the burst of {together} was begun in an earlier try; a part of it would measure something else"
        if together > min(lane.cap, self._caps.at_once):
            return f"{together} at once, of {min(lane.cap, self._caps.at_once)} allowed in flight"
        if limits.rpm is not None and together > limits.rpm:
            return f"{together} at once, of {limits.rpm} requests a minute"
        tokens = together * _tokens_about(probe, lane.endpoint)
        if limits.tpm is not None and tokens > limits.tpm:
            return f"may need {tokens} tokens, of {limits.tpm} a minute"
        return None

    def _turn_away(self, lane: _Lane) -> None:
        if lane.given_up is not None:
            for waiting in lane.waiting:
                _tell(waiting.going, Admission(self._clock(), refusal=lane.given_up))
            lane.waiting.clear()

    def _look_soon(self) -> None:
        """Let go what may go, once all that came in or out in this turn of the loop is known."""
        self._wake(asyncio.get_running_loop().call_soon(self._let_go))

    def _wake(self, timer: asyncio.Handle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def _let_go(self) -> None:
        """Admit all that may go now, in the order of their planned starts, and come back when the next one may."""
        while True:
            now = self._clock()
            chosen: _Lane | None = None
            wake_ns: int | None = None
            for lane in self._lanes.values():
                head = lane.head()
                if head is None or not self._has_room(lane, head):
                    continue
                ready_ns = max(lane.ready_ns(head, now), self._next_start_ns)
                if ready_ns > now:
                    wake_ns = ready_ns if wake_ns is None else min(wake_ns, ready_ns)
                elif chosen is None or head.order < chosen.waiting[0].order:
                    chosen = lane
            if chosen is None:
                break
            self._admit(chosen, now)
        if wake_ns is None:
            self._wake(None)
        else:
            delay_s = (wake_ns - now) / NS_PER_S
            self._wake(asyncio.get_running_loop().call_later(delay_s, self._let_go))

    def _has_room(self, lane: _Lane, head: _Waiting) -> bool:
        together = head.probe.question.together
        if together > 1 and (lane.in_flight or len(lane.waiting) < together):
            return False
        return lane.in_flight + together <= lane.cap and self._in_flight + together <= self._caps.at_once

    def _admit(self, lane: _Lane, now: int) -> None:
        together = lane.waiting[0].probe.question.together
        going = [lane.admit(now) for _ in range(together)]
        self._in_flight += together
        self._next_start_ns = now + together * GAP_NS
        first = going[0]
        # Where starts are planned, an endpoint that is slow with one request is late with the next one.
        late_ns = lane.full_between(first.start_ns, now) if self._spread_ns else 0
        _tell(first.going, Admission(now - late_ns, lane.in_flight))
        for number, waiting in enumerate(going[1:], start=1):
            delay_s = number * GAP_NS / NS_PER_S
            asyncio.get_running_loop().call_later(delay_s, self._follow, waiting.going, lane.in_flight)

    def _follow(self, going: asyncio.Future[Admission], in_flight: int) -> None:
        _tell(going, Admission(self._clock(), in_flight))


def _tell(going: asyncio.Future[Admission], admission: Admission) -> None:
    if not going.done():  # its task may have been cancelled meanwhile
        going.set_result(admission)


def _tokens_about(probe: Probe, endpoint: Endpoint) -> int:
    return input_tokens_about(probe.question) + output_tokens_at_most(probe.question, endpoint)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a probe stands in its suite."""

    start_ns: int
    number: int
    incomplete: bool  # of a burst, of which not all are left to send


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A probe that waits to be let go; ordered by its planned start, then by its place."""

    start_ns: int
    order: int
    probe: Probe
    tokens: int
    going: asyncio.Future[Admission]

    def __lt__(self, other: _Waiting) -> bool:
        return (self.start_ns, self.order) < (other.start_ns, other.order)


@dataclass(slots=True)
class _Sent:
    """A request that counts against the limits of a minute."""

    ns: int
    tokens: int


class _Lane:
    """One endpoint: who waits for it, what was sent to it lately, and until when it asked to be left alone."""

    def __init__(self, endpoint: Endpoint, max_pause_s: float) -> None:
        self.endpoint = endpoint
        self.waiting: list[_Waiting] = []
        self.in_flight = 0
        self.cap = 1
        self.given_up: str | None = None
        self._max_pause_ns = round(max_pause_s * NS_PER_S)
        self._lately: deque[_Sent] = deque()
        self._sent: dict[str, _Sent] = {}  # by request_id, while in flight
        self._hopeless_in_a_row = 0
        self._rejected_in_a_row = 0
        self._paused_at_ns = -1
        self._paused_until_ns = 0
        self._paused_ns = 0  # in all
        self._full_since_ns = 0
        self._full: list[tuple[int, int]] = []  # from when to when as many were in flight as may be

    def begin(self, each: int) -> None:
        """Start a suite of which `each` may be in flight here."""
        self.cap = min(each, self.endpoint.limits.max_in_flight or each)
        self._full = []

    def head(self) -> _Waiting | None:
        """The next to go; None: nobody waits."""
        while self.waiting and self.waiting[0].going.done():  # its task was cancelled
            heapq.heappop(self.waiting)
        return self.waiting[0] if self.waiting else None

    def ready_ns(self, head: _Waiting, now: int) -> int:
        """From when on `head`, and all that go together with it, may be sent as far as start, pause and limits go."""
        ready = max(head.start_ns, self._paused_until_ns)
        limits, together = self.endpoint.limits, head.probe.question.together
        while self._lately and self._lately[0].ns + WINDOW_NS <= now:
            self._lately.popleft()
        if limits.rpm is not None:
            over = len(self._lately) + together - limits.rpm
            if over > 0:
                ready = max(ready, self._lately[over - 1].ns + WINDOW_NS)
        if limits.tpm is not None:
            over = sum(sent.tokens for sent in self._lately) + together * head.tokens - limits.tpm
            for sent in self._lately:
                if over <= 0:
                    break
                over -= sent.tokens
                ready = max(ready, sent.ns + WINDOW_NS)
        return ready

    def admit(self, now: int) -> _Waiting:
        """Let the next one go."""
        waiting = heapq.heappop(self.waiting)
        sent = _Sent(now, waiting.tokens)
        self._sent[waiting.probe.request_id] = sent
        if self.endpoint.limits.rpm is not None or self.endpoint.limits.tpm is not None:
            self._lately.append(sent)
        self.in_flight += 1
        if self.in_flight == self.cap:
            self._full_since_ns = now
        return waiting

    def left(self, request_id: str, record: Mapping[str, Any], now: int) -> None:
        """Take the outcome of a request."""
        sent = self._sent.pop(request_id)
        if self.in_flight == self.cap:
            self._full.append((self._full_since_ns, now))
        self.in_flight -= 1
        usage = record.get("usage")
        if usage is not None and usage["input_tokens"] is not None and usage["output_tokens"] is not None:
            sent.tokens = usage["input_tokens"] + usage["output_tokens"]
        self._judge(record, sent.ns, now)

    def full_between(self, start: int, end: int) -> int:
        """For how long of that time nothing more could be sent because of what was in flight."""
        return sum(max(0, min(end, until) - max(start, since)) for since, until in self._full)

    def _judge(self, record: Mapping[str, Any], sent_ns: int, now: int) -> None:
        status, http_status = record["status"], record["http_status"]
        if http_status in WAIT_STATUSES:
            asked_s = asked_pause_s(record["response_headers"])
            if http_status == 429 or asked_s is not None:
                self._pause(asked_s, sent_ns, now)
        if http_status != 429:
            self._rejected_in_a_row = 0
        hopeless = status in HOPELESS or http_status in HOPELESS_HTTP
        self._hopeless_in_a_row = self._hopeless_in_a_row + 1 if hopeless else 0
        if self._hopeless_in_a_row >= GIVE_UP_AFTER and self.given_up is None:
            self.given_up = f"given up after {GIVE_UP_AFTER} in a row: {status}: {record['error']}"

    def _pause(self, asked_s: float | None, sent_ns: int, now: int) -> None:
        if sent_ns >= self._paused_at_ns:  # else it was on its way already when the pause was asked for
            self._rejected_in_a_row += 1
            self._paused_at_ns = now
        doubled_s = FIRST_PAUSE_S * 2 ** (self._rejected_in_a_row - 1)
        if asked_s is None or self._rejected_in_a_row > 1:
            asked_s = max(asked_s or 0.0, doubled_s)
        until_ns = max(self._paused_until_ns, now + round(asked_s * NS_PER_S))
        self._paused_ns += until_ns - max(now, self._paused_until_ns)
        self._paused_until_ns = until_ns
        if self._paused_ns > self._max_pause_ns and self.given_up is None:
            self.given_up = (
                f"given up: asked to wait {self._paused_ns / NS_PER_S:.0f} s in all, "
                f"more than {self._max_pause_ns / NS_PER_S:.0f} s a round (HTTP 429 or 503)"
            )


def asked_pause_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """For how long a response asks to be left alone: `retry-after-ms`, or `retry-after` in seconds or as a date.

    A date is read against the response's own `date`, so that no clock but the server's counts, else against `now`.
    None: it does not ask, or not in a form that can be read.
    """
    named = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _number(named.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = named.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    until, base = _moment(text), _moment(named.get("date", "")) or now or datetime.now(UTC)
    return None if until is None else max(0.0, (until - base).total_seconds())


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return min(number, LONGEST_S) if number >= 0 else None


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
