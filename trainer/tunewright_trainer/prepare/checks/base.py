"""What every check is made of: it scans batches in worker processes, absorbs what they found in order, and concludes once.

A scan is small (counts, hashes, a few places), so that memory is flat in the number of rows; what must grow with the rows
is kept in the columns of the corpus, or spilled to scratch."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.records import Record

MOST_KINDS = 64


@dataclass(frozen=True)
class CheckContext:
    """What a check may know besides the rows."""

    spec: FineTuneJobSpec
    context_length: int | None = None
    """Longest sequence the model was made for; None without a model."""
    workers: int = 1
    """Processes that a check may use in `conclude`."""
    spill: Path | None = None
    """Folder for what `absorb` must put aside because it grows with the rows, the parent's only; None keeps it in memory."""


@dataclass(frozen=True)
class Place:
    """One found row, by its number in the corpus."""

    number: int
    field: str = ""
    note: str = ""
    """Quotes nothing of the row, unless masked."""


@dataclass(frozen=True)
class Conclusion:
    """What a check has to say, whatever is then done about it."""

    rows: int
    """Rows found; none means that the check is passed."""
    message: str
    """The sentence that matters, for findings and for none alike."""
    advice: str = ""
    kinds: dict[str, int] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    """The first, or the worst; at most 20."""
    measures: dict[str, float] = field(default_factory=dict)
    leave_out: frozenset[int] | Sequence[int] = frozenset()
    """Numbers of the rows that a Fix leaves out of every part (or, for contamination, out of training)."""
    files: tuple[Path, ...] = ()
    """Files that the check has written for people; they are put beside the report."""
    skipped: bool = False
    """There was nothing to look at; `message` says what it would need."""


class Check(Protocol):
    """One question about the rows. Instances are made once in the parent and once in each worker."""

    name: CheckName

    def scan(self, records: Sequence[Record]) -> Any:
        """In a worker: what `absorb` needs to know of a batch. Small, and picklable."""
        ...

    def absorb(self, scan: Any, first: int) -> None:
        """In the parent: take in a batch whose first record has this number; batches come in order."""
        ...

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """In the parent, once, after the last batch: what was found. `scratch` is an empty folder of its own."""
        ...


class Mender(Protocol):
    """What the Fix of a check does to the text of a row, before any check sees it."""

    def __call__(self, record: Record) -> tuple[Record, int]:
        """The record with its texts mended, and how many places were."""
        ...


@dataclass(frozen=True)
class Hit:
    """Something found in one row by itself."""

    kind: str
    field: str = ""
    note: str = ""


@dataclass
class RowScan:
    """What a worker tells of the rows of one batch."""

    rows: int = 0
    found: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    places: list[tuple[int, Hit]] = field(default_factory=list)
    """The first hits, by index in the batch."""
    indices: list[int] = field(default_factory=list)
    """All rows that were hit, by index in the batch."""


class RowCheck:
    """A check of each row by itself: `find` names what is the matter, the rest is counting."""

    def __init__(
        self,
        name: CheckName,
        find: Callable[[Record], Iterable[Hit]],
        say: Callable[[int, int, Counter[str]], tuple[str, str]],
        *,
        can_leave_out: bool = False,
    ) -> None:
        """`say(found, rows, kinds)` gives message and advice."""
        self.name = name
        self._find = find
        self._say = say
        self._can_leave_out = can_leave_out
        self._total = RowScan()
        self._numbers: list[int] = []

    def scan(self, records: Sequence[Record]) -> RowScan:
        """Look at each row."""
        scan = RowScan(rows=len(records))
        for index, record in enumerate(records):
            hits = list(self._find(record))
            if not hits:
                continue
            scan.found += 1
            scan.kinds.update({hit.kind for hit in hits})
            scan.indices.append(index)
            if len(scan.places) < MOST_EXAMPLES:
                scan.places.append((index, hits[0]))
        return scan

    def absorb(self, scan: RowScan, first: int) -> None:
        """Add up."""
        total = self._total
        total.rows += scan.rows
        total.found += scan.found
        total.kinds.update(scan.kinds)
        total.places += [(first + index, hit) for index, hit in scan.places[: MOST_EXAMPLES - len(total.places)]]
        if self._can_leave_out:
            self._numbers += [first + index for index in scan.indices]

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """What was counted, in words."""
        total = self._total
        message, advice = self._say(total.found, total.rows, total.kinds)
        return Conclusion(
            rows=total.found,
            message=message,
            advice=advice if total.found else "",
            kinds=dict(total.kinds.most_common(MOST_KINDS)),
            places=tuple(Place(number, hit.field, hit.note) for number, hit in total.places),
            leave_out=self._numbers,
        )
