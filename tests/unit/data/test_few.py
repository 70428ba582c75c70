"""Which of many rows are named."""

import pytest

from tunewright_trainer.prepare.few import few

CHOSEN = [
    pytest.param("", "", id="none"),
    pytest.param("a1", "a1", id="fewer than there is room for"),
    pytest.param("a1 a2 a3 a4", "a1 a2 a3", id="one reason: the first rows"),
    pytest.param("a1 a2 a3 b4 a5", "a1 a2 b4", id="two reasons: the first row of each, and the first of the others"),
    pytest.param("a1 a2 b3 b4 c5 d6", "a1 b3 c5", id="more reasons than room: the first rows of the first ones"),
    pytest.param("a1 b2 a3 b4", "a1 b2 a3", id="always in order"),
]


@pytest.mark.parametrize(("items", "chosen"), CHOSEN)
def test_the_first_of_each_reason_is_chosen_first(items: str, chosen: str) -> None:
    assert few(items.split(), 3, lambda item: f"reason {item}") == chosen.split()
