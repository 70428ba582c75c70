"""What a user sees of a bad file, a bad address or a bad key: the sentence, the class, the hint, and nothing half-published."""

import gzip
import json
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import refused_runs
import trainer_process
from devcluster.s3 import LIMITED_ACCESS_KEY, LIMITED_SECRET_KEY
from refused_runs import BUCKET, World, assert_refused, case_name, row, rows, with_line
from tunewright_api import names
from tunewright_api.failures import FailureClass
from tunewright_api.run import RunResult, termination_message

pytestmark = pytest.mark.filterwarnings("ignore")

UPLOAD_HINT = (
    "Upload the file there and raise spec.runAttempt; if the URI is wrong, create the job again under a new name."
)
SFT_READS = "method SFT reads {messages} or {prompt, completion} or {instruction, output} or {text} or {conversations}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with refused_runs.world(tmp_path_factory.mktemp("world"), "bad-inputs") as found:
        yield found


def messages(*turns: tuple[str, str]) -> bytes:
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]}).encode()


BAD_LINES = [
    pytest.param(b'{"prompt": "a", "compl', "not valid JSON at column 17 (Unterminated string starting at); each line must be one complete JSON object", id="JSON that is cut"),
    pytest.param(row(1) + b",", "not valid JSON at column 57 (Extra data); each line must be one complete JSON object", id="a comma after the object"),
    pytest.param(b'["say red", "red"]', "is a JSON array; each line must be one JSON object", id="a list"),
    pytest.param(b"null", "is a JSON null; each line must be one JSON object", id="null"),
    pytest.param('{"prompt": "grün", "completion": "x"}'.encode("latin-1"), "byte 15 is not UTF-8; save the file as UTF-8", id="Latin-1"),
    pytest.param(b'{"prompt": "a", "completion": NaN}', "NaN is not JSON; write null or a number", id="NaN"),
    pytest.param(b"[" * 100_000, "nested too deeply", id="a hundred thousand brackets"),
    pytest.param(row(1, completion=None, completions="x"), "column 'completion' is missing; is 'completions' meant?", id="a wrong column"),
    pytest.param(row(1, completion=None), "column 'completion' is missing", id="no answer"),
    pytest.param(row(1, note="x"), "column 'note' is unknown; PromptCompletion rows have prompt, completion, and may have tools, category, synthetic", id="a column too many"),
    pytest.param(b'{"prompt": "a", "completion": null}', "column 'completion' must be a text", id="null for an answer"),
    pytest.param(row(1, completion=42), "column 'completion' must be a text", id="a number for an answer"),
    pytest.param(row(1, completion=" \t"), "column 'completion' is empty", id="an answer of blanks"),
    pytest.param(messages(("user", "a"), ("assistant", "b")), "is a Messages row among PromptCompletion rows; all files of a stage hold rows of one format", id="a mixture of formats"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_is_named_by_file_and_line(
    world: World, request: pytest.FixtureRequest, line: bytes, reason: str
) -> None:
    name = case_name(request)
    uri = world.put(f"data/{name}/rows.jsonl", with_line(line))
    result = world.attempt(world.config(name, names.PREPARE, world.spec(uri)))
    sentence = f"stage sft: 1 of 41 rows of {uri} cannot be used: rows.jsonl:7: {reason}"
    assert_refused(result, FailureClass.INVALID_DATA, sentence)
    assert world.manifests(name) == []


def many(reason: str, count: int, others: int = 0) -> str:
    """The sentence about a file in which every row has the same fault."""
    named = "; ".join(f"rows.jsonl:{line}: {reason}" for line in (1, 2, 3))
    return f"stage sft: {count} of {count + others} rows of {{uri}} cannot be used: {named}; and {count - 3} more, all of them counted in report.json"


def preferences(**changes: Any) -> bytes:
    return b"\n".join(row(number, completion=None, chosen="b", rejected="c", **changes) for number in range(40))


DPO = {"method": "DPO"}
CONVERSATIONS = [
    ("unknown role", (("user", "a"), ("bot", "b")), "messages[1].role must be one of system, user, assistant, tool"),
    ("ends with the user", (("user", "a"), ("assistant", "b"), ("user", "c")), "messages: the last message must be the assistant's, for it is what is learned"),
    ("two users in a row", (("user", "a"), ("user", "b"), ("assistant", "c")), "messages: user and assistant must take turns, beginning with user"),
    ("a late system message", (("user", "a"), ("system", "b"), ("assistant", "c")), "messages: a system message can only be the first"),
    ("an empty message", (("user", ""), ("assistant", "c")), "messages[0].content must be a text that is not empty"),
]  # fmt: skip
BAD_FILES = [
    pytest.param(b"", {}, "stage sft: {uri} has no rows", id="an empty file"),
    pytest.param(b"\n \r\n\n\t\n", {}, "stage sft: {uri} has no rows", id="a file of blank lines"),
    pytest.param(b"\xef\xbb\xbf", {}, "stage sft: {uri} has no rows", id="nothing but a byte order mark"),
    pytest.param(b"\n".join(rows(3)), {}, "stage sft: {uri} leaves 3 rows to train on after the split; at least 4 are needed", id="too few rows to train on"),
    pytest.param(b"\n".join([*rows(3), row(4), row(6)]), {}, "stage sft: {uri} leaves no rows to test on after the split; add rows or raise spec.split.test", id="no rows left to test on"),
    pytest.param(b"\n".join(row(n, completion=None) for n in range(40)), {}, many(f"has the columns prompt; {SFT_READS}", 40), id="no row has an answer"),
    pytest.param(preferences(), {}, many(f"these are Preference rows; {SFT_READS}", 40), id="preference rows for SFT"),
    pytest.param(b"\n".join(rows()), DPO, many("these are PromptCompletion rows; method DPO reads {{prompt, chosen, rejected}}", 40), id="answers for DPO"),
    pytest.param(b"\n".join(row(n, completion=None, chosen="b") for n in range(40)), DPO, many("has the columns chosen, prompt; method DPO reads {{prompt, chosen, rejected}}", 40), id="preferences without rejected"),
    pytest.param(b"\n".join(row(n, completion=None, chosen="b", rejected="b") for n in range(40)), DPO, many("chosen and rejected are the same: nothing can be learned from the pair", 40), id="pairs without a difference"),
    pytest.param(b"\n".join(rows()).decode().encode("utf-16"), {}, None, id="a file in UTF-16"),
    pytest.param(gzip.compress(b"\n".join(rows()), mtime=0)[:-12], {}, None, id="a compressed file that is cut"),
    pytest.param(b"id,prompt,completion\n1,say red,red\n2,say blue,blue\n3,say sun,sun\n", {}, None, id="a table with commas"),
    *(pytest.param(b"\n".join([messages(*turns)] * 4), {}, many(reason, 4), id=name) for name, turns, reason in CONVERSATIONS),
]  # fmt: skip
SAID_OF_FOREIGN_FILES = {
    "a file in UTF-16": "rows.jsonl is text in UTF-16; save it as UTF-8",
    "a compressed file that is cut": "rows.jsonl",
    "a table with commas": "rows.jsonl is a table with commas (CSV); save it as JSON Lines or Parquet",
}


@pytest.mark.parametrize(("data", "stage", "sentence"), BAD_FILES)
def test_a_bad_file_is_named_with_what_was_expected(
    world: World, request: pytest.FixtureRequest, data: bytes, stage: dict[str, Any], sentence: str | None
) -> None:
    name = case_name(request)
    uri = world.put(f"data/{name}/rows.jsonl", data)
    result = world.attempt(world.config(name, names.PREPARE, world.spec(uri, stage=stage)))
    assert result.failure is not None
    if sentence is None:
        assert SAID_OF_FOREIGN_FILES[request.node.callspec.id] in result.failure.message
        sentence = result.failure.message.replace("{", "{{").replace("}", "}}")
    assert_refused(
        result, FailureClass.INVALID_DATA, sentence.replace("{uri}", uri).replace("{{", "{").replace("}}", "}")
    )
    assert world.manifests(name) == []


def test_byte_order_mark_and_windows_line_ends_are_no_fault(world: World) -> None:
    uri = world.put("data/windows/rows.jsonl", b"\xef\xbb\xbf" + b"\r\n".join(rows()) + b"\r\n")
    result = world.attempt(world.config("windows", names.PREPARE, world.spec(uri)))
    assert result.failure is None
    assert result.dataset is not None
    assert result.dataset.rows == 40


def test_thousands_of_bad_lines_fit_in_a_message_and_are_all_counted_in_the_report(world: World) -> None:
    uri = world.put("data/thousands/rows.jsonl", b"oops\n" * 5000)
    stages = [{"name": f"s{n}", "method": "SFT", "dataset": {"uri": uri}} for n in range(8)]
    result = world.attempt(world.config("thousands", names.PREPARE, world.spec(uri, stages=stages)))
    assert result.failure is not None
    assert "and 4997 more, all of them counted in report.json" in result.failure.message
    told = RunResult.model_validate_json(termination_message(result)).failure
    assert told is not None
    assert result.failure.message.startswith(told.message.removesuffix("..."))
    assert told.failure_class is FailureClass.INVALID_DATA
    (key,) = [key for key in world.keys("out/t/thousands/") if key.endswith("report.json")]
    report = json.loads(world.admin.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert [stage["refused"] for stage in report["stages"]] == [5000] * 8
    assert [item["refused"] for item in report["objects"]] == [5000] * 8
    assert world.manifests("thousands") == []


def test_a_gigantic_line_is_refused_by_its_length_before_a_gpu_is_asked_for(world: World) -> None:
    uri = world.put("data/gigantic/rows.jsonl", with_line(row(1, prompt="say " + "red " * 250_000)))
    result = world.attempt(world.config("gigantic", names.PREPARE, world.spec(uri)))
    assert result.failure is not None
    assert re.search(
        r"^1 of 41 rows \(2\.4 %\) are too long: the longest has \d+ tokens, at most 256; .*rows\.jsonl:7",
        result.failure.message,
    ), result.failure.message
    assert_refused(result, FailureClass.INVALID_DATA, result.failure.message)
    assert world.manifests("gigantic") == []


def secret(folder: Path, access_key: str | None, secret_key: str | None) -> Path:
    """Secrets as they are mounted."""
    mounted = folder / "secrets" / "s3"
    mounted.mkdir(parents=True)
    for key, value in (("AWS_ACCESS_KEY_ID", access_key), ("AWS_SECRET_ACCESS_KEY", secret_key)):
        if value is not None:
            (mounted / key).write_text(value)
    return mounted.parent


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


SILENT = closed_port()
ALLOWED = {"model": {"uri": "s3://allowed/models/good", "id": "test/tiny"}, "stage": {"dataset": {"uri": "s3://allowed/data/good.jsonl"}}}  # fmt: skip
LIMITED = (LIMITED_ACCESS_KEY, LIMITED_SECRET_KEY)
BAD_STORAGE = [
    pytest.param({"stage": {"dataset": {"uri": "s3://good/data/none.jsonl"}}}, None, FailureClass.INVALID_DATA, "stage sft: s3://good/data/none.jsonl does not exist on {server}", UPLOAD_HINT, id="a missing object"),
    pytest.param({"stage": {"dataset": {"uri": "s3://nowhere/none.jsonl"}}}, None, FailureClass.INVALID_DATA, "stage sft: s3://nowhere/none.jsonl: there is no bucket nowhere on {server}", UPLOAD_HINT, id="a missing bucket of data"),
    pytest.param({"stage": {"dataset": {"uri": "s3://good"}}}, None, FailureClass.INVALID_SPEC, "s3://good names no object: write s3://bucket/key with a bucket's legal name", None, id="a bucket for a file"),
    pytest.param({"output": {"uri": "s3://nowhere/out"}}, None, FailureClass.INVALID_SPEC, "spec.output.uri: s3://nowhere/out/t/{name}/r1-u/prepare/manifest.json: there is no bucket nowhere on {server}", None, id="a missing bucket of output"),
    pytest.param({"output": {"uri": "s3://private/out"}}, LIMITED, FailureClass.STORAGE_DENIED, "{server} refused access to s3://private/out/t/{name}/r1-u/prepare/manifest.json (AccessDenied)", None, id="a denied bucket of output"),
    pytest.param({**ALLOWED, "output": {"uri": "s3://allowed/out"}}, LIMITED, FailureClass.STORAGE_DENIED, "{server} refused access to s3://allowed/out/t/{name}/r1-u/prepare/a1-1234abcd/{file} (AccessDenied)", None, id="output that may only be read"),
    pytest.param({**ALLOWED, "stage": {"dataset": {"uri": "s3://private/rows.jsonl"}}, "output": {"uri": "s3://allowed/out"}}, LIMITED, FailureClass.STORAGE_DENIED, "{server} refused access to s3://private/rows.jsonl (403)", None, id="a denied bucket of data"),
    pytest.param({}, ("devcluster", "wrong"), FailureClass.STORAGE_DENIED, "{server} refused access to s3://good/out/t/{name}/r1-u/prepare/manifest.json (SignatureDoesNotMatch)", None, id="a wrong secret key"),
    pytest.param({}, ("stranger", "wrong"), FailureClass.STORAGE_DENIED, "{server} refused access to s3://good/out/t/{name}/r1-u/prepare/manifest.json (InvalidAccessKeyId)", None, id="an unknown access key"),
    pytest.param({}, ("devcluster", None), FailureClass.STORAGE_DENIED, "Secret s3 has no key AWS_SECRET_ACCESS_KEY: object storage needs both", None, id="half a Secret"),
    pytest.param({"storage": {"endpoint": SILENT}}, None, FailureClass.STORAGE_UNAVAILABLE, f"s3://good/out/t/{{name}}/r1-u/prepare/manifest.json: {SILENT} did not answer (EndpointConnectionError)", None, id="an endpoint that cannot be reached"),
    pytest.param({"storage": {"endpoint": "http://my_server:port"}}, None, FailureClass.INVALID_SPEC, "spec.storage.endpoint: http://my_server:port is not the address of a server", None, id="an endpoint that is none"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "keys", "failure_class", "sentence", "hint"), BAD_STORAGE)
def test_storage_that_does_not_answer_as_hoped_is_named(
    world: World,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    changes: dict[str, Any],
    keys: tuple[str, str | None] | None,
    failure_class: FailureClass,
    sentence: str,
    hint: str | None,
) -> None:
    name = case_name(request)
    spec = world.spec(f"s3://{BUCKET}/data/good.jsonl", **changes)
    if keys is not None:
        spec["storage"] = {"endpoint": world.server, "secretRef": {"name": "s3"}}
    result = world.attempt(world.config(name, names.PREPARE, spec), secret(tmp_path, *keys) if keys else None)
    assert result.failure is not None
    # Files are uploaded side by side: which of them is refused first is anyone's guess.
    (file,) = re.findall(r"a1-1234abcd/(\S+)", result.failure.message) or [""]
    assert_refused(result, failure_class, sentence.format(server=world.server, name=name, file=file), hint)
    assert world.manifests(name) == []


BAD_ARGUMENTS = [
    pytest.param({"learning_rat": 1e-4}, "stages[sft].trainingArguments.learning_rat: SFTConfig has no such setting; did you mean learning_rate?", id="an unknown setting with a near one"),
    pytest.param({"zzz": 1}, "stages[sft].trainingArguments.zzz: SFTConfig has no such setting", id="an unknown setting"),
    pytest.param({"max_grad_norm": "high"}, "stages[sft].trainingArguments.max_grad_norm: must be a number, not the text 'high'", id="a text for a number"),
    pytest.param({"torch_empty_cache_steps": 1.5}, "stages[sft].trainingArguments.torch_empty_cache_steps: must be a whole number, not 1.5", id="a fraction for a whole number"),
    pytest.param({"gradient_checkpointing": "yes"}, "stages[sft].trainingArguments.gradient_checkpointing: must be true or false, not the text 'yes'", id="a text for yes or no"),
    pytest.param({"optim": True}, "stages[sft].trainingArguments.optim: must be a text, not true", id="yes or no for a text"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sentence"), BAD_ARGUMENTS)
def test_a_setting_that_cannot_be_is_found_before_a_gpu_is_asked_for(
    world: World, request: pytest.FixtureRequest, arguments: dict[str, Any], sentence: str
) -> None:
    name = case_name(request)
    spec = world.spec(f"s3://{BUCKET}/data/good.jsonl", stage={"trainingArguments": arguments})
    result = world.attempt(world.config(name, names.PREPARE, spec))
    assert_refused(result, FailureClass.INVALID_SPEC, sentence)
    assert world.manifests(name) == []


BAD_VALUES = [
    pytest.param({"optim": "no_such"}, "stages[sft].trainingArguments: SFTConfig refuses them: no_such is not a valid OptimizerNames", id="an optimizer that is none"),
    pytest.param({"assistant_only_loss": True}, "stages[sft].trainingArguments: TRL cannot train with them: ", id="a setting that the rows do not suit"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sentence"), BAD_VALUES)
def test_a_value_that_only_trl_can_judge_is_a_fault_of_the_spec(
    world: World, request: pytest.FixtureRequest, arguments: dict[str, Any], sentence: str
) -> None:
    name = case_name(request)
    spec = world.spec(f"s3://{BUCKET}/data/good.jsonl", stage={"trainingArguments": arguments})
    assert world.attempt(world.config(name, names.PREPARE, spec)).failure is None
    result = world.attempt(world.config(name, "train-sft", spec))
    assert result.failure is not None
    assert result.failure.message.startswith(sentence)
    assert_refused(result, FailureClass.INVALID_SPEC, result.failure.message)
    assert [key.rsplit("/", 2)[-2] for key in world.manifests(name)] == ["prepare"]


def test_trl_has_the_settings_that_its_source_was_read_to_have() -> None:
    from dataclasses import fields

    from tunewright_api.stages import Method
    from tunewright_trainer.train import distillation, dpo, grpo, kto, orpo, reward, rloo, sdft, sft
    from tunewright_trainer.train.known_arguments import CONFIGS, known_arguments

    recipes = (distillation, dpo, grpo, kto, orpo, reward, rloo, sdft, sft)
    configs = {name: value for module in recipes for name, value in vars(module).items() if name.endswith("Config")}
    for method in Method:
        config = configs[CONFIGS[method][0]]
        assert set(known_arguments(method)) == {field.name for field in fields(config) if field.init}


IMAGE_HINT = "Use a trainer image of the operator's own version: leave spec.image out, or correct it in a new job."
UNREADABLE = [
    pytest.param({"stage": {"trainingArguments": {"push_to_hub": True}}}, "spec.stages[0]: trainingArguments.push_to_hub cannot be set: the adapter is published to spec.output.uri", id="a denied setting"),
    pytest.param({"evaluation": {"metrics": ["bleu"]}}, "spec.evaluation.metrics[0]: input should be 'loss', 'rougeL', 'exactMatch', 'preferenceAccuracy' or 'reward' (got 'bleu')", id="an unknown metric"),
    pytest.param({"stage": {"hyperparameters": {"learningRat": 1e-4}}}, "spec.stages[0].hyperparameters.learningRat: unknown field; did you mean learningRate?", id="an unknown hyperparameter"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), UNREADABLE)
def test_a_pod_that_does_not_understand_its_configuration_says_which_field(
    world: World, request: pytest.FixtureRequest, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    """The API server and the operator refuse these; a pod sees them when its image is of another version."""
    name, data = case_name(request), f"s3://{BUCKET}/data/good.jsonl"
    told = world.config(name, names.PREPARE, world.spec(data)).to_wire()
    ended = trainer_process.run(json.dumps({**told, "spec": world.spec(data, **changes)}), tmp_path)
    assert ended.exit_code == 64
    assert_refused(
        ended.result,
        FailureClass.INVALID_SPEC,
        f"this trainer cannot read its run configuration: {sentence}",
        IMAGE_HINT,
    )
    assert world.manifests(name) == []


PROCESSES = [
    pytest.param({"stage": {"dataset": {"uri": "s3://good/data/none.jsonl"}}}, {}, 65, id="process without its object"),
    pytest.param({"model": {"uri": "s3://good/none", "id": "a/b"}}, {}, 66, id="process without its model"),
    pytest.param({}, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, 67, id="process without credentials"),
    pytest.param({"storage": {"endpoint": SILENT}}, {}, 68, id="process without its server"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "variables", "code"), PROCESSES)
def test_a_pod_ends_with_the_exit_code_of_the_class_and_no_stack_trace(
    world: World,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    changes: dict[str, Any],
    variables: dict[str, str],
    code: int,
) -> None:
    name = case_name(request)
    config = world.config(name, names.PREPARE, world.spec(f"s3://{BUCKET}/data/good.jsonl", **changes))
    ended = trainer_process.run(config, tmp_path, **variables)
    assert ended.exit_code == code
    assert len(ended.message) <= names.TERMINATION_MESSAGE_BYTES
    assert "Traceback" not in ended.message.decode() + ended.log
    assert ended.result.failure is not None
    (line,) = [line for line in trainer_process.log_lines(ended.log) if line["level"] == "ERROR"]
    assert line["reason"] == ended.result.failure.message
    assert world.manifests(name) == []


def test_a_pod_without_any_credentials_is_told_where_they_come_from(world: World, tmp_path: Path) -> None:
    config = world.config("no-credentials", names.PREPARE, world.spec(f"s3://{BUCKET}/data/good.jsonl"))
    ended = trainer_process.run(config, tmp_path, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert ended.exit_code == 67
    assert_refused(
        ended.result,
        FailureClass.STORAGE_DENIED,
        f"s3://good/out/t/no-credentials/r1-u/prepare/manifest.json: there are no credentials for {world.server}; name a Secret in spec.storage.secretRef or give the service account a cloud identity",
    )


def test_preparing_needs_no_torch(world: World, tmp_path: Path) -> None:
    """A CPU pod with little memory does it, in a second."""
    script = "import sys; from tunewright_trainer.__main__ import main; code = main(); sys.exit(code or 100 * ('torch' in sys.modules))"
    spec = world.spec(f"s3://{BUCKET}/data/good.jsonl", stage={"trainingArguments": {"optim": "sgd"}})
    process = trainer_process.start(
        world.config("no-torch", names.PREPARE, spec), tmp_path, command=(sys.executable, "-c", script)
    )
    ended = trainer_process.finish(process, tmp_path)
    assert ended.exit_code == 0, ended.log


def test_the_next_good_job_is_unaffected(world: World) -> None:
    refused_runs.assert_good_job_is_unaffected(world)
