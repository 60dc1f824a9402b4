"""The tokenizer inside a GGUF file: vocabulary, merges and kinds of token, without reading its weights.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 3, little-endian).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO, Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from tokenarena_assets.errors import TokenArenaError

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
CONTROL = 3
WANTED = "tokenizer.ggml."


def tokenizer_of_gguf(path: Path) -> Tokenizer:
    """The byte-level BPE ("gpt2", pre-tokenizer "gpt-2") of a GGUF file.

    Raises:
        TokenArenaError: the file is no GGUF, or has a tokenizer of another kind.
    """
    try:
        told = _metadata(path)
        kind, rule = told[f"{WANTED}model"], told[f"{WANTED}pre"]
        tokens, merges, types = (told[f"{WANTED}{name}"] for name in ("tokens", "merges", "token_type"))
    except (OSError, struct.error, KeyError, UnicodeDecodeError, MemoryError) as error:
        raise TokenArenaError(
            f"{path}: no tokenizer can be read from it ({type(error).__name__}: {error})",
            mend="put the family's tokenizer.json into the folder that TOKENARENA_TOKENIZERS names",
        ) from error
    if (kind, rule) != ("gpt2", "gpt-2"):
        raise TokenArenaError(
            f"{path}: its tokenizer is {kind}/{rule}, and only gpt2/gpt-2 is read from weights",
            mend="put the family's tokenizer.json into the folder that TOKENARENA_TOKENIZERS names",
        )
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind_of_token in zip(tokens, types, strict=True) if kind_of_token == CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def _metadata(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise KeyError("GGUF at its start")
        _, _, entries = struct.unpack("<IQQ", file.read(20))
        told = {}
        for _ in range(entries):
            name = _string(file)
            told[name] = _value(file, _number(file, "<I"))
    return told


def _number(file: IO[bytes], form: str) -> Any:
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _string(file: IO[bytes]) -> str:
    return file.read(_number(file, "<Q")).decode()


def _value(file: IO[bytes], kind: int) -> Any:
    if kind == STRING:
        return _string(file)
    if kind == ARRAY:
        kind, length = struct.unpack("<IQ", file.read(12))
        return [_value(file, kind) for _ in range(length)]
    return _number(file, SCALARS[kind])
