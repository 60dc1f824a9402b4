"""The tiers: what each asks, that its items are new, balanced and of its own."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.standard import code, math
from tokenarena_assets.suites.suite import SuiteSizes, day_items
from tokenarena_assets.suites.tiers import TIERS, TINY_CODE_MIX, TINY_MATH_MIX, math_available, tier_named
from tokenarena_assets.suites.tiny import code as tiny_code
from tokenarena_assets.suites.tiny import math as tiny_math

DAY = date(2026, 11, 23)
REAL = ("easy", "standard", "hard")
needs_library = pytest.mark.skipif(math_available() is not None, reason="reasoning-gym is not installed")


@pytest.mark.parametrize("tier", REAL)
def test_the_code_of_a_day_is_balanced_and_of_its_tier(tier: str) -> None:
    items = day_items("quality_code", DAY, tier, SuiteSizes())
    assert len({item.prompt for item in items}) == len({item.item_id for item in items}) == 40
    assert {(item.tier, item.answer_type, item.source) for item in items} == {(tier, "code", "generated")}
    families = Counter(item.template_id.rpartition("_")[0] for item in items)
    assert families.keys() == code.FAMILIES.keys()
    assert set(families.values()) <= {2, 3}
    assert all(CodeTask.from_json(item.answer_value).task_id == item.item_id for item in items)
    assert day_items("quality_code", DAY, tier, SuiteSizes(code_items=11)) == items[:11]


def test_code_gets_harder_from_tier_to_tier() -> None:
    def share(tier: str, difficulty: str) -> float:
        templates = [template.template_id for template in tier_named(tier).templates("code")]
        return sum(name.endswith(f"_{difficulty}") for name in templates) / len(templates)

    assert [share(tier, "easy") for tier in REAL] == [2 / 3, 0, 0]
    assert [share(tier, "hard") for tier in REAL] == [0, 0.5, 1]


def test_the_mixes_of_the_tiny_tier_are_of_its_templates() -> None:
    assert set(TINY_MATH_MIX) <= tiny_math.BY_ID.keys()
    assert {"minus_product", "items_above_difference"} <= set(TINY_CODE_MIX)  # what they get wrong now and then
    assert set(TINY_CODE_MIX) <= tiny_code.CODE_BY_ID.keys()
    assert {item.tier for item in day_items("quality_code", DAY, "tiny", SuiteSizes())} == {"tiny"}


def test_longer_answers_are_allowed_where_more_is_asked() -> None:
    caps = [tier.output_tokens(domain) for tier in TIERS.values() for domain in ("math", "code")]
    assert caps == sorted(caps)


def test_an_unknown_tier_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TokenArenaError) as caught:
        tier_named("gigantic")
    assert caught.value.mend == "tiers are: tiny, easy, standard, hard"


def test_math_of_real_tiers_says_what_to_install_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert math_available() == "reasoning-gym is not installed"
    with pytest.raises(TokenArenaError) as caught:
        day_items("quality_math", date(1999, 1, 1), "hard", SuiteSizes())
    assert caught.value.mend == "make generators (it needs a C compiler)"
    assert len(day_items("quality_math", date(1999, 1, 1), "tiny", SuiteSizes())) == 60


@needs_library
@pytest.mark.parametrize("tier", REAL)
def test_the_math_of_a_day_is_balanced_and_of_its_tier(tier: str) -> None:
    items = day_items("quality_math", DAY, tier, SuiteSizes())
    assert len({item.prompt for item in items}) == len({item.item_id for item in items}) == 60
    assert {(item.tier, item.source) for item in items} == {(tier, "generated")}
    counts = Counter(item.template_id for item in items)
    assert len(counts) == len(math.GENERATORS[tier]) >= 10
    assert max(counts.values()) - min(counts.values()) <= 1
    assert day_items("quality_math", DAY, tier, SuiteSizes(math_items=17)) == items[:17]
