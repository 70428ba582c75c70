"""Metrics between an answer and its reference. Pure."""

import re
from collections.abc import Sequence

_WORD = re.compile(r"[a-z0-9]+")


def words(text: str) -> list[str]:
    """Words as ROUGE counts them: lower case, letters and digits."""
    return _WORD.findall(text.lower())


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest sequence of words that both have, in order. O(n·m) time, O(m) memory."""
    previous = [0] * (len(second) + 1)
    for word in first:
        current = [0]
        for index, other in enumerate(second):
            current.append(previous[index] + 1 if word == other else max(previous[index + 1], current[index]))
        previous = current
    return previous[-1]


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L as F1 over words, without stemming; 0 to 1."""
    got, expected = words(answer), words(reference)
    common = longest_common_subsequence(got, expected)
    if not common:
        return 0.0
    precision, recall = common / len(got), common / len(expected)
    return 2 * precision * recall / (precision + recall)


def exact_match(answer: str, reference: str) -> float:
    """1 when both are the same but for case and spacing."""
    return float(" ".join(answer.casefold().split()) == " ".join(reference.casefold().split()))
