"""The rewards of a stage, ready to be asked."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tunewright_api.stages import Stage
from tunewright_trainer.rewards.base import Answer, Messages, Reward
from tunewright_trainer.rewards.rules import built_in


def rewards_of(stage: Stage, scorers: Mapping[str, Reward]) -> list[tuple[str, float, Reward]]:
    """(name, weight, reward) of each; `scorers` holds those of Reward stages. The second reward of a name gets a number: TRL logs them by name."""
    seen: Counter[str] = Counter()
    found = []
    for reward in stage.rewards or []:
        seen[reward.name] += 1
        name = reward.name if seen[reward.name] == 1 else f"{reward.name}-{seen[reward.name]}"
        found.append((name, reward.weight or 1.0, scorers[reward.stage] if reward.stage else built_in(reward)))
    return found


def for_trl(name: str, reward: Reward) -> Callable[..., list[float]]:
    """The reward as TRL calls it: with columns, one entry an answer."""

    def score(*, prompts: list[Messages], completions: list[Messages], answer: list[str], **_: Any) -> list[float]:
        answers = [
            Answer(prompt, text_of(completion), right)
            for prompt, completion, right in zip(prompts, completions, answer, strict=True)
        ]
        return reward(answers)

    score.__name__ = name
    return score


def text_of(completion: Messages) -> str:
    """What the model has said."""
    return "\n".join(str(message.get("content") or "") for message in completion)
