"""Answers that are not of one form.

Of each row by itself: JSON that does not parse (the answer, or a block fenced as json), a code fence that is never closed, and
prose of at least 40 words that stops in the middle of a sentence.
Of all rows together: the forms are JSON, Markdown (headings, lists, bold, tables, fences) and plain text. Rows that are not of the
most common form are found when they are more than 5 %, or when that form is JSON; so are the rows whose answer begins or ends with
spaces, unless it is more than half of them: then the others are.
Not found: JSON of another schema, styles within Markdown, and tone."""

import json
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import percent, share_of
from tunewright_trainer.prepare.records import Record

ALLOWED = 0.05
FEWEST_WORDS = 40
JSON, MARKDOWN, PLAIN, NONE = "json", "markdown", "plain", "none"
FORMS = (NONE, JSON, MARKDOWN, PLAIN)
BROKEN_JSON, OPEN_FENCE, CUT, OTHER_FORM, SPACES = (
    "broken JSON",
    "open fence",
    "cut sentence",
    "other form",
    "spaces at the ends",
)
_FAULTS = (BROKEN_JSON, OPEN_FENCE, CUT)
_FORM_BITS, _SPACES_BIT, _FAULT_SHIFT = 0b11, 0b100, 3

_LOOKS_LIKE_JSON = re.compile(r"\s*(?:\{\s*(?:\"|\}|'\w|\w+\"?\s*:)|\[\s*(?:\{\s*\"|\"|\]|-?\d+(?:\.\d+)?\s*,))")
_FENCED_JSON = re.compile(r"```json\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_BLOCK = re.compile(
    r"\n(?:#{1,6} \S|```|> \S| {0,3}[-*+] \S[^\n]*\n+ {0,3}[-*+] \S| {0,3}\d{1,3}\. \S[^\n]*\n+ {0,3}\d{1,3}\. \S|\|[^\n|]+\|[^\n]*\n\|[ :|-]+\|)"
)
_BOLD = re.compile(r"\*\*[^\s*][^*\n]{0,200}\*\*")
_LINK = re.compile(r"\]\(https?://")
_LISTED = re.compile(r"\s{0,8}(?:[-*+#>|]|\d{1,3}[.)])")
_ENDS_WELL = frozenset(".!?:;…。！？।؟)]}>\"'”’»*_`~|/=%+")
_ENDS_ASTRAY = re.compile(
    r"(?:,|\b(?:and|or|the|a|an|of|to|in|with|for|is|are|und|oder|der|die|das|et|ou|le|la|de|y|o|el))$"
)
SHORT_LINE = 40


@dataclass
class FormScan:
    """A byte a row: form, spaces, and the fault, if any."""

    codes: "array[int]" = field(default_factory=lambda: array("B"))


