"""What Kubernetes does to operators that do not expect it, each shown on a real API server and Job controller, and that ours does.

| the trap                                                            | where it is tested                                         |
|---------------------------------------------------------------------|------------------------------------------------------------|
| immutability by field is bypassed by removing an optional block     | test_crd_rules: every field but the named ones is fixed    |
| `anyOf` ("auto" or a number) makes a schema non-structural          | here; test_crd_rules: auto, where leaving it out means that|
| YAML 1.1 reads Off, On, Yes and No as booleans                      | contract: no enum has a word of YAML 1.1                   |
| a long or dotted name is refused only when its Job is created       | here; test_crd_rules: a name that pods could not have      |
| 2e-4 is a number to kubectl and a text to PyYAML                    | test_crd_rules: our command line reads each value          |
| a FailJob exit code while a queue evicts leaves a doomed Job        | here                                                       |
| a pod's message is gone with the pod                                | here                                                       |
| forced apply takes over a stranger's Job                            | test_operator_run: a stranger's Job is left alone          |
| a Job that vanished is created again                                | test_operator_run: a Job that somebody deleted             |
| the default deletion of a Job leaves its pods running               | here                                                       |
| `Ignore` of disruptions makes second pods, without a cap            | here                                                       |
| a pod stuck in Terminating holds its Job open for ever              | here; test_plan: a pod stuck on a dead node                |
| a refused pod leaves an event and no condition                      | test_operator_run: a quota is told                         |
"""

from pathlib import Path
from typing import Any

from builders import spec
from operator_process import AuditLog, OperatorProcess
from played_kubelet import Ending, PlayedKubelet, success
from raw_api import RawApi, eventually
from tunewright_api.failures import PREEMPTED_EXIT_CODE
from tunewright_api.run import RunConfig
from tunewright_api.spec import FineTuneJobSpec
from tunewright_operator.core.job_manifest import build_job
from tunewright_operator.core.parse import parse_job_object
from watched_run import GROUP, Run, child, until


