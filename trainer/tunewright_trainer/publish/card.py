"""The model card: what was made from what, how good it is, how to use it. Pure."""

from collections.abc import Iterable

from tunewright_api.run import RunConfig
from tunewright_api.status import EvaluationStatus, ResolvedStage


def model_card(
    config: RunConfig, stages: Iterable[ResolvedStage], evaluation: EvaluationStatus | None, data_digest: str
) -> str:
    """README.md of the adapter's folder, with the front matter that model hubs read."""
    base = config.spec.model.id
    lines = [
        "---",
        f"base_model: {base}",
        "library_name: peft",
        "tags: [lora, tunewright]",
        "---",
        f"# {config.namespace}/{config.name}",
        "",
        f"A LoRA adapter for [{base}](https://huggingface.co/{base}), made by the FineTuneJob `{config.namespace}/{config.name}`, run `{config.run_id}`.",
        "",
        "## Results on held-out rows",
        "",
        *_evaluation_table(evaluation),
        "",
        "## Training",
        "",
    ]
    for stage in stages:
        lines += [f"### {stage.name}: {stage.method}", "", "| setting | value | why |", "|---|---|---|"]
        lines += [f"| {value.name} | {value.value} | {value.reason} |" for value in stage.hyperparameters]
        lines.append("")
    lines += [
        f"Data digest: `{data_digest}`. Everything that went in is in `provenance.json`.",
        "",
        "## Use",
        "",
        "```python",
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        f'base = AutoModelForCausalLM.from_pretrained("{base}", dtype="bfloat16")',
        'model = PeftModel.from_pretrained(base, "path/to/this/folder")',
        'tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")',
        "```",
        "",
    ]
    return "\n".join(lines)


def _evaluation_table(evaluation: EvaluationStatus | None) -> list[str]:
    if evaluation is None or not evaluation.metrics:
        return ["Not evaluated."]
    header = ["| metric | base | tuned | difference (95 % interval) | rows | verdict |", "|---|---|---|---|---|---|"]
    return header + [
        f"| {metric.name} | {metric.base:.4f} | {metric.tuned:.4f} | {metric.difference:+.4f} ({metric.low:+.4f} to {metric.high:+.4f}) | {metric.rows} | {metric.verdict} |"
        for metric in evaluation.metrics
    ]
