"""Presets: those shipped, those of a user, and faults with file, line, field and a mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenarena_assets.endpoints import embedded_presets_path, load_presets, presets_path
from tokenarena_assets.errors import ConfigError

ONE = """\
presets:
  - name: agents
    input_ratio: 50
    output_ratio: 1
    request_input_tokens: 30000
    cached_share: 0.9
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "presets.yaml"
    path.write_text(text)
    return path


def test_shipped_presets_are_the_three_of_the_definition() -> None:
    shipped = {p.name: p for p in load_presets(embedded_presets_path())}
    ratios = {name: (p.input_ratio, p.output_ratio) for name, p in shipped.items()}
    assert ratios == {"chat": (3, 1), "rag": (20, 1), "reasoning": (1, 5)}
    assert all(p.description and p.cached_share == 0 for p in shipped.values())


def test_a_preset_of_ones_own(tmp_path: Path) -> None:
    (preset,) = load_presets(write(tmp_path, ONE))
    assert (preset.name, preset.input_ratio, preset.cached_share, preset.description) == ("agents", 50, 0.9, "")


@pytest.mark.parametrize(
    ("line", "replacement", "at", "field"),
    [
        ("name: agents", "name: Agents 2", 2, "presets[0].name"),
        ("    input_ratio: 50\n", "", 2, "presets[0].input_ratio"),
        ("input_ratio: 50", "input_ratio: -1", 3, "presets[0].input_ratio"),
        ("output_ratio: 1", "output_ratio: 0", 4, "presets[0].output_ratio"),
        ("request_input_tokens: 30000", "request_input_tokens: 0", 5, "presets[0].request_input_tokens"),
        ("cached_share: 0.9", "cached_share: 1.5", 6, "presets[0].cached_share"),
        ("cached_share: 0.9", "cached_shares: 0.9", 6, "presets[0].cached_shares"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, replacement: str, at: int, field: str) -> None:
    assert ONE.count(line) == 1
    path = write(tmp_path, ONE.replace(line, replacement))
    with pytest.raises(ConfigError) as caught:
        load_presets(path)
    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), at, field)
    assert caught.value.mend


def test_two_presets_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, ONE + ONE.split("\n", 1)[1])
    with pytest.raises(ConfigError, match="defined twice") as caught:
        load_presets(path)
    assert (caught.value.line, caught.value.field) == (7, "presets[1].name")


def test_no_presets_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is empty"):
        load_presets(write(tmp_path, "presets: []\n"))


def test_the_presets_in_force_are_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert presets_path() == embedded_presets_path()
    assert write(tmp_path, ONE) == presets_path()
    monkeypatch.setenv("TOKENARENA_PRESETS", "other.yaml")
    assert presets_path() == tmp_path / "other.yaml"
