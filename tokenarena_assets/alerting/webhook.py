"""Posting a JSON document to a webhook: tried again where that may help, and never saying where it was sent.

The address of a webhook is often its password. It stands in no error, no log and no metadata; what httpx and httpcore
would log of a request is kept silent meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from tokenarena_assets.errors import TokenArenaError

URL_VARIABLE = "TOKENARENA_WEBHOOK_URL"
TRIES = 4
TIMEOUT_S = 5.0  # of connecting, sending and each read
FIRST_WAIT_S = 0.5  # doubled from try to try
LONGEST_WAIT_S = 8.0  # also of what a Retry-After may ask for
USER_AGENT = "tokenarena-webhook/1"


class WebhookError(TokenArenaError):
    """A document was not accepted, or the address is none."""


def check_url(url: str) -> str:
    """`url` as it may be posted to: http or https with a host. An internal host over http is the user's own choice.

    Raises:
        WebhookError: it is not such an address; it is not repeated in the message.
    """
    try:
        parsed = httpx.URL(url.strip())
        good = parsed.scheme in ("http", "https") and bool(parsed.host)
    except (httpx.InvalidURL, ValueError):
        good = False
    if not good:
        raise WebhookError(
            f"{URL_VARIABLE} is no address of a webhook", mend="set it to an http:// or https:// address with a host"
        )
    return url.strip()


def post_json(
    url: str,
    document: Mapping[str, Any],
    *,
    sleep: Callable[[float], None] = time.sleep,
    tries: int = TRIES,
    timeout_s: float = TIMEOUT_S,
) -> int:
    """Post `document` until it is accepted (2xx); the status.

    Connection failures, 408, 429 and 5xx are tried again, with growing waits; a Retry-After is honoured up to
    :data:`LONGEST_WAIT_S`. A redirect is refused: the document was meant for this address. Each try carries the same
    document and `Idempotency-Key`, so that a receiver can tell a repetition.

    Raises:
        WebhookError: it was not accepted.
    """
    address = check_url(url)
    headers = {"User-Agent": USER_AGENT, "Idempotency-Key": str(document.get("id", ""))}
    problem = "not tried"
    with _silent(), httpx.Client(timeout=timeout_s, follow_redirects=False) as client:
        for attempt in range(tries):
            wait = min(FIRST_WAIT_S * 2**attempt, LONGEST_WAIT_S)
            try:
                # Read no body: what a receiver says there is of no use, and may be endless.
                with client.stream("POST", address, json=dict(document), headers=headers) as response:
                    status, asked = response.status_code, response.headers.get("Retry-After")
            except httpx.HTTPError as error:
                problem = f"no answer ({type(error).__name__})"
            else:
                if 200 <= status < 300:
                    return status
                problem = f"HTTP {status}"
                if 300 <= status < 400:
                    raise WebhookError(
                        f"the webhook answered with a redirect (HTTP {status}), which is not followed",
                        mend=f"set {URL_VARIABLE} to the address that it leads to, if you trust that",
                    )
                if status not in (408, 429) and status < 500:
                    break
                wait = _wait(asked, wait)
            if attempt + 1 < tries:
                sleep(wait)
    raise WebhookError(f"the webhook did not accept the document: {problem}", mend=f"check {URL_VARIABLE} and its host")


def _wait(retry_after: str | None, otherwise: float) -> float:
    """What a Retry-After in seconds asks for, within bounds; one that is a date or nonsense counts as none."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return otherwise
    return min(float(retry_after.strip()), LONGEST_WAIT_S)


@contextmanager
def _silent() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
