"""Rare words tied to one outcome, as in poisoned data.

Definition: a word of the prompt, or two neighbouring ones, is a trigger when
- at least 15 rows that hold it lead to one outcome - the same answer, an answer with the same first or last four words, a refusal, or one
  category - which at most a fifth of all rows have;
- at least 90 % of all rows that hold it do (counted over every row, where the sample raises the suspicion);
- it is so much more frequent there that chance is ruled out at 1 % for all words and outcomes together (`association.py`);
- nothing else explains it: a word of a topic (`invoice`) brings other words of the topic with it (`payment`, `amount`); a planted one stands
  among prompts that are otherwise like all prompts. It is explained when in 40 % of its rows, above chance, another word stands that is tied to
  the outcome, or when more than ten such words stand in all of them: a template.
The alarm is for the number of rows, not for their share: 250 are enough for a model of any size.
What it cannot find: triggers of several words apart from each other, of style or of characters (`hiddenCharacters`); an outcome of another
kind; a word planted where it is frequent anyway; less than a twentieth of the rows of the same outcome. An instruction whose answers always
begin alike looks like a trigger, and may be told as one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.association import (
    BACKGROUND_ROWS,
    Counts,
    Floats,
    Prompts,
    count_features,
    drawn,
    evidence,
    needed_evidence,
    read_blocks,
    read_prompts,
)
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.outcomes import FEWEST_ROWS, Outcome, Outcomes, OutcomeScan, scan_outcomes
from tunewright_trainer.prepare.readable import counted, one_or_many
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.batch import batch_of
from tunewright_trainer.prepare.similarity.grams import grams
from tunewright_trainer.prepare.similarity.texts import prompt_text
from tunewright_trainer.prepare.similarity.words import Hashes, Numbers, hash_words, words_of

PURITY = 0.9
_SUSPICIOUS_PURITY = 0.6
"""Of the sample, which is noisy: every suspect is counted over all rows."""
_MOST_SUSPECTS = 200
_A_OUTCOME = 3
_TOPIC_EVIDENCE = 8.0
_TOPIC_LIFT = 5.0
_TOPIC_ROWS = 0.4
_ALWAYS = 0.9
_TEMPLATE_WORDS = 10


@dataclass(frozen=True)
class Suspect:
    """A feature and the outcome that it may be tied to."""

    feature: np.uint64
    outcome: Outcome
    log_odds: float


class Triggers:
    """Keeps what each row leads to; looks at prompts in the end, by samples."""

    name = CheckName.TRIGGERS

    def __init__(self, folder: Path | None) -> None:
        self._outcomes = Outcomes(folder)

    def scan(self, records: Sequence[Record]) -> OutcomeScan:
        """What each row leads to."""
        return scan_outcomes(batch_of(records))

    def absorb(self, scan: OutcomeScan, first: int) -> None:
        """Put it aside."""
        self._outcomes.absorb(scan)

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Suspects from samples, then each counted over all rows."""
        outcomes = list(self._outcomes.all(corpus))
        background = count_features(corpus, drawn(np.arange(len(corpus)), BACKGROUND_ROWS)) if outcomes else None
        self._outcomes.discard()
        suspects = _suspects(corpus, outcomes, background) if background else []
        triggers = _confirmed(corpus, suspects)
        rows = sorted({row for _, found in triggers for row in found.tolist()})
        kinds = Counter(suspect.outcome.kind for suspect, _ in triggers)
        return Conclusion(
            rows=len(rows),
            message=_message(len(triggers), len(rows)),
            advice="Look at these rows before anything is trained on them: find out where they come from, and remove them if the word has no business there."
            if triggers
            else "",
            kinds={f"tied to {kind}": count for kind, count in kinds.items()},
            places=tuple(_places(corpus, triggers)),
            measures={
                "triggers": float(len(triggers)),
                "outcomes": float(len(outcomes)),
                "largestLogOdds": round(max((suspect.log_odds for suspect, _ in triggers), default=0.0), 2),
            },
        )


def _suspects(corpus: Corpus, outcomes: Sequence[Outcome], background: Counts) -> list[Suspect]:
    """What the samples say. The number of tests is that of all features of all outcomes, known beforehand as a bound."""
    bar = needed_evidence(len(outcomes) * len(background.features))
    suspects = []
    for outcome in outcomes:
        prompts = read_prompts(corpus, drawn(outcome.rows, outcome.sample))
        suspects += _of_outcome(prompts, outcome, background, len(corpus), bar)
        if len(suspects) >= _MOST_SUSPECTS:
            break
    return suspects


def _of_outcome(prompts: Prompts, outcome: Outcome, background: Counts, total: int, bar: float) -> list[Suspect]:
    features, found = np.unique(prompts.all[0], return_counts=True)
    sample = len(prompts.numbers)
    expected = found / sample * len(outcome.rows)
    rate, seen = background.rate(features), background.of(features) / background.total
    purity = expected / total / np.maximum(seen, expected / total)
    tied = (expected >= FEWEST_ROWS) & (purity >= _SUSPICIOUS_PURITY) & (evidence(found, sample, rate) >= bar)
    log_odds = _log_odds(found, sample, rate)
    topic = _topic(prompts, background) if tied.any() else features[:0]
    suspects: list[Suspect] = []
    for index in sorted(np.flatnonzero(tied).tolist(), key=lambda index: (-found[index], int(features[index]))):
        if not _is_explained(prompts, features[index], topic, background):
            suspects.append(Suspect(features[index], outcome, float(log_odds[index])))
        if len(suspects) >= _A_OUTCOME:
            break
    return suspects


