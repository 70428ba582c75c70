"""A FineTuneJob and its events as a text that reads from top to bottom: what is, what was, and why."""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tunewright_api.conditions import Condition, ConditionType, find
from tunewright_api.status import AttemptRecord, FineTuneJobStatus, StepState, StepStatus

WIDTH = 110
MOST_EVENTS = 20
LEADING = (ConditionType.FINISHED, ConditionType.SUSPENDED, ConditionType.STALLED, ConditionType.RECONCILING)
"""The first of them that is True speaks for the run; see docs/status-messages.md."""


@dataclass(frozen=True)
class Told:
    """One event."""

    moment: str
    reason: str
    message: str


def parse_status(body: dict[str, Any]) -> FineTuneJobStatus:
    """The status of an object, or none if it is of another version."""
    try:
        return FineTuneJobStatus.model_validate(body.get("status") or {})
    except ValidationError:
        return FineTuneJobStatus()


def parse_events(bodies: Iterable[dict[str, Any]]) -> list[Told]:
    """The newest last."""
    told = [
        Told(str(body.get("lastTimestamp") or ""), str(body.get("reason") or ""), str(body.get("message") or ""))
        for body in bodies
    ]
    return sorted(told, key=lambda event: event.moment)[-MOST_EVENTS:]


def story(body: dict[str, Any], events: list[Told]) -> str:
    """All of it."""
    status, metadata = parse_status(body), body["metadata"]
    parts = [
        [f"FineTuneJob {metadata['name']} in namespace {metadata['namespace']}: {status.phase or 'Pending'}"],
        [*_wrapped(_leading(status))],
        _titled("Run", _run(body, status)),
        _titled("Steps", [_step(step) for step in status.steps]),
        _titled("Attempts that are over", [line for record in status.attempts for line in _attempt(record)]),
        _titled("Checkpoints", [f"{c.step}  step {c.global_step}  {c.uri}" for c in status.checkpoints]),
        _titled("Result", _result(status)),
        _titled("What went wrong", _failure(status)),
        _titled("Conditions", [_condition(condition) for condition in status.conditions]),
        _titled("Events", [line for event in events for line in _event(event)]),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _titled(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def _wrapped(text: str, indent: str = "") -> Iterator[str]:
    """Long words stay whole: a URI that was cut cannot be copied."""
    yield from textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [
        ""
    ]


def _leading(status: FineTuneJobStatus) -> str:
    found = (find(status.conditions, type_) for type_ in LEADING)
    first = next((condition for condition in found if condition is not None and condition.status == "True"), None)
    return first.message if first else "The operator has not looked at it yet. If that lasts, check that it runs."


def _run(body: dict[str, Any], status: FineTuneJobStatus) -> list[str]:
    if status.run_id is None:
        return []
    ended = f", over since {status.completion_time}" if status.completion_time else ""
    lines = [f"{status.run_id}, begun {status.start_time}{ended}"]
    if resume := body["spec"].get("resumeFrom"):
        lines.append(f"from {resume}")
    if status.suspended_seconds:
        lines.append(f"suspended for {status.suspended_seconds} s so far, which no deadline counts")
    for stage in status.resolved.stages if status.resolved else []:
        chosen = ", ".join(f"{value.name} {value.value}" for value in stage.hyperparameters)
        lines += _wrapped(f"{stage.name}: {stage.method}; {chosen}", "  ")
    if data := status.dataset:
        lines.append(
            f"{data.rows} rows: {data.train} to train on, {data.validation} to watch, {data.test} to evaluate with"
        )
    return lines


def _step(step: StepStatus) -> str:
    if step.state is StepState.WAITING:
        return f"{step.name:<18} not begun in this run"
    retries = ", ".join(f"{count} x {failure}" for failure, count in step.retries.items())
    times = " to ".join(filter(None, (step.start_time, step.finish_time)))
    notes = [
        f"attempt {step.attempt}",
        times,
        f"tried again after {retries}" if retries else "",
        f"keeps away from {', '.join(step.excluded_nodes)}" if step.excluded_nodes else "",
    ]
    return f"{step.name:<18} {step.state:<10} {'; '.join(filter(None, notes))}"


def _attempt(record: AttemptRecord) -> list[str]:
    what = f"{record.step} {record.attempt}"
    code = f", exit code {record.exit_code}" if record.exit_code else ""
    node = f" on {record.node}" if record.node else ""
    failure = f" {record.failure_class}" if record.failure_class else ""
    why = f": {record.message}" if record.message else ""
    line = f"{record.finished or '':<20}  {what:<18} {record.outcome}{failure}{node}{code}{why}"
    return [*_wrapped(line, " " * 22), *(f"{'':<22}| {told}" for told in record.log.splitlines())]


def _result(status: FineTuneJobStatus) -> list[str]:
    lines = [
        f"{metric.name:<20} base {metric.base:8.4f}   tuned {metric.tuned:8.4f}   {metric.difference:+.4f} ({metric.low:+.4f} to {metric.high:+.4f})  {metric.verdict}"
        for metric in (status.evaluation.metrics if status.evaluation else [])
    ]
    return [*lines, *([f"adapter at {status.adapter.uri}"] if status.adapter else [])]


def _failure(status: FineTuneJobStatus) -> list[str]:
    if status.failure is None:
        return []
    return [
        *_wrapped(f"{status.failure.failure_class}: {status.failure.message}", "  "),
        *_wrapped(status.failure.hint),
    ]


def _condition(condition: Condition) -> str:
    return f"{condition.type:<12} {condition.status:<7} since {condition.last_transition_time}  {condition.reason}"


def _event(event: Told) -> list[str]:
    return list(_wrapped(f"{event.moment:<20}  {event.reason:<18} {event.message}", " " * 41))
