"""Which of many rows are named where there is room for a few: rows that tell of different things. Pure."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

Item = TypeVar("Item")

REMEMBERED = 4096
_NUMBERS = re.compile(r"\d+")


def few(items: Sequence[Item], most: int, reason: Callable[[Item], str]) -> list[Item]:
    """At most `most` items, in their order: the first of each kind of reason, then the first of the others."""
    firsts: dict[str, int] = {}
    for index, item in enumerate(items):
        firsts.setdefault(kind_of(reason(item)), index)
    chosen = set(firsts.values())
    others = (index for index in range(len(items)) if index not in chosen)
    return [items[index] for index in sorted([*firsts.values(), *others][:most])]


@lru_cache(REMEMBERED)
def kind_of(reason: str) -> str:
    """Reasons that differ in numbers alone, such as the column of a broken line, are of one kind."""
    return _NUMBERS.sub("0", reason)
