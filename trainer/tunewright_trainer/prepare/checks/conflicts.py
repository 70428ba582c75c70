"""The same prompt with different answers.

Definition: rows of one stage whose prompts, system messages and tools are equal but for case, white space and characters that cannot be seen (`unseen.py`), and whose answers are not.
A conversation counts with all that stands before its last answer. Rows without a prompt, preference pairs and rated answers are not looked
at: several answers to one prompt are what those are for (`preferences` finds the ones that contradict each other).
It cannot tell two good answers from a good and a wrong one, and does not see that two prompts mean the same."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import counted, one_or_many
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.batch import batch_of
from tunewright_trainer.prepare.similarity.classes import is_left_out
from tunewright_trainer.prepare.similarity.spill import Spill
from tunewright_trainer.prepare.similarity.words import Hashes, Numbers

_NOT_LOOKED_AT = np.uint64(0)


class Conflicts:
    """Digests of prompt and answer, sorted once."""

    name = CheckName.CONFLICTS

    def __init__(self, folder: Path | None) -> None:
        self._prompts = Spill(folder, np.uint64)
        self._answers = Spill(folder, np.uint64)

    def scan(self, records: Sequence[Record]) -> tuple[Hashes, Hashes]:
        """Digests of each row's prompt (0 where it is not looked at) and answer."""
        batch = batch_of(records)
        looked_at = np.array([_has_one_answer(record) for record in records], bool)
        return np.where(looked_at, batch.prompt_digests, _NOT_LOOKED_AT), batch.answer_digests

    def absorb(self, scan: tuple[Hashes, Hashes], first: int) -> None:
        """Keep them."""
        for column, values in zip((self._prompts, self._answers), scan, strict=True):
            column.append(values)

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """All rows of prompts that have several answers."""
        prompts, answers = self._prompts.read(), self._answers.read()
        self._prompts.discard()
        self._answers.discard()
        looked_at = np.flatnonzero((prompts != _NOT_LOOKED_AT) & ~is_left_out(corpus))
        if not len(looked_at):
            return Conclusion(0, "No row has a prompt and one answer to it", skipped=True)
        stages = corpus.column("stage")[looked_at]
        order = looked_at[np.lexsort((looked_at, stages, prompts[looked_at]))]
        found, firsts = _conflicting(order, prompts, answers, corpus.column("stage"))
        groups = len(np.unique(firsts))
        others = _others(found, firsts, answers)
        pairs = sorted(zip(found.tolist(), others.tolist(), strict=True))
        return Conclusion(
            rows=len(found),
            message=_message(len(found), groups),
            advice="Keep the answer that is right, or add to the prompts what the answers depend on." if groups else "",
            places=tuple(
                Place(row, note=f"another answer than {corpus.place(other)}") for row, other in pairs[:MOST_EXAMPLES]
            ),
            measures={"prompts": float(groups)},
        )


def _conflicting(
    order: Numbers, prompts: Hashes, answers: Hashes, stages: NDArray[np.uint8]
) -> tuple[Numbers, Numbers]:
    """Rows of groups with several answers, and the first row of the group of each; `order` brings groups together."""
    new = np.concatenate(([True], (np.diff(prompts[order]) != 0) | (np.diff(stages[order].astype(np.int16)) != 0)))
    group = np.cumsum(new) - 1
    firsts = order[new][group]
    has_several = np.bincount(group, weights=answers[order] != answers[firsts]) > 0
    chosen = has_several[group]
    return order[chosen], firsts[chosen]


def _others(found: Numbers, firsts: Numbers, answers: Hashes) -> Numbers:
    """For each row a row of its group with another answer: the first of the group, or for those that say the same the first that does not."""
    differs = answers[found] != answers[firsts]
    groups, places = np.unique(firsts[differs], return_index=True)
    first_other = found[differs][places]
    return np.where(differs, firsts, first_other[np.searchsorted(groups, firsts)]) if len(found) else found


def _has_one_answer(record: Record) -> bool:
    example = record.examples[-1]
    names = set(example.answers) or ({"answer"} if "answer" in example.extra else set())
    return bool(example.prompt) and names in ({"completion"}, {"answer"}) and "label" not in example.extra


def _message(rows: int, prompts: int) -> str:
    if not rows:
        return "No prompt has different answers"
    return f"{counted(prompts, 'prompt')} {one_or_many(prompts, 'has', 'have')} different answers, in {counted(rows, 'row')}"


def make(context: CheckContext) -> Conflicts:
    """The check."""
    return Conflicts(context.spill)
