"""The evaluate step: base and candidate on the same held-out rows, in the precision that they are served in."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import PeftModel

from tunewright_api import names
from tunewright_api.evaluation import MetricName
from tunewright_api.manifest import canonical_digest
from tunewright_api.run import RunResult
from tunewright_api.sketch import SKETCH_FILE
from tunewright_api.stages import Method
from tunewright_api.status import EvaluationStatus, MetricResult
from tunewright_api.tuning import Quantization
from tunewright_trainer.context import StepContext, StepOutcome
from tunewright_trainer.evaluate.compare import compare
from tunewright_trainer.evaluate.scoring import answer_log_probabilities, answers
from tunewright_trainer.evaluate.sketching import sketch
from tunewright_trainer.evaluate.text_metrics import exact_match, rouge_l
from tunewright_trainer.model_folder import download_model
from tunewright_trainer.shell import folders
from tunewright_trainer.shell.errors import TornContent
from tunewright_trainer.shell.folders import canonical_json
from tunewright_trainer.train.model import keep_offline, load_base
from tunewright_trainer.train.rows import read_part
from tunewright_trainer.train.step import ADAPTER
from tunewright_trainer.train.tokenizer import load_tokenizer
from tunewright_trainer.train.tokens import TEXT, Row, learned_answer, reference_of

EVALUATION = "evaluation.json"
SAMPLES = "samples.json"
DEFAULT_ROWS, DEFAULT_NEW_TOKENS, DEFAULT_SAMPLES = 200, 256, 5
TEXT_METRICS = {MetricName.ROUGE_L: rouge_l, MetricName.EXACT_MATCH: exact_match}


@dataclass(frozen=True)
class _Contestants:
    """One model in memory, with its adapter on or off."""

    model: Any
    tokenizer: Any

    def scores(self, pairs: list[tuple[Row, str]], *, tuned: bool) -> list[tuple[float, int]]:
        if tuned:
            return answer_log_probabilities(self.model, self.tokenizer, pairs)
        with self.model.disable_adapter():
            return answer_log_probabilities(self.model, self.tokenizer, pairs)

    def answers(self, rows: list[Row], limit: int, tell: Any, *, tuned: bool) -> list[str]:
        if tuned:
            return answers(self.model, self.tokenizer, rows, limit, tell)
        with self.model.disable_adapter():
            return answers(self.model, self.tokenizer, rows, limit, tell)


def run(context: StepContext) -> StepOutcome:
    """Score and answer held-out rows with both models; write results, samples and the reference sketch."""
    keep_offline(context.environment.scratch)
    spec = context.config.spec
    data = context.workdir / "data"
    context.telemetry.update(activity="Downloading")
    folders.check_content(context.inputs[names.PREPARE], below="stages/")
    folders.download_files(context.store, context.inputs[names.PREPARE], data, below="stages/")
    contestants = _load(context)
    context.telemetry.update(activity="Scoring")
    held_out = _rows(context, data, ("test",))
    supervised = held_out[Method.SFT] or [_as_supervised(row) for row in held_out[Method.DPO]]
    wanted = spec.evaluation.metrics or [
        MetricName.LOSS,
        MetricName.ROUGE_L,
        *([MetricName.PREFERENCE_ACCURACY] if held_out[Method.DPO] else []),
    ]
    results = [_loss(contestants, supervised, spec.seed)] if MetricName.LOSS in wanted else []
    if MetricName.PREFERENCE_ACCURACY in wanted and held_out[Method.DPO]:
        results.append(_preference_accuracy(contestants, held_out[Method.DPO], spec.seed))
    # A plain text asks nothing, so there is no answer to hold against it: it is judged by its loss alone.
    answerable = [row for row in supervised if TEXT not in row]
    chosen = _chosen_rows(answerable, spec.evaluation.max_rows or DEFAULT_ROWS, spec.seed)
    references = [reference_of(row, contestants.tokenizer) for row in chosen]
    base_answers, tuned_answers = _both_answers(context, contestants, chosen)
    for name, metric in TEXT_METRICS.items():
        if name in wanted and chosen:
            base_scores = [metric(*pair) for pair in zip(base_answers, references, strict=True)]
            tuned_scores = [metric(*pair) for pair in zip(tuned_answers, references, strict=True)]
            results.append(compare(name, base_scores, tuned_scores, spec.seed))
    everything = _rows(context, data, ("train", "validation", "test"))
    rows = everything[Method.SFT] or everything[Method.DPO]
    prompts = [row["prompt"][-1]["content"] for row in rows if row["prompt"]]
    return _outcome(
        context,
        results,
        len(supervised),
        _samples(context, chosen, references, (base_answers, tuned_answers)),
        sketch(prompts, tuned_answers),
    )


def _load(context: StepContext) -> _Contestants:
    spec = context.config.spec
    model_folder = download_model(context.store, spec.model.uri, context.workdir / "model")
    candidate = context.workdir / "candidate"
    folders.download_files(context.store, context.inputs[names.PACKAGE], candidate)
    if canonical_digest((entry.path, entry.sha256) for entry in folders.file_entries(candidate / ADAPTER)) != (
        context.inputs[names.PACKAGE].digest
    ):
        raise TornContent("the candidate differs from the one that was packaged")
    context.telemetry.update(activity="LoadingModel")
    # Servers put an adapter on the bf16 base, also one that was trained on NF4: so that is what is evaluated.
    model = PeftModel.from_pretrained(load_base(model_folder, Quantization.NONE), str(candidate / ADAPTER))
    model.eval()
    return _Contestants(model, load_tokenizer(candidate / ADAPTER))


def _rows(context: StepContext, data: Path, parts: tuple[str, ...]) -> dict[Method, list[Row]]:
    found: dict[Method, list[Row]] = {method: [] for method in Method}
    for stage in context.config.spec.stages:
        for part in parts:
            found[stage.method] += read_part(data, stage.name, part)
    return found


def _as_supervised(row: Row) -> Row:
    tools = {"tools": row["tools"]} if "tools" in row else {}
    return {"id": row["id"], "prompt": row["prompt"], "completion": row["chosen"], **tools}


def _chosen_rows(rows: list[Row], limit: int, seed: int) -> list[Row]:
    if len(rows) <= limit:
        return rows
    picks = sorted(random.Random(seed).sample(range(len(rows)), limit))
    return [rows[index] for index in picks]


def _loss(contestants: _Contestants, rows: list[Row], seed: int) -> MetricResult:
    """Mean negative log-likelihood a token, row by row, so that long rows do not outweigh short ones in the interval."""
    pairs = [(row, learned_answer(row)) for row in rows]
    base, tuned = (
        [-total / max(count, 1) for total, count in contestants.scores(pairs, tuned=side)] for side in (False, True)
    )
    return compare(MetricName.LOSS, base, tuned, seed)


def _preference_accuracy(contestants: _Contestants, rows: list[Row], seed: int) -> MetricResult:
    """Share of pairs in which the chosen answer is more likely, a token, than the rejected one."""
    sides = []
    for tuned in (False, True):
        chosen, rejected = (
            contestants.scores([(row, column) for row in rows], tuned=tuned) for column in ("chosen", "rejected")
        )
        sides.append(
            [float(good / max(n, 1) > bad / max(m, 1)) for (good, n), (bad, m) in zip(chosen, rejected, strict=True)]
        )
    return compare(MetricName.PREFERENCE_ACCURACY, sides[0], sides[1], seed)


def _both_answers(context: StepContext, contestants: _Contestants, rows: list[Row]) -> tuple[list[str], list[str]]:
    limit = context.config.spec.evaluation.max_new_tokens or DEFAULT_NEW_TOKENS
    sides = []
    for index, tuned in enumerate((False, True)):

        def tell(count: int, before: int = index * len(rows)) -> None:
            done, total = before + count, 2 * len(rows)
            context.telemetry.update(
                activity="Evaluating", global_step=done, total_steps=total, summary=f"evaluate {done}/{total}"
            )

        tell(0)
        sides.append(contestants.answers(rows, limit, tell, tuned=tuned))
    return sides[0], sides[1]


def _samples(
    context: StepContext, rows: list[Row], references: list[str], answers: tuple[list[str], list[str]]
) -> list[dict[str, str]]:
    limit = context.config.spec.evaluation.samples
    limit = DEFAULT_SAMPLES if limit is None else limit
    return [
        {
            "id": row["id"],
            "prompt": row["prompt"][-1]["content"],
            "reference": reference,
            "base": first,
            "tuned": second,
        }
        for row, reference, first, second in list(zip(rows, references, *answers, strict=True))[:limit]
    ]


def _outcome(
    context: StepContext, results: list[MetricResult], rows: int, samples: list[dict[str, str]], reference: Any
) -> StepOutcome:
    out = context.workdir / "out"
    out.mkdir()
    evaluation = {
        "candidate": context.inputs[names.PACKAGE].digest,
        "precision": "bf16 base with the adapter on top",
        "rows": rows,
        "metrics": [result.to_wire() for result in results],
        "interval": "95 % of the difference tuned - base, paired bootstrap over rows",
    }
    (out / EVALUATION).write_bytes(canonical_json(evaluation))
    (out / SAMPLES).write_bytes(canonical_json(samples))
    (out / SKETCH_FILE).write_bytes(canonical_json(reference.to_wire()))
    figures = {f"{result.name}.{side}": getattr(result, side) for result in results for side in ("base", "tuned")}
    status = EvaluationStatus(rows=rows, metrics=results, report_uri=f"{context.attempt_uri}/{EVALUATION}")
    return StepOutcome(
        out,
        canonical_digest((entry.path, entry.sha256) for entry in folders.file_entries(out)),
        RunResult(step=context.config.step, attempt=context.config.attempt, figures=figures, evaluation=status),
    )
