"""The gate as a whole: what goes in comes out in a part, or is named; and what comes out depends on nothing else."""

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tiny_tokenizer import make_tokenizer
from tunewright_api.data import CheckName
from tunewright_api.data_report import Verdict
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.prepare.checks.base import CheckContext
from tunewright_trainer.prepare.engine import Setup
from tunewright_trainer.prepare.gate import Gate, Inspected
from tunewright_trainer.prepare.parts import write_parts
from tunewright_trainer.prepare.sources import fetch_all, find_objects
from tunewright_trainer.shell.storage import FileStore

Row = dict[str, Any]
PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tokenizer(tmp_path_factory.mktemp("model"))


class Bench:
    """Runs the gate over rows in files of one folder."""

    def __init__(self, folder: Path, tokenizer: Path) -> None:
        self.folder = folder
        self._tokenizer = tokenizer
        self._runs = 0
        self._open = ExitStack()

    def close(self) -> None:
        self._open.close()

    def put(self, name: str, rows: Sequence[Row | bytes]) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
        return f"file://{path}"

    def spec(self, *stages: Row, **checks: str) -> FineTuneJobSpec:
        body = {
            "model": {"uri": "file:///model", "id": "test/tiny"},
            "stages": list(stages),
            "output": {"uri": "file:///out"},
            "data": {"checks": checks},
        }
        return FineTuneJobSpec.model_validate(body)

    def inspect(self, spec: FineTuneJobSpec, workers: int = 1) -> Inspected:
        self._runs += 1
        scratch = self.folder / f"scratch-{self._runs}"
        scratch.mkdir()
        setup = Setup(CheckContext(spec, context_length=2048, workers=workers), self._tokenizer)
        return self._open.enter_context(closing(Gate(setup, scratch))).inspect(self._fetched(spec))

    def _fetched(self, spec: FineTuneJobSpec) -> Iterator[Any]:
        store = FileStore()
        for index, stage in enumerate(spec.stages):
            for item in fetch_all(store, find_objects(store, stage.dataset), stage.name, self.folder / "downloads"):
                yield index, item

    def written(self, inspected: Inspected) -> dict[str, list[Row]]:
        folder = self.folder / f"out-{self._runs}"
        write_parts(inspected, folder)
        return {
            path.relative_to(folder / "stages").as_posix().removesuffix(".jsonl"): [
                json.loads(line) for line in path.read_bytes().splitlines()
            ]
            for path in sorted(folder.rglob("*.jsonl"))
        }


@pytest.fixture
def bench(tmp_path: Path, tokenizer: Path) -> Iterator[Bench]:
    with closing(Bench(tmp_path, tokenizer)) as found:
        yield found


def sft(uri: str, **dataset: Any) -> Row:
    return {"name": "sft", "method": "SFT", "dataset": {"uri": uri, **dataset}}


def plain(count: int, start: int = 0) -> list[Row]:
    subjects = ("river", "engine", "garden", "contract", "violin", "harbour", "lantern", "meadow", "compass", "orchard")
    return [
        {
            "prompt": f"Tell me something about the {subjects[number % 10]} with the number {number}.",
            "completion": f"The {subjects[number % 10]} {number} was built by {subjects[number * 7 % 10]} people in {number * 13 % 97} days.",
        }
        for number in range(start, start + count)
    ]


def rows_of(written: dict[str, list[Row]], stage: str = "sft") -> list[str]:
    return [row["id"] for part in PARTS for row in written[f"{stage}/{part}"]]


NEEDS = "test rows that ask something and hold the right answer, and there are none; ask for loss"
MEASURED = [
    pytest.param([{"text": "The river is wide."}], ["rougeL", "exactMatch", "loss"], f"rougeL and exactMatch need {NEEDS}", id="plain texts"),
    pytest.param([{"prompt": "a", "completion": "b"}], ["preferenceAccuracy"], "preferenceAccuracy needs a stage with Preference rows, and there are none; ask for loss, rougeL or exactMatch", id="no pairs"),
    pytest.param([{"prompt": "a", "completion": "b"}], ["reward", "loss"], "reward needs a stage with rewards (GRPO or RLOO), and there are none; ask for loss, rougeL or exactMatch", id="no rewards"),
    pytest.param([{"prompt": "a", "completion": "b"}], ["exactMatch", "loss"], "", id="answers"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "metrics", "sentence"), MEASURED)
