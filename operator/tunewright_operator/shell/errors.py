"""What can go wrong between the operator and the API server: a small tree, made in one place, so that no caller reads status codes."""

from collections.abc import Mapping
from typing import Any

import orjson

LONGEST_TEXT = 1000
"""An admission webhook may answer with pages; a status and a log line carry a sentence."""


class ClusterError(Exception):
    """The API server did not do what was asked; the text is its own words, cut."""


class NotFound(ClusterError):
    """There is no such object (or no such kind, or no such namespace)."""


class Conflict(ClusterError):
    """Somebody else has written since this was read: read again, decide again."""


class AlreadyExists(ClusterError):
    """An object of that name is there."""


class Refused(ClusterError):
    """The same request would be refused again: quota, admission policy, missing right, invalid object."""


class Unauthorized(ClusterError):
    """The credentials are not (or no longer) accepted."""


class Expired(ClusterError):
    """The page token of a list is too old: list from the beginning."""


class Unavailable(ClusterError):
    """The API server is overloaded, restarting or out of reach; asking later helps."""

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class NotLeading(ClusterError):
    """This process no longer holds the lease, so it must not write."""


def shortened(text: str) -> str:
    """One line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"


def _reason_and_words(body: bytes) -> tuple[str, str]:
    try:
        status: Any = orjson.loads(body)
        return str(status.get("reason") or ""), str(status.get("message") or "")
    except (orjson.JSONDecodeError, AttributeError):
        return "", body[: 4 * LONGEST_TEXT].decode("utf-8", "replace")


def _seconds(text: str | None) -> float | None:
    # Retry-After may also be a date; the API server never sends one.
    return float(text) if text is not None and text.isdecimal() else None


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ClusterError:
    """The error that an answer of 400 or more stands for."""
    reason, words = _reason_and_words(body)
    text = shortened(words) or f"the API server answered {status} without saying why"
    retry_after = _seconds(headers.get("Retry-After"))
    if status == 401:
        return Unauthorized(text)
    if status == 404:
        return NotFound(text)
    if status == 409:
        return AlreadyExists(text) if reason == "AlreadyExists" else Conflict(text)
    if status == 410:
        return Expired(text)
    if status == 429 or status >= 500:
        return Unavailable(text, retry_after)
    return Refused(text)
