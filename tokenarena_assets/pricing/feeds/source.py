"""The JSON of a feed: a file, or one GET without redirects, within a size and a time."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tokenarena_assets.errors import TokenArenaError

MAX_BYTES = 64 * 1024 * 1024  # both feeds are under 10 MB today
TIMEOUT_S = 30.0
HTTP_OK = 200
# Unpacked, a few bytes may be gigabytes before anybody can count them.
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


def read_source(place: str, *, max_bytes: int = MAX_BYTES, timeout_s: float = TIMEOUT_S) -> tuple[dict[str, Any], str]:
    """The JSON object at a path or an `http(s)` URL, and the first 16 hex digits of the SHA-256 of its bytes.

    Numbers with a point are read as Decimal: a price of 0.1 is one tenth.

    Raises:
        TokenArenaError: it cannot be had, is too large, or is no JSON object.
    """
    data = _get(place, max_bytes, timeout_s) if place.startswith(("http://", "https://")) else _read(place, max_bytes)
    try:
        found = json.loads(data, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise TokenArenaError(f"{_shown(place)}: is no JSON: {error}", mend="give the feed's JSON file") from None
    if not isinstance(found, dict):
        raise TokenArenaError(f"{_shown(place)}: is no JSON object", mend="give the feed's JSON file")
    return found, sha256(data).hexdigest()[:16]


def _read(place: str, max_bytes: int) -> bytes:
    try:
        with Path(place).open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise TokenArenaError(f"{place}: cannot be read: {error.strerror}", mend="check the path") from None
    _require_within(place, len(data), max_bytes)
    return data


def _get(place: str, max_bytes: int, timeout_s: float) -> bytes:
    return asyncio.run(_body(place, max_bytes, timeout_s))


async def _body(place: str, max_bytes: int, timeout_s: float) -> bytes:
    data = bytearray()
    try:
        # The time is of the whole: httpx's own is of each read, and a server may send a byte before each is over.
        async with (
            asyncio.timeout(timeout_s),
            httpx.AsyncClient(follow_redirects=False, timeout=timeout_s) as client,
            client.stream("GET", place, headers=HEADERS) as response,
        ):
            if response.status_code != HTTP_OK:
                raise TokenArenaError(
                    f"{_shown(place)}: answered HTTP {response.status_code}",
                    mend="redirects are not followed: give the address that they lead to, or a file",
                )
            if (coding := response.headers.get("Content-Encoding", "identity").lower()) != "identity":
                raise TokenArenaError(
                    f"{_shown(place)}: answered in {coding}, which was not asked for",
                    mend="give a file that was fetched elsewhere",
                )
            async for part in response.aiter_raw():
                data += part
                _require_within(place, len(data), max_bytes)
    except TimeoutError:
        raise TokenArenaError(f"{_shown(place)}: no end within {timeout_s:g} s", mend="try again later") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TokenArenaError(
            f"{_shown(place)}: cannot be had: {type(error).__name__}: {error}",
            mend="check the address, or give a file that was fetched elsewhere",
        ) from None
    return bytes(data)


def _require_within(place: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise TokenArenaError(f"{_shown(place)}: is over {max_bytes} bytes", mend="check that it is the feed's JSON")


def _shown(place: str) -> str:
    """A place without what may be a secret in it."""
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.scheme in ("http", "https") else place
