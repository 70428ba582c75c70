"""Takes secrets and personal data out of lines that leave a pod. Whatever may be one is masked: a log line is worth less than a key."""

import re

MASK = "***"
_PATTERNS = (
    # user:password@ in a URL
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    # Authorization: Bearer ..., and "token": "...", secret_key=..., password: ...
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(
        r"(?i)(?<![a-z])((?:[a-z_-]*(?:token|secret|passwd|password|api[_-]?key|access[_-]?key|credential|signature)[a-z_-]*)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}]+"
    ),
    # keys of well-known shapes
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bhf_[A-Za-z0-9]{16,}\b|\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bsk-[A-Za-z0-9_-]{16,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),
    re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    # anything long and random; digests are told by their prefix and stay
    re.compile(r"(?<!sha256:)(?<![A-Za-z0-9+/_-])(?=[A-Za-z0-9+/_-]*[0-9])(?=[A-Za-z0-9+/_-]*[A-Z])(?=[A-Za-z0-9+/_-]*[a-z])[A-Za-z0-9+_]{32,}={0,2}"),
)  # fmt: skip


def redacted(text: str) -> str:
    """The text with whatever looks like a secret or an address of a person masked."""
    for pattern in _PATTERNS:
        text = pattern.sub(lambda found: f"{found.group(1)}{MASK}" if found.re.groups else MASK, text)
    return text
