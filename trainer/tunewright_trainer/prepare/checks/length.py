"""Rows that would have to be cut: longer than the stage's maxLength, or than the model's context. Rows are never cut.

The length of a row is that of its longest example under the model's own chat template, prompt and longest answer together."""

from collections.abc import Sequence
from pathlib import Path

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import share_of
from tunewright_trainer.prepare.records import Record

Scan = list[tuple[int, int]]
"""(index in the batch, tokens) of the rows that are longer than the smallest limit of any stage."""


class LengthCheck:
    """Scans against the smallest limit, and concludes against that of the row's own stage."""

    name = CheckName.LENGTH

    def __init__(self, limits: dict[str, int | None]) -> None:
        """`limits` by stage; None where neither maxLength nor the model's context is known."""
        self._limits = limits
        self._smallest = min((limit for limit in limits.values() if limit is not None), default=None)
        self._long: list[tuple[int, int]] = []

    def scan(self, records: Sequence[Record]) -> Scan:
        """Look at each row's longest example."""
        if self._smallest is None:
            return []
        return [
            (index, record.rendered.longest)
            for index, record in enumerate(records)
            if record.rendered is not None and record.rendered.longest > self._smallest
        ]

    def absorb(self, scan: Scan, first: int) -> None:
        """Keep the candidates."""
        self._long += [(first + index, tokens) for index, tokens in scan]

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Rows over the limit of their stage, the longest first."""
        if self._smallest is None:
            return Conclusion(0, "neither maxLength nor the model's context is known", skipped=True)
        found = [
            (number, tokens, limit) for number, tokens in self._long if tokens > (limit := self._limit(corpus, number))
        ]
        worst = sorted(found, key=lambda item: (-item[1], item[0]))[:MOST_EXAMPLES]
        return Conclusion(
            rows=len(found),
            message=_message(found, len(corpus), self._smallest),
            advice="Shorten them or split them at the source, raise hyperparameters.maxLength as far as the model's context allows, or set data.checks.length to Fix, which leaves them out."
            if found
            else "",
            places=tuple(Place(number, note=f"{tokens} tokens, at most {limit}") for number, tokens, limit in worst),
            measures={"longest": float(worst[0][1])} if worst else {},
            leave_out=[number for number, _, _ in found],
        )

    def _limit(self, corpus: Corpus, number: int) -> int:
        limit = self._limits.get(corpus.stages[corpus.stage[number]])
        return limit if limit is not None else 2**63


def _message(found: list[tuple[int, int, int]], rows: int, smallest: int) -> str:
    if not found:
        return f"no row is longer than {smallest} tokens; none would be cut"
    limits = sorted({limit for _, _, limit in found})
    return f"{share_of(len(found), rows)} are longer than {' or '.join(map(str, limits))} tokens, the longest has {max(tokens for _, tokens, _ in found)}; rows are never cut"


def make(context: CheckContext) -> LengthCheck:
    """The check, with the limit of each stage: maxLength or the model's context, whichever is less."""
    limits: dict[str, int | None] = {}
    for stage in context.spec.stages:
        given = stage.hyperparameters.max_length if stage.hyperparameters else None
        known = [limit for limit in (given, context.context_length) if limit]
        limits[stage.name] = min(known, default=None)
    return LengthCheck(limits)
