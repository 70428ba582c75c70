"""Whether the test rows can give the metrics that are asked for: to find out after the training would be an hour too late. Pure."""

from collections.abc import Callable, Mapping

from tunewright_api.datasets import DatasetFormat
from tunewright_api.evaluation import MetricName
from tunewright_api.methods import PREFERRING, REWARDED, TAUGHT, listed
from tunewright_api.spec import FineTuneJobSpec
from tunewright_trainer.prepare.readable import one_or_many

_ANSWERS = "test rows that ask something and hold the right answer"
NEEDS = {
    MetricName.LOSS: "test rows that hold the right answer",
    MetricName.ROUGE_L: _ANSWERS,
    MetricName.EXACT_MATCH: _ANSWERS,
    MetricName.PREFERENCE_ACCURACY: "a stage with Preference rows",
    MetricName.REWARD: "a stage with rewards (GRPO or RLOO)",
}


def unmeasurable(
    spec: FineTuneJobSpec, formats: Mapping[str, DatasetFormat], has_reference: Callable[[str], bool]
) -> list[str]:
    """A sentence for each need that `spec.evaluation.metrics` has and the data cannot meet.

    `formats` are by stage; `has_reference(stage)` says whether a test row of a prompt-only stage names its answer."""
    given = _given(spec, formats, has_reference)
    missing: dict[str, list[MetricName]] = {}
    for name in spec.evaluation.metrics or []:
        if name not in given:
            missing.setdefault(NEEDS[name], []).append(name)
    rest = listed([name for name in MetricName if name in given])
    return [
        f"spec.evaluation.metrics: {listed(names, 'and')} {one_or_many(len(names), 'needs', 'need')} {need}, and there are none; ask for {rest}"
        for need, names in missing.items()
    ]


def _given(
    spec: FineTuneJobSpec, formats: Mapping[str, DatasetFormat], has_reference: Callable[[str], bool]
) -> set[MetricName]:
    """What can be measured; the same choice of rows as evaluate/held_out.py makes."""
    stages = [stage for stage in spec.policy_stages() if stage.name in formats]
    of = {stage.name: formats[stage.name] for stage in stages}
    taught = [
        of[stage.name] for stage in stages if stage.method in TAUGHT and of[stage.name] is not DatasetFormat.PROMPT_ONLY
    ]
    preferred = [of[stage.name] for stage in stages if stage.method in PREFERRING]
    answers = (
        taught or preferred or [of[stage.name] for stage in stages if _names_answers(of, stage.name, has_reference)]
    )
    given = {MetricName.LOSS} if answers else set()
    if any(kind is not DatasetFormat.TEXT for kind in answers):
        given |= {MetricName.ROUGE_L, MetricName.EXACT_MATCH}
    if DatasetFormat.PREFERENCE in preferred:
        given.add(MetricName.PREFERENCE_ACCURACY)
    if any(stage.method in REWARDED for stage in stages):
        given.add(MetricName.REWARD)
    return given


def _names_answers(formats: Mapping[str, DatasetFormat], stage: str, has_reference: Callable[[str], bool]) -> bool:
    return formats[stage] is not DatasetFormat.PROMPT_ONLY or has_reference(stage)
