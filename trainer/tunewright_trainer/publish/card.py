"""The model card: what was made from what, how good it is, how to use it. Pure."""

from collections.abc import Iterable

from tunewright_api.run import RunConfig
from tunewright_api.status import EvaluationStatus, ResolvedStage
from tunewright_api.tuning import Tuning, TuningType

_ADAPTER = (
    "from peft import PeftModel",
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    "",
    'base = AutoModelForCausalLM.from_pretrained("{base}", dtype="bfloat16")',
    'model = PeftModel.from_pretrained(base, "path/to/this/folder")',
)
_WHOLE = (
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    "",
    'model = AutoModelForCausalLM.from_pretrained("path/to/this/folder", dtype="bfloat16")',
)


def _kind(tuning: Tuning) -> str:
    if tuning.is_full:
        return "All weights, trained from"
    name = {TuningType.PROMPT_TUNING: "Prompt tuning", TuningType.PREFIX_TUNING: "Prefix tuning"}.get(tuning.type)
    return f"{name} for" if name else f"A {'DoRA' if tuning.dora else 'LoRA'} adapter for"


def model_card(
    config: RunConfig,
    stages: Iterable[ResolvedStage],
    evaluation: EvaluationStatus | None,
    data_digest: str,
    serving: str,
) -> str:
    """README.md of the adapter's folder, with the front matter that model hubs read."""
    base, tuning = config.spec.model.id, config.spec.tuning
    lines = [
        "---",
        f"base_model: {base}",
        f"library_name: {'transformers' if tuning.is_full else 'peft'}",
        f"tags: [{tuning.type.lower()}, tunewright]",
        "---",
        f"# {config.namespace}/{config.name}",
        "",
        f"{_kind(tuning)} [{base}](https://huggingface.co/{base}), made by the FineTuneJob `{config.namespace}/{config.name}`, run `{config.run_id}`.",
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
        *(_WHOLE if tuning.is_full else (line.format(base=base) for line in _ADAPTER)),
        'tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")',
        "```",
        "",
        f"Can be loaded by: {serving}.",
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
