"""What becomes of rows: one row of the table for each format and each fault."""

import json
from typing import Any

import pytest

from tunewright_api.datasets import Dataset, DatasetFormat
from tunewright_api.stages import Method
from tunewright_trainer.prepare.formats import Shape, convert, recognise
from tunewright_trainer.prepare.records import BadRow, Example, RawRow, Record
from tunewright_trainer.prepare.split import key_of

Rows = dict[str, Any]
SFT_READS = "method SFT reads {messages} or {prompt, completion} or {instruction, output} or {text} or {conversations}"
DPO_READS = "method DPO reads {prompt, chosen, rejected}"
ALSO = "and may have tools, category, synthetic"


def dataset(columns: dict[str, str] | None = None, shape: str = "Auto") -> Dataset:
    return Dataset.model_validate({"uri": "s3://d/rows.jsonl", "format": shape, "columns": columns})


def record(
    row: Rows, method: Method = Method.SFT, columns: dict[str, str] | None = None, shape: str = "Auto"
) -> Record:
    """The row's record, by the format that it is recognised to have."""
    described = dataset(columns, shape)
    name, _ = recognise([row], method, described)
    return convert(RawRow(7, row), Shape(name, described.columns, method))


def converted(row: Rows, name: DatasetFormat) -> Record:
    return convert(RawRow(7, row), Shape(name, None, Method.SFT))


def system(text: str) -> Rows:
    return {"role": "system", "content": text}


def user(text: str) -> Rows:
    return {"role": "user", "content": text}


def assistant(text: str | None, **more: Any) -> Rows:
    return {"role": "assistant", "content": text, **more}


def call(arguments: Any = "{}", **more: Any) -> Rows:
    return {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}, **more}


def result(text: str = "sunny", **more: Any) -> Rows:
    return {"role": "tool", "content": text, "tool_call_id": "c1", **more}


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALLED = {"type": "function", "function": {"name": "f", "arguments": {"city": "Bonn"}}, "id": "c1"}
DIALOGUE = [system("s"), user("a"), assistant("b"), user("c"), assistant("d")]
ASK, GIVE, TAKE = (
    [user("a")],
    {"completion": [assistant("b")]},
    {"chosen": [assistant("b")], "rejected": [assistant("c")]},
)
SFT, DPO = Method.SFT, Method.DPO

