"""Row checks about shares: single hits are normal, and found only when there are more of them than a share allows."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks.base import Conclusion, Hit, RowCheck
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.records import Record


class ShareCheck(RowCheck):
    """Passed as long as at most `allowed` of the rows are hit; kinds, examples and the share itself are reported all the same."""

    def __init__(
        self,
        name: CheckName,
        find: Callable[[Record], Iterable[Hit]],
        say: Callable[[int, int, Counter[str]], tuple[str, str]],
        *,
        allowed: float,
    ) -> None:
        """`say(hit, rows, kinds)` gives message and advice."""
        super().__init__(name, find, say)
        self._allowed = allowed

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """What was counted; nothing is found below the share that is allowed."""
        whole = super().conclude(corpus, scratch)
        share = whole.rows / self._total.rows if self._total.rows else 0.0
        whole = replace(whole, measures={"share": share, "allowed": self._allowed})
        return whole if share > self._allowed else replace(whole, rows=0, advice="")
