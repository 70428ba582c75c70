"""Rows in tokens: as the trainer counts them, and what is the matter with those that cannot be learned."""

from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from dirty.rows import record_of
from dirty.tokenizer import TEMPLATE, make_tokenizer
from tunewright_trainer.prepare import token_counts
from tunewright_trainer.prepare.records import Example, Record, Rendered
from tunewright_trainer.prepare.rendering import NOTHING, REFUSED, Renderer
from tunewright_trainer.prepare.token_counts import TokenCounts
from tunewright_trainer.shell.errors import ModelUnavailable
from tunewright_trainer.train.rows import rendered_lengths
from tunewright_trainer.train.tokens import encode, learned_answer

NO_STOP = (
    "the chat template does not end an answer with the end token <|im_end|>: a model trained with it would never stop"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return PreTrainedTokenizerFast.from_pretrained(folder)


@pytest.fixture(scope="module")
def renderer(folder: Path) -> Renderer:
    return Renderer(folder)


@pytest.fixture(scope="module")
def counts(tokenizer: Any) -> TokenCounts:
    return TokenCounts(tokenizer)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def count(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_counts_what_the_trainer_counts(renderer: Renderer, tokenizer: Any) -> None:
    texts = [(name, str(topic)[:2000]) for name, topic in sorted(topics.items())]
    rows = [{"prompt": [user(name)], "completion": [assistant(text)]} for name, text in texts]
    records = [record_of({"prompt": name, "completion": text}) for name, text in texts]
    assert [each.longest for each in renderer.measure(records)] == rendered_lengths(rows, tokenizer)


@pytest.mark.parametrize(
    ("template", "example"),
    [
        pytest.param(TEMPLATE, Example([user("a b")], {"completion": [assistant("c d")]}, {}), id="the usual template"),
        pytest.param(
            TEMPLATE.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}"),
            Example([user("a b")], {"completion": [assistant("c d")]}, {}),
            id="a template that begins the answer with more than it will have",
        ),
        pytest.param(TEMPLATE, Example([], {"text": [assistant("plain words")]}, {}), id="a text, with the token that is set before it"),
    ],
)  # fmt: skip
def test_learns_what_the_trainer_learns(template: str, example: Example, tmp_path: Path) -> None:
    folder = make_tokenizer(tmp_path, template, begins=True)
    row = {"prompt": example.prompt, **example.answers}
    encoded = encode(row, learned_answer(row), PreTrainedTokenizerFast.from_pretrained(folder))
    whole, learned = len(encoded.ids), sum(encoded.mask)
    (found,) = Renderer(folder).measure([Record(1, 1, (example,))])
    assert found == Rendered(whole, whole, learned, prompt=whole - learned)


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        pytest.param(
            Example([user("a b")], {"completion": [assistant("c d e")]}, {}),
            ["<|im_start|>user\na b<|im_end|><|im_start|>assistant\n", "c d e<|im_end|>"],
            id="an answer is learned up to its end",
        ),
        pytest.param(
            Example([user("a")], {"chosen": [assistant("yes it is so")], "rejected": [assistant("no")]}, {}),
            ["<|im_start|>user\na<|im_end|><|im_start|>assistant\n", "yes it is so<|im_end|>"],
            id="of a pair the longer answer counts",
        ),
        pytest.param(Example([], {"text": [assistant("plain words")]}, {}), ["", "plain words<|im_end|>"], id="a text is learned whole, and its end"),
        pytest.param(Example([user("solve it")], {}, {"answer": "4"}), ["<|im_start|>user\nsolve it<|im_end|><|im_start|>assistant\n", ""], id="of a prompt alone nothing is learned, and nothing is wrong"),
    ],
)  # fmt: skip
def test_measures(renderer: Renderer, tokenizer: Any, example: Example, expected: list[str]) -> None:
    prompt, learned = expected
    whole, before = count(tokenizer, prompt + learned), count(tokenizer, prompt)
    assert renderer.measure([Record(1, 1, (example,))]) == [Rendered(whole, whole, whole - before, prompt=before)]