GOOD_ROWS: list[Any] = [
    pytest.param({"prompt": "a", "completion": "b"}, SFT, [Example(ASK, GIVE, {})], id="prompt and completion"),
    pytest.param({"prompt": [system("s"), user("a")], "completion": [assistant("b")]}, SFT, [Example([system("s"), user("a")], GIVE, {})], id="prompt and completion as messages"),
    pytest.param({"instruction": "a", "input": "x", "output": "b"}, SFT, [Example([user("a\n\nx")], GIVE, {})], id="instruction with input"),
    pytest.param({"instruction": "a", "input": "", "output": "b"}, SFT, [Example(ASK, GIVE, {})], id="instruction without input"),
    pytest.param({"text": "a"}, SFT, [Example([], {"text": [assistant("a")]}, {})], id="a text"),
    pytest.param({"messages": DIALOGUE}, SFT, [Example(DIALOGUE[:2], {"completion": [DIALOGUE[2]]}, {}), Example(DIALOGUE[:4], {"completion": [DIALOGUE[4]]}, {})], id="each turn of a conversation is learned"),
    pytest.param({"messages": [user("a"), assistant("x", weight=0), user("c"), assistant("d", weight=1)]}, SFT, [Example([user("a"), assistant("x"), user("c")], {"completion": [assistant("d")]}, {})], id="a turn of weight 0 is read and not learned"),
    pytest.param({"messages": [{"role": "developer", "content": "s"}, user("a"), assistant("b")], "parallel_tool_calls": False}, SFT, [Example([system("s"), user("a")], GIVE, {})], id="a developer is the system"),
    pytest.param({"messages": [user("a"), assistant([{"type": "text", "text": "b"}], refusal=None)]}, SFT, [Example(ASK, GIVE, {})], id="parts of text, and a key without a value"),
    pytest.param({"messages": [user("a"), assistant(None, tool_calls=[call('{"city": "Bonn"}')]), result(), assistant("b")], "tools": [TOOL]}, SFT, [Example(ASK, {"completion": [assistant("", tool_calls=[CALLED])]}, {"tools": [TOOL]}), Example([user("a"), assistant("", tool_calls=[CALLED]), result()], GIVE, {"tools": [TOOL]})], id="a tool call, its answer, and what is made of it"),
    pytest.param({"prompt": "a", "completion": "b", "tools": json.dumps([{"name": "f", "parameters": {"type": "object"}}])}, SFT, [Example(ASK, GIVE, {"tools": [TOOL]})], id="tools as a text, bare"),
    pytest.param({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "system": "s"}, SFT, [Example([system("s"), user("a")], GIVE, {})], id="ShareGPT"),
    pytest.param({"conversations": [{"from": "human", "value": "a"}, {"from": "function_call", "value": '{"name": "f", "arguments": {}}', "weight": 0}, {"from": "observation", "value": "x"}, {"from": "gpt", "value": "b"}]}, SFT, [Example([user("a"), assistant("", tool_calls=[{"type": "function", "function": {"name": "f", "arguments": {}}}]), {"role": "tool", "content": "x"}], GIVE, {})], id="ShareGPT with a function call"),
    pytest.param({"prompt": "a", "chosen": "b", "rejected": "c"}, DPO, [Example(ASK, TAKE, {})], id="a preference"),
    pytest.param({"chosen": [user("a"), assistant("b")], "rejected": [user("a"), assistant("c")]}, DPO, [Example(ASK, TAKE, {})], id="a preference with the prompt in both conversations"),
    pytest.param({"prompt": "a", "chosen": [user("a"), assistant("b")], "rejected": [user("a"), assistant("c")]}, DPO, [Example(ASK, TAKE, {})], id="a preference with the prompt beside both conversations"),
    pytest.param({"input": {"messages": ASK, "tools": [TOOL], "parallel_tool_calls": True}, "preferred_output": [assistant("b")], "non_preferred_output": [assistant("c")]}, DPO, [Example(ASK, TAKE, {"tools": [TOOL]})], id="a preference in OpenAI's form"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "method", "examples"), GOOD_ROWS)
def test_a_good_row_has_one_canonical_form(row: Rows, method: Method, examples: list[Example]) -> None:
    assert list(record(row, method).examples) == examples


def test_rows_for_other_methods_have_one_too() -> None:
    judged = converted({"prompt": "a", "completion": "b", "label": False}, DatasetFormat.UNPAIRED)
    assert judged.examples == (Example(ASK, GIVE, {"label": False}),)
    asked = converted({"prompt": "a", "answer": "b"}, DatasetFormat.PROMPT_ONLY)
    assert asked.examples == (Example(ASK, {}, {"answer": "b"}),)


def test_columns_are_read_under_the_names_that_are_given_and_sentences_use_them() -> None:
    names = {"prompt": "question", "completion": "reply", "category": "kind", "synthetic": "made_by"}
    row = {"question": "a", "reply": "b", "kind": 3, "made_by": "gpt"}
    found = record(row, columns=names)
    assert found == Record(7, found.key, (Example(ASK, GIVE, {}),), category="3", synthetic=True)
    with pytest.raises(BadRow, match=r"^column 'reply' must be a text$"):
        record({**row, "reply": 7}, columns=names)
    with pytest.raises(BadRow, match=r"^column 'prompt' is unknown; PromptCompletion rows have question, reply, and may have tools, kind, made_by$"):  # fmt: skip
        record({**row, "prompt": "a"}, columns=names)


def test_the_split_goes_by_all_that_comes_before_the_last_answer() -> None:
    whole = record({"messages": DIALOGUE})
    assert whole.key == key_of(DIALOGUE[:4])
    assert record({"messages": [*DIALOGUE[:4], assistant("e")]}).key == whole.key
    assert record({"text": "a"}).key != record({"text": "b"}).key


