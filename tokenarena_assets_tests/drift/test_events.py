"""Changes that came together are one event, which says what changed, what did not, and of what nobody can tell."""

from __future__ import annotations

from datetime import date

import numpy as np

from tokenarena_assets.drift import MEASURED, RECORDED, History, Series, details_of, events_of

BY_NAME = {metric.name: metric for metric in MEASURED}
PRICE, NAME = RECORDED[1], RECORDED[3]
START = date(2026, 11, 1).toordinal()


def series(name: str, n: int = 24, at: int | None = None, step: float = 0.0, seed: int = 0, late: int = 0) -> Series:
    metric = BY_NAME[name]
    level = {"fidelity_day": 97.0, "accuracy_math": 0.7}.get(name, 4.0)
    spread = {"fidelity_day": 1.0, "accuracy_math": 0.02}.get(name, 0.05)
    values = level + spread * np.random.default_rng(seed).normal(size=n)
    if at is not None:
        values[at:] += step
    days = np.arange(START, START + n)
    raw = np.exp(values) - metric.offset if metric.scale == "log" else values
    return Series(days[late:], raw[late:], values[late:])


def history(recorded: dict | None = None, **measured: Series) -> History:
    return History({BY_NAME[name]: found for name, found in measured.items()}, recorded or {})


def constant(value: float | str, n: int = 24) -> tuple[list[int], list[float | str]]:
    return list(range(START, START + n)), [value] * n


def test_a_swap_is_one_event_that_says_what_did_not_change() -> None:
    (event,) = events_of(
        history(
            {PRICE: constant(0.1), NAME: constant("m")},
            fidelity_day=series("fidelity_day", at=11, step=-8.0, seed=1),
            greedy_rate_per_1k=series("greedy_rate_per_1k", at=11, step=1.5, seed=2),
            accuracy_math=series("accuracy_math", at=11, step=-0.3, seed=3),
            output_speed_tok_s=series("output_speed_tok_s", seed=4),
        )
    )
    assert event.verdict == "changed"
    assert event.claim == "2026-11-12: outputs and quality changed, speed, price and served name did not"
    assert {change.metric.name for change in event.changes} == {"fidelity_day", "greedy_rate_per_1k", "accuracy_math"}
    assert "11 and 13 days; probability over 0.9999" in event.evidence
    document = details_of(event)
    assert document["did_not_change"] == ["speed", "price", "served name"]
    assert {each["changed_on"] for each in document["changed"]} == {"2026-11-12"}


def test_changes_days_apart_are_events_of_their_own() -> None:
    events = events_of(
        history(
            {},
            fidelity_day=series("fidelity_day", at=8, step=-8.0, seed=1),
            output_speed_tok_s=series("output_speed_tok_s", at=16, step=1.0, seed=4),
        )
    )
    assert [event.claim.split(" changed")[0] for event in events] == ["2026-11-09: outputs", "2026-11-17: speed"]


def test_a_price_that_moves_alone_says_that_the_rest_did_not() -> None:
    days, _ = constant(0.0)
    record = (days, [0.1] * 20 + [0.2] * 4)
    (event,) = events_of(history({PRICE: record}, fidelity_day=series("fidelity_day", seed=1)))
    assert event.claim == "2026-11-21: price changed, outputs did not"
    assert event.evidence == "input price 0.1 -> 0.2 USD per million tokens (20 and 4 days; recorded value changed)"
    assert event.lead.probability == 1.0


def test_a_part_measured_too_short_is_neither_changed_nor_not() -> None:
    (event,) = events_of(
        history(
            {},
            fidelity_day=series("fidelity_day", at=11, step=-8.0, seed=1),
            output_speed_tok_s=series("output_speed_tok_s", seed=4, late=10),
        )
    )
    assert event.claim == "2026-11-12: outputs changed; cannot tell of speed"


def test_a_name_that_is_new_since_yesterday_is_no_change_yet() -> None:
    days, _ = constant("m")
    (event,) = events_of(history({NAME: (days, ["m"] * 23 + ["other"])}, fidelity_day=series("fidelity_day", seed=1)))
    assert (event.verdict, event.lead.probability) == ("cannot tell", None)
    assert event.claim == "2026-11-24: cannot tell whether served name changed"
    assert event.evidence.endswith("m -> other (23 and 1 days; too few days, 3 needed on both sides)")


def test_nothing_known_is_no_event() -> None:
    assert events_of(history()) == []
    assert events_of(history({}, fidelity_day=series("fidelity_day", n=4))) == []
