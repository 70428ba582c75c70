"""A model that is real in everything but size: two Llama layers with random weights, and a tokenizer trained here, with a ChatML template."""

import json
from pathlib import Path

from tiny_tokenizer import TEMPLATE, trained
from tunewright_api.run import RunConfig, RunResult, StepInput
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.shell.environment import Environment
from tunewright_trainer.step import run_step

WORDS = ["red", "green", "blue", "one", "two", "three", "cat", "dog", "bird", "sun", "moon", "star"]


def make_model(folder: Path, spread: float = 0.02, seed: int = 0) -> Path:
    """Write the model's folder. With a small `spread` of its weights, tied embeddings leave little to learn: 0.2 lets it be sure of a word."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained([" ".join(WORDS)] * 5, 400),
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        bos_token="<|im_start|>",
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=256, tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id, initializer_range=spread,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_rows(folder: Path, count: int = 60) -> None:
    """Rows that can be learned: say the words backwards."""
    folder.mkdir(parents=True, exist_ok=True)
    questions = [
        (
            f"say {number} {WORDS[number % 12]} {WORDS[number // 3 % 12]}",
            f"{WORDS[number // 3 % 12]} {WORDS[number % 12]}",
        )
        for number in range(count)
    ]
    sft = [{"prompt": question, "completion": answer} for question, answer in questions]
    dpo = [{"prompt": question, "chosen": answer, "rejected": f"{answer} no"} for question, answer in questions]
    for name, rows in (("sft.jsonl", sft), ("dpo.jsonl", dpo)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def spec(
    model: Path,
    data: Path,
    output: Path,
    *,
    quantization: str = "None",
    sft: dict[str, object] | None = None,
    **changes: object,
) -> FineTuneJobSpec:
    """Two stages of six steps."""
    numbers: dict[str, object] = {
        "maxSteps": 6,
        "batchSize": 4,
        "microBatchSize": 2,
        "checkpointSteps": 2,
        "learningRate": 0.01,
    }
    return FineTuneJobSpec.model_validate(
        {
            "model": {"uri": f"file://{model}", "id": "test/tiny"},
            "tuning": {"quantization": quantization, "rank": 4, "dropout": 0.1},
            "stages": [
                {
                    "name": "sft",
                    "method": "SFT",
                    "dataset": {"uri": f"file://{data}/sft.jsonl"},
                    "hyperparameters": numbers,
                    **(sft or {}),
                },
                {
                    "name": "dpo",
                    "method": "DPO",
                    "dataset": {"uri": f"file://{data}/dpo.jsonl"},
                    "hyperparameters": numbers,
                },
            ],
            "evaluation": {"maxRows": 4, "maxNewTokens": 8},
            "output": {"uri": f"file://{output}"},
            **changes,
        }
    )


class Run:
    """Plays the operator for one run: hands digests from step to step, counts attempts."""

    def __init__(self, spec: FineTuneJobSpec, scratch: Path, run_id: str = "r1-u") -> None:
        self.spec, self.scratch, self.run_id = spec, scratch, run_id
        self.results: dict[str, RunResult] = {}
        self.attempts: dict[str, int] = {}

    def config(self, step: str) -> RunConfig:
        """What the pod of the next attempt would be told."""
        inputs = {
            name: StepInput(manifest_uri=done.manifest_uri or "", digest=done.digest or "")
            for name, done in self.results.items()
            if done.digest
        }
        attempt = self.attempts.get(step, 0) + 1
        return RunConfig(
            namespace="t",
            name="tiny",
            uid="u" * 8,
            run_id=self.run_id,
            step=step,
            attempt=attempt,
            inputs=inputs,
            spec=self.spec,
        )

    def attempt(self, step: str) -> RunResult:
        """One attempt of one step."""
        config = self.config(step)
        self.attempts[step] = config.attempt
        result = run_step(config, Environment(pod_uid=f"{step}{config.attempt}".replace("-", ""), scratch=self.scratch))
        if result.failure is None:
            self.results[step] = result
        return result

    def until(self, last: str) -> RunResult:
        """All steps up to and with `last`, which must succeed."""
        for step in self.spec.steps():
            result = self.results.get(step) or self.attempt(step)
            assert result.failure is None, result.failure
            if step == last:
                return result
        raise AssertionError(last)

    def file(self, step: str, path: str) -> bytes:
        """A file of a committed step."""
        manifest = json.loads(Path(str(self.results[step].manifest_uri).removeprefix("file://")).read_text())
        return Path(f"{manifest['prefix'].removeprefix('file://')}/{path}").read_bytes()
