"""Writes observations into the report that the operator pulls. Pure: a report in, a report out."""

from collections.abc import Sequence

from tunewright_api.adapter_monitor import MonitorReport
from tunewright_monitor.drift import Verdict
from tunewright_monitor.probe import ADAPTER, ModelRound

LONGEST_MESSAGE = 1024


def with_round(report: MonitorReport, rounds: Sequence[ModelRound]) -> MonitorReport:
    """The report after a round of probes. Reachable means that the adapter answered; the base is only the control."""
    adapter = next(each for each in rounds if each.role == ADAPTER)
    return report.model_copy(
        update={
            "latency": [each.latency for each in rounds],
            "reachable": bool(adapter.answers),
            "reachable_message": "; ".join(each.sentence for each in rounds)[:LONGEST_MESSAGE],
        }
    )


def with_verdict(report: MonitorReport, verdict: Verdict, at: str) -> MonitorReport:
    """The report after a comparison."""
    return report.model_copy(
        update={
            "drift": list(verdict.results),
            "drift_detected": verdict.detected,
            "drift_message": verdict.message[:LONGEST_MESSAGE],
            "evaluated_at": at,
        }
    )


def with_drift_failure(report: MonitorReport, reason: str) -> MonitorReport:
    """The report after a comparison that could not be made: nothing is known any more, and `evaluated_at` says since when."""
    return report.model_copy(update={"drift": [], "drift_detected": None, "drift_message": reason[:LONGEST_MESSAGE]})
