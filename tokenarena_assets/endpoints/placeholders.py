"""Placeholders in a base URL: parts of an address that belong to an account, filled from the environment.

`https://${AZURE_RESOURCE_NAME}.openai.azure.com/openai/v1` stands so in the catalog, in manifests and in raw logs; only
the request itself goes to the filled address. A value can be a part of a host label or of a path segment and nothing
else: it cannot bring another host, a path, a port, a user name or a query.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]{0,63})\}")
VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,118}[A-Za-z0-9])?")
FIXED_LABELS = 2  # of a host, at its end: the key goes to whom the catalog names, whatever the environment holds
SAMPLE = "x"


def names_in(base_url: str | None) -> tuple[str, ...]:
    """The variables that `base_url` asks for, each once, in their order."""
    return tuple(dict.fromkeys(PLACEHOLDER.findall(base_url or "")))


def with_samples(base_url: str) -> str:
    """The address with a letter in place of each placeholder, to be examined like any other.

    Raises:
        ValueError: a placeholder stands elsewhere than in a host label or a path segment, or is no placeholder.
    """
    scheme, _, rest = base_url.partition("://")
    host, slash, path = rest.partition("/")
    name, colon, port = host.partition(":")
    if "$" in PLACEHOLDER.sub("", base_url):
        raise ValueError("holds a $ that is no placeholder: write ${NAME}, in capitals")
    if "$" in scheme or "$" in port or "@" in host or "?" in path or "#" in path:
        if names_in(base_url):
            raise ValueError("may have placeholders in host labels and path segments only")
        return base_url
    if names_in(".".join(name.split(".")[-FIXED_LABELS:])):
        raise ValueError(f"must end its host in {FIXED_LABELS} fixed labels, so that the key goes to no other company")
    return f"{scheme}://{PLACEHOLDER.sub(SAMPLE, name)}{colon}{port}{slash}{PLACEHOLDER.sub(SAMPLE, path)}"


def values_of(base_url: str | None, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the environment has for the placeholders of `base_url`, by name; an empty one counts as missing."""
    found = {name: environ.get(name, "").strip() for name in names_in(base_url)}
    return {name: value for name, value in found.items() if value}


def unusable(values: Mapping[str, str]) -> tuple[str, ...]:
    """Which of the values can be no part of an address."""
    return tuple(name for name, value in values.items() if VALUE.fullmatch(value) is None or ".." in value)


def filled(base_url: str, environ: Mapping[str, str] = os.environ) -> str:
    """The address that requests go to.

    Raises:
        ValueError: a value is missing or can be no part of an address.
    """
    values = values_of(base_url, environ)
    wrong = [name for name in names_in(base_url) if name not in values] or unusable(values)
    if wrong:
        raise ValueError(f"no usable value for {', '.join(wrong)}")
    address = PLACEHOLDER.sub(lambda match: values[match[1]], base_url)
    assert urlsplit(address).hostname  # the template was examined when the catalog was read
    return address
