"""What the fidelity suites ask: the same of every endpoint, spread over the day, half of it new each week."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import pytest

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites.fidelity.ask import FIDELITY_SUITES, slot_of
from tokenarena_assets.suites.fidelity.border import MOST_CANDIDATES, BorderState, border_candidates
from tokenarena_assets.suites.fidelity.languages import LANGUAGES, Language
from tokenarena_assets.suites.fidelity.parity import LOOKALIKES, MESSAGE_SETS
from tokenarena_assets.suites.fidelity.pools import Pool
from tokenarena_assets.suites.fidelity.questions import fidelity_questions, prompt_of, sequence_units
from tokenarena_assets.suites.fidelity.standard import STANDARD
from tokenarena_assets.suites.fidelity.tiny import TINY
from tokenarena_assets.suites.items import CANARY
from tokenarena_assets.suites.suite import SUITES, Question, SuiteSizes, questions

DAY = date(2026, 11, 24)  # a Tuesday
TIERS = ("tiny", "standard")
SIZES = SuiteSizes()


def asked(
    suite: str, day: date = DAY, tier: str = "standard", sizes: SuiteSizes = SIZES, **more: Any
) -> list[Question]:
    wanted = {"endpoint_id": "a/m", "is_reference": False, "private_seed": "", "top_logprobs": 20} | more
    return list(fidelity_questions(suite, day, sizes, tier=tier, **wanted))


def prompts_of(found: list[Question]) -> dict[str, str]:
    return {q.ask.prompt_id: q.prompt for q in found if q.ask is not None}


def sets_of(found: list[Question]) -> dict[str, str]:
    return {q.ask.prompt_id: q.ask.prompt_set for q in found if q.ask is not None}


# First 12 digits of the SHA-256 of the day's ids and prompts. They change with SUITE_VERSION alone: else results that
# are pooled over days would be of different prompts under one id.
GOLDEN = {
    ("tiny", "sampled"): "bf1bf9098ae5",
    ("tiny", "greedy"): "42bf8abc65d4",
    ("tiny", "logprobs"): "0e3f0d120cce",
    ("tiny", "border"): "524ff583e640",
    ("standard", "sampled"): "89a7c5ddb251",
    ("standard", "greedy"): "e51e4df1124a",
    ("standard", "logprobs"): "37ccf1f0381c",
    ("standard", "border"): "7b8459fd0bef",
    ("standard", "parity"): "30c146e7e703",
}


@pytest.mark.parametrize(("tier", "suite"), GOLDEN)
def test_a_day_asks_what_it_always_asked(tier: str, suite: str) -> None:
    found = json.dumps([(q.key, q.earlier, q.prompt, q.ask and q.ask.slot, q.seed) for q in asked(suite, tier=tier)])
    assert hashlib.sha256(found.encode()).hexdigest()[:12] == GOLDEN[tier, suite]


@pytest.mark.parametrize("suite", FIDELITY_SUITES)
def test_the_suites_are_asked_through_the_one_door(suite: str) -> None:
    assert suite in SUITES
    more = {"unfit": ["standard-sampled-fact-f-000"], "private_seed": "s", "is_reference": True}
    through = questions(
        suite, DAY, "r0", SIZES, endpoint_id="a/m", tier="hard", skip_items=["parity-long.0"], top_logprobs=5, **more
    )
    assert list(through) == asked(suite, tier="hard", top_logprobs=5, skip=["parity-long.0"], **more)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    ("suite", "prompts", "times", "of_reference", "output_tokens", "temperature"),
    [
        ("parity", 12, 1, 1, 1, 0.0),
        ("sampled", 50, 5, 20, 32, 1.0),
        ("greedy", 100, 1, 2, 64, 0.0),
        ("border", 200, 3, 3, 1, 0.0),
        ("logprobs", 10, 10, 10, 1, 0.0),
    ],
)
def test_how_much_is_asked(
    tier: str, suite: str, prompts: int, times: int, of_reference: int, output_tokens: int, temperature: float
) -> None:
    for is_reference, reps in ((False, times), (True, of_reference)):
        found = asked(suite, tier=tier, is_reference=is_reference)
        counts = Counter(q.ask.prompt_id for q in found if q.ask)
        assert len(counts) == prompts
        assert set(counts.values()) == {reps}
        assert {(q.max_output_tokens, q.temperature) for q in found} == {(output_tokens, temperature)}
        assert len({q.key for q in found}) == len(found)
        assert {q.top_logprobs for q in found} == ({20} if suite == "logprobs" else {None})
        slots = [q.ask.slot for q in found if q.ask]
        assert slots == sorted(slots)
        assert all(q.ask and q.ask.slot == slot_of(DAY, suite, q.ask.prompt_id, q.ask.rep) for q in found)
        seeds = [q.seed for q in found if q.seed is not None]
        assert len(set(seeds)) == (
            len(found) if suite == "greedy" else 0
        )  # a constant seed would make samples dependent
        assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_slot_is_a_hash_of_what_it_is_for() -> None:
    text = "2026.11|2026-11-24|sampled|tiny-sampled-story-f-003|4"
    expected = int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) % 24
    assert slot_of(DAY, "sampled", "tiny-sampled-story-f-003", 4) == expected


def test_slots_are_even_and_a_prompt_has_other_ones_each_time_and_day() -> None:
    counts = Counter(slot_of(DAY, "sampled", f"p-{prompt}", rep) for prompt in range(1_000) for rep in range(5))
    assert set(counts) == set(range(24))
    # 23 degrees of freedom: 49.7 is the 0.1 % point
    assert sum((count - 5_000 / 24) ** 2 / (5_000 / 24) for count in counts.values()) < 49.7
    spread = [len({slot_of(DAY, "sampled", f"p-{prompt}", rep) for rep in range(5)}) for prompt in range(1_000)]
    # 24 * (1 - (23/24)**5) = 4.60 different hours are expected of five
    assert sum(spread) / len(spread) == pytest.approx(4.60, abs=0.06)
    later = [slot_of(DAY + timedelta(1), "sampled", f"p-{prompt}", 0) for prompt in range(24)]
    assert later != [slot_of(DAY, "sampled", f"p-{prompt}", 0) for prompt in range(24)]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("suite", ["sampled", "greedy"])
def test_half_is_fixed_and_half_is_of_the_week_and_the_private_seed(tier: str, suite: str) -> None:
    today = asked(suite, tier=tier)
    sets = sets_of(today)
    fixed = {name for name, place in sets.items() if place == "fixed"}
    assert Counter(sets.values()) == {"fixed": len(sets) // 2, "rotating": len(sets) // 2}
    assert all("-f-" in name for name in fixed)
    assert all("-r-2026W48-" in name for name in set(sets) - fixed)
    same_week = prompts_of(asked(suite, date(2026, 11, 29), tier))
    assert same_week == prompts_of(today)
    week_later = prompts_of(asked(suite, date(2026, 11, 30), tier))
    assert set(week_later) & set(sets) == fixed
    private = prompts_of(asked(suite, tier=tier, private_seed="s"))
    assert set(private) & set(sets) == fixed
    texts = set(prompts_of(today).values())
    for other in (week_later, private):
        assert {other[name] for name in fixed} <= texts
        # of thousands, so that hardly one returns
        assert len({text for name, text in other.items() if name not in fixed} & texts) <= 1


def test_iso_weeks_of_two_years_are_told_apart() -> None:
    names = sets_of(asked("sampled", date(2027, 1, 1)))  # a Friday: of week 53 of the year before
    assert sum("-r-2026W53-" in name for name in names) == 25


@pytest.mark.parametrize("tier", TIERS)
def test_no_two_channels_or_halves_ever_ask_the_same(tier: str) -> None:
    by_shelf: dict[tuple[str, str], set[str]] = {}
    for week in range(6):
        day = DAY + timedelta(7 * week)
        for suite in ("sampled", "greedy", "logprobs"):
            for q in asked(suite, day, tier, private_seed="s"):
                assert q.ask is not None
                by_shelf.setdefault((suite, q.ask.prompt_set), set()).add(q.prompt)
    assert sum(map(len, by_shelf.values())) == len(set.union(*by_shelf.values()))
    assert len(by_shelf["sampled", "rotating"]) > 0.9 * 25 * 6


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("suite", ["sampled", "greedy"])
def test_what_is_unfit_gives_way_to_the_next_of_its_kind(tier: str, suite: str) -> None:
    before = prompts_of(asked(suite, tier=tier))
    unfit = [*sorted(before)[:7], "of-another-family"]
    after = prompts_of(asked(suite, tier=tier, unfit=unfit))
    assert len(after) == len(before)
    assert after.keys().isdisjoint(unfit)
    assert set(before) - set(after) == set(unfit[:7])
    kinds = [Counter(name.split("-")[2] for name in names) for names in (before, after)]
    assert kinds[0] == kinds[1]
    assert all(after[name] == text for name, text in before.items() if name in after)
    assert after == prompts_of(asked(suite, tier=tier, unfit=frozenset(reversed(unfit)), endpoint_id="b/m"))


def test_a_smaller_size_asks_the_first_of_each_kind() -> None:
    small = prompts_of(asked("sampled", sizes=SuiteSizes(sampled_prompts=11)))
    assert small.items() <= prompts_of(asked("sampled")).items()
    assert len(small) == 11


@pytest.mark.parametrize("suite", FIDELITY_SUITES)
@pytest.mark.parametrize("tier", TIERS)
def test_a_prompt_is_found_again_by_its_id_alone(tier: str, suite: str) -> None:
    for q in asked(suite, tier=tier, private_seed="s"):
        assert q.ask is not None
        assert prompt_of(tier, q.ask.prompt_id, private_seed="s") == q.prompt


@pytest.mark.parametrize(
    "prompt_id",
    [
        "",
        "x",
        "parity-none",
        "tiny-border-5000",
        "standard-border-0001",
        "tiny-sampled-list-f-000",
        "tiny-sampled-story-f-00",
        "standard-sampled-fact-f-000",
        "tiny-parity-story-f-000",
        "tiny-logprobs-listed-f-000",
    ],
)
def test_an_id_that_names_nothing_is_refused(prompt_id: str) -> None:
    with pytest.raises(TokenArenaError, match="there is no prompt"):
        prompt_of("tiny", prompt_id)


@pytest.mark.parametrize(("made_with", "asked_with"), [("s", ""), ("", "s"), ("s", "t")])
def test_a_prompt_of_another_private_seed_is_not_taken_for_this_one(made_with: str, asked_with: str) -> None:
    name = next(name for name in prompts_of(asked("greedy", private_seed=made_with)) if "-r-" in name)
    with pytest.raises(TokenArenaError, match="another private seed"):
        prompt_of("standard", name, private_seed=asked_with)


@pytest.mark.parametrize("tier", TIERS)
def test_ids_are_safe_and_prompts_are_short_and_without_the_canary(tier: str) -> None:
    # At least so many characters make a token of these scripts, in the vocabularies of today.
    most = 168 if tier == "tiny" else 300
    for suite in FIDELITY_SUITES:
        found = asked(suite, tier=tier, private_seed="s", is_reference=True)
        assert all(
            set(q.key) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") for q in found
        )
        texts = prompts_of(found)
        for text in texts.values():
            assert CANARY not in text
            assert text.strip() == text
            assert len(text) <= most or suite == "parity"
            if not text.isascii() and suite != "parity":
                assert len(text) <= 120


@pytest.mark.parametrize("pool", [TINY, STANDARD], ids=lambda pool: pool.name)
def test_kinds_have_hundreds_of_prompts_for_each_shelf_and_leave_no_blank(pool: Pool) -> None:
    kinds = {kind for turns in pool.turns.values() for kind in turns}
    assert len({kind.name for kind in kinds}) == len(kinds)
    texts: dict[str, set[str]] = {kind.name: {kind.make(random.Random(n)) for n in range(1_000)} for kind in kinds}
    assert all(len(found) > 600 for found in texts.values())
    assert sum(map(len, texts.values())) == len(set.union(*texts.values()))  # no text is of two kinds
    assert not any(re.search(r"\{\w+\}", text) for found in texts.values() for text in found)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_every_sentence_takes_two_of_twenty_nouns(language: Language) -> None:
    assert len(set(language.nouns)) == len(language.nouns) == 20
    for sentence in language.sentences:
        assert sentence.count("{one}") == sentence.count("{other}") == 1


def test_every_tier_but_tiny_is_asked_the_same() -> None:
    for suite in ("sampled", "greedy", "logprobs", "border"):
        assert asked(suite, tier="easy") == asked(suite, tier="standard") == asked(suite, tier="hard")
        assert set(prompts_of(asked(suite, tier="tiny")).values()).isdisjoint(prompts_of(asked(suite)).values())
    assert asked("parity", tier="tiny") == asked("parity")
    assert [sequence_units(tier) for tier in ("tiny", "easy", "standard", "hard")] == [32, 160, 160, 160]


def test_each_kind_has_its_share() -> None:
    kinds = Counter(name.split("-")[2] for name in prompts_of(asked("sampled")))
    assert kinds == {"fact": 10, "code": 10, "list": 10, "foreign": 10, "instruction": 10}
    kinds = Counter(name.split("-")[2] for name in prompts_of(asked("greedy")))
    assert kinds == {"fact": 25, "code": 20, "foreign": 20, "instruction": 20, "list": 15}
    kinds = Counter(name.split("-")[2] for name in prompts_of(asked("sampled", tier="tiny")))
    assert len(kinds) == 5
    assert set(kinds.values()) == {10}


def test_what_was_answered_is_not_asked_again() -> None:
    whole = asked("sampled")
    skipped = {q.key for q in whole[::3]}
    assert asked("sampled", skip=skipped) == [q for q in whole if q.key not in skipped]


def test_who_thinks_first_is_asked_for_whole_answers_alone() -> None:
    for suite in ("greedy", "border", "logprobs"):
        assert asked(suite, thinks=True) == []
    assert {q.max_output_tokens for q in asked("sampled", thinks=True, quality_output_tokens=900)} == {900}
    assert {q.max_output_tokens for q in asked("sampled", thinks=True)} == {2_048}
    assert {q.max_output_tokens for q in asked("sampled", quality_output_tokens=900)} == {32}
    assert len(asked("parity", thinks=True)) == 12


def test_logprobs_are_asked_where_they_are_given_and_no_more_than_any_api_has() -> None:
    assert asked("logprobs", top_logprobs=None) == []
    assert {q.top_logprobs for q in asked("logprobs", top_logprobs=5)} == {5}
    assert {q.top_logprobs for q in asked("logprobs", top_logprobs=50)} == {20}
    assert "x" in prompts_of(asked("logprobs")).values()


def test_an_unknown_suite_or_tier_is_refused() -> None:
    with pytest.raises(TokenArenaError, match="speed"):
        asked("speed")
    with pytest.raises(TokenArenaError, match="impossible"):
        asked("sampled", tier="impossible")


def test_parity_has_turns_that_alternate_and_leaves_them_out_where_there_are_none() -> None:
    names = {messages.prompt_id for messages in MESSAGE_SETS}
    assert len(names) == len(MESSAGE_SETS) == 12
    several = {messages.prompt_id for messages in MESSAGE_SETS if messages.earlier}
    assert 3 <= len(several) <= 6
    for messages in MESSAGE_SETS:
        roles = [role for role, _ in messages.earlier]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
    assert set(prompts_of(asked("parity", multi_turn=False))) == names - several
    assert {q.earlier for q in asked("sampled")} == {()}


MARKS = (
    "<|im_start|> <|im_end|> <|endoftext|> <|end|> <|eot_id|> <s> </s> [INST] [/INST] <<SYS>> <start_of_turn> "
    "<end_of_turn> <|user|> <|assistant|> <|begin_of_text|> <|start|> <|start_header_id|> <think> [gMASK] <eos> <bos>"
)


@pytest.mark.parametrize("mark", MARKS.split())
def test_no_mark_of_a_real_template_is_sent(mark: str) -> None:
    assert mark not in LOOKALIKES


# Border inputs.


def test_the_search_goes_on_where_it_stopped_until_all_were_tried() -> None:
    seen: list[str] = []
    for start in range(0, MOST_CANDIDATES, 200):
        found = asked("border", border=BorderState(tried=start))
        assert {(q.ask.stage, q.ask.prompt_set) for q in found if q.ask} == {("search", "candidate")}
        seen += prompts_of(found)
    assert len(seen) == len(set(seen)) == MOST_CANDIDATES
    assert len(prompts_of(asked("border", border=BorderState(tried=4_990)))) == 10
    assert asked("border", border=BorderState(tried=MOST_CANDIDATES)) == []
    assert asked("border") == asked("border", border=BorderState())


@pytest.mark.parametrize("tier", TIERS)
def test_candidates_are_distinct_and_in_an_order_of_the_endpoint(tier: str) -> None:
    first = border_candidates(tier, "a/m", 0, MOST_CANDIDATES)
    other = border_candidates(tier, "b/m", 0, MOST_CANDIDATES)
    assert first != other
    assert dict(first) == dict(other)
    assert len(set(dict(first).values())) == MOST_CANDIDATES
    assert border_candidates(tier, "a/m", 700, 30) == first[700:730]
    assert border_candidates(tier, "a/m", MOST_CANDIDATES, 30) == []


def test_what_was_found_is_asked_a_hundred_times_once_and_then_ten_times_a_day() -> None:
    ids = tuple(name for name, _ in border_candidates("standard", "a/m", 0, 25))
    for state, stage, reps in (
        (BorderState(ids[:20], tried=400), "reference", 100),
        (BorderState(ids[:20], has_reference=True, tried=400), "monitor", 10),
        (BorderState(ids[:7], tried=MOST_CANDIDATES), "reference", 100),
        (BorderState(ids[:7], has_reference=True, tried=MOST_CANDIDATES), "monitor", 10),
        (BorderState(ids[:19], tried=400), "search", 3),
        (BorderState(ids, has_reference=True, tried=400), "monitor", 10),
    ):
        found = asked("border", border=state)
        assert {q.ask.stage for q in found if q.ask} == {stage}
        assert set(Counter(q.ask.prompt_id for q in found if q.ask).values()) == {reps}
        if stage != "search":
            assert set(prompts_of(found)) == set(state.inputs[:20])
            assert {q.ask.prompt_set for q in found if q.ask} == {"found"}
        assert all(q.ask and q.key == f"{q.ask.prompt_id}.{stage}.{q.ask.rep}" for q in found)


def test_the_state_of_a_search_survives_json() -> None:
    state = BorderState(("standard-border-0001",), True, 12)
    again = json.loads(json.dumps(asdict(state)))
    assert BorderState(tuple(again.pop("inputs")), **again) == state
