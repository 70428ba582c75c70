"""What is echoed in status.resolved."""

import pytest

from builders import spec
from tunewright_api.spec import FineTuneJobSpec
from tunewright_api.tuning import Tuning
from tunewright_trainer.train.hyperparameters import Data, resolve


@pytest.mark.parametrize(
    ("given", "name", "shown"),
    [
        pytest.param({"maxSteps": 1_234_567}, "maxSteps", "1234567", id="every digit of a large number"),
        pytest.param({"learningRate": 0.00012345678}, "learningRate", "0.00012345678", id="every digit of a fraction"),
        pytest.param({}, "learningRate", "0.0002", id="a default as people write it"),
        pytest.param({}, "epochs", "3", id="a whole number without a fraction"),
    ],
)
def test_numbers_are_echoed_as_they_are(given: dict[str, float], name: str, shown: str) -> None:
    stages = [{**spec()["stages"][0], "hyperparameters": given}]
    (stage,) = FineTuneJobSpec.model_validate(spec(stages=stages)).stages
    _, resolved = resolve(stage, Tuning(), Data(train_rows=100, longest_tokens=50, context_length=2048))
    assert {value.name: value.value for value in resolved.hyperparameters}[name] == shown
