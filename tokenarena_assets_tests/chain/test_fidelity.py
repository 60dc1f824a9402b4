"""From samples of models of known make to channels, verdicts and claims."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import polars as pl
import pytest

from tokenarena_assets_tests.chain.fidelity_frames import (
    DAY,
    Judged,
    Model,
    Row,
    catalog,
    endpoint,
    judged,
    reference_days,
    sample_frame,
    samples,
)

SAME = Model()
OTHER = Model(stray=0.5, letter="c", greedy_differs=1.0, logprob_shift=4.0)
NO_LOGPROBS = Model(logprob_shift=None)


@cache
def first_day() -> Judged:
    """A reference's first day, beside the same model, another one, and one without log-probabilities."""
    rows = [endpoint("ref"), endpoint("same"), endpoint("other"), endpoint("mute")]
    frames = [*reference_days(1), samples("same", SAME), samples("other", OTHER), samples("mute", NO_LOGPROBS)]
    return judged(catalog(*rows), frames)


def test_the_same_model_on_the_first_day_is_undetermined_and_near_100() -> None:
    row = first_day().verdict("same")
    assert row["verdict"] == "undetermined"
    assert row["claim"] is None
    assert not row["suspect"]
    assert row["fidelity_lo"] <= 100 <= row["fidelity_hi"]
    assert row["fidelity_n_prompts"] == 12
    assert row["fidelity_n_samples"] == 60
    assert row["fidelity_day"] == pytest.approx(row["fidelity"])  # the pool has one day
    assert row["fidelity_self_floor_split"] == "repeats"
    assert row["missing_reference_days"] == 13
    assert "no verdict before 14 reference days: 13 missing" in row["note"]
    assert row["greedy_rate_per_1k"] == 0
    assert row["logprob_lt_nats"] == 0
    assert (row["parity_compared"], row["parity_mismatched"]) == (12, 0)


def test_another_model_is_suspect_on_the_first_day_by_the_channels_that_need_no_days() -> None:
    row = first_day().verdict("other")
    assert row["verdict"] == "suspect"
    assert row["channels_named"] == "greedy, logprobs"
    assert row["claim"] == "outputs differ from the f16 that is disclosed (greedy, logprobs)"
    assert row["fidelity_hi"] < 90
    assert row["n_channels_tested"] == 2
    assert first_day().channel("other", "sampled")["p"] is None  # not before 14 reference days
    assert row["fidelity_rank_in_family"] == 3
    # Each answer parts at character 20 of 40, so 21 characters were at stake; the reference's tokens are of 4.
    assert row["greedy_rate_per_1k"] == pytest.approx(1000 * 12 / (12 * 21 / 4))
    assert row["logprob_lt_nats"] == pytest.approx(4.0)


def test_log_probabilities_that_are_not_there_are_not_imputed() -> None:
    frames = [*reference_days(1), samples("mute", NO_LOGPROBS), samples("silent", SAME)]
    answers = frames[-1].with_columns(first_token_top=pl.lit(None, pl.String()))
    rows = [endpoint("ref"), endpoint("mute", top_logprobs=None), endpoint("silent")]
    found = judged(catalog(*rows), [*frames[:-1], answers])
    for name, note in (("mute", "the endpoint gives no log-probabilities"),) * 1 + (
        ("silent", "the endpoint gives no log-probabilities"),
    ):
        channel = found.channel(name, "logprobs")
        assert (channel["status"], channel["note"], channel["p"]) == ("not_applicable", note, None)
        assert found.verdict(name)["logprob_lt_nats"] is None
    assert first_day().channel("mute", "logprobs")["status"] == "not_asked"


def test_the_reference_is_not_compared_with_itself() -> None:
    row = first_day().verdict("ref")
    assert (row["verdict"], row["fidelity"], row["suspect"]) == ("reference", None, False)
    (family,) = first_day().day.references.to_dicts()
    assert (family["kind"], family["reference_endpoint_id"]) == ("own_api", "ref/m@s")
    assert family["chosen_because"] == "the catalog names it: the author's own API"
    assert family["greedy_self_per_1k"] == 0
    assert family["greedy_floor_source"].startswith("assumed")
    assert (family["n_reference_days"], family["missing_reference_days"]) == (1, 13)


