"""Measures records as the trainer will see them: rendered by the model's own chat template, in tokens of its own tokenizer.

What is learned of an example is what its answer adds to the prompt, as TRL masks it: the tokens of prompt and answer together, less those
of the prompt up to where the assistant begins. A text without roles is learned whole, with the end token behind it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from tunewright_trainer.prepare.records import Example, Message, Record, Rendered
from tunewright_trainer.prepare.token_counts import TokenCounts
from tunewright_trainer.train.tokenizer import load_light_tokenizer, special_texts, stop_tokens, template_fault

TEXT = "text"
NOTHING = "the chat template leaves nothing of an answer to learn"
REFUSED = "the chat template refuses the conversation"
SHORTEST_QUOTE = 8
RECORDS_AT_ONCE = 128
"""So that what the tokenizer knows of each text, some 100 bytes a token, stays small."""
PROBE: list[Message] = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


class Unrenderable(ValueError):
    """The template refuses a conversation; the text says so, and quotes nothing of it."""


@dataclass(frozen=True)
class _Piece:
    """One answer of one example, rendered."""

    whole: str
    prompt: str
    """What comes before the answer; with some templates not a prefix of the whole."""
    added: int = 0
    """Tokens that the tokenizer sets around a text by itself, such as one for its beginning. Templates write their own."""


@dataclass(frozen=True)
class _Drawn:
    """One record, rendered: the pieces of each example, or why there are none."""

    examples: tuple[tuple[_Piece, ...], ...] = ()
    problem: str = ""

    def texts(self) -> Iterator[str]:
        """All that is to be counted."""
        for pieces in self.examples:
            for piece in pieces:
                yield from (piece.whole, piece.prompt)


class Renderer:
    """The model's tokenizer and chat template. Made once in each process."""

    def __init__(self, folder: Path) -> None:
        """Load them from the model's folder. Raises ModelUnavailable where they cannot be used."""
        # The processes of the gate share the cores already, and a forked tokenizer that has threads deadlocks.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        self._tokenizer = load_light_tokenizer(folder)
        self._counts = TokenCounts(self._tokenizer)
        self._stops = stop_tokens(folder, self._tokenizer)
        self._stop_texts = special_texts(self._tokenizer, self._stops)
        self._added: int = self._tokenizer.num_special_tokens_to_add(pair=False)
        self._end = str(self._tokenizer.eos_token or "")
        self._no_stop = f"the chat template does not end an answer with the end token {self._end}: a model trained with it would never stop"
        try:
            self._template(PROBE, None, open_ended=False)
        except Exception as error:
            raise template_fault(error) from error

    def measure(self, records: Sequence[Record]) -> list[Rendered]:
        """Measure a batch; one result for each record."""
        measured: list[Rendered] = []
        for start in range(0, len(records), RECORDS_AT_ONCE):
            drawn = [self._drawn(record) for record in records[start : start + RECORDS_AT_ONCE]]
            self._counts.begin(text for each in drawn for text in each.texts())
            measured += [self._measured(each) for each in drawn]
        return measured

    def _drawn(self, record: Record) -> _Drawn:
        try:
            return _Drawn(tuple(tuple(self._pieces(example)) for example in record.examples))
        except Unrenderable as error:
            return _Drawn(problem=str(error))

    def _pieces(self, example: Example) -> Iterable[_Piece]:
        if TEXT in example.answers:
            text = "".join(str(message.get("content") or "") for message in example.answers[TEXT])
            yield _Piece(text if text.endswith(self._end) else text + self._end, "", self._added)
            return
        tools = example.extra.get("tools")
        prompt = self._render(example.prompt, tools, open_ended=True)
        if not example.answers:
            yield _Piece(prompt, prompt)
        for answer in example.answers.values():
            yield _Piece(self._render([*example.prompt, *answer], tools, open_ended=False), prompt)

    def _measured(self, drawn: _Drawn) -> Rendered:
        if drawn.problem:
            return Rendered(0, 0, 0, drawn.problem)
        total, longest, asked, learned, problem = 0, 0, 0, 0, ""
        for pieces in drawn.examples:
            sizes = [self._sizes(piece) for piece in pieces]
            whole, prompt = max(sizes)
            total, longest, learned = total + whole, max(longest, whole), learned + whole - prompt
            asked = max(asked, *(before for _, before in sizes))
            problem = problem or next(filter(None, map(self._problem, pieces, sizes)), "")
        return Rendered(total, longest, learned, problem, asked)

    def _sizes(self, piece: _Piece) -> tuple[int, int]:
        """Tokens of the whole, and of what comes before the part that is learned."""
        if piece.whole.startswith(piece.prompt):
            return self._counts.count(piece.whole) + piece.added, self._counts.count(piece.prompt)
        whole, prompt = self._counts.ids(piece.whole), self._counts.ids(piece.prompt)
        pairs = zip(whole, prompt, strict=False)
        return len(whole), sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    def _problem(self, piece: _Piece, sizes: tuple[int, int]) -> str:
        if piece.whole == piece.prompt:
            return ""
        whole, prompt = sizes
        if whole <= prompt or self._adds_nothing_but_stops(piece):
            return NOTHING
        return "" if self._stops_in(piece, prompt) else self._no_stop

    def _adds_nothing_but_stops(self, piece: _Piece) -> bool:
        """As where a template has no place for tool calls, and the answer is nothing else."""
        if not piece.whole.startswith(piece.prompt):
            return False
        added = piece.whole[len(piece.prompt) :]
        for stop in self._stop_texts:
            added = added.replace(stop, "")
        return not added.strip()

    def _stops_in(self, piece: _Piece, prompt: int) -> bool:
        """Whether a token that ends an answer is among what is learned. Special tokens are found by their text, which costs less."""
        if piece.whole.startswith(piece.prompt) and any(
            stop in piece.whole[len(piece.prompt) :] for stop in self._stop_texts
        ):
            return True
        return not self._stops.isdisjoint(self._counts.ids(piece.whole)[prompt:])

    def _render(self, messages: list[Message], tools: list[Any] | None, *, open_ended: bool) -> str:
        try:
            return self._template(messages, tools, open_ended=open_ended)
        except Exception as error:
            # A template is somebody's program and raises what it likes; it took the probe, so it is the row that it cannot take.
            raise Unrenderable(self._reason(error)) from error

    def _template(self, messages: list[Message], tools: list[Any] | None, *, open_ended: bool) -> str:
        rendered: str = self._tokenizer.apply_chat_template(
            messages, tools=tools, tokenize=False, add_generation_prompt=open_ended
        )
        return rendered

    def _reason(self, error: Exception) -> str:
        """What the template says itself, if it is one of its own sentences: another could quote the row."""
        said = str(error).strip()
        own = str(self._tokenizer.chat_template)
        return f"{REFUSED}: {said}" if len(said) >= SHORTEST_QUOTE and said in own else REFUSED
