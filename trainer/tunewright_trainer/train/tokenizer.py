"""Loads the model's tokenizer and says what is wrong with it or its chat template. The data gate needs it in each of its processes, so it must be light."""

import json
from pathlib import Path
from typing import Any

from tunewright_trainer.shell.errors import ModelUnavailable


def load_tokenizer(folder: Path) -> Any:
    """The model's own tokenizer; one without a chat template is of no use here."""
    from transformers import AutoTokenizer

    return _loaded(AutoTokenizer, folder)


def load_light_tokenizer(folder: Path) -> Any:
    """The same tokens and template from tokenizer.json alone: AutoTokenizer imports torch, which takes 20 seconds and 630 MB of each process."""
    if not (folder / "tokenizer.json").exists():
        return load_tokenizer(folder)
    from transformers import PreTrainedTokenizerFast

    return _loaded(PreTrainedTokenizerFast, folder)


def _loaded(kind: Any, folder: Path) -> Any:
    try:
        tokenizer = kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        # The tokenizers library raises plain Exceptions for a broken file.
        raise ModelUnavailable(f"the tokenizer of spec.model.uri cannot be loaded: {first_line(error)}") from error
    if not tokenizer.chat_template:
        raise ModelUnavailable(
            "the tokenizer of spec.model.uri has no chat template: use an instruction-tuned model, or add chat_template.jinja"
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def stop_tokens(folder: Path, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: the tokenizer's own, and those that generation_config.json names (models such as Gemma end a turn with another)."""
    path = folder / "generation_config.json"
    try:
        named = json.loads(path.read_text()).get("eos_token_id") if path.exists() else None
    except (ValueError, AttributeError) as error:
        raise ModelUnavailable("generation_config.json of spec.model.uri is not valid JSON: upload it again") from error
    listed = named if isinstance(named, list) else [named]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if isinstance(token, int))


def special_texts(tokenizer: Any, tokens: frozenset[int]) -> tuple[str, ...]:
    """What those of the tokens look like that are found wherever their text stands."""
    added = tokenizer.added_tokens_decoder
    return tuple(str(added[token]) for token in sorted(tokens) if token in added)


def template_fault(error: Exception) -> ModelUnavailable:
    """The chat template cannot be used at all."""
    return ModelUnavailable(f"the chat template of spec.model.uri cannot be used: {first_line(error)}")


def first_line(error: Exception) -> str:
    """The first line of what a library says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
