"""Runs the fuzz targets, each in a process of its own with a limit of time and memory for every input.

    python -m benchmarks.fuzz [--seconds 60] [--artifacts FOLDER] [TARGET ...]
    python -m benchmarks.fuzz --replay FILE TARGET

Exits with 1 where a target found something: the input lies in FOLDER/TARGET and its path is printed. The corpus
grows in FOLDER/TARGET/corpus and is gone on with. What is found and mended becomes a test.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks.fuzz.targets import NAMES, target

INPUT_TIMEOUT_S = 10
MEMORY_MB = 2048
MAX_INPUT_BYTES = 64 * 1024
OVERHEAD_S = 60  # to import, to read the corpus, to stop


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of: {', '.join(NAMES)}; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target; default: 60")
    parser.add_argument("--artifacts", type=Path, default=Path("build/fuzz"), help="default: build/fuzz")
    parser.add_argument("--replay", type=Path, help="run one input through one target, with its traceback")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(NAMES):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    if given.replay:
        target(given.targets[0]).check(given.replay.read_bytes())
        return 0
    found = [name for name in given.targets or NAMES if not _fuzzed(name, given.seconds, given.artifacts / name)]
    print(f"found something: {', '.join(found)}" if found else "nothing found")
    return 1 if found else 0


def _fuzzed(name: str, seconds: int, folder: Path) -> bool:
    """Whether a target ran its time without finding anything."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target(name).seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    command = [
        *(sys.executable, "-m", "benchmarks.fuzz.drive", name),
        f"-max_total_time={seconds}",
        f"-timeout={INPUT_TIMEOUT_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={MAX_INPUT_BYTES}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
        str(corpus),
    ]
    print(f"== {name}", flush=True)
    with (folder / "log.txt").open("w") as log:
        try:
            code = subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, check=False, timeout=seconds + OVERHEAD_S
            ).returncode
        except subprocess.TimeoutExpired:
            code = 1
            print("   did not stop in time")
    text = (folder / "log.txt").read_text(errors="replace")
    kept = ("stat::number_of_executed_units", "stat::peak_rss_mb", "artifact_prefix", "Error", "SUMMARY", "ALARM")
    for line in [line for line in text.splitlines() if any(word in line for word in kept)][-8:]:
        print(f"   {line.strip()[:200]}")
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
