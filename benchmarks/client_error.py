"""The error of three clients beside the truth, in one run: TokenArena's own, AIPerf and GuideLLM.

The reference server, a process of its own, answers with 64 tokens 10 ms apart, the first after 200 ms, and notes when
it read each request and sent each token. A client's TTFT error is what it reports less what truly passed between the
two. All three spread their first starts over about a second. AIPerf is warmed up and GuideLLM's clock starts on an open
connection, so that no connecting is in it.

AIPerf and GuideLLM are not installed by this project: give their commands, or have them in PATH.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tokenarena_assets import __version__
from tokenarena_assets.probing.certificate import Budget
from tokenarena_assets.probing.certify import ReferenceServer
from tokenarena_assets.probing.reference_server import MODEL
from tokenarena_assets.probing.selftest import FLOOD_STREAMS, LIKE_AN_ENDPOINT, run_selftest
from tokenarena_assets.report.terminal import print_table

STREAMS = (20, 100)
REQUESTS_EACH = 3
MIN_REQUESTS = 100  # a p99 of fewer is the largest value
RAMP_S = 1.0
TIMEOUT_S = 300
GOAL = "goal for TokenArena, on a quiet machine: TTFT error p50 <= 0.8 ms, p99 <= 3 ms; 20,000 events/s on one core"


@dataclass(frozen=True)
class Row:
    """One client at one load."""

    client: str
    streams: int
    ttft_errors_ms: tuple[int, float | None, float | None]  # n, p50, p99
    event_lags_ms: tuple[int, float | None, float | None] | None = None
    note: str = ""

    def cells(self) -> list[object]:
        """As shown."""
        n, p50, p99 = self.ttft_errors_ms
        events = self.event_lags_ms or (None, None, None)
        return [self.client, self.streams, n or None, _ms(p50), _ms(p99), *events[:1], *map(_ms, events[1:]), self.note]


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def quantiles(errors: Sequence[float]) -> tuple[int, float | None, float | None]:
    """n, median and 99th percentile, both sample values."""
    ordered = sorted(errors)

    def at(q: float) -> float | None:
        return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else None

    return len(ordered), at(0.5), at(0.99) if len(ordered) >= MIN_REQUESTS else None


def requests_at(streams: int) -> int:
    """How many requests a client sends at a load."""
    return max(MIN_REQUESTS, REQUESTS_EACH * streams)


def ours(levels: Sequence[int]) -> tuple[list[Row], float]:
    """The client of a round, and how many events a second one loop of it takes on one core."""
    found = run_selftest(levels, Budget(), lambda _what, _done, _of: None)
    rows = [
        Row(
            f"TokenArena {__version__}",
            one.at_once,
            (one.n_probes, one.ttft_error_p50_ms, one.ttft_error_p99_ms),
            (one.n_events, one.event_lag_p50_ms, one.event_lag_p99_ms),
            f"{one.n_failed} failed" if one.n_failed else "",
        )
        for one in found.certificates
    ]
    return rows, found.events_per_s


def aiperf(command: str, base_url: str, streams: int, folder: Path) -> list[float]:
    """AIPerf's TTFT errors: its records name their requests by the X-Request-Id that the server notes."""
    out = folder / "aiperf"
    ask = ["-m", MODEL, "--url", base_url.removesuffix("/v1"), "--endpoint-type", "chat", "--streaming", "--ui", "none"]
    load = ["--concurrency", streams, "--concurrency-ramp-duration", RAMP_S, "--request-count", requests_at(streams)]
    warm = ["--warmup-request-count", streams, "--warmup-concurrency", streams]
    data = ["--input-file", prompts(folder, "text"), "--custom-dataset-type", "single-turn"]
    tokens = ["--tokenizer", tokenizer(folder), "--use-server-token-count"]
    run([command, "profile", *ask, *load, *warm, *data, *tokens, "--artifact-dir", out], folder)
    truth = {entry["request_id"]: true_ttft_ms(entry) for entry in log_of(base_url)}
    records = map(json.loads, (out / "profile_export.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        record["metrics"]["time_to_first_token"]["value"] - truth[record["metadata"]["x_request_id"]]
        for record in records
        if record["metadata"]["benchmark_phase"] == "profiling" and "time_to_first_token" in record["metrics"]
    ]


def guidellm(command: str, base_url: str, streams: int, folder: Path) -> list[float]:
    """GuideLLM's TTFT errors: its report names responses, which the server numbers in the order of their requests."""
    out = folder / "guidellm.json"
    backend = f"kind=openai_http,target={base_url.removesuffix('/v1')},model={MODEL}"
    profile = f"kind=concurrent,streams={streams},rampup_duration={RAMP_S}"
    ask = ["--backend", backend, "--profile", profile, "--disable-console"]
    load = ["--constraint", f"kind=max_requests,count={requests_at(streams)}"]
    data = ["--data", f"kind=json_file,path={prompts(folder, 'prompt')}", "--output", f"kind=json,path={out}"]
    run([command, "run", *ask, *load, *data], folder)
    entries = sorted(log_of(base_url), key=lambda entry: entry["read_ns"])
    (benchmark,) = json.loads(out.read_text(encoding="utf-8"))["benchmarks"]
    errors = []
    for request in benchmark["requests"]["successful"]:
        number = int(request["response_id"].removeprefix("reference-"))
        errors.append(request["time_to_first_token_ms"] - true_ttft_ms(entries[number]))
    return errors


def true_ttft_ms(entry: dict[str, Any]) -> float:
    """What truly passed: request read -> first token sent."""
    return float((entry["first_sent_ns"] - entry["read_ns"]) / 1e6)


def log_of(base_url: str) -> list[dict[str, Any]]:
    """What the server noted of the requests that it answered."""
    with urllib.request.urlopen(f"{base_url.removesuffix('/v1')}/log", timeout=30) as answer:
        entries: list[dict[str, Any]] = json.load(answer)
    return entries


def prompts(folder: Path, field: str) -> Path:
    """Prompts, each another one, in a file of JSON lines."""
    path = folder / f"prompts-{field}.jsonl"
    lines = (json.dumps({field: f"[{number:04d}] Tell a story of a lighthouse keeper."}) for number in range(1000))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tokenizer(folder: Path) -> Path:
    """A tokenizer of single characters: AIPerf wants one, and none may be fetched."""
    path = folder / "tokenizer"
    path.mkdir(exist_ok=True)
    numbers = count()
    vocabulary = {token: next(numbers) for token in ("<unk>", *map(chr, range(32, 127)))}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"}
    split = {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False}
    rest = dict.fromkeys(("truncation", "padding", "normalizer", "post_processor"))
    content = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": split,
        "decoder": {"type": "Fuse"},
        "model": model,
    }
    (path / "tokenizer.json").write_text(json.dumps(content | rest), encoding="utf-8")
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
    (path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def run(command: Sequence[object], folder: Path) -> None:
    """Run a client quietly; what it said is shown only where it failed."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")


def version_of(command: str) -> str:
    """What `--version` says last."""
    said = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    return said.split()[-1] if said.split() else "of an unknown version"


Measure = Callable[[str, str, int, Path], list[float]]


def peer(name: str, measure: Measure, command: str | None, levels: Sequence[int]) -> list[Row]:
    """A peer at every load, each on a fresh server; one that is absent or fails is a row that says so."""
    found = shutil.which(command) if command else None
    if found is None:
        return [Row(name, streams, (0, None, None), note="not installed") for streams in levels]
    rows = []
    for streams in levels:
        with tempfile.TemporaryDirectory() as folder, ReferenceServer(LIKE_AN_ENDPOINT) as server:
            try:
                errors = measure(found, server.base_url, streams, Path(folder))
            except (RuntimeError, OSError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired) as error:
                print(f"{name}: {error}", file=sys.stderr)
                rows.append(Row(name, streams, (0, None, None), note="failed, see above"))
            else:
                rows.append(Row(f"{name} {version_of(found)}", streams, quantiles(errors)))
    return rows


def main() -> None:
    """Measure all three and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aiperf", default=os.environ.get("AIPERF", "aiperf"), help="its command; default: in PATH")
    parser.add_argument("--guidellm", default=os.environ.get("GUIDELLM", "guidellm"), help="its command")
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS, help="streams at once; default: 20 100")
    options = parser.parse_args()
    rows, events_per_s = ours(options.streams)
    rows += peer("AIPerf", aiperf, options.aiperf, options.streams)
    rows += peer("GuideLLM", guidellm, options.guidellm, options.streams)
    print_table(
        ["client", "streams", "n", "TTFT error p50 ms", "p99 ms", "events", "event lag p50 ms", "p99 ms", ""],
        [row.cells() for row in sorted(rows, key=lambda row: row.streams)],
        title=f"{LIKE_AN_ENDPOINT.tokens} tokens, {LIKE_AN_ENDPOINT.interval_ms:g} ms apart, true TTFT "
        f"{LIKE_AN_ENDPOINT.ttft_ms:g} ms, {os.cpu_count()} cores shared by client and server",
    )
    print(f"TokenArena on one core: {events_per_s:,.0f} events/s, as fast as {FLOOD_STREAMS} streams can be read")
    print(GOAL)


if __name__ == "__main__":
    main()
