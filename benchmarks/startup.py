"""What importing our definitions costs beside importing Dagster alone, each in fresh processes, in one run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 5


def seconds(statement: str) -> float:
    """Median wall time of a fresh interpreter that runs `statement`."""
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Print both and their ratio."""
    ours, dagster = seconds("import tokenarena_assets.definitions"), seconds("import dagster")
    print(f"definitions {ours:.2f} s; dagster alone {dagster:.2f} s; ratio {ours / dagster:.2f} (limit for ours: 3 s)")


if __name__ == "__main__":
    main()
