"""Simulated endpoints: they read the real prompt, lose what they lose, and answer what they then still know."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from tokenarena_assets.context import Ask, ContextSearch, ladder_of, question_of, reply_of
from tokenarena_assets.context.records import ContextResult, Reply
from tokenarena_assets.suites.haystack import make_haystack
from tokenarena_assets.suites.items import rng_for

TOKEN = re.compile(r"\s?[a-zA-Z]{1,7}|\s?\d{1,3}|\s|[^\sa-zA-Z\d]")


def tokens_of(text: str) -> list[str]:
    """A tokenizer that no one told the search about."""
    return TOKEN.findall(text)


def keep_all(tokens: list[str]) -> list[str]:
    return tokens


def keep_last(most: int) -> Callable[[list[str]], list[str]]:
    return lambda tokens: tokens[-most:]


def keep_first(most: int) -> Callable[[list[str]], list[str]]:
    return lambda tokens: tokens[:most]


def keep_ends(most: int) -> Callable[[list[str]], list[str]]:
    return lambda tokens: tokens if len(tokens) <= most else [*tokens[: most // 2], *tokens[-(most - most // 2) :]]


@dataclass
class Endpoint:
    """`limit`: refuses what is longer; `accuracy`: chance to find a needle that is still there, by prompt tokens."""

    keep: Callable[[list[str]], list[str]] = keep_all
    limit: int | None = None
    accuracy: Callable[[int], float] = lambda tokens: 1.0
    usage: str = "kept"  # kept | sent | none
    fails: float = 0.0
    overhead: int = 9
    seed: int = 1
    asked: list[tuple[Ask, Reply]] = field(default_factory=list)

    def answer(self, ask: Ask, tier: str, **search: object) -> tuple[Ask, Reply]:
        question = question_of(
            ask,
            tier=tier,
            day=date(2026, 11, 23),
            endpoint_id="acme/model",
            round_id=f"r{self.seed}",
            output_tokens=400,
            **search,  # type: ignore[arg-type]
        )
        rng = rng_for("endpoint", self.seed, len(self.asked))
        assert question.item is not None
        sent = tokens_of(question.prompt)
        told = {"http_status": 200, "error": None, "input_tokens": None, "text": "", "ttft_ms": len(sent) / 10}
        if rng.random() < self.fails:
            told |= {"status": "timeout_first", "http_status": None, "error": "timed out"}
        elif self.limit is not None and len(sent) + self.overhead > self.limit:
            error = f"This model's maximum context length is {self.limit} tokens, {len(sent)} were sent."
            told |= {"status": "http_4xx", "http_status": 400, "error": error}
        else:
            kept = self.keep(sent)
            reported = {"kept": len(kept) + self.overhead, "sent": len(sent) + self.overhead, "none": None}[self.usage]
            told |= {"status": "ok", "input_tokens": reported, "text": self._text(question, ask, kept, rng, tier)}
        pair = reply_of(question.item.answer_value, **told)  # type: ignore[arg-type]
        self.asked.append(pair)
        return pair

    def _text(self, question: object, ask: Ask, kept: list[str], rng: random.Random, tier: str) -> str:
        # The same haystack again, to know which sentence tells which value.
        seed_parts = question.item  # type: ignore[attr-defined]
        haystack = make_haystack(random.Random(seed_parts.seed), ask.chars, tier)
        assert haystack.prompt == seed_parts.prompt
        left = "".join(kept)
        if haystack.questions[0] not in left and haystack.questions[-1] not in left:
            return "It is a long and pleasant text."
        chance = self.accuracy(len(kept))
        entries = []
        for value, sentence in zip(haystack.values, haystack.sentences, strict=True):
            known = all(part.strip() in left for part in re.findall(r"[^.]+\.", sentence)) and rng.random() < chance
            entries.append(value if known else "unknown")
        return f"Here it is:\n```json\n{json.dumps(entries)}\n```"


def run(
    endpoint: Endpoint,
    *,
    tier: str = "standard",
    advertised: int | None = 131_072,
    mode: str = "cold",
    known: int | None = None,
    most: int | None = None,
) -> ContextResult:
    search = ContextSearch(
        ladder=ladder_of(tier), advertised_tokens=advertised, mode=mode, known_tokens=known, most_tokens=most
    )
    while (ask := search.next()) is not None:
        assert len(endpoint.asked) < 200
        search.take(*endpoint.answer(ask, tier, mode=mode, known_tokens=known, advertised_tokens=advertised))
    return search.result()
