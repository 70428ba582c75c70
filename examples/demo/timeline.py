"""Says what is happening, and at the end how long each part took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class DemoFailed(RuntimeError):
    """Something that the demo promises is not true."""


def say(text: str = "") -> None:
    """A line for the person who watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Timeline:
    """The parts so far, with their seconds."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, float]] = []

    @contextmanager
    def part(self, title: str) -> Iterator[None]:
        """Announce a part and take its time."""
        say(f"\n── {title}")
        started = time.monotonic()
        yield
        self.parts.append((title, time.monotonic() - started))

    def show(self) -> None:
        """The table of times."""
        say("\n── Time of each part")
        for title, seconds in self.parts:
            say(f"  {seconds:7.1f} s  {title}")
        say(f"  {sum(seconds for _, seconds in self.parts):7.1f} s  in all")


def require(truth: bool, claim: str) -> None:
    """Say that the claim holds, or end the demo."""
    if not truth:
        raise DemoFailed(f"not true: {claim}")
    say(f"  ✓ {claim}")
