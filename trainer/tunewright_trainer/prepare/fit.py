"""Will it fit, how long will it take, what will it cost: estimated before a GPU is asked for. Pure, and says what it assumes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunewright_api.data_report import StageReport
from tunewright_api.fit import FitEstimate, StageFit
from tunewright_api.gpus import Gpu
from tunewright_api.methods import GENERATING, Method
from tunewright_api.pricing import Pricing
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.stages import Stage
from tunewright_api.tuning import Tuning, TuningType
from tunewright_trainer.prepare import fit_advice, fit_assumptions
from tunewright_trainer.prepare.fit_plan import KEPT_FREE, Machine, StagePlan, StageRows, evaluation_gpu, machine_of
from tunewright_trainer.prepare.memory import GIB, Load
from tunewright_trainer.prepare.model_shape import ModelShape, Shapes, shape_of
from tunewright_trainer.prepare.training_time import seconds
from tunewright_trainer.train.families import SPLIT_PROJECTIONS, TARGET_MODULES
from tunewright_trainer.train.hyperparameters import Data, Settings, resolve

TOKENS = "Tokens"
"""Name of the histogram of row lengths in a stage's report."""


def rows_of(report: StageReport) -> StageRows:
    """The rows that the data gate has counted."""
    lengths = next((item for item in report.histograms if item.name == TOKENS), None)
    longest = int(lengths.quantiles.get("max", 0)) if lengths else 0
    return StageRows(report.train, report.tokens, longest or report.tokens // max(1, report.train), lengths)


def estimate_of_reports(
    spec: FineTuneJobSpec,
    config: Mapping[str, Any],
    tensors: Shapes,
    reports: Sequence[StageReport],
    pricing: Pricing | None = None,
) -> FitEstimate:
    """What the stages of a data report will need. Raises ShapeUnknown when config.json does not say enough."""
    rows = {report.name: rows_of(report) for report in reports if report.train}
    return estimate(spec, shape_of(config, tensors), str(config["model_type"]), rows, pricing)


def estimate(
    spec: FineTuneJobSpec,
    shape: ModelShape,
    model_type: str,
    rows: Mapping[str, StageRows],
    pricing: Pricing | None = None,
) -> FitEstimate:
    """What the stages with `rows`, by name, will need. `pricing` names the cluster's GPU and its price."""
    machine = machine_of(spec, pricing)
    modules = spec.tuning.target_modules or TARGET_MODULES.get(model_type, SPLIT_PROJECTIONS)
    plans = [
        _plan(spec, stage, shape, modules, rows[stage.name], machine) for stage in spec.stages if stage.name in rows
    ]
    stages = [_stage_fit(spec, plan, machine) for plan in plans]
    fits = machine.memory_bytes is None or all(
        stage.memory_bytes * KEPT_FREE <= machine.memory_bytes for stage in stages
    )
    evaluation, evaluator = max((plan.load.evaluation for plan in plans), default=0), evaluation_gpu(spec, machine)
    evaluation_fits = evaluator is None or evaluation * KEPT_FREE <= evaluator.memory_bytes
    hours = sum(stage.seconds or 0 for stage in stages) / 3600
    return FitEstimate(
        gpu=machine.gpu.name if machine.gpu else "",
        gpu_named=machine.named,
        memory_bytes=machine.memory_bytes,
        fits=fits,
        evaluation_memory_bytes=evaluation,
        evaluation_fits=evaluation_fits,
        parameters=shape.parameters,
        trained_parameters=max((plan.load.trained_parameters for plan in plans), default=0),
        stages=stages,
        gpu_hours=round(hours, 4),
        cost=round(hours * machine.price, 2) if machine.price is not None and stages else None,
        currency=machine.currency if machine.price is not None else "",
        assumptions=fit_assumptions.sentences(plans, machine),
        advice=" ".join(
            [
                *([] if fits else [fit_advice.cheapest(plans, machine)]),
                *([] if evaluation_fits else [fit_advice.larger_for_evaluation(evaluation)]),
            ]
        ),
    )


def refusal(found: FitEstimate) -> str | None:
    """Why no setting can make the run fit into the GPU that somebody has named; None when one may, or none is named."""
    least = max((stage.least_memory_bytes for stage in found.stages), default=0)
    if not found.gpu_named or found.memory_bytes is None or least <= found.memory_bytes:
        return None
    have, need = found.memory_bytes / GIB, least / GIB
    return f"the model's weights and adapter alone need {need:.1f} GiB, and the {found.gpu or 'pod'} has {have:.1f}: {found.advice}"


def _plan(
    spec: FineTuneJobSpec, stage: Stage, shape: ModelShape, modules: Sequence[str], rows: StageRows, machine: Machine
) -> StagePlan:
    settings, _ = resolve(stage, spec.tuning, Data(rows.rows, rows.longest, shape.context_length))
    tuning = spec.tuning
    load = Load(
        shape,
        tuning.quantization,
        _trained(tuning, shape, modules, settings),
        full=tuning.is_full,
        # ORPO's trainer is the only one that keeps all logits.
        fused_head=stage.method is not Method.ORPO,
        checkpointing=machine.gpu is not None and not tuning.is_prompt_learning,
        models_beside=len(stage.scorers),
    )
    plan = StagePlan(stage, rows, settings, load)
    # An adapter is its own reference when it is switched off.
    beside = load.models_beside + (tuning.is_full and plan.has_reference)
    return replace(plan, load=replace(load, models_beside=beside))


def _trained(tuning: Tuning, shape: ModelShape, modules: Sequence[str], settings: Settings) -> int:
    """Parameters that are trained."""
    if tuning.is_full:
        return shape.parameters
    if tuning.type is TuningType.PROMPT_TUNING:
        return settings.virtual_tokens * shape.hidden
    if tuning.type is TuningType.PREFIX_TUNING:
        return settings.virtual_tokens * shape.layers * 2 * shape.key_width
    return shape.adapter_parameters(modules, settings.rank)


def _stage_fit(spec: FineTuneJobSpec, plan: StagePlan, machine: Machine) -> StageFit:
    settings = plan.settings
    return StageFit(
        name=plan.stage.name,
        method=f"{plan.stage.method} {spec.tuning.method_name}",
        tokens_per_epoch=plan.rows.tokens,
        steps=settings.total_steps,
        batch_size=settings.batch_size,
        micro_batch_size=settings.micro_batch_size,
        max_length=settings.max_length,
        memory_bytes=plan.peak(),
        least_memory_bytes=plan.load.least,
        # How long a model takes to write its answers depends on the answers.
        seconds=_seconds(plan, machine.gpu) if machine.gpu and plan.stage.method not in GENERATING else None,
    )


def _seconds(plan: StagePlan, gpu: Gpu) -> float:
    settings = plan.settings
    length = plan.rows.padded_length(settings.micro_batch_size)
    taken = settings.total_steps * settings.batch_size * plan.sides
    return round(
        seconds(
            plan.load,
            gpu,
            tokens=taken * length,
            length=length,
            micro_batches=settings.total_steps * settings.accumulation_steps,
            reference=plan.has_reference,
        ),
        1,
    )
