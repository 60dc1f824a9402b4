"""The catalog: which endpoints are probed, and what each claims and charges."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from tokenarena_assets.endpoints.placeholders import names_in, with_samples
from tokenarena_assets.pricing.price_list import ListPrice
from tokenarena_assets.probing.apis import adapter_for

Api = Literal["openai_chat", "openai_responses", "openai_completions", "anthropic_messages", "google_generate"]
QualityTier = Literal["tiny", "easy", "standard", "hard"]
ServiceTier = Literal["standard", "priority", "batch", "flex"]
ReferenceKind = Literal["own_api", "self_hosted", "partner"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+-]*$", max_length=120)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FleetBlock(_Strict):
    """An endpoint of the embedded fleet: the weights that its server loads and how it runs.

    `keep_last_tokens` makes it a server that drops the head of a longer prompt and says nothing of it.
    """

    weights: Annotated[str, Field(pattern=r"^[a-z0-9._-]+\.gguf$")]
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    context_tokens: Annotated[int, Field(ge=64)] = 1024
    keep_last_tokens: Annotated[int, Field(ge=64)] | None = None


class RateLimits(_Strict):
    """What may be asked of an endpoint at most: requests and tokens in any minute, requests in flight, USD a UTC day.

    Tokens are those of input and output together, as most providers count them.
    """

    rpm: Annotated[int, Field(ge=1)] | None = None
    tpm: Annotated[int, Field(ge=1)] | None = None
    max_in_flight: Annotated[int, Field(ge=1)] | None = None
    max_usd_per_day: Annotated[Decimal, Field(ge=0)] | None = None


class ModelFacts(_Strict):
    """What is known of the weights, where the shipped table of models does not have them (parameters in billions)."""

    params_total_b: Positive
    params_active_b: Positive
    open_weights: bool = True
    released_precision: str | None = None
    kv_bytes_per_token: Positive | None = None
    source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _active_within_total(self) -> Self:
        if self.params_active_b > self.params_total_b:
            raise ValueError("params_active_b must not be more than params_total_b")
        return self


class Disclosure(_Strict):
    """What the provider states of the serving of an endpoint; it moves the modeled energy from class priors to facts.

    `accelerator` and `precision` are names of the facts' tables; `batch` is the mean number of sequences that a replica
    serves at once, `output_tok_s` what a whole replica yields (never the speed of one stream); `grid_country` is an ISO
    3166 alpha-3 code. All is the provider's own word, and marked so.
    """

    accelerator: str | None = None
    n_accelerators: Annotated[int, Field(ge=1, le=1024)] | None = None
    precision: str | None = None
    batch: Positive | None = None
    output_tok_s: Positive | None = None
    pue: Annotated[float, Field(ge=1, le=3)] | None = None
    cloud_region: str | None = None
    grid_country: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    source: Annotated[str, Field(min_length=1)]
    as_of: date


class Endpoint(_Strict):
    """One endpoint: a (provider, model, SKU) behind one URL.

    `stream: false` asks for whole answers: no time to first token and no speed, but quality and price. `fast_because`
    discloses why an output speed over 5,000 tokens a second is not a fault of measuring.

    `quality_tier` is how hard the day's items are (the same for a whole family, or its endpoints could not be
    compared), `quality_output_tokens` how long an answer to one may be where the tier's own cap is not enough, and
    `quality_items` how many of the day's items are asked (reasoning models: 30), 60 of 100 math and 40 code.

    `reference_kind` is what makes a reference one: the author's own API (where it is left out), the released weights
    served by ourselves, or a partner that the author names. `honest`: known to serve the reference's own precision on
    other hardware; such an endpoint measures how far apart equals are, and is not judged. `top_logprobs` is how many
    alternatives of a token it gives at most; left out: none. `thinks`: its reasoning cannot be
    switched off, or is not, as it is asked here.

    `model_facts` and `disclosure` are what the modeled energy knows of the weights and of the serving. `service_tier`
    is the kind of service that the price is of (it sends nothing: `extra_body` asks for it where the API wants that).
    `vendor_family` is what the vendor calls the line of models; nothing is compared by it.

    Parts of `base_url` may be placeholders, `${NAME}`, filled from the environment (`endpoints.placeholders`).
    `cannot_probe` says why no adapter of ours can ask it: it is listed and priced, and never sent to.
    """

    provider: Name
    model: Name
    sku: Name = "standard"
    model_family: Name = ""
    vendor_family: Name | None = None
    service_tier: ServiceTier = "standard"
    api: Api = "openai_chat"
    base_url: str | None = None
    fleet: FleetBlock | None = None
    request_model: str = ""
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    reference: bool = False
    reference_kind: Annotated[ReferenceKind | None, Field(validate_default=True)] = None
    honest: bool = False
    quantization: str | None = None
    region: str | None = None
    context_tokens: Annotated[int, Field(gt=0)] | None = None
    max_output_tokens: Annotated[int, Field(gt=0)] | None = None
    price: ListPrice | None = None
    model_facts: ModelFacts | None = None
    disclosure: Disclosure | None = None
    limits: RateLimits = RateLimits()
    stream: bool = True
    fast_because: Annotated[str, Field(min_length=1)] | None = None
    top_logprobs: Annotated[int, Field(ge=1, le=20)] | None = None
    thinks: bool = False
    quality_tier: QualityTier = "standard"
    quality_output_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    quality_items: Annotated[int, Field(ge=1, le=100)] | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)
    cannot_probe: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    note: str | None = None

    @property
    def endpoint_id(self) -> str:
        """`provider/model@sku`, stable for ever."""
        return f"{self.provider}/{self.model}@{self.sku}"

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(with_samples(value))
        if parts.scheme not in ("http", "https") or not parts.hostname or " " in value or parts.port == 0:
            raise ValueError("must be an http:// or https:// URL with a host")
        if parts.username or parts.password:
            raise ValueError("must not carry a user name or password: keys come from api_key_env")
        if parts.query or parts.fragment:
            raise ValueError("must not carry a query or fragment")
        return value.rstrip("/")

    @field_validator("extra_body")
    @classmethod
    def _no_reserved_fields(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        # Without a sound `api` that fault is reported, and which fields are taken is not known.
        taken = sorted(adapter_for(info.data["api"]).reserved & value.keys()) if "api" in info.data else []
        if taken:
            raise ValueError(f"must not set {', '.join(taken)}: the prober sets it")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"must be what JSON can hold: {error}") from None
        return value

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.base_url is None) == (self.fleet is None):
            raise ValueError("needs exactly one of base_url (a live endpoint) and fleet (served by the embedded fleet)")
        return self

    @model_validator(mode="after")
    def _asked_or_not(self) -> Self:
        if self.cannot_probe is not None and (self.reference or self.honest or self.fleet is not None):
            raise ValueError("cannot_probe is of an endpoint that nothing is compared with, and not of the fleet")
        if names_in(self.base_url) and self.base_url is not None and not self.base_url.startswith("https://"):
            raise ValueError("base_url with placeholders must be https://: they name an account")
        cap, most = self.quality_output_tokens, self.max_output_tokens
        if cap is not None and most is not None and cap > most:
            raise ValueError(f"quality_output_tokens {cap} is more than max_output_tokens {most}")
        return self

    @field_validator("reference_kind")
    @classmethod
    def _kind_of_a_reference(cls, value: ReferenceKind | None, info: ValidationInfo) -> ReferenceKind | None:
        is_reference = info.data.get("reference")  # None: at fault itself, and reported
        if value is not None and is_reference is False:
            raise ValueError("is of references only: set reference: true, or leave it out")
        return "own_api" if value is None and is_reference else value

    @field_validator("honest")
    @classmethod
    def _honest_is_no_reference(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("reference") is True:
            raise ValueError("is not of a reference: it measures how far others of the same precision are from it")
        return value

    @model_validator(mode="before")
    @classmethod
    def _defaults_from_model(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("model"), str):
            data = {"model_family": data["model"], "request_model": data["model"], **data}
        if isinstance(data, dict) and data.get("fleet") is not None:
            fast = "a model of a few million parameters, on the machine of its client"
            data = {"fast_because": fast, "quality_tier": "tiny", **data}
        return data


class Catalog(_Strict):
    """All endpoints of a catalog file."""

    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1)]

    def by_id(self) -> dict[str, Endpoint]:
        """Endpoints by `endpoint_id`."""
        return {endpoint.endpoint_id: endpoint for endpoint in self.endpoints}
