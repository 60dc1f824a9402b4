"""The leaderboard's cells: every figure with its unit, interval and n, or why there is none."""

from __future__ import annotations

from typing import Any

import pytest

from tokenarena_assets.report.cells import (
    asked_rows,
    evidence_note,
    leaderboard_cells,
    leaderboard_columns,
    price_scale,
)
from tokenarena_assets_tests.report.rows import leaderboard_row


def line(**given: Any) -> dict[str, tuple[str, ...]]:
    rows = [leaderboard_row(**given)]
    scale = price_scale(rows)
    (cells,) = leaderboard_cells(rows, scale)
    return dict(zip(leaderboard_columns(scale), cells, strict=True))


def test_a_row_in_full() -> None:
    assert line() == {
        "rank": ("1", "(1-2)"),
        "endpoint": ("p/m@s",),
        "$ per thousand correct": ("1.23", "[1.01, 1.50]", "n=70"),
        "J per correct, modeled": ("30.0", "[10.0, 95.0]", "grade C"),
        "quality": ("80.0%", "[69.0, 87.6]", "n=70"),
        "vs ref.": ("cannot tell", "n=70"),
        "fidelity": ("99.2", "[97.0, 101]", "n=42", "consistent"),
        "output tok/s": ("123", "[120, 130]", "n=8"),
        "TTFT ms": ("1,234", "[1,000, 1,500]", "n=8"),
        "e2e ms, failed = never": ("2,346",),
        "blend $/Mtok": ("0.1550",),
        "success": ("87.5%", "n=8"),
        "effective context": ("64,000", "of 131,072"),
    }


def test_nothing_known_says_so_and_never_none_or_nan() -> None:
    empty = dict.fromkeys(leaderboard_row()) | {"endpoint_id": "p/m@s", "rank_note": "price or token usage unknown"}
    cells = line(**empty)
    assert cells["rank"] == ("-",)
    assert cells["$ per thousand correct"] == ("price or token usage unknown",)
    assert cells["quality"] == cells["output tok/s"] == cells["TTFT ms"] == ("cannot tell", "n=0")
    assert cells["blend $/Mtok"] == ("no price",)
    assert cells["e2e ms, failed = never"] == ("cannot tell",)
    assert cells["success"] == cells["vs ref."] == cells["fidelity"] == cells["J per correct, modeled"] == ("-",)
    assert not any("None" in part or "nan" in part for cell in cells.values() for part in cell)


def test_modeled_energy_is_never_shown_as_a_point() -> None:
    for lost in ("p5", "p95"):
        assert line(**{f"energy_j_per_correct_{lost}": None})["J per correct, modeled"] == ("-",)


def test_outside_of_the_energy_model_no_middle_is_claimed() -> None:
    assert line(energy_evidence_grade="D")["J per correct, modeled"] == ("10.0 to 95.0", "grade D")


def test_zero_correct_shows_its_bound() -> None:
    cells = line(
        rank=None, rank_lo=None, rank_hi=None, usd_per_correct=None, usd_per_correct_lo=0.0042, usd_per_correct_hi=None
    )
    assert cells["$ per thousand correct"] == ("> 4.20", "0 of 70 correct")
    assert cells["rank"] == ("-",)


def test_who_may_not_be_ranked_shows_why_instead_of_a_figure() -> None:
    reason = "2 of 8 answered, 80% needed"
    cells = line(ttft_ms=None, ttft_not_ranked_because=reason, output_speed_not_ranked_because=reason)
    assert cells["TTFT ms"] == cells["output tok/s"] == ("not ranked:", reason)
    failing = line(e2e_with_failures_ms=None, e2e_with_failures_note="never: too many failed")
    assert failing["e2e ms, failed = never"] == ("never: too many failed",)


def test_another_tools_figures_are_marked() -> None:
    cells = line(latency_suite="imported:aiperf")
    assert cells["TTFT ms"] == ("1,234", "[1,000, 1,500]", "n=8", "by aiperf")
    assert cells["output tok/s"][-1] == "by aiperf"


