"""Personal data by its form: email addresses, telephone, card and account numbers, US social security numbers, public IP addresses.

Found: what has the form and, where there is one, the check digit (cards: Luhn; IBAN: mod 97 and the length of its country).
Telephone numbers: with + or 00 and a country code; North American ones with separators; those with an area code such as (030) in
brackets; others only after a word such as "Tel".
Not found: names and postal addresses (no recogniser that is light is honest about them), numbers written in words, numbers of
other identity systems, and private or local IP addresses, which name nobody. A found text is never quoted."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator

from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks.base import CheckContext, Hit, RowCheck
from tunewright_trainer.prepare.readable import share_of
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.redaction import Span, apart, redacted
from tunewright_trainer.prepare.strings import strings, with_strings

EMAIL, PHONE, CARD, IBAN, SSN, IP = "email", "phone", "card", "iban", "ssn", "ip"

# In JSON a line end is written \n: its n belongs to no word. A look-behind for the backslash keeps escapes whole.
_L = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u03ff\u0400-\u052f"
"""Letters of the alphabets in which addresses are written: Latin, Greek, Cyrillic."""
_EMAIL = re.compile(
    rf"(?<!\\)[{_L}0-9](?:[{_L}0-9._%+'-]{{0,62}}[{_L}0-9_+-])?@(?:[{_L}0-9](?:[{_L}0-9-]{{0,61}}[{_L}0-9])?\.){{1,8}}[{_L}]{{2,24}}(?![{_L}0-9-]|\.[{_L}0-9])"
)
_AT = re.compile(r"@(?<=\w@)\w")
_DIGITS = re.compile(r"\d[\d ().\-/]{4,40}\d")
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d|/\d)")
_IPV6 = re.compile(r"(?<![:.\w])(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){0,7}(?![:\w]|/\d)")
_HEX_GROUP = re.compile(":[0-9A-Fa-f]{0,4}:")
_CARD = re.compile(r"(?<![\w.])(?<!\d[ -])\d(?:[ -]?\d){11,18}(?![\w]|\.\d|[ -]\d)")
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[068]\d{12}|35\d{14}|(?:2131|1800)\d{11}|(?:50[123]\d|5[678]\d\d|6304|6390|67\d\d)\d{8,15}|(?:6011|64\d\d|65\d\d|62\d\d)\d{12,15}"
)
"""Prefixes of the card schemes, each with its lengths."""
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
_SSN_NAMED = re.compile(
    r"\b(?:ssn|social security)\b[^\d\n]{0,20}((?!000|666|9\d\d)\d{3}[- ]?(?!00)\d\d[- ]?(?!0000)\d{4})(?!\d)",
    re.IGNORECASE,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Z]{2})(\d\d)((?: ?[A-Z0-9]){11,30})(?![A-Za-z0-9])")
_INTERNATIONAL = re.compile(r"(?:(?<![\w+])\+|(?<![\w.+-])(?<!\d )00)[1-9](?:[ .\-/]?\(?\d\)?){7,14}(?!\d)")
_NORTH_AMERICAN = re.compile(
    r"(?:(?<![\w.(+-])|(?<=\\[nrt]))(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d([ .-]))[2-9]\d\d[ .-]\d{4}(?: ?x\d{1,6})?(?![\w-]|\.\d)"
)
_AREA_IN_BRACKETS = re.compile(r"(?<![\w.+-])\(0\d{1,4}\)[ \-/]{0,2}\d(?:[ \-]?\d){4,9}(?!\w|\.\d)")
_LOCAL = re.compile(r"(?<![\w.+-])\(?\d(?:[ .\-/]?\(?\d\)?){5,13}(?!\w|\.\d)")
_DATE = re.compile(r"\d{4}[-./]\d\d[-./]\d\d|\d{1,2}[-./]\d{1,2}[-./]\d{4}")
_CUE = re.compile(
    r"(?:\b|\\[nrt])(?:tel|phone|telephone|mobile|cell ?phone|fax|call (?:me|us|him|her|them|at|on)|whatsapp|telefon|handy|mobil|tél|téléphone|teléfono|móvil|telefono|cellulare|número)\b[^\d\n]{0,24}\(?$",
    re.IGNORECASE,
)
FEWEST_IN_IBAN, FEWEST_IN_CARD, FEWEST_IN_SSN, FEWEST_IN_PHONE = 6, 12, 9, 7
IBAN_LENGTHS = {
    code: int(length)
    for code, length in re.findall(
        r"(\w\w)(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23GL18GR27"
        "GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NL18NO15PK24PL28"
        "PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20",
    )
}


def make(context: CheckContext) -> RowCheck:
    """The check."""
    return RowCheck(CheckName.PERSONAL_DATA, find, _say)


def find(record: Record) -> Iterator[Hit]:
    """Each place of a row."""
    for field, text in strings(record):
        for kind, count in Counter(span.kind for span in spans(text)).items():
            yield Hit(kind, field, f"{count} x {kind}" if count > 1 else kind)


def mend(record: Record) -> tuple[Record, int]:
    """Puts [EMAIL], [PHONE] and so on in place of each."""
    return with_strings(record, redact)


def redact(text: str) -> tuple[str, int]:
    """The text with a mark in place of each, and how many there were."""
    return redacted(text, spans, lambda kind: f"[{kind.upper()}]")


def spans(text: str) -> list[Span]:
    """What is personal in a text, in order, none over another."""
    found: list[Span] = []
    if "@" in text and _AT.search(text):
        found += [Span(match.start(), match.end(), EMAIL) for match in _EMAIL.finditer(text)]
    if ":" in text and _HEX_GROUP.search(text):
        found += _ip_addresses(_IPV6, text, 0, len(text))
    runs = [(match.start(), match.end(), sum(map(str.isdigit, match[0]))) for match in _DIGITS.finditer(text)]
    if runs:
        if any(digits >= FEWEST_IN_IBAN for _, _, digits in runs):
            found += _ibans(text)
        for start, end, digits in runs:
            # Around the run stand a plus, a bracket, and what it must not run on into.
            found += _of_digits(text, max(0, start - 3), end + 20, digits)
    return apart(found, len(text)) if len(found) > 1 else found


def _of_digits(text: str, start: int, end: int, digits: int) -> list[Span]:
    """What a run of so many digits can be, the surest first."""
    found: list[Span] = []
    if digits >= FEWEST_IN_CARD:
        found += _cards(text, start, end)
    if digits >= FEWEST_IN_SSN:
        found += _social_security(text, start, end)
    found += _ip_addresses(_IPV4, text, start, end)
    return found + _phones(text, start, end) if digits >= FEWEST_IN_PHONE else found


def _ibans(text: str) -> list[Span]:
    found = []
    for match in _IBAN.finditer(text):
        length = IBAN_LENGTHS.get(match[1])
        end = _end_of(text, match.start(), length) if length else None
        if end is not None and has_iban_digits(text[match.start() : end].replace(" ", "")):
            found.append(Span(match.start(), end, IBAN))
    return found


def _end_of(text: str, start: int, length: int) -> int | None:
    """Where so many characters end, spaces not counted; an upper-case word may stand behind the number."""
    position, seen = start, 0
    while position < len(text) and seen < length:
        seen += text[position] != " "
        position += 1
    whole = seen == length and not text[position : position + 1].isalnum()
    return position if whole else None


def has_iban_digits(iban: str) -> bool:
    """ISO 7064, mod 97."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _cards(text: str, start: int, end: int) -> list[Span]:
    found = []
    for match in _CARD.finditer(text, start, end):
        digits = re.sub(r"\D", "", match[0])
        if _ISSUED.fullmatch(digits) and has_luhn_digit(digits) and len(set(digits)) > 1:
            found.append(Span(match.start(), match.end(), CARD))
    return found


