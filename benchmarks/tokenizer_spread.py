"""How far families' own token counts lie from o200k_base, by kind of text: makes facts/tokenizer_spread.csv.

    python benchmarks/tokenizer_spread.py --tokenizers DIR --public-sets DIR

DIR of tokenizers: <family>.json, each the tokenizer.json of a model's repository. The corpora are what answers to our
own probes are like: public solutions in prose with sums, Python, questions of our suites in many languages and scripts;
sums without prose are made here. Texts go into the kind that the audit would put them in.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
import sys
from collections import defaultdict
from pathlib import Path

from tokenarena_assets.suites.fidelity.languages import LANGUAGES
from tokenarena_assets.tokens.common import common_tokenizer
from tokenarena_assets.tokens.counter import TokenCounter, TokenizerFiles
from tokenarena_assets.tokens.spread import kind_of

TEXTS = 400


def corpora(public_sets: Path) -> dict[str, list[str]]:
    rng = random.Random(1)
    gsm8k = [json.loads(line) for line in (public_sets / "gsm8k" / "test.jsonl").read_text().splitlines()]
    humaneval = gzip.decompress((public_sets / "humaneval" / "HumanEval.jsonl.gz").read_bytes()).decode()
    mbpp = [json.loads(line) for line in (public_sets / "mbpp" / "mbpp.jsonl").read_text().splitlines()]
    worked = [re.sub(r"<<.*?>>", "", item["answer"]) for item in gsm8k]
    found = {
        "gsm8k questions": [item["question"] for item in gsm8k],
        "gsm8k solutions": worked,
        "humaneval solutions": [
            item["prompt"] + item["canonical_solution"] for item in map(json.loads, humaneval.splitlines())
        ],
        "mbpp tasks": [item["text"] for item in mbpp],
        "mbpp solutions": [item["code"] for item in mbpp],
        "sums": [_sums(rng) for _ in range(TEXTS)],
    }
    for language in LANGUAGES:
        found[f"{language.name} questions"] = [
            sentence.format(one=rng.choice(language.nouns), other=rng.choice(language.nouns))
            for sentence in language.sentences
            for _ in range(TEXTS // len(language.sentences))
        ]
    return {name: texts[:TEXTS] for name, texts in found.items()}


def _sums(rng: random.Random) -> str:
    lines = []
    for _ in range(6):
        a, b = rng.randrange(10, 100_000), rng.randrange(10, 100_000)
        lines.append(f"{a} + {b} = {a + b}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizers", type=Path, required=True)
    parser.add_argument("--public-sets", type=Path, required=True)
    given = parser.parse_args()
    files = TokenizerFiles(str(given.tokenizers))
    families = sorted(path.stem for path in given.tokenizers.glob("*.json"))
    common = TokenCounter("o200k_base", "common", common_tokenizer())
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["family", "kind", "corpus", "texts", "chars", "family_tokens", "common_tokens", "ratio"])
    for corpus, texts in corpora(given.public_sets).items():
        by_kind = defaultdict(list)
        for text in texts:
            by_kind[kind_of(text)].append(text)
        for kind, own in sorted(by_kind.items()):
            if len(own) < 40:
                continue
            shared = sum(common.counts(own))
            for family in families:
                tokens = sum(files.counter_for(family, is_embedded=False).counts(own))
                chars = sum(map(len, own))
                writer.writerow([family, kind, corpus, len(own), chars, tokens, shared, f"{tokens / shared:.4f}"])


if __name__ == "__main__":
    main()
