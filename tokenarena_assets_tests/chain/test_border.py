"""Border inputs: found where the first token wavers, monitored against their own reference, renewed in a month."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import pytest

from tokenarena_assets.chain.border import border_figures, border_inputs, read_border, read_found
from tokenarena_assets.chain.fidelity_tables import BORDER_INPUTS
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets_tests.chain.fidelity_frames import (
    DAY,
    Model,
    Row,
    breaches,
    catalog,
    endpoint,
    judged,
    reference_days,
    sample_frame,
)


def asked(stage: str, prompt: str, tokens: str, day: date = DAY, outcome: str = "answered") -> pl.DataFrame:
    """One sample a character of `tokens`: its first token."""
    rows = [
        {
            "request_id": f"{day}-{stage}-{prompt}-{outcome}-{rep}",
            "channel": "border",
            "stage": stage,
            "prompt_id": prompt,
            "rep": rep,
            "outcome": outcome,
            "text": token,
        }
        for rep, token in enumerate(tokens)
    ]
    return sample_frame("e", rows, day)


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


def inputs(*frames: pl.DataFrame, day: date = DAY) -> dict[str, Row]:
    found = border_inputs(day, pl.concat(frames))
    assert breaches(BORDER_INPUTS, found, day) == {}
    return {row["prompt_id"]: row for row in found.to_dicts()}


def test_a_prompt_whose_first_token_wavers_is_found_and_the_others_were_tried() -> None:
    found = inputs(asked("search", "wavers", "aba"), asked("search", "firm", "aaa"), asked("search", "once", "b"))
    assert {name: row["state"] for name, row in found.items()} == {"wavers": "found", "firm": "tried", "once": "tried"}
    assert found["wavers"]["found_on"] == DAY
    assert not found["wavers"]["has_reference"]


def test_a_candidate_of_which_nothing_came_was_not_tried() -> None:
    assert inputs(asked("search", "lost", "abc", outcome="missing"), asked("search", "firm", "aa")).keys() == {"firm"}


def test_the_reference_is_counted_and_outlasts_better_balanced_candidates() -> None:
    reference = [asked("reference", f"old-{n:02}", "a" * 60 + "b" * 40) for n in range(20)]
    search = [asked("search", f"old-{n:02}", "aab", ago(1)) for n in range(20)]
    found = inputs(*reference, *search, *[asked("search", f"new-{n}", "ab") for n in range(3)])
    assert {name for name, row in found.items() if row["state"] == "found"} == {f"old-{n:02}" for n in range(20)}
    row = found["old-00"]
    assert (row["has_reference"], row["n_reference"], row["found_on"]) == (True, 100, ago(1))
    assert json.loads(row["counts"]) == {"a": 60, "b": 40}
    assert found["new-0"]["state"] == "tried"


def test_under_half_of_a_reference_is_none_yet() -> None:
    found = inputs(asked("search", "x", "ab"), asked("reference", "x", "ab" * 24))
    assert (found["x"]["n_reference"], found["x"]["has_reference"]) == (48, False)


def test_an_outcome_without_a_token_is_a_token_of_its_own() -> None:
    blank = asked("search", "x", "z", outcome="blank")
    assert inputs(asked("search", "x", "a"), blank)["x"]["state"] == "found"


def test_after_thirty_days_it_is_searched_anew(tmp_path: object) -> None:
    lake = ParquetLake(tmp_path)  # type: ignore[arg-type]
    for back, name in ((30, "old"), (29, "kept"), (0, "new")):
        lake.write("fidelity_samples", ago(back), asked("search", name, "ab", ago(back)))
    assert set(border_inputs(DAY, read_border(lake, DAY))["prompt_id"]) == {"kept", "new"}


def monitored(daily: Sequence[str], reference: str = "ab" * 50) -> list[pl.DataFrame]:
    """A reference on the first day, then each day's first tokens, the last of them on the day."""
    start = len(daily)
    frames = [asked("search", "x", "ab", ago(start)), asked("reference", "x", reference, ago(start))]
    return frames + [asked("monitor", "x", tokens, ago(start - 1 - n)) for n, tokens in enumerate(daily)]


def figures(frames: Sequence[pl.DataFrame], day: date = DAY) -> Row:
    whole = pl.concat(frames)
    days = [ago(back) for back in range(30)]
    known = {each: border_inputs(each, whole.filter(pl.col("day") <= each)).filter("has_reference") for each in days}
    return border_figures(day, known, whole)["e/m@s"]


def test_total_variation_is_of_first_tokens_against_its_own_reference() -> None:
    found = figures(monitored(["aaaaaaaabb"]))  # 0.8 and 0.2 against halves
    assert found["value"] == pytest.approx(0.3)
    assert (found["n_prompts"], found["n_samples"], found["n_asked"], found["n_missing"]) == (1, 10, 10, 0)
    assert found["state"] == "no_baseline"
    assert 0 < found["floor"] < 0.2
    assert "no baseline" in found["note"]


def test_a_swap_is_an_alarm_on_the_third_day_and_not_before() -> None:
    steady, swapped = "ab" * 5, "c" * 10
    assert figures(monitored([steady] * 20))["state"] == "steady"
    assert figures(monitored([steady] * 20 + [swapped] * 2))["state"] == "deviates"
    after = figures(monitored([steady] * 20 + [swapped] * 3))
    assert (after["state"], after["value"]) == ("alarm", 1.0)


def test_while_the_search_goes_on_there_is_no_score() -> None:
    found = figures([asked("search", "x", "aa"), asked("search", "y", "ab")])
    assert (found["status"], found["note"]) == ("no_score", "searching: 2 candidates tried")


def test_the_channel_is_part_of_the_day_and_of_nobodys_verdict() -> None:
    frames = monitored(["ab" * 5] * 20 + ["c" * 10] * 3)
    found = judged(catalog(endpoint("ref"), endpoint("e")), [*reference_days(1, Model()), *frames])
    row = found.verdict("e")
    assert (row["border_tv"], row["border_alarm"], row["suspect"]) == (1.0, True, False)
    assert "border inputs: mean TV 1.000" in row["note"]
    assert found.verdict("ref")["border_alarm"] is None


def test_only_inputs_with_a_reference_are_read_back(tmp_path: object) -> None:
    lake = ParquetLake(tmp_path)  # type: ignore[arg-type]
    whole = pl.concat([asked("search", "x", "ab"), asked("reference", "x", "ab" * 50), asked("search", "y", "ab")])
    lake.write("border_inputs", DAY, border_inputs(DAY, whole))
    (frame,) = read_found(lake, DAY).values()
    assert frame["prompt_id"].to_list() == ["x"]