def test_metrics_that_the_rows_cannot_give_are_refused_before_anything_is_trained(
    bench: Bench, kind: list[Row], metrics: list[str], sentence: str
) -> None:
    rows = [{name: f"{text} {number}" for name, text in kind[0].items()} for number in range(100)]
    spec = bench.spec(sft(bench.put("rows.jsonl", rows)))
    spec = spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"metrics": metrics})})
    expected = [f"spec.evaluation.metrics: {sentence}"] if sentence else []
    assert bench.inspect(spec).refusals == expected


def test_every_row_stands_in_one_part(bench: Bench) -> None:
    inspected = bench.inspect(bench.spec(sft(bench.put("rows.jsonl", plain(200)))))
    assert inspected.refusals == []
    written = bench.written(inspected)
    assert sorted(rows_of(written)) == sorted(f"rows.jsonl:{line}" for line in range(1, 201))
    (report,) = inspected.stages
    assert (report.rows, report.refused, report.left_out) == (200, 0, 0)
    assert [len(written[f"sft/{part}"]) for part in PARTS] == [report.train, report.validation, report.test]
    assert report.tokens > 0


def test_appending_rows_moves_no_row(bench: Bench) -> None:
    before = bench.written(bench.inspect(bench.spec(sft(bench.put("rows.jsonl", plain(200))))))
    after = bench.written(bench.inspect(bench.spec(sft(bench.put("rows.jsonl", plain(300))))))
    for part in PARTS:
        kept = after[f"sft/{part}"]
        assert kept[: len(before[f"sft/{part}"])] == before[f"sft/{part}"]


def test_two_workers_write_the_same_bytes_as_one(bench: Bench) -> None:
    spec = bench.spec(sft(bench.put("rows.jsonl", [*plain(400), b"not json\n"])), structure="Fix")
    alone, together = bench.inspect(spec), bench.inspect(spec, workers=2)
    assert write_parts(alone, bench.folder / "alone") == write_parts(together, bench.folder / "together")
    assert alone.findings == together.findings
    assert alone.stages == together.stages


def test_a_row_that_cannot_be_read_is_named_and_the_rest_is_counted(bench: Bench) -> None:
    where = bench.put("rows.jsonl", [*plain(50), *([b"x\n"] * 5)])
    inspected = bench.inspect(bench.spec(sft(where)))
    (refusal,) = inspected.refusals
    assert refusal.startswith(f"stage sft: 5 of 55 rows of {where} cannot be used: rows.jsonl:51: not valid JSON")
    assert refusal.endswith("; and 2 more, all of them counted in report.json")
    (provenance,) = inspected.objects
    assert (provenance.rows, provenance.refused) == (55, 5)


def test_the_rows_that_a_refusal_names_have_reasons_of_their_own(bench: Bench) -> None:
    """However many rows share the first; reasons that differ in numbers only are one."""
    rows = [
        *[b'{"prompt":\n', b'{"prompt": "a",\n'] * 20,
        *plain(50),
        {"prompt": "a"},
        {"prompt": "a", "completion": 7},
        b"[]\n",
    ]
    inspected = bench.inspect(bench.spec(sft(bench.put("rows.jsonl", rows))))
    (refusal,) = inspected.refusals
    named = refusal.partition(" cannot be used: ")[2].split("; ")
    assert [said.partition(": ")[0] for said in named if said.startswith("rows.")] == [
        "rows.jsonl:1",
        "rows.jsonl:2",
        "rows.jsonl:91",
    ]
    examples = [int(example.place.rpartition(":")[2]) for example in inspected.findings[0].examples]
    assert examples == [*range(1, 18), 91, 92, 93]


