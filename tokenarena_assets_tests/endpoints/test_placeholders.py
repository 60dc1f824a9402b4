"""Placeholders: where they may stand, what may fill them, and that a key cannot be led to another host."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tokenarena_assets.endpoints import Endpoint
from tokenarena_assets.endpoints.placeholders import filled, names_in, unusable, values_of

AZURE = "https://${RESOURCE}.openai.azure.com/openai/v1"
CLOUDFLARE = "https://api.cloudflare.com/client/v4/accounts/${ACCOUNT}/ai/v1"


def endpoint(base_url: str) -> Endpoint:
    return Endpoint.model_validate({"provider": "p", "model": "m", "base_url": base_url})


@pytest.mark.parametrize(
    ("template", "values", "address"),
    [
        (AZURE, {"RESOURCE": "contoso-2"}, "https://contoso-2.openai.azure.com/openai/v1"),
        (CLOUDFLARE, {"ACCOUNT": " a1b2 \n"}, "https://api.cloudflare.com/client/v4/accounts/a1b2/ai/v1"),
        (
            "https://${PLACE}-ai.example.com/${PROJECT}/locations/${PLACE}",
            {"PLACE": "eu-west1", "PROJECT": "my_project.x"},
            "https://eu-west1-ai.example.com/my_project.x/locations/eu-west1",
        ),
        ("https://example.com/v1", {}, "https://example.com/v1"),
    ],
)
def test_a_template_is_filled(template: str, values: dict[str, str], address: str) -> None:
    assert endpoint(template).base_url == template
    assert filled(template, values) == address


def test_each_variable_is_asked_for_once() -> None:
    assert names_in("https://${B}.x.example.com/${A}/${B}") == ("B", "A")
    assert names_in("https://example.com") == names_in(None) == ()


def test_an_empty_value_is_missing() -> None:
    assert values_of(AZURE, {"RESOURCE": " "}) == {}
    with pytest.raises(ValueError, match="no usable value for RESOURCE"):
        filled(AZURE, {})


@pytest.mark.parametrize(
    "value",
    [
        "a/b",
        "a@b",
        "evil.com/",
        "a:443",
        "a?b",
        "a#b",
        "..",
        "a..b",
        ".",
        "-a",
        "a-",
        ".a",
        "a b",
        "ä",
        "a%2fb",
        "a\nb",
        "a\\b",
    ],
)
def test_what_would_be_more_than_a_part_of_an_address_is_not_filled_in(value: str) -> None:
    assert unusable({"RESOURCE": value}) == ("RESOURCE",)
    with pytest.raises(ValueError, match="no usable value"):
        filled(AZURE, {"RESOURCE": value})


@given(st.text(max_size=12) | st.from_regex(r"[A-Za-z0-9._/@:-]{1,10}", fullmatch=True))
def test_no_value_leads_to_another_host_or_path(value: str) -> None:
    """Whatever is filled in: the host keeps its end, and the path its segments."""
    for template in (AZURE, CLOUDFLARE):
        name = names_in(template)[0]
        try:
            address = filled(template, {name: value})
        except ValueError:
            continue
        parts, of = urlsplit(address), urlsplit(template)
        assert parts.hostname is not None
        assert parts.hostname.endswith(".".join((of.hostname or "").split(".")[-2:]))
        assert parts.path.count("/") == of.path.count("/")
        assert (parts.username, parts.port, parts.query, parts.fragment) == (None, None, "", "")
        assert ".." not in parts.path.split("/")


@pytest.mark.parametrize(
    ("base_url", "problem"),
    [
        ("https://${HOST}/v1", "must end its host in 2 fixed labels"),
        ("https://api.${COMPANY}.com/v1", "must end its host in 2 fixed labels"),
        ("https://a.example.com:${PORT}/v1", "host labels and path segments only"),
        ("${SCHEME}://a.example.com/v1", "host labels and path segments only"),
        ("https://${USER}@a.example.com/v1", "host labels and path segments only"),
        ("https://a.example.com/v1?k=${KEY}", "host labels and path segments only"),
        ("https://a.example.com/$ACCOUNT", "no placeholder"),
        ("https://a.example.com/${account}", "no placeholder"),
        ("http://${A}.x.example.com/v1", "must be https://"),
    ],
)
def test_a_placeholder_in_another_place_is_refused(base_url: str, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem.replace("(", r"\(")):
        endpoint(base_url)