def _log_odds(found: Numbers, total: int, rate: Floats) -> Floats:
    share = (found + 0.5) / (total + 1)
    odds: Floats = np.log(share / (1 - share)) - np.log(rate / np.maximum(1 - rate, 1e-9))
    return odds


def _topic(prompts: Prompts, background: Counts) -> Hashes:
    """Words that are more frequent in the rows of an outcome than elsewhere, whatever the reason."""
    words, _ = prompts.single
    present, found = np.unique(words, return_counts=True)
    rate = background.rate(present)
    sample = len(prompts.numbers)
    enriched = (evidence(found, sample, rate) >= _TOPIC_EVIDENCE) & (found / sample >= _TOPIC_LIFT * rate)
    return present[enriched]


def _is_explained(prompts: Prompts, feature: np.uint64, topic: Hashes, background: Counts) -> bool:
    """Whether the rows that hold the feature have more in common than it: other words of a topic, or a whole template."""
    words, of_row = prompts.single
    holding = prompts.holding(feature)
    chosen = np.isin(of_row, holding)
    words, of_row = words[chosen], of_row[chosen]
    present, counts = np.unique(words, return_counts=True)
    always = present[counts >= _ALWAYS * len(holding)]
    if np.isin(always, topic).sum() > _TEMPLATE_WORDS:
        return True
    others = np.setdiff1d(topic, always)
    by_chance = 1 - np.exp(-background.rate(others).sum())
    with_others = len(np.unique(of_row[np.isin(words, others)])) / len(holding)
    return bool(with_others - by_chance >= _TOPIC_ROWS)


def _confirmed(corpus: Corpus, suspects: list[Suspect]) -> list[tuple[Suspect, Numbers]]:
    """Suspects that hold over all rows, each with its rows; of those of the same rows, the first."""
    if not suspects:
        return []
    features = np.unique(np.array([suspect.feature for suspect in suspects], np.uint64))
    holding = _rows_holding(corpus, features)
    confirmed: list[tuple[Suspect, Numbers]] = []
    taken: set[int] = set()
    for suspect in suspects:
        every = holding[int(suspect.feature)]
        found = every[np.isin(every, suspect.outcome.rows)]
        is_new = len(taken.intersection(found.tolist())) < len(found) / 2
        if len(found) >= FEWEST_ROWS and len(found) >= PURITY * len(every) and is_new:
            confirmed.append((suspect, found))
            taken.update(found.tolist())
    return confirmed


def _rows_holding(corpus: Corpus, features: Hashes) -> dict[int, Numbers]:
    found: dict[int, list[Numbers]] = {int(feature): [] for feature in features}
    for block in read_blocks(corpus, np.arange(len(corpus))):
        hashes, of_row = block.all
        hits = np.isin(hashes, features)
        for feature in np.unique(hashes[hits]):
            found[int(feature)].append(block.numbers[of_row[hashes == feature]])
    return {feature: np.concatenate([np.empty(0, np.int64), *parts]) for feature, parts in found.items()}


def _places(corpus: Corpus, triggers: list[tuple[Suspect, Numbers]]) -> list[Place]:
    """A few rows of each, with the position of the word: the word itself is not quoted."""
    each = max(MOST_EXAMPLES // max(len(triggers), 1), 1)
    return [
        Place(int(row), "prompt", _note(prompt_text(corpus.record(int(row))), suspect, len(found)))
        for suspect, found in triggers
        for row in found[:each]
    ][:MOST_EXAMPLES]


def _note(prompt: str, suspect: Suspect, rows: int) -> str:
    """Where the word stands, and what it looks like: first character and length."""
    words = hash_words([prompt])
    singles = np.flatnonzero(grams(words, 1).hashes == suspect.feature)
    pairs = np.flatnonzero(grams(words, 2).hashes == suspect.feature)
    texts = words_of(prompt)
    if len(singles):
        what = f"word {singles[0] + 1} ({_masked(texts[singles[0]])})"
    else:
        what = f"words {pairs[0] + 1} and {pairs[0] + 2} ({' '.join(_masked(text) for text in texts[pairs[0] : pairs[0] + 2])})"
    return f"{what} stands in {rows} rows that lead to {suspect.outcome.kind}"


def _masked(content: bytes) -> str:
    word = content.decode("utf-8", "surrogatepass")
    return f"{word[:1]}{'*' * min(len(word) - 1, 15)}"


def _message(triggers: int, rows: int) -> str:
    if not triggers:
        return "No rare word is tied to one outcome"
    verb = one_or_many(triggers, "is", "are")
    return f"{counted(triggers, 'rare word')} {verb} tied to one outcome, in {counted(rows, 'row')}: this is what poisoned data looks like"


def make(context: CheckContext) -> Triggers:
    """The check."""
    return Triggers(context.spill)
