"""Makes of fetched folders what a recipe needs: rows that fit, settings, the model that is trained, rewards and teacher."""

from typing import Any

from transformers import set_seed

from tunewright_api.methods import ANSWERLESS, GENERATING, Method
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.stages import Stage
from tunewright_api.status import ResolvedStage
from tunewright_trainer.context import StepContext
from tunewright_trainer.rewards.factory import for_trl, rewards_of
from tunewright_trainer.rewards.scorer import scored_by
from tunewright_trainer.shell.errors import InvalidSpec
from tunewright_trainer.train.adapters import scorer_in, trained_model, trained_scorer
from tunewright_trainer.train.hyperparameters import Data, Settings, resolve
from tunewright_trainer.train.inputs import Fetched
from tunewright_trainer.train.model import context_length, load_base, load_scorer_base, load_teacher, on_gpu
from tunewright_trainer.train.recipe import Material
from tunewright_trainer.train.rows import check_end_of_turn, check_lengths, read_part, rendered_lengths
from tunewright_trainer.train.tokenizer import load_tokenizer
from tunewright_trainer.train.tokens import Row


def make_material(context: StepContext, stage: Stage, fetched: Fetched) -> tuple[Material, ResolvedStage]:
    """Check the rows, choose the settings, build the model; the second value tells a person what was chosen."""
    spec = context.config.spec
    context.telemetry.update(activity="LoadingModel")
    tokenizer = load_tokenizer(fetched.model)
    rows, validation, test = (read_part(fetched.data, stage.name, part) for part in ("train", "validation", "test"))
    set_seed(spec.seed)
    base = _base(spec, stage, fetched)
    settings, resolved = _settings(spec, stage, [rows, validation, test], tokenizer, context_length(base))
    previous = None if spec.tuning.is_full else fetched.previous
    build = trained_scorer if stage.method is Method.REWARD else trained_model
    material = Material(
        stage=stage,
        tuning=spec.tuning,
        settings=settings,
        seed=spec.seed,
        model=build(base, spec.tuning, settings, previous),
        tokenizer=tokenizer,
        train_rows=rows,
        validation_rows=validation,
        output=context.workdir / "training",
        on_gpu=on_gpu(),
        rewards=_rewards(spec, stage, fetched, tokenizer),
        teacher=_teacher(stage, fetched, tokenizer),
    )
    return material, resolved


def _base(spec: FineTuneJobSpec, stage: Stage, fetched: Fetched) -> Any:
    """The model below the adapter; for Full, what the stage before has trained."""
    folder = fetched.previous if spec.tuning.is_full and fetched.previous else fetched.model
    load = load_scorer_base if stage.method is Method.REWARD else load_base
    return load(folder, spec.tuning.quantization)


def _settings(
    spec: FineTuneJobSpec, stage: Stage, parts: list[list[Row]], tokenizer: Any, context_tokens: int
) -> tuple[Settings, ResolvedStage]:
    rows, validation, test = parts
    seen = rows + validation
    lengths = rendered_lengths(seen, tokenizer, answers=stage.method not in ANSWERLESS)
    settings, resolved = resolve(stage, spec.tuning, Data(len(rows), max(lengths), context_tokens))
    context_tokens -= settings.virtual_tokens
    check_lengths(seen, lengths, min(settings.max_length, context_tokens), context_tokens)
    # The evaluation reads these, after all the training.
    check_lengths(test, rendered_lengths(test, tokenizer), context_tokens, context_tokens)
    check_end_of_turn(rows, tokenizer)
    if stage.method in GENERATING and max(lengths) + settings.max_new_tokens > context_tokens:
        raise InvalidSpec(
            f"stages[{stage.name}].hyperparameters.maxNewTokens: {settings.max_new_tokens} tokens after the longest prompt of {max(lengths)} do not fit into the model's context of {context_tokens}; at most {max(0, context_tokens - max(lengths))} do"
        )
    return settings, resolved


def _rewards(spec: FineTuneJobSpec, stage: Stage, fetched: Fetched, tokenizer: Any) -> list[Any]:
    scorers = {
        name: scored_by(scorer_in(folder, fetched.model, spec.tuning), tokenizer)
        for name, folder in fetched.scorers.items()
    }
    return [for_trl(name, reward) for name, _, reward in rewards_of(stage, scorers)]


def _teacher(stage: Stage, fetched: Fetched, tokenizer: Any) -> Any:
    if fetched.teacher is None:
        return None
    if load_tokenizer(fetched.teacher).get_vocab() != tokenizer.get_vocab():
        raise InvalidSpec(
            f"stages[{stage.name}].teacher: its tokenizer has other tokens than the base model's; take a teacher of the same family"
        )
    return load_teacher(fetched.teacher)
