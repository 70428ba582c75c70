"""From a prepared row to tokens, in one place for training, for its checks and for the evaluation. No torch."""

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from jinja2 import TemplateError

from tunewright_trainer.train.tokenizer import template_fault

Row = dict[str, Any]
Messages = list[dict[str, Any]]
TEXT = "text"
ANSWERS = ("completion", "chosen", "rejected", TEXT)


@dataclass(frozen=True)
class Encoded:
    """A row in tokens."""

    ids: list[int]
    start: int
    """What is learned begins here: where the answer parts from the prompt, as TRL has it."""

    @property
    def mask(self) -> list[int]:
        """1 for each token that is learned."""
        return [0] * self.start + [1] * (len(self.ids) - self.start)


def learned_answer(row: Row) -> str:
    """What a row of supervised data teaches."""
    return TEXT if TEXT in row else "completion"


def encode(row: Row, answer: str, tokenizer: Any) -> Encoded:
    """The row with one of its answers. A text is learned whole, with the end token behind it and no template around it."""
    if answer == TEXT:
        return Encoded(_text_ids(row[TEXT][0]["content"], tokenizer), 0)
    tools = row.get("tools")
    prompt = rendered(row["prompt"], tools, tokenizer, open_ended=True)
    whole = rendered(row["prompt"] + row[answer], tools, tokenizer)
    pairs = zip(prompt, whole, strict=False)
    return Encoded(whole, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)))


def reference_of(row: Row, tokenizer: Any) -> str:
    """The answer as text; where it calls tools, as the model would have to write it."""
    answer = row["completion"][0]
    if not answer.get("tool_calls"):
        return str(answer["content"])
    encoded = encode(row, "completion", tokenizer)
    return str(tokenizer.decode(encoded.ids[encoded.start :], skip_special_tokens=True)).strip()


def _text_ids(text: str, tokenizer: Any) -> list[int]:
    end = tokenizer.eos_token or ""
    ids: list[int] = tokenizer(text if text.endswith(end) else text + end)["input_ids"]
    return ids


def rendered(messages: Messages, tools: list[Any] | None, tokenizer: Any, *, open_ended: bool = False) -> list[int]:
    """Tokens of a conversation; with `open_ended`, up to where the assistant begins to answer."""
    try:
        found = tokenizer.apply_chat_template(
            messages, tools=tools, tokenize=True, add_generation_prompt=open_ended, return_dict=True
        )
    except TemplateError as error:
        raise template_fault(error) from error
    ids: list[int] = found["input_ids"]
    return ids
