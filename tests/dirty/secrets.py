"""Secrets of each form, drawn at random, and what is written in their place in manuals."""

import base64
import random
import string
import uuid
from collections.abc import Callable, Sequence

from dirty.rows import Planted, Row, planted

WEAK = "passwords in prose that are not called so, passwords of letters only, hexadecimal keys without a name; of random strings of 24 to 32 characters 3 to 6 % look like words or lack a digit"
LEAST_RECALL = 0.9
LETTERS = string.ascii_letters + string.digits
URL_SAFE = LETTERS + "-_"
Make = Callable[[random.Random], str]


def some(alphabet: str, count: int) -> Make:
    return lambda draw: "".join(draw.choices(alphabet, k=count))


def after(prefix: str, alphabet: str, count: int, suffix: str = "") -> Make:
    return lambda draw: prefix + "".join(draw.choices(alphabet, k=count)) + suffix


def token(draw: random.Random) -> str:
    parts = [base64.urlsafe_b64encode(draw.randbytes(size)).decode().rstrip("=") for size in (24, 60, 32)]
    return f"eyJ{parts[0]}.eyJ{parts[1]}.{parts[2]}"


def private_key(draw: random.Random) -> str:
    kind = draw.choice(("RSA ", "EC ", "", "OPENSSH "))
    body = base64.b64encode(draw.randbytes(240)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def password(draw: random.Random) -> str:
    value = (
        "".join(draw.choices(LETTERS + "!$%&#", k=11)) + draw.choice(string.digits) + draw.choice(string.ascii_letters)
    )
    form = draw.choice(
        (
            'password = "{}"',
            "PASSWORD={}",
            "the password is {}",
            '"api_key": "{}"',
            "secret: {}",
            "DB_PASSWD: '{}'",
            "AUTH_TOKEN={}",
        )
    )
    return form.format(value.replace("$", "S").replace("%", "x"))


def address(draw: random.Random) -> str:
    scheme = draw.choice(("postgres", "https", "redis", "amqp", "mongodb+srv"))
    return f"{scheme}://admin:{''.join(draw.choices(LETTERS, k=12))}@db.internal:5432/app"


FAULTS: tuple[Make, ...] = (
    after("AKIA", string.ascii_uppercase + "234567", 16),
    after("ghp_", LETTERS, 36),
    after("github_pat_", LETTERS + "_", 82),
    after("glpat-", URL_SAFE, 20),
    after("xoxb-", string.digits, 12, "-a1B2c3D4e5F6g7H8"),
    after("sk-proj-", LETTERS, 48),
    after("sk-ant-api03-", URL_SAFE, 80),
    after("sk_live_", LETTERS, 24),
    after("AIza", URL_SAFE, 35),
    after("hf_", string.ascii_letters, 34),
    after("npm_", LETTERS, 36),
    after("pypi-AgEIcHlwaS5vcmc", URL_SAFE, 60),
    after("dapi", "0123456789abcdef", 32),
    after("DefaultEndpointsProtocol=https;AccountKey=", LETTERS + "+/", 86, "=="),
    after("aws_secret_access_key = ", LETTERS + "/+", 40),
    token, private_key, password, password, password, address,
    some(LETTERS, 32), some(URL_SAFE, 43), some(LETTERS + "+/", 64),
)  # fmt: skip
DECOYS: tuple[Make, ...] = (
    lambda draw: "password = getpass.getpass()",
    lambda draw: 'api_key="YOUR_API_KEY"',
    lambda draw: "https://user:password@host/path",
    lambda draw: f"{draw.getrandbits(160):040x}",
    lambda draw: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
    lambda draw: "tokens: list of strings, key: callable",
    lambda draw: "AbstractSingletonProxyFactoryBeanProvider2Test",
    lambda draw: "https://docs.python.org/3/library/concurrent.futures.html#module-concurrent.futures",
    lambda draw: "sha256:" + f"{draw.getrandbits(256):064x}",
    lambda draw: "sk-learn-compatible-estimator",
    lambda draw: "-----BEGIN CERTIFICATE-----",
    lambda draw: "secret: ${SECRET_FROM_ENV}",
    lambda draw: "the token is returned unchanged",
    lambda draw: "tests/unit/data/test_hidden_characters_of_version_2.py",
)  # fmt: skip


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """One of each form."""
    return planted(rows, seed, FAULTS, DECOYS)
