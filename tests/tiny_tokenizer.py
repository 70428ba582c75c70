"""Tokenizers that are real in everything but size, made here in a second, with a ChatML template. Needs no torch."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def trained(texts: Iterable[str], size: int) -> "Tokenizer":
    """A byte-level tokenizer of at most `size` tokens, learned from these texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    plain.train_from_iterator(texts, trainer)
    return plain


def make_tokenizer(folder: Path, words: str = "red green blue one two three") -> Path:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja, as in a model's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    trained([words] * 5, 400).save(str(folder / "tokenizer.json"))
    settings = {"eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "bos_token": "<|im_start|>"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **settings})
    )
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder
