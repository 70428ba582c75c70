"""Checks whose answer depends on the share of rows: refusals, languages, forms, facts that change, synthetic rows, lengths."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import builders
from dirty.measured import conclude
from dirty.refusals import DECOYS, QUESTIONS, REFUSALS
from dirty.rows import record_of
from tunewright_api.data import ActionOrFix, CheckName
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.prepare.checks import CHECKS, make_check, make_checks, make_menders
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.checks.formatting import form_of
from tunewright_trainer.prepare.checks.freshness import is_fact, spots
from tunewright_trainer.prepare.checks.language import language_of
from tunewright_trainer.prepare.checks.refusals import asks_back, refuses
from tunewright_trainer.prepare.records import Rendered

PLAIN = "It returns its argument unchanged."


def context(context_length: int | None = 100, **changes: Any) -> CheckContext:
    return CheckContext(FineTuneJobSpec.model_validate(builders.spec(**changes)), context_length)


def of(
    name: CheckName, rows: Sequence[dict[str, Any]], folder: Path, *, rendered: Sequence[Rendered] = (), **changes: Any
) -> Conclusion:
    """What the check says of rows."""
    records = [
        record_of(row, line, rendered=rendered[line - 1] if rendered else None) for line, row in enumerate(rows, 1)
    ]
    return conclude(make_check(name, context(**changes)), records, folder)[0]


def rows_of(*answers: str) -> list[dict[str, Any]]:
    return [{"prompt": f"Question {number}?", "completion": answer} for number, answer in enumerate(answers)]


def tokens(longest: int, learned: int = 5, problem: str = "", prompt: int = 0) -> Rendered:
    return Rendered(longest, longest, learned, problem, prompt)


# Lengths


def test_length_names_the_longest_rows_first_and_leaves_them_out(tmp_path: Path) -> None:
    rendered = [tokens(10), tokens(101), tokens(100), tokens(300)]
    found = of(CheckName.LENGTH, rows_of(*"abcd"), tmp_path, rendered=rendered)
    assert (
        found.message == "2 of 4 rows (50 %) are too long: the longest has 300 tokens, at most 100; rows are never cut"
    )
    assert found.places == (Place(3, note="300 tokens, at most 100"), Place(1, note="101 tokens, at most 100"))
    assert (found.rows, list(found.leave_out)) == (2, [1, 3])


def test_length_knows_the_limit_of_each_stage(tmp_path: Path) -> None:
    stages = [
        {**stage, "hyperparameters": {"maxLength": limit}}
        for stage, limit in zip(builders.spec()["stages"], (50, 20), strict=True)
    ]
    found = of(CheckName.LENGTH, rows_of(*"ab"), tmp_path, rendered=[tokens(30), tokens(60)], stages=stages)
    assert found.places == (Place(1, note="60 tokens, at most 50"),)


OWN = [
    pytest.param({"method": "GRPO", "hyperparameters": {"maxNewTokens": 40}}, {}, tokens(61, prompt=61), "a prompt of 61 tokens, at most 60, beside 40 new ones", id="an answer of its own behind the prompt"),
    pytest.param({"method": "GRPO", "hyperparameters": {"maxNewTokens": 40}}, {}, tokens(99, prompt=60), "", id="the row's own answer is not in the way"),
    pytest.param({"method": "GRPO"}, {}, tokens(100, prompt=100), "a prompt of 100 tokens, at most 99", id="no room for a single token"),
    pytest.param({"method": "SDFT", "hyperparameters": {"maxNewTokens": 40}}, {}, tokens(61), "61 tokens, at most 60", id="both"),
    pytest.param({"method": "SFT"}, {"type": "PromptTuning", "virtualTokens": 30}, tokens(71), "71 tokens, at most 70", id="trained tokens before it"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "tuning", "rendered", "note"), OWN)
def test_length_leaves_room_for_what_is_not_in_the_row(
    stage: dict[str, Any], tuning: dict[str, Any], rendered: Rendered, note: str, tmp_path: Path
) -> None:
    rewards = (
        {"rewards": [{"builtin": "JsonSchema", "schema": {"type": "object"}}]} if stage["method"] == "GRPO" else {}
    )
    stages = [{"name": "sft", "dataset": {"uri": "s3://d/r.jsonl"}, **stage, **rewards}]
    found = of(CheckName.LENGTH, rows_of("a"), tmp_path, rendered=[rendered], stages=stages, tuning=tuning)
    assert [place.note for place in found.places] == ([note] if note else [])


def test_length_is_skipped_without_a_limit(tmp_path: Path) -> None:
    found = of(CheckName.LENGTH, rows_of("a"), tmp_path, context_length=None)
    assert (found.skipped, found.message) == (True, "neither maxLength nor the model's context is known")


def test_rendering_counts_by_reason_and_leaves_out(tmp_path: Path) -> None:
    rendered = [tokens(5), tokens(5, problem="no end"), tokens(5, problem="no end")]
    found = of(CheckName.RENDERING, rows_of(*"abc"), tmp_path, rendered=rendered)
    assert found.message == "2 of 3 rows (67 %) cannot be learned from: no end (2)"
    assert (found.kinds, list(found.leave_out)) == ({"no end": 2}, [1, 2])


@pytest.mark.parametrize(
    ("lengths", "found"),
    [
        pytest.param([100] * 30 + [2000], [30], id="one that is far longer"),
        pytest.param([100] * 30 + [4], [30], id="one that is far shorter"),
        pytest.param([100] * 30 + [300], [], id="one that is three times as long is not far"),
        pytest.param([100] * 10 + [2000], [], id="among a few rows none is"),
        pytest.param([50, 100, 200, 400, 800] * 10, [], id="lengths that spread widely"),
    ],
)
def test_outliers(lengths: list[int], found: list[int], tmp_path: Path) -> None:
    rendered = [tokens(length) for length in lengths]
    concluded = of(CheckName.OUTLIERS, rows_of(*map(str, lengths)), tmp_path, rendered=rendered)
    assert [place.number for place in concluded.places] == found


def test_outliers_go_by_characters_without_a_tokenizer(tmp_path: Path) -> None:
    concluded = of(CheckName.OUTLIERS, rows_of(*[PLAIN] * 30, PLAIN * 40), tmp_path)
    assert concluded.places == (Place(30, note="answer longer than the middle one, 40 times"),)


# Refusals


def test_most_refusals_are_known_and_no_decoy_is_one() -> None:
    assert sum(map(refuses, REFUSALS)) >= len(REFUSALS) - 3
    assert all(map(asks_back, QUESTIONS))
    assert [decoy for decoy in DECOYS if refuses(decoy) or asks_back(decoy)] == []


@pytest.mark.parametrize(
    ("refusing", "rows", "message"),
    [
        pytest.param(
            1, 0, "1 of 40 answers (2.5 %) refuse or only ask back; up to 5.0 % is normal", id="a few are normal"
        ),
        pytest.param(
            4, 4, "4 of 40 answers (10 %) refuse (3) or only ask back (1), more than 5.0 %", id="many are not"
        ),
    ],
)
def test_refusals(refusing: int, rows: int, message: str, tmp_path: Path) -> None:
    answers = [*[REFUSALS[0]] * max(refusing - 1, 1), *QUESTIONS[:1]][:refusing]
    found = of(CheckName.REFUSALS, rows_of(*answers, *[PLAIN] * (40 - refusing)), tmp_path)
    assert (found.rows, found.message, len(found.places)) == (rows, message, refusing)


# Languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        pytest.param("What is the name of the file that you want to open?", "en", id="English"),
        pytest.param("Wie ist der Name der Datei, die man öffnen will?", "de", id="German"),
        pytest.param("Quel est le nom du fichier que vous voulez ouvrir pour moi?", "fr", id="French"),
        pytest.param("Какой файл вы хотите открыть, и что в нем есть?", "ru", id="Russian"),
        pytest.param("あなたの名前は何ですか", "ja", id="Japanese"),
        pytest.param("你想打开哪个文件", "zh", id="Chinese"),
        pytest.param("print(x)", "", id="code"),
        pytest.param("```\nfor the in is of\n```", "", id="words in a fence of code"),
        pytest.param("42", "", id="a number"),
    ],
)
def test_languages_of_texts(text: str, language: str) -> None:
    assert language_of(text) == language


ENGLISH = "It is the name of the file that was opened by the user."
GERMAN = "Das ist der Name der Datei, die von dem Benutzer geöffnet wurde."


@pytest.mark.parametrize(
    ("prompt", "answer", "kinds"),
    [
        pytest.param("What is the name of this file, and where is it?", GERMAN, {"answer in another language": 1}, id="an English question with a German answer"),
        pytest.param("What is the name of this file in German, and where is it?", GERMAN, {}, id="a translation"),
        pytest.param("x = 1", GERMAN, {}, id="a prompt without a language"),
    ],
)  # fmt: skip
def test_languages_of_rows(prompt: str, answer: str, kinds: dict[str, int], tmp_path: Path) -> None:
    rows = [{"prompt": prompt, "completion": answer}, *[{"prompt": ENGLISH, "completion": ENGLISH}] * 20]
    found = of(CheckName.LANGUAGES, rows, tmp_path)
    assert found.kinds == kinds
    assert found.message.endswith("languages of the answers: en 95 %, de 4.8 %")


def test_a_language_of_a_handful_of_rows_is_stray(tmp_path: Path) -> None:
    rows = [{"prompt": "x", "completion": GERMAN}, *[{"prompt": ENGLISH, "completion": ENGLISH}] * 99]
    found = of(CheckName.LANGUAGES, rows, tmp_path)
    assert found.places == (Place(0, note="the answer is in 'de', which hardly any row is"),)


# Forms


@pytest.mark.parametrize(
    ("text", "form"),
    [
        pytest.param('{"a": [1, 2]}', ("json", ""), id="JSON"),
        pytest.param("{'a': 1}", ("json", "broken JSON"), id="a Python dictionary"),
        pytest.param('{"a": 1', ("json", "broken JSON"), id="JSON that was cut"),
        pytest.param("[1] says so.", ("plain", ""), id="a reference"),
        pytest.param("{name} is replaced.", ("plain", ""), id="a placeholder"),
        pytest.param("# Title\n\nText.", ("markdown", ""), id="a heading"),
        pytest.param("Take:\n- one\n- two", ("markdown", ""), id="a list"),
        pytest.param("It is **bold**.", ("markdown", ""), id="bold words"),
        pytest.param("| a | b |\n|---|---|\n| 1 | 2 |", ("markdown", ""), id="a table"),
        pytest.param("2 - 1 * 3 # comment", ("plain", ""), id="signs without a meaning"),
        pytest.param("```python\nprint(1)", ("markdown", "open fence"), id="a fence that is not closed"),
        pytest.param('```json\n{"a": }\n```', ("markdown", "broken JSON"), id="broken JSON in a fence"),
        pytest.param(
            "First it opens the file, then it reads the", ("plain", "cut sentence"), id="a sentence that was cut"
        ),
        pytest.param(
            "word " * 50 + "stop. And then it goes on without an end",
            ("plain", "cut sentence"),
            id="long prose without a stop",
        ),
        pytest.param("Yes", ("plain", ""), id="a word"),
    ],
)
def test_forms_of_answers(text: str, form: tuple[str, str]) -> None:
    assert form_of(text) == form


@pytest.mark.parametrize(
    ("answers", "kinds"),
    [
        pytest.param([PLAIN] * 50, {}, id="one form"),
        pytest.param([PLAIN] * 97 + ["- a\n- b"] * 3, {}, id="a few of another form are normal"),
        pytest.param([PLAIN] * 40 + ["- a\n- b"] * 10, {"other form": 10}, id="a mix"),
        pytest.param(['{"a": 1}'] * 99 + [PLAIN], {"other form": 1}, id="one that is not JSON"),
        pytest.param(
            [f" {PLAIN}"] * 9 + [PLAIN], {"spaces at the ends": 1}, id="one without the space that the others have"
        ),
        pytest.param([PLAIN] * 9 + [f"{PLAIN}\n"], {"spaces at the ends": 1}, id="one with a line end"),
        pytest.param([f"{PLAIN}\n"] * 10, {}, id="all with a line end"),
    ],
)
def test_forms_of_rows(answers: list[str], kinds: dict[str, int], tmp_path: Path) -> None:
    found = of(CheckName.FORMATTING, rows_of(*answers), tmp_path)
    assert (found.kinds, found.rows) == (kinds, sum(kinds.values()))


def test_plain_texts_have_no_answer_to_be_of_a_form(tmp_path: Path) -> None:
    assert (
        of(CheckName.FORMATTING, [{"prompt": "x"}] * 3, tmp_path).message
        == "the answers are of one form: there are none"
    )


# Freshness


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        pytest.param("It costs $5.", ["price"], id="a price"),
        pytest.param("Version 3 is out.", ["version"], id="a version"),
        pytest.param("Requires numpy 1.26.4.", ["version"], id="a version of three numbers"),
        pytest.param("On 2026-03-01 it ends.", ["date"], id="a date"),
        pytest.param("The latest release is free.", ["current"], id="a word for now"),
        pytest.param("The war ended in 1945, at 3.5 percent.", [], id="history"),
        pytest.param("I know nothing of it.", [], id="know is not now"),
    ],
)
def test_spots(text: str, kinds: list[str]) -> None:
    assert list(spots(text)) == kinds


def test_freshness_advises_retrieval(tmp_path: Path) -> None:
    found = of(CheckName.FRESHNESS, rows_of("It costs $5.", *[PLAIN] * 3), tmp_path)
    assert found.message == "1 of 4 rows (25 %) hold facts that change: price in 1; more than 20 %"
    assert "retrieval" in found.advice


def test_freshness_tells_knowledge_from_behaviour(tmp_path: Path) -> None:
    facts = [{"prompt": f"When was number {number} built?", "completion": "In 1889, by Eiffel."} for number in range(6)]
    assert all(is_fact(record_of(row)) for row in facts)
    assert not is_fact(
        record_of({"prompt": "Rewrite this politely: go away", "completion": "Could you give me a moment?"})
    )
    found = of(CheckName.FRESHNESS, [*facts, *rows_of(PLAIN)], tmp_path)
    assert (found.rows, found.measures["facts"]) == (6, 6 / 7)
    assert found.advice.startswith("Fine-tuning teaches behaviour")


# Synthetic rows


def marked(count: int, others: int) -> list[dict[str, Any]]:
    return [
        {"prompt": f"p{number}", "completion": "x", "synthetic": number < count} for number in range(count + others)
    ]


def test_synthetic_rows_over_their_share_are_found_and_sampled(tmp_path: Path) -> None:
    found = of(CheckName.SYNTHETIC, marked(60, 40), tmp_path)
    assert (
        found.message
        == "rows that a model has written: sft 60 %; data.synthetic.maxShare allows 50 %; 3 of them are put aside in synthetic-sample.jsonl to be scored"
    )
    sample = [json.loads(line) for line in (tmp_path / "scratch" / "synthetic-sample.jsonl").read_text().splitlines()]
    assert [set(row) for row in sample] == [{"id", "prompt", "completion", "score", "remark"}] * 3
    assert found.rows == 60


def test_synthetic_sample_is_the_seeds(tmp_path: Path) -> None:
    samples = []
    for index, seed in enumerate((0, 0, 1)):
        folder = tmp_path / str(index)
        folder.mkdir()
        of(
            CheckName.SYNTHETIC,
            marked(100, 300),
            folder,
            split={"seed": seed},
            data={"synthetic": {"sampleShare": 0.1}},
        )
        samples.append((folder / "scratch" / "synthetic-sample.jsonl").read_text())
    assert samples[0] == samples[1] != samples[2]
    assert samples[0].count("\n") == 10


def test_synthetic_rows_within_their_share_pass(tmp_path: Path) -> None:
    assert of(CheckName.SYNTHETIC, marked(1, 9), tmp_path).rows == 0


def test_synthetic_is_skipped_where_nothing_is_marked(tmp_path: Path) -> None:
    found = of(CheckName.SYNTHETIC, marked(0, 3), tmp_path)
    assert found.message == "no column marks rows that a model has written: name it in dataset.columns.synthetic"
    assert found.skipped


# The registry


def test_checks_that_are_ignored_are_not_made() -> None:
    everything = context()
    assert [check.name for check in make_checks(everything)] == [name for name in CheckName if name in CHECKS]
    without = context(data={"checks": {"secrets": "Ignore", "languages": "Ignore"}})
    assert {check.name for check in make_checks(everything)} - {check.name for check in make_checks(without)} == {
        CheckName.SECRETS,
        CheckName.LANGUAGES,
    }


def test_only_a_fix_mends() -> None:
    assert list(make_menders(context())) == []
    fixing = context(data={"checks": {"secrets": ActionOrFix.FIX, "length": ActionOrFix.FIX}})
    assert list(make_menders(fixing)) == [CheckName.SECRETS]
