"""SIGTERM sets a flag and nothing else; whoever works looks at it between two pieces of work."""

import signal
import threading
from types import FrameType

_stop = threading.Event()


def install() -> None:
    """Let SIGTERM set the flag, for the whole process."""
    signal.signal(signal.SIGTERM, _on_signal)


def _on_signal(number: int, frame: FrameType | None) -> None:
    _stop.set()


def request_stop() -> None:
    """As if SIGTERM had come."""
    _stop.set()


def clear() -> None:
    """Forget an earlier request, before the next step of the same process."""
    _stop.clear()


def stop_requested() -> bool:
    """Whether the step should save and end."""
    return _stop.is_set()