class FormattingCheck:
    """Keeps a byte a row, for whether a form is odd depends on all of them."""

    name = CheckName.FORMATTING

    def __init__(self) -> None:
        self._codes = array("B")

    def scan(self, records: Sequence[Record]) -> FormScan:
        """Look at each answer."""
        return FormScan(array("B", map(code_of, records)))

    def absorb(self, scan: FormScan, first: int) -> None:
        """Append."""
        self._codes.extend(scan.codes)

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Faults, and the rows that are not of the common form."""
        kinds: Counter[str] = Counter()
        first: dict[str, list[Place]] = {}
        odd = dict(self._odd_codes())
        for number, code in enumerate(self._codes):
            kind = odd.get(code)
            if kind is None:
                continue
            kinds[kind] += 1
            if kinds[kind] <= MOST_EXAMPLES:
                first.setdefault(kind, []).append(Place(number, note=kind))
        found = kinds.total()
        in_turn = [place for places in zip_longest(*first.values()) for place in places if place is not None]
        shares = self._shares()
        return Conclusion(
            rows=found,
            message=_message(found, len(self._codes), kinds, shares),
            advice="The model learns the mix: choose one form, mend or remove the rows of the others, and leave spaces to the chat template."
            if found
            else "",
            kinds=dict(kinds.most_common()),
            places=tuple(in_turn[:MOST_EXAMPLES]),
            measures={f"share.{form}": share for form, share in shares.items()},
        )

    def _shares(self) -> dict[str, float]:
        forms = Counter(code & _FORM_BITS for code in self._codes)
        forms.pop(0, None)
        rows = forms.total()
        return {
            FORMS[form]: count / rows for form, count in sorted(forms.items(), key=lambda item: (-item[1], item[0]))
        }

    def _odd_codes(self) -> Iterator[tuple[int, str]]:
        """The codes that are found, each with its kind; there are at most 32 of them."""
        shares = self._shares()
        common = next(iter(shares), NONE)
        mixed = common == JSON or 1 - shares.get(common, 1.0) > ALLOWED
        answered = [code for code in self._codes if code & _FORM_BITS]
        spaced = sum(1 for code in answered if code & _SPACES_BIT)
        for code in sorted(set(self._codes)):
            if code >> _FAULT_SHIFT:
                yield code, _FAULTS[(code >> _FAULT_SHIFT) - 1]
            elif mixed and code & _FORM_BITS and FORMS[code & _FORM_BITS] != common:
                yield code, OTHER_FORM
            elif (
                code & _FORM_BITS
                and 0 < spaced < len(answered)
                and bool(code & _SPACES_BIT) == (2 * spaced <= len(answered))
            ):
                yield code, SPACES


def code_of(record: Record) -> int:
    """Form, spaces and fault of the answer in one byte; 0 where there is no answer."""
    text = record.answer_text
    if not text or "text" in record.examples[-1].answers:
        return 0
    form, fault = form_of(text)
    spaces = text[0].isspace() or text[-1].isspace()
    return (
        FORMS.index(form)
        | (_SPACES_BIT if spaces else 0)
        | ((_FAULTS.index(fault) + 1) << _FAULT_SHIFT if fault else 0)
    )


def form_of(text: str) -> tuple[str, str]:
    """(form, fault) of an answer."""
    if _LOOKS_LIKE_JSON.match(text):
        return JSON, "" if _parses(text) else BROKEN_JSON
    form = MARKDOWN if is_markdown(text) else PLAIN
    if "```" in text:
        if text.count("```") % 2:
            return form, OPEN_FENCE
        if any(not _parses(match[1]) for match in _FENCED_JSON.finditer(text)):
            return form, BROKEN_JSON
    return form, CUT if _is_cut(text) else ""


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def is_markdown(text: str) -> bool:
    """Whether it has a heading, a list of two items, a table, a fence, a quote, bold words or a link."""
    if "**" in text and _BOLD.search(text):
        return True
    return _BLOCK.search("\n" + text) is not None or ("](" in text and _LINK.search(text) is not None)


def _is_cut(text: str) -> bool:
    """Whether prose stops in the middle: at a comma or a word such as "and", or, where it is long and has sentences, without a stop."""
    end = text[-200:].rstrip()
    if not end or end[-1] in _ENDS_WELL or end[-1].isdigit():
        return False
    if _ENDS_ASTRAY.search(end[-8:].lower()):
        return text.count(" ") >= 4
    line = end.rsplit("\n", 1)[-1]
    if len(line) < SHORT_LINE or _LISTED.match(line):
        return False
    return text.count(" ") >= FEWEST_WORDS and ". " in text


def _message(found: int, rows: int, kinds: Counter[str], shares: dict[str, float]) -> str:
    forms = ", ".join(f"{form} {percent(share)}" for form, share in shares.items())
    if not found:
        return f"the answers are of one form: {forms or 'there are none'}"
    listed = ", ".join(f"{kind} in {count:,}" for kind, count in kinds.most_common())
    return f"{share_of(found, rows)} have an answer of another form or a broken one: {listed}; forms of the answers: {forms}"


def make(context: CheckContext) -> FormattingCheck:
    """The check."""
    return FormattingCheck()
