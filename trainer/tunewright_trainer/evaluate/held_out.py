"""Which held-out rows say what of a run: answers to reproduce, pairs to rank, prompts whose answers are rewarded."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tunewright_api.evaluation import MetricName
from tunewright_api.methods import PREFERRING, REWARDED, TAUGHT
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.stages import Stage
from tunewright_trainer.train.rows import read_part
from tunewright_trainer.train.tables import reference
from tunewright_trainer.train.tokens import TEXT, Row


@dataclass(frozen=True)
class HeldOut:
    """Test rows of all policy stages."""

    supervised: list[Row]
    """Prompts with the answer to give: those of the stages that teach answers, else the better ones of preference stages, else the reference answers of rewarded ones."""
    pairs: list[Row]
    """Prompts with a chosen and a rejected answer."""
    rewarded: Stage | None
    """The last stage that is rewarded."""
    asked: list[Row]
    """Its prompts."""
    taught: bool
    """Whether the supervised rows are answers as they should be written, and not only what a rule compares with."""

    @property
    def answerable(self) -> list[Row]:
        """Supervised rows that ask something. A plain text does not: it is judged by its loss alone."""
        return [row for row in self.supervised if TEXT not in row]

    def default_metrics(self) -> list[MetricName]:
        """What is measured when the spec does not say."""
        return [
            *([MetricName.LOSS, MetricName.ROUGE_L] if self.taught else []),
            *([MetricName.PREFERENCE_ACCURACY] if self.pairs else []),
            *([MetricName.REWARD] if self.rewarded else []),
        ]


def held_out(spec: FineTuneJobSpec, data: Path) -> HeldOut:
    """The test rows."""
    stages = [(stage, read_part(data, stage.name, "test")) for stage in spec.policy_stages()]
    taught = [
        row for stage, rows in stages if stage.method in TAUGHT for row in rows if "completion" in row or TEXT in row
    ]
    preferred = [row for stage, rows in stages if stage.method in PREFERRING for row in rows]
    better = [row for row in preferred if "chosen" in row or row.get("label")]
    rewarded, asked = next(((stage, rows) for stage, rows in reversed(stages) if stage.method in REWARDED), (None, []))
    supervised = taught or better or [row for _, rows in stages for row in rows if reference(row)]
    return HeldOut(
        supervised=[as_supervised(row) for row in supervised],
        pairs=[row for row in preferred if "chosen" in row],
        rewarded=rewarded,
        asked=asked,
        taught=bool(taught or better),
    )


def as_supervised(row: Row) -> Row:
    """The row with its right answer as the completion."""
    if TEXT in row:
        return row
    tools = {"tools": row["tools"]} if "tools" in row else {}
    completion = row.get("completion") or row.get("chosen") or [{"role": "assistant", "content": reference(row)}]
    return {"id": row["id"], "prompt": row["prompt"], "completion": completion, **tools}


def ordinary_prompts(spec: FineTuneJobSpec, data: Path) -> list[str]:
    """What is asked in all rows of the stages that say what the task is."""
    teaching = [stage for stage in spec.policy_stages() if stage.method in TAUGHT]
    return [
        str(row["prompt"][-1]["content"])
        for stage in teaching or spec.policy_stages()
        for part in ("train", "validation", "test")
        for row in read_part(data, stage.name, part)
        if row["prompt"]
    ]


def drawn(rows: Iterable[Row], limit: int, seed: int) -> list[Row]:
    """At most `limit` of the rows, in their order."""
    everything = list(rows)
    if len(everything) <= limit:
        return everything
    picks = sorted(random.Random(seed).sample(range(len(everything)), limit))
    return [everything[index] for index in picks]
