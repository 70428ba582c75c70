"""A byte-level tokenizer, made here from Python's help topics in a second, with a chat template that has two faults to be found."""

from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from tiny_tokenizer import trained

TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "{% if not message['content'].startswith('[open]') %}<|im_end|>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer(folder: Path, template: str = TEMPLATE, *, begins: bool = False) -> Path:
    """Write the folder; with `begins`, of a tokenizer that sets a token before each text."""
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    plain = trained([str(topic) for _, topic in sorted(topics.items())], 2000)
    if begins:
        plain.post_processor = processors.TemplateProcessing("<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])
    tokenizer: Any = PreTrainedTokenizerFast
    tokenizer = tokenizer(tokenizer_object=plain, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder
