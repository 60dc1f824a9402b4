"""Configuration files: read, or refused by a `ConfigError`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tokenarena_assets.endpoints import embedded_catalog_path, embedded_presets_path, load_catalog, load_presets
from tokenarena_assets.endpoints.disclosures import load_disclosures
from tokenarena_assets.errors import ConfigError

FILE = Path(tempfile.mkdtemp(prefix="tokenarena-fuzz-")) / "given.yaml"
DISCLOSURES = """disclosures:
  - endpoint_id: p/m@a
    hardware: 8 x H100
    as_of: 2026-11-01
"""
SMALL = """endpoints:
  - provider: acme
    model: m-8b
    model_family: m
    sku: &sku standard
    api: openai_chat
    base_url: "https://api.acme.test/${ACCOUNT}/v1"
    api_key_env: ACME_KEY
    price: {input_usd_per_mtok: 0.1, output_usd_per_mtok: "0.2"}
    limits: {rpm: 60, max_usd_per_day: 2.50}
    extra_body: {provider: {order: [a, b]}, seed: null}
    note: *sku
"""
LOADERS: tuple[Callable[[Path], Any], ...] = (
    load_catalog,
    load_presets,
    lambda path: load_disclosures(path, Path("endpoints.yaml"), {"p/m@a": None}),
)


def seeds() -> list[bytes]:
    """One byte, which loader, then the file."""
    texts = ((0, SMALL), (0, embedded_catalog_path().read_text()[:4000]), (1, embedded_presets_path().read_text()))
    return [bytes([which]) + text.encode() for which, text in (*texts, (2, DISCLOSURES))]


def check(data: bytes) -> None:
    """Nothing but a `ConfigError` comes out, and its text can be printed."""
    FILE.write_bytes(data[1:])
    load = LOADERS[data[:1][0] % len(LOADERS) if data else 0]
    with suppress(ConfigError):
        load(FILE)
