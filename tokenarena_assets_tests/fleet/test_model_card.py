"""The model card in the package says what the evaluation found, of the files that are there."""

from __future__ import annotations

import hashlib
import json

import pytest

from tokenarena_assets.fleet.manager import weights_path
from tokenarena_assets.fleet.training import model_card

FOLDER = weights_path("arena-tiny-1m-f16.gguf").parent


def test_card_is_what_the_evaluation_renders_to() -> None:
    document = json.loads((FOLDER / "evaluation.json").read_text())
    assert (FOLDER / "MODEL_CARD.md").read_text() == model_card.render(document)


def test_evaluation_is_of_these_very_files() -> None:
    entries = json.loads((FOLDER / "evaluation.json").read_text())["weights"]
    assert {entry["file"] for entry in entries} == {path.name for path in FOLDER.glob("*.gguf")}
    for entry in entries:
        assert hashlib.sha256((FOLDER / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_against_published_values(right: int, n: int, low: float, high: float) -> None:
    assert model_card.wilson(right, n) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