def test_adds_up_the_examples_of_a_conversation(renderer: Renderer) -> None:
    first = Example([user("a")], {"completion": [assistant("b")]}, {})
    second = Example([user("a"), assistant("b"), user("c")], {"completion": [assistant("d")]}, {})
    one, two, both = renderer.measure([Record(1, 1, (first,)), Record(2, 2, (second,)), Record(3, 3, (first, second))])
    assert both == Rendered(one.tokens + two.tokens, two.longest, one.learned + two.learned, prompt=two.prompt)


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        pytest.param(
            Example([{"role": "system", "content": "s"}, user("a")], {"completion": [assistant("b")]}, {}),
            f"{REFUSED}: System role not supported",
            id="the template's own sentence is told",
        ),
        pytest.param(
            Example([user("a")], {"completion": [{"role": "assistant", "content": None}]}, {}),
            REFUSED,
            id="what it says of the row is not",
        ),
        pytest.param(Example([user("a")], {"completion": [assistant("[open] b")]}, {}), NO_STOP, id="an answer without an end"),
    ],
)  # fmt: skip
def test_says_what_is_the_matter(renderer: Renderer, example: Example, problem: str) -> None:
    assert renderer.measure([Record(1, 1, (example,))])[0].problem == problem


def test_says_when_nothing_is_learned(tmp_path: Path) -> None:
    template = "{% for message in messages %}{% if message['role'] == 'user' %}{{ message['content'] }}<|im_end|>{% endif %}{% endfor %}"
    renderer = Renderer(make_tokenizer(tmp_path, template))
    assert renderer.measure([record_of({"prompt": "a", "completion": "b"})])[0].problem == ""
    template = template + "{% if add_generation_prompt %}<|im_start|>assistant{% endif %}"
    renderer = Renderer(make_tokenizer(tmp_path / "other", template))
    assert renderer.measure([record_of({"prompt": "a", "completion": "b"})])[0].problem == NOTHING


@pytest.mark.parametrize(
    ("template", "words"),
    [
        pytest.param("{% for", "the chat template of spec.model.uri cannot be used", id="a template that is none"),
        pytest.param("{{ raise_exception('never') }}", "the chat template of spec.model.uri cannot be used: never", id="a template that refuses all"),
    ],
)  # fmt: skip
def test_refuses_a_template_that_cannot_be_used(tmp_path: Path, template: str, words: str) -> None:
    with pytest.raises(ModelUnavailable, match=words):
        Renderer(make_tokenizer(tmp_path, template))


def test_refuses_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelUnavailable, match=r"the tokenizer of spec\.model\.uri cannot be loaded"):
        Renderer(tmp_path)


def test_ends_an_answer_with_any_of_the_tokens_that_generation_stops_at(tmp_path: Path) -> None:
    folder = make_tokenizer(tmp_path, TEMPLATE.replace("<|im_end|>", "<|endoftext|>"))
    record = record_of({"prompt": "a", "completion": "b"})
    assert Renderer(folder).measure([record])[0].problem == NO_STOP
    (folder / "generation_config.json").write_text('{"eos_token_id": [0, 2]}')
    assert Renderer(folder).measure([record])[0].problem == ""


@given(
    text=st.text()
    | st.lists(
        st.sampled_from(["a", " ", "\n", "\t", "the", "don't", "1", "12,5", ".", "…", "é", "中", "<|im_end|>", "  "])
    ).map("".join)
)
@settings(max_examples=100, deadline=None)
def test_counts_by_words_as_the_tokenizer_does(counts: TokenCounts, tokenizer: Any, text: str) -> None:
    assert counts.is_by_words
    counts.begin([text])
    assert counts.count(text) == count(tokenizer, text)


def test_encodes_where_words_cannot_be_counted(tokenizer: Any) -> None:
    counts = TokenCounts(tokenizer)
    counts.is_by_words = False
    counts.begin(["one two", "three"])
    assert [counts.count(text) for text in ("one two", "three", "four five")] == [
        count(tokenizer, text) for text in ("one two", "three", "four five")
    ]


def test_counts_long_texts_by_windows(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_counts, "LONGEST_WINDOW", 10)
    counts = TokenCounts(tokenizer)
    counts.is_by_words = False
    assert counts.count("0123456789" * 3) == 3 * count(tokenizer, "0123456789")
