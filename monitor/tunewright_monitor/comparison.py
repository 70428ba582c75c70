"""Brings reference and traffic together for one comparison, and remembers what need not be read twice."""

from pathlib import Path

from tunewright_api.adapter_monitor import Drift
from tunewright_api.sketch import ReferenceSketch
from tunewright_api.storage import Storage
from tunewright_monitor.drift import Verdict, judge
from tunewright_monitor.reference import read_reference
from tunewright_monitor.storage import StorageError, open_reader
from tunewright_monitor.traffic import TrafficReader, Window


class Comparison:
    """Compares the newest traffic of one adapter with its reference, as often as it is asked to. Blocks on storage."""

    def __init__(self, adapter_uri: str, drift: Drift, storage: Storage, secrets: Path) -> None:
        self._adapter_uri, self._drift, self._storage, self._secrets = adapter_uri, drift, storage, secrets
        self._reference: ReferenceSketch | None = None
        self._traffic: TrafficReader | None = None

    def make(self) -> tuple[Window, Verdict]:
        """One comparison. Raises StorageError when it cannot be made."""
        try:
            # A published adapter never changes, so its reference is read once.
            self._reference = self._reference or read_reference(
                open_reader(self._adapter_uri, self._storage, self._secrets), self._adapter_uri
            )
            self._traffic = self._traffic or TrafficReader(
                open_reader(self._drift.traffic_uri, self._storage, self._secrets), self._drift.traffic_uri
            )
            window = self._traffic.newest(self._drift.window_samples)
        except StorageError:
            # The Secret may have been rotated: sign in anew at the next attempt.
            self._traffic = None
            raise
        return window, self._explained(window, judge(self._reference, window.signals, self._drift))

    def _explained(self, window: Window, verdict: Verdict) -> Verdict:
        message = verdict.message
        if verdict.detected is None:
            message = f"{self._drift.traffic_uri}: {message}"
        if window.rejected:
            message += f"; {window.rejected} lines were passed over because they are not {{prompt, response}} rows of two texts"
        return Verdict(verdict.results, verdict.detected, message)
