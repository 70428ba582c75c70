"""How pods reach object storage. The operator itself never does, and reads no Secret."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tunewright_api.base import ApiModel, DnsLabel, ShortText, matching

DEFAULT_REGION = "us-east-1"


class AddressingStyle(StrEnum):
    """Whether a bucket is in the path or in the host name of a request."""

    PATH = "Path"
    VIRTUAL = "Virtual"


class SecretReference(ApiModel):
    """A Secret of the same namespace."""

    name: DnsLabel
    """Name of the Secret."""


class Storage(ApiModel):
    """Where object storage is and how to sign in to it."""

    endpoint: (
        Annotated[
            str,
            Field(max_length=512),
            *matching(
                r"https?://[^/ ]+",
                "must be http://host:port or https://host:port, without a path; leave it out for AWS S3",
            ),
        ]
        | None
    ) = None
    """Address of an S3-compatible server, http://host:port or https://host:port. Absent: AWS S3."""
    region: ShortText | None = None
    """Region to sign requests for. Default: us-east-1."""
    addressing_style: AddressingStyle | None = None
    """Path suits most self-hosted servers. Default: Path when `endpoint` is set, Virtual otherwise."""
    secret_ref: SecretReference | None = None
    """Secret with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN). Absent: the pod's service account signs in (cloud identity)."""

    @property
    def server(self) -> str:
        """What sentences call the server."""
        return self.endpoint or "AWS S3"

    @property
    def signing_region(self) -> str:
        """The region, or its default."""
        return self.region or DEFAULT_REGION

    @property
    def is_path_style(self) -> bool:
        """Whether buckets are in the paths of requests, by the style or its default."""
        style = self.addressing_style or (AddressingStyle.PATH if self.endpoint else AddressingStyle.VIRTUAL)
        return style is AddressingStyle.PATH
