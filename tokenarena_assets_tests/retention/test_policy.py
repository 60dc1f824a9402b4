"""What a retention file may say, and what is refused with its line and the mend."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.retention.lines import Due
from tokenarena_assets.retention.policy import Policy, Terms, load_policy, policy_path

DAY = date(2026, 11, 2)


def policy(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "retention.yaml"
    path.write_text(text)
    return load_policy(path)


def test_without_a_file_nothing_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert policy_path() is None
    assert not load_policy(None).anything_due(DAY, DAY + timedelta(days=30_000))


def test_the_file_is_found_as_others_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "retention.yaml").write_text("default: {}")
    assert policy_path() == tmp_path / "retention.yaml"
    monkeypatch.setenv("TOKENARENA_RETENTION", "other.yaml")
    assert policy_path() == tmp_path / "other.yaml"
    assert policy_path(Path("given.yaml")) == tmp_path / "given.yaml"


def test_a_suite_takes_from_the_default_what_it_leaves_out(tmp_path: Path) -> None:
    found = policy(
        tmp_path,
        "default: {frames_days: 14, texts_days: 60}\n"
        "suites:\n  sampled: {texts_days: 90}\n  own: {texts_days: null}\n  speed: {frames_days: 1, texts_days: 2}\n",
    )
    assert found.of("greedy") == Terms(frames_days=14, texts_days=60)
    assert found.of("sampled") == Terms(frames_days=14, texts_days=90)
    assert found.of("own") == Terms(frames_days=14, texts_days=None)
    assert found.of("") == Terms(frames_days=14, texts_days=None)  # no suite can be told: the longest of all
    assert found.of("of_an_earlier_version") == found.default


def test_what_is_due_is_told_from_the_age_in_days(tmp_path: Path) -> None:
    found = policy(tmp_path, "default: {frames_days: 14, texts_days: 60}")
    for age, due in ((13, Due(False, False)), (14, Due(True, False)), (59, Due(True, False)), (60, Due(True, True))):
        assert found.due(DAY, DAY + timedelta(days=age))("speed") == due
        assert found.anything_due(DAY, DAY + timedelta(days=age)) is (due.frames or due.texts)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("default: {frames_days: 0}", ":1: default.frames_days", "greater than or equal to 1"),
        ("default:\n  frame_days: 3", ":2: default.frame_days", "unknown field"),
        ("suites:\n  sampeld: {frames_days: 3}", ":2: suites.sampeld", "there is no suite 'sampeld'"),
        ("default:\n  texts_days: 60", ":2: default.texts_days", "frames for ever, but frames hold the texts"),
        ("default:\n  frames_days: 61\n  texts_days: 60", ":3: default.texts_days", "frames for 61 days"),
        ("default:\n  frames_days: 1\n  texts_days: 30", ":3: default.texts_days", "give at least 31, or give border"),
        (
            "suites:\n  greedy:\n    frames_days: 1\n    texts_days: 28",
            ":4: suites.greedy.texts_days",
            "give at least 29",
        ),
        ("suites:\n  parity: {frames_days: 1, texts_days: 7}", ":2: suites.parity.texts_days", "give at least 8"),
        ("suites:\n  speed: {frames_days: 1, texts_days: 1}", ":2: suites.speed.texts_days", "give at least 2"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(tmp_path: Path, text: str, where: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(tmp_path, text)
    assert f"retention.yaml{where}: " in str(caught.value)
    assert what in str(caught.value)


def test_the_shortest_terms_that_no_window_minds(tmp_path: Path) -> None:
    found = policy(
        tmp_path,
        "default: {frames_days: 1, texts_days: 31}\n"
        "suites: {greedy: {texts_days: 29}, parity: {texts_days: 8}, speed: {texts_days: 2}}\n",
    )
    assert found.of("border").texts_days == 31


def test_equal_terms_have_one_hash(tmp_path: Path) -> None:
    first = policy(tmp_path, "default: {frames_days: 14, texts_days: 60}\nsuites: {own: {}, speed: {texts_days: 90}}")
    second = policy(
        tmp_path,
        "suites:\n  speed: {frames_days: 14, texts_days: 90}\n  own: {texts_days: 60}\n"
        "default: {texts_days: 60, frames_days: 14}",
    )
    assert first.sha256 == second.sha256 != Policy().sha256
