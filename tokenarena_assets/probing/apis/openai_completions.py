"""OpenAI's legacy Completions: a prompt in, text out."""

from __future__ import annotations

from typing import Any

from tokenarena_assets.probing.apis.adapter import Turns
from tokenarena_assets.probing.apis.openai_chat import OpenAiChat, streaming


class OpenAiCompletions(OpenAiChat):
    """`/completions`; its answers are read as chat's are, which may carry the same fields."""

    api = "openai_completions"
    route = "/completions"
    reserved = frozenset({"model", "prompt", "stream", "stream_options", "n", "best_of", "echo"})
    multi_turn = False

    def body(
        self,
        model: str,
        prompt: str,
        *,
        max_output_tokens: int,
        temperature: float,
        stream: bool = True,
        top_logprobs: int | None = None,
        earlier: Turns = (),
        seed: int | None = None,
    ) -> dict[str, Any]:
        """The prompt as it is, without a chat template.

        Raises:
            ValueError: there are `earlier` turns, which this API has no place for.
        """
        if earlier:
            raise ValueError("a completion has no turns")
        body = {
            "model": model,
            "prompt": prompt,
            "max_tokens": max_output_tokens,
            "temperature": temperature,
        } | streaming(stream=stream)
        if top_logprobs is not None:
            body |= {"logprobs": top_logprobs}
        return body if seed is None else body | {"seed": seed}
