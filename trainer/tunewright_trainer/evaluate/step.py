"""The evaluate step: base and candidate on the same held-out rows, in the precision that they are served in."""

from typing import Any

from tunewright_api import names
from tunewright_api.evaluation import MetricName
from tunewright_api.manifest import canonical_digest
from tunewright_api.run import RunResult
from tunewright_api.sketch import SKETCH_FILE
from tunewright_api.stages import Stage
from tunewright_api.status import EvaluationStatus, MetricResult
from tunewright_trainer.context import StepContext, StepOutcome
from tunewright_trainer.evaluate.compare import compare
from tunewright_trainer.evaluate.contestants import Contestants
from tunewright_trainer.evaluate.held_out import HeldOut, drawn, held_out, ordinary_prompts
from tunewright_trainer.evaluate.sketching import sketch
from tunewright_trainer.evaluate.text_metrics import exact_match, rouge_l
from tunewright_trainer.model_folder import download_model
from tunewright_trainer.rewards.base import Answer, Reward
from tunewright_trainer.rewards.factory import rewards_of
from tunewright_trainer.rewards.scorer import scored_by
from tunewright_trainer.shell import folders
from tunewright_trainer.shell.errors import TornContent
from tunewright_trainer.shell.folders import canonical_json
from tunewright_trainer.train.adapter_files import ADAPTER
from tunewright_trainer.train.adapters import scorer_in
from tunewright_trainer.train.inputs import fetch_scorers
from tunewright_trainer.train.model import keep_offline
from tunewright_trainer.train.tables import reference
from tunewright_trainer.train.tokens import Row, learned_answer, reference_of

Sides = tuple[list[str], list[str]]
"""Answers of the base and of the tuned model."""
EVALUATION = "evaluation.json"
SAMPLES = "samples.json"
DEFAULT_ROWS, DEFAULT_NEW_TOKENS, DEFAULT_SAMPLES = 200, 256, 5
TEXT_METRICS = {MetricName.ROUGE_L: rouge_l, MetricName.EXACT_MATCH: exact_match}


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
    held = held_out(spec, data)
    wanted = spec.evaluation.metrics or held.default_metrics()
    results = [_loss(contestants, held.supervised, spec.seed)] if MetricName.LOSS in wanted else []
    if MetricName.PREFERENCE_ACCURACY in wanted and held.pairs:
        results.append(_preference_accuracy(contestants, held.pairs, spec.seed))
    chosen = drawn(held.answerable, spec.evaluation.max_rows or DEFAULT_ROWS, spec.seed)
    references = [reference_of(row, contestants.tokenizer) for row in chosen]
    sides = _both_answers(context, contestants, chosen)
    if chosen:
        results += [_text_metric(name, references, sides, spec.seed) for name in TEXT_METRICS if name in wanted]
    if MetricName.REWARD in wanted and held.rewarded:
        results.append(_reward(context, contestants, held, held.rewarded))
    return _outcome(
        context,
        results,
        len(held.supervised),
        _samples(context, chosen, references, sides),
        sketch(ordinary_prompts(spec, data), sides[1]),
    )


def _load(context: StepContext) -> Contestants:
    model_folder = download_model(context.store, context.config.spec.model.uri, context.workdir / "model")
    candidate = context.workdir / "candidate"
    folders.download_files(context.store, context.inputs[names.PACKAGE], candidate)
    if canonical_digest((entry.path, entry.sha256) for entry in folders.file_entries(candidate / ADAPTER)) != (
        context.inputs[names.PACKAGE].digest
    ):
        raise TornContent("the candidate differs from the one that was packaged")
    context.telemetry.update(activity="LoadingModel")
    return Contestants(model_folder, candidate / ADAPTER)


def _text_metric(name: MetricName, references: list[str], sides: Sides, seed: int) -> MetricResult:
    base, tuned = ([TEXT_METRICS[name](*pair) for pair in zip(texts, references, strict=True)] for texts in sides)
    return compare(name, base, tuned, seed)


def _reward(context: StepContext, contestants: Contestants, held: HeldOut, stage: Stage) -> MetricResult:
    """The weighted sum of the stage's rewards, of greedy answers to its held-out prompts."""
    spec = context.config.spec
    rows = drawn(held.asked, spec.evaluation.max_rows or DEFAULT_ROWS, spec.seed)
    rewards = rewards_of(stage, _scorers(context, stage, contestants.tokenizer))
    sides = []
    for texts in _both_answers(context, contestants, rows):
        given = [Answer(row["prompt"], text, reference(row)) for row, text in zip(rows, texts, strict=True)]
        parts = [[weight * value for value in reward(given)] for _, weight, reward in rewards]
        sides.append([sum(values) for values in zip(*parts, strict=True)])
    return compare(MetricName.REWARD, sides[0], sides[1], spec.seed)


def _scorers(context: StepContext, stage: Stage, tokenizer: Any) -> dict[str, Reward]:
    model, tuning = context.workdir / "model", context.config.spec.tuning
    if stage.scorers:
        model = download_model(context.store, context.config.spec.model.uri, model)
    return {
        name: scored_by(scorer_in(folder, model, tuning), tokenizer)
        for name, folder in fetch_scorers(context, stage).items()
    }


def _loss(contestants: Contestants, rows: list[Row], seed: int) -> MetricResult:
    """Mean negative log-likelihood a token, row by row, so that long rows do not outweigh short ones in the interval."""
    pairs = [(row, learned_answer(row)) for row in rows]
    base, tuned = (
        [-total / max(count, 1) for total, count in contestants.scores(pairs, tuned=side)] for side in (False, True)
    )
    return compare(MetricName.LOSS, base, tuned, seed)


def _preference_accuracy(contestants: Contestants, rows: list[Row], seed: int) -> MetricResult:
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


def _both_answers(context: StepContext, contestants: Contestants, rows: list[Row]) -> Sides:
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


def _samples(context: StepContext, rows: list[Row], references: list[str], answers: Sides) -> list[dict[str, str]]:
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
