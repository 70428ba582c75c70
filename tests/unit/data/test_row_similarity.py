"""Words, n-grams, signatures and buckets: the fast way gives what the plain one gives."""

import random
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dirty.compared import ask, clean, corpus_of, passage, reworded, shuffled
from tunewright_trainer.prepare.intervals import half_width, wilson
from tunewright_trainer.prepare.similarity.batch import batch_of
from tunewright_trainer.prepare.similarity.bitmap import BitMap
from tunewright_trainer.prepare.similarity.grams import grams
from tunewright_trainer.prepare.similarity.sets import cosine, shingles_of
from tunewright_trainer.prepare.similarity.signatures import band_keys
from tunewright_trainer.prepare.similarity.spill import Spill
from tunewright_trainer.prepare.similarity.template import find_template
from tunewright_trainer.prepare.similarity.texts import whole_text
from tunewright_trainer.prepare.similarity.words import hash_words, text_digests, words_of

WORDS = [
    pytest.param("One two\tthree\n\nfour ", ["one", "two", "three", "four"], id="white space ends a word, case is folded"),
    pytest.param("x < y, y>x", ["x", "<", "y,", "y>x"], id="punctuation belongs to its word"),
    pytest.param("a\x00b\x1fc\x7fd e\u200bf", ["abcd", "ef"], id="characters that cannot be seen end no word"),
    pytest.param("caf\u00c9 na\u00efve\u00a0\u2014 STRASSE stra\u00dfe", ["caf\u00e9", "na\u00efve", "\u2014", "strasse", "strasse"], id="letters beyond ASCII, and their spaces"),
    pytest.param("\u4f60\u597d world \u3053\u3093", ["\u4f60", "\u597d", "world", "\u3053", "\u3093"], id="scripts without spaces: each character"),
    pytest.param("it\u2019s \u201cgood\u201d", ["it\u2019s", "\u201cgood\u201d"], id="typographic quotes, the fast way"),
    pytest.param("", [], id="no word"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_words_are_what_the_definition_says(text: str, words: list[str]) -> None:
    assert [word.decode() for word in words_of(text)] == words
    assert hash_words([text]).lengths.tolist() == [len(words)]


@given(st.lists(st.text(max_size=80), max_size=8))
@settings(max_examples=50, deadline=None)
def test_hashes_agree_exactly_where_words_do(texts: list[str]) -> None:
    hashed = hash_words(texts)
    words = [word for text in texts for word in words_of(text)]
    assert hashed.lengths.tolist() == [len(words_of(text)) for text in texts]
    assert (
        len(set(zip(words, hashed.hashes.tolist(), strict=True))) == len(set(words)) == len(set(hashed.hashes.tolist()))
    )


@given(st.lists(st.text(alphabet="ab \n\u4f60", max_size=30), min_size=1, max_size=8), st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_grams_agree_exactly_where_sets_do(texts: list[str], size: int) -> None:
    found = grams(hash_words(texts), size)
    sets = [shingles_of(text, size) for text in texts]
    for one in range(len(texts)):
        assert len(set(found.of(one).tolist())) == len(sets[one])
        common = set(found.of(one).tolist()) & set(found.of(0).tolist())
        assert len(common) == len(sets[one] & sets[0])


def test_a_word_of_a_megabyte_costs_no_round_for_each_eight_bytes() -> None:
    long = "a" * 400_000
    hashed = hash_words([f"{long} {long} {long}b", "short"])
    assert hashed.lengths.tolist() == [3, 1]
    assert hashed.hashes[0] == hashed.hashes[1] != hashed.hashes[2]


def test_hashes_stay_what_they_are() -> None:
    """Equal data must give equal reports on any machine and in any version."""
    words = hash_words(["Tune the wright", "caf\u00e9"])
    assert [hex(value) for value in words.hashes.tolist()] == HASHES
    assert [hex(value) for value in text_digests(words).tolist()] == DIGESTS
    assert band_keys(grams(words))[0].tolist() == KEYS


HASHES = ["0x47f949121c3d0115", "0x6130498e59eef869", "0xd1caa9f15565d69", "0x89f2c060bffe5741"]
DIGESTS = ["0x744800829d636aa5", "0x69afb69fc34fbcd8"]
KEYS = [2796691115, 2628460409, 4137149227, 3093196114, 2718396218, 282843079, 746637376, 4164731055, 3643320000]


@given(st.lists(st.text(alphabet="abc d", max_size=20), min_size=1, max_size=12), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_a_text_has_the_same_keys_in_every_batch(texts: list[str], cut: int) -> None:
    whole = band_keys(grams(hash_words(texts)))
    parts = [band_keys(grams(hash_words(texts[first : first + cut]))) for first in range(0, len(texts), cut)]
    assert np.array_equal(whole, np.concatenate(parts))
    assert np.array_equal(
        text_digests(hash_words(texts)),
        np.concatenate([text_digests(hash_words(texts[first : first + cut])) for first in range(0, len(texts), cut)]),
    )


def test_bands_meet_as_often_as_theory_says() -> None:
    """At a Jaccard similarity near 0.9 and near 0.6, the share of equal keys is J^7 in each band."""
    draw = random.Random(5)
    for changes in (3, 16):
        expected, met = [], []
        for _ in range(100):
            text = shuffled(draw, 200)
            other = reworded(draw, text, changes)
            one, two = shingles_of(text), shingles_of(other)
            keys = band_keys(grams(hash_words([text, other])))
            expected.append((len(one & two) / len(one | two)) ** 7)
            met.append(float((keys[0] == keys[1]).mean()))
        assert abs(np.mean(met) - np.mean(expected)) < 3.5 * sqrt(0.25 / (100 * 9))


def test_a_cosine_of_one_half_by_hand() -> None:
    assert cosine(shingles_of("a b c d"), shingles_of("b c d e")) == 0.5


def test_whole_texts_are_prompt_and_answer_in_order() -> None:
    rows = [ask("one two", "three"), ask("", "four five six"), ask("seven", "")]
    records = [row.record(line) for line, row in enumerate(rows, 1)]
    assert np.array_equal(batch_of(records).whole.hashes, hash_words([whole_text(record) for record in records]).hashes)
    assert batch_of(records).whole.lengths.tolist() == [3, 3, 1]
    assert batch_of(records) is batch_of(records)


@pytest.mark.parametrize("folder", [True, False])
def test_a_column_comes_back_as_it_was_put_aside(folder: bool, tmp_path: Path) -> None:
    (tmp_path / "column-0").write_bytes(b"left by an earlier run")
    column = Spill(tmp_path if folder else None, np.uint32)
    assert column.read().tolist() == []
    column.append(np.array([1, 2], np.uint32))
    column.append(np.array([], np.uint32))
    column.append(np.array([3], np.uint64))
    assert column.read().tolist() == [1, 2, 3]
    column.discard()
    column.discard()


def test_a_bit_map_never_forgets_and_seldom_invents() -> None:
    values = np.random.default_rng(1).integers(0, 2**64, 200_000, dtype=np.uint64)
    bits = BitMap(100_000)
    bits.add(values[:100_000])
    assert bits.has(values[:100_000]).all()
    assert float(bits.has(values[100_000:]).mean()) <= 1.2 * bits.false_rate < 0.03


TEMPLATES = [
    pytest.param(lambda draw: ask(f"{INSTRUCTION} {shuffled(draw, 30)}", shuffled(draw, 30)), True, id="a long instruction"),
    pytest.param(lambda draw: ask(f"What is {shuffled(draw, 8)}?", shuffled(draw, 40)), False, id="a short question"),
    pytest.param(lambda draw: ask(passage(draw, 30), passage(draw, 30)), False, id="prose"),
]  # fmt: skip
INSTRUCTION = " ".join(f"instruction{index}" for index in range(60))


@pytest.mark.parametrize(("make", "is_found"), TEMPLATES)
def test_a_template_is_what_makes_a_fifth_of_the_rows(make, is_found: bool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    draw = random.Random(1)
    corpus = corpus_of([make(draw) for _ in range(100)], tmp_path)
    template = find_template(corpus, whole_text)
    corpus.close()
    assert bool(template.shingles) is is_found
    if is_found:
        assert shingles_of(INSTRUCTION) <= template.shingles
        assert set(grams(hash_words([INSTRUCTION])).hashes.tolist()) <= set(template.hashes.tolist())


def test_few_rows_have_no_template(tmp_path: Path) -> None:
    corpus = corpus_of(clean(10, 1), tmp_path)
    assert find_template(corpus, whole_text).shingles == frozenset()
    corpus.close()


INTERVALS = [
    pytest.param(0, 0, (0.0, 1.0), id="no row says nothing"),
    pytest.param(0, 10, (0.0, 0.278), id="none of ten"),
    pytest.param(15, 30, (0.331, 0.669), id="half of thirty"),
    pytest.param(100, 100, (0.963, 1.0), id="all of a hundred"),
]


@pytest.mark.parametrize(("found", "rows", "interval"), INTERVALS)
def test_an_interval_is_wilsons(found: int, rows: int, interval: tuple[float, float]) -> None:
    assert wilson(found, rows) == pytest.approx(interval, abs=0.001)


def test_a_hundred_rows_give_ten_points() -> None:
    assert half_width(100) == pytest.approx(0.096, abs=0.001)
