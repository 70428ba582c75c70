"""The operator's options: flags before variables before defaults."""

import pytest

from tunewright_api.pricing import Pricing
from tunewright_operator.shell.options import read

IMAGES = {"TUNEWRIGHT_TRAINER_IMAGE": "t:1", "TUNEWRIGHT_MONITOR_IMAGE": "m:1"}


def test_the_charts_variables_are_understood() -> None:
    patience = {"TUNEWRIGHT_EXCLUSION_PATIENCE_SECONDS": "60"}
    found = read(
        [], {**IMAGES, **patience, "TUNEWRIGHT_NAMESPACES": "a, b,", "POD_NAME": "p", "POD_NAMESPACE": "system"}
    )
    assert (found.settings.exclusion_patience_seconds, found.settings.termination_patience_seconds) == (60, 300)
    assert (found.settings.trainer_image, found.settings.monitor_image) == ("t:1", "m:1")
    assert (found.namespaces, found.identity, found.lease_namespace) == (("a", "b"), "p", "system")


def test_flags_come_before_variables() -> None:
    found = read(["--trainer-image", "t:2", "--port", "9000"], IMAGES)
    assert (found.settings.trainer_image, found.port) == ("t:2", 9000)


def test_no_namespaces_are_all_namespaces() -> None:
    assert read([], {**IMAGES, "TUNEWRIGHT_NAMESPACES": ""}).namespaces == ()


@pytest.mark.parametrize("missing", sorted(IMAGES))
def test_a_missing_image_is_named(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read([], {name: value for name, value in IMAGES.items() if name != missing})
    assert f"set {missing} or --" in capsys.readouterr().err


def test_the_price_of_a_gpu_is_understood() -> None:
    given = '{"gpu": "L40S", "gpuHour": 1.1, "currency": "EUR"}'
    assert read([], {**IMAGES, "TUNEWRIGHT_PRICING": given}).settings.pricing == Pricing(
        gpu="L40S", gpu_hour=1.1, currency="EUR"
    )
    assert read([], IMAGES).settings.pricing is None


BAD_PRICING = [
    pytest.param('{"gpu": "H1O0"}', "did you mean H100", id="a GPU that is mistyped"),
    pytest.param('{"gpuHour": 2.5}', "gpuHour and currency go together", id="a price without a currency"),
    pytest.param('{"gpuHour": 2.5, "currency": "Euro"}', "pricing.currency", id="no currency's code"),
    pytest.param('{"price": 2.5}', "pricing.price: unknown field", id="an unknown field"),
    pytest.param("2.5", "pricing", id="no object"),
]


@pytest.mark.parametrize(("given", "words"), BAD_PRICING)
def test_a_bad_price_is_named(given: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read([], {**IMAGES, "TUNEWRIGHT_PRICING": given})
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        pytest.param("TUNEWRIGHT_PORT", "http", "argument --port: invalid int value: 'http'", id="a word for a port"),
        pytest.param("TUNEWRIGHT_LOG_LEVEL", "loud", "the log level must be one of DEBUG, INFO", id="an unknown level"),
    ],
)
def test_a_bad_variable_is_a_sentence(
    variable: str, value: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read([], {**IMAGES, variable: value})
    assert words in capsys.readouterr().err
