"""The fidelity tables and plot: every figure beside its floor, names as they are, and images that are small."""

from __future__ import annotations

import base64
import io
from datetime import date, timedelta
from typing import Any

import polars as pl
from PIL import Image

from tokenarena_assets.chain.fidelity_tables import (
    FIDELITY_CHANNELS,
    FIDELITY_DAILY,
    FIDELITY_PROMPTS,
    FIDELITY_REFERENCES,
)
from tokenarena_assets.report.fidelity import fidelity_table, prompts_table, references_table
from tokenarena_assets.report.plots import fidelity_plot
from tokenarena_assets.storage.tables import TableSpec

DAY = date(2026, 11, 25)
HEAD = b"data:image/png;base64,"


def rows(spec: TableSpec, *given: dict[str, Any]) -> pl.DataFrame:
    return spec.frame([dict.fromkeys(spec.column_names) | {"day": DAY} | each for each in given])


def daily(*given: dict[str, Any]) -> pl.DataFrame:
    base = {"endpoint_id": "p/m@s", "model_family": "m", "verdict": "undetermined", "rehearsal": False}
    return rows(FIDELITY_DAILY, *(base | each for each in given))


def channel(name: str, **given: Any) -> dict[str, Any]:
    return {"endpoint_id": "p/m@s", "model_family": "m", "channel": name, "status": "measured", "n_prompts": 42} | given


def cells(table: str) -> dict[str, str]:
    header, _, line = (row.removeprefix("| ").removesuffix(" |").split(" | ") for row in table.splitlines())
    return dict(zip(header, line, strict=True))


def test_each_channel_shows_its_figure_interval_floor_and_n() -> None:
    channels = rows(
        FIDELITY_CHANNELS,
        channel("sampled", value=99.24, lo=97.0, hi=101.3, floor=99.9),
        channel("greedy", value=48.2, lo=30.0, hi=70.0, floor=15.0),
        channel("logprobs", status="not_applicable", note="the endpoint gives no log-probabilities"),
        channel("parity", value=0.0, n_prompts=12),
    )
    said = {"verdict": "suspect", "channels_named": "greedy", "p_endpoint": 0.00123, "claim": "outputs differ"}
    found = cells(fidelity_table(daily(said | {"note": "13 missing"}), channels))
    assert found["verdict"] == "suspect: greedy"
    assert found["F, points"] == r"99.2 \[97, 101\], self floor 99.9, n=42"
    assert found["greedy, divergences per 1k tokens"] == r"48.2 \[30, 70\], floor 15, n=42"
    assert found["logprobs LT, nats"] == "n/a: the endpoint gives no log-probabilities"
    assert found["prompt tokens"] == "equal in 12 message sets"
    assert found["border inputs, total variation"] == "-"
    assert found["p"] == "0.0012"
    assert found["what may be said"] == "outputs differ; 13 missing"


def test_mismatched_prompt_tokens_are_counted() -> None:
    channels = rows(FIDELITY_CHANNELS, channel("parity", value=3.0, n_prompts=12))
    assert cells(fidelity_table(daily({}), channels))["prompt tokens"] == "3 of 12 message sets differ"


def test_names_are_escaped() -> None:
    hostile = "<b>p</b>/m@[x](http://y)"
    shown = fidelity_table(daily({"endpoint_id": hostile}), rows(FIDELITY_CHANNELS))
    assert "<b>" not in shown
    assert "](http" not in shown


def test_references_show_how_they_were_chosen_and_what_is_assumed() -> None:
    reference = {
        "model_family": "m",
        "reference_endpoint_id": "ref/m@s",
        "kind": "own_api",
        "chosen_because": "the catalog names it: the author's own API",
        "n_reference_days": 3,
        "missing_reference_days": 11,
        "greedy_floor_per_1k": 15.0,
        "greedy_floor_source": "assumed: 15 per 1k tokens, a simulated value",
    }
    found = cells(references_table(rows(FIDELITY_REFERENCES, reference)))
    assert found["days"] == r"3 \(11 missing\)"
    assert found["greedy floor per 1k tokens"].startswith("15 assumed")
    assert found["logprobs floor, nats"].strip() == "-"


def test_prompts_are_counted_by_why_they_are_left_out() -> None:
    base = {"model_family": "m", "channel": "sampled", "prompt_set": "fixed"}
    kernels = [(0.3, True), (0.4, True), (0.05, False), (0.95, False), (0.99, False), (None, None)]
    frame = rows(
        FIDELITY_PROMPTS,
        *(base | {"prompt_id": str(n), "within_kernel": k, "fit": fit} for n, (k, fit) in enumerate(kernels)),
    )
    found = cells(prompts_table(frame))
    assert list(found.values()) == ["m", "fixed", "6", "2", "1", "2", "1"]


def figure(endpoints: int = 3, days: int = 28, families: int = 1, **given: Any) -> Image.Image:
    made = []
    for family in range(families):
        for number in range(endpoints):
            for back in range(days):
                f = 100.0 - number + 0.1 * (back % 7)
                value = {"fidelity": f, "fidelity_lo": f - 1, "fidelity_hi": f + 1, "fidelity_self_floor": 100.0}
                name = {"endpoint_id": f"p{number}/$m{family}$@s", "model_family": f"m{family}"}
                made.append({**value, **name, "day": DAY - timedelta(days=back), **given})
    text = fidelity_plot(daily(*made))
    assert text is not None
    encoded = text.encode().split(HEAD)[1][:-1]
    assert len(encoded) < 60_000
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def ink(image: Image.Image) -> set[tuple[int, int, int]]:
    colours = image.convert("RGB").getcolors(1 << 24)
    return {colour for _, colour in colours or []}


def test_a_plot_is_a_small_image_with_a_panel_a_family() -> None:
    one, three = figure(), figure(days=3, families=3)
    assert one.format == "PNG"
    assert 2 < three.height / one.height < 3


def test_each_endpoint_has_a_colour_of_its_own() -> None:
    few, many = ink(figure(1, days=5)), ink(figure(3, days=5))
    orange = (0xD5, 0x5E, 0x00)
    near = [colour for colour in many if all(abs(a - b) < 24 for a, b in zip(colour, orange, strict=True))]
    assert near
    assert not [colour for colour in few if all(abs(a - b) < 24 for a, b in zip(colour, orange, strict=True))]


def test_one_day_without_intervals_can_be_drawn() -> None:
    assert figure(2, days=1, fidelity_lo=None, fidelity_hi=None, fidelity_self_floor=None).height > 100


def test_a_rehearsal_says_so_in_the_image() -> None:
    assert figure(1, days=2).tobytes() != figure(1, days=2, rehearsal=True).tobytes()


def test_without_a_fidelity_there_is_no_plot() -> None:
    assert fidelity_plot(daily({})) is None
