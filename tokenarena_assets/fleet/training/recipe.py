"""The two sizes and everything that fixes their training run."""

from __future__ import annotations

from dataclasses import dataclass

VOCAB_SIZE = 1024
SPECIAL_TOKENS = ("<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
END_TOKEN, USER_TOKEN, ASSISTANT_TOKEN = "<|end|>", "<|user|>", "<|assistant|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SEQUENCE_TOKENS = 384
TRAINING_SEED = 20261123
TOKENIZER_SEED = 7


@dataclass(frozen=True, slots=True)
class Recipe:
    """Shape of a decoder in the Llama architecture and the length of its training run."""

    name: str
    width: int
    layers: int
    heads: int
    feed_forward: int
    steps: int
    batch_sequences: int = 16
    peak_lr: float = 3e-3
    muon_lr: float = 2e-2
    warmup_steps: int = 60
    decay_share: float = 0.4  # the last share of the steps, over which the rate falls linearly to zero
    weight_decay: float = 0.02
    rope_base: float = 10_000.0
    rms_epsilon: float = 1e-5
    context_tokens: int = 1024


RECIPES = {
    "1m": Recipe(name="arena-tiny-1m", width=128, layers=4, heads=4, feed_forward=384, steps=5000),
    "2m": Recipe(name="arena-tiny-2m", width=192, layers=4, heads=6, feed_forward=512, steps=3200),
}