NO_ROW = "which is in no row; the rows have completion and prompt: correct the name, or leave it out"
MISNAMED = [
    pytest.param({"category": "topic"}, [], Verdict.WARNED, f"stage sft: dataset.columns.category names the column 'topic', {NO_ROW}", id="for the report only"),
    pytest.param({"tools": "functions"}, [f"stage sft: dataset.columns.tools names the column 'functions', {NO_ROW}"], Verdict.FAILED, f"stage sft: dataset.columns.tools names the column 'functions', {NO_ROW}", id="part of what is learned"),
]  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("columns", "refusals", "verdict", "message"), MISNAMED)
def test_a_column_that_is_in_no_row_is_told(
    bench: Bench, columns: Row, refusals: list[str], verdict: Verdict, message: str, workers: int
) -> None:
    inspected = bench.inspect(bench.spec(sft(bench.put("rows.jsonl", plain(100)), columns=columns)), workers)
    assert inspected.refusals == refusals
    structure = inspected.findings[0]
    assert (structure.verdict, structure.message, structure.rows) == (verdict, message, 0)


def test_a_column_that_is_in_one_row_alone_is_in_the_rows(bench: Bench) -> None:
    rows = [*plain(99), {**plain(1, 300)[0], "topic": "rivers"}]
    inspected = bench.inspect(bench.spec(sft(bench.put("rows.jsonl", rows), columns={"category": "topic"})))
    assert inspected.findings[0].verdict is Verdict.PASSED


def test_a_column_that_is_in_no_row_is_told_beside_the_rows_that_are_left_out(bench: Bench) -> None:
    where = bench.put("rows.jsonl", [*plain(100), b"x\n"])
    inspected = bench.inspect(bench.spec(sft(where, columns={"category": "topic"}), structure="Fix"))
    structure = inspected.findings[0]
    assert (structure.verdict, structure.rows) == (Verdict.WARNED, 1)
    assert (
        structure.message
        == f"1 of 101 rows cannot be read or used; stage sft: dataset.columns.category names the column 'topic', {NO_ROW}"
    )


def test_fix_trains_without_the_rows_that_cannot_be_read_and_says_so(bench: Bench) -> None:
    inspected = bench.inspect(bench.spec(sft(bench.put("rows.jsonl", [b"x\n", *plain(50)])), structure="Fix"))
    assert inspected.refusals == []
    assert inspected.findings[0].verdict is Verdict.FIXED
    assert "rows.jsonl:1" not in rows_of(bench.written(inspected))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        pytest.param([], "has no rows", id="an empty file"),
        pytest.param([b"\n\n"], "has no rows", id="blank lines"),
        pytest.param(plain(3), " to train on after the split; at least 4 are needed", id="three rows"),
    ],
)
def test_too_little_is_refused(bench: Bench, rows: list[Row | bytes], sentence: str) -> None:
    (refusal, *_) = bench.inspect(bench.spec(sft(bench.put("rows.jsonl", rows)))).refusals
    assert sentence in refusal


def test_given_test_rows_are_tested_on_and_nothing_else(bench: Bench) -> None:
    spec = bench.spec(sft(bench.put("rows.jsonl", plain(100)), evalUri=bench.put("test.jsonl", plain(20, start=500))))
    written = bench.written(bench.inspect(spec))
    assert {row["id"].partition(":")[0] for row in written["sft/test"]} == {"test.jsonl"}
    assert len(written["sft/test"]) == 20
    assert len(written["sft/train"]) + len(written["sft/validation"]) == 100


def test_a_training_row_that_is_tested_on_too_is_left_out(bench: Bench) -> None:
    rows = plain(100)
    spec = bench.spec(sft(bench.put("rows.jsonl", rows), evalUri=bench.put("test.jsonl", rows[:10])))
    inspected = bench.inspect(spec)
    prompts = {row["prompt"][0]["content"] for row in bench.written(inspected)["sft/train"]}
    assert not prompts & {row["prompt"] for row in rows[:10]}
    (found,) = [finding for finding in inspected.findings if finding.check is CheckName.CONTAMINATION]
    assert found.verdict is Verdict.FIXED