def lost(prompts: int, reps: int) -> Model:
    """Of the first `prompts` prompts all samples from `reps` on are lost on the way."""

    def change(row: Row) -> Row:
        gone = row["channel"] == "sampled" and int(row["prompt_id"][-3:]) < prompts and row["rep"] >= reps
        return row | ({"outcome": "missing", "text": None} if gone else {})

    return Model(change=change)


def test_transport_errors_are_missing_and_a_prompt_with_under_half_of_its_samples_is_dropped() -> None:
    rows = [endpoint("ref"), endpoint("few"), endpoint("many"), endpoint("some")]
    frames = reference_days(1)
    frames += [samples("few", lost(2, 2)), samples("many", lost(3, 2)), samples("some", lost(12, 3))]
    found = judged(catalog(*rows), frames)
    few = found.channel("few", "sampled")
    assert (few["status"], few["n_prompts"]) == ("measured", 10)
    assert (few["n_asked"], few["n_missing"], few["n_set_aside"], few["n_samples"]) == (60, 6, 4, 50)
    many = found.channel("many", "sampled")
    assert many["status"] == "no_score"
    assert many["note"] == "3 of 12 prompts dropped: under half of their answers came"
    assert (many["n_asked"], many["n_missing"], many["n_set_aside"], many["n_samples"]) == (60, 9, 51, 0)
    assert "no fidelity: 3 of 12 prompts dropped" in found.verdict("many")["note"]
    some = found.channel("some", "sampled")
    assert (some["n_prompts"], some["n_samples"], some["n_missing"]) == (12, 36, 24)


@pytest.mark.parametrize("outcome", ["blank", "refusal", "filtered"])
def test_what_is_no_answer_is_an_outcome_and_counts_as_another_text(outcome: str) -> None:
    def change(row: Row) -> Row:
        return row | ({"outcome": outcome} if row["channel"] in ("sampled", "greedy") and row["rep"] != 1 else {})

    found = judged(catalog(endpoint("ref"), endpoint("no")), [*reference_days(1), samples("no", Model(change=change))])
    row = found.channel("no", "sampled")
    assert (row["status"], row["n_missing"], row["n_samples"]) == ("measured", 0, 60)
    assert row["hi"] < 60
    assert found.channel("no", "greedy")["value"] > 100
    assert "greedy" in found.verdict("no")["channels_named"]


def test_prompts_that_tell_nothing_are_set_aside_with_the_reason() -> None:
    def change(row: Row) -> Row:
        if row["channel"] != "sampled" or row["prompt_id"] not in ("s-000", "s-001"):
            return row
        text = "always this" if row["prompt_id"] == "s-000" else chr(ord("A") + row["rep"]) * 40
        return row | {"text": text}

    model = Model(change=change)
    rows = catalog(endpoint("ref"), endpoint("same"))
    found = judged(rows, [*reference_days(1, model), samples("same", model)])
    told = {row["prompt_id"]: row for row in found.day.prompts.to_dicts()}
    assert told["s-000"]["reason"] == "its answers are all alike: within-kernel 1.000, over 0.9"
    assert told["s-001"]["reason"] == "its answers are all different: within-kernel 0.000, under 0.15"
    assert sum(bool(row["fit"]) for row in told.values()) == 10
    sampled = found.channel("same", "sampled")
    assert (sampled["n_prompts"], sampled["n_samples"], sampled["n_set_aside"]) == (10, 50, 10)


def test_too_few_prompts_are_no_score() -> None:
    rows = catalog(endpoint("ref"), endpoint("same"))
    found = judged(rows, [*reference_days(1, prompts=9), samples("same", NO_LOGPROBS, prompts=9)])
    row = found.verdict("same")
    assert row["verdict"] == "no_score"
    assert row["fidelity"] is None
    assert found.channel("same", "greedy")["note"] == "9 prompts to compare, 10 needed"
    assert "9 prompts to compare, 10 needed" in row["note"]


