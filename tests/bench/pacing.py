"""Lets two training processes take turns, block by block, and turns their times into one ratio with an interval."""

import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.workload import STEPS_A_BLOCK, Workload

ORDER = ("ours", "raw", "raw", "ours")
"""A slow drift of the machine weighs on both sides alike."""


class Side:
    """One training process, which moves only when it is told to."""

    def __init__(self, name: str, workload: Workload, logs: Path) -> None:
        here, there = socket.socketpair()
        self.name, self._channel, self._lines = name, here, here.makefile("rw")
        self._log = logs / f"{name}.log"
        variables = {"HF_HOME": f"{workload.scratch}/{name}-cache", "HF_HUB_OFFLINE": "1"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.side", name, str(there.fileno()), workload.to_json()],
                pass_fds=[there.fileno()],
                env={**os.environ, **variables, "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        there.close()

    def go(self) -> None:
        self._lines.write("go\n")
        self._lines.flush()

    def hear(self) -> dict[str, Any]:
        """The next message; the end of the process is an error with its last words."""
        line = self._lines.readline()
        if not line:
            raise AssertionError(f"{self.name} has ended:\n{self._log.read_text()[-3000:]}")
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        """End the process if it has not ended, and free the channel."""
        self._lines.close()
        self._channel.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True)
class Block:
    """What one block of steps took: seconds on the wall, and of all cores."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Comparison:
    """Both sides' blocks after the first, which is for warming up, and what each side has learned."""

    ours: list[Block]
    raw: list[Block]
    learned: dict[str, dict[str, Any]]


def take_turns(workload: Workload, logs: Path) -> Comparison:
    """Train both sides to the end, in turns."""
    sides: dict[str, Side] = {}
    try:
        processor: dict[str, float] = {}
        for name in ("ours", "raw"):
            sides[name] = Side(name, workload, logs)
            processor[name] = sides[name].hear()["cpu"]
        blocks: dict[str, list[Block]] = {"ours": [], "raw": []}
        turns = workload.steps // STEPS_A_BLOCK * 2
        for turn in range(turns):
            name = ORDER[turn % len(ORDER)]
            started = time.perf_counter()
            sides[name].go()
            if name == "ours":
                _look(workload.port)
            message = sides[name].hear()
            wall = time.perf_counter() - started
            blocks[name].append(Block(wall, message["cpu"] - processor[name]))
            processor[name] = message["cpu"]
        learned = {}
        for name, side in sides.items():
            side.go()
            learned[name] = side.hear()
        return Comparison(blocks["ours"][1:], blocks["raw"][1:], learned)
    finally:
        for side in sides.values():
            side.close()


def _look(port: int) -> None:
    """What the operator and Prometheus do in a cluster; to answer is part of our work."""
    for path in ("progress", "metrics"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
            answer.read()


@dataclass(frozen=True)
class Ratio:
    """A median of ratios, with its 95 % interval over the blocks."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.4f} (95 % interval {self.low:.4f} to {self.high:.4f})"


def ratio(ours: list[float], raw: list[float], resamples: int = 10_000) -> Ratio:
    """Median over the pairs of neighbouring blocks, its interval by drawing pairs again and again."""
    pairs = [first / second for first, second in zip(ours, raw, strict=True)]
    chooser = random.Random(0)
    medians = sorted(statistics.median(chooser.choices(pairs, k=len(pairs))) for _ in range(resamples))
    return Ratio(statistics.median(pairs), medians[round(resamples * 0.025)], medians[round(resamples * 0.975) - 1])


def table(comparison: Comparison) -> str:
    """A line for each pair of blocks."""
    lines = ["         wall, s/step             CPU, s/step", "block    ours     raw   ratio     ours     raw   ratio"]
    for number, (ours, raw) in enumerate(zip(comparison.ours, comparison.raw, strict=True), start=1):
        pairs = [(ours.wall, raw.wall), (ours.cpu, raw.cpu)]
        cells = [f"{a / STEPS_A_BLOCK:>6.3f}  {b / STEPS_A_BLOCK:>6.3f}  {a / b:>6.4f}" for a, b in pairs]
        lines.append(f"{number:>5}  " + "   ".join(cells))
    return "\n".join(lines)
