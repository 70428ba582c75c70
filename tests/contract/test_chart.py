"""The chart: what it renders, what it refuses, and that it asks for little."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster import binaries
from tunewright_api.gpus import GPUS
from tunewright_api.pricing import Pricing

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "tunewright"
Body = dict[str, Any]


@pytest.fixture(scope="module")
def helm() -> str:
    return str(binaries.ensure() / "helm")


def template(helm: str, *sets: str) -> list[Body]:
    arguments = [argument for value in sets for argument in ("--set", value)]
    printed = subprocess.run(
        [helm, "template", "tunewright", str(CHART), "-n", "system", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return [document for document in yaml.safe_load_all(printed.stdout) if document]


def only(documents: list[Body], kind: str) -> Body:
    (found,) = [document for document in documents if document["kind"] == kind]
    return found


def test_helm_finds_nothing_to_complain_about(helm: str) -> None:
    done = subprocess.run([helm, "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


REFUSED = [
    pytest.param("replica=3", "additional properties 'replica' not allowed", id="a misspelt value"),
    pytest.param("replicas=0", "replicas", id="no replica"),
    pytest.param("replicas=many", "replicas", id="a word for a number"),
    pytest.param("images.pullPolicy=always", "images/pullPolicy", id="an unknown pull policy"),
    pytest.param("namespaces={Team_A}", "namespaces", id="a namespace that cannot be"),
    pytest.param("patience.terminationSeconds=0", "patience/terminationSeconds", id="no patience"),
    pytest.param("pricing.gpu=H1000", "pricing/gpu", id="a GPU that is not in the table"),
    pytest.param("pricing.gpuHour=2.5", "currency", id="a price without a currency"),
]


@pytest.mark.parametrize(("value", "words"), REFUSED)
def test_a_bad_value_is_refused_and_named(helm: str, value: str, words: str) -> None:
    command = [helm, "template", "tunewright", str(CHART), "--set", value]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert words in done.stderr


def test_every_value_has_a_schema() -> None:
    def check(values: Body, schema: Body, path: str) -> None:
        for name, value in values.items():
            known = schema.get("properties", {})
            assert name in known, f"{path}{name}"
            if isinstance(value, dict) and known[name].get("additionalProperties") is False:
                check(value, known[name], f"{path}{name}.")

    schema = json.loads((CHART / "values.schema.json").read_text())
    check(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "")


def test_two_replicas_survive_a_drain(helm: str) -> None:
    documents = template(helm)
    deployment, budget = only(documents, "Deployment"), only(documents, "PodDisruptionBudget")
    assert deployment["spec"]["replicas"] == 2
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert [document for document in template(helm, "replicas=1") if document["kind"] == "PodDisruptionBudget"] == []


def test_the_operators_pod_asks_for_nothing_it_does_not_need(helm: str) -> None:
    pod = only(template(helm), "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"livenessProbe", "readinessProbe"} <= set(container)
    assert container["resources"]["limits"]["memory"]
    assert not container["image"].endswith(":latest")


def test_no_role_has_a_wildcard_or_reads_secrets(helm: str) -> None:
    for document in template(helm):
        for rule in document.get("rules", []):
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert "secrets" not in rule["resources"]


def test_with_a_list_of_namespaces_there_is_no_right_beyond_them(helm: str) -> None:
    documents = template(helm, "namespaces={team-a,team-b}", "tenantRoles=false")
    assert [document for document in documents if document["kind"].startswith("Cluster")] == []
    roles = {
        document["metadata"]["namespace"]
        for document in documents
        if document["kind"] == "Role" and len(document["rules"]) > 2
    }
    assert roles == {"team-a", "team-b"}


def test_the_gpu_and_its_price_reach_the_operator(helm: str) -> None:
    def pricing(documents: list[Body]) -> list[str]:
        (container,) = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
        return [variable["value"] for variable in container["env"] if variable["name"] == "TUNEWRIGHT_PRICING"]

    assert pricing(template(helm)) == []
    (text,) = pricing(template(helm, "pricing.gpu=A100-80GB", "pricing.gpuHour=1.75", "pricing.currency=EUR"))
    assert Pricing.model_validate_json(text) == Pricing(gpu="A100-80GB", gpu_hour=1.75, currency="EUR")


def test_the_schema_knows_the_gpus_of_the_table() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert schema["properties"]["pricing"]["properties"]["gpu"]["enum"] == [gpu.name for gpu in GPUS]
