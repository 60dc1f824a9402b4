"""The catalog: what loads, with which defaults, and that every fault names file, line, field and a mend."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tokenarena_assets.endpoints import Endpoint, RateLimits, catalog_path, embedded_catalog_path, load_catalog
from tokenarena_assets.errors import ConfigError
from tokenarena_assets.probing.apis import ADAPTERS

FIVE_LINES = """\
endpoints:
  - provider: deepinfra
    model: llama-3.3-70b
    base_url: https://api.deepinfra.com/v1/openai/
    api_key_env: DEEPINFRA_API_KEY
    price: {input_usd_per_mtok: 0.10, output_usd_per_mtok: 0.32}
"""
PRICE_IN = "endpoints[0].price.input_usd_per_mtok"
ITEM = FIVE_LINES.split("\n", 1)[1]


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "endpoints.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(tmp_path: Path, text: str | bytes) -> ConfigError:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_catalog(path)
    assert caught.value.file == str(path)
    assert caught.value.mend
    assert str(caught.value).startswith(str(path))
    return caught.value


def test_an_endpoint_of_five_lines_loads_with_its_defaults(tmp_path: Path) -> None:
    (endpoint,) = load_catalog(write(tmp_path, FIVE_LINES)).endpoints
    assert endpoint.endpoint_id == "deepinfra/llama-3.3-70b@standard"
    assert endpoint.base_url == "https://api.deepinfra.com/v1/openai"
    assert (endpoint.api, endpoint.sku, endpoint.reference) == ("openai_chat", "standard", False)
    assert endpoint.model_family == endpoint.request_model == "llama-3.3-70b"
    assert endpoint.price is not None
    assert endpoint.price.input_usd_per_mtok == Decimal("0.1")
    assert endpoint.price.output_usd_per_mtok == Decimal("0.32")
    assert endpoint.price.cached_input_usd_per_mtok is None
    assert (endpoint.quantization, endpoint.region, endpoint.context_tokens, endpoint.fleet) == (None,) * 4
    assert endpoint.extra_body == {}
    assert endpoint.limits == RateLimits()
    assert (endpoint.stream, endpoint.fast_because) == (True, None)


def test_limits_streaming_and_a_disclosed_reason_are_read(tmp_path: Path) -> None:
    told = "    stream: false\n    fast_because: wafer-scale chip\n"
    limits = "    limits:\n      rpm: 60\n      max_usd_per_day: 1.50\n"
    (endpoint,) = load_catalog(write(tmp_path, FIVE_LINES + told + limits)).endpoints
    assert endpoint.limits == RateLimits(rpm=60, max_usd_per_day=Decimal("1.5"))
    assert (endpoint.limits.tpm, endpoint.limits.max_in_flight) == (None, None)
    assert (endpoint.stream, endpoint.fast_because) == (False, "wafer-scale chip")


def test_an_endpoint_of_the_fleet_is_known_to_be_fast(tmp_path: Path) -> None:
    fleet = "endpoints:\n  - {provider: p, model: m, fleet: {weights: arena-tiny-1m-q8_0.gguf}}\n"
    (endpoint,) = load_catalog(write(tmp_path, fleet)).endpoints
    assert endpoint.fast_because is not None


@pytest.mark.parametrize("api", sorted(ADAPTERS))
def test_a_field_of_the_body_that_the_prober_sets_is_refused_under_each_api(tmp_path: Path, api: str) -> None:
    taken = sorted(ADAPTERS[api].reserved)
    for field in taken:
        error = refusal(tmp_path, f"{FIVE_LINES}    api: {api}\n    extra_body: {{{field}: 1}}\n")
        assert (error.line, error.field) == (8, "endpoints[0].extra_body")
        assert f"must not set {field}: the prober sets it" in error.message
    allowed = f"{FIVE_LINES}    api: {api}\n    extra_body: {{top_k: 1}}\n"
    assert load_catalog(write(tmp_path, allowed)).endpoints[0].extra_body == {"top_k": 1}


def test_what_one_api_reserves_another_may_be_given(tmp_path: Path) -> None:
    text = f"{FIVE_LINES}    api: google_generate\n    extra_body: {{messages: 1}}\n"
    assert load_catalog(write(tmp_path, text)).endpoints[0].api == "google_generate"


def test_what_is_given_goes_before_the_defaults(tmp_path: Path) -> None:
    text = FIVE_LINES + "    sku: fp8-turbo\n    model_family: llama-3.3\n    request_model: meta-llama/Llama-3.3-70B\n"
    (endpoint,) = load_catalog(write(tmp_path, text)).endpoints
    assert endpoint.endpoint_id == "deepinfra/llama-3.3-70b@fp8-turbo"
    assert (endpoint.model_family, endpoint.request_model) == ("llama-3.3", "meta-llama/Llama-3.3-70B")


@pytest.mark.parametrize(
    "text", [FIVE_LINES.replace("\n", "\r\n"), "\ufeff" + FIVE_LINES, "# a comment\n" + FIVE_LINES]
)
def test_files_of_other_editors_load(tmp_path: Path, text: str) -> None:
    assert len(load_catalog(write(tmp_path, text)).endpoints) == 1


def test_prices_may_be_shared_by_an_anchor(tmp_path: Path) -> None:
    second = ITEM.replace("llama-3.3-70b", "other").replace(
        "{input_usd_per_mtok: 0.10, output_usd_per_mtok: 0.32}", "*p"
    )
    text = FIVE_LINES.replace("price: {", "price: &p {") + second
    first, other = load_catalog(write(tmp_path, text)).endpoints
    assert first.price == other.price


@pytest.mark.parametrize(
    ("line", "replacement", "at", "field", "says"),
    [
        ("    model: llama-3.3-70b\n", "", 2, "endpoints[0].model", "Field required"),
        ("    model: llama-3.3-70b\n", "    modle: llama-3.3-70b\n", 2, "endpoints[0].model", "Field required"),
        ("model: llama-3.3-70b", "model: meta/llama", 3, "endpoints[0].model", "match pattern"),
        ("provider: deepinfra", "provider: 4", 2, "endpoints[0].provider", "valid string"),
        ("https://api.deepinfra.com/v1/openai/", "ftp://example.com", 4, "endpoints[0].base_url", "http:// or https://"),
        ("https://api.deepinfra.com/v1/openai/", "api.example.com", 4, "endpoints[0].base_url", "http:// or https://"),
        ("https://api.deepinfra.com/v1/openai/", "https://", 4, "endpoints[0].base_url", "with a host"),
        ("https://api.deepinfra.com/v1/openai/", "https://a b.com", 4, "endpoints[0].base_url", "with a host"),
        ("https://api.deepinfra.com/v1/openai/", "http://[::1", 4, "endpoints[0].base_url", "IPv6"),
        ("https://api.deepinfra.com/v1/openai/", "http://h:99999", 4, "endpoints[0].base_url", "Port out of range"),
        ("https://api.deepinfra.com/v1/openai/", "http://h:abc", 4, "endpoints[0].base_url", "Port"),
        ("    base_url: https://api.deepinfra.com/v1/openai/\n", "", 2, "endpoints[0]", "exactly one of base_url"),
        ("0.10", "-0.1", 6, PRICE_IN, "greater than or equal to 0"),
        ("0.10", ".nan", 6, PRICE_IN, "finite"),
        ("0.10", "yes", 6, PRICE_IN, "Decimal input"),
        ("0.10", "free", 6, PRICE_IN, "valid decimal"),
        (", output_usd_per_mtok: 0.32", "", 6, "endpoints[0].price.output_usd_per_mtok", "Field required"),
        ("{input_usd_per_mtok: 0.10, output_usd_per_mtok: 0.32}", "free", 6, "endpoints[0].price", "dictionary"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(tmp_path: Path, line: str, replacement: str, at: int, field: str, says: str) -> None:
    assert FIVE_LINES.count(line) == 1
    error = refusal(tmp_path, FIVE_LINES.replace(line, replacement))
    assert (error.line, error.field) == (at, field)
    assert says in error.message


@pytest.mark.parametrize(
    ("extra", "field", "says", "mend"),
    [
        ("colour: red", "colour", "unknown field", "remove the field or correct its name"),
        ("api: grpc", "api", "'anthropic_messages'", "use one of the values named"),
        ("sku: a/b", "sku", "match pattern", "letters, digits"),
        ("model_family: meta/llama", "model_family", "match pattern", "goes into request_model"),
        ("sku: 4", "sku", "got 4", 'in quotes if it looks like a number: "4"'),
        ("sku: 2026-01-01", "sku", "valid string", "write it as text"),
        ("context_tokens: many", "context_tokens", "valid integer", "correct the value"),
        ("context_tokens: 0", "context_tokens", "greater than 0", "correct the value"),
        ("model: other", "model", "is given twice", "keep one of them"),
        ("extra_body: {stream: false}", "extra_body", "must not set stream", "correct the value"),
        ("extra_body: {model: x, messages: []}", "extra_body", "must not set messages, model", "correct the value"),
        ("limits: {rpm: 0}", "limits.rpm", "greater than or equal to 1", "correct the value"),
        ("limits: {tpm: 1.5}", "limits.tpm", "valid integer", "correct the value"),
        ("limits: {max_in_flight: -1}", "limits.max_in_flight", "greater than or equal to 1", "correct the value"),
        ("limits: {max_usd_per_day: -1}", "limits.max_usd_per_day", "greater than or equal to 0", "correct the value"),
        ("limits: {max_usd_per_day: .inf}", "limits.max_usd_per_day", "finite", "correct the value"),
        ("limits: {rmp: 5}", "limits.rmp", "unknown field", "remove the field or correct its name"),
        ("limits: 60", "limits", "valid dictionary", "give it its fields, each as `name: value`"),
        ("stream: sometimes", "stream", "valid boolean", "correct the value"),
        ("fast_because: ''", "fast_because", "at least 1 character", "correct the value"),
        ("fast_because: [wafer]", "fast_because", "valid string", "write it as text"),
        ("top_logprobs: 21", "top_logprobs", "less than or equal to 20", "correct the value"),
        ("reference_kind: partner", "reference_kind", "is of references only", "correct the value"),
        ("reference_kind: own_api", "reference_kind", "is of references only", "correct the value"),
        ("reference_kind: cousin", "reference_kind", "'own_api', 'self_hosted'", "use one of the values named"),
        ("honest: perhaps", "honest", "valid boolean", "correct the value"),
        ("thinks: deeply", "thinks", "valid boolean", "correct the value"),
        ("note: 5", "note", "valid string", "write it as text"),
    ],
)
def test_a_wrong_field_is_named_on_its_own_line(tmp_path: Path, extra: str, field: str, says: str, mend: str) -> None:
    error = refusal(tmp_path, f"{FIVE_LINES}    {extra}\n")
    assert (error.line, error.field) == (7, f"endpoints[0].{field}")
    assert says in error.message
    assert mend in (error.mend or "")
    assert "more)" not in error.message  # one fault is one fault


def test_a_reference_is_not_honest_but_what_others_are_compared_with(tmp_path: Path) -> None:
    error = refusal(tmp_path, f"{FIVE_LINES}    reference: true\n    honest: true\n")
    assert (error.line, error.field) == (8, "endpoints[0].honest")
    assert "is not of a reference" in error.message


@pytest.mark.parametrize(
    ("extra", "kind"),
    [
        ("reference: false", None),
        ("honest: true", None),
        ("reference: true", "own_api"),
        ("reference: true\n    reference_kind: null", "own_api"),
        ("reference: true\n    reference_kind: self_hosted", "self_hosted"),
        ("reference_kind: partner\n    reference: true", "partner"),
    ],
)
def test_what_makes_a_reference_one(tmp_path: Path, extra: str, kind: str | None) -> None:
    path = tmp_path / "endpoints.yaml"
    path.write_text(f"{FIVE_LINES}    {extra}\n")
    endpoint = load_catalog(path).endpoints[0]
    assert (endpoint.reference_kind, endpoint.thinks, endpoint.top_logprobs) == (kind, False, None)
    assert Endpoint.model_validate(endpoint.model_dump(mode="json")) == endpoint  # as a manifest holds it


def test_further_faults_are_counted(tmp_path: Path) -> None:
    error = refusal(tmp_path, f"{FIVE_LINES}    colour: red\n    shape: round\n")
    assert error.message.endswith("unknown field (and 1 more)")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", None, "empty"),
        ("# nothing but a comment\n", None, "empty"),
        ("endpoints: [1,\n", 2, "not valid YAML"),
        (FIVE_LINES.replace("    model:", "\tmodel:"), 3, "not valid YAML"),
        (FIVE_LINES + "---\n" + FIVE_LINES, 7, "not valid YAML"),
        (FIVE_LINES + "    note: !!python/object:os.system x\n", 7, "not valid YAML"),
        (b"\x80\x81\xff\x00", None, "cannot be read"),
        (b"endpoints:\x00", None, "not valid YAML: unacceptable character"),
        (ITEM, 1, "valid dictionary"),
        ("hello", 1, "valid dictionary"),
        ("endpoints: []\n", 1, "is empty"),
        ("endpoints:\n", 1, "valid tuple"),
        (FIVE_LINES + "1: x\n", 1, "Keys should be strings"),
        ("endpoints: &a [*a]\n", None, "an alias holds itself"),
        ("[" * 600, None, "nested too deep"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_catalog_is_refused(tmp_path: Path, text: str | bytes, line: int | None, says: str) -> None:
    error = refusal(tmp_path, text)
    assert error.line == line
    assert says in error.message


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file") as missing:
        load_catalog(tmp_path / "absent.yaml")
    assert missing.value.mend
    with pytest.raises(ConfigError, match="cannot be read"):
        load_catalog(tmp_path)


def test_one_endpoint_twice_names_both_lines(tmp_path: Path) -> None:
    error = refusal(tmp_path, FIVE_LINES + ITEM)
    assert (error.line, error.field) == (7, "endpoints[1]")
    assert "deepinfra/llama-3.3-70b@standard is already defined on line 2" in error.message
    assert error.mend == "give it another sku"


def test_two_references_of_a_family_are_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, FIVE_LINES + "    reference: true\n" + ITEM + "    sku: b\n    reference: true\n")
    assert (error.line, error.field) == (14, "endpoints[1].reference")
    assert "has its reference on line 2 already" in error.message


def test_references_of_two_families_are_not(tmp_path: Path) -> None:
    text = FIVE_LINES + "    reference: true\n" + ITEM + "    sku: b\n    model_family: other\n    reference: true\n"
    assert [e.reference for e in load_catalog(write(tmp_path, text)).endpoints] == [True, True]


@pytest.mark.parametrize(
    ("line", "replacement"),
    [
        ("https://api.deepinfra.com/v1/openai/", "https://me:s3cret@example.com/v1"),
        ("https://api.deepinfra.com/v1/openai/", "https://example.com/v1?key=s3cret"),
        ("https://api.deepinfra.com/v1/openai/", "https://example.com/v1#s3cret"),
        ("DEEPINFRA_API_KEY", "sk-s3cret"),
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_repeated(tmp_path: Path, line: str, replacement: str) -> None:
    error = refusal(tmp_path, FIVE_LINES.replace(line, replacement))
    assert error.field in ("endpoints[0].base_url", "endpoints[0].api_key_env")
    assert "s3cret" not in str(error)


def test_a_catalog_finds_its_endpoints_by_id(tmp_path: Path) -> None:
    catalog = load_catalog(write(tmp_path, FIVE_LINES + ITEM + "    sku: b\n"))
    assert list(catalog.by_id()) == ["deepinfra/llama-3.3-70b@standard", "deepinfra/llama-3.3-70b@b"]


def test_embedded_catalog_is_whole_and_marks_its_prices() -> None:
    endpoints = load_catalog(embedded_catalog_path()).endpoints
    assert len(endpoints) >= 10
    families: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        families.setdefault(endpoint.model_family, []).append(endpoint)
        assert endpoint.fleet is not None
        assert endpoint.price is not None
        assert "invented provider and price" in (endpoint.note or "")
        assert endpoint.region == "local"
    assert all(sum(e.reference for e in members) == 1 for members in families.values())


def test_the_catalog_in_force_is_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert catalog_path() == embedded_catalog_path()
    local = write(tmp_path, FIVE_LINES)
    assert catalog_path() == local
    monkeypatch.setenv("TOKENARENA_ENDPOINTS", "other.yaml")
    assert catalog_path() == tmp_path / "other.yaml"
    assert catalog_path("given.yaml") == tmp_path / "given.yaml"


def test_the_tier_of_a_family_is_the_same_for_all_its_endpoints(tmp_path: Path) -> None:
    (endpoint,) = load_catalog(write(tmp_path, FIVE_LINES + "    quality_items: 30\n")).endpoints
    assert (endpoint.quality_tier, endpoint.quality_items, endpoint.quality_output_tokens) == ("standard", 30, None)
    assert {e.quality_tier for e in load_catalog(embedded_catalog_path()).endpoints} == {"tiny"}
    other = ITEM.replace("deepinfra", "other") + "    quality_tier: hard\n"
    error = refusal(tmp_path, FIVE_LINES + other)
    assert "is hard, while family llama-3.3-70b has tier standard on line 2" in str(error)
    assert error.line == 12
    assert "the same tier" in str(error.mend)
    for wrong in ("quality_tier: huge", "quality_items: 0", "quality_items: 101", "quality_output_tokens: 0"):
        refusal(tmp_path, FIVE_LINES + f"    {wrong}\n")


@pytest.mark.parametrize(
    "value",
    [
        *("2026-13-45", "2026-02-30T25:61:61Z", "2001-01-01 01:01:01 +99:99", "0x_", "9" * 5000, '!!int ""', "!!int +"),
        *("!!float x", "!!bool x", "!!timestamp x"),
    ],
)
def test_what_looks_like_a_value_and_is_none_is_named(tmp_path: Path, value: str) -> None:
    error = refusal(tmp_path, FIVE_LINES + f"    note: {value}\n")
    assert "a value is not what it looks like" in str(error)


def test_aliases_that_stand_for_a_billion_values_are_refused(tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)]
    error = refusal(tmp_path, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(levels))
    assert "stands for more than" in str(error)
    assert error.line


def test_an_alias_that_holds_itself_and_a_file_too_large_are_refused(tmp_path: Path) -> None:
    assert "nested too deep" in str(refusal(tmp_path, "endpoints: &a [*a]\n"))
    assert "larger than 8 MB" in str(refusal(tmp_path, "#" * (8 * 2**20 + 1)))
