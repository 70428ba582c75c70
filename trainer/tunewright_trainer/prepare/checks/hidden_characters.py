"""Characters that cannot be seen, or pass for others.

Found: zero-width and other invisible characters, controls, bidirectional overrides and isolates, Unicode tags, variation selectors
that select nothing, and words of one script with letters of another that look the same.
Legitimate, and not found: the joiners of emoji, of Arabic and Persian and of the scripts of India, South-East Asia and Mongolia;
variation selectors behind emoji, symbols and ideographs; the tags of flags; marks of direction in text that is written from the
right. Not found: a whole word in look-alikes, letters of other scripts than Latin, Cyrillic and Greek, styled letters (𝐛𝐨𝐥𝐝)."""

import re
from collections import Counter
from collections.abc import Iterator

from tunewright_api.data import CheckName
from tunewright_trainer.prepare import unseen
from tunewright_trainer.prepare.checks.base import CheckContext, Hit, RowCheck
from tunewright_trainer.prepare.readable import share_of
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.redaction import Span
from tunewright_trainer.prepare.strings import strings, with_strings

ZERO_WIDTH, CONTROL, BIDI, TAG, SELECTOR, HOMOGLYPH = (
    "zero-width", "control", "bidirectional", "tag", "variation-selector", "homoglyph",
)  # fmt: skip
_RUN = re.compile(f"[{unseen.EVERY}]+")
_KINDS = (
    (TAG, re.compile(f"[{unseen.TAGS}]")),
    (BIDI, re.compile(f"[{unseen.BIDIS}]")),
    (CONTROL, re.compile(f"[{unseen.CONTROLS}]")),
    (ZERO_WIDTH, re.compile(f"[{unseen.ZERO_WIDTHS}]")),
    (SELECTOR, re.compile(f"[{unseen.SELECTORS}]")),
)
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u06ff\u0700-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_JOINING = re.compile(
    "[\u0600-\u06ff\u0700-\u08ff\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u18af\u1900-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00011000-\U00011fff]"
)
"""Scripts whose letters take joiners and non-joiners."""
_PICTURE = re.compile("[#*0-9©®\u203c\u2049\u2100-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]")
_IDEOGRAPH = re.compile("[\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_FLAG = re.compile("[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")
BLACK_FLAG = "\U0001f3f4"

# Letters that look like Latin ones, and the Latin ones that they look like.
_CYRILLIC = "аеорсухіјѕԁһӏԛԝАВЕКМНОРСТУХІЈЅԌ"
_GREEK = "οαινρυκχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"
_SYMBOLS = "αινρυκχ"
"""At the ends of a word these are symbols of a formula: ρgh, kα."""
_LATIN = "aeopcyxijsdhlqwABEKMHOPCTYXIJSGZNvnu"
_MIXED = re.compile("[A-Za-z][\u0370-\u052f]|[\u0370-\u052f][A-Za-z]")
_LETTERS = re.compile("[\u0370-\u052f]")
_WORD = re.compile("[A-Za-z\u0370-\u03ff\u0400-\u052f]+")
_FOREIGN = str.maketrans("", "", _CYRILLIC + _GREEK)
_PLAIN = re.compile("[A-Za-z]+")
_LOOKALIKE = re.compile(f"[{_LATIN}]+")


def make(context: CheckContext) -> RowCheck:
    """The check."""
    return RowCheck(CheckName.HIDDEN_CHARACTERS, find, _say)


def find(record: Record) -> Iterator[Hit]:
    """Each kind of a field."""
    for field, text in strings(record):
        if not has_candidates(text):
            continue
        kinds = [span.kind for span in hidden(text)] + [HOMOGLYPH] * mixed_words(text)
        for kind, count in Counter(kinds).items() if kinds else ():
            yield Hit(kind, field, f"{count} x {kind}" if count > 1 else kind)


def mend(record: Record) -> tuple[Record, int]:
    """Removes what cannot be seen. Homoglyphs stay: which letter was meant is a guess."""
    return with_strings(record, stripped)


def stripped(text: str) -> tuple[str, int]:
    """The text without what cannot be seen."""
    if not has_candidates(text):
        return text, 0
    spans = hidden(text)
    parts, position = [], 0
    for span in spans:
        parts.append(text[position : span.start])
        position = span.end
    return "".join([*parts, text[position:]]), len(spans)


def has_candidates(text: str) -> bool:
    """Whether a closer look is worth its cost: ASCII has no hidden characters but controls. (Deleting bytes is ten times faster than an expression.)"""
    if not text.isascii():
        return True
    plain = text.encode("ascii")
    return len(plain.translate(None, unseen.CONTROL_BYTES)) != len(plain)


def hidden(text: str) -> list[Span]:
    """Runs of characters that cannot be seen and have no business where they stand. Legitimate ones stand alone, beside what they work on."""
    found = []
    from_right: bool | None = None
    for match in _RUN.finditer(text):
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        if _is_legitimate(match[0], before, after):
            continue
        if len(match[0]) == 1 and match[0] in "\u061c\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069":
            from_right = _RIGHT_TO_LEFT.search(text) is not None if from_right is None else from_right
            if from_right:
                continue
        found.append(Span(match.start(), match.end(), _kind_of(match[0])))
    return found


def _is_legitimate(run: str, before: str, after: str) -> bool:
    if run in ("\u200c", "\u200d"):
        joins = bool(_JOINING.match(before))
        return joins or (run == "\u200d" and bool(_PICTURE.match(before) and _PICTURE.match(after)))
    if run in ("\ufe0e", "\ufe0f"):
        return bool(_PICTURE.match(before)) and (not before.isascii() or after == "\u20e3")
    if run == "\ufe0f\u200d":
        return bool(_PICTURE.match(before) and _PICTURE.match(after))
    if len(run) == 1 and "\u180b" <= run <= "\u180f":
        return bool(_JOINING.match(before))
    if len(run) == 1 and "\U000e0100" <= run <= "\U000e01ef":
        return bool(_IDEOGRAPH.match(before))
    if len(run) == 1 and "\ufe00" <= run <= "\ufe0d":
        return bool(_IDEOGRAPH.match(before) or _JOINING.match(before)) or "\u2200" <= before <= "\u2aff"
    return before == BLACK_FLAG and _FLAG.fullmatch(run) is not None


def _kind_of(run: str) -> str:
    return next(kind for kind, pattern in _KINDS if pattern.search(run))


def mixed_words(text: str) -> int:
    """Words of Latin letters with Cyrillic or Greek look-alikes among them, or the other way round."""
    if not _LETTERS.search(text) or not _MIXED.search(text):
        return 0
    return sum(1 for match in _WORD.finditer(text) if _is_mixed(match[0]))


def _is_mixed(word: str) -> bool:
    """All letters of the one script, and at least two of the other, are needed: 'Δx', 'SMSка' and 'IT' are words as people write them."""
    word = word.strip(_SYMBOLS)
    if not _MIXED.search(word):
        return False
    latin = "".join(_PLAIN.findall(word))
    if word.translate(_FOREIGN) == latin:
        return len(latin) >= 2
    others = len(word) - len(latin)
    return others > len(latin) and _LOOKALIKE.fullmatch(latin) is not None and others >= 2


def _say(found: int, rows: int, kinds: Counter[str]) -> tuple[str, str]:
    if not found:
        return "no row holds characters that cannot be seen or pass for others", ""
    listed = ", ".join(f"{kind} in {count}" for kind, count in kinds.most_common())
    return (
        f"{share_of(found, rows)} hold characters that cannot be seen or pass for others: {listed}",
        "Hidden characters carry triggers and leaked text. Set data.checks.hiddenCharacters to Fix to remove those that cannot be seen; write homoglyphs anew, and look into where these rows come from.",
    )
