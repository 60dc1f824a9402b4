"""What is fuzzed at length by `make fuzz`, on a few mutations; and that the fuzzer itself finds what is there."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import targets
from benchmarks.fuzz.mutation import mutated

EXAMPLES = 40


@pytest.mark.parametrize("name", targets.NAMES)
def test_inputs_as_they_should_be_pass(name: str) -> None:
    target = targets.target(name)
    for seed in target.seeds():
        target.check(seed)


@pytest.mark.parametrize("name", targets.NAMES)
def test_inputs_that_were_changed_do_no_harm(name: str) -> None:
    target = targets.target(name)
    seeds = target.seeds()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.sampled_from(seeds), numbers=st.lists(st.integers(0, 2**32), min_size=1, max_size=4))
    def check(seed: bytes, numbers: list[int]) -> None:
        for number in numbers:
            seed = seed[:1] + mutated(seed[1:], random.Random(number))
        target.check(seed)

    check()


@pytest.mark.parametrize("name", targets.NAMES)
def test_any_bytes_do_no_harm(name: str) -> None:
    target = targets.target(name)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.binary(max_size=300))
    def check(data: bytes) -> None:
        target.check(data)

    check()


def test_every_module_of_targets_is_run() -> None:
    folder = Path(targets.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(targets.NAMES)


def test_mutations_keep_the_form_and_repeat() -> None:
    line = b'data: {"a": [1, {"b": "c"}]}'
    changed = [mutated(line, random.Random(number)) for number in range(200)]
    assert changed == [mutated(line, random.Random(number)) for number in range(200)]
    assert sum(each.startswith(b"data: ") for each in changed) > 150
    assert len(set(changed)) > 100