@pytest.mark.parametrize(("days", "n_prompts"), [(4, 24), (5, 12)])
def test_prompts_of_a_new_week_wait_while_they_were_asked_less_than_a_quarter_as_often(
    days: int, n_prompts: int
) -> None:
    frames = []
    for back in range(days):
        day, prompts = DAY - timedelta(days=back), 12 if back else 24
        frames += [samples("ref", SAME, day, prompts, reps=20, runs=2), samples("same", SAME, day, prompts)]
    row = judged(catalog(endpoint("ref"), endpoint("same")), frames).channel("same", "sampled")
    asked = 12 * 5 * days + 12 * 5
    used = asked if n_prompts == 24 else asked - 12 * 5
    assert (row["n_asked"], row["n_prompts"], row["n_samples"], row["n_set_aside"]) == (
        asked,
        n_prompts,
        used,
        asked - used,
    )
    assert row["day_n_prompts"] == 24


def test_a_prompt_worded_anew_is_not_compared_with_its_old_wording() -> None:
    old, new = (pl.lit(wording).alias("prompt_sha256") for wording in ("old", "new"))
    yesterday = DAY - timedelta(days=1)
    frames = [
        samples("ref", SAME, yesterday, reps=20).with_columns(old),
        samples("same", SAME, yesterday).with_columns(old),
        samples("ref", SAME, reps=20).with_columns(new),
        samples("same", SAME).with_columns(new),
    ]
    row = judged(catalog(endpoint("ref"), endpoint("same")), frames).channel("same", "sampled")
    assert (row["n_asked"], row["n_samples"], row["n_set_aside"]) == (120, 60, 60)


def test_without_a_reference_nothing_is_claimed() -> None:
    found = judged(catalog(endpoint("a"), endpoint("b")), [samples("a", SAME), samples("b", OTHER)])
    (family,) = found.day.references.to_dicts()
    assert (family["kind"], family["reference_endpoint_id"]) == ("none", None)
    assert family["chosen_because"] == "the catalog names none; 2 endpoints: a consensus needs 4"
    row = found.verdict("b")
    assert (row["verdict"], row["claim"], row["fidelity"]) == ("no_reference", None, None)


def test_a_consensus_ranks_within_the_family_and_claims_nothing() -> None:
    names = ["a", "b", "c", "d", "odd"]
    frames = [samples(name, OTHER if name == "odd" else SAME, prompts=30, reps=20) for name in names]
    found = judged(catalog(*(endpoint(name) for name in names)), frames)
    (family,) = found.day.references.to_dicts()
    assert (family["kind"], family["n_consensus"]) == ("consensus", 4)
    medoid = family["reference_endpoint_id"]
    assert medoid != "odd/m@s"
    odd = found.verdict("odd")
    assert (odd["verdict"], odd["suspect"], odd["claim"]) == ("undetermined", False, None)
    assert "consensus of 4 endpoints: no claim of deviation" in odd["note"]
    assert odd["fidelity"] < 80
    assert odd["fidelity_rank_in_family"] == 4
    assert found.channel("odd", "greedy")["status"] == "not_applicable"


def test_an_honest_endpoint_measures_the_floor_and_is_not_judged() -> None:
    honest = Model(greedy_differs=0.5, logprob_shift=0.3)
    rows = catalog(endpoint("ref"), endpoint("honest", honest=True), endpoint("like", honest=False))
    found = judged(rows, [*reference_days(1), samples("honest", honest), samples("like", honest)])
    (family,) = found.day.references.to_dicts()
    rate = found.verdict("honest")["greedy_rate_per_1k"]
    assert rate > 15
    assert family["greedy_floor_per_1k"] == pytest.approx(rate)
    assert family["greedy_floor_source"] == "measured: 1 honest deployment"
    assert family["logprob_floor_nats"] == pytest.approx(0.3)
    assert found.verdict("honest")["verdict"] == "honest_floor"
    like = found.verdict("like")
    assert (like["verdict"], like["greedy_rate_ratio"]) == ("undetermined", pytest.approx(1.0))


