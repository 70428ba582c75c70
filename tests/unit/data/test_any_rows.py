"""Whatever the bytes: no crash, and each row in is a row kept or a row named. `make fuzz` does the same a million times."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import corpus
from fuzz.examine import examine

WORD = st.sampled_from(corpus.WORDS)
SCALAR = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text(max_size=5) | WORD
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD | st.text(max_size=3), inner, max_size=4), max_leaves=12)  # fmt: skip


@pytest.mark.parametrize("number", range(len(corpus.files())))
def test_every_file_of_the_corpus_is_kept_or_named(number: int) -> None:
    examine(corpus.files()[number])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_kept_or_named(data: bytes) -> None:
    examine(data)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(WORD, VALUE, max_size=4), min_size=1, max_size=3))
def test_any_json_is_kept_or_named(rows: list[dict[str, Any]]) -> None:
    examine("\n".join(json.dumps(row) for row in rows).encode())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(corpus.ROWS), st.data())
def test_a_good_row_with_one_value_changed_is_kept_or_named(row: dict[str, Any], data: st.DataObject) -> None:
    changed = json.loads(json.dumps(row))
    place: Any = changed
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not (isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans())):
            break
        place = place[key]
    place[key] = data.draw(VALUE)
    examine(json.dumps(changed).encode())
