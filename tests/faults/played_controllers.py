"""Plays Job controller, kubelet, garbage collector and namespace controller towards a real API server, without their pauses.

They keep to what the real ones promise: a Job's condition comes after all of its pods have ended, a deletion in the foreground ends
after the pods are gone, a dependent goes with its owner's uid and not with its name."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from faults.admin import AdminApi, AdminError
from faults.exchange import Body
from played_kubelet import Ending, config_of
from tunewright_api import names
from tunewright_api.failures import FAIL_JOB_EXIT_CODES, PREEMPTED_EXIT_CODE
from tunewright_api.run import RunConfig

OURS = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"
JOBS, PODS = "/apis/batch/v1/jobs", "/api/v1/pods"
FINE_TUNE_JOBS = f"/apis/{names.API_VERSION}/finetunejobs"
KINDS = {FINE_TUNE_JOBS: "FineTuneJob", JOBS: "Job", PODS: "Pod"}
BEAT = 0.03
"""Between two states of a pod: long enough for most watchers to see both."""

Script = Callable[[RunConfig], Ending | None]


def namespaced(path: str, namespace: str, name: str = "") -> str:
    """The path of one namespace, or of one object in it."""
    base, plural = path.rsplit("/", 1)
    return f"{base}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def is_active(job: Body) -> bool:
    """Whether a Job may have pods."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return not any(found["type"] in ("Complete", "Failed") and found["status"] == "True" for found in conditions)