def has_luhn_digit(digits: str) -> bool:
    """The check digit of card numbers; one number in ten has it by chance."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _social_security(text: str, start: int, end: int) -> list[Span]:
    plain = [Span(match.start(), match.end(), SSN) for match in _SSN.finditer(text, start, end)]
    named = _SSN_NAMED.finditer(text, max(0, start - 40), end)
    return plain + [Span(match.start(1), match.end(1), SSN) for match in named]


def _ip_addresses(pattern: re.Pattern[str], text: str, start: int, end: int) -> list[Span]:
    found = []
    for match in pattern.finditer(text, start, end):
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        # Most of IPv6 is reserved still, and what is written there was meant as an address.
        is_unused = address.version == 4 and address.is_reserved
        if not (address.is_private or address.is_multicast or address.is_unspecified or is_unused):
            found.append(Span(match.start(), match.end(), IP))
    return found


def _phones(text: str, start: int, end: int) -> list[Span]:
    found = [
        Span(match.start(), match.end(), PHONE)
        for pattern in (_INTERNATIONAL, _NORTH_AMERICAN, _AREA_IN_BRACKETS)
        for match in pattern.finditer(text, start, end)
    ]
    if not _CUE.search(text, max(0, start - 40), start + 3):
        return found
    local = [match for match in _LOCAL.finditer(text, start, end) if not _DATE.match(match[0])]
    return found + [Span(match.start(), match.end(), PHONE) for match in local[:1]]


def _say(found: int, rows: int, kinds: Counter[str]) -> tuple[str, str]:
    if not found:
        return (
            "no row holds an email address, a telephone, card, account or social security number, or a public IP address; names and postal addresses are not looked for",
            "",
        )
    listed = ", ".join(f"{kind} in {count}" for kind, count in kinds.most_common())
    return (
        f"{share_of(found, rows)} hold personal data: {listed}; names and postal addresses are not looked for",
        "A model repeats what it has learned: set data.checks.personalData to Fix, which puts the type in place of each, such as [EMAIL], or remove them at the source.",
    )
