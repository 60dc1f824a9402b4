"""The model card in the package says what the evaluation found, of the files that are there."""

from __future__ import annotations

import hashlib
import json

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
