"""Files of items, one's own and the public sets: read, or refused by a `ConfigError`."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.suites.code_task import CodeTask, CodeTaskError
from tokenarena_assets.suites.own_items import load_own_items
from tokenarena_assets.suites.public_sets import load_gsm8k, load_humaneval, load_mbpp

FILE = Path(tempfile.mkdtemp(prefix="tokenarena-fuzz-")) / "given.jsonl"
OWN = (
    {"id": "sum/1", "prompt": "What is 1 + 1?", "answer": {"type": "rational", "value": "3/4", "tol": 0.01}},
    {
        "id": "twice",
        "prompt": "Write twice(values).",
        "tests": {
            "entry_point": "twice",
            "cases": [{"args": [[1, 2.5, None, {"a": True}]], "expected": [2]}],
            "source": "assert twice([1]) == [2]",
            "reference": "def twice(values):\n    return [2 * v for v in values]",
            "setup": "import math",
        },
    },
)
GSM8K = {"question": "How many?", "answer": "2+2 = <<2+2=4>>4\n#### 4"}
HUMANEVAL = {
    "task_id": "HumanEval/0",
    "prompt": 'def f(a):\n    """A."""\n',
    "entry_point": "f",
    "canonical_solution": "    return a\n",
    "test": "def check(candidate):\n    assert candidate(1) == 1\n",
}
MBPP = {"task_id": 2, "text": "Write f.", "code": "def f(a):\n  return a", "test_list": ["assert set(f(1)) == 1"]}
LOADERS: tuple[Callable[[Path], Any], ...] = (load_own_items, load_gsm8k, load_humaneval, load_mbpp)


def seeds() -> list[bytes]:
    """One byte, which loader, then the file; the last is zipped."""
    own = b"\n".join(json.dumps(item).encode() for item in OWN)
    sets = [json.dumps(item).encode() for item in (GSM8K, HUMANEVAL, MBPP)]
    found = [bytes([number]) + text for number, text in enumerate((own, *sets))]
    return [*found, b"\3[" + sets[2] + b"]", b"\2" + gzip.compress(sets[1], mtime=0)]


def check(data: bytes) -> None:
    """Nothing but a `ConfigError` comes out; a task of code comes back as it was written."""
    FILE.write_bytes(data[1:])
    with suppress(ConfigError):
        for item in LOADERS[data[:1][0] % len(LOADERS) if data else 0](FILE):
            if item.answer_type == "code":
                assert CodeTask.from_json(item.answer_value).to_json() == item.answer_value
    with suppress(CodeTaskError):
        CodeTask.from_json(data[1:].decode("utf-8", "replace"))
