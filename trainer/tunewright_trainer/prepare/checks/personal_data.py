"""Personal data by its form: email addresses, telephone, card and account numbers, US social security numbers, public IP addresses.

Found: what has the form and, where there is one, the check digit (cards: Luhn; IBAN: mod 97 and the length of its country).
Telephone numbers: with + or 00 and a country code; North American ones with separators; others only after a word such as "Tel".
Not found: names and postal addresses (no recogniser that is light is honest about them), numbers written in words, numbers of
other identity systems, and private or local IP addresses, which name nobody. A found text is never quoted."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator

from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks.base import CheckContext, Hit, RowCheck
from tunewright_trainer.prepare.checks.wording import share_of
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.prepare.redaction import Span, apart, redacted
from tunewright_trainer.prepare.strings import strings, with_strings

EMAIL, PHONE, CARD, IBAN, SSN, IP = "email", "phone", "card", "iban", "ssn", "ip"

# In JSON a line end is written \n: its n belongs to no word. A look-behind for the backslash keeps escapes whole.
_EMAIL = re.compile(
    r"(?<!\\)[A-Za-z0-9](?:[A-Za-z0-9._%+'-]{0,62}[A-Za-z0-9_+-])?@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-]|\.[A-Za-z0-9])"
)
_DIGITS = re.compile(r"\d[\d ().\-/]{4,30}\d")
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d|/\d)")
_IPV6 = re.compile(r"(?<![:.\w])(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){0,7}(?![:\w]|/\d)")
_CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w]|\.\d)")
_CARD_PREFIX = re.compile(r"4|5[1-5]|2[2-7]|3[47]|3[068]|35|6011|64|65|62")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
_SSN_NAMED = re.compile(
    r"\b(?:ssn|social security)\b[^\d\n]{0,20}((?!000|666|9\d\d)\d{3}[- ]?(?!00)\d\d[- ]?(?!0000)\d{4})(?!\d)",
    re.IGNORECASE,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Z]{2})(\d\d)((?: ?[A-Z0-9]){11,30})(?![A-Za-z0-9])")
_INTERNATIONAL = re.compile(r"(?:(?<![\w+])\+|(?<![\w.+-])00)[1-9](?:[ .\-/]?\(?\d\)?){7,14}(?!\d)")
_NORTH_AMERICAN = re.compile(
    r"(?:(?<![\w.(+-])|(?<=\\[nrt]))(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d([ .-]))[2-9]\d\d[ .-]\d{4}(?![\w-]|\.\d)"
)
_LOCAL = re.compile(r"(?<![\w.+-])\(?\d(?:[ .\-/]?\(?\d\)?){5,13}(?!\w|\.\d)")
_DATE = re.compile(r"\d{4}[-./]\d\d[-./]\d\d|\d{1,2}[-./]\d{1,2}[-./]\d{4}")
_CUE = re.compile(
    r"(?:\b|\\[nrt])(?:tel|phone|telephone|mobile|cell ?phone|fax|call (?:me|us|him|her|them|at|on)|whatsapp|telefon|handy|mobil|tél|téléphone|teléfono|móvil|telefono|cellulare|número)\b[^\d\n]{0,24}$",
    re.IGNORECASE,
)
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
    return with_strings(record, lambda text: redacted(text, spans, lambda kind: f"[{kind.upper()}]"))


def spans(text: str) -> list[Span]:
    """What is personal in a text, in order, none over another."""
    found: list[Span] = []
    if "@" in text:
        found += [Span(match.start(), match.end(), EMAIL) for match in _EMAIL.finditer(text)]
    if text.count(":") > 2:
        found += _ip_addresses(_IPV6, text)
    if _DIGITS.search(text):
        for find_kind in (_ibans, _cards, _social_security, _ipv4, _phones):
            found += find_kind(text)
    return apart(found, len(text)) if len(found) > 1 else found


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


def _cards(text: str) -> list[Span]:
    found = []
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if _CARD_PREFIX.match(digits) and has_luhn_digit(digits) and len(set(digits)) > 1:
            found.append(Span(match.start(), match.end(), CARD))
    return found


def has_luhn_digit(digits: str) -> bool:
    """The check digit of card numbers; one number in ten has it by chance."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _social_security(text: str) -> list[Span]:
    plain = [Span(match.start(), match.end(), SSN) for match in _SSN.finditer(text)]
    return plain + [Span(match.start(1), match.end(1), SSN) for match in _SSN_NAMED.finditer(text)]


def _ipv4(text: str) -> list[Span]:
    return _ip_addresses(_IPV4, text)


def _ip_addresses(pattern: re.Pattern[str], text: str) -> list[Span]:
    found = []
    for match in pattern.finditer(text):
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        if not (address.is_private or address.is_multicast or address.is_reserved or address.is_unspecified):
            found.append(Span(match.start(), match.end(), IP))
    return found


def _phones(text: str) -> list[Span]:
    found = [
        Span(match.start(), match.end(), PHONE)
        for pattern in (_INTERNATIONAL, _NORTH_AMERICAN)
        for match in pattern.finditer(text)
    ]
    local = [
        Span(match.start(), match.end(), PHONE)
        for match in _LOCAL.finditer(text)
        if not _DATE.match(match[0]) and _CUE.search(text, max(0, match.start() - 40), match.start())
    ]
    return [*found, *local]


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
