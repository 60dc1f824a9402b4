"""Twelve message sets whose tokens are counted: a template or a hidden prompt of an endpoint's own shows in it."""

from __future__ import annotations

from dataclasses import dataclass

from tokenarena_assets.suites.items import rng_for
from tokenarena_assets.suites.tiny import prose
from tokenarena_assets.suites.version import SUITE_VERSION

LONG_TOKENS = 300


@dataclass(frozen=True, slots=True)
class MessageSet:
    """What is sent: the last user message, and the turns before it, each a role and its text."""

    name: str
    prompt: str
    earlier: tuple[tuple[str, str], ...] = ()

    @property
    def prompt_id(self) -> str:
        """Its id, the same in every tier."""
        return f"parity-{self.name}"


def _long() -> str:
    # In the plainest words, so that it is not much longer in the vocabulary of the embedded models.
    return prose.told(rng_for(SUITE_VERSION, "parity", "long"), round(LONG_TOKENS * prose.CHARS_PER_TOKEN))


CODE = """Explain this.
```python
def area(width: float, height: float = 2.0) -> float:
\tif width < 0 or height < 0:
\t    raise ValueError(f"{width=} {height=}")
    return width * height  # in square metres
```"""
UNICODE = (
    "e\u0301 vs é, n\u0303 vs ñ; 日本語と中文; ß, ẞ; √2 ≈ 1.41; "  # accents as marks of their own, and not
    "\U0001f469\u200d\U0001f52c \U0001f1eb\U0001f1f7 \U0001f44d\U0001f3fd; "  # signs of several code points
    "שלום مرحبا नमस्ते"
)
# Like the marks that templates are made of, and none of any model: a server may take a true one as a token or as text,
# as it should or should not, and that is not what is asked here.
LOOKALIKES = (
    "<|im_nothing|>user [NOINST] <<NOSYS>> </nothing> <nothing_of_turn> {{ .Nothing }} <|nothing_id|> [/NOINST]"
)

MESSAGE_SETS = (
    MessageSet("short", "Hello"),
    MessageSet("plain", "What is the tallest mountain in the world?"),
    MessageSet("code", CODE),
    MessageSet("unicode", UNICODE),
    MessageSet("whitespace", "one  two   three\n\n\nfour\tfive\t\tsix\r\nseven \n eight\u00a0nine\n\n    ten"),
    MessageSet(
        "numbers", "0 1 22 333 4444 55555 3.14159 1,000,000 -273.15 1e-9 0x1F 2026-11-23 12:34:56 +1 (555) 010-9999"
    ),
    MessageSet("long", _long()),
    MessageSet("lookalikes", LOOKALIKES),
    MessageSet("turns", "And of Spain?", (("user", "What is the capital of France?"), ("assistant", "Paris."))),
    MessageSet(
        "many-turns",
        "Five",
        (
            *(("user", "One"), ("assistant", "Two"), ("user", "Three"), ("assistant", "Four"), ("user", "Once more")),
            *(("assistant", "Two, four"), ("user", "Go on"), ("assistant", "Six")),
        ),
    ),
    MessageSet(
        "code-turns",
        "Now with a loop.",
        (
            ("user", "Write f(n) = n! in Python."),
            ("assistant", "```python\ndef f(n):\n    return n * f(n - 1) if n else 1\n```"),
        ),
    ),
    MessageSet(
        "unicode-turns",
        "Спасибо!",
        (
            ("user", "¿Qué hora es?"),
            ("assistant", "三点半 \U0001f552\nOui, trois heures et demie."),
        ),
    ),
)
BY_ID = {messages.prompt_id: messages for messages in MESSAGE_SETS}
