"""kopf is a watcher only, and one that holds nobody back."""

from tunewright_operator import handlers


def test_kopfs_workers_hold_nobody_back() -> None:
    """Each waits for more news of its object before it ends: counted, they would let a crowd in by and by."""
    queueing = handlers.settings(()).queueing
    assert queueing.worker_limit is None
    assert queueing.idle_timeout <= 0.1


def test_kopf_writes_nothing() -> None:
    settings = handlers.settings(())
    assert not settings.posting.enabled
    assert settings.peering.standalone
    assert settings.scanning.disabled
