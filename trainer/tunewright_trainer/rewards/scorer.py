"""The reward of a Reward stage: what its scorer says of an answer."""

from collections.abc import Sequence
from typing import Any

import torch

from tunewright_trainer.rewards.base import Answer, Reward

SCORING_BATCH = 8


def scored_by(model: Any, tokenizer: Any) -> Reward:
    """The reward that the scorer gives. It reads a conversation as it did in training."""

    @torch.inference_mode()
    def score(answers: Sequence[Answer]) -> list[float]:
        scores: list[float] = []
        for start in range(0, len(answers), SCORING_BATCH):
            batch = [_tokens(answer, tokenizer) for answer in answers[start : start + SCORING_BATCH]]
            width = max(map(len, batch))
            ids = torch.full((len(batch), width), tokenizer.pad_token_id)
            mask = torch.zeros((len(batch), width), dtype=torch.long)
            for row, tokens in enumerate(batch):
                ids[row, : len(tokens)] = torch.tensor(tokens)
                mask[row, : len(tokens)] = 1
            logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits
            scores += [float(value) for value in logits[:, 0].float()]
        return scores

    return score


def _tokens(answer: Answer, tokenizer: Any) -> list[int]:
    conversation = [*answer.prompt, {"role": "assistant", "content": answer.text}]
    ids: list[int] = tokenizer.apply_chat_template(conversation, tokenize=True, return_dict=True)["input_ids"]
    return ids
