"""A Dagster logger for people at a terminal: one line a step, nothing of the machinery."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from tokenarena_assets.report.terminal import plain_lines

MEND = "\n  mend: "


class _ProgressHandler(logging.Handler):
    def __init__(self, *, only_problems: bool) -> None:
        super().__init__(logging.DEBUG)
        self._only_problems = only_problems
        self._steps = 0

    def emit(self, record: logging.LogRecord) -> None:
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        line = self._user_line(record, meta) if event is None else self._event_line(event)
        if line:
            print(plain_lines(line), file=sys.stderr, flush=True)

    def tell(self, event: Any) -> None:
        """A line of an event that no logger of this process saw."""
        if line := self._event_line(event):
            print(line, file=sys.stderr, flush=True)

    def _user_line(self, record: logging.LogRecord, meta: dict[str, Any]) -> str | None:
        text = str(meta.get("orig_message", record.getMessage()))
        least = logging.WARNING if self._only_problems else logging.INFO
        if record.levelno < least or text.startswith("Dependencies for step"):
            return None
        return "\n".join("      " + line for line in text.splitlines())

    def _event_line(self, event: Any) -> str | None:
        kind = event.event_type_value
        if kind == "STEP_SUCCESS" and not self._only_problems:
            self._steps += 1
            seconds = event.step_success_data.duration_ms / 1000
            return f"  {self._steps:>3}  {event.step_key:<24} {seconds:6.1f} s"
        if kind == "ASSET_CHECK_EVALUATION":
            result = event.event_specific_data
            is_warning = result.severity == dg.AssetCheckSeverity.WARN
            if not result.passed and not (is_warning and self._only_problems):
                name = f"{result.asset_key.to_user_string()}: {result.check_name}"
                what = "warning" if is_warning else "check failed"
                return f"   !   {what}: {name}: {result.description}"
        if kind == "STEP_FAILURE":
            error = event.step_failure_data.error
            while error.cause is not None and MEND not in error.message:  # what is in words says more than its cause
                error = error.cause
            return f"   !   {event.step_key} failed: {error.message.strip()}"
        return None


def progress_of(run_config: Mapping[str, Any]) -> Callable[[Any], None]:
    """Tells of the events of steps that ran elsewhere, where a run has the logger below; else nothing."""
    config = (run_config.get("loggers") or {}).get("progress")
    if config is None:
        return lambda _: None
    handler = _ProgressHandler(only_problems=bool((config.get("config") or {}).get("only_problems")))
    return handler.tell


@dg.logger(
    {"only_problems": dg.Field(bool, default_value=False, description="Tell only of what failed.")},
    description="One line a step, for people at a terminal.",
)
def progress_logger(init_context: dg.InitLoggerContext) -> logging.Logger:
    """The logger that the command line selects for its runs."""
    logger = logging.getLogger("tokenarena.progress")
    only_problems = bool(init_context.logger_config["only_problems"])
    logger.handlers = [_ProgressHandler(only_problems=only_problems)]
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger
