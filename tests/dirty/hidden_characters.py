"""Characters that cannot be seen or pass for others, and those of honest emoji, Persian, Hindi, Hebrew and formulas."""

from collections.abc import Callable, Sequence

from dirty.rows import Planted, Row, planted

WEAK = "a word wholly in look-alikes, scripts other than Latin, Cyrillic and Greek, styled letters"
LEAST_RECALL = 1.0
FAULTS: tuple[str, ...] = (
    "pass\u200bword", "hid\u2060den", "so\u00adft", "\ufefftext", "cf\u200d trigger", "non\u200cjoiner", "a\u200b\u200c\u200d\u200bb", "filler\u3164",
    "over\u202eride", "isolate \u2066x\u2069", "mark\u200fed", "embed\u202ading\u202c",
    "tag" + "".join(chr(0xE0000 + ord(letter)) for letter in "ignore this"), "😀" + "".join(chr(0xE0100 + value) for value in (23, 5, 91)), "x\ufe0f plain",
    "bell\x07", "escape\x1b[31m", "null\x00", "c1\x9b",
    "p\u0430ssword", "\u0430dmin", "Micr\u043esoft", "\u0421oogle", "пр\u0069вет"[:2] + "o" + "вет", "Αpple", "gο\u006fgle",
)  # fmt: skip
DECOYS: tuple[str, ...] = (
    "👩\u200d💻 and 👨\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈 ❤\ufe0f 1\ufe0f\u20e3", "👩🏽\u200d⚕\ufe0f", "🏴" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbsct") + "\U000e007f",
    "می\u200cخواهم", "क्\u200dष", "നന്\u200d", "שלום\u200f!", "葛\U000e0100飾",
    "SMSка и IT-отдел", "Δx and kα, ρgh, 5 µm, Ω", "naïve façade – “quoted” … ™", "Привет, мир", "Ελληνικά", "C\u0301 combining",
)  # fmt: skip


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """One of each."""
    return planted(rows, seed, [_said(text) for text in FAULTS], [_said(text) for text in DECOYS])


def _said(text: str) -> Callable[[object], str]:
    return lambda _: text