def test_a_bad_row_of_the_evaluation_set_is_said_to_be_one_of_it(bench: Bench) -> None:
    where, held = (
        bench.put("rows.jsonl", plain(100)),
        bench.put("test.jsonl", [*plain(20, start=500), {"prompt": "What?"}]),
    )
    inspected = bench.inspect(bench.spec(sft(where, evalUri=held)))
    assert inspected.refusals == [
        f"stage sft: 1 of 121 rows of {where} and the evaluation set {held} cannot be used: "
        "test.jsonl:21 (evaluation set): column 'completion' is missing"
    ]
    assert [example.place for example in inspected.findings[0].examples] == ["test.jsonl:21 (evaluation set)"]


def test_what_a_check_finds_in_the_evaluation_set_is_said_to_be_there(bench: Bench) -> None:
    spoilt = {"prompt": "Who is it?", "completion": "Write to jane.doe@example.org."}
    where, held = bench.put("rows.jsonl", plain(100)), bench.put("test.jsonl", [*plain(20, start=500), spoilt])
    inspected = bench.inspect(bench.spec(sft(where, evalUri=held), personalData="Fail"))
    (refusal,) = inspected.refusals
    assert ": test.jsonl:21 (evaluation set) completion: " in refusal
    assert "test.jsonl:21" in rows_of(bench.written(inspected)), "where a row stands is its id, and that is no sentence"


