"""Preference pairs in which length alone tells the better answer, or that contradict each other, or whose answers are equal.

Definitions. Length: the share of pairs whose chosen answer is the longer one (equal lengths count half) is the AUC of the difference of
lengths; where the 95 % interval (Wilson) of it lies above 0.7, or below 0.3, a model can win by length alone, and every pair that follows the
rule is counted. Contradiction: the same prompt and the same two answers, once in each order; of rated answers (Unpaired), the same prompt and
answer rated both ways. Equal: chosen and rejected differ in case and white space only.
It cannot tell whether the longer answer is better for what it says: 0.7 is far beyond the 0.5 to 0.6 of well-made preference data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.intervals import wilson
from tunewright_trainer.prepare.readable import counted, one_or_many, percent
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.batch import batch_of
from tunewright_trainer.prepare.similarity.spill import Spill
from tunewright_trainer.prepare.similarity.texts import answers
from tunewright_trainer.prepare.similarity.words import Hashes, hash_words, mixed, text_digests

DECIDES = 0.7
_DIRECTION = np.uint64(1)
_NO_PAIR = np.uint64(0)
_SHORTER, _EQUAL, _LONGER, _NOT_COMPARED = -1, 0, 1, 2


@dataclass(frozen=True)
class PairScan:
    """For each row of a batch: which of its answers is longer, whether they are equal, and what it claims."""

    lengths: NDArray[np.int8]
    """1 where the chosen answer is longer, -1 where it is shorter, 0 for equal lengths; 2 where there is no pair."""
    equal: list[int]
    """Rows (in the batch) whose answers are equal."""
    rated: tuple[int, int]
    """Answers that are rated, and how many of them are good."""
    claims: Hashes
    """Digest of prompt and answers without their order; the last bit is the order, or the rating. 0: claims nothing."""


class Preferences:
    """Counts pairs by length, and sorts what they claim."""

    name = CheckName.PREFERENCES

    def __init__(self, folder: Path | None) -> None:
        self._claims = Spill(folder, np.uint64)
        self._lengths = Spill(folder, np.int8)
        self._equal: list[int] = []
        self._rated = self._good = 0

    def scan(self, records: Sequence[Record]) -> PairScan:
        """Look at each pair."""
        if not any(_claims_something(record) for record in records):
            nothing = np.zeros(len(records), np.uint64)
            return PairScan(np.full(len(records), _NOT_COMPARED, np.int8), [], (0, 0), nothing)
        found = [answers(record) for record in records]
        chosen, rejected = (_texts(found, name) for name in ("chosen", "rejected"))
        is_pair = np.array(["chosen" in texts and "rejected" in texts for texts in found], bool)
        longer = np.sign([len(one) - len(other) for one, other in zip(chosen, rejected, strict=True)])
        first, second = text_digests(hash_words(chosen)), text_digests(hash_words(rejected))
        claims = np.where(is_pair & (first != second), _claims(first, second), _NO_PAIR)
        labels = [record.examples[-1].extra.get("label") for record in records]
        is_rated = np.array([label is not None for label in labels], bool)
        if is_rated.any():
            rated = text_digests(hash_words(_texts(found, "completion"))) & ~_DIRECTION
            claims = np.where(is_rated, rated | np.array([bool(label) for label in labels], np.uint64), claims)
        return PairScan(
            np.where(is_pair, longer, _NOT_COMPARED).astype(np.int8),
            np.flatnonzero(is_pair & (first == second)).tolist(),
            (int(is_rated.sum()), sum(map(bool, labels))),
            _of_prompts(claims, records),
        )

    def absorb(self, scan: PairScan, first: int) -> None:
        """Put it aside."""
        self._lengths.append(scan.lengths)
        self._claims.append(scan.claims)
        self._equal += [first + index for index in scan.equal]
        self._rated += scan.rated[0]
        self._good += scan.rated[1]

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Length first: it concerns most rows."""
        lengths, claims = self._lengths.read(), self._claims.read()
        self._lengths.discard()
        self._claims.discard()
        if not (lengths != _NOT_COMPARED).any() and not claims.any():
            return Conclusion(0, "There are no preference pairs and no rated answers", skipped=True)
        rule = LengthRule.of(lengths)
        followers = np.flatnonzero(lengths == rule.sign) if rule.decides else np.empty(0, np.int64)
        contradicting, partners = _contradicting(claims)
        found = np.unique(np.concatenate((followers, contradicting, np.array(self._equal, np.int64))))
        if self._rated and self._good in (0, self._rated):
            return _one_sided(self._rated, "good" if self._good else "bad")
        return Conclusion(
            rows=len(found),
            message=_message(rule, len(contradicting), len(self._equal)),
            advice=_advice(rule, len(contradicting), len(self._equal)),
            kinds=_kinds(len(followers), len(contradicting), len(self._equal)),
            places=_places(corpus, contradicting, partners, self._equal),
            measures=rule.measures(),
        )


def _one_sided(rated: int, rating: str) -> Conclusion:
    other = "bad" if rating == "good" else "good"
    return Conclusion(
        rows=rated,
        message=f"{counted(rated, 'answer')} {one_or_many(rated, 'is', 'are')} rated, all of them {rating}: there is nothing to tell good from bad by",
        advice=f"Add answers that are {other}, about as many.",
        kinds={f"rated {rating}, and nothing else is": rated},
    )


