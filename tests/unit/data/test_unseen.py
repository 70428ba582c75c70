"""The one form in which texts are compared."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright_trainer.prepare.similarity.words import hash_words, text_digests, words_of
from tunewright_trainer.prepare.unseen import EVERY, comparable

VISIBLE_SIGNS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
"""They format what follows them, and are seen: Arabic signs around a number, and the frames of hieroglyphs."""

ALIKE = [
    pytest.param("What is it?", "Wh\u200bat is it?\ufeff", id="zero-width"),
    pytest.param("What is it?", "\u202eWhat\u202c is \u2066it\u2069?", id="bidirectional"),
    pytest.param("What is it?", "Wh\x00at is\x1f it?\x7f\x9d", id="controls"),
    pytest.param("What is it?", "What is it?\U000e0069\U000e0074", id="tags"),
    pytest.param("I \u2764 it", "I \u2764\ufe0f it", id="a variation selector"),
    pytest.param("caf\u00e9", "cafe\u0301", id="a letter and its accent"),
    pytest.param("caf\u00e9", "cafe\u200b\u0301", id="a letter and its accent, kept apart"),
    pytest.param("file 3 a", "\ufb01le \uff13\u00a0a", id="compatible forms"),
    pytest.param("it", "i\u3164t", id="a filler that is another's compatible form"),
]
DIFFERENT = [
    pytest.param("What is it?", "what is it?", id="case is the caller's"),
    pytest.param("What is it?", "What  is it?", id="spacing is the caller's"),
    pytest.param("a b", "ab", id="a space is seen"),
    pytest.param("pa", "p\u0430", id="a letter of another script"),
]


@pytest.mark.parametrize(("plain", "other"), ALIKE)
def test_what_reads_alike_is_alike(plain: str, other: str) -> None:
    assert comparable(other) == comparable(plain) == plain
    assert words_of(other) == words_of(plain)
    digests = text_digests(hash_words([plain, other]))
    assert digests[0] == digests[1]


@pytest.mark.parametrize(("plain", "other"), DIFFERENT)
def test_what_can_be_told_apart_stays_apart(plain: str, other: str) -> None:
    assert comparable(other) != comparable(plain)


def test_every_character_that_cannot_be_seen_is_left_out() -> None:
    every = re.compile(f"[{EVERY}]")
    assert [code for code in range(sys.maxunicode + 1) if every.match(chr(code)) and comparable(chr(code))] == []


def test_every_character_that_only_formats_is_one_of_them() -> None:
    formats = [code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in {"Cf", "Cc"}]
    assert {code for code in formats if comparable(chr(code))} == VISIBLE_SIGNS & set(formats) | {*range(9, 14), 0x85}


@given(st.text())
def test_a_second_time_changes_nothing(text: str) -> None:
    once = comparable(text)
    assert comparable(once) == once
