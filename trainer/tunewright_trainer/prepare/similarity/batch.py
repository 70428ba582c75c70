"""What several checks need of the same batch, made once: texts, hashed words, digests, band keys."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.grams import Grams, grams
from tunewright_trainer.prepare.similarity.signatures import Keys, band_keys
from tunewright_trainer.prepare.similarity.texts import (
    answer_surroundings,
    answer_text,
    best_answer,
    prompt_surroundings,
    prompt_text,
)
from tunewright_trainer.prepare.similarity.words import Hashes, Words, hash_words, offsets_of, text_digests

ANSWER_BANDS = 4
"""Of answers: enough to find nine in ten pairs at the threshold and 99 in 100 of those nearly equal, at half the cost."""


class Batch:
    """A view of the records of one batch; everything is computed at its first use."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records

    @cached_property
    def prompts(self) -> Words:
        """Words of the prompts, without system messages."""
        return hash_words([prompt_text(record) for record in self.records])

    @cached_property
    def answers(self) -> Words:
        """Words of all answers."""
        return hash_words([answer_text(record) for record in self.records])

    @cached_property
    def whole(self) -> Words:
        """Words of prompt and answers: each row's prompt before its answers."""
        prompts, answers = self.prompts, self.answers
        hashes = np.empty(len(prompts.hashes) + len(answers.hashes), np.uint64)
        lengths = prompts.lengths + answers.lengths
        offsets = offsets_of(lengths)
        rows = np.arange(len(self.records))
        of_answer = np.repeat(
            np.tile([False, True], len(rows)), np.column_stack((prompts.lengths, answers.lengths)).ravel()
        )
        hashes[~of_answer] = prompts.hashes
        hashes[of_answer] = answers.hashes
        return Words(hashes, offsets)

    @cached_property
    def shingles(self) -> Grams:
        """Word 3-grams of prompt and answers."""
        return grams(self.whole)

    @cached_property
    def keys(self) -> Keys:
        """Band keys of prompt and answers."""
        return band_keys(self.shingles)

    @cached_property
    def answer_keys(self) -> Keys:
        """Band keys of the answer that is to be learned."""
        return band_keys(grams(self.best_answers), ANSWER_BANDS)

    @cached_property
    def best_answers(self) -> Words:
        """Words of the answer that is to be learned."""
        if all(len(record.examples[-1].answers) == 1 for record in self.records):
            return self.answers
        return hash_words([best_answer(record) for record in self.records])

    @cached_property
    def prompt_digests(self) -> Hashes:
        """What makes two prompts the same, system message and tools included."""
        return text_digests(self.prompts) ^ np.array(
            [prompt_surroundings(record) for record in self.records], np.uint64
        )

    @cached_property
    def answer_digests(self) -> Hashes:
        """What makes two answers the same, the label included."""
        return text_digests(self.answers) ^ np.array(
            [answer_surroundings(record) for record in self.records], np.uint64
        )

    @cached_property
    def best_answer_digests(self) -> Hashes:
        """What makes two answers that are to be learned the same."""
        return text_digests(self.best_answers)

    @cached_property
    def row_digests(self) -> Hashes:
        """What makes two rows the same."""
        return self.prompt_digests * np.uint64(0x9E3779B97F4A7C15) ^ self.answer_digests


class _LastBatch:
    """Checks scan the same batch one after the other: one is enough, and it is told by identity."""

    def __init__(self) -> None:
        self._batch: Batch | None = None

    def of(self, records: Sequence[Record]) -> Batch:
        if self._batch is None or self._batch.records is not records:
            self._batch = Batch(records)
        return self._batch


_last = _LastBatch()


def batch_of(records: Sequence[Record]) -> Batch:
    """The view of `records`, shared by all checks of this process that are given the same sequence."""
    return _last.of(records)
