"""Base and tuned model, in the precision that they are served in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import PeftModel

from tunewright_api.tuning import Quantization
from tunewright_trainer.evaluate.scoring import answer_log_probabilities, answers
from tunewright_trainer.train.adapter_files import CONFIG
from tunewright_trainer.train.model import load_base
from tunewright_trainer.train.tokenizer import load_tokenizer
from tunewright_trainer.train.tokens import Row


class Contestants:
    """One model in memory, with its adapter on or off; two where all weights were trained."""

    def __init__(self, model_folder: Path, candidate: Path) -> None:
        """Servers put an adapter on the bf16 base, also one that was trained on NF4: so that is what is evaluated."""
        base = load_base(model_folder, Quantization.NONE).eval()
        is_adapter = (candidate / CONFIG).is_file()
        self._base = None if is_adapter else base
        tuned: Any = PeftModel.from_pretrained(base, str(candidate)) if is_adapter else _whole(candidate)
        self._tuned = tuned.eval()
        self.tokenizer = load_tokenizer(candidate)

    @contextmanager
    def side(self, *, tuned: bool) -> Iterator[Any]:
        """One of the two models."""
        if tuned:
            yield self._tuned
        elif self._base is not None:
            yield self._base
        else:
            with self._tuned.disable_adapter():
                yield self._tuned.get_base_model()

    def scores(self, pairs: list[tuple[Row, str]], *, tuned: bool) -> list[tuple[float, int]]:
        """Of each row and name of an answer: summed log-probability and number of tokens."""
        with self.side(tuned=tuned) as model:
            return answer_log_probabilities(model, self.tokenizer, pairs)

    def answers(self, rows: list[Row], limit: int, tell: Callable[[int], None], *, tuned: bool) -> list[str]:
        """Greedy answers of at most `limit` tokens."""
        with self.side(tuned=tuned) as model:
            return answers(model, self.tokenizer, rows, limit, tell)


def _whole(candidate: Path) -> Any:
    return load_base(candidate, Quantization.NONE)
