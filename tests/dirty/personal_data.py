"""Personal data of each kind, with right check digits, and numbers that are none."""

import random
import string
from collections.abc import Callable, Sequence

from dirty.rows import Planted, Row, planted

WEAK = "names and postal addresses are not looked for; national telephone numbers only behind a word such as Tel; examples in manuals count as found"
LEAST_RECALL = 0.95
NAMES = ("anna", "j.doe", "mueller_k", "o'brien", "li-wei", "x99", "maria.del.mar", "sales+eu")
DOMAINS = ("mail.example.org", "firma.de", "uni-bonn.de", "corp.co.uk", "gmail.com", "a.io")

Make = Callable[[random.Random], str]


def digits(draw: random.Random, count: int) -> str:
    """Digits, the first not zero."""
    return draw.choice("123456789") + "".join(draw.choices(string.digits, k=count - 1))


def email(draw: random.Random) -> str:
    return draw.choice(("{0}", "<{0}>", "({0}),", "mailto:{0}", '"{0}"', "{0}.")).format(
        f"{draw.choice(NAMES)}{draw.randint(1, 99)}@{draw.choice(DOMAINS)}"
    )


def luhn(body: str) -> str:
    """The number with its check digit."""
    for check in string.digits:
        number = body + check
        doubled = [sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2]]
        if (sum(map(int, number[-1::-2])) + sum(doubled)) % 10 == 0:
            return number
    raise AssertionError(body)


def card(draw: random.Random) -> str:
    kind, length = draw.choice(
        (("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("4", 13))
    )
    number = luhn(kind + "".join(draw.choices(string.digits, k=length - len(kind) - 1)))
    sign = draw.choice(("", " ", "-"))
    return sign.join(number[at : at + 4] for at in range(0, length, 4))


def iban(draw: random.Random) -> str:
    country, form = draw.choice(
        (("DE", "18d"), ("GB", "4a14d"), ("NL", "4a10d"), ("FR", "23d"), ("ES", "20d"), ("CH", "17d"), ("PL", "24d"))
    )
    body, count = "", ""
    for character in form:
        if character.isdigit():
            count += character
        else:
            alphabet = string.digits if character == "d" else string.ascii_uppercase
            body += "".join(draw.choices(alphabet, k=int(count)))
            count = ""
    check = 98 - int("".join(str(int(sign, 36)) for sign in f"{body}{country}00")) % 97
    number = f"{country}{check:02}{body}"
    return number if draw.random() < 0.5 else " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def ssn(draw: random.Random) -> str:
    return f"{draw.randint(1, 665):03}-{draw.randint(1, 99):02}-{draw.randint(1, 9999):04}"


def ip(draw: random.Random) -> str:
    if draw.random() < 0.3:
        return "2a02:810d:" + ":".join(f"{draw.randint(1, 65535):x}" for _ in range(6))
    return f"{draw.choice((8, 31, 62, 81, 93, 141, 185, 212))}.{draw.randint(0, 255)}.{draw.randint(0, 255)}.{draw.randint(1, 254)}"


def phone(draw: random.Random) -> str:
    exchange, line = f"{draw.randint(200, 999)}", f"{draw.randint(0, 9999):04}"
    return draw.choice(
        (
            f"+49 {digits(draw, 3)} {digits(draw, 7)}",
            f"+1 ({digits(draw, 3)}) {exchange}-{line}",
            f"+44 20 {digits(draw, 4)} {digits(draw, 4)}",
            f"0033 6 {digits(draw, 2)} {digits(draw, 2)} {digits(draw, 2)} {digits(draw, 2)}",
            f"(415) {exchange}-{line}",
            f"212-{exchange}-{line}",
            f"Tel. 0{digits(draw, 3)}/{digits(draw, 6)}",
            f"phone: 0{digits(draw, 2)} {digits(draw, 4)} {digits(draw, 4)}",
            f"call me at 0{digits(draw, 10)}",
        )
    )


def not_a_card(draw: random.Random) -> str:
    number = luhn("4" + digits(draw, 14))
    return number[:-1] + str((int(number[-1]) + draw.randint(1, 9)) % 10)


DECOYS: tuple[Make, ...] = (
    not_a_card,
    lambda draw: f"version {draw.randint(1, 9)}.{draw.randint(0, 20)}.{draw.randint(0, 9)}",
    lambda draw: f"20{draw.randint(10, 29)}-{draw.randint(10, 12)}-{draw.randint(10, 28)} {draw.randint(10, 23)}:{draw.randint(10, 59)}:00",
    lambda draw: f"192.168.{draw.randint(0, 255)}.{draw.randint(1, 254)}",
    lambda draw: f"10.{draw.randint(0, 255)}.0.0/16",
    lambda draw: "127.0.0.1:8080",
    lambda draw: f"{draw.randint(1, 999)} {draw.randint(100, 999)} {draw.randint(100, 999)} rows",
    lambda draw: f"0x{draw.getrandbits(64):016x}",
    lambda draw: "@property def value(self)",
    lambda draw: f"9{draw.randint(10, 99)}-{draw.randint(10, 99)}-{draw.randint(1000, 9999)}",
    lambda draw: f"DE{draw.randint(10, 99)} {draw.randint(1000, 9999)} pieces",
    lambda draw: f"{draw.random():.16f}",
    lambda draw: f"ISBN 978-3-{draw.randint(10, 99)}-{draw.randint(100000, 999999)}-{draw.randint(0, 9)}",
    lambda draw: f"pages {draw.randint(100, 400)}-{draw.randint(401, 999)}",
    lambda draw: "user@localhost and git@host:path",
)  # fmt: skip


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """Four of each kind."""
    return planted(rows, seed, [email, card, iban, ssn, ip, phone] * 4, DECOYS)
