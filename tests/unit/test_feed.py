"""What the watches have missed is found out by listing: a known gap at once, and nothing that still failed is forgotten."""

from typing import Any

import pytest

from builders import listed as body
from tunewright_api import names
from tunewright_operator.shell.cache import Cache
from tunewright_operator.shell.client import Listing
from tunewright_operator.shell.errors import Unavailable
from tunewright_operator.shell.feed import Feed
from tunewright_operator.shell.metrics import Metrics
from tunewright_operator.shell.resources import FINE_TUNE_JOBS, JOBS, PODS, WATCHED, Resource
from tunewright_operator.shell.workqueue import Key, WorkQueue
from tunewright_operator.watches import listed_kind

OWNER = Key("FineTuneJob", "team-a", "demo")
OURS = {names.JOB_LABEL: "demo"}


class Lists:
    """An API server that only lists; it fails as often as it is told."""

    def __init__(self, version: int, *items: dict[str, Any], failures: int = 0) -> None:
        self.listing = Listing(items, version)
        self.failures = failures
        self.asked: list[str] = []

    async def list(self, resource: Resource, *_: Any, **__: Any) -> Listing:
        self.asked.append(resource.plural)
        if self.failures:
            self.failures -= 1
            raise Unavailable("not now")
        return self.listing


def feed(lists: Lists, cache: Cache, queue: WorkQueue) -> Feed:
    return Feed(lists, cache, queue, Metrics(cache, queue, lambda: 0), ())  # type: ignore[arg-type]


async def test_a_deletion_in_a_gap_is_found_out_and_its_owner_looked_at() -> None:
    cache, queue, lists = Cache(), WorkQueue(), Lists(9)
    cache.observe(JOBS, body("demo-a1", 5, **OURS))
    cache.observe(PODS, body("pod", 5, **OURS))
    mended = feed(lists, cache, queue)
    mended.list_again(JOBS)
    await mended.mend()
    assert (lists.asked, cache.get(JOBS, "team-a", "demo-a1"), queue.pop()) == (["jobs"], None, OWNER)
    assert cache.get(PODS, "team-a", "pod") is not None


async def test_a_gap_that_could_not_be_mended_is_still_known() -> None:
    cache, queue, lists = Cache(), WorkQueue(), Lists(9, failures=1)
    cache.observe(JOBS, body("demo-a1", 5, **OURS))
    mended = feed(lists, cache, queue)
    mended.list_again(JOBS)
    with pytest.raises(Unavailable):
        await mended.mend()
    await mended.mend()
    assert cache.get(JOBS, "team-a", "demo-a1") is None


async def test_a_mended_gap_is_not_listed_again() -> None:
    lists = Lists(9)
    mended = feed(lists, Cache(), WorkQueue())
    mended.list_again(JOBS)
    await mended.mend()
    await mended.mend()
    assert lists.asked == ["jobs"]


async def test_a_resync_lists_every_kind_and_has_every_object_looked_at() -> None:
    cache, queue, lists = Cache(), WorkQueue(), Lists(9)
    cache.observe(FINE_TUNE_JOBS, body("demo", 20))
    await feed(lists, cache, queue).resync()
    assert (lists.asked, queue.pop()) == ([resource.plural for resource in WATCHED], OWNER)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        pytest.param("/apis/batch/v1/jobs", JOBS, id="of-all-namespaces"),
        pytest.param("/apis/batch/v1/namespaces/team-a/jobs", JOBS, id="of-one-namespace"),
        pytest.param("/api/v1/namespaces/team-a/pods", PODS, id="of-the-core-group"),
        pytest.param("/apis/batch/v1", None, id="a-discovery-is-no-list"),
        pytest.param("/apis/other/v1/jobs", None, id="another-groups-jobs-are-not-ours"),
    ],
)
def test_a_list_tells_its_kind(path: str, kind: Resource | None) -> None:
    assert listed_kind(path) is kind
