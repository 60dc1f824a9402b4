"""Which tokenizer counts an endpoint's text: its family's own one, else the common one with its error."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.tokens.common import NAME, common_tokenizer
from tokenarena_assets.tokens.gguf import tokenizer_of_gguf

FOLDER_VARIABLE = "TOKENARENA_TOKENIZERS"
FLEET_WEIGHTS = Path(__file__).parents[1] / "fleet" / "weights"
Basis = Literal["family", "common"]


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """A tokenizer and what it is to the endpoint: `family` counts as the endpoint does, `common` as none may do."""

    name: str
    basis: Basis
    tokenizer: Tokenizer

    def count(self, text: str) -> int:
        """Tokens of `text` by itself: without beginning or end, and without the template around it."""
        return self.counts([text])[0]

    def counts(self, texts: list[str]) -> list[int]:
        """Tokens of each text."""
        return [len(found.ids) for found in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


class TokenizerFiles:
    """Tokenizers by model family, each read once.

    A family's own is `<folder>/<model_family>.json` (a Hugging Face `tokenizer.json`), of the embedded fleet that in
    its weights. `folder` empty: the environment's `TOKENARENA_TOKENIZERS`, else none.
    """

    def __init__(self, folder: str = "") -> None:
        named = folder or os.environ.get(FOLDER_VARIABLE, "")
        self._folder = Path(named) if named else None
        if self._folder is not None and not self._folder.is_dir():
            raise TokenArenaError(
                f"{FOLDER_VARIABLE}: {self._folder} is no folder",
                mend="name a folder with files <model_family>.json, or unset it",
            )
        self._known: dict[tuple[str, bool], TokenCounter] = {}

    def counter_for(self, model_family: str, *, is_embedded: bool) -> TokenCounter:
        """The counter of a family's endpoints.

        Raises:
            TokenArenaError: the family's file cannot be read.
        """
        key = (model_family, is_embedded)
        if key not in self._known:
            self._known[key] = self._load(model_family, is_embedded=is_embedded)
        return self._known[key]

    def _load(self, model_family: str, *, is_embedded: bool) -> TokenCounter:
        plain_name = Path(model_family).name == model_family  # a family's name must not lead out of the folder
        if self._folder is not None and plain_name and (path := self._folder / f"{model_family}.json").is_file():
            return TokenCounter(path.name, "family", _from_json(path))
        if is_embedded and plain_name and (weights := FLEET_WEIGHTS / f"{model_family}-f16.gguf").is_file():
            return TokenCounter(weights.name, "family", tokenizer_of_gguf(weights))
        return TokenCounter(NAME, "common", common_tokenizer())


def _from_json(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare exceptions for whatever is wrong with a file
        raise TokenArenaError(
            f"{path}: is no tokenizer.json: {error}", mend="take the file of that name from the model's repository"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
