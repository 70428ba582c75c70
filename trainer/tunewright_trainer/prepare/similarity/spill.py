"""A column that grows with the rows, on scratch: fixed-size values, appended batch by batch, read back once."""

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_serial = count()


class Spill:
    """Values of one type. Without a folder they are kept in memory: for tests and small tools."""

    def __init__(self, folder: Path | None, dtype: type[np.generic]) -> None:
        self._dtype = dtype
        # Workers make instances too, and never append: nothing is created before the first value.
        self._path = None if folder is None else folder / f"column-{next(_serial)}"
        self._mode = "wb"
        self._kept: list[NDArray[Any]] = []

    def append(self, values: NDArray[Any]) -> None:
        """Add the values of one batch."""
        values = np.ascontiguousarray(values, self._dtype)
        if self._path is None:
            self._kept.append(values)
            return
        with self._path.open(self._mode) as file:
            file.write(values.tobytes())
        self._mode = "ab"

    def read(self) -> NDArray[Any]:
        """All values, in the order of the rows."""
        if self._path is None:
            return np.concatenate([np.empty(0, self._dtype), *self._kept])
        return np.fromfile(self._path, self._dtype) if self._mode == "ab" else np.empty(0, self._dtype)

    def discard(self) -> None:
        """Give the room back."""
        self._kept.clear()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
