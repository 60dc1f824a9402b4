"""One target under libFuzzer: `python -m benchmarks.fuzz.drive TARGET [libFuzzer's own options]`; needs atheris."""

from __future__ import annotations

import logging
import random
import sys

import atheris

from benchmarks.fuzz.mutation import mutated
from benchmarks.fuzz.targets import target

KEPT_FORM = 0.5  # of the mutations; the rest are libFuzzer's, which knows what the code compares with


def main(name: str, options: list[str]) -> None:
    """Fuzz one target until its time is over, or something is found."""
    with atheris.instrument_imports(include=["tokenarena_assets", "yaml"]):
        fuzzed = target(name)
    logging.disable()

    def once(data: bytes) -> None:
        fuzzed.check(bytes(data))

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        whole = bytes(data)
        if len(whole) > 1 and rng.random() < KEPT_FORM:
            return (whole[:1] + mutated(whole[1:], rng))[:max_size]
        return bytes(atheris.Mutate(whole, max(len(whole), 1) if rng.random() < 0.1 else max_size))

    atheris.Setup([sys.argv[0], *options], once, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