def test_a_hidden_prompt_is_reported_and_makes_nobody_suspect() -> None:
    found = judged(
        catalog(endpoint("ref"), endpoint("hidden")), [*reference_days(1), samples("hidden", Model(tokens=55))]
    )
    row = found.verdict("hidden")
    assert (row["parity_compared"], row["parity_mismatched"]) == (12, 12)
    assert "a hidden prompt or another template of about +25 tokens" in row["note"]
    assert not row["suspect"]


def test_who_always_reasons_is_compared_by_visible_answers_alone() -> None:
    found = judged(catalog(endpoint("ref"), endpoint("same", thinks=True)), [*reference_days(1), samples("same", SAME)])
    assert found.verdict("same")["limited"]
    assert [found.channel("same", name)["status"] for name in ("sampled", "greedy", "logprobs", "border")] == [
        "measured",
        *["not_applicable"] * 3,
    ]


def test_the_reference_answers_all_that_is_lost_is_no_score_of_the_endpoint() -> None:
    gone = samples("ref", SAME, reps=20, runs=2).filter(pl.col("channel") == "sampled")
    found = judged(catalog(endpoint("ref"), endpoint("same")), [gone, samples("same", SAME)])
    for channel in ("greedy", "logprobs"):
        row = found.channel("same", channel)
        assert (row["status"], row["note"]) == ("no_score", "the reference was not asked on this day")


@cache
def sixteen_days() -> Judged:
    """Sixteen days of a reference beside the same model and another one; judged on the last three."""
    rows = catalog(endpoint("ref"), endpoint("same"), endpoint("other"))
    frames = reference_days(16)
    for back in range(9):
        day = DAY - timedelta(days=back)
        frames += [samples("same", SAME, day), samples("other", OTHER, day)]
    before: dict = {}
    for back in (2, 1, 0):
        day = DAY - timedelta(days=back)
        found = judged(rows, [frame for frame in frames if frame["day"][0] <= day], before, day)
        before = dict(found.channels_before)
    return found


def test_after_three_days_and_by_two_channels_another_model_is_different() -> None:
    row = sixteen_days().verdict("other")
    assert row["verdict"] == "different"
    assert row["channels_named"] == "greedy, logprobs, sampled"
    assert row["suspect_days"] == 3
    assert row["fidelity_gap_lo"] > 3
    assert row["fidelity_self_floor_split"] == "days"
    assert row["fidelity_n_samples"] == 7 * 60
    assert sixteen_days().channel("other", "sampled")["p"] < 0.001
    assert row["e_value"] == pytest.approx(0.5 / row["p_endpoint"] ** 0.5)


def test_the_same_model_is_not_accused_once_verdicts_are_possible() -> None:
    row = sixteen_days().verdict("same")
    assert row["verdict"] in ("consistent", "undetermined")
    assert not row["suspect"]
    assert abs(row["fidelity"] - 100) < 5
    sampled = sixteen_days().channel("same", "sampled")
    assert sampled["p"] is not None
    assert sampled["day_n_prompts"] == 12
    (family,) = sixteen_days().day.references.to_dicts()
    assert (family["n_reference_days"], family["missing_reference_days"], family["day_pairs"]) == (16, 0, 120)


def test_samples_that_do_not_count_or_were_not_sent_are_not_there() -> None:
    extra = samples("same", OTHER).with_columns(counts=pl.lit(False))
    unsent = sample_frame(
        "same", [{"request_id": "u", "channel": "sampled", "prompt_id": "s-000", "rep": 9, "outcome": "not_sent"}]
    )
    rows = catalog(endpoint("ref"), endpoint("same"))
    found = judged(rows, [*reference_days(1), samples("same", SAME), extra, unsent])
    assert found.channel("same", "sampled")["n_asked"] == 60
    assert found.verdict("same")["greedy_rate_per_1k"] == 0