@dataclass(frozen=True)
class LengthRule:
    """How far the rule 'the longer answer is the better one' goes."""

    pairs: int
    auc: float
    low: float
    high: float

    @classmethod
    def of(cls, lengths: NDArray[np.int8]) -> "LengthRule":
        """From the comparison of each pair."""
        compared = lengths[lengths != _NOT_COMPARED]
        wins = float((compared == _LONGER).sum()) + 0.5 * float((compared == _EQUAL).sum())
        low, high = wilson(wins, len(compared))
        return cls(len(compared), wins / len(compared) if len(compared) else 0.5, low, high)

    @property
    def decides(self) -> bool:
        """Whether the rule, or its opposite, surely holds for more than `DECIDES` of the pairs."""
        return self.pairs > 0 and (self.low > DECIDES or self.high < 1 - DECIDES)

    @property
    def sign(self) -> int:
        """Which side the rule takes."""
        return _LONGER if self.auc >= 0.5 else _SHORTER

    def measures(self) -> dict[str, float]:
        """For the report."""
        if not self.pairs:
            return {}
        return {
            "lengthAUC": round(self.auc, 4),
            "lengthAUCLow": round(self.low, 4),
            "lengthAUCHigh": round(self.high, 4),
        }

    def __str__(self) -> str:
        share, low, high = (
            (self.auc, self.low, self.high) if self.sign > 0 else (1 - self.auc, 1 - self.high, 1 - self.low)
        )
        side = "longer" if self.sign > 0 else "shorter"
        return f"the {side} answer is the chosen one in {percent(share)} of {counted(self.pairs, 'pair')} ({percent(low)} to {percent(high)})"


def _claims_something(record: Record) -> bool:
    example = record.examples[-1]
    return "chosen" in example.answers or "label" in example.extra


def _texts(found: list[dict[str, str]], name: str) -> list[str]:
    return [texts.get(name, "") for texts in found]


def _claims(first: Hashes, second: Hashes) -> Hashes:
    """A hash of two answers, whichever comes first; the last bit says which."""
    both = mixed(np.minimum(first, second) ^ mixed(np.maximum(first, second)))
    return (both & ~_DIRECTION) | (first < second).astype(np.uint64)


def _of_prompts(claims: Hashes, records: Sequence[Record]) -> Hashes:
    """The same claim about another prompt is another claim."""
    if not claims.any():
        return claims
    mixed = claims ^ (batch_of(records).prompt_digests & ~_DIRECTION)
    return np.where(claims == _NO_PAIR, _NO_PAIR, mixed)


def _contradicting(claims: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of which another says the opposite, ascending, and the first such row for each."""
    rows = np.flatnonzero(claims != _NO_PAIR)
    if not len(rows):
        return rows, rows
    _, group = np.unique(claims[rows] & ~_DIRECTION, return_inverse=True)
    direction = (claims[rows] & _DIRECTION).astype(np.int64)
    firsts = np.full((group.max() + 1, 2), -1, np.int64)
    firsts[group[::-1], direction[::-1]] = rows[::-1]
    opposite = firsts[group, 1 - direction]
    return rows[opposite >= 0], opposite[opposite >= 0]


def _message(rule: LengthRule, contradicting: int, equal: int) -> str:
    parts = []
    if rule.decides:
        parts.append(f"Length alone decides: {rule}")
    if contradicting:
        parts.append(
            f"{counted(contradicting, 'row')} {one_or_many(contradicting, 'contradicts', 'contradict')} another"
        )
    if equal:
        parts.append(f"{counted(equal, 'pair')} {one_or_many(equal, 'has', 'have')} equal answers")
    if parts:
        return "; ".join(parts)
    return (
        f"No pair contradicts another, and length does not decide: {rule}"
        if rule.pairs
        else "No two ratings contradict each other"
    )


def _advice(rule: LengthRule, contradicting: int, equal: int) -> str:
    advice = []
    if rule.decides:
        advice.append(
            "Add pairs in which the other answer is the better one, or cut both answers to a like length: else length is what is learned."
        )
    if contradicting or equal:
        advice.append("Remove the pairs that say nothing or the opposite of each other.")
    return " ".join(advice)


def _kinds(followers: int, contradicting: int, equal: int) -> dict[str, int]:
    kinds = {
        "length alone tells the better answer": followers,
        "contradicts another": contradicting,
        "equal answers": equal,
    }
    return {kind: count for kind, count in kinds.items() if count}


def _places(
    corpus: Corpus, contradicting: NDArray[np.int64], partners: NDArray[np.int64], equal: list[int]
) -> tuple[Place, ...]:
    places = [
        Place(int(row), note=f"says the opposite of {corpus.place(int(partner))}")
        for row, partner in zip(contradicting[:MOST_EXAMPLES], partners[:MOST_EXAMPLES], strict=True)
    ]
    places += [Place(row, "rejected", "is the chosen answer again") for row in equal[: MOST_EXAMPLES - len(places)]]
    return tuple(places)


def make(context: CheckContext) -> Preferences:
    """The check."""
    return Preferences(context.spill)
