"""What a status must never take back from the one before: observed generations, ends, attempts, Jobs, retries."""

from collections.abc import Iterator

from faults.exchange import Body

TERMINAL = ("Complete", "Failed", "Finished")


def steps_back(before: Body, after: Body) -> Iterator[str]:
    """What the later of two statuses takes back."""
    if before.get("observedGeneration", -1) > after.get("observedGeneration", -1):
        yield "observedGeneration goes back"
    if before.get("runAttempt") != after.get("runAttempt"):
        # A new run begins from nothing.
        if before.get("runAttempt") is not None and after.get("runAttempt", 0) < before["runAttempt"]:
            yield "runAttempt goes back"
        return
    yield from _conditions_turned(before, after)
    steps = {step["name"]: step for step in after.get("steps") or []}
    for step in before.get("steps") or []:
        yield from _step_turned(step, steps.get(step["name"]))


def _conditions_turned(before: Body, after: Body) -> Iterator[str]:
    now = {found["type"]: found for found in after.get("conditions") or []}
    for condition in before.get("conditions") or []:
        later = now.get(condition["type"])
        if later is None:
            yield f"condition {condition['type']} is gone"
        elif condition["type"] in TERMINAL and (condition["status"], later["status"]) == ("True", "False"):
            yield f"condition {condition['type']} turns back"
        elif later["status"] == condition["status"] and later["lastTransitionTime"] != condition["lastTransitionTime"]:
            yield f"condition {condition['type']} has a new time without a change"


def _step_turned(before: Body, after: Body | None) -> Iterator[str]:
    if after is None:
        yield f"step {before['name']} is gone"
        return
    name, same = before["name"], before["attempt"] == after["attempt"]
    if after["attempt"] < before["attempt"]:
        yield f"step {name}: attempt {before['attempt']} becomes {after['attempt']}"
    if before["state"] == "Succeeded" and after["state"] != "Succeeded":
        yield f"step {name}: succeeded, and then {after['state']}"
    if same and before.get("jobUID") and after.get("jobUID") != before["jobUID"]:
        yield f"step {name}: another Job for the same attempt"
    for failure, count in (before.get("retries") or {}).items():
        if (after.get("retries") or {}).get(failure, 0) < count:
            yield f"step {name}: retries of {failure} become fewer"
