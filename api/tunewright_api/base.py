"""What every model of the contract shares: camelCase on the wire, frozen in memory, unknown fields refused."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints
from pydantic.alias_generators import to_camel


class ApiModel(BaseModel):
    """A value of the contract."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    def to_wire(self) -> dict[str, Any]:
        """The JSON form, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class ObservedModel(ApiModel):
    """A value that a newer version may have written: unknown fields are ignored, not refused."""

    model_config = ConfigDict(extra="ignore")


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """Schema extra that carries CEL rules as (rule, message) pairs."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


def matching(pattern: str, message: str) -> tuple[AfterValidator, Any]:
    """Annotations of a text that must match `pattern` (RE2). A bare pattern in a schema answers with the pattern; this answers with words, on both sides."""
    expression = re.compile(pattern)

    def check(value: str) -> str:
        if expression.fullmatch(value) is None:
            raise ValueError(f"'{value}' {message}")
        return value

    escaped = pattern.replace("\\", "\\\\")
    return AfterValidator(check), Field(json_schema_extra=cel((f"self.matches('^{escaped}$')", message)))


_S3_URI = "s3://[a-z0-9][a-z0-9._-]*(/.*)?"


def _checked_uri(value: str) -> str:
    if re.fullmatch(_S3_URI, value) is None and not value.startswith("file:///"):
        raise ValueError(f"'{value}' must be s3://bucket/key (or file:///path with `tunewright run`)")
    return value


Uri = Annotated[
    str,
    AfterValidator(_checked_uri),
    Field(
        max_length=1024,
        json_schema_extra=cel(
            (
                f"self.matches('^{_S3_URI}$')",
                "must be s3://bucket/key (file:// works only with `tunewright run`, on your own machine)",
            )
        ),
    ),
]
"""Where something lies: s3://bucket/key, or file:///path in local runs."""

# As JSON has them: a text that looks like a number is refused, as the API server refuses it.
Boolean = Annotated[bool, Strict()]
Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
ShortText = Annotated[str, Field(max_length=253)]
Text = Annotated[str, Field(max_length=1024)]
LongText = Annotated[str, Field(max_length=4096)]
DnsLabel = Annotated[
    str,
    Field(max_length=63),
    *matching(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", "must be lower-case letters, digits and dashes, as names in Kubernetes are"
    ),
]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]
Timestamp = Annotated[str, Field(max_length=32, json_schema_extra={"format": "date-time"})]
"""RFC 3339 in UTC, to the second: 2026-01-31T12:00:00Z."""
FreeForm = Annotated[dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""A part of another API's schema, handed through as it is."""
