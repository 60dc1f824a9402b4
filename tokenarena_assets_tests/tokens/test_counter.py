"""Token counts: against llama.cpp's own, against published ones of o200k_base, and what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.fleet.manager import FleetServer, running_fleet, weights_path
from tokenarena_assets.tokens import TokenizerFiles
from tokenarena_assets.tokens.common import common_tokenizer, vocabulary
from tokenarena_assets.tokens.counter import FOLDER_VARIABLE, TokenCounter
from tokenarena_assets.tokens.gguf import tokenizer_of_gguf
from tokenarena_assets.tokens.spread import KINDS, band_of, bands, kind_of

WEIGHTS = "arena-tiny-1m-f16.gguf"
TEXTS = (
    "",
    " ",
    'One day Finn had a ticket at the house. "Come," said Vera, "I\'m calm."',
    "7726 + 7254 = 14980\n\nAnswer: 14980",
    "def twice(x):\n    return 2 * x   # doubled\n\n\n",
    "über Straße, 你好,世界 \U0001f600 שלום\t\ttabs",
    "a" * 300 + " " * 100,
    "They'll say it's 100% \r\n\r\n done...",
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_fleet({"a": FleetServer(WEIGHTS, 1, 256)}) as urls:
        yield urls["a"].removesuffix("/v1")


def llama_cpp_ids(server: str, text: str) -> list[int]:
    answer = httpx.post(f"{server}/tokenize", json={"content": text, "parse_special": False}, trust_env=False)
    found: list[int] = answer.raise_for_status().json()["tokens"]
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_the_fleets_tokenizer_cuts_as_llama_cpp_does(server: str, text: str) -> None:
    tokenizer = tokenizer_of_gguf(weights_path(WEIGHTS))
    assert tokenizer.encode(text, add_special_tokens=False).ids == llama_cpp_ids(server, text)


@settings(max_examples=60)
@given(text=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x24F), max_size=60))
def test_and_on_any_latin_text(server: str, text: str) -> None:
    counter = TokenizerFiles().counter_for("arena-tiny-1m", is_embedded=True)
    assert counter.basis == "family"
    assert counter.count(text) == len(llama_cpp_ids(server, text))


# The OpenAI Cookbook, "How to count tokens with tiktoken", prints these of o200k_base.
@pytest.mark.parametrize(
    ("text", "tokens"), [("antidisestablishmentarianism", 6), ("2 + 2 = 4", 7), ("お誕生日おめでとう", 8)]
)
def test_the_common_tokenizer_counts_as_published(text: str, tokens: int) -> None:
    assert TokenizerFiles().counter_for("unknown", is_embedded=False).count(text) == tokens


def test_the_vocabulary_is_the_published_one() -> None:
    ranks = vocabulary()  # compares its SHA-256 with the one that tiktoken expects
    assert len(ranks) == 199_998
    assert list(ranks.values()) == list(range(199_998))


@settings(max_examples=100)
@given(text=st.text(max_size=80))
def test_no_text_is_lost_in_counting(text: str) -> None:
    written = {rank: token for token, rank in vocabulary().items()}
    ids = common_tokenizer().encode(text, add_special_tokens=False).ids
    assert b"".join(written[each] for each in ids) == text.encode()


def test_a_familys_own_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer_of_gguf(weights_path(WEIGHTS)).save(str(tmp_path / "llama-9.json"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    files = TokenizerFiles()
    own = files.counter_for("llama-9", is_embedded=False)
    assert (own.name, own.basis) == ("llama-9.json", "family")
    assert files.counter_for("llama-9", is_embedded=False) is own
    assert files.counter_for("../llama-9", is_embedded=False).basis == "common"
    reference = TokenCounter("x", "family", tokenizer_of_gguf(weights_path(WEIGHTS)))
    assert own.counts(list(TEXTS)) == reference.counts(list(TEXTS))


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(TokenArenaError, match=r"broken\.json: is no tokenizer\.json"):
        TokenizerFiles(str(tmp_path)).counter_for("broken", is_embedded=False)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(TokenArenaError, match="is no folder"):
        TokenizerFiles()
    (tmp_path / "cut.gguf").write_bytes(weights_path(WEIGHTS).read_bytes()[:900])
    with pytest.raises(TokenArenaError, match=r"cut\.gguf: no tokenizer can be read"):
        tokenizer_of_gguf(tmp_path / "cut.gguf")
    (tmp_path / "other.gguf").write_text(json.dumps({}))
    with pytest.raises(TokenArenaError, match=r"other\.gguf: no tokenizer can be read"):
        tokenizer_of_gguf(tmp_path / "other.gguf")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "latin"),
        ("The cat sat on the mat and looked at what was left of the fish.", "english"),
        ("Le chat est assis sur le tapis et regarde ce qui reste du poisson.", "latin"),
        ("12 + 30 = 42", "digits"),
        ("def f(items):\n    return [item.name for item in items if item.ready()]", "code"),
        ("Кошка сидит на ковре.", "other_scripts"),
        ("你好,世界", "other_scripts"),
    ],
)
def test_kinds_of_text(text: str, kind: str) -> None:
    assert kind_of(text) == kind
    assert band_of(text) == bands()[kind_of(text)]


def test_the_error_is_the_widest_that_was_measured() -> None:
    english = bands()["english"]
    assert english.hi == pytest.approx(1.1667 * 1.05)  # Llama 2 on GSM8K's solutions
    assert english.lo == pytest.approx(0.9974 * 0.95)  # Gemma 3 on MBPP's tasks
    assert all(bands()[kind].lo < 1 < bands()[kind].hi for kind in KINDS)