REASONS = [
    pytest.param([{"prompt": "a", "completion": "b"}] * 3, "the first 3 rows have the columns prompt and completion", id="all rows"),
    pytest.param([{"messages": []}], "the first row has the column messages", id="one row"),
    pytest.param([{"instruct": "x"}, {"instruction": "a", "output": "b"}, {"instruction": "a", "output": "b"}], "2 of the first 3 rows have the columns instruction and output", id="most rows"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "reason"), REASONS)
def test_a_format_is_recognised_with_a_reason(rows: list[Rows], reason: str) -> None:
    assert recognise(rows, SFT, dataset())[1] == reason


def test_a_format_that_is_given_is_taken() -> None:
    assert recognise([{"prompt": "a"}], SFT, dataset(shape="Text")) == (DatasetFormat.TEXT, "given in the spec")


def messages(*turns: Rows) -> Rows:
    return {"messages": list(turns)}


BAD_ROWS: list[Any] = [
    # Which format is it?
    pytest.param({"question": "a", "answer": "b"}, SFT, f"has the columns answer, question; {SFT_READS}", id="columns of no format"),
    pytest.param({}, SFT, f"has the columns none; {SFT_READS}", id="no columns"),
    pytest.param({"prompt": "a"}, SFT, f"has the columns prompt; {SFT_READS}", id="a prompt alone"),
    pytest.param({"prompt": "a", "chosen": "b", "rejected": "c"}, SFT, f"these are Preference rows; {SFT_READS}", id="preference rows for SFT"),
    pytest.param({"prompt": "a", "completion": "b", "label": True}, SFT, f"these are Unpaired rows; {SFT_READS}", id="unpaired rows for SFT"),
    pytest.param({"prompt": "a", "answer": "b"}, SFT, f"these are PromptOnly rows; {SFT_READS}", id="prompts with reference answers for SFT"),
    pytest.param({"prompt": "a", "completion": "b"}, DPO, f"these are PromptCompletion rows; {DPO_READS}", id="answers for DPO"),
    pytest.param({"prompt": "a", "completion": "b", "label": True}, DPO, f"these are Unpaired rows; {DPO_READS}", id="unpaired rows for DPO"),
    # Columns.
    pytest.param({"prompt": "a", "completion": "b", "note": "c"}, SFT, f"column 'note' is unknown; PromptCompletion rows have prompt, completion, {ALSO}", id="a column too many"),
    pytest.param({"prompt": "a", "completion": ""}, SFT, "column 'completion' is empty", id="an empty answer"),
    pytest.param({"prompt": "a", "completion": 7}, SFT, "column 'completion' must be a text", id="a number for an answer"),
    pytest.param({"prompt": "a", "completion": None}, SFT, "column 'completion' must be a text", id="null for an answer"),
    pytest.param({"prompt": " \n", "completion": "b"}, SFT, "column 'prompt' is empty", id="a prompt of blanks"),
    pytest.param({"prompt": 7, "completion": "b"}, SFT, "column 'prompt' must be a list of messages with role and content", id="a number for a prompt"),
    pytest.param({"prompt": DIALOGUE, "completion": "b"}, SFT, "prompt: the last message must be the user's", id="a prompt that ends with an answer"),
    pytest.param({"prompt": "a", "completion": [assistant("b"), assistant("c")]}, SFT, "column 'completion' must hold one assistant message", id="two answers"),
    pytest.param({"prompt": "a", "completion": [user("b")]}, SFT, "completion[0].role must be assistant", id="an answer of the user"),
    pytest.param({"instruction": "a", "input": 7, "output": "b"}, SFT, "column 'input' must be a text", id="a number for an input"),
    pytest.param({"text": 7}, SFT, "column 'text' must be a text", id="a number for a text"),
    pytest.param({"text": "a", "category": "x" * 101}, SFT, "column 'category' must be a text of at most 100 characters", id="a long category"),
    pytest.param({"text": "a", "synthetic": 7}, SFT, "column 'synthetic' must be true, false or a text", id="a number for a mark"),
    # Messages.
    pytest.param({"messages": "a"}, SFT, "column 'messages' must be a list of messages with role and content", id="a text for messages"),
    pytest.param({"messages": []}, SFT, "column 'messages' must be a list of messages with role and content", id="no messages"),
    pytest.param(messages("a"), SFT, "messages[0] must be an object with role and content", id="a text for a message"),
    pytest.param(messages({"role": "bot", "content": "a"}), SFT, "messages[0].role must be one of system, user, assistant, tool", id="an unknown role"),
    pytest.param(messages({"role": ["user"], "content": "a"}), SFT, "messages[0].role must be one of system, user, assistant, tool", id="a list for a role"),
    pytest.param(messages({"role": "user", "content": "a", "note": 1}), SFT, "messages[0].note is unknown; a user message has content, name, role", id="a key too many"),
    pytest.param(messages(user("")), SFT, "messages[0].content must be a text that is not empty", id="an empty message"),
    pytest.param(messages(user("a"), assistant(None)), SFT, "messages[1].content must be a text that is not empty", id="no content and no calls"),
    pytest.param(messages(user([{"type": "image_url", "image_url": {}}])), SFT, "messages[0].content[0] must be of type text, with its text; images and sounds cannot be learned from", id="an image"),
    pytest.param(messages({**user("a"), "name": 7}), SFT, "messages[0].name must be a text that is not empty", id="a number for a name"),
    pytest.param(messages(user("a"), assistant("b", weight=0.5)), SFT, "messages[1].weight must be 0 or 1", id="half a weight"),
    pytest.param(messages(user("a"), assistant("b", weight=True)), SFT, "messages[1].weight must be 0 or 1", id="yes for a weight"),
    pytest.param(messages(user("a"), assistant("b", weight=0)), SFT, "messages: every assistant's message has weight 0: nothing would be learned", id="nothing has weight"),
    pytest.param(messages({**user("a"), "weight": 1}), SFT, "messages[0].weight is unknown; a user message has content, name, role", id="a user's message with a weight"),
    pytest.param(messages(user("a")), SFT, "messages: the last message must be the assistant's, for it is what is learned", id="nothing to learn"),
    pytest.param(messages(user("a"), user("b"), assistant("c")), SFT, "messages: user and assistant must take turns, beginning with user", id="two users in a row"),
    pytest.param(messages(assistant("a")), SFT, "messages: user and assistant must take turns, beginning with user", id="the assistant begins"),
    pytest.param(messages(user("a"), system("b"), assistant("c")), SFT, "messages: a system message can only be the first", id="a late system message"),
    # Tools.
    pytest.param(messages(user("a"), result(), assistant("b")), SFT, "messages[1]: a tool message can only follow an assistant's message with tool_calls", id="a tool's answer without a call"),
    pytest.param(messages(user("a"), assistant(None, tool_calls=[call()]), user("c"), assistant("b")), SFT, "messages[2]: first, each tool call of the message before needs its answer, a tool message", id="a call without an answer"),
    pytest.param(messages(user("a"), assistant(None, tool_calls=[call()]), result(tool_call_id="c2"), assistant("b")), SFT, "messages[2].tool_call_id is not the id of a tool call that waits for its answer", id="the answer to another call"),
    pytest.param(messages(user("a"), assistant(None, tool_calls="f")), SFT, "messages[1].tool_calls must be a list of calls", id="a text for calls"),
    pytest.param(messages(user("a"), assistant(None, tool_calls=[{}])), SFT, "messages[1].tool_calls[0] must be a call of a function, with its name and arguments", id="a call of nothing"),
    pytest.param(messages(user("a"), assistant(None, tool_calls=[call(type="code")])), SFT, "messages[1].tool_calls[0].type must be function", id="a call of another type"),
    pytest.param(messages(user("a"), assistant(None, tool_calls=[call(id=7)])), SFT, "messages[1].tool_calls[0].id must be a text that is not empty", id="a number for an id"),
    pytest.param(messages(user("a"), assistant(None, tool_calls=[call("{cut")])), SFT, "messages[1].tool_calls[0].arguments must be a JSON object", id="arguments that are cut"),
    pytest.param(messages(user("a"), assistant(None, tool_calls=[call("[]")])), SFT, "messages[1].tool_calls[0].arguments must be a JSON object", id="a list for arguments"),
    pytest.param(messages(user("a"), assistant(None, tool_calls=[call('{"n": 123456789012345678901234567890}')])), SFT, "messages[1].tool_calls[0].arguments holds a number that is too large to be kept exactly; write it as a text", id="a number of a hundred bits"),
    pytest.param({**messages(user("a"), assistant("b")), "tools": {}}, SFT, "column 'tools' must be a list of functions", id="an object for tools"),
    pytest.param({**messages(user("a"), assistant("b")), "tools": "f"}, SFT, "column 'tools' must be a list of functions", id="a word for tools"),
    pytest.param({**messages(user("a"), assistant("b")), "tools": '[], "x": 1'}, SFT, "column 'tools' must be a list of functions", id="more than a list in a text of tools"),
    pytest.param({**messages(user("a"), assistant("b")), "tools": [{"type": "function"}]}, SFT, "tools[0] must be a function with a name", id="a tool without a name"),
    pytest.param({**messages(user("a"), assistant("b")), "tools": [{"type": "file_search", "name": "f"}]}, SFT, "tools[0].type must be function", id="a tool of another type"),
    # ShareGPT.
    pytest.param({"conversations": "a"}, SFT, "column 'conversations' must be a list of turns with from and value", id="a text for turns"),
    pytest.param({"conversations": ["a"]}, SFT, "conversations[0] must be an object with from and value", id="a text for a turn"),
    pytest.param({"conversations": [{"from": "bot", "value": "a"}]}, SFT, "conversations[0].from must be one of system, human, user, gpt, assistant, function_call, observation, tool", id="an unknown speaker"),
    pytest.param({"conversations": [{"from": "human", "value": ""}]}, SFT, "conversations[0].value must be a text that is not empty", id="an empty turn"),
    pytest.param({"conversations": [{"from": "human", "value": "a", "note": 1}]}, SFT, "conversations[0].note is unknown; a turn has from, value, weight", id="a key too many in a turn"),
    pytest.param({"conversations": [{"from": "human", "value": "a"}, {"from": "function_call", "value": "f()"}]}, SFT, "conversations[1].value must be the JSON of a call, with name and arguments", id="a call that is no JSON"),
    pytest.param({"conversations": [{"from": "gpt", "value": "a"}, {"from": "human", "value": "b"}]}, SFT, "conversations: user and assistant must take turns, beginning with user", id="a greeting before the question"),
    pytest.param({"conversations": [{"from": "human", "value": "a"}], "system": 7}, SFT, "column 'system' must be a text", id="a number for a system message"),
    # Preferences.
    pytest.param({"prompt": "a", "chosen": "b", "rejected": "b"}, DPO, "chosen and rejected are the same: nothing can be learned from the pair", id="a pair without a difference"),
    pytest.param({"prompt": "a", "chosen": "b"}, DPO, f"has the columns chosen, prompt; {DPO_READS}", id="no worse answer"),
    pytest.param({"chosen": "b", "rejected": "c"}, DPO, "column 'chosen' must be a list of messages, or the row needs a column 'prompt'", id="two texts without a prompt"),
    pytest.param({"chosen": [user("a"), assistant("b")], "rejected": [user("x"), assistant("c")]}, DPO, "chosen and rejected must have all messages but the last in common", id="answers to different questions"),
    pytest.param({"chosen": [user("a")], "rejected": [user("a")]}, DPO, "chosen: the last message must be the assistant's, for it is what is compared", id="conversations without an answer"),
    pytest.param({"prompt": "x", "chosen": [user("a"), assistant("b")], "rejected": [user("a"), assistant("c")]}, DPO, "column 'prompt' is not what chosen and rejected answer", id="another prompt beside the conversations"),
    pytest.param({"input": [], "preferred_output": [], "non_preferred_output": []}, DPO, "column 'input' must be an object with messages", id="a list for OpenAI's input"),
    pytest.param({"input": {"messages": ASK, "model": "x"}, "preferred_output": [], "non_preferred_output": []}, DPO, "input.model is unknown; input has messages, tools, parallel_tool_calls", id="a key too many in OpenAI's input"),
    pytest.param({"input": {"messages": ASK}, "preferred_output": [], "non_preferred_output": []}, DPO, "column 'preferred_output' must hold one assistant message", id="no preferred output"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "method", "sentence"), BAD_ROWS)
