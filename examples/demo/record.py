"""Records traffic as JSONL objects of {prompt, response} rows: what an AdapterMonitor reads."""

import json
import logging
import threading
from datetime import UTC, datetime

from tunewright_api.storage import Storage
from tunewright_trainer.shell.errors import StepError
from tunewright_trainer.shell.storage import ObjectStore, open_store

MOST_ROWS_KEPT = 10_000
logger = logging.getLogger("serve")


class Record:
    """Rows wait in memory until there are enough for an object. Names sort by time."""

    def __init__(self, store: ObjectStore, prefix: str, rows_an_object: int) -> None:
        self._store, self._prefix, self._rows_an_object = store, prefix.rstrip("/"), rows_an_object
        self._rows: list[dict[str, str]] = []
        self._lock = threading.Lock()

    def add(self, prompt: str, response: str) -> None:
        """Take a row; every so many rows make an object."""
        with self._lock:
            self._rows.append({"prompt": prompt, "response": response})
            full = len(self._rows) >= self._rows_an_object
        if full:
            self.flush()

    def flush(self) -> int:
        """Write what waits; the number of rows. They go on waiting when storage does not answer."""
        with self._lock:
            if not self._rows:
                return 0
            data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self._rows).encode()
            name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            try:
                self._store.write(f"{self._prefix}/{name}.jsonl", data)
            except StepError as error:
                logger.warning("Traffic was not recorded: %s", error)
                del self._rows[:-MOST_ROWS_KEPT]
                return 0
            written, self._rows = len(self._rows), []
            return written


def open_record(uri: str, endpoint: str | None, rows_an_object: int) -> Record:
    """A record in object storage (credentials from the AWS_... variables) or in a folder (file://)."""
    return Record(open_store(Storage(endpoint=endpoint), None), uri, rows_an_object)
