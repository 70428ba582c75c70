"""Secrets: keys and tokens of well-known services, private keys, passwords in addresses and assignments, strings as random as keys.

Found: the forms of `secret_forms`; the password of scheme://user:password@host; a value of at least 8 characters with letters
and digits (or signs) that is called a password, secret, token or key; and any other run of at least 24 characters of
[A-Za-z0-9+/_-] in which kinds of character change as often as in random ones (`is_random`).
Not found: passwords in prose that are not called so, passwords of letters only, and hexadecimal strings without a name: those
are digests far more often than keys. A found text is never quoted."""

import re
from collections import Counter
from collections.abc import Iterator

from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks.base import CheckContext, Hit, RowCheck
from tunewright_trainer.prepare.checks.secret_forms import (
    ASSIGNED,
    CUES,
    KEY_MATERIAL,
    KIND_OF_KEY,
    PLACEHOLDER,
    PRIVATE_KEY,
    TELLING,
    TOKEN,
    URL_PASSWORD,
)
from tunewright_trainer.prepare.readable import share_of
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.redaction import Span, apart, redacted
from tunewright_trainer.prepare.strings import strings, with_strings

SHORTEST_TOKEN = 16
SHORTEST_RANDOM = 24
LONGEST_RANDOM = 512
"""Longer runs are files in base64, not keys."""
FEWEST_CHANGES = 0.30
"""Share of neighbours that are of another kind: lower case, upper case, digit. Random base62: 0.62, give or take 0.1."""
MOST_IN_WORDS = 0.45
"""Share of characters that stand in words of 3 small letters and more. Both limits were measured on the 68,920 runs of at least 24
characters in the standard library and transformers: 0.4 % of them pass for random (base64 and keys in tests for the most part),
and of random runs of 24, 32, 40 and 64 characters 94, 97, 98 and 99 % do."""
_RUN = re.compile(r"[A-Za-z0-9+/_\-]{24,}={0,2}")
_CHANGE = re.compile(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[a-z0-9]|(?<=[0-9])[A-Za-z]")
_WORD = re.compile("[A-Za-z]?[a-z]{3,}")
_KNOWN = re.compile(r"(?:0x)?[0-9a-fA-F\-]+|(?:iVBORw0KGgo|R0lGOD|/9j/4|JVBERi).*")
"""Digests, UUIDs, and the beginnings of pictures and PDF in base64."""
_STRONG = re.compile(r"(?=.*[A-Za-z])(?=.*(?:\d|[^\w\s.:/-])).+", re.DOTALL)


def make(context: CheckContext) -> RowCheck:
    """The check."""
    return RowCheck(CheckName.SECRETS, find, _say)


def find(record: Record) -> Iterator[Hit]:
    """Each place of a row."""
    for field, text in strings(record):
        for kind, count in Counter(span.kind for span in spans(text)).items():
            yield Hit(kind, field, f"{count} x {kind}" if count > 1 else kind)


def mend(record: Record) -> tuple[Record, int]:
    """Puts [SECRET] in place of each."""
    return with_strings(record, redact)


def redact(text: str) -> tuple[str, int]:
    """The text with a mark in place of each, and how many there were."""
    return redacted(text, spans, lambda _: "[SECRET]")


def spans(text: str) -> list[Span]:
    """What is secret in a text, in order, none over another."""
    found: list[Span] = []
    if "PRIVATE KEY" in text:
        found += [
            Span(match.start(), match.end(), "private-key")
            for match in PRIVATE_KEY.finditer(text)
            if KEY_MATERIAL.search(match[0])
        ]
    long_words = " ".join([word for word in text.split() if len(word) >= SHORTEST_TOKEN])
    if long_words and TELLING.search(long_words):
        if TOKEN.search(long_words):
            found += [Span(match.start(), match.end(), _form(match)) for match in TOKEN.finditer(text)]
        if "://" in long_words and "@" in long_words:
            found += _values(URL_PASSWORD, text, "password-in-address")
        if any(is_random(match[0]) for match in _RUN.finditer(long_words)):
            found += _random_runs(text)
    lower = text.lower()
    for cue in CUES:
        if cue in lower:
            found += _assigned(text, lower, cue)
    return apart(found, len(text)) if len(found) > 1 else found


def _form(match: re.Match[str]) -> str:
    return str(match.lastgroup).replace("_", "-")


def _values(pattern: re.Pattern[str], text: str, kind: str) -> list[Span]:
    return [
        Span(match.start(1), match.end(1), kind)
        for match in pattern.finditer(text)
        if not PLACEHOLDER.fullmatch(match[1])
    ]


def _assigned(text: str, lower: str, cue: str) -> Iterator[Span]:
    """The values that stand behind a cue."""
    # A few letters are longer in lower case; then only cues in lower case are seen.
    where = lower if len(lower) == len(text) else text
    position = where.find(cue)
    while position >= 0:
        is_cue = cue != "key" or KIND_OF_KEY.search(where, max(0, position - 12), position)
        match = ASSIGNED.match(text, position + len(cue)) if is_cue else None
        if match and _STRONG.fullmatch(match[1]) and not PLACEHOLDER.fullmatch(match[1]):
            yield Span(match.start(1), match.end(1), "password")
        position = where.find(cue, position + 1)


def _random_runs(text: str) -> list[Span]:
    return [Span(match.start(), match.end(), "random-string") for match in _RUN.finditer(text) if is_random(match[0])]


def is_random(run: str) -> bool:
    """Whether a run looks drawn by chance: all three kinds of character are there, change often, and make no words. Paths are none."""
    length = len(run.rstrip("="))
    if not SHORTEST_RANDOM <= length <= LONGEST_RANDOM or _KNOWN.fullmatch(run) or run.count("/") > 1 + length / 16:
        return False
    if not (re.search("[a-z]", run) and re.search("[A-Z]", run) and re.search("[0-9]", run)):
        return False
    if len(_CHANGE.findall(run)) < FEWEST_CHANGES * (length - 1):
        return False
    return sum(map(len, _WORD.findall(run))) <= MOST_IN_WORDS * length


def _say(found: int, rows: int, kinds: Counter[str]) -> tuple[str, str]:
    if not found:
        return "no row holds a key, token, private key or password of a form that is known", ""
    listed = ", ".join(f"{kind} in {count}" for kind, count in kinds.most_common(8))
    return (
        f"{share_of(found, rows)} hold secrets: {listed}",
        "Treat each as leaked: revoke it where it was issued, then remove it at the source, or set data.checks.secrets to Fix, which puts [SECRET] in place of each.",
    )
