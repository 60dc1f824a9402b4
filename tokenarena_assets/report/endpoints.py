"""A catalog as people and programs read it: its endpoints, and who of them can be sent to from here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.endpoints.readiness import needed_by, readiness
from tokenarena_assets.endpoints.selection import chat_usd_per_mtok, state_of

NAMES_SHOWN = 12
HEADERS = ("provider", "model@sku", "in $/Mtok", "out $/Mtok", "context", "precision", "marks", "state")
STATES_SHOWN = {"missing": "no key", "cannot be probed": "not probed"}


def endpoint_row(endpoint: Endpoint) -> list[object]:
    """One line of the list, in the order of `HEADERS`; narrow enough for 120 columns."""
    price = endpoint.price
    marks = [
        *(["reference"] if endpoint.reference else []),
        *(["tiers"] if price is not None and price.tiers else []),
        *(["bands"] if price is not None and price.bands else []),
    ]
    return [
        endpoint.provider,
        endpoint.model if endpoint.sku == "standard" else f"{endpoint.model}@{endpoint.sku}",
        None if price is None else price.input_usd_per_mtok,
        None if price is None else price.output_usd_per_mtok,
        endpoint.context_tokens,
        endpoint.quantization,
        ", ".join(marks),
        STATES_SHOWN.get(state_of(endpoint), state_of(endpoint)),
    ]


def endpoint_record(endpoint: Endpoint) -> dict[str, Any]:
    """All that a program may want to know of an endpoint, its state included; never a key or an account."""
    price, found = endpoint.price, readiness(endpoint)
    return {
        "endpoint_id": endpoint.endpoint_id,
        **{
            name: getattr(endpoint, name)
            for name in (
                "provider",
                "model",
                "sku",
                "model_family",
                "vendor_family",
                "service_tier",
                "api",
                "base_url",
                "request_model",
                "reference",
                "region",
                "context_tokens",
                "max_output_tokens",
                "thinks",
                "note",
            )
        },
        "quantization": endpoint.quantization or "undisclosed",
        "input_usd_per_mtok": None if price is None else price.input_usd_per_mtok,
        "cached_input_usd_per_mtok": None if price is None else price.cached_input_usd_per_mtok,
        "output_usd_per_mtok": None if price is None else price.output_usd_per_mtok,
        "chat_usd_per_mtok": chat_usd_per_mtok(endpoint),
        "price_varies": price is not None and bool(price.tiers or price.bands),
        "limits": {name: limit for name, limit in endpoint.limits if limit is not None},
        "api_key_env": endpoint.api_key_env,
        "state": state_of(endpoint),
        "missing": list(found.missing),
        "reason": found.reason,
        "discloses": endpoint.disclosure is not None,
    }


def summary_lines(endpoints: Sequence[Endpoint]) -> list[str]:
    """Who is ready, which variables are missing and for how many, and what cannot be probed, by reason."""
    states = Counter(map(state_of, endpoints))
    lines = [f"{states['ready']} of {len(endpoints)} ready."]
    if needed := list(needed_by(endpoints).items()):
        shown = ", ".join(f"{name} ({_endpoints(count)})" for name, count in needed[:NAMES_SHOWN])
        more = f", and {len(needed) - NAMES_SHOWN} more" if len(needed) > NAMES_SHOWN else ""
        lines.append(f"missing: {shown}{more}.")
    reasons = Counter(
        found.reason for each in endpoints if (found := readiness(each)).reason is not None and not found.missing
    )
    lines += [f"{reason} ({_endpoints(count)})." for reason, count in reasons.most_common()]
    return lines


def _endpoints(count: int) -> str:
    return f"{count} endpoint{'' if count == 1 else 's'}"
