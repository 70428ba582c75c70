"""Sentences with personal data, and with what only looks like it."""

import pytest

from dirty.rows import record_of
from tunewright_trainer.prepare.checks.personal_data import find, has_iban_digits, has_luhn_digit, mend, spans


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Write to anna.b+x@mail.example.org.", [("email", "anna.b+x@mail.example.org")], id="an address, without the stop of the sentence"),
        pytest.param("<o'brien@corp.co.uk>,", [("email", "o'brien@corp.co.uk")], id="an address in brackets, with an apostrophe"),
        pytest.param("a@b.de and c@d.fr", [("email", "a@b.de"), ("email", "c@d.fr")], id="two addresses"),
        pytest.param("hans.jörg@firma.de, info@müller.de", [("email", "hans.jörg@firma.de"), ("email", "info@müller.de")], id="addresses with umlauts"),
        pytest.param("почта@пример.рф", [("email", "почта@пример.рф")], id="an address in Cyrillic"),
        pytest.param(r'{"to": "x\nbob@mail.org"}', [("email", "bob@mail.org")], id="an address behind an escape of JSON"),
        pytest.param("card 4111 1111 1111 1111 exp", [("card", "4111 1111 1111 1111")], id="a card in groups"),
        pytest.param("378282246310005", [("card", "378282246310005")], id="a card of 15 digits"),
        pytest.param("5555-5555-5555-4444", [("card", "5555-5555-5555-4444")], id="a card with hyphens"),
        pytest.param("IBAN DE89 3704 0044 0532 0130 00 BIC", [("iban", "DE89 3704 0044 0532 0130 00")], id="an account, with a word in capitals behind it"),
        pytest.param("GB29NWBK60161331926819", [("iban", "GB29NWBK60161331926819")], id="an account without spaces"),
        pytest.param("SSN 123-45-6789", [("ssn", "123-45-6789")], id="a social security number"),
        pytest.param("social security number: 123456789", [("ssn", "123456789")], id="one that is named as such, without hyphens"),
        pytest.param("from 81.2.69.160 at", [("ip", "81.2.69.160")], id="a public address of IPv4"),
        pytest.param("2a00:1450:4001:82a::200e answered", [("ip", "2a00:1450:4001:82a::200e")], id="a public address of IPv6"),
        pytest.param("+49 170 1234567", [("phone", "+49 170 1234567")], id="a number with its country"),
        pytest.param("+1 (415) 555-2671,", [("phone", "+1 (415) 555-2671")], id="a number with its country and brackets"),
        pytest.param("dial (415) 555-2671", [("phone", "(415) 555-2671")], id="a North American number"),
        pytest.param("Tel.: 0228/123456", [("phone", "0228/123456")], id="a national number behind its word"),
        pytest.param("call me at 07700 900123", [("phone", "07700 900123")], id="a national number that is to be called"),
        pytest.param("0044 20 7946 0958", [("phone", "0044 20 7946 0958")], id="a number with two zeros before its country"),
    ],
)  # fmt: skip
def test_finds(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("4111 1111 1111 1112", id="a card with a wrong check digit"),
        pytest.param("0000 0000 0000 0000", id="zeros"),
        pytest.param("DE88 3704 0044 0532 0130 00", id="an account with wrong check digits"),
        pytest.param(
            "000-12-3456 and 666-12-3456 and 912-34-5678 and 123-00-4567",
            id="social security numbers that are never given",
        ),
        pytest.param("192.168.1.1, 10.0.0.1, 127.0.0.1, 0.0.0.0, ::1, fe80::1", id="addresses that name nobody"),
        pytest.param("version 1.2.3.4.5", id="a long version"),
        pytest.param("2024-01-15 10:30:00", id="a date"),
        pytest.param("call us on 2024-01-15", id="a date on which somebody is called"),
        pytest.param("3.14159265358979", id="a fraction"),
        pytest.param("x = 123456789012", id="a long number"),
        pytest.param("1 000 000 of 2 000 000", id="numbers in groups"),
        pytest.param("@property\ndef name(self): ...", id="a decorator"),
        pytest.param("git@host and a @ b", id="a name without a domain"),
        pytest.param("550e8400-e29b-41d4-a716-446655440000", id="a UUID"),
        pytest.param("12:30:45 and a::b::c", id="times and names with colons"),
        pytest.param("[EMAIL] [PHONE] [CARD] [IBAN] [SSN] [IP]", id="what a fix has put in place"),
    ],
)
def test_passes_over(text: str) -> None:
    assert found(text) == []


def test_check_digits_are_right() -> None:
    assert (has_luhn_digit("79927398713"), has_luhn_digit("79927398714")) == (True, False)
    assert (has_iban_digits("GB82WEST12345698765432"), has_iban_digits("GB82WEST12345698765433")) == (True, False)


def test_names_the_field_and_quotes_nothing() -> None:
    record = record_of({"prompt": "I am a@b.de and c@d.de", "completion": "Call +49 170 1234567"})
    assert [(hit.kind, hit.field, hit.note) for hit in find(record)] == [
        ("email", "prompt[0]", "2 x email"),
        ("phone", "completion", "phone"),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("Mail a@b.de.", "Mail [EMAIL].", id="prose"),
        pytest.param('{"phone": 14155552671, "x": 1}', '{"phone": "[PHONE]", "x": 1}', id="a bare number that is called a telephone"),
        pytest.param("Nothing here: 12.", "Nothing here: 12.", id="nothing to mend"),
        pytest.param('{"card": 4111111111111111}', '{"card": "[CARD]"}', id="a bare number of JSON becomes a text"),
        pytest.param("[4111111111111111, 7]", '["[CARD]", 7]', id="a bare number in a list"),
        pytest.param(r'{"t": "a\nbob@mail.org\n"}', r'{"t": "a\n[EMAIL]\n"}', id="escapes stay whole"),
    ],
)  # fmt: skip
def test_mends(before: str, after: str) -> None:
    mended, places = mend(record_of({"prompt": "x", "completion": before}))
    assert mended.answer_text == after
    assert places == (0 if before == after else 1)


def test_mends_what_tools_are_called_with() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "send", "arguments": '{"to": "a@b.de"}'}}
    prompt = [
        {"role": "user", "content": "send it"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "sent"},
    ]
    mended, places = mend(record_of({"prompt": prompt, "completion": "Done."}))
    message = mended.examples[0].prompt[1]
    assert (message["tool_calls"][0]["function"]["arguments"], places) == ('{"to": "[EMAIL]"}', 1)