EVALUATION_SETS = [
    pytest.param([], "stage sft: the evaluation set {} has no rows to test on; add rows to it, or leave dataset.evalUri out", id="an empty file"),
    pytest.param(["\u00fc\n".encode("utf-16")], "test.jsonl (evaluation set) is text in UTF-16; save it as UTF-8", id="a file that cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "sentence"), EVALUATION_SETS)
def test_an_evaluation_set_that_is_of_no_use_is_called_so(bench: Bench, rows: list[Any], sentence: str) -> None:
    held = bench.put("test.jsonl", rows)
    inspected = bench.inspect(bench.spec(sft(bench.put("rows.jsonl", plain(100)), evalUri=held)))
    assert inspected.refusals == [sentence.format(held)]


def test_a_weight_takes_rows_again_in_training_only(bench: Bench) -> None:
    sources = [{"uri": bench.put("a.jsonl", plain(100)), "weight": 3}, {"uri": bench.put("b.jsonl", plain(100, 200)), "weight": 0.5}]  # fmt: skip
    spec = bench.spec({"name": "sft", "method": "SFT", "dataset": {"sources": sources}})
    written = bench.written(bench.inspect(spec))
    ids = [row["id"] for row in written["sft/train"]]
    tripled = {name for name in ids if name.startswith("a.jsonl")}
    assert all(ids.count(name) == 3 for name in tripled)
    halved = [name for name in ids if name.startswith("b.jsonl")]
    assert 20 < len(halved) == len(set(halved)) < 65
    for part in ("validation", "test"):
        held = [row["id"] for row in written[f"sft/{part}"]]
        assert len(held) == len(set(held))


def test_a_conversation_has_an_example_for_each_answer(bench: Bench) -> None:
    turns = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
        {"role": "assistant", "content": "four"},
    ]
    where = bench.put("rows.jsonl", [{"messages": turns}, *({"messages": [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]} for row in plain(60))])  # fmt: skip
    written = bench.written(bench.inspect(bench.spec(sft(where))))
    found = {row["id"]: row for part in PARTS for row in written[f"sft/{part}"]}
    assert found["rows.jsonl:1#1"]["completion"][0]["content"] == "two"
    assert found["rows.jsonl:1#2"]["prompt"] == turns[:3]


CHECK_FIXES: list[Any] = [
    pytest.param("duplicates", lambda rows: [*rows, rows[0]], ["rows.jsonl:101"], id="a row that stands twice"),
    pytest.param("structure", lambda rows: [*rows, {"prompt": ""}], ["rows.jsonl:101"], id="a row without an answer"),
]


@pytest.mark.parametrize(("check", "spoil", "gone"), CHECK_FIXES)
def test_a_fix_leaves_out_what_it_says_and_no_more(
    bench: Bench, check: str, spoil: Callable[[list[Row]], list[Row]], gone: list[str]
) -> None:
    inspected = bench.inspect(bench.spec(sft(bench.put("rows.jsonl", spoil(plain(100)))), **{check: "Fix"}))
    assert inspected.refusals == []
    left = set(rows_of(bench.written(inspected)))
    assert {f"rows.jsonl:{line}" for line in range(1, 102)} - left == set(gone)


TWIN = " ".join(f"word{number * 37 % 1009}" for number in range(200))
LONG_WORD = "".join(f"{number * 7919 % 104729:x}" for number in range(2000))
STAYING = [
    pytest.param("nearDuplicates", TWIN.replace("word37 ", f"{LONG_WORD} "), TWIN, id="the first is a twin and too long"),
    pytest.param("duplicates", TWIN.replace(" ", " " * 40), TWIN, id="the first is a copy and too long"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "first", "second"), STAYING)
def test_of_two_rows_alike_one_stays_though_the_first_is_too_long(
    bench: Bench, check: str, first: str, second: str
) -> None:
    rows = [*plain(60), *({"prompt": "Say it.", "completion": text} for text in (first, second))]
    stage = {**sft(bench.put("rows.jsonl", rows)), "hyperparameters": {"maxLength": 1500}}
    inspected = bench.inspect(bench.spec(stage, conflicts="Ignore", length="Fix", **{check: "Fix"}))
    assert inspected.refusals == []
    left = set(rows_of(bench.written(inspected)))
    assert {f"rows.jsonl:{line}" for line in range(1, 63)} - left == {"rows.jsonl:61"}


def test_a_training_row_that_stands_among_the_held_out_ones_takes_no_twin_with_it(bench: Bench) -> None:
    """The first row has the prompt of a held-out one, the second another prompt and nearly the answer of the first."""
    told = [{"prompt": "Say it.", "completion": TWIN}, {"prompt": "Say that.", "completion": TWIN}]
    held = bench.put("test.jsonl", [{"prompt": "Say it.", "completion": "It is said."}, *plain(9, 500)])
    where = bench.put("rows.jsonl", [*plain(60), *told])
    spec = bench.spec(sft(where, evalUri=held), nearDuplicates="Fix")
    left = set(rows_of(bench.written(bench.inspect(spec))))
    assert "rows.jsonl:61" not in left
    assert "rows.jsonl:62" in left


def test_the_sentence_that_matters_names_no_row_that_is_left_out(bench: Bench) -> None:
    rows = [*plain(60), {"prompt": "Say it.", "completion": f"{TWIN} " * 3}]
    stage = {**sft(bench.put("rows.jsonl", rows)), "hyperparameters": {"maxLength": 400}}
    inspected = bench.inspect(bench.spec(stage, length="Fix"))
    told = {finding.check: finding.verdict for finding in inspected.findings}
    assert (told[CheckName.LENGTH], told[CheckName.OUTLIERS]) == (Verdict.FIXED, Verdict.PASSED)
    assert [finding.check for finding in inspected.findings] == [name for name in CheckName if name in told]


def test_what_cannot_be_seen_hides_nothing_from_the_other_fixes(bench: Bench) -> None:
    rows = [
        *plain(60),
        {
            "prompt": "Who is it?",
            "completion": "Write to jane.doe@exam\u200bple.org, or with AKIAQ7X4TB\u2060WL2MZ5RVNE.",
        },
    ]
    fixes = dict.fromkeys(("hiddenCharacters", "personalData", "secrets"), "Fix")
    written = bench.written(bench.inspect(bench.spec(sft(bench.put("rows.jsonl", rows)), **fixes)))
    (answer,) = [
        row["completion"][0]["content"]
        for part in PARTS
        for row in written[f"sft/{part}"]
        if row["id"] == "rows.jsonl:61"
    ]
    assert answer == "Write to [EMAIL], or with [SECRET]."


def test_what_is_ignored_is_not_looked_for(bench: Bench) -> None:
    rows = [*plain(60), {"prompt": "Who is it?", "completion": "Write to jane.doe@example.org."}]
    where = bench.put("rows.jsonl", rows)
    looked, ignored = (bench.inspect(bench.spec(sft(where), personalData=action)) for action in ("Warn", "Ignore"))
    assert CheckName.PERSONAL_DATA in {finding.check for finding in looked.findings}
    assert CheckName.PERSONAL_DATA not in {finding.check for finding in ignored.findings}


def test_texts_are_split_by_their_own_words(bench: Bench) -> None:
    where = bench.put("rows.jsonl", [{"text": f"{row['prompt']} {row['completion']}"} for row in plain(200)])
    written = bench.written(bench.inspect(bench.spec(sft(where))))
    assert all(len(written[f"sft/{part}"]) > 5 for part in PARTS)


SECRET, EMAIL = "AKIAQ7X4TBWL2MZ5RVNE", "john.doe@realmail.org"
TELLING: list[Any] = [
    pytest.param([{**row, "category": EMAIL if number % 2 else SECRET} for number, row in enumerate(plain(100))], {}, id="categories"),
    pytest.param([*plain(50), {**plain(1)[0], EMAIL: 1}, {**plain(1)[0], SECRET: 1}], {}, id="names of columns"),
    pytest.param([*plain(50), f'{{"{EMAIL}": 1, "{EMAIL}": 2}}\n'.encode()], {}, id="keys that stand twice"),
    pytest.param([{EMAIL: "a", SECRET: "b"}], {}, id="columns of no format"),
    pytest.param([{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {EMAIL: "password: hunter2x!", "k" * 400: SECRET}}}]}]}], {"secrets": "Warn"}, id="arguments of a call, one under a key without end"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "checks"), TELLING)
