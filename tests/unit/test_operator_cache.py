"""The cache moves forward only, whoever feeds it: watches, own writes, resyncs."""

from typing import Any

import pytest

from builders import listed as body
from tunewright_api import names
from tunewright_operator.shell.cache import Cache, owner_key, slim
from tunewright_operator.shell.resources import DEPLOYMENTS, FINE_TUNE_JOBS, JOBS, PODS
from tunewright_operator.shell.workqueue import Key

OWNER = Key("FineTuneJob", "team-a", "demo")


def job(version: int, name: str = "demo-a1") -> dict[str, Any]:
    return body(name, version, **{names.JOB_LABEL: "demo"})


def seen(cache: Cache, name: str = "demo-a1") -> int | None:
    found = cache.get(JOBS, "team-a", name)
    return found["status"]["version"] if found else None


@pytest.mark.parametrize(
    ("versions", "final"),
    [
        pytest.param([5, 7], 7, id="newer-news-replaces-older"),
        pytest.param([7, 5], 7, id="older-news-is-ignored"),
        pytest.param([9, 10], 10, id="versions-are-numbers-not-words"),
    ],
)
def test_only_newer_news_counts(versions: list[int], final: int) -> None:
    cache = Cache()
    for version in versions:
        cache.observe(JOBS, job(version))
    assert seen(cache) == final


def test_old_news_wakes_nobody() -> None:
    cache = Cache()
    assert cache.observe(JOBS, job(5)) == (OWNER,)
    assert cache.observe(JOBS, job(5)) == ()
    assert cache.observe(JOBS, job(4)) == ()


def test_a_deleted_object_does_not_rise_from_late_news() -> None:
    cache = Cache()
    cache.observe(JOBS, job(5))
    assert cache.forget(JOBS, job(8)) == (OWNER,)
    assert cache.observe(JOBS, job(7)) == ()
    assert (seen(cache), cache.children(JOBS, OWNER)) == (None, ())


def test_an_object_made_again_under_its_name_is_seen() -> None:
    cache = Cache()
    cache.forget(JOBS, job(8))
    assert cache.observe(JOBS, job(9)) == (OWNER,)
    assert seen(cache) == 9


def test_a_late_deletion_does_not_remove_the_successor() -> None:
    cache = Cache()
    cache.observe(JOBS, job(9))
    assert cache.forget(JOBS, job(8)) == ()
    assert seen(cache) == 9


def test_a_resync_removes_what_vanished_unseen_and_wakes_its_owner() -> None:
    cache = Cache()
    cache.observe(JOBS, job(5))
    cache.observe(JOBS, job(6, "demo-a2"))
    assert cache.resync(JOBS, None, [job(6, "demo-a2")], 20) == (OWNER,)
    assert (seen(cache), seen(cache, "demo-a2")) == (None, 6)


def test_a_resync_keeps_what_was_made_after_its_list() -> None:
    cache = Cache()
    cache.observe(JOBS, job(25))
    assert cache.resync(JOBS, None, [], 20) == ()
    assert seen(cache) == 25


def test_a_resync_of_one_namespace_leaves_the_others_alone() -> None:
    cache = Cache()
    cache.observe(JOBS, job(5))
    assert cache.resync(JOBS, "team-b", [], 20) == ()
    assert seen(cache) == 5


def test_a_resync_does_not_bring_back_what_was_deleted_while_it_ran() -> None:
    cache = Cache()
    cache.forget(JOBS, job(30))
    assert cache.resync(JOBS, None, [job(5)], 20) == ()
    assert seen(cache) is None


def test_an_object_that_a_quorum_read_did_not_find_is_gone() -> None:
    cache = Cache()
    cache.observe(JOBS, job(5))
    assert cache.gone(JOBS, "team-a", "demo-a1") == (OWNER,)
    assert cache.observe(JOBS, job(5)) == ()
    assert seen(cache) is None


def test_a_child_that_changes_its_owner_wakes_both() -> None:
    cache = Cache()
    cache.observe(JOBS, job(5))
    moved = body("demo-a1", 6, **{names.JOB_LABEL: "other"})
    assert set(cache.observe(JOBS, moved)) == {OWNER, OWNER._replace(name="other")}
    assert cache.children(JOBS, OWNER) == ()


@pytest.mark.parametrize(
    ("resource", "labels", "key"),
    [
        pytest.param(FINE_TUNE_JOBS, {}, Key("FineTuneJob", "team-a", "x"), id="a-job-of-ours-is-its-own"),
        pytest.param(PODS, {names.JOB_LABEL: "demo"}, OWNER, id="a-pod-belongs-to-its-run"),
        pytest.param(
            DEPLOYMENTS,
            {names.MONITOR_LABEL: "m"},
            Key("AdapterMonitor", "team-a", "m"),
            id="a-deployment-to-its-monitor",
        ),
        pytest.param(PODS, {}, None, id="a-pod-without-our-labels-to-nobody"),
    ],
)
def test_whom_a_change_wakes(resource: Any, labels: dict[str, str], key: Key | None) -> None:
    assert owner_key(resource, body("x", 1, **labels)) == key


def test_the_cache_keeps_neither_templates_nor_environments() -> None:
    raw = body("x", 1) | {"spec": {"suspend": True, "template": {"spec": "large"}}}
    assert slim(JOBS, raw)["spec"] == {"suspend": True}
    pod = body("x", 1) | {"spec": {"nodeName": "n", "containers": [{"env": "large"}]}}
    assert slim(PODS, pod)["spec"] == {"nodeName": "n"}


def test_a_live_read_outweighs_a_deletion_that_was_seen_before_it() -> None:
    cache = Cache()
    cache.observe(JOBS, job(5))
    cache.forget(JOBS, job(8))
    assert cache.found(JOBS, job(8), cache.deleted_at(JOBS, "team-a", "demo-a1")) == (OWNER,)
    assert seen(cache) == 8


def test_a_deletion_that_was_seen_during_a_live_read_outweighs_it() -> None:
    cache = Cache()
    cache.observe(JOBS, job(5))
    before = cache.deleted_at(JOBS, "team-a", "demo-a1")
    cache.forget(JOBS, job(8))
    assert cache.found(JOBS, job(5), before) == ()
    assert seen(cache) is None


def test_what_no_list_by_label_shows_is_found_again_after_a_resync() -> None:
    cache = Cache()
    cache.observe(JOBS, body("demo-a1", 5))
    cache.resync(JOBS, None, [], 20)
    cache.found(JOBS, body("demo-a1", 5), cache.deleted_at(JOBS, "team-a", "demo-a1"))
    assert seen(cache) == 5


def test_of_what_is_known_a_list_holds_no_more_than_the_address() -> None:
    cache = Cache()
    cache.observe(JOBS, job(5))
    cache.forget(JOBS, job(7, "demo-a3"))
    assert cache.thinned(JOBS, job(6)) == job(6)
    assert cache.thinned(JOBS, job(5)).keys() == {"metadata"}
    assert cache.thinned(JOBS, job(6, "demo-a3")).keys() == {"metadata"}
    assert cache.resync(JOBS, None, [cache.thinned(JOBS, job(5))], 20) == ()
    assert cache.get(JOBS, "team-a", job(5)["metadata"]["name"]) is not None