def jobs_path(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


def condition(body: dict[str, Any], type_: str) -> dict[str, Any]:
    return next((item for item in body["status"].get("conditions", []) if item["type"] == type_), {})


def test_the_schemas_are_structural(api: RawApi, kubeconfig: Path) -> None:
    crds = [
        crd
        for crd in api.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        if crd["spec"]["group"] == GROUP.split("/")[2]
    ]
    assert len(crds) == 2
    for crd in crds:
        assert condition(crd, "NonStructuralSchema").get("status", "False") == "False"
        assert condition(crd, "Established")["status"] == "True"


def test_the_longest_legal_names_make_a_job_that_the_api_server_takes(api: RawApi, namespace: str) -> None:
    stage = {**spec()["stages"][0], "name": "s" * 12}
    body_spec = {**spec(), "stages": [stage]}
    parsed = FineTuneJobSpec.model_validate(body_spec)
    name, uid = "n" * 30, "0a1b2c3d-0000-0000-0000-000000000000"
    body = {"metadata": {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": "1"}, "spec": body_spec}
    job = parse_job_object(body)
    config = RunConfig(
        namespace=namespace, name=name, uid=uid, run_id="r1-x", step="train-" + "s" * 12, attempt=99, spec=parsed
    )
    manifest = build_job(job, config.model_copy(update={"image": "trainer:test"}))
    assert len(manifest["metadata"]["name"]) == 63 - 1
    # A pod's name is its Job's with six more characters, cut to fit; its host name and labels have to stay legal too.
    api.create(f"{jobs_path(namespace)}?dryRun=All", manifest)
    # Without its owner, whom nobody has created: else the garbage collector may come first.
    orphan = {key: value for key, value in manifest["metadata"].items() if key != "ownerReferences"}
    suspended = {**manifest["spec"], "suspend": True}
    api.create(jobs_path(namespace), {**manifest, "metadata": orphan, "spec": suspended})
    api.patch(f"{jobs_path(namespace)}/{manifest['metadata']['name']}", {"spec": {"suspend": False}})
    (pod,) = eventually(lambda: api.items(f"/api/v1/namespaces/{namespace}/pods"), "its pod is created")
    api.delete(f"{jobs_path(namespace)}/{manifest['metadata']['name']}", propagationPolicy="Background")
    api.delete(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}", gracePeriodSeconds=0)


def test_a_queue_may_evict_a_trainer_without_dooming_its_job(
    api: RawApi, kubelet: PlayedKubelet, operator: OperatorProcess, namespace: str
) -> None:
    """A queue suspends the Job, and the pod ends with the code of preemption, which is not among those that fail a Job."""
    kubelet.script = until("train-sft")
    run = Run(api, namespace).create(compute={"queueName": "none"})
    eventually(lambda: run.step("train-sft").get("state") == "Running" and run.pods(), "training", 60)
    path = f"{jobs_path(namespace)}/{child(run, 'train-sft')}"
    eventually(lambda: api.get(path)["status"].get("active"), "its pod is there")
    api.patch(path, {"spec": {"suspend": True}})
    eventually(lambda: not api.get(path)["status"].get("active"), "the pod is gone")
    assert condition(api.get(path), "FailureTarget") == condition(api.get(path), "Failed") == {}
    eventually(lambda: run.condition("Admitted").get("reason") == "WaitingInQueue", "it is told", 60)
    kubelet.script = success
    api.patch(path, {"spec": {"suspend": False}})
    status = run.wait_for_phase("Complete")
    assert {step["attempt"] for step in status["steps"]} == {1}


def test_a_result_that_was_lost_with_its_pod_is_got_by_running_the_step_again(
    api: RawApi, kubelet: PlayedKubelet, operator: OperatorProcess, namespace: str
) -> None:
    kubelet.script = until("package")
    run = Run(api, namespace).create()
    job = eventually(lambda: run.step("package").get("jobUID") and child(run, "package"), "packaging", 60)
    operator.kill()
    kubelet.script = success
    eventually(lambda: api.get(f"{jobs_path(namespace)}/{job}")["status"].get("succeeded"), "it succeeds unseen")
    for pod in run.pods():
        if pod["metadata"]["labels"].get("batch.kubernetes.io/job-name") == job:
            api.delete(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}", gracePeriodSeconds=0)
    operator.start()
    status = run.wait_for_phase("Complete")
    assert {step["name"]: step["attempt"] for step in status["steps"] if step["attempt"] > 1} == {"package": 2}


def test_jobs_are_deleted_in_the_foreground_for_else_their_pods_run_on(
    api: RawApi, kubelet: PlayedKubelet, operator: OperatorProcess, namespace: str, audit: AuditLog
) -> None:
    kubelet.script = until("train-sft")
    run = Run(api, namespace).create()
    eventually(lambda: run.step("train-sft").get("state") == "Running", "training", 60)
    run.patch(suspend=True)
    run.wait_for_phase("Suspended")
    deletions = audit.deletions("jobs")
    assert deletions, "the Job is deleted"
    assert {options.get("propagationPolicy") for options in deletions} == {"Foreground"}
    assert all(options["preconditions"]["uid"] for options in deletions)


def test_a_disrupted_job_never_makes_a_second_pod_by_itself(
    api: RawApi, kubelet: PlayedKubelet, operator: OperatorProcess, namespace: str
) -> None:
    def script(config: RunConfig) -> Ending | None:
        evicted = (config.step, config.attempt) == ("train-sft", 1)
        return Ending(PREEMPTED_EXIT_CODE, disrupted=True) if evicted else success(config)

    kubelet.script = script
    run = Run(api, namespace).create()
    run.wait_for_phase("Complete")
    assert run.step("train-sft")["retries"] == {"Preempted": 1}
    first = api.get(f"{jobs_path(namespace)}/{child(run, 'train-sft')}")
    assert (condition(first, "Failed")["reason"], first["status"]["failed"]) == ("PodFailurePolicy", 1)
    assert "DisruptionTarget" in condition(first, "Failed")["message"]


def test_a_pod_that_never_ends_holds_its_job_open_until_the_next_attempt_passes_it_by(
    api: RawApi, kubelet: PlayedKubelet, kubeconfig: Path, tmp_path: Path, namespace: str
) -> None:
    operator = OperatorProcess(kubeconfig, tmp_path / "operator.log", namespaces=namespace)
    operator.variables["TUNEWRIGHT_TERMINATION_PATIENCE_SECONDS"] = "3"
    operator.variables["TUNEWRIGHT_EXCLUSION_PATIENCE_SECONDS"] = "1"
    operator.start()
    try:
        kubelet.script = until("train-sft")
        run = Run(api, namespace).create()
        eventually(lambda: run.step("train-sft").get("state") == "Running" and run.pods(), "training", 60)
        first = child(run, "train-sft")
        (pod,) = [pod for pod in run.pods() if pod["metadata"]["labels"].get("batch.kubernetes.io/job-name") == first]
        kubelet.dead_pods.add(pod["metadata"]["name"])
        api.delete(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}", gracePeriodSeconds=1)
        kubelet.script = success
        run.wait_for_phase("Complete", 90)
        assert run.step("train-sft")["retries"] == {"NodeFault": 1}
        assert api.get(f"{jobs_path(namespace)}/{first}")["status"].get("conditions") in (None, [])
    finally:
        operator.stop()
