"""The rules of docs/status-messages.md, as far as a machine can hold a sentence to them."""

import re

from tunewright_api.conditions import Condition, ConditionType, Reason, find
from tunewright_api.failures import FailureClass
from tunewright_api.status import FineTuneJobStatus

LONGEST = 2000
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
WAITS = frozenset(
    {
        Reason.WAITING_FOR_STEP,
        Reason.WAITING_IN_QUEUE,
        Reason.WAITING_FOR_NODE,
        Reason.WAITING_FOR_IMAGE,
        Reason.POD_STARTING,
        Reason.CREATION_REFUSED,
    }
)
ENDS_OF_WAITS = ("It goes on ",)
ENDS_OF_WORK = (
    "The next step follows when",
    "it ends at about",
    "What follows begins when",
    "starts at",
    "The run goes on",
)
ORDERS = ("Raise ", "Set ", "Check ", "Correct ", "Ask ", "Look ", "Lower ", "Nothing to do", "delete ", "when spec.", "Take ", "Upload ", "Use ")  # fmt: skip
SPEECH = ("please", "sorry", "oops", "!", "Traceback", "Exception", "  ", "\n", "\t")


def leading(status: FineTuneJobStatus) -> Condition | None:
    """The condition that a person reads first."""
    order = (ConditionType.FINISHED, ConditionType.SUSPENDED, ConditionType.STALLED, ConditionType.RECONCILING)
    found = [find(status.conditions, type_) for type_ in order]
    return next((condition for condition in found if condition is not None and condition.status == "True"), None)


def faults(status: FineTuneJobStatus) -> list[str]:
    """What is wrong with the sentences of a status; each with the sentence."""
    found = [fault for condition in status.conditions for fault in _faults_of_any(condition)]
    first = leading(status)
    if status.conditions and first is None:
        return [*found, "no condition leads"]
    return [*found, *_faults_of_leading(first)] if first else found


def _faults_of_any(condition: Condition) -> list[str]:
    text = condition.message
    found = []
    if condition.reason not in {*Reason, *FailureClass}:
        found.append(f"{condition.reason} is neither a reason nor a failure class")
    if not re.match(r"[A-Z]|spec\.", text) or not text.endswith("."):
        found.append("a sentence begins with a capital letter and ends with a full stop")
    if ".." in text.replace("...", ""):
        found.append("two full stops")
    if len(text) > LONGEST:
        found.append("too long")
    if any(word in text for word in SPEECH):
        found.append("it speaks to nobody, has no trace and one line")
    if re.search(r"\b(for|in|after) (about )?\d+ ?(s|seconds|min|minutes|h|hours)\b", text):
        found.append("a duration changes while nobody looks: say since when")
    return [f"{fault}: {condition.type}: {text!r}" for fault in found]


def _faults_of_leading(condition: Condition) -> list[str]:
    text, reason = condition.message, condition.reason
    found = []
    over = condition.type == ConditionType.FINISHED
    if reason in WAITS and not (re.search(f"since {MOMENT}", text) and any(end in text for end in ENDS_OF_WAITS)):
        found.append("a wait says since when, and what ends it")
    if over and not re.search(f" at {MOMENT}", text):
        found.append("an end says when it was")
    if over and reason != Reason.COMPLETED and not any(order in text for order in ORDERS):
        found.append("a bad end says what to do")
    ends = (*ENDS_OF_WAITS, *ENDS_OF_WORK)
    if not over and not any(end in text for end in ends):
        found.append("what is under way says what follows, and when")
    return [f"{fault}: {reason}: {text!r}" for fault in found]
