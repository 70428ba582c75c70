"""Languages of the rows: answers in another language than their prompt, and languages that hardly any row has.

The language is that of the last prompt of a person, and of the (better) answer; see `language`. A row that asks for a translation or names a language is not held against its prompt.
Stray: a row in a language that fewer than 2 % of the rows with a known language have, and fewer than 20 rows. Not found: mixes within one text, and languages that
`language` does not know."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.checks.language import language_of
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import counted, percent, share_of
from tunewright_trainer.prepare.records import Record

STRAY_SHARE = 0.02
MOST_STRAY = 20
MISMATCH, STRAY = "answer in another language", "stray language"
_NAMES_A_LANGUAGE = re.compile(
    r"translat|überset|tradu[cz]|vertaal|перев[её]|翻译|翻訳|language|sprache|langue|idioma|lingua"
    r"|\b(?:english|german|french|spanish|italian|portuguese|dutch|polish|swedish|danish|norwegian|turkish|indonesian|czech|romanian|finnish|vietnamese|russian|ukrainian|bulgarian|japanese|korean|chinese|mandarin|hindi|bengali|tamil|thai|greek|hebrew|persian|farsi|arabic|latin|hungarian"
    r"|deutsch|englisch|anglais|français|inglés|español|auf spanisch|allemand|alemán)\b",
    re.IGNORECASE,
)
Seen = tuple[int, str, str]


@dataclass
class LanguageScan:
    """What a worker tells of a batch."""

    rows: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    mismatches: list[Seen] = field(default_factory=list)
    """(index, language of the prompt, language of the answer)"""
    first: dict[str, list[int]] = field(default_factory=dict)
    """The first rows of each language, as many as may count as stray."""


class LanguageCheck:
    """Keeps counts, mismatches, and the first rows of each language."""

    name = CheckName.LANGUAGES

    def __init__(self) -> None:
        self._total = LanguageScan()

    def scan(self, records: Sequence[Record]) -> LanguageScan:
        """Look at each row."""
        scan = LanguageScan(rows=len(records))
        for index, record in enumerate(records):
            asked, answered = prompt_of(record), record.answer_text
            answer = language_of(answered)
            prompt = language_of(asked) if answer else ""
            if answer:
                scan.languages[answer] += 1
                rows = scan.first.setdefault(answer, [])
                if len(rows) < MOST_STRAY:
                    rows.append(index)
            if prompt and answer and prompt != answer and not _NAMES_A_LANGUAGE.search(asked):
                scan.mismatches.append((index, prompt, answer))
        return scan

    def absorb(self, scan: LanguageScan, first: int) -> None:
        """Add up."""
        total = self._total
        total.rows += scan.rows
        total.languages.update(scan.languages)
        total.mismatches += [(first + index, prompt, answer) for index, prompt, answer in scan.mismatches]
        for language, indices in scan.first.items():
            rows = total.first.setdefault(language, [])
            rows += [first + index for index in indices[: MOST_STRAY - len(rows)]]

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Mismatches, and the rows of languages that hardly any row has."""
        total = self._total
        known = total.languages.total()
        stray = {
            number: language
            for language, count in total.languages.items()
            if count < MOST_STRAY and count < STRAY_SHARE * known
            for number in total.first[language]
        }
        mismatched = {number: (prompt, answer) for number, prompt, answer in total.mismatches}
        found = sorted({*stray, *mismatched})
        notes = {
            number: f"the answer is in '{language}', which hardly any row is" for number, language in stray.items()
        }
        notes |= {
            number: f"prompt in '{prompt}', answer in '{answer}'" for number, (prompt, answer) in mismatched.items()
        }
        return Conclusion(
            rows=len(found),
            message=self._message(len(found), len(mismatched), len(stray)),
            advice="Give each prompt an answer in its own language, unless the other is meant; a language of a handful of rows is not learned."
            if found
            else "",
            kinds={kind: count for kind, count in ((MISMATCH, len(mismatched)), (STRAY, len(stray))) if count},
            places=tuple(Place(number, note=notes[number]) for number in found[:MOST_EXAMPLES]),
            measures={f"share.{name}": count / total.rows for name, count in total.languages.most_common(16)},
        )

    def _message(self, found: int, mismatched: int, stray: int) -> str:
        total = self._total
        mix = ", ".join(f"{name} {percent(count / total.rows)}" for name, count in total.languages.most_common(6))
        mix = f"languages of the answers: {mix or 'none that is known'}"
        if not found:
            return mix
        return f"{share_of(found, total.rows)}: {counted(mismatched, 'answer')} in another language than the prompt, {stray:,} in a language that hardly any row has; {mix}"


def prompt_of(record: Record) -> str:
    """What a person asked last."""
    prompt = record.examples[-1].prompt
    return next((str(message.get("content") or "") for message in reversed(prompt) if message["role"] == "user"), "")


def make(context: CheckContext) -> LanguageCheck:
    """The check."""
    return LanguageCheck()