class PlayedControllers:
    """All namespaces of all trials; each has its own script."""

    def __init__(self, api: AdminApi) -> None:
        self._api = api
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        """Job uid -> the task that plays its pod."""
        self._ending: set[str] = set()
        """Uids of Jobs that are being deleted in the foreground."""
        self.scripts: dict[str, Script] = {}
        self.seen: dict[str, list[Body]] = {}
        """Namespace -> every event of the kinds that matter, in order: the truth that the oracles judge by."""
        self.latest: dict[tuple[str, str, str], Body] = {}
        """(kind, namespace, name) -> the object as it is now."""

    async def start(self) -> None:
        """Begin to watch."""
        selectors = {FINE_TUNE_JOBS: "", JOBS: "", PODS: OURS}
        for path, selector in selectors.items():
            self._spawn(self._watch(path, selector))

    async def stop(self) -> None:
        """End all that is played."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _watch(self, path: str, selector: str) -> None:
        kind = KINDS[path]
        async for event in self._api.watch(path, selector):
            body = event["object"]
            metadata = body["metadata"]
            if event["type"] not in ("ADDED", "MODIFIED", "DELETED") or metadata["namespace"] not in self.scripts:
                continue
            self._note(kind, event["type"], body)
            if kind == "Job":
                self._job_changed(event["type"], body)
            elif kind == "FineTuneJob" and event["type"] == "DELETED":
                self._spawn(self._collect_jobs(body))

    def _note(self, kind: str, type_: str, body: Body) -> None:
        metadata = body["metadata"]
        key = (kind, metadata["namespace"], metadata["name"])
        if type_ == "DELETED":
            self.latest.pop(key, None)
        else:
            self.latest[key] = body
        self.seen.setdefault(metadata["namespace"], []).append({"type": type_, "kind": kind, "object": body})

    def _job_changed(self, type_: str, job: Body) -> None:
        uid = job["metadata"]["uid"]
        if type_ == "DELETED":
            self._end_play(uid)
            self._spawn(self._remove_pods(job))
        elif "deletionTimestamp" in job["metadata"]:
            self._end_play(uid)
            if uid not in self._ending:
                self._ending.add(uid)
                self._spawn(self._finish_deletion(job))
        elif is_active(job) and not job["spec"].get("suspend") and uid not in self._running:
            self._running[uid] = self._spawn(self._play(job))

    def _end_play(self, uid: str) -> None:
        # The key stays: a Job's pod is made once.
        task = self._running.get(uid)
        if task is not None:
            task.cancel()

    async def _play(self, job: Body) -> None:
        """One pod from its creation to its end, then the Job's conditions."""
        if await self._is_orphan(job):
            return
        started = _now()
        pod = await self._create_pod(job)
        await asyncio.sleep(BEAT)
        await self._report(pod, "Running", {"running": {"startedAt": started}})
        await asyncio.sleep(BEAT)
        script, config = self.scripts[job["metadata"]["namespace"]], config_of(pod)
        while (ending := script(config)) is None:
            await asyncio.sleep(BEAT)
        await self._end_pod(pod, ending)
        await asyncio.sleep(BEAT)
        await self._end_job(job, ending, started)

    async def _is_orphan(self, job: Body) -> bool:
        """Whether its owner is gone already; then the garbage collector takes it at once."""
        metadata = job["metadata"]
        owner = next(iter(metadata.get("ownerReferences") or []), None)
        if owner is None:
            return False
        live = await self._api.find(namespaced(FINE_TUNE_JOBS, metadata["namespace"], owner["name"]))
        if live is not None and live["metadata"]["uid"] == owner["uid"]:
            return False
        await self._api.delete(
            namespaced(JOBS, metadata["namespace"], metadata["name"]), propagationPolicy="Background"
        )
        return True

    async def _create_pod(self, job: Body) -> Body:
        metadata, template = job["metadata"], job["spec"]["template"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **template["metadata"],
                "name": f"{metadata['name']}-{metadata['uid'][:5]}",
                "ownerReferences": [{**owner, "controller": True}],
            },
            "spec": {**template["spec"], "nodeName": "played-node"},
        }
        path = namespaced(PODS, metadata["namespace"])
        while True:
            try:
                return await self._api.create(path, body)
            except AdminError as error:
                await self._tell_failed_create(job, str(error))
                await asyncio.sleep(0.3)

    async def _tell_failed_create(self, job: Body, words: str) -> None:
        metadata = job["metadata"]
        body = {
            "metadata": {"generateName": f"{metadata['name']}."},
            "involvedObject": {"kind": "Job", "namespace": metadata["namespace"], "uid": metadata["uid"]},
            "reason": "FailedCreate",
            "type": "Warning",
            "message": f"Error creating: {words}",
            "lastTimestamp": _now(),
        }
        with contextlib.suppress(AdminError):
            await self._api.create(f"/api/v1/namespaces/{metadata['namespace']}/events", body)

    async def _end_pod(self, pod: Body, ending: Ending) -> None:
        terminated = {"exitCode": ending.exit_code, "message": ending.message, "finishedAt": _now()}
        phase = "Failed" if ending.exit_code else "Succeeded"
        await self._report(pod, phase, {"terminated": terminated}, disrupted=ending.disrupted)

    async def _report(self, pod: Body, phase: str, state: Body, *, disrupted: bool = False) -> None:
        container = {"name": names.CONTAINER, "image": "x", "imageID": "", "ready": phase == "Running"}
        conditions = [{"type": "Ready", "status": "True" if phase == "Running" else "False"}]
        if disrupted:
            conditions.append({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"})
        status = {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [{**container, "restartCount": 0, "state": state}],
        }
        metadata = pod["metadata"]
        with contextlib.suppress(AdminError):
            # It may be gone by now.
            await self._api.patch(
                f"{namespaced(PODS, metadata['namespace'], metadata['name'])}/status", {"status": status}
            )

    async def _end_job(self, job: Body, ending: Ending, started: str) -> None:
        if ending.exit_code == 0:
            first, last, count = "SuccessCriteriaMet", "Complete", {"succeeded": 1, "completionTime": _now()}
            why = {"reason": "CompletionsReached", "message": ""}
        else:
            by_policy = ending.disrupted or ending.exit_code in FAIL_JOB_EXIT_CODES
            first, last, count = "FailureTarget", "Failed", {"failed": 1}
            words = f"exit code {ending.exit_code}" + (" DisruptionTarget" if ending.disrupted else "")
            why = {"reason": "PodFailurePolicy" if by_policy else "BackoffLimitExceeded", "message": words}
        conditions = [
            {"type": type_, "status": "True", "lastTransitionTime": _now(), "lastProbeTime": _now(), **why}
            for type_ in (first, last)
        ]
        status = {"startTime": started, "active": 0, "ready": 0, "terminating": 0, "conditions": conditions, **count}
        metadata = job["metadata"]
        with contextlib.suppress(AdminError):
            await self._api.patch(
                f"{namespaced(JOBS, metadata['namespace'], metadata['name'])}/status", {"status": status}
            )

    async def _finish_deletion(self, job: Body) -> None:
        """A deletion in the foreground: the pods first, each with its last word, then the Job itself."""
        await self._remove_pods(job)
        metadata = job["metadata"]
        with contextlib.suppress(AdminError):
            await self._api.patch(
                namespaced(JOBS, metadata["namespace"], metadata["name"]), {"metadata": {"finalizers": None}}
            )

    async def _remove_pods(self, job: Body) -> None:
        metadata = job["metadata"]
        for pod in await self._api.items(f"{namespaced(PODS, metadata['namespace'])}?labelSelector={OURS}"):
            owners = pod["metadata"].get("ownerReferences") or [{}]
            if owners[0].get("uid") != metadata["uid"]:
                continue
            if pod["status"]["phase"] in ("Pending", "Running"):
                await self._end_pod(pod, Ending(PREEMPTED_EXIT_CODE))
                await asyncio.sleep(BEAT)
            await self._api.delete(
                namespaced(PODS, metadata["namespace"], pod["metadata"]["name"]), gracePeriodSeconds=0
            )

    async def _collect_jobs(self, owner: Body) -> None:
        """The garbage collector: what has this uid as its owner goes in the background."""
        namespace, uid = owner["metadata"]["namespace"], owner["metadata"]["uid"]
        for job in await self._api.items(namespaced(JOBS, namespace)):
            owners = job["metadata"].get("ownerReferences") or [{}]
            if owners[0].get("uid") == uid:
                options = {"propagationPolicy": "Background", "preconditions": {"uid": job["metadata"]["uid"]}}
                with contextlib.suppress(AdminError):
                    await self._api.delete(namespaced(JOBS, namespace, job["metadata"]["name"]), **options)

    async def empty_namespace(self, namespace: str) -> None:
        """The namespace controller: everything of ours goes, then the namespace."""
        for path in (FINE_TUNE_JOBS, JOBS, PODS):
            options = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
            await self._api.delete(namespaced(path, namespace), **options)
        await asyncio.sleep(10 * BEAT)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}, "spec": {"finalizers": []}}
        with contextlib.suppress(AdminError):
            await self._api.request("PUT", f"/api/v1/namespaces/{namespace}/finalize", body)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