def test_nothing_that_is_told_gives_away_what_the_gate_looks_for(
    bench: Bench, rows: list[Row | bytes], checks: dict[str, str]
) -> None:
    found = bench.inspect(bench.spec(sft(bench.put("rows.jsonl", rows)), **checks))
    told = [
        *found.refusals,
        *(finding.model_dump_json() for finding in found.findings),
        *(stage.model_dump_json() for stage in found.stages),
    ]
    assert any("[EMAIL]" in text for text in told)
    assert [text for text in told if EMAIL in text or SECRET in text or "hunter2x" in text] == []


def test_objects_that_cannot_be_read_are_all_told_by_the_names_that_tell_them_apart(bench: Bench) -> None:
    whole = gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in plain(200)))
    for folder in ("a", "b"):
        bench.put(f"{folder}/rows.jsonl.gz", [whole[:-20]])
    bench.put("c/rows.jsonl", plain(100))
    found = bench.inspect(bench.spec(sft(f"file://{bench.folder}/"), structure="Fix"))
    assert [text.partition(" is cut short")[0] for text in found.refusals] == ["a/rows.jsonl.gz", "b/rows.jsonl.gz"]
    assert found.findings[0].verdict is Verdict.FAILED


def test_a_long_key_has_room_in_the_report(bench: Bench) -> None:
    folder = "/".join(["long" * 20] * 3)
    bench.put(f"{folder}/a/rows.jsonl", [*plain(50), b"x\n"])
    bench.put(f"{folder}/b/rows.jsonl", plain(50, 50))
    (finding, *_) = bench.inspect(bench.spec(sft(f"file://{bench.folder}/"))).findings
    assert finding.examples[0].place.endswith("a/rows.jsonl:51")


def test_an_answer_of_which_the_template_keeps_nothing_but_its_end_is_told(bench: Bench) -> None:
    call = {"function": {"name": "f", "arguments": "{}"}}
    rows = [{"messages": [{"role": "user", "content": f"do {number}"}, {"role": "assistant", "content": None, "tool_calls": [call]}]} for number in range(50)]  # fmt: skip
    (refusal, *_) = bench.inspect(bench.spec(sft(bench.put("rows.jsonl", rows)))).refusals
    assert refusal.startswith(
        "50 of 50 rows (100 %) cannot be learned from: the chat template leaves nothing of an answer to learn"
    )
