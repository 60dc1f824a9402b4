"""A day over two hosts, against one machine, then faults: `python -m tokenarena_assets_tests.cluster`.

`--no-faults` leaves the faults out. Where something that it needs is missing it says so, loudly, and ends with 0.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback

from tokenarena_assets_tests.cluster.arena import Arena
from tokenarena_assets_tests.cluster.faults import FAULTS
from tokenarena_assets_tests.cluster.services import missing

BAR = "=" * 72


def main() -> int:
    """Run it all; 1 where something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-faults", action="store_true", help="the day alone")
    parser.add_argument("--only", help="of the faults only these, by name, comma-separated")
    parser.add_argument("--keep", action="store_true", help="keep the folder, with logs and tables")
    asked = parser.parse_args()
    if lacking := missing():
        print(f"{BAR}\nSKIPPED: make cluster-test needs what is missing here:", file=sys.stderr)
        for name in lacking:
            print(f"  - {name}", file=sys.stderr)
        print(f"Nothing was tested.\n{BAR}", file=sys.stderr)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as Ctrl-C: everything is taken down
    wanted = asked.only.split(",") if asked.only else [fault.__name__ for fault in FAULTS]
    chosen = [] if asked.no_faults else [fault for fault in FAULTS if fault.__name__ in wanted]
    failed = []
    with Arena(keep=asked.keep) as arena:
        stages = [
            Arena.whole_day,
            Arena.tables_are_those_of_one_machine,
            Arena.distances_are_told,
            Arena.a_snapshot_is_whole,
        ]
        for stage in [*stages, *chosen]:
            started = time.monotonic()
            try:
                seen = stage(arena)
            except Exception as error:  # the next one is told of all the same
                traceback.print_exc()
                failed.append(stage.__name__)
                seen = f"DOES NOT HOLD: {str(error)[-600:]}"
            arena.seen.append((_title(stage.__doc__), f"{time.monotonic() - started:.0f} s", seen))
            print(f"{arena.seen[-1]}", file=sys.stderr, flush=True)
        print(_table(arena.seen))
    if failed:
        print(f"does not hold: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _title(text: str | None) -> str:
    return (text or "").strip().splitlines()[0].rstrip(".")


def _table(seen: list[tuple[str, str, str]]) -> str:
    lines = ["", BAR]
    for title, took, what in seen:
        lines.append(f"{title}  ({took})")
        lines += [f"    {line}" for line in what.splitlines()]
    return "\n".join([*lines, BAR])


if __name__ == "__main__":
    raise SystemExit(main())
