"""What keys and tokens of the well-known services look like. Each form has a prefix or a check that nothing else has."""

import re

# In JSON a line end is written \n, so a key may stand right behind its n.
_LEFT = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
_RIGHT = r"(?![A-Za-z0-9])"

FORMS: dict[str, str] = {
    "aws-key": r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
    "github-token": r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{50,255}",
    "gitlab-token": r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[A-Za-z0-9_-]{20,64}",
    "slack-token": r"xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Za-z0-9-]{20,250}",
    "slack-webhook": r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{30,80}",
    "discord-webhook": r"discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{60,80}",
    "openai-key": r"sk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,200}",
    "stripe-key": r"(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{20,250}",
    "google-key": r"AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{30,250}",
    "hugging-face-token": r"hf_[A-Za-z0-9]{30,40}|api_org_[A-Za-z0-9]{34}",
    "npm-token": r"npm_[A-Za-z0-9]{36}",
    "pypi-token": r"pypi-AgE[A-Za-z0-9_-]{50,250}",
    "sendgrid-key": r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    "twilio-key": r"SK[0-9a-f]{32}",
    "mailgun-key": r"key-[0-9a-f]{32}",
    "telegram-token": r"\d{8,10}:AA[A-Za-z0-9_-]{33}",
    "shopify-token": r"shp(?:at|ca|pa|ss)_[0-9a-f]{32}",
    "databricks-token": r"dapi[0-9a-f]{32}",
    "digitalocean-token": r"do[opr]_v1_[0-9a-f]{64}",
    "vault-token": r"hv[sbr]\.[A-Za-z0-9_-]{24,250}",
    "other-service-token": r"(?:glsa|nvapi|gsk|r8|lin_api|PMAK|dckr_pat|sq0[a-z]{3}|EAAA|atlasv1|dp\.pt|tfp|figd|ntn|secret)[_.-][A-Za-z0-9_-]{30,200}",
    "azure-key": r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{42,86}={0,2}",
    "signed-url": r"(?:X-Amz-Signature=[0-9a-f]{64}|[?&]sig=[A-Za-z0-9%+/]{40,64})",
    "json-web-token": r"eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,1000}",
    "age-key": r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
}

TOKEN = re.compile(
    _LEFT + "(?:" + "|".join(f"(?P<{name.replace('-', '_')}>{form})" for name, form in FORMS.items()) + ")" + _RIGHT
)
"""One expression for all of them; the group names the form."""

TELLING = re.compile(r"\d|[A-Z]{4}|://|hf_")
"""Hardly a token is without one of these: of 36 letters and digits, one in 500."""

PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:[^-]|-(?!----)){16,12000}-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:\s|\\n){0,4}[A-Za-z0-9+/=]{16,80}(?:(?:\s|\\n){1,4}[A-Za-z0-9+/=]{40,80}){0,200}(?:(?:\s|\\n)[A-Za-z0-9+/=]{16,80})?)"
)
"""A whole block, or the beginning of one that was cut."""

KEY_MATERIAL = re.compile(r"[A-Za-z0-9+/=]{16}")

URL_PASSWORD = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@\"'<>\\]{0,80}:([^\s/@\"'<>\\]{3,128})@(?=[A-Za-z0-9\[])"
)

CUES = ("passw", "pwd", "secret", "token", "key", "credential", "authorization", "contraseñ", "mot de passe")
"""What secrets are called, in lower case."""

KIND_OF_KEY = re.compile(r"(?:api|access|account|auth|private|encryption|signing|service|master|client|app)[ _-]?$")
"""What stands before "key" where it is a secret."""

ASSIGNED = re.compile(
    r"[A-Za-z0-9_-]{0,24}(?:[\"'`*]{0,3}\s{0,3}(?::=|=>|[:=])|\s{1,3}(?:is|ist|est|es)\b:?)"
    r"\s{0,3}(?:(?:Bearer|Basic)\s)?(?:\\?[\"'`*]){0,3}([^\s\"'`*,;<>(){}\\]{8,200})",
)
"""What follows a cue where it is given a value."""

PLACEHOLDER = re.compile(
    r"\[[A-Z]+\].*|.*(?:placeholder|your[-_ ]|changeme|xxx|\*\*\*|\.\.\.|dummy|redacted).*|.{0,8}(?:example|1234567|abcdef).{0,8}|\$.*|%.*|<.*|(?:user)?(?:name)?(?:pass(?:word|wd|phrase)?|pwd|secret|token|key)|(?:self|os|config|settings|args|env|request)[.\[].*",
    re.IGNORECASE,
)
"""Values that stand for a secret in manuals."""
