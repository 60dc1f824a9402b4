"""The APIs that can be spoken, each behind an adapter with the same reading out."""

from __future__ import annotations

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.apis.adapter import Adapter
from tokenarena_assets.probing.apis.anthropic_messages import AnthropicMessages
from tokenarena_assets.probing.apis.google_generate import GoogleGenerate
from tokenarena_assets.probing.apis.openai_chat import OpenAiChat
from tokenarena_assets.probing.apis.openai_completions import OpenAiCompletions
from tokenarena_assets.probing.apis.openai_responses import OpenAiResponses

__all__ = ["ADAPTERS", "Adapter", "adapter_for"]

ADAPTERS: dict[str, Adapter] = {
    adapter.api: adapter
    for adapter in (OpenAiChat(), OpenAiResponses(), OpenAiCompletions(), AnthropicMessages(), GoogleGenerate())
}


def adapter_for(api: str) -> Adapter:
    """The adapter of an API.

    Raises:
        TokenArenaError: this version cannot speak it.
    """
    if api not in ADAPTERS:
        raise TokenArenaError(f"no adapter for api {api!r}", mend=f"this version speaks {', '.join(sorted(ADAPTERS))}")
    return ADAPTERS[api]
