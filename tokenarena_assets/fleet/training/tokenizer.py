"""A byte-level BPE of 1,024 tokens in which each digit stays one token, so that sums can be learned."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tokenarena_assets.fleet.training import data, recipe


def train_tokenizer(path: Path) -> Tokenizer:
    """Train on 30,000 conversations with digits removed and write `tokenizer.json` to `path`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.VOCAB_SIZE,
        special_tokens=list(recipe.SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    turns = itertools.chain.from_iterable(
        itertools.islice(data.conversations(recipe.TOKENIZER_SEED, recipe.BASE_MIX, 0), 30_000)
    )
    tokenizer.train_from_iterator((re.sub(r"\d", "", text) for turn in turns for text in turn), trainer)
    tokenizer.save(str(path))
    return tokenizer


def merges_of(tokenizer: Tokenizer) -> list[str]:
    """The merges in the form GGUF wants: one `left right` string each."""
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]
