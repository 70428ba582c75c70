"""Near-duplicates against brute force, and how fast they are found. `make bench-duplicates`.

Rates are of one process; they are printed and written to stdout, not asserted: this machine is not yours. Recall and precision are."""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dirty.compared import ask, conclude, corpus_of, reworded, shuffled
from dirty.near_duplicates import clean, plant
from tunewright_trainer.prepare.checks.near_duplicates import NearDuplicates
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.similarity.grams import grams
from tunewright_trainer.prepare.similarity.signatures import band_keys
from tunewright_trainer.prepare.similarity.words import hash_words

ROWS = 20_000
LONG = 200
BATCH = 1000


def test_recall_and_precision_against_brute_force(tmp_path: Path) -> None:
    rows, truth = plant(clean(ROWS, seed=1), seed=1)
    found = set(conclude(NearDuplicates(tmp_path), rows, tmp_path, BATCH).leave_out)
    recall, precision = len(found & truth) / len(truth), len(found & truth) / len(found)
    sys.stdout.write(
        f"\n{len(truth)} of {ROWS} rows have an earlier twin: recall {recall:.4f}, precision {precision:.4f}\n"
    )
    assert recall >= 0.98
    assert precision >= 0.99


def test_rates(tmp_path: Path) -> None:
    """Of texts drawn word by word: passages of the few books that Python carries would overlap as no data set does."""
    draw = random.Random(2)
    rows = [ask(shuffled(draw, LONG // 4), shuffled(draw, LONG - LONG // 4)) for _ in range(ROWS)]
    copies = draw.sample(rows, ROWS // 10)
    rows += [ask(row.prompt, reworded(draw, row.answers["completion"], 1)) for row in copies]
    texts = [f"{row.prompt}\n{row.answers['completion']}" for row in rows]
    signatures = _rate(len(rows), lambda: _sign(texts))
    records = [row.record(line) for line, row in enumerate(rows, start=1)]
    corpus = corpus_of(rows, tmp_path)
    whole = _rate(len(rows), lambda: _find(records, corpus, tmp_path))
    corpus.close()
    sys.stdout.write(
        f"\nrows of {LONG} words: signatures {signatures:,.0f} rows/s a core, end to end {whole:,.0f} rows/s\n"
    )


def _sign(texts: list[str]) -> None:
    for first in range(0, len(texts), BATCH):
        band_keys(grams(hash_words(texts[first : first + BATCH])))


def _find(records: list[Record], corpus: Corpus, folder: Path) -> None:
    check = NearDuplicates(folder)
    for first in range(0, len(records), BATCH):
        check.absorb(check.scan(records[first : first + BATCH]), first)
    assert check.conclude(corpus, folder).rows >= ROWS // 10 * 0.99


def _rate(rows: int, work: Callable[[], None], times: int = 3) -> float:
    """By the processor's time, the best of several: others use this machine too."""
    spent = []
    for _ in range(times):
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    return rows / min(spent)
