"""A step whose worker is lost is submitted again, and after a few times given up; with a clock of the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pytest

pytest.importorskip("dagster_celery", reason="of the extra `cluster`")

from tokenarena_assets.defs.celery_steps import (
    GIVEN_UP,
    LOOK_EVERY_S,
    PATIENCE_S,
    TRIES,
    LostStepError,
    Seen,
    Watched,
    Worker,
    outdated,
)


class Result:
    def __init__(self, number: int) -> None:
        self.id, self.done, self.away, self.revoked = f"task-{number}", False, False, False

    def ready(self) -> bool:
        if self.away:
            raise ConnectionError("the broker is away")
        return self.done

    def get(self) -> list[str]:
        return [self.id]

    def revoke(self) -> None:
        self.revoked = True


class Stage:
    """Workers, a clock, and what was submitted."""

    def __init__(self) -> None:
        self.now, self.workers, self.results = 100.0, (), []
        self.given_up: list[tuple[int, list[str]]] = []  # after how many submissions, and what
        self.watched = Watched(
            "region-us", self._submit, lambda: Seen(self.now, self.workers), self._give_up, lambda: self.now
        )

    def _give_up(self, tasks: Sequence[str]) -> None:
        self.given_up.append((len(self.results), list(tasks)))

    def _submit(self) -> Any:
        self.results.append(Result(len(self.results)))
        return self.results[-1]

    def after(self, seconds: float) -> bool:
        """Whether it is ready some time later, looked at every few seconds."""
        for _ in range(round(seconds / LOOK_EVERY_S)):
            self.now += LOOK_EVERY_S
            if self.watched.ready():
                return True
        return False


def has(*tasks: str, queue: str = "region-us") -> Worker:
    return Worker(frozenset({queue}), frozenset(tasks))


def test_a_step_that_a_worker_has_is_waited_for_however_long() -> None:
    stage = Stage()
    stage.workers = (has("task-0"),)
    assert not stage.after(100 * PATIENCE_S)
    stage.results[0].done = True
    assert stage.watched.ready()
    assert stage.watched.get() == ["task-0"]
    assert len(stage.results) == 1


def test_one_that_waits_behind_others_is_waited_for() -> None:
    stage = Stage()
    stage.workers = (has("another"),)
    assert not stage.after(100 * PATIENCE_S)
    assert len(stage.results) == 1


def test_one_whose_worker_is_gone_is_given_to_another() -> None:
    stage = Stage()
    stage.workers = (has("task-0"), has(queue="dagster"))
    assert not stage.after(PATIENCE_S / 2)
    stage.workers = ()
    assert not stage.after(PATIENCE_S + LOOK_EVERY_S)
    assert stage.results[0].revoked
    assert len(stage.results) == 2
    stage.workers = (has("task-1"),)
    assert not stage.after(10 * PATIENCE_S)
    assert len(stage.results) == 2


def test_what_was_given_up_is_named_before_the_step_is_given_to_another() -> None:
    stage = Stage()
    assert stage.after(TRIES * PATIENCE_S + 4 * LOOK_EVERY_S)
    assert stage.given_up == [(1, ["task-0"]), (2, ["task-0", "task-1"])]


def test_a_step_is_not_given_to_another_before_it_can_be_said_that_the_first_no_longer_counts() -> None:
    stage = Stage()

    def away(tasks: Sequence[str]) -> None:
        raise ConnectionError("PostgreSQL is away")

    stage.watched._give_up = away
    assert stage.after(TRIES * PATIENCE_S + 4 * LOOK_EVERY_S)
    assert len(stage.results) == 1


def test_what_a_task_makes_counts_until_it_is_given_up_or_its_run_is_over() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(dg.GraphDefinition("job").to_job(), status=dg.DagsterRunStatus.STARTED)

        def why(step: str = "ranks", task: str = "task-0") -> str | None:
            return outdated(instance.get_run_by_id(run.run_id), step, task)

        assert why() is None
        instance.add_run_tags(run.run_id, {f"{GIVEN_UP}ranks": "task-0 task-1"})
        assert "another worker" in (why() or "")
        assert "another worker" in (why(task="task-1") or "")
        assert why(task="task-2") is None
        assert why(step="scorecard") is None
        instance.report_run_failed(run)
        assert why(task="task-2") == "its run is over"
    assert outdated(None, "ranks", "task-0") == "its run is over"


def test_a_worker_that_is_silent_for_less_is_not_given_up() -> None:
    stage = Stage()
    for _ in range(20):
        stage.workers = ()
        assert not stage.after(PATIENCE_S - 2 * LOOK_EVERY_S)
        stage.workers = (has("task-0"),)
        assert not stage.after(LOOK_EVERY_S)
    assert len(stage.results) == 1


def test_without_any_worker_the_run_ends_and_says_what_to_start() -> None:
    stage = Stage()
    assert stage.after(TRIES * PATIENCE_S + 4 * LOOK_EVERY_S)
    assert len(stage.results) == TRIES
    with pytest.raises(LostStepError, match="region-us"):
        stage.watched.get()


def test_a_broker_that_is_away_is_no_answer() -> None:
    stage = Stage()
    stage.workers = (has("task-0"),)
    stage.results[0].away = True
    assert not stage.after(3 * PATIENCE_S)
    stage.results[0].away, stage.results[0].done = False, True
    assert stage.watched.ready()
