"""The two sizes and everything that fixes their training run."""

from __future__ import annotations

from dataclasses import dataclass

from tokenarena_assets.fleet.training.data import Mix

VOCAB_SIZE = 1024
SPECIAL_TOKENS = ("<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
END_TOKEN, USER_TOKEN, ASSISTANT_TOKEN = "<|end|>", "<|user|>", "<|assistant|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TRAINING_SEED = 20261123
TOKENIZER_SEED = 7


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training with a schedule of its own: warm-up, plateau, linear decay to zero."""

    steps: int
    mix: Mix
    sequence_tokens: int
    batch_sequences: int
    longest_chars: int  # of a sheet of facts
    rate: float = 1.0  # of the recipe's peak rates
    warmup_steps: int = 60
    decay_share: float = 0.4  # the last share of the steps, over which the rate falls


@dataclass(frozen=True, slots=True)
class Recipe:
    """Shape of a decoder in the Llama architecture and the stages of its training run."""

    name: str
    width: int
    layers: int
    heads: int
    feed_forward: int
    stages: tuple[Stage, ...]
    peak_lr: float = 3e-3
    muon_lr: float = 2e-2
    weight_decay: float = 0.02
    rope_base: float = 10_000.0
    rms_epsilon: float = 1e-5
    context_tokens: int = 1024

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def tokens_seen(self) -> int:
        """Of all stages, padding included."""
        return sum(stage.steps * stage.batch_sequences * stage.sequence_tokens for stage in self.stages)


BASE_MIX = Mix(math=42, code=12, facts=34, sheets=0, copying=0, prose=12)
# Long sheets come last: look-up in short rows is learned first, and then carried to rows as long as the context.
SHORT_SHEETS = Mix(math=25, code=15, facts=15, sheets=30, copying=5, prose=10, worked_out=3)
LONG_SHEETS = Mix(math=35, code=18, facts=12, sheets=20, copying=2, prose=13, worked_out=3)


def _short(steps: int, mix: Mix, rate: float = 1.0, longest_chars: int = 900) -> Stage:
    return Stage(steps, mix, sequence_tokens=384, batch_sequences=16, longest_chars=longest_chars, rate=rate)


def _long(steps: int, rate: float) -> Stage:
    return Stage(
        steps, LONG_SHEETS, sequence_tokens=1024, batch_sequences=6, longest_chars=2600, rate=rate, decay_share=0.7
    )


RECIPES = {
    "1m": Recipe(
        name="arena-tiny-1m",
        width=128,
        layers=4,
        heads=4,
        feed_forward=384,
        stages=(_short(5000, BASE_MIX), _short(1200, SHORT_SHEETS, 0.6), _long(1000, 0.5)),
    ),
    "2m": Recipe(
        name="arena-tiny-2m",
        width=192,
        layers=4,
        heads=6,
        feed_forward=512,
        stages=(_short(3200, BASE_MIX),),
    ),
}
