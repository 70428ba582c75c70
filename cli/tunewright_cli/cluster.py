"""The way to the cluster: kubeconfig as kubectl reads it, and errors as one sentence."""

import json
from typing import Any, cast

from tunewright_api.names import GROUP, VERSION

PLURAL = "finetunejobs"
TIMEOUT_SECONDS = 20


class ClusterProblem(Exception):
    """Why the cluster did not do what was asked, in a sentence."""


class Cluster:
    """FineTuneJobs of the cluster that kubectl would talk to."""

    def __init__(self) -> None:
        import kubernetes
        import yaml

        client, config = kubernetes.client, cast(Any, kubernetes.config)

        try:
            config.load_kube_config()
            _, active = config.list_kube_config_contexts()
            self.namespace = (active.get("context") or {}).get("namespace") or "default"
        except yaml.YAMLError as error:
            raise ClusterProblem("the kubeconfig is not valid YAML; `kubectl config view` shows where") from error
        except config.ConfigException as fault:
            try:
                config.load_incluster_config()
            except config.ConfigException as error:
                raise ClusterProblem(
                    f"no cluster is configured: set KUBECONFIG, or sign in as for kubectl ({fault})"
                ) from error
            self.namespace = "default"
        self._objects = client.CustomObjectsApi()
        self._core = client.CoreV1Api()

    def create(self, namespace: str, body: dict[str, Any]) -> None:
        """Create a FineTuneJob."""
        self._call(self._objects.create_namespaced_custom_object, namespace, body, field_validation="Strict")

    def get(self, namespace: str, name: str) -> dict[str, Any]:
        """The FineTuneJob as it is now."""
        found: dict[str, Any] = self._call(self._objects.get_namespaced_custom_object, namespace, name)
        return found

    def events(self, namespace: str, uid: str) -> list[dict[str, Any]]:
        """What was told about one object. Who may not read events gets none."""
        try:
            answer = self._asked(
                self._core.list_namespaced_event,
                namespace,
                field_selector=f"involvedObject.uid={uid}",
                _preload_content=False,
            )
        except ClusterUnreachable:
            raise
        except ClusterProblem:
            return []
        return list(json.loads(answer.data).get("items") or [])

    def _call(self, method: Any, namespace: str, *arguments: Any, **options: Any) -> Any:
        return self._asked(method, GROUP, VERSION, namespace, PLURAL, *arguments, **options)

    def _asked(self, method: Any, *arguments: Any, **options: Any) -> Any:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return method(*arguments, _request_timeout=TIMEOUT_SECONDS, **options)
        except ApiException as error:
            raise ClusterProblem(_explained(error)) from error
        except (HTTPError, OSError) as error:
            raise ClusterUnreachable(f"the cluster does not answer ({type(error).__name__})") from error


class ClusterUnreachable(ClusterProblem):
    """The API server cannot be reached just now."""


def _explained(error: Any) -> str:
    try:
        status = json.loads(error.body)
    except (TypeError, ValueError):
        return f"the API server answered {error.status} {error.reason}"
    details = (status.get("details") or {}).get("causes") or []
    causes = [f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in details]
    return "\n".join(causes) if causes else str(status.get("message") or error.reason)
