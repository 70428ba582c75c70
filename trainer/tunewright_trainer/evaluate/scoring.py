"""What the model says of rows: likelihood of given answers, and answers of its own."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from tunewright_trainer.shell import preemption
from tunewright_trainer.shell.errors import Preempted

SCORING_BATCH = 8
GENERATION_BATCH = 16
Messages = list[dict[str, str]]


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        if preemption.stop_requested():
            raise Preempted("stopped while evaluating; nothing is lost but the time")
        yield items[start : start + size]


def _encoded(prompt: Messages, answer: Messages, tokenizer: Any) -> tuple[list[int], int]:
    """Tokens of the whole conversation, and how many of them are the prompt's."""
    whole = tokenizer.apply_chat_template(prompt + answer, tokenize=True, return_dict=True)["input_ids"]
    start = tokenizer.apply_chat_template(prompt, tokenize=True, add_generation_prompt=True, return_dict=True)[
        "input_ids"
    ]
    return whole, len(start)


@torch.inference_mode()
def answer_log_probabilities(
    model: Any, tokenizer: Any, pairs: list[tuple[Messages, Messages]]
) -> list[tuple[float, int]]:
    """For each (prompt, answer): the summed log-probability of the answer's tokens, and their number."""
    results: list[tuple[float, int]] = []
    for batch in _batches(pairs, SCORING_BATCH):
        encoded = [_encoded(prompt, answer, tokenizer) for prompt, answer in batch]
        width = max(len(ids) for ids, _ in encoded)
        ids = torch.full((len(encoded), width), tokenizer.pad_token_id)
        mask = torch.zeros((len(encoded), width), dtype=torch.long)
        for row, (tokens, _) in enumerate(encoded):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        ids, mask = ids.to(model.device), mask.to(model.device)
        # Trained tokens before the prompt have logits too; they are not asked for.
        logits = model(input_ids=ids, attention_mask=mask).logits[:, -width:]
        for row, (tokens, start) in enumerate(encoded):
            # The logits at position i speak of token i + 1.
            chosen = torch.log_softmax(logits[row, start - 1 : len(tokens) - 1].float(), dim=-1)
            picked = chosen.gather(1, ids[row, start : len(tokens), None]).sum()
            results.append((float(picked), len(tokens) - start))
    return results


@torch.inference_mode()
def answers(
    model: Any, tokenizer: Any, prompts: list[Messages], max_new_tokens: int, tell: Callable[[int], None]
) -> list[str]:
    """Greedy answers, in batches of a fixed composition: greedy decoding differs between batch sizes."""
    texts: list[str] = []
    for batch in _batches(prompts, GENERATION_BATCH):
        rendered = [
            tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True) for prompt in batch
        ]
        inputs = tokenizer(
            rendered, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False
        ).to(model.device)
        made = model.generate(
            **inputs, max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id
        )
        texts += [
            text.strip()
            for text in tokenizer.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        ]
        tell(len(texts))
    return texts