def test_fidelity_says_what_it_is_and_why_there_is_none() -> None:
    suspect = line(fidelity_verdict="suspect", fidelity_channels_named="greedy, logprobs")
    assert suspect["fidelity"] == ("99.2", "[97.0, 101]", "n=42", "suspect: greedy, logprobs")
    nothing = dict.fromkeys(("fidelity", "fidelity_lo", "fidelity_hi", "fidelity_n_prompts"))
    assert line(**nothing, fidelity_verdict="no_reference")["fidelity"] == ("no reference",)
    assert line(fidelity_reference_kind="consensus", fidelity_verdict="undetermined")["fidelity"][-1] == "consensus"
    assert line(fidelity_lo=None)["fidelity"][1] == "no interval"


@pytest.mark.parametrize(("stored", "shown"), [(100.7, "100.0"), (-0.4, "0.0"), (88.44, "88.4")])
def test_fidelity_is_shown_within_its_scale(stored: float, shown: str) -> None:
    assert line(fidelity=stored)["fidelity"][0] == shown


def test_who_may_serve_another_model_is_told_once_with_the_claim() -> None:
    said = "outputs differ from the f16 that is disclosed (greedy)"
    rows = [
        leaderboard_row(preset=preset, fidelity_verdict="suspect", fidelity_claim=said) for preset in ("chat", "code")
    ]
    assert evidence_note(rows) == f"p/m@s is suspect: {said}."


@pytest.mark.parametrize(
    ("void", "uncertified", "note"),
    [
        (0, 0, None),
        (1, 0, "1 of 8 rounds void (the prober's own error was over its budget) and left out."),
        (0, 2, "2 of 8 rounds without a certificate of the prober's own error."),
        (
            1,
            2,
            "1 of 8 rounds void (the prober's own error was over its budget) and left out; "
            "2 of 8 rounds without a certificate of the prober's own error.",
        ),
    ],
)
def test_void_and_uncertified_rounds_are_noted(void: int, uncertified: int, note: str | None) -> None:
    assert evidence_note([leaderboard_row(n_rounds_void=void, n_rounds_uncertified=uncertified)]) == note
    assert evidence_note([]) is None


def test_too_few_for_an_interval() -> None:
    cells = line(ttft_ms_lo=None, ttft_ms_hi=None, ttft_ms_n=5, usd_per_correct_lo=None, usd_per_correct_hi=None)
    assert cells["TTFT ms"] == ("1,234", "n too small", "n=5")
    assert cells["$ per thousand correct"] == ("1.23", "no interval", "n=70")


def test_a_measured_zero_is_a_value() -> None:
    cells = line(quality=0.0, quality_lo=0.0, quality_hi=0.05, success_rate=0.0, usd_per_correct=0.0)
    assert cells["quality"] == ("0%", "[0, 5.00]", "n=70")
    assert cells["success"] == ("0%", "n=8")
    assert cells["$ per thousand correct"][0] == "0"


def test_a_rank_of_ones_own_has_no_brackets() -> None:
    assert line(rank=3, rank_lo=3, rank_hi=3)["rank"] == ("3",)


@pytest.mark.parametrize(
    ("costs", "header"),
    [
        ([1e-6, 2e-6, 1.0], "$ per million correct"),
        ([1e-6, 2e-3, 1.0], "$ per thousand correct"),
        ([None, None], "$ per thousand correct"),
        ([None, 1e-6], "$ per million correct"),
        ([0.0], "$ per thousand correct"),
        ([], "$ per thousand correct"),
    ],
)
def test_the_scale_follows_the_median_cost(costs: list[float | None], header: str) -> None:
    rows = [leaderboard_row(usd_per_correct=cost) for cost in costs]
    assert leaderboard_columns(price_scale(rows))[2] == header


