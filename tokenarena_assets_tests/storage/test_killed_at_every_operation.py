"""Killed before each operation on a file, one by one: a round, a partition and the database are whole after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets_tests.storage.broken_disks import python, ran

# Children are forked from a process that has used neither DuckDB nor Polars, so that each has threads of its own.
PROGRAM = """
import hashlib, json, os, signal, sys
from datetime import date
from pathlib import Path
import duckdb, polars as pl
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import lake_of
from tokenarena_assets.storage.publish import open_published, publish
from tokenarena_assets.storage.rawlog import RoundWriter, read_lines, request_ids, rounds_of
from tokenarena_assets_tests.storage.test_faults import DAY, SPEC

ROUND, IDS = "20261102T000000Z-abcdef", ["a", "b", "c"]
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.truncate")

def dies_before(number, root):
    done = 0
    def watch(event, arguments):
        nonlocal done
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        named = arguments and isinstance(arguments[0], (str, os.PathLike)) and os.fspath(arguments[0]).startswith(root)
        if named and (writes or event in CHANGES):
            done += 1
            if done == number:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)

def child(work, number=0, root=""):
    # Whether it was killed.
    pid = os.fork()
    if pid == 0:
        try:
            if number:
                dies_before(number, root)
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False

def write_round(home):
    # As the prober does: what is begun is completed, what is sealed stays.
    home.begin_writing()
    found = rounds_of(home, DAY)
    if found and not found[0].is_open:
        return RoundWriter(home, DAY, ROUND + "2", {"schema_version": 1}).seal("complete")
    resumed = bool(found) and found[0].manifest is not None
    done = request_ids(found[0].log) if found else set()
    writer = RoundWriter(home, DAY, ROUND, None if resumed else {"schema_version": 1})
    for name in IDS:
        if name not in done:
            writer.append({"request_id": name})
    writer.seal("complete")

def check_round(home, ended):
    for found in rounds_of(home, DAY)[:1]:
        names = [json.loads(line.data)["request_id"] for line in read_lines(found.log)]
        assert names == IDS[: len(names)], names
        if found.is_open:
            assert not ended
            continue
        assert names == IDS
        assert found.manifest == {"schema_version": 1}
        assert found.seal["rows"] == 3
        assert found.seal["sha256"] == hashlib.sha256(found.log.read_bytes()).hexdigest()
        return True
    assert not ended

def put(home, *numbers):
    lake_of(home).write("t", DAY, SPEC.frame([{"day": DAY, "n": n} for n in numbers]))

def write_partition(home):
    home.begin_writing()
    put(home, 1, 2)

def check_partition(home, ended):
    def look():
        assert lake_of(home).read("t", DAY)["n"].to_list() in ([[1, 2]] if ended else [[1], [1, 2]])
    assert not child(look)

def write_database(home):
    publish(home, [SPEC])

def check_database(home, ended):
    def look():
        with open_published(home) as connection:
            found = connection.execute("select n from t order by n").fetchall()
        assert found in ([[(1,), (2,)]] if ended else [[(1,)], [(1,), (2,)]]), found
    assert not child(look)

def nothing(home):
    home.begin_writing()

def one_published(home):
    put(home, 1)
    publish(home, [SPEC])

def one_published_two_made(home):
    one_published(home)
    put(home, 1, 2)

WORKS = {
    "round": (nothing, write_round, check_round),
    "partition": (one_published, write_partition, check_partition),
    "database": (one_published_two_made, write_database, check_database),
}
begin, work, check = WORKS[sys.argv[2]]
number, killed, litter = 0, True, 0
while killed:
    number += 1
    home = Home(Path(sys.argv[1]) / f"{number}" / "arena")
    assert not child(lambda: begin(home))
    killed = child(lambda: work(home), number, str(home.root))
    litter += len(home.leftovers())
    check(home, False)
    assert not child(lambda: work(home))
    check(home, True)
    assert home.leftovers() == []
print(json.dumps({"operations": number - 1, "litter": litter}))
"""


@pytest.mark.parametrize(("what", "least"), [("round", 8), ("partition", 2), ("database", 4)])
def test_what_is_written_is_old_or_new_and_the_next_try_completes_it(tmp_path: Path, what: str, least: int) -> None:
    done = ran(python(PROGRAM, str(tmp_path), what))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["operations"] >= least
    assert found["litter"] > 0, "some were killed with a temporary file that the next try removes"
