"""How the command line reads files that are odd, but that people write."""

import re

import pytest

from tunewright_cli.manifests import BadManifest, parse

JOB = "apiVersion: tunewright.dev/v1alpha1\nkind: FineTuneJob\nmetadata: {name: a}\n"

READABLE = [
    pytest.param(JOB, 1, id="one object"),
    pytest.param(f"---\n{JOB}---\n", 1, id="a separator at the end"),
    pytest.param(f"---\n---\n{JOB}", 1, id="two separators at the beginning"),
    pytest.param(f"---\n# a licence\n---\n{JOB}---\n{JOB}", 2, id="a document of comments"),
    pytest.param(f"null\n---\n{JOB}", 1, id="a document that says null"),
]


@pytest.mark.parametrize(("text", "objects"), READABLE)
def test_a_document_without_content_is_passed_over(text: str, objects: int) -> None:
    assert [document.name for document in parse(text, "a.yaml")] == ["a"] * objects


def test_lines_are_counted_from_the_beginning_of_the_file() -> None:
    (document,) = parse(f"---\n---\n{JOB}", "a.yaml")
    assert document.lines["kind"] == 4


UNREADABLE = [
    pytest.param("", "a.yaml: is empty", id="nothing"),
    pytest.param("---\n---\n", "a.yaml: is empty", id="separators only"),
    pytest.param("a: !!int x", "a.yaml:1: not valid YAML: a value is not of the type that its tag names", id="a text that is tagged a number"),
    pytest.param("a: !!bool x", "a.yaml:1: not valid YAML: a value is not of the type that its tag names", id="a text that is tagged true or false"),
    pytest.param("a: !!timestamp x", "a.yaml:1: not valid YAML: a value is not of the type that its tag names", id="a text that is tagged a date"),
    pytest.param("[" * 2000, "a.yaml: is nested too deeply", id="thousands of brackets"),
    pytest.param("a: &x [*x]", "a.yaml:1: not valid YAML: found unconstructable recursive node", id="an anchor within itself"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), UNREADABLE)
def test_what_cannot_be_read_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadManifest, match="^" + re.escape(sentence)):
        parse(text, "a.yaml")
