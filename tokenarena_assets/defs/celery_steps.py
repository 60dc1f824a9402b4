"""Steps on Celery workers, each watched: one whose worker is lost is given to another, and no run waits for ever.

dagster-celery waits for a result until it comes; a worker that was killed, or a broker that forgot its queue, would
hang the run. Here each wait asks the workers every few seconds what they have. A step that none of them has for
`PATIENCE_S` is submitted once more, and fails the run after `TRIES`. That is safe because a step is: partitions are
replaced whole, a round is run once for a run, and a worker that comes back late with a step that was given to another
does not write it: the run names the tries that were given up, and each is looked up before a partition is put in place.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import dagster as dg
from celery import Celery, current_task
from celery.result import AsyncResult
from dagster._core.execution.retries import RetryMode
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import unpack_value
from dagster_celery.core_execution_loop import core_celery_execution_loop
from dagster_celery.executor import CELERY_CONFIG, CeleryExecutor, _submit_task
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task
from kombu import Queue

from tokenarena_assets.cluster.services import celery_config
from tokenarena_assets.defs.progress import progress_of
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.fence import ask_before_writing

STEPS_QUEUE = "dagster"
PATIENCE_S = 30.0  # of a worker that says nothing: a restart of Redis and a short cut of the network are shorter
LOOK_EVERY_S = 3.0
ANSWER_WITHIN_S = 2.0
TRIES = 3
GIVEN_UP = "tokenarena/given-up/"  # and the step: a tag of the run that names the tasks which no longer count
# A broker that restarts: a submission or a look waits that long for it.
TRANSPORT = {"max_retries": 20, "interval_start": 0, "interval_step": 0.2, "interval_max": 2.0}
SETTINGS = {
    "broker_transport_options": TRANSPORT,
    "result_backend_transport_options": {"retry_policy": {"timeout": 5.0}},
    "broker_connection_retry_on_startup": True,
    "redis_socket_keepalive": True,
    "redis_retry_on_timeout": True,
    # What a worker had when it lost the broker it goes on with: it is done sooner than done again.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "task_track_started": True,
    "result_expires": 86_400,
}


def work(name: str, queues: Sequence[str], steps: int) -> None:
    """Take steps from `queues`, at most `steps` at once, until a signal ends it."""
    app = make_app(CeleryExecutor.for_cli(**settings()).app_args())
    create_task(app)
    ask_before_writing(_why_it_counts_no_more)  # processes of the pool are forked from this one
    app.conf.task_queues = [*app.conf.task_queues, *(Queue(queue) for queue in queues if queue != STEPS_QUEUE)]
    app.worker_main(
        ["worker", f"--hostname={name}", f"--queues={','.join(queues)}", f"--concurrency={steps}",
         "--prefetch-multiplier=1", "--loglevel=INFO", "--without-gossip", "--without-mingle"]
    )  # fmt: skip


def _why_it_counts_no_more() -> str | None:
    request = current_task.request
    args = unpack_value(request.kwargs["execute_step_args_packed"], as_type=ExecuteStepArgs)
    (step,) = args.step_keys_to_execute or ()
    assert args.instance_ref is not None  # dagster-celery sends it with each step
    instance = _instances.get(repr(args.instance_ref))
    if instance is None:
        instance = _instances[repr(args.instance_ref)] = dg.DagsterInstance.from_ref(args.instance_ref)
    return outdated(instance.get_run_by_id(args.run_id), step, request.id)


# For the life of a worker's process, of which a new one takes many round trips to PostgreSQL; there is but one.
_instances: dict[str, dg.DagsterInstance] = {}


def outdated(run: dg.DagsterRun | None, step: str, task: str) -> str | None:
    """Why what a task has made of a step must not be written any more; None: it counts."""
    if run is None or run.is_finished:
        return "its run is over"
    if task in run.tags.get(f"{GIVEN_UP}{step}", "").split():
        return "the step was given to another worker meanwhile"
    return None


# dagster-celery makes its one task anew for each submission, and Celery warns of it each time.
warnings.filterwarnings("ignore", message="Task name 'execute_plan' is already registered")


class LostStepError(TokenArenaError):
    """A step was given to workers and none of them has it any more."""


def settings() -> dict[str, Any]:
    """Configuration of Celery, the same for who submits and who works."""
    return {**celery_config(), "config_source": SETTINGS}


def executor() -> dg.ExecutorDefinition:
    """Steps on Celery workers, with the broker and backend that the environment names."""
    return _watched.configured(settings())


@dg.executor(
    name="celery",
    config_schema=CELERY_CONFIG,
    requirements=dg.multiple_process_executor_requirements(),
)
def _watched(init_context: dg.InitExecutorContext) -> dg.Executor:
    config: Any = init_context.executor_config
    return _WatchedCelery(
        broker=config.get("broker"),
        backend=config.get("backend"),
        config_source=config.get("config_source"),
        include=config.get("include"),
        retries=RetryMode.from_config(config["retries"]),
    )


class _WatchedCelery(CeleryExecutor):  # type: ignore[misc]
    def execute(self, plan_context: Any, execution_plan: Any) -> Any:
        """Run a plan, each step watched."""
        with WorkerWatch(make_app(self.app_args())) as watch:

            def submit(app: Celery, context: Any, step: Any, queue: str, *args: Any) -> Watched:
                return Watched(
                    queue,
                    lambda: _submit_task(app, context, step, queue, *args),
                    lambda: watch.latest,
                    lambda tasks: context.instance.add_run_tags(
                        context.run_id, {f"{GIVEN_UP}{step.key}": " ".join(tasks)}
                    ),
                )

            show = progress_of(plan_context.dagster_run.run_config)
            for event in core_celery_execution_loop(plan_context, execution_plan, step_execution_fn=submit):
                show(event)  # workers log where they are
                yield event


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker said: the queues that it listens to, and the ids of the tasks that it has."""

    queues: frozenset[str]
    has: frozenset[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the workers that answered had, and when they were asked."""

    at: float
    workers: tuple[Worker, ...] = ()


class WorkerWatch:
    """Asks the workers every few seconds, beside the loop that waits for results."""

    def __init__(self, app: Celery) -> None:
        self._app, self._ended = app, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.latest = Seen(time.monotonic())

    def __enter__(self) -> WorkerWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            asked = time.monotonic()
            try:
                found = self._ask()
            except Exception:  # a broker that is away has many names for it; nobody answered
                found = ()
            self.latest = Seen(asked, found)

    def _ask(self) -> tuple[Worker, ...]:
        inspect = self._app.control.inspect(timeout=ANSWER_WITHIN_S)
        queues, active, reserved = inspect.active_queues() or {}, inspect.active() or {}, inspect.reserved() or {}
        return tuple(
            Worker(
                frozenset(queue["name"] for queue in listened),
                frozenset(task["id"] for task in (*active.get(name, ()), *reserved.get(name, ()))),
            )
            for name, listened in queues.items()
        )


class Watched:
    """The result of a step that may have to be submitted again; as much of `AsyncResult` as the loop asks for."""

    def __init__(
        self,
        queue: str,
        submit: Callable[[], AsyncResult],
        seen: Callable[[], Seen],
        give_up: Callable[[Sequence[str]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Submit the step; a broker that is restarting is waited for.

        `give_up` is told the tasks that no longer count, all so far, before the step is given to another worker.

        Raises:
            Exception: the broker's own, after `PATIENCE_S`.
        """
        self._queue, self._submit, self._seen, self._give_up, self._clock = queue, submit, seen, give_up, clock
        self._given_up: list[str] = []
        self._result = _patiently(submit)
        self._tries = 1
        self._last_seen = clock()
        self._lost: LostStepError | None = None

    def ready(self) -> bool:
        """Whether there is a result, or none can come any more."""
        with suppress(Exception):  # the broker is away; the wait has an end all the same
            if self._result.ready():
                return True
        seen = self._seen()
        if seen.at >= self._last_seen and self._somebody_has_it(seen):
            self._last_seen = seen.at
        elif self._clock() - self._last_seen >= PATIENCE_S:
            self._submit_again()
        return self._lost is not None

    def _somebody_has_it(self, seen: Seen) -> bool:
        """Whether a worker has the step, or one that listens to its queue is busy with others before it."""
        return any(
            self._result.id in worker.has or (self._queue in worker.queues and worker.has) for worker in seen.workers
        )

    def _submit_again(self) -> None:
        if self._tries >= TRIES:
            self._lost = LostStepError(
                f"no worker had the step for {PATIENCE_S:g} s, {TRIES} times over",
                mend=f"start a worker that listens to the queue {self._queue} (tokenarena worker), then run again",
            )
            return
        self._tries += 1
        self._last_seen = self._clock()
        with suppress(Exception):  # the broker is away, or the storage of runs: the next turn tries again
            if self._result.id not in self._given_up:
                self._given_up.append(self._result.id)
            self._give_up(self._given_up)
            self._result.revoke()
            self._result = self._submit()

    def get(self) -> Any:
        """The events of the step.

        Raises:
            LostStepError: no worker has it any more.
        """
        if self._lost is not None:
            raise self._lost
        return self._result.get()

    def revoke(self) -> None:
        """Ask the workers to leave it."""
        self._result.revoke()


def _patiently(submit: Callable[[], AsyncResult]) -> AsyncResult:
    ends, wait = time.monotonic() + PATIENCE_S, 0.2
    while True:
        try:
            return submit()
        except Exception:
            if time.monotonic() + wait > ends:
                raise
        time.sleep(wait)
        wait = min(2.0, wait * 2)