def test_one_scale_for_all_rows() -> None:
    rows = [leaderboard_row(usd_per_correct=cost) for cost in (1e-6, 2e-6, 3e-3)]
    assert [cells[2][0] for cells in leaderboard_cells(rows, price_scale(rows))] == ["1.00", "2.00", "3,000"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000012345, "0.0000123"),
        (0.5, "0.500"),
        (1.0, "1.00"),
        (99.94, "99.9"),
        (1234567.0, "1,234,567"),
        (2.5e12, "2.5e+12"),
    ],
)
def test_three_significant_digits(value: float, text: str) -> None:
    assert line(output_speed_tok_s=value)["output tok/s"][0] == text


def test_ranked_first_then_by_cost_and_unknown_last() -> None:
    rows = [
        leaderboard_row(endpoint_id="unpriced", rank=None, usd_per_correct=None, usd_per_correct_lo=None),
        leaderboard_row(endpoint_id="few", rank=None, usd_per_correct=0.1),
        leaderboard_row(endpoint_id="third", rank=3),
        leaderboard_row(endpoint_id="b", rank=1, usd_per_correct=0.001),
        leaderboard_row(endpoint_id="a", rank=1, usd_per_correct=0.002),
    ]
    assert [cells[1][0] for cells in leaderboard_cells(rows, price_scale(rows))] == [
        "b",
        "a",
        "third",
        "few",
        "unpriced",
    ]


@pytest.mark.parametrize(
    ("given", "cell"),
    [
        ({"context_truncating": True}, ("64,000", "of 131,072", "TRUNCATES")),
        ({"context_truncating": True, "context_effective_tokens": None}, ("TRUNCATES", "of 131,072")),
        ({"context_effective_tokens": None, "context_status": "cannot_tell"}, ("cannot tell", "of 131,072")),
        ({"context_effective_tokens": None}, ("none", "of 131,072")),
        ({"context_effective_tokens": None, "context_status": "undefined"}, ("undefined", "of 131,072")),
        ({"context_advertised_tokens": None}, ("64,000",)),
        (
            {"context_effective_tokens": None, "context_status": None, "context_advertised_tokens": None},
            ("-",),
        ),
    ],
)
def test_effective_context_stands_beside_the_advertised_one(given: dict[str, Any], cell: tuple[str, ...]) -> None:
    assert line(**given)["effective context"] == cell


def test_who_truncates_and_what_quality_is_of_is_noted() -> None:
    rows = [leaderboard_row(context_truncating=True, domain_note="math only: code was not asked"), leaderboard_row()]
    note = evidence_note(rows)
    assert (
        note == "Quality and dollars are of math only: code was not asked; TRUNCATES prompts without an error: p/m@s."
    )
    assert evidence_note([leaderboard_row()]) is None


def test_an_accuracy_that_the_cap_limits_says_so() -> None:
    assert line(quality_truncation_limited=True)["quality"] == ("80.0%", "[69.0, 87.6]", "n=70", "limited by the cap")


def test_who_was_not_sent_to_is_told_in_one_sentence_and_has_no_line() -> None:
    def unsent(number: int, reason: str, preset: str = "chat") -> dict[str, Any]:
        return leaderboard_row(endpoint_id=f"p/m@{number}", not_ready=reason, rank=None, preset=preset)

    rows = [leaderboard_row(), *(unsent(n, f"missing KEY_{n % 5}") for n in range(11))]
    assert [row["endpoint_id"] for row in asked_rows(rows)] == ["p/m@s"]
    assert evidence_note([*rows, unsent(0, "missing KEY_0", "rag")]) == (
        "11 of 12 endpoints not sent to: missing KEY_0 (3); missing KEY_1 (2); missing KEY_2 (2); missing KEY_3 (2) "
        "and 1 more reasons (tokenarena endpoints lists them)."
    )
    assert evidence_note(rows[1:2]) == "Nobody is ranked: 1 of 1 endpoints not sent to: missing KEY_0 (1)."
