"""The words with which providers say why an answer ended, as five classes."""

from __future__ import annotations

from typing import Literal

FinishClass = Literal["stop", "length", "content_filter", "tool_calls", "broken"]

_WORDS: dict[FinishClass, str] = {
    "stop": "stop stop_sequence end_turn eos eos_token end_of_text complete completed normal",
    "length": "length max_tokens max_output_tokens max_length model_length model_context_window_exceeded incomplete",
    "content_filter": """
        content_filter content_filtered safety refusal sensitive recitation language blocklist prohibited_content spii
        image_safety jailbreak model_armor
    """,
    "tool_calls": "tool_calls tool_call tool_use function_call",
    "broken": """
        error abort aborted cancelled failed timeout network_error engine_overloaded insufficient_system_resource other
        malformed_function_call malformed_response unexpected_tool_call too_many_tool_calls
    """,
}
FINISH_CLASSES = {word: finish_class for finish_class, words in _WORDS.items() for word in words.split()}


def finish_class_of(word: str | None) -> FinishClass | None:
    """The class of a finish reason of any API; None for none and for a word that is not known."""
    return FINISH_CLASSES.get(word.lower()) if word else None
