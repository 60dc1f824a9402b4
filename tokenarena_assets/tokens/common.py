"""The common tokenizer: OpenAI's o200k_base, made of the vocabulary file that OpenAI publishes.

`facts/o200k_base.tiktoken.zst` unpacks to https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken
byte by byte (its SHA-256 is the one that tiktoken expects); MIT licence, (c) 2022 OpenAI, Shantanu Jain. Its splitting
rule is that of tiktoken's `openai_public.py`.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

import zstandard
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from tokenarena_assets.errors import TokenArenaError

VOCABULARY = Path(__file__).parents[1] / "facts" / "o200k_base.tiktoken.zst"
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
NAME = "o200k_base"
SPLIT = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)


@cache
def common_tokenizer() -> Tokenizer:
    """o200k_base; takes about two seconds the first time.

    Raises:
        TokenArenaError: the vocabulary is not the published one.
    """
    letter = byte_letters()
    # Byte-level BPE writes each byte as one letter, so that a half of what is written is a half of the token.
    ranks = {"".join([letter[byte] for byte in token]): rank for token, rank in vocabulary().items()}
    # A vocabulary by rank joins the two neighbours whose union ranks first; as merges: every way to halve a token.
    merges = [
        (left, right)
        for token in ranks
        for at in range(1, len(token))
        if (left := token[:at]) in ranks and (right := token[at:]) in ranks
    ]
    # A piece that is a token as it stands is that token.
    model = models.BPE(ranks, merges, ignore_merges=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def vocabulary() -> dict[bytes, int]:
    """Tokens in the order of their ranks.

    Raises:
        TokenArenaError: the vocabulary is not the published one.
    """
    published = zstandard.ZstdDecompressor().decompress(VOCABULARY.read_bytes())
    if hashlib.sha256(published).hexdigest() != SHA256:
        raise TokenArenaError(f"{VOCABULARY} is not the published vocabulary", mend="reinstall the package")
    pairs = (line.split() for line in published.splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def byte_letters() -> list[str]:
    """The letter by which byte-level BPE writes each of the 256 bytes (GPT-2's `bytes_to_unicode`)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = (byte for byte in range(256) if byte not in shown)
    letters = {byte: chr(byte) for byte in shown} | {byte: chr(256 + number) for number, byte in enumerate(hidden)}
    return [letters[byte] for byte in range(256)]
