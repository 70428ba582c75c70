"""What the model says of rows: likelihood of given answers, and answers of its own."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from tunewright_trainer.shell import preemption
from tunewright_trainer.shell.errors import Preempted
from tunewright_trainer.train.tokens import Row, encode, rendered

SCORING_BATCH = 8
GENERATION_BATCH = 16


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        if preemption.stop_requested():
            raise Preempted("stopped while evaluating; nothing is lost but the time")
        yield items[start : start + size]


def _padded(rows: list[list[int]], tokenizer: Any, model: Any, *, left: bool) -> dict[str, torch.Tensor]:
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), tokenizer.pad_token_id)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, tokens in enumerate(rows):
        place = slice(width - len(tokens), width) if left else slice(0, len(tokens))
        ids[index, place] = torch.tensor(tokens)
        mask[index, place] = 1
    return {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device)}


@torch.inference_mode()
def answer_log_probabilities(model: Any, tokenizer: Any, pairs: list[tuple[Row, str]]) -> list[tuple[float, int]]:
    """For each row and name of an answer: the summed log-probability of the answer's tokens, and their number."""
    results: list[tuple[float, int]] = []
    for batch in _batches(pairs, SCORING_BATCH):
        # The first token of a plain text has nothing before it that could foretell it.
        encoded = [
            (found.ids, max(found.start, 1)) for found in (encode(row, answer, tokenizer) for row, answer in batch)
        ]
        inputs = _padded([tokens for tokens, _ in encoded], tokenizer, model, left=False)
        ids = inputs["input_ids"]
        # Trained tokens before the prompt have logits too; they are not asked for.
        logits = model(**inputs).logits[:, -ids.shape[1] :]
        for row, (tokens, start) in enumerate(encoded):
            # The logits at position i speak of token i + 1.
            chosen = torch.log_softmax(logits[row, start - 1 : len(tokens) - 1].float(), dim=-1)
            picked = chosen.gather(1, ids[row, start : len(tokens), None]).sum()
            results.append((float(picked), len(tokens) - start))
    return results


@torch.inference_mode()
def answers(model: Any, tokenizer: Any, rows: list[Row], max_new_tokens: int, tell: Callable[[int], None]) -> list[str]:
    """Greedy answers, in batches of a fixed composition: greedy decoding differs between batch sizes."""
    texts: list[str] = []
    for batch in _batches(rows, GENERATION_BATCH):
        asked = [rendered(row["prompt"], row.get("tools"), tokenizer, open_ended=True) for row in batch]
        inputs = _padded(asked, tokenizer, model, left=True)
        made = model.generate(
            **inputs, max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id
        )
        texts += [
            text.strip()
            for text in tokenizer.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        ]
        tell(len(texts))
    return texts
