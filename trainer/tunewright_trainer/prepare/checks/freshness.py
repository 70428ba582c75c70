"""Facts that change, in answers that are learned: prices, versions, recent dates, and words such as "currently".

A model keeps the answer of the day it was trained; retrieval answers with today's. Found above 20 % of the answers; below that the share is reported. `measures` also tells how
many rows ask for a fact (who, when, where, how many ...) and get an answer of at most 30 words with a number or a name in it: knowledge rather than behaviour.
Not found: facts that change and do not look like it (who presides over what), dates before 2000, other languages than English and German."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks.answers import answers
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Hit, RowScan
from tunewright_trainer.prepare.checks.languages import prompt_of
from tunewright_trainer.prepare.checks.shares import ShareCheck
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import percent, share_of
from tunewright_trainer.prepare.records import Record

ALLOWED = 0.2
MANY_FACTS = 0.5
LONGEST_FACT = 30
PRICE, VERSION, DATE, CURRENT = "price", "version", "date", "current"

_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|januar|februar|märz|mai|juni|juli|oktober|dezember)"
_PRICE = re.compile(r"[$€£¥₹]\s?\d|\d\s?(?:[€£¥₹]|(?:usd|eur|gbp|chf|dollars?|euros?|pounds)\b)")
_VERSION = re.compile(
    r"\d(?:(?<=version \d)|(?<=versions \d)|(?<=release \d)|(?<=\bv\d)\d*\.\d|(?<![\d.]\d)\d{0,2}\.\d{1,3}\.\d{1,4}(?!\.?\d))"
)
_YEAR = re.compile(r"20\d\d")
_DATE = re.compile(
    rf"\b20\d\d-\d\d\b|\b\d{{1,2}}[./]\d{{1,2}}[./]20\d\d\b|\b{_MONTH}\.? (?:\d{{1,2}}(?:st|nd|rd|th)?,? )?20\d\d\b|\b\d{{1,2}}\.? {_MONTH}\.? 20\d\d\b"
)
_AROUND_YEAR = 20
_CURRENT = re.compile(
    r"\b(?:currently|nowadays|as of (?:today|now|this|20\d\d|"
    + _MONTH
    + r")|at the moment|right now|up[- ]to[- ]date|the latest|the newest|most recent|this (?:year|month|week)|last (?:year|month|week)|next (?:year|month|week)|today'?s?|yesterday|tomorrow|recently|soon to be|derzeit|aktuell|neueste\w*|heute|dieses jahr)\b"
)
_CURRENT_CUES = ("current", "today", "latest", "now", "newest", "recent", "as of", "moment", "date", "year", "month", "week", "soon", "morrow", "derzeit", "aktuell", "neueste", "heute")  # fmt: skip
_MONEY_CUES = ("$", "€", "£", "¥", "₹", "usd", "eur", "gbp", "chf", "dollar", "pound")
_DIGIT = re.compile(r"\d")
_ASKS_FOR_FACT = re.compile(
    r"\b(?:who|when|where|how (?:many|much|old|far|long|tall|big)|which|what (?:is|are|was|were) the|what year)\b"
)
_NAMED = re.compile(r"\d|(?<=[a-z,] )[A-Z][a-z]")


def spots(text: str) -> Iterator[str]:
    """The kinds of changing facts that a text holds."""
    lower = text.lower()
    if any(cue in lower for cue in _CURRENT_CUES) and _CURRENT.search(lower):
        yield CURRENT
    if not _DIGIT.search(lower):
        return
    if any(cue in lower for cue in _MONEY_CUES) and _PRICE.search(lower):
        yield PRICE
    if _VERSION.search(lower):
        yield VERSION
    if any(_DATE.search(lower, max(0, year.start() - _AROUND_YEAR), year.end() + 6) for year in _YEAR.finditer(lower)):
        yield DATE


def find(record: Record) -> Iterator[Hit]:
    """Each kind, once a field."""
    for field_, text in answers(record):
        for kind in spots(text):
            yield Hit(kind, field_, kind)


def is_fact(record: Record) -> bool:
    """Whether the row teaches a fact rather than how to do something."""
    answer = record.answer_text
    if len(answer) > 12 * LONGEST_FACT or answer.count(" ") >= LONGEST_FACT:
        return False
    return bool(_ASKS_FOR_FACT.search(prompt_of(record)[-300:].lower()) and _NAMED.search(answer))


@dataclass
class FreshnessScan(RowScan):
    """Also counts facts."""

    facts: int = 0


class FreshnessCheck(ShareCheck):
    """Changing facts, and how much of the data is facts at all."""

    def __init__(self) -> None:
        super().__init__(CheckName.FRESHNESS, find, _say, allowed=ALLOWED)
        self._facts = 0

    def scan(self, records: Sequence[Record]) -> FreshnessScan:
        """Look at each row."""
        return FreshnessScan(**vars(super().scan(records)), facts=sum(map(is_fact, records)))

    def absorb(self, scan: RowScan, first: int) -> None:
        """Add up."""
        super().absorb(scan, first)
        self._facts += scan.facts if isinstance(scan, FreshnessScan) else 0

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Advice for both: what changes, and what is only known."""
        whole = super().conclude(corpus, scratch)
        share = self._facts / self._total.rows if self._total.rows else 0.0
        whole = replace(whole, measures={**whole.measures, "facts": share})
        if share <= MANY_FACTS:
            return whole
        return replace(
            whole,
            rows=max(whole.rows, self._facts),
            message=f"{whole.message}; {share_of(self._facts, self._total.rows)} ask for a fact and get it in a few words",
            advice=f"{whole.advice} Fine-tuning teaches behaviour (form, tone, a way of working) better than knowledge: serve facts by retrieval, and train how to use them.".strip(),
        )


def _say(found: int, rows: int, kinds: Counter[str]) -> tuple[str, str]:
    listed = ", ".join(f"{kind} in {count}" for kind, count in kinds.most_common())
    message = f"{share_of(found, rows)} hold facts that change" + (f": {listed}" if listed else "")
    if found <= ALLOWED * rows:
        return message, ""
    return (
        f"{message}; more than {percent(ALLOWED)}",
        "The model will go on giving the answers of today: serve what changes by retrieval (RAG), and train only how to use it.",
    )


def make(context: CheckContext) -> FreshnessCheck:
    """The check."""
    return FreshnessCheck()
