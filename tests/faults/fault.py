"""What a fault is: a calm one by default, of which each kind of harm overrides what it needs."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiohttp import web

from faults.exchange import Exchange

if TYPE_CHECKING:
    from faults.trial import Trial


class Fault:
    """Nothing goes wrong."""

    lasts: float = 0.0
    """Seconds of harm: so much longer may the run take."""
    restarts: bool = False
    """Whether it goes on at rest, where nothing may be written."""
    must_end: bool = False
    """Whether the run is judged only after `harm` has returned."""
    holds_training: bool = False
    """Whether the training pod runs on until the fault has come to pass."""
    ends_gone: bool = False
    """Whether the harm leaves no FineTuneJob."""
    costs_attempts: bool = False
    """Whether the harm itself ends attempts, so that their number is not the reference's."""
    allowance: int = 0
    """Further Jobs that may ask for a GPU."""
    may_exit: bool = False
    """Whether a process may end by itself under it."""
    variables: dict[str, str] = {}
    """Further settings of the operator."""

    def __init__(self) -> None:
        self.trial: Trial | None = None
        self.fired = False

    def __str__(self) -> str:
        return "calm"

    @property
    def family(self) -> str:
        """The row of the table that it belongs to."""
        return str(self)

    @property
    def run(self) -> "Trial":
        """The trial that it harms."""
        assert self.trial is not None
        return self.trial

    async def on_request(self, exchange: Exchange) -> web.Response | None:
        """Before the API server sees it."""
        return None

    async def on_committed(self, exchange: Exchange) -> web.Response | None:
        """The API server has answered, the operator does not know yet."""
        return None

    async def on_answered(self, exchange: Exchange) -> None:
        """The operator has its answer."""

    async def lines(self, exchange: Exchange, upstream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """What a watch sends."""
        async for line in upstream:
            yield line

    async def harm(self) -> None:
        """What happens beside the requests, from the start of the run on."""

    async def at_rest(self) -> None:
        """What happens when the run has reached its end and come to rest."""


async def for_ever() -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()
