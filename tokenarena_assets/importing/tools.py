"""The tools whose results can be imported, and which of them wrote a file."""

from __future__ import annotations

from typing import Any, Protocol, cast

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.importing import aiperf, guidellm, inference_perf, llmperf, vllm
from tokenarena_assets.importing.documents import Document
from tokenarena_assets.importing.request import ToolFile


class Adapter(Protocol):
    """One module for each tool."""

    TOOL: str

    def recognises(self, first: Any) -> bool:
        """Whether the tool's per-request results begin with `first`."""
        ...

    def hint(self, first: Any) -> str | None:
        """Which file to take, where this is another one that the tool writes."""
        ...

    def read(self, document: Document, api: str) -> ToolFile:
        """Every request that the file tells of."""
        ...


ADAPTERS: dict[str, Adapter] = {
    module.TOOL: cast("Adapter", module) for module in (aiperf, guidellm, vllm, llmperf, inference_perf)
}
TOOLS = tuple(ADAPTERS)


def adapter_of(tool: str, document: Document) -> Adapter:
    """The adapter of `tool`, for a file that is its own.

    Raises:
        ConfigError: the file is of another tool, or no per-request result.
    """
    first = document.first
    if ADAPTERS[tool].recognises(first):
        return ADAPTERS[tool]
    for name, adapter in ADAPTERS.items():
        if adapter.recognises(first):
            raise ConfigError(document.path, f"is not of {tool}: it looks like {name}'s", mend=f"give --from {name}")
        if (told := adapter.hint(first)) is not None:
            raise ConfigError(document.path, "holds no single requests", mend=told)
    raise ConfigError(
        document.path,
        f"is none of {tool}'s per-request results",
        mend="see docs/import.md for the file that each tool writes",
    )
