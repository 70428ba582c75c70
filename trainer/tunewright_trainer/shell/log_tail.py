"""Keeps the last lines of the log for whoever asks why an attempt failed when its pod is gone. No row contents, no messages of foreign errors, no secrets."""

import logging
import traceback
from collections import deque
from datetime import UTC, datetime

from tunewright_api.redaction import redacted

LINES = 12
LONGEST_LINE = 160
LONGEST_TEXT = 900
FRAMES = 4
OURS = "tunewright_trainer"


class LogTail(logging.Handler):
    """Our own lines, and what libraries warn of."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, and where an error came from."""
        if not record.name.startswith(OURS) and record.levelno < logging.WARNING:
            return
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        first = (record.getMessage().splitlines() or [""])[0]
        self._keep(f"{moment} {record.levelname} {first}")
        if record.exc_info and record.exc_info[2]:
            for frame in traceback.extract_tb(record.exc_info[2])[-FRAMES:]:
                self._keep(f"  {'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} in {frame.name}")

    def _keep(self, line: str) -> None:
        self._lines.append(redacted(line)[:LONGEST_LINE])

    def text(self) -> str:
        """The last lines, the newest last, as many as fit."""
        kept: list[str] = []
        for line in reversed(self._lines):
            if sum(len(other) + 1 for other in kept) + len(line) > LONGEST_TEXT:
                break
            kept.insert(0, line)
        return "\n".join(kept)
