"""The webhook against a real server: accepted, tried again, refused, and silent about its address."""

from __future__ import annotations

import logging
import socket

import pytest

from tokenarena_assets.alerting.webhook import WebhookError, check_url, post_json
from tokenarena_assets_tests.alerting.receiver import SECRET, receiving

DOCUMENT = {"event": "verdict_changed", "id": "0123abcd", "claim": "Größe 1"}


class Waits(list[float]):
    """A sleep that does not."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def test_a_document_arrives_as_it_is() -> None:
    waits = Waits()
    with receiving(202) as receiver:
        assert post_json(receiver.url, DOCUMENT, sleep=waits) == 202
    assert receiver.documents == [DOCUMENT]
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert receiver.headers[0]["Idempotency-Key"] == "0123abcd"
    assert receiver.paths == [f"/hooks/{SECRET}"]
    assert waits == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(status: int) -> None:
    waits = Waits()
    with receiving(status, status, 200) as receiver:
        assert post_json(receiver.url, DOCUMENT, sleep=waits) == 200
    assert receiver.documents == [DOCUMENT] * 3
    assert {headers["Idempotency-Key"] for headers in receiver.headers} == {"0123abcd"}
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize(
    ("asked", "waited"), [("3", 3.0), ("3600", 8.0), ("soon", 0.5), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.5), ("-1", 0.5)]
)
def test_a_retry_after_is_honoured_within_bounds(asked: str, waited: float) -> None:
    waits = Waits()
    with receiving((429, {"Retry-After": asked}), 200) as receiver:
        post_json(receiver.url, DOCUMENT, sleep=waits)
    assert waits == [waited]


def test_an_end_comes_to_trying() -> None:
    waits = Waits()
    with receiving(500) as receiver, pytest.raises(WebhookError, match="HTTP 500"):
        post_json(receiver.url, DOCUMENT, sleep=waits)
    assert len(receiver.documents) == 4
    assert waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_plain_no_is_not_tried_again(status: int) -> None:
    with receiving(status) as receiver, pytest.raises(WebhookError, match=f"HTTP {status}"):
        post_json(receiver.url, DOCUMENT, sleep=Waits())
    assert len(receiver.documents) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_refused(status: int) -> None:
    with (
        receiving() as other,
        receiving((status, {"Location": other.url})) as receiver,
        pytest.raises(WebhookError, match="redirect"),
    ):
        post_json(receiver.url, DOCUMENT, sleep=Waits())
    assert len(receiver.documents) == 1
    assert other.documents == []


def test_a_refused_connection_is_tried_again_and_named() -> None:
    with socket.socket() as taken:  # bound and not listening: whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        waits = Waits()
        with pytest.raises(WebhookError, match=r"no answer \(ConnectError\)"):
            post_json(f"http://127.0.0.1:{taken.getsockname()[1]}/{SECRET}", DOCUMENT, sleep=waits)
    assert len(waits) == 3


@pytest.mark.parametrize("status", [204, 302, 404, 500])
def test_the_address_is_in_no_log_and_no_error(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    before = logging.getLogger("httpx").level
    said = ""
    with receiving(status) as receiver:
        try:
            post_json(receiver.url, DOCUMENT, sleep=Waits())
        except WebhookError as error:
            said = repr(error) + str(error) + repr(error.__cause__) + repr(error.__context__)
    assert SECRET not in caplog.text + said
    assert str(receiver.port) not in caplog.text + said
    assert logging.getLogger("httpx").level == before


@pytest.mark.parametrize("url", ["", "hooks.example/x", "ftp://host/x", "file:///etc/passwd", "https:///secret"])
def test_what_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(WebhookError) as caught:
        check_url(url)
    assert url == "" or url not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://hooks.example/x?token=1", "http://alerts.internal:8080/x", " http://[::1]/x\n"]
)
def test_https_and_internal_http_are_addresses(url: str) -> None:
    assert check_url(url) == url.strip()
