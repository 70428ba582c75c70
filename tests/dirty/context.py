"""A job as small as can be, for checks that ask for one."""

from tunewright_api.spec import FineTuneJobSpec


def job() -> FineTuneJobSpec:
    """One SFT stage."""
    stage = {"name": "sft", "method": "SFT", "dataset": {"uri": "s3://data/rows.jsonl"}}
    model = {"uri": "s3://models/tiny", "id": "tiny"}
    return FineTuneJobSpec.model_validate({"model": model, "stages": [stage], "output": {"uri": "s3://out/tiny"}})
