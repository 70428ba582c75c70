"""Answers that refuse, or only ask back. A few teach manners; many teach the model to refuse.

A refusal: one of the usual phrases of refusing in the first 300 characters of an answer that is learned (English, German, French,
Spanish). A question back: an answer of at most 60 words that ends with a question mark and asks what is meant or for more.
Found above 5 % of the rows; below that the share is reported. Not found: refusals in other words or languages, and politely empty answers."""

import re
from collections import Counter
from collections.abc import Iterator

from tunewright_api.data import CheckName
from tunewright_trainer.prepare.checks.answers import answers
from tunewright_trainer.prepare.checks.base import CheckContext, Hit
from tunewright_trainer.prepare.checks.shares import ShareCheck
from tunewright_trainer.prepare.readable import percent, share_of
from tunewright_trainer.prepare.records import Record

ALLOWED = 0.05
LOOKED_AT = 300
LONGEST_QUESTION = 60
REFUSAL, QUESTION = "refusal", "question back"

_CANNOT = r"(?:can ?not|can'?t|could ?n[o']t|am not able to|'m not able to|am unable to|'m unable to|won'?t(?: be able to)?|will not|must decline to|have to decline to|refuse to|do not feel comfortable|don'?t feel comfortable)"
_DO = r"(?:help|assist|provide|answer|fulfil+|comply|do that|do this|share|give you|support|offer|discuss|engage|generate|create|write|continue|process|complete|respond|participate|recommend|advise|access|browse|disclose|tell you)"
_REFUSAL = re.compile(
    rf"\bi(?:\b| am\b)[^.!?\n]{{0,24}}{_CANNOT}[^.!?\n]{{0,30}}?\b{_DO}"
    r"|\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b[^.!?\n]{0,80}?\b(?:can ?not|can'?t|unable|not able|don'?t|do not|must not)\b"
    r"|\b(?:sorry|apologi[sz]e|regret|unfortunately)\b[^.!?\n]{0,30}\bi?\b[^.!?\n]{0,12}(?:can ?not|can'?t|unable|not able|won'?t)\b[^.!?\n]{0,20}\b"
    + _DO
    + r"|\bi'?m sorry, (?:but )?(?:i can'?t|i cannot|no)\b|\bagainst my (?:guidelines|programming|policy|principles)\b|\b(?:violates?|goes against) (?:my|our|the) (?:content )?(?:guidelines|policy|policies)\b"
    r"|\b(?:your|this|that) request (?:can ?not|can'?t) be\b|\bnot something i can (?:help|do|assist)\b"
    r"|\b(?:das|dabei|damit|ihnen|dir) kann ich (?:leider )?nicht\b|\bich kann (?:ihnen |dir |dabei |das |diese \w+ )*(?:leider )?nicht (?:helfen|beantworten|weiterhelfen|erfüllen)"
    r"|\bje ne (?:peux|suis) pas (?:en mesure )?(?:de |vous |t')?(?:aider|répondre|vous aider|fournir)|\bje suis désolée?, (?:mais )?je ne\b"
    r"|\blo siento, (?:pero )?no puedo\b|\bno puedo (?:ayudar|responder|proporcionar|cumplir)"
)
_CUES = (
    "can",
    "sorry",
    "unable",
    "not able",
    "won't",
    "will not",
    "decline",
    "refuse",
    "comfortable",
    "language model",
    "an ai",
    "against",
    "violate",
    "kann",
    "peux",
    "suis",
    "puedo",
)
_QUESTION = re.compile(
    r"\b(?:could|can|would|will) you (?:please |kindly )?(?:clarify|specify|provide|share|tell me|give me|explain|elaborate|confirm|let me know|be more specific|describe|send|paste|rephrase)"
    r"|\b(?:what|which)\b[^?\n]{0,60}\b(?:do|did|are|would) you (?:mean|referring|want|need|like|have in mind|looking|talking|use|using|prefer)"
    r"|\bwhat (?:exactly|kind of|type of)\b|\b(?:do|did) you mean\b|\bare you (?:asking|referring|looking|talking|using)\b|\bplease (?:clarify|specify|provide|share|give|tell)\b|\bmore (?:details|context|information|specific)\b"
    r"|\b(?:könnten|können|kannst|könntest) (?:sie|du)\b|\bpouvez-vous\b|\bpourriez-vous\b|\b(?:puede|podría|puedes|podrías)\b"
)


def make(context: CheckContext) -> ShareCheck:
    """The check."""
    return ShareCheck(CheckName.REFUSALS, find, _say, allowed=ALLOWED)


def find(record: Record) -> Iterator[Hit]:
    """The first of the learned answers that refuses or asks back."""
    for field, text in answers(record):
        if refuses(text):
            yield Hit(REFUSAL, field, REFUSAL)
        elif asks_back(text):
            yield Hit(QUESTION, field, QUESTION)


def refuses(answer: str) -> bool:
    """Whether it begins with a refusal."""
    start = answer[:LOOKED_AT].lower().replace("’", "'")
    return any(cue in start for cue in _CUES) and _REFUSAL.search(start) is not None


def asks_back(answer: str) -> bool:
    """Whether it is a short question for more."""
    end = answer.rstrip()
    if not end.endswith(("?", "？")) or end.count(" ") >= LONGEST_QUESTION:
        return False
    return _QUESTION.search(end.lower()) is not None


def _say(found: int, rows: int, kinds: Counter[str]) -> tuple[str, str]:
    if found <= ALLOWED * rows:
        return f"{share_of(found, rows, 'answers')} refuse or only ask back; up to {percent(ALLOWED)} is normal", ""
    return (
        f"{share_of(found, rows, 'answers')} refuse ({kinds[REFUSAL]:,}) or only ask back ({kinds[QUESTION]:,}), more than {percent(ALLOWED)}",
        "The model will learn to refuse and to ask back about as often: keep those that are meant, and answer or remove the rest.",
    )
