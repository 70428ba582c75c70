"""What the settings of storage mean where they are left out: one answer for whoever reads from it."""

import pytest

from tunewright_api.storage import Storage

SERVER = "http://minio:9000"
CASES = [
    pytest.param({}, (False, "us-east-1", "AWS S3"), id="AWS S3"),
    pytest.param({"addressingStyle": "Path"}, (True, "us-east-1", "AWS S3"), id="AWS S3, by path"),
    pytest.param({"endpoint": SERVER}, (True, "us-east-1", SERVER), id="a server of one's own"),
    pytest.param({"endpoint": SERVER, "addressingStyle": "Virtual", "region": "eu"}, (False, "eu", SERVER), id="all of it said"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "meaning"), CASES)
def test_what_is_left_out_has_one_meaning(settings: dict[str, str], meaning: tuple[bool, str, str]) -> None:
    found = Storage.model_validate(settings)
    assert (found.is_path_style, found.signing_region, found.server) == meaning
