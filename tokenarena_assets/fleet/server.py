"""One local endpoint in one process: llama.cpp's HTTP server on a free port, alive only as long as its parent.

`python -m tokenarena_assets.fleet.server --weights FILE --threads N --context-tokens N --alias NAME`

When the endpoint listens, one JSON line `{"url": ..., "pid": ...}` goes to stdout, and nothing else ever does. The
process ends when its stdin does (the kernel closes the pipe even when the parent is killed), or on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from tokenarena_assets.fleet.head_dropping import HeadDroppingFront
from tokenarena_assets.processes import end_with_parent, give_way

SLOTS = 4  # requests served at once; further ones wait in the server's queue
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What one process serves; `keep_last_tokens`: the head of a longer prompt is dropped and nothing said of it."""

    weights: Path
    threads: int
    context_tokens: int
    alias: str
    keep_last_tokens: int | None = None
    host: str = HOST


def load_engine() -> Any:
    """The xllamacpp module, with threads that sleep while they wait for one another.

    Its OpenMP reads the environment once, when it is loaded. Where threads outnumber free cores, its default of
    spinning at every barrier makes an answer hundreds of times slower.
    """
    os.environ["OMP_WAIT_POLICY"] = "passive"
    return importlib.import_module("xllamacpp")


def common_params(engine: Any, options: ServerOptions) -> Any:
    """llama.cpp's parameters for a quiet, quickly started and neutral endpoint."""
    params = engine.CommonParams()
    params.model.path = str(options.weights)
    params.model_alias = {options.alias}
    params.hostnames = [options.host]
    params.port = 0  # the kernel chooses a free one
    params.n_parallel = SLOTS
    params.n_ctx = options.context_tokens * SLOTS  # llama.cpp divides it among the slots
    params.kv_unified = False
    # A fresh prompt must cost its full prefill, whatever was asked before.
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = options.threads
        cpu.poll = 0  # the same for llama.cpp's own thread pool
    # The distribution served is the model's own unless a request says otherwise.
    params.sampling.temp = 1.0
    params.sampling.top_k = 0
    params.sampling.top_p = 1.0
    params.sampling.min_p = 0.0
    params.warmup = False
    params.fit_params = False
    params.ui = False
    params.verbosity = 1  # errors only
    return params


def _claim_stdout() -> int:
    """Keep stdout for ourselves and send what C++ prints there to stderr."""
    ours = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return ours


def serve(options: ServerOptions) -> None:
    """Start the endpoint, announce it and stay until the parent is gone."""
    # The kernel's own action ends the process at once, also while C++ code runs.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    watcher = end_with_parent()
    give_way()
    announcements = _claim_stdout()
    engine = load_engine()
    server = engine.Server(common_params(engine, options))
    if options.keep_last_tokens is None:
        _announce(announcements, server.listening_address)
        watcher.join()
    else:
        asyncio.run(_serve_before(server.listening_address, options, announcements, watcher))


async def _serve_before(upstream: str, options: ServerOptions, announcements: int, watcher: Thread) -> None:
    assert options.keep_last_tokens is not None
    front = HeadDroppingFront(upstream, options.keep_last_tokens)
    _announce(announcements, await front.listen(options.host))
    await asyncio.to_thread(watcher.join)
    await front.close()


def _announce(announcements: int, address: str) -> None:
    line = json.dumps({"url": f"{address}/v1", "pid": os.getpid()})
    os.write(announcements, f"{line}\n".encode())
    os.close(announcements)


def _options() -> ServerOptions:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context-tokens", type=int, default=1024, help="longest prompt plus answer of a request")
    parser.add_argument("--alias", default="arena-tiny", help="the name the endpoint calls its model")
    parser.add_argument("--keep-last-tokens", type=int, help="drop the head of a longer prompt, and say nothing of it")
    parser.add_argument("--host", default=HOST, help="the address to listen on")
    found = parser.parse_args()
    return ServerOptions(
        found.weights, found.threads, found.context_tokens, found.alias, found.keep_last_tokens, found.host
    )


if __name__ == "__main__":
    serve(_options())