def test_a_bad_row_is_refused_with_the_field_and_what_was_expected(row: Rows, method: Method, sentence: str) -> None:
    with pytest.raises(BadRow) as raised:
        record(row, method)
    assert str(raised.value) == sentence


AMONG_OTHERS: list[Any] = [
    pytest.param({"prompt": "a", "completions": "b"}, DatasetFormat.PROMPT_COMPLETION, "column 'completion' is missing; is 'completions' meant?", id="a misspelt column"),
    pytest.param({"prompt": "a"}, DatasetFormat.PROMPT_COMPLETION, "column 'completion' is missing", id="a missing column"),
    pytest.param({"messages": DIALOGUE}, DatasetFormat.PROMPT_COMPLETION, "is a Messages row among PromptCompletion rows; all files of a stage hold rows of one format", id="a row of another format"),
    pytest.param({"prompt": "a", "completion": "b", "label": "good"}, DatasetFormat.UNPAIRED, "column 'label' must be true or false", id="a word for a label"),
    pytest.param({"prompt": "a", "answer": ""}, DatasetFormat.PROMPT_ONLY, "column 'answer' is empty", id="an empty reference"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "name", "sentence"), AMONG_OTHERS)
def test_a_row_that_differs_from_its_neighbours_is_refused(row: Rows, name: DatasetFormat, sentence: str) -> None:
    with pytest.raises(BadRow) as raised:
        converted(row, name)
    assert str(raised.value) == sentence


