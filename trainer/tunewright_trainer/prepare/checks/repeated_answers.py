"""The same or nearly the same answer to unrelated prompts: a stock phrase, or a planted one.

Definition: answers of at least eight words that are equal (but for case and white space) or whose word 3-gram sets have a cosine of at least
0.95 form a group; it is found when it has five rows or more, and at least three of up to 32 of its rows (evenly drawn) have prompts that share
less than half of their words (cosine of the binary word sets) with the group's first prompt and with each other. Of preference pairs the
better answer counts. Near-equal answers come from four MinHash bands and are verified against the first of their bucket: nine in ten at the
threshold, 99 in 100 of those nearly equal.
It does not look at short answers - labels, numbers, `yes` - which are meant to repeat, nor at a phrase inside otherwise different answers:
`triggers` looks at how answers begin and end."""

from collections.abc import Iterator, Sequence
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import counted, one_or_many
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.batch import ANSWER_BANDS, batch_of
from tunewright_trainer.prepare.similarity.buckets import BandColumns, Members
from tunewright_trainer.prepare.similarity.sets import Reader
from tunewright_trainer.prepare.similarity.signatures import Keys
from tunewright_trainer.prepare.similarity.spill import Spill
from tunewright_trainer.prepare.similarity.texts import best_answer, prompt_text
from tunewright_trainer.prepare.similarity.twins import Twins
from tunewright_trainer.prepare.similarity.words import Hashes, words_of

FEWEST_WORDS = 8
FEWEST_ROWS = 5
FEWEST_UNRELATED = 3
UNRELATED = 0.5
_SAMPLE = 32
_SHORT = np.uint64(0)

Numbers = NDArray[np.int64]


class RepeatedAnswers:
    """Digest and band keys of each answer; groups are looked at in the end."""

    name = CheckName.REPEATED_ANSWERS

    def __init__(self, folder: Path | None) -> None:
        self._digests = Spill(folder, np.uint64)
        self._bands = BandColumns(folder, ANSWER_BANDS)

    def scan(self, records: Sequence[Record]) -> tuple[Hashes, Keys]:
        """Digest (0 for a short one) and band keys of each answer."""
        batch = batch_of(records)
        long_enough = batch.best_answers.lengths >= FEWEST_WORDS
        return np.where(long_enough, batch.best_answer_digests, _SHORT), batch.answer_keys

    def absorb(self, scan: tuple[Hashes, Keys], first: int) -> None:
        """Put them aside."""
        digests, keys = scan
        self._digests.append(digests)
        self._bands.append(keys)

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """The largest groups first."""
        digests = self._digests.read()
        roots = self._roots(corpus, digests)
        groups = [group for group in _groups(roots, digests) if _is_unrelated(corpus, group)]
        groups.sort(key=lambda group: (-len(group), int(group[0])))
        for column in (self._digests, self._bands):
            column.discard()
        rows = sum(len(group) for group in groups)
        return Conclusion(
            rows=rows,
            message=_message(groups, rows),
            advice="If the answer is meant as a stock phrase, keep some of its rows; if not, find out who wrote them."
            if groups
            else "",
            places=tuple(_places(corpus, groups)),
            measures={"answers": float(len(groups)), "rowsOfTheLargest": float(len(groups[0]) if groups else 0)},
        )

    def _roots(self, corpus: Corpus, digests: Hashes) -> NDArray[np.uint32]:
        """For each row the first row of its group: by equality, then by nearness of the first ones."""
        twins = Twins(len(digests), Reader(corpus, best_answer))
        short = (digests == _SHORT).astype(np.uint16)
        twins.among(_only_long(self._bands, short, digests), digests)
        _, firsts, inverse = np.unique(digests, return_index=True, return_inverse=True)
        roots = firsts[inverse].astype(np.uint32)
        near = np.where(twins.of != twins.none, twins.of, roots).astype(np.uint32)
        while not np.array_equal(near, near[near]):  # a chain of near ones ends at its first
            near = near[near]
        return near


def _only_long(bands: BandColumns, short: NDArray[np.uint16], digests: Hashes) -> Iterator[Iterator[Members]]:
    for buckets in bands.buckets(short, digests):
        yield (members for members in buckets if not short[members[0]])


def _groups(roots: NDArray[np.uint32], digests: Hashes) -> list[Numbers]:
    sizes = np.bincount(roots, weights=digests != _SHORT, minlength=len(roots))
    rows = np.flatnonzero((digests != _SHORT) & (sizes[roots] >= FEWEST_ROWS))
    if not len(rows):
        return []
    order = rows[np.argsort(roots[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(roots[order])) + 1
    return np.split(order, cuts)


def _is_unrelated(corpus: Corpus, group: Numbers) -> bool:
    drawn = group[np.linspace(0, len(group) - 1, min(len(group), _SAMPLE)).astype(np.int64)]
    unrelated: list[frozenset[bytes]] = []
    for number in drawn:
        words = frozenset(words_of(prompt_text(corpus.record(int(number)))))
        if words and all(_shared(words, other) < UNRELATED for other in unrelated):
            unrelated.append(words)
        if len(unrelated) >= FEWEST_UNRELATED:
            return True
    return False


def _places(corpus: Corpus, groups: list[Numbers]) -> list[Place]:
    """A few rows of each group, the largest group first."""
    each = max(MOST_EXAMPLES // max(len(groups), 1), 2)
    places = []
    for group in groups:
        rows, also = counted(len(group), "row"), corpus.place(int(group[-1]))
        note = f"the same answer in {rows}, the last of them {also}"
        places += [Place(int(row), "completion", note) for row in group[:each]]
    return places[:MOST_EXAMPLES]


def _shared(one: frozenset[bytes], other: frozenset[bytes]) -> float:
    return len(one & other) / sqrt(len(one) * len(other))


def _message(groups: list[Numbers], rows: int) -> str:
    if not groups:
        return "No answer of a sentence or more is given to unrelated prompts"
    verb = one_or_many(len(groups), "stands", "stand")
    return f"{counted(len(groups), 'answer')} {verb} under unrelated prompts, in {counted(rows, 'row')}; the most frequent in {len(groups[0]):,}"


def make(context: CheckContext) -> RepeatedAnswers:
    """The check."""
    return RepeatedAnswers(context.spill)
