"""The words and numbers that page, terminal and status share. Pure."""

import re
import unicodedata

from tunewright_api.data import CheckName

CHECK_TITLES: dict[CheckName, str] = {
    CheckName.STRUCTURE: "Readable rows",
    CheckName.LENGTH: "Length",
    CheckName.RENDERING: "Rendering by the chat template",
    CheckName.OUTLIERS: "Outliers",
    CheckName.DUPLICATES: "Duplicates",
    CheckName.NEAR_DUPLICATES: "Near-duplicates",
    CheckName.CONFLICTS: "Conflicting answers",
    CheckName.CONTAMINATION: "Held-out rows in training",
    CheckName.PERSONAL_DATA: "Personal data",
    CheckName.SECRETS: "Secrets",
    CheckName.HIDDEN_CHARACTERS: "Hidden characters",
    CheckName.BALANCE: "Balance",
    CheckName.REFUSALS: "Refusals",
    CheckName.LANGUAGES: "Languages",
    CheckName.FORMATTING: "Formatting",
    CheckName.PREFERENCES: "Preferences",
    CheckName.FRESHNESS: "Facts that change",
    CheckName.TRIGGERS: "Triggers",
    CheckName.REPEATED_ANSWERS: "Repeated answers",
    CheckName.SYNTHETIC: "Synthetic rows",
}
INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
"""Categories of characters that cannot be seen, change what stands around them, or are no characters."""


def visible(text: str) -> str:
    """The text with a code in place of each character that cannot be seen: what a page shows is what is there."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in INVISIBLE:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def sentence(text: str) -> str:
    """The text as it stands on its own: with a capital, and an end."""
    if not text:
        return ""
    ended = text if text.rstrip()[-1:] in {".", "!", "?", "…", ""} else f"{text}."
    # A name such as maxLength at the beginning stays as it is.
    first = ended.split(maxsplit=1)[0] if ended.split() else ""
    return ended[:1].upper() + ended[1:] if first.islower() and "." not in first.rstrip(".:,") else ended


def evaluated(place: str, held_out: bool) -> str:
    """An object, or a row of it, as sentences name it: a fault in the rows that are tested on is looked for among those."""
    return f"{place} (evaluation set)" if held_out else place


def end_of(place: str, room: int = 250) -> str:
    """An object and line as a report has room for: of a long key the end tells more."""
    return place if len(place) <= room else f"…{place[1 - room :]}"


def count(number: float) -> str:
    """1234567 -> 1,234,567."""
    return f"{number:,.0f}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """1 row, 2 rows."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def brief(number: float) -> str:
    """1234567 -> 1.2 M, as people say it."""
    for factor, unit in ((1e9, " bn"), (1e6, " M"), (1e3, " k")):
        if abs(number) >= factor * 10 or (factor > 1e3 and abs(number) >= factor):
            return f"{number / factor:.3g}{unit}"
    return count(number)


def figure(number: float) -> str:
    """A measure, as short as it may be: 188, 0.9724, 1,204."""
    return count(number) if number == round(number) else f"{number:.4g}"


def spelt(name: str) -> str:
    """largestGroup -> largest group."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f" {found[1].lower()}", name)


def percent(share: float) -> str:
    """0.04 %, 0.3 %, 12 %; what is not nothing never reads as nothing."""
    hundredths = 100 * share
    if hundredths >= 10 or hundredths == 0:
        return f"{hundredths:.0f} %"
    return f"{hundredths:.1f} %" if hundredths >= 0.1 else f"{max(hundredths, 0.01):.2f} %"


def share_of(found: int, rows: int, what: str = "rows") -> str:
    """3 of 1,000 rows (0.3 %)."""
    return f"{count(found)} of {count(rows)} {what} ({percent(found / rows if rows else 0.0)})"


def one_or_many(number: int, one: str, many: str) -> str:
    """The verb that goes with a number."""
    return one if number == 1 else many


def size(number: float) -> str:
    """Bytes, in the unit that fits."""
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if number >= 1024**power:
            return f"{number / 1024**power:.1f} {unit}"
    return f"{number:.0f} B"


def duration(seconds: float) -> str:
    """As exact as an estimate may be: 40 s, 25 min, 3.5 h, 4.2 days."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
