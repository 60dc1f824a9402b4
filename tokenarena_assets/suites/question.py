"""One question of a suite, and how much of everything a round asks."""

from __future__ import annotations

from dataclasses import dataclass

from tokenarena_assets.suites.fidelity.ask import FidelityAsk
from tokenarena_assets.suites.items import Item

PROMPT_TOKENS = (100, 1_000, 10_000)
REFERENCE_FACTOR = 4  # a starved reference costs more power than a starved endpoint


@dataclass(frozen=True, slots=True)
class Question:
    """What one probe asks: `together` with how many others of its suite, in a burst; 1: by itself.

    `attempt` is 2 and more where the same question is sent again after a failure that was not the model's. `earlier`
    are the turns before the prompt, each a role (user or assistant) and its text. `seed` and `top_logprobs` are sent
    where they are set. `ask` is set in the fidelity suites.
    """

    suite: str
    key: str
    prompt: str
    max_output_tokens: int
    temperature: float
    item: Item | None
    prompt_tokens_target: int | None = None
    together: int = 1
    attempt: int = 1
    ask: FidelityAsk | None = None
    seed: int | None = None
    top_logprobs: int | None = None
    earlier: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SuiteSizes:
    """How much is asked of each endpoint, how long the prompts are and how long an answer may be.

    Probes are of a round, items and the prompts of the fidelity suites of a day. `quality_output_tokens` is for every
    quality answer; None: what its tier allows. No request of the context suite is longer than `context_most_tokens`.
    `..._reps` is how often one prompt is asked in a day (in `sampled` a reference four times as often);
    `border_candidates` are tried in a day until `border_inputs` are found.
    """

    speed_probes: int = 8
    math_items: int = 60
    speed_output_tokens: int = 200
    quality_output_tokens: int | None = None
    parallel_at_once: int = 10
    prompt_tokens: tuple[int, ...] = PROMPT_TOKENS
    code_items: int = 40
    context_output_tokens: int = 400
    context_most_tokens: int = 131_072
    sampled_prompts: int = 50
    sampled_reps: int = 5
    sampled_output_tokens: int = 32
    greedy_prompts: int = 100
    greedy_output_tokens: int = 64
    logprob_prompts: int = 10
    logprob_reps: int = 10
    border_candidates: int = 200
    border_inputs: int = 20
    border_reps: int = 10
    border_reference_reps: int = 100

    @property
    def sampled_reference_reps(self) -> int:
        """Of the sampled prompts at a reference, which all endpoints of its family are compared with."""
        return REFERENCE_FACTOR * self.sampled_reps