def test_a_format_that_the_method_cannot_read_is_refused_though_it_is_given() -> None:
    with pytest.raises(BadRow) as raised:
        recognise([{"text": "a"}], DPO, dataset(shape="Text"))
    assert str(raised.value) == f"dataset.format is Text; {DPO_READS}"


@pytest.mark.parametrize("method", [Method.GRPO, Method.DISTILLATION])
def test_a_prompt_alone_does_for_a_method_that_answers_by_itself(method: Method) -> None:
    (example,) = record({"prompt": "a"}, method).examples
    assert (example.answers, example.extra) == ({}, {})


def test_a_prompt_alone_does_not_where_a_reward_compares_with_its_answer() -> None:
    shape = Shape(DatasetFormat.PROMPT_ONLY, None, Method.GRPO, needs_answer=True)
    assert convert(RawRow(1, {"prompt": "a", "answer": "b"}), shape).examples[0].extra == {"answer": "b"}
    with pytest.raises(BadRow, match=r"^column 'answer' is missing; a reward of this stage compares with it$"):
        convert(RawRow(1, {"prompt": "a"}), shape)


def test_the_majority_is_taken_of_bare_and_complete_rows_alike() -> None:
    rows: list[Rows] = [{"prompt": "a", "completion": "b"}, {"prompt": "c"}, {"prompt": "d"}]
    assert recognise(rows, Method.GRPO, dataset()) == (
        DatasetFormat.PROMPT_ONLY,
        "2 of the first 3 rows have the column prompt",
    )


def test_names_of_columns_that_no_row_has_are_told() -> None:
    with pytest.raises(BadRow, match=r"; dataset\.columns names q, which is in no row$"):
        recognise([{"prompt": "a", "completion": "b"}], SFT, dataset({"prompt": "q"}))


def test_a_label_may_be_a_number_as_tables_have_it() -> None:
    labels = [
        record({"prompt": "a", "completion": "b", "label": label}, Method.KTO).examples[0].extra["label"]
        for label in (0, 1)
    ]
    assert labels == [False, True]
    with pytest.raises(BadRow, match=r"^column 'label' must be true or false$"):
        record({"prompt": "a", "completion": "b", "label": 2}, Method.KTO)
