"""Sentences with secrets, and with what stands in their place in manuals."""

import random

import pytest

from dirty.rows import record_of
from dirty.secrets import LETTERS, URL_SAFE, private_key, token
from tunewright_trainer.prepare.checks.secrets import find, is_random, mend, spans

DRAW = random.Random(7)


def some(count: int, alphabet: str = LETTERS) -> str:
    return "".join(DRAW.choices(alphabet, k=count))


def kinds(text: str) -> list[str]:
    return [span.kind for span in spans(text)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("AKIAIOSFODNN7ABCDEFG", "aws-key", id="a key of AWS"),
        pytest.param(f"token ghp_{some(36)}", "github-token", id="a token of GitHub"),
        pytest.param(f"(glpat-{some(20)})", "gitlab-token", id="a token of GitLab, in brackets"),
        pytest.param("xoxb-" + "123456789012-abcDEF123456", "slack-token", id="a token of Slack"),
        pytest.param(f"sk-proj-{some(48)}", "openai-key", id="a key of OpenAI"),
        pytest.param("sk_live_" + some(24), "stripe-key", id="a key of Stripe"),
        pytest.param(f"AIza{some(35)}", "google-key", id="a key of Google"),
        pytest.param("hf_" + "abcdefghijklmnopqrstuvwxyzabcdefgh", "hugging-face-token", id="a token of Hugging Face, of letters only"),
        pytest.param(rf'{{"key": "a\nnpm_{some(36)}"}}', "npm-token", id="a token behind an escape of JSON"),
        pytest.param(f"Authorization: Bearer {token(DRAW)}", "json-web-token", id="a JSON web token"),
        pytest.param(private_key(DRAW), "private-key", id="a private key"),
        pytest.param(private_key(DRAW).replace("\n", "\\n"), "private-key", id="a private key on one line"),
        pytest.param(private_key(DRAW)[:200], "private-key", id="a private key that was cut"),
        pytest.param("postgres://admin:hunter2xyz@db:5432/app", "password-in-address", id="a password in an address"),
        pytest.param('password = "Tr0ub4dor&3"', "password", id="a password that is set"),
        pytest.param("The password is correct-horse-7-staple", "password", id="a password that is told"),
        pytest.param("export DB_PASSWORD=s3cr3tvalue", "password", id="a password of the environment"),
        pytest.param('"api_key": "9f8e7d6c5b4a"', "password", id="a key of hexadecimal digits that is called so"),
        pytest.param("Authorization: Bearer 0123456789abcdef0123456789abcdee", "password", id="a bearer of hexadecimal digits"),
        pytest.param("Authorization: Basic dXNlcjpodW50ZXIyeA==", "password", id="a name and password in base64"),
        pytest.param("client_secret=abcdefABCDEF-my-example-1", "password", id="a secret with words of manuals in it"),
        pytest.param(some(40), "random-string", id="a random string"),
    ],
)  # fmt: skip
def test_finds(text: str, kind: str) -> None:
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("password = os.environ['PASSWORD']", id="a password that is read"),
        pytest.param('api_key="YOUR_API_KEY_123"', id="a place to put a key"),
        pytest.param("https://user:password@host/", id="the password of manuals"),
        pytest.param("token=example-1234567", id="an example that says so"),
        pytest.param("password: ********", id="a password that is hidden already"),
        pytest.param("token: the next token of the stream", id="a token of a parser"),
        pytest.param("key=lambda item: item[0], reverse=True", id="the key of a sort"),
        pytest.param("d41d8cd98f00b204e9800998ecf8427e", id="a digest"),
        pytest.param("550e8400-e29b-41d4-a716-446655440000", id="a UUID"),
        pytest.param("test_that_version_2_of_the_parser_reads_all_lines", id="a long name"),
        pytest.param("https://example.org/2024/03/SomeLongPath/WithManyParts/index.html", id="a long path"),
        pytest.param("-----BEGIN PUBLIC KEY-----", id="a public key"),
        pytest.param("a line of -----BEGIN PRIVATE KEY----- and nothing behind it", id="the head of a key alone"),
        pytest.param("=" * 60 + " " + "A" * 60, id="rulers"),
        pytest.param("[SECRET] password=[SECRET] https://a:[SECRET]@b/", id="what a fix has put in place"),
    ],
)
def test_passes_over(text: str) -> None:
    assert kinds(text) == []


def test_most_random_strings_look_random() -> None:
    draw = random.Random(3)
    recall = {
        length: sum(is_random("".join(draw.choices(URL_SAFE, k=length))) for _ in range(2000)) / 2000
        for length in (24, 32, 43, 64)
    }
    assert recall[24] > 0.9
    assert min(recall[32], recall[43], recall[64]) > 0.94


def test_puts_a_mark_in_place_and_quotes_nothing() -> None:
    secret = f"ghp_{some(36)}"
    record = record_of({"prompt": f"use {secret}", "completion": "https://a:s3cret99@b.c/d"})
    mended, places = mend(record)
    assert (mended.prompt_text, mended.answer_text, places) == ("use [SECRET]", "https://a:[SECRET]@b.c/d", 2)
    assert [(hit.kind, hit.note) for hit in find(record)] == [
        ("github-token", "github-token"),
        ("password-in-address", "password-in-address"),
    ]
