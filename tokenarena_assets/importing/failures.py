"""The outcome class of what a tool says went wrong."""

from __future__ import annotations

import re
from http import HTTPStatus

from tokenarena_assets.probing.record import Status

# Status lines as GuideLLM (httpx), inference-perf and AIPerf put them; vLLM has the bare reason phrase.
HTTP_CODE = re.compile(
    r"\b(?:HTTP(?: Error)?|(?:Client|Server|Redirect) (?:error|response)|status(?: code)?:?) '?(\d{3})\b",
    re.IGNORECASE,
)
PHRASES = {status.phrase.lower(): status.value for status in HTTPStatus}
# The first that is found; names of exceptions of aiohttp, httpx and requests, and the tools' own words.
SIGNS: tuple[tuple[str, Status], ...] = (
    (r"ConnectTimeout|ConnectionTimeoutError|PoolTimeout", "timeout_connect"),
    (
        r"ClientConnector\w*Error|ConnectError|NewConnectionError|NameResolution|gaierror|Connection ?refused",
        "connect_failed",
    ),
    (r"returned an error", "in_stream_error"),
    (r"InvalidInferenceResult|UNUSABLE_BACKEND_RESPONSE|Never received a valid chunk", "empty"),
    (r"JSONDecodeError|ContentTypeError", "bad_response"),
)
TIMEOUT = re.compile(r"Timeout|timed out", re.IGNORECASE)


def status_of_http(code: int) -> Status | None:
    """The class of an HTTP status; None for one that is no failure."""
    if code == 429:
        return "http_429"
    if 200 <= code < 300:
        return None
    classes: dict[int, Status] = {3: "http_3xx", 4: "http_4xx", 5: "http_5xx"}
    return classes.get(code // 100, "bad_response")


def http_code_in(text: str) -> int | None:
    """The HTTP status that an error text tells."""
    found = HTTP_CODE.search(text)
    return int(found[1]) if found else PHRASES.get(text.strip().lower())


def status_of_error(text: str, *, had_token: bool = False, timeout: Status | None = None) -> Status:
    """The class of an error text; what says nothing more is an answer that broke off.

    Args:
        text: the error in the tool's words.
        had_token: something was generated before it.
        timeout: what a timeout of the tool means; by default no more was read for too long.
    """
    code = http_code_in(text)
    if code is not None and (status := status_of_http(code)) is not None:
        return status
    for sign, status in SIGNS:
        if re.search(sign, text, re.IGNORECASE):
            return status
    if TIMEOUT.search(text):
        return timeout or ("timeout_stall" if had_token else "timeout_first")
    return "dropped"


def last_line(text: str) -> str:
    """What a traceback comes to; any other text as it is, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if text.startswith("Traceback") and lines else " ".join(lines)
