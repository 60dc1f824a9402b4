"""Data -> one HTML file: template, style, script and chart runtime in one, under a policy that forbids all network."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from tokenarena_assets.report.page.packing import script_json

# In this order: each may use what stands before it.
SCRIPTS = tuple(f"{name}.js" for name in "format model marks filters panel table charts sections main".split())
RUNTIME = "vega/vega-embed.bundle.js"


def page_html(data: Mapping[str, Any]) -> str:
    """The page of :func:`tokenarena_assets.report.page.data.page_data`; equal data gives equal bytes.

    Scripts and styles are let in by their hashes alone, so that a script that came with the data could not run even
    where it were put into the page as markup - which it is not: the script sets text, never HTML.
    """
    style, runtime, script = _file("style.css"), _runtime(), _script()
    data_json = script_json(data)
    page = _file("template.html")
    page = page.replace("%title%", html.escape(f"TokenArena {data['day']}"))
    page = page.replace("%policy%", html.escape(_policy([script, runtime], [style])))
    head, rest = page.split("%style%")
    before_data, rest = rest.split("%data%")
    before_script, rest = rest.split("%script%")
    before_runtime, end = rest.split("%runtime%")  # last: the table stands before it is read
    return "".join([head, style, before_data, data_json, before_script, script, before_runtime, runtime, end])


def _policy(scripts: list[str], styles: list[str]) -> str:
    def hashed(texts: list[str]) -> str:
        digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {hashed(scripts)}; style-src {hashed(styles)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    body = "\n".join(_file(f"js/{name}") for name in SCRIPTS)
    return f"(() => {{\n'use strict';\n{body}\n}})();\n"


@cache
def _runtime() -> str:
    # A module by origin: its names must not become those of the page.
    return f"(() => {{\n{_file(RUNTIME)}\n}})();\n"
