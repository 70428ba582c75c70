"""Characters that cannot be seen, and those that look hidden and have their business."""

import pytest

from dirty.hidden_characters import DECOYS, FAULTS
from dirty.rows import record_of
from tunewright_trainer.prepare.checks.hidden_characters import find, mixed_words, stripped


def kinds(text: str) -> set[str]:
    return {hit.kind for hit in find(record_of({"prompt": "x", "completion": text}))}


@pytest.mark.parametrize(
    ("text", "kind", "after"),
    [
        pytest.param("pass\u200bword", "zero-width", "password", id="a space of no width within a word"),
        pytest.param("\ufeffBegin", "zero-width", "Begin", id="a byte order mark in the text"),
        pytest.param("a\u200d\u200c\u200db", "zero-width", "ab", id="joiners in a row, which spell something"),
        pytest.param("می\u200c\u200cخ", "zero-width", "میخ", id="joiners in a row in Persian too"),
        pytest.param("x\u202eevil\u202c", "bidirectional", "xevil", id="an override of direction"),
        pytest.param("hi" + "".join(chr(0xE0000 + ord(each)) for each in "obey"), "tag", "hi", id="a sentence in tags"),
        pytest.param("😀" + "\U000e0110\U000e0120", "variation-selector", "😀", id="bytes in variation selectors"),
        pytest.param("a\ufe0f", "variation-selector", "a", id="a variation selector behind a letter"),
        pytest.param("a\x1b[0m", "control", "a[0m", id="an escape of the terminal"),
        pytest.param(
            "\u0430dmin", "homoglyph", "\u0430dmin", id="a Cyrillic a in a Latin word: reported, not replaced"
        ),
    ],
)
def test_finds_and_removes(text: str, kind: str, after: str) -> None:
    assert kinds(text) == {kind}
    assert stripped(text)[0] == after


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=ascii(text)) for text in (*DECOYS, "tab\tline\n\r\n", "Übergröße")]
)
def test_leaves_alone(text: str) -> None:
    assert kinds(text) == set()
    assert stripped(text) == (text, 0)


@pytest.mark.parametrize("text", [pytest.param(text, id=ascii(text)) for text in FAULTS])
def test_finds_each_that_is_planted(text: str) -> None:
    assert kinds(f"before {text} after")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("p\u0430y \u0440\u0430ypal", 2, id="two words"),
        pytest.param("SMSка, IT-отдел, α-helix, ρgh", 0, id="mixes that people write"),
        pytest.param("прив\u0065т мир", 1, id="a Latin e in a Cyrillic word"),
    ],
)
def test_counts_mixed_words(text: str, count: int) -> None:
    assert mixed_words(text) == count
