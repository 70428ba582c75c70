"""How a stage can learn, and what each way needs: said once, for the CRD's rules, the data gate and the trainer."""

from collections.abc import Sequence
from enum import StrEnum

from tunewright_api.datasets import DatasetFormat


class Method(StrEnum):
    """How a stage learns."""

    SFT = "SFT"
    DPO = "DPO"
    KTO = "KTO"
    ORPO = "ORPO"
    REWARD = "Reward"
    GRPO = "GRPO"
    RLOO = "RLOO"
    SDFT = "SDFT"
    DISTILLATION = "Distillation"


_ANSWERED = (
    DatasetFormat.MESSAGES,
    DatasetFormat.PROMPT_COMPLETION,
    DatasetFormat.INSTRUCTION,
    DatasetFormat.SHARE_GPT,
)
_ASKED = (DatasetFormat.PROMPT_ONLY, *_ANSWERED)

METHOD_FORMATS: dict[Method, tuple[DatasetFormat, ...]] = {
    Method.SFT: (*_ANSWERED[:3], DatasetFormat.TEXT, DatasetFormat.SHARE_GPT),
    Method.DPO: (DatasetFormat.PREFERENCE,),
    Method.KTO: (DatasetFormat.UNPAIRED, DatasetFormat.PREFERENCE),
    Method.ORPO: (DatasetFormat.PREFERENCE,),
    Method.REWARD: (DatasetFormat.PREFERENCE,),
    Method.GRPO: _ASKED,
    Method.RLOO: _ASKED,
    Method.SDFT: _ANSWERED,
    Method.DISTILLATION: _ASKED,
}
"""Shapes of rows that a method can learn from."""

REWARDED = (Method.GRPO, Method.RLOO)
"""Methods that answer by themselves and learn from the rewards of their answers."""
TAUGHT = (Method.SFT, Method.SDFT, Method.DISTILLATION)
"""Methods whose rows say what the task is, where they hold answers."""
PREFERRING = (Method.DPO, Method.KTO, Method.ORPO)
"""Methods that learn which of two answers is the better one, or which answers are good."""
GENERATING = (*REWARDED, Method.SDFT, Method.DISTILLATION)
"""Methods that learn from answers of their own."""

ANSWERLESS = (*REWARDED, Method.DISTILLATION)
"""Methods that take only the prompt of a row into the model."""

FIELD_METHODS: dict[str, tuple[Method, ...]] = {
    "beta": (Method.DPO, Method.KTO, Method.ORPO, *REWARDED, Method.DISTILLATION),
    "generations": REWARDED,
    "maxNewTokens": GENERATING,
}
"""Hyperparameters that only some methods have."""


def listed(names: Sequence[str], last: str = "or") -> str:
    """A, B or C."""
    words = [str(name) for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
