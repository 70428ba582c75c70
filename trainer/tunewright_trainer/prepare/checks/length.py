"""Rows that would have to be cut: longer than the stage's maxLength, or than the model's context. Rows are never cut.

The length of a row is that of its longest example under the model's own chat template, prompt and longest answer together. A method that
answers by itself has to fit its answer behind the prompt, and prompt learning its trained tokens before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright_api.data import CheckName
from tunewright_api.data_report import MOST_EXAMPLES
from tunewright_api.methods import ANSWERLESS, GENERATING
from tunewright_api.stages import Hyperparameters, Stage
from tunewright_trainer.prepare.checks.base import CheckContext, Conclusion, Place
from tunewright_trainer.prepare.corpus import Corpus
from tunewright_trainer.prepare.readable import share_of
from tunewright_trainer.prepare.records import Record
from tunewright_trainer.train.method_defaults import VIRTUAL_TOKENS

Scan = list[tuple[int, int, int]]
"""(index in the batch, tokens of the row, tokens of its prompt) of the rows that are over the smallest limit of any stage."""
NO_LIMIT = 2**63


@dataclass(frozen=True)
class Limits:
    """What a stage can take, in tokens."""

    whole: int = NO_LIMIT
    """Prompt and answer together."""
    prompt: int = NO_LIMIT
    """The prompt by itself."""
    new: int = 0
    """Tokens of the model's own answer that the limit of the prompt leaves room for."""

    def note(self, whole: int, prompt: int) -> str:
        """What is too long; nothing when all of it fits."""
        if whole > self.whole:
            return f"{whole} tokens, at most {self.whole}"
        room = f", beside {self.new} new ones" if self.new else ""
        return f"a prompt of {prompt} tokens, at most {self.prompt}{room}" if prompt > self.prompt else ""


class LengthCheck:
    """Scans against the smallest limits, and concludes against those of the row's own stage."""

    name = CheckName.LENGTH

    def __init__(self, limits: dict[str, Limits]) -> None:
        """`limits` by stage."""
        self._limits = limits
        self._whole = min(limit.whole for limit in limits.values())
        self._prompt = min(limit.prompt for limit in limits.values())
        self._long: Scan = []

    def scan(self, records: Sequence[Record]) -> Scan:
        """Look at each row's longest example."""
        return [
            (index, seen.longest, seen.prompt)
            for index, record in enumerate(records)
            if (seen := record.rendered) is not None and (seen.longest > self._whole or seen.prompt > self._prompt)
        ]

    def absorb(self, scan: Scan, first: int) -> None:
        """Keep the candidates."""
        self._long += [(first + index, tokens, prompt) for index, tokens, prompt in scan]

    def conclude(self, corpus: Corpus, scratch: Path) -> Conclusion:
        """Rows over a limit of their stage, the longest first."""
        if self._whole == self._prompt == NO_LIMIT:
            return Conclusion(0, "neither maxLength nor the model's context is known", skipped=True)
        seen = [(number, tokens, self._note(corpus, number, tokens, prompt)) for number, tokens, prompt in self._long]
        found = sorted(
            ((number, tokens, note) for number, tokens, note in seen if note), key=lambda row: (-row[1], row[0])
        )
        return Conclusion(
            rows=len(found),
            message=self._message(found, len(corpus)),
            advice="Shorten them or split them at the source, raise hyperparameters.maxLength as far as the model's context allows, lower maxNewTokens, or set data.checks.length to Fix, which leaves them out."
            if found
            else "",
            places=tuple(Place(number, note=note) for number, _, note in found[:MOST_EXAMPLES]),
            measures={"longest": float(found[0][1])} if found else {},
            leave_out=sorted(number for number, _, _ in found),
        )

    def _note(self, corpus: Corpus, number: int, tokens: int, prompt: int) -> str:
        return self._limits[corpus.stages[corpus.stage[number]]].note(tokens, prompt)

    def _message(self, found: list[tuple[int, int, str]], rows: int) -> str:
        if not found:
            return f"no row is longer than {min(self._whole, self._prompt)} tokens; none would be cut"
        return f"{share_of(len(found), rows)} are too long: the longest has {found[0][2]}; rows are never cut"


def make(context: CheckContext) -> LengthCheck:
    """The check, with the limits of each stage, as training will have them."""
    return LengthCheck({stage.name: _limits_of(stage, context) for stage in context.spec.stages})


def _limits_of(stage: Stage, context: CheckContext) -> Limits:
    tuning, given = context.spec.tuning, stage.hyperparameters or Hyperparameters()
    virtual = (tuning.virtual_tokens or VIRTUAL_TOKENS) if tuning.is_prompt_learning else 0
    room = context.context_length - virtual if context.context_length else NO_LIMIT
    longest = min(given.max_length or NO_LIMIT, room)
    # Where the spec does not say, what the longest prompt leaves of the context is taken: one token at least.
    new = (given.max_new_tokens or 1) if stage.method in GENERATING and room < NO_LIMIT else 0
    if stage.method in ANSWERLESS:
        # The evaluation reads whole rows, the training prompts alone.
        return Limits(room, min(longest, room - new), given.max_new_tokens or 0)
    return Limits(min(longest, room - new), NO_LIMIT)
