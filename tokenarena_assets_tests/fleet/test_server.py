"""The embedded fleet: it answers like an endpoint, keeps its limits, and leaves no process behind."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tokenarena_assets.fleet import manager
from tokenarena_assets.fleet.manager import FleetError, FleetServer, running_fleet, verify_weights, weights_path

WEIGHTS = "arena-tiny-1m-f16.gguf"
CONTEXT_TOKENS = 256
STORY = "Write a long story about Ada, a ball and the beach."
PATIENCE_S = 20.0  # bounds a wait; never the expected time

PARENT = f"""
import json, psutil, sys
from tokenarena_assets.fleet.manager import FleetServer, running_fleet
with running_fleet({{"a": FleetServer("{WEIGHTS}", 1, 256), "b": FleetServer("{WEIGHTS}", 1, 256)}}):
    print(json.dumps([child.pid for child in psutil.Process().children()]), flush=True)
    sys.stdin.read()
"""


def _wait_until(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


def _runs(pid: int) -> bool:
    # A zombie runs no longer: it only waits to be collected by whoever adopted it.
    try:
        return str(psutil.Process(pid).status()) != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_fleet({"tiny@f16": FleetServer(WEIGHTS, 1, CONTEXT_TOKENS)}) as urls:
        yield urls["tiny@f16"]


def _ask(url: str, prompt: str, **options: Any) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": prompt}], "temperature": 0, **options}
    return httpx.post(f"{url}/chat/completions", json=body, timeout=PATIENCE_S, trust_env=False)


def test_stream_carries_text_logprobs_reason_and_usage(url: str) -> None:
    response = _ask(
        url,
        "Describe a bell.",
        stream=True,
        stream_options={"include_usage": True},
        logprobs=True,
        top_logprobs=3,
        max_tokens=4,
    )
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    tokens = [token for choice in choices for token in (choice.get("logprobs") or {}).get("content", [])]
    assert len(tokens) == 4
    assert all(len(token["top_logprobs"]) == 3 and token["logprob"] <= 0 for token in tokens)
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    assert text == "".join(token["token"] for token in tokens)
    assert choices[-1]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] == 4
    assert {chunk["model"] for chunk in chunks} == {"tiny@f16"}


def test_a_repeated_prompt_is_not_served_from_a_cache(url: str) -> None:
    answers = [_ask(url, STORY, max_tokens=8).json() for _ in range(3)]
    assert {answer["usage"]["prompt_tokens_details"]["cached_tokens"] for answer in answers} == {0}
    assert len({answer["choices"][0]["message"]["content"] for answer in answers}) == 1


def test_each_of_four_requests_at_once_has_the_whole_context(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(_ask, url, STORY, max_tokens=4 * CONTEXT_TOKENS, ignore_eos=True) for _ in range(4)]
        answers = [future.result().json() for future in asked]
    assert [answer["usage"]["total_tokens"] for answer in answers] == [CONTEXT_TOKENS] * 4
    assert {answer["choices"][0]["finish_reason"] for answer in answers} == {"length"}


def test_a_prompt_beyond_the_context_is_refused(url: str) -> None:
    response = _ask(url, "Code alpha is 12. " * CONTEXT_TOKENS)
    assert response.status_code == httpx.codes.BAD_REQUEST
    assert response.json()["error"]["type"] == "exceed_context_size_error"


def test_a_server_that_drops_the_head_says_nothing_of_it_and_answers_as_of_the_rest() -> None:
    facts = "".join(f"Code {name} is {number}. " for number, name in enumerate(("alpha", "bravo", "delta") * 20))
    with running_fleet({"drops": FleetServer(WEIGHTS, 1, CONTEXT_TOKENS, keep_last_tokens=128)}) as urls:
        short, long = (_ask(urls["drops"], prompt, max_tokens=8).json() for prompt in (STORY, facts))
        assert short["usage"]["prompt_tokens"] < 128
        assert 120 <= long["usage"]["prompt_tokens"] <= 128
        streamed = _ask(urls["drops"], facts, max_tokens=8, stream=True, stream_options={"include_usage": True})
        assert streamed.headers["content-type"].startswith("text/event-stream")
        assert json.loads(streamed.text.split("data: ")[-2])["usage"]["prompt_tokens"] == long["usage"]["prompt_tokens"]
        refused = httpx.post(f"{urls['drops']}/chat/completions", content=b"{", timeout=PATIENCE_S, trust_env=False)
        assert refused.status_code >= httpx.codes.BAD_REQUEST
        conversation = [{"role": "user", "content": facts}, {"role": "user", "content": STORY}]
        kept = httpx.post(
            f"{urls['drops']}/chat/completions",
            json={"messages": conversation, "max_tokens": 1},
            timeout=PATIENCE_S,
            trust_env=False,
        )
        assert kept.json()["usage"]["prompt_tokens"] == short["usage"]["prompt_tokens"]


def test_seed_decides_a_sampled_answer(url: str) -> None:
    texts = [
        _ask(url, STORY, temperature=1, seed=seed, max_tokens=40).json()["choices"][0]["message"]["content"]
        for seed in (5, 5, 6)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_children_know_no_key_and_end_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PROVIDER_API_KEY", "sk-not-for-children")
    before = set(psutil.Process().children())
    with running_fleet({"a": FleetServer(WEIGHTS, 1, 256), "b": FleetServer(WEIGHTS, 1, 256)}) as urls:
        children = set(psutil.Process().children()) - before
        assert len(children) == len(set(urls.values())) == 2
        for child in children:
            environment = child.environ()
            assert "sk-not-for-children" not in environment.values()
            assert not [name for name in environment if name.endswith(("_KEY", "_TOKEN", "_SECRET"))]
    assert not any(_runs(child.pid) for child in children)


def test_a_killed_parent_leaves_no_server() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent.stdin, parent.stdout:
        servers = json.loads(parent.stdout.readline())
        assert [_runs(pid) for pid in servers] == [True, True]
        parent.kill()
        parent.wait(timeout=PATIENCE_S)
        assert _wait_until(lambda: not any(_runs(pid) for pid in servers))


@pytest.mark.parametrize("leave", ["eof", "SIGTERM", "SIGINT"])
def test_server_says_one_line_and_leaves_when_told(leave: str) -> None:
    command = [sys.executable, "-m", "tokenarena_assets.fleet.server", "--weights", str(weights_path(WEIGHTS))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        said = json.loads(process.stdout.readline())
        assert said["pid"] == process.pid
        assert _ask(said["url"], STORY, max_tokens=2).status_code == httpx.codes.OK
        if leave == "eof":
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[leave])
        process.wait(timeout=PATIENCE_S)
        assert process.stdout.read() == b""


def test_weights_are_those_of_the_checksums() -> None:
    assert verify_weights() == []


def test_changed_missing_and_stray_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(weights_path(WEIGHTS).parent, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(manager, "_weights_folder", lambda: tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"GGUF")
    (tmp_path / "arena-tiny-1m-q8_0.gguf").rename(tmp_path / "stray.gguf")
    assert [problem.split(":")[0] for problem in verify_weights()] == ["stray.gguf", WEIGHTS, "arena-tiny-1m-q8_0.gguf"]


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" * 50)
    monkeypatch.setattr(manager, "_weights_folder", lambda: tmp_path)
    fleet = running_fleet({"x": FleetServer("broken.gguf", 1, 256)})
    with pytest.raises(FleetError, match=r"(?s)'x' ended with code 1.*failed to load model"), fleet:
        pass


@pytest.mark.parametrize(
    ("server", "words"),
    [(FleetServer("none.gguf", 1, 256), r"none\.gguf: no such weights"), (FleetServer(WEIGHTS, 1, 300), "no multiple")],
)
def test_wrong_settings_are_refused_before_anything_starts(server: FleetServer, words: str) -> None:
    with pytest.raises(FleetError, match=words) as caught, running_fleet({"x": server}):
        pass
    assert caught.value.mend
