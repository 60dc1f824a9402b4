"""Who can be sent to from here, what the others lack, and choosing by it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from tokenarena_assets.endpoints import Endpoint
from tokenarena_assets.endpoints.readiness import needed_by, not_ready, readiness
from tokenarena_assets.endpoints.selection import Wanted, chosen, state_of


def endpoint(model: str, **fields: Any) -> Endpoint:
    plain = {"provider": "p", "model": model, "base_url": "https://example.com/v1", "api_key_env": "SOME_KEY"}
    return Endpoint.model_validate(plain | fields)


KEYLESS = endpoint("keyless", api_key_env=None)
KEYED = endpoint("keyed", price={"input_usd_per_mtok": 1, "output_usd_per_mtok": 5})
ACCOUNT = endpoint("account", base_url="https://example.com/${SOME_ACCOUNT}/v1", vendor_family="line")
NEVER = endpoint(
    "never", cannot_probe="speaks no API of ours", price={"input_usd_per_mtok": 0, "output_usd_per_mtok": 1}
)
ALL = (KEYLESS, KEYED, ACCOUNT, NEVER)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOME_KEY", "SOME_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)


def test_what_is_missing_is_named_key_first() -> None:
    assert not_ready(ALL) == {
        "p/keyed@standard": "missing SOME_KEY",
        "p/account@standard": "missing SOME_KEY, SOME_ACCOUNT",
        "p/never@standard": "cannot be probed: speaks no API of ours",
    }
    assert needed_by(ALL) == {"SOME_KEY": 2, "SOME_ACCOUNT": 1}


def test_who_has_all_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-one\n")
    monkeypatch.setenv("SOME_ACCOUNT", "a1")
    assert not_ready(ALL) == {"p/never@standard": "cannot be probed: speaks no API of ours"}
    assert needed_by(ALL) == {}


def test_an_unusable_value_is_named_and_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-one")
    monkeypatch.setenv("SOME_ACCOUNT", "secret/../other")
    problem = readiness(ACCOUNT).problem
    assert problem is not None
    assert problem.startswith("unusable SOME_ACCOUNT")
    assert "secret" not in problem
    monkeypatch.setenv("SOME_KEY", "sk-schlüssel")
    assert str(readiness(KEYED).problem).startswith("unusable SOME_KEY")


def test_endpoints_are_chosen_by_name_price_and_state() -> None:
    def names(**wanted: Any) -> list[str]:
        return [each.model for each in chosen(ALL, Wanted(**wanted))]

    assert names() == ["keyless", "keyed", "account", "never"]
    assert names(models=("KEY*",)) == ["keyless", "keyed"]
    assert names(families=("line", "never")) == ["account", "never"]
    assert names(states=("ready",)) == ["keyless"]
    assert names(states=("missing", "cannot be probed")) == ["keyed", "account", "never"]
    assert names(max_usd_per_mtok=Decimal("0.25")) == ["never"]  # (3 x 0 + 1 x 1) / 4
    assert names(max_usd_per_mtok=Decimal(2)) == ["keyed", "never"]  # (3 x 1 + 1 x 5) / 4
    assert names(apis=("openai_*",), providers=("q",)) == []
    assert [state_of(each) for each in ALL] == ["ready", "missing", "missing", "cannot be probed"]


@pytest.mark.parametrize("field", ["reference", "honest"])
def test_what_cannot_be_probed_is_nothing_to_compare_with(field: str) -> None:
    with pytest.raises(ValidationError, match="cannot_probe is of an endpoint that nothing is compared with"):
        endpoint("m", cannot_probe="no", **{field: True})


def test_an_answer_is_not_to_be_longer_than_the_longest() -> None:
    with pytest.raises(ValidationError, match="quality_output_tokens 9000 is more than max_output_tokens 8192"):
        endpoint("m", quality_output_tokens=9000, max_output_tokens=8192)
