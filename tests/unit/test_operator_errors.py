"""Answers of the API server become errors by what helps against them."""

import pytest

from tunewright_operator.shell.errors import (
    LONGEST_TEXT,
    AlreadyExists,
    ClusterError,
    Conflict,
    Expired,
    NotFound,
    Refused,
    Unauthorized,
    Unavailable,
    from_response,
)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        pytest.param(400, "BadRequest", Refused, id="bad-request-is-refused"),
        pytest.param(401, "Unauthorized", Unauthorized, id="an-old-token-is-not-accepted"),
        pytest.param(403, "Forbidden", Refused, id="quota-and-rights-are-refusals"),
        pytest.param(404, "NotFound", NotFound, id="missing"),
        pytest.param(409, "Conflict", Conflict, id="somebody-has-written-since"),
        pytest.param(409, "AlreadyExists", AlreadyExists, id="the-name-is-taken"),
        pytest.param(410, "Expired", Expired, id="the-page-token-is-too-old"),
        pytest.param(422, "Invalid", Refused, id="an-invalid-object-is-refused"),
        pytest.param(429, "TooManyRequests", Unavailable, id="overload"),
        pytest.param(500, "InternalError", Unavailable, id="a-fault-of-the-server"),
        pytest.param(504, "Timeout", Unavailable, id="a-server-that-is-too-slow"),
    ],
)
def test_what_an_answer_stands_for(status: int, reason: str, kind: type[ClusterError]) -> None:
    body = f'{{"kind": "Status", "reason": "{reason}", "message": "the words"}}'.encode()
    error = from_response(status, {}, body)
    assert (type(error), str(error)) == (kind, "the words")


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        pytest.param({"Retry-After": "30"}, 30.0, id="in-seconds"),
        pytest.param({}, None, id="not-given"),
        pytest.param({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, None, id="a-date-is-not-understood"),
    ],
)
def test_the_pause_that_the_server_asks_for(header: dict[str, str], pause: float | None) -> None:
    error = from_response(429, header, b"{}")
    assert isinstance(error, Unavailable)
    assert error.retry_after == pause


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>bad gateway</html>", id="html"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="no-object"),
        pytest.param(b"\xff\xfe", id="no-text"),
    ],
)
def test_an_answer_that_is_no_status_is_still_an_error(body: bytes) -> None:
    assert isinstance(from_response(502, {}, body), Unavailable)
    assert str(from_response(502, {}, body))


def test_a_webhook_that_answers_with_pages_is_cut_to_one_line() -> None:
    words = "a b\\n" * 5000
    text = str(from_response(403, {}, f'{{"message": "{words}"}}'.encode()))
    assert len(text) <= LONGEST_TEXT
    assert "\n" not in text
