"""Tokens counted from the text itself: by a family's own tokenizer where it is at hand, else by a common one."""

from tokenarena_assets.tokens.counter import TokenCounter, TokenizerFiles

__all__ = ["TokenCounter", "TokenizerFiles"]
