"""Asks the served models fixed prompts and takes the time, the way a user's client would see it."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from itertools import pairwise
from ssl import SSLContext
from typing import Any

import httpx

from tunewright_api.adapter_monitor import Endpoint, LatencyResult, Probe

USER_AGENT = "tunewright-monitor"
"""By this a server that records traffic can leave probes out of the record."""
LARGEST_STREAM = 4 * 1024 * 1024
LONGEST_QUOTE = 200
ADAPTER, BASE = "adapter", "base"
DONE = object()


class ProbeError(Exception):
    """One sentence that says why there was no complete answer."""


@dataclass(frozen=True)
class Answer:
    """How long one answer took, in seconds."""

    time_to_first_token: float
    gaps: tuple[float, ...]
    end_to_end: float


@dataclass(frozen=True)
class ModelRound:
    """All prompts of a round, asked of one model."""

    role: str
    answers: tuple[Answer, ...]
    errors: tuple[str, ...]

    @property
    def latency(self) -> LatencyResult:
        """Medians over the round's answers."""
        gaps = [gap for answer in self.answers for gap in answer.gaps]
        return LatencyResult(
            model=self.role,
            time_to_first_token=_median([answer.time_to_first_token for answer in self.answers]),
            between_tokens=_median(gaps),
            end_to_end=_median([answer.end_to_end for answer in self.answers]),
            errors=len(self.errors),
        )

    @property
    def sentence(self) -> str:
        """How it went, for a condition's message."""
        total = len(self.answers) + len(self.errors)
        summary = f"{self.role} answered {len(self.answers)} of {total} prompts"
        return f"{summary}: {self.errors[-1]}" if self.errors else summary


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 4) if values else None


def roles(endpoint: Endpoint) -> dict[str, str]:
    """The models to ask, by role."""
    return {ADAPTER: endpoint.adapter_model} | ({BASE: endpoint.base_model} if endpoint.base_model else {})


async def probe_round(endpoint: Endpoint, probe: Probe, context: SSLContext) -> list[ModelRound]:
    """Ask each prompt of each model, one after the other: probes must not slow each other down."""
    answers: dict[str, list[Answer]] = {role: [] for role in roles(endpoint)}
    errors: dict[str, list[str]] = {role: [] for role in roles(endpoint)}
    # A new connection each round: an idle one may have been closed, or lead to a pod that is no longer in the Service.
    # trust_env=False: what is measured is the server and not a proxy.
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=probe.timeout_seconds) as client:
        for number, prompt in enumerate(probe.prompts):
            # Adapter and base take turns at being first, so that what one leaves in the server's caches helps both alike.
            order = list(roles(endpoint).items())
            for role, model in order if number % 2 == 0 else reversed(order):
                try:
                    answers[role].append(await ask(client, endpoint.url, model, prompt, probe))
                except ProbeError as error:
                    errors[role].append(str(error))
    return [ModelRound(role, tuple(answers[role]), tuple(errors[role])) for role in answers]


async def ask(client: httpx.AsyncClient, url: str, model: str, prompt: str, probe: Probe) -> Answer:
    """One streamed answer, timed. Raises ProbeError when it does not come whole."""
    address = f"{url.rstrip('/')}/chat/completions"
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": probe.max_tokens,
        "temperature": 0,
        "stream": True,
    }
    try:
        # httpx times out between two bytes only; an answer that drips for ever needs a limit on the whole.
        async with asyncio.timeout(probe.timeout_seconds):
            start = time.perf_counter()
            async with client.stream("POST", address, json=body, headers={"User-Agent": USER_AGENT}) as response:
                if response.status_code != httpx.codes.OK:
                    raise ProbeError(f"{address} answered {response.status_code}: {await _quote(response)}")
                async with aclosing(_pieces(response, address)) as pieces:
                    moments = [time.perf_counter() - start async for piece in pieces if piece]
                end = time.perf_counter() - start
    except (TimeoutError, httpx.TimeoutException) as error:
        raise ProbeError(f"{address} gave no complete answer within {probe.timeout_seconds} s") from error
    except httpx.ConnectError as error:
        raise ProbeError(f"{address} accepts no connection ({error})") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProbeError(f"{address} broke off the connection ({type(error).__name__})") from error
    if not moments:
        raise ProbeError(f"{address} ended the answer of {model} without a token")
    gaps = tuple(after - before for before, after in pairwise(moments))
    return Answer(moments[0], gaps, end)


async def _quote(response: httpx.Response) -> str:
    """The server's own words, short."""
    data = b""
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > LONGEST_QUOTE * 10:
            break
    text = data.decode(errors="replace")
    with suppress(ValueError):
        text = _error_text(json.loads(text)) or text
    return _short(text) or "no explanation"


def _short(text: str) -> str:
    return " ".join(text.split())[:LONGEST_QUOTE]


def _error_text(event: Any) -> str | None:
    """`message` of {"error": {"message": ...}}, of {"error": "..."} or of {"message": ...}."""
    if not isinstance(event, dict):
        return None
    error = event.get("error", event if event.get("object") == "error" else None)
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error) if error else None


async def _pieces(response: httpx.Response, address: str) -> AsyncGenerator[str, None]:
    """The texts of a stream of server-sent events, in the form of OpenAI's chat completions."""
    finished = False
    async with aclosing(_events(response, address)) as events:
        async for event in events:
            if event is DONE:
                return
            if text := _error_text(event):
                raise ProbeError(f"{address} broke off the answer: {_short(text)}")
            choice = _first_choice(event)
            delta = choice.get("delta")
            if isinstance(delta, dict):
                yield str(delta.get("content") or delta.get("reasoning_content") or "")
            finished = finished or bool(choice.get("finish_reason"))
    if not finished:
        raise ProbeError(f"{address} ended its stream before the answer was finished")


def _first_choice(event: Any) -> dict[str, Any]:
    choices = event.get("choices") if isinstance(event, dict) else None
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


async def _events(response: httpx.Response, address: str) -> AsyncGenerator[Any, None]:
    """The JSON of each event; DONE for the one that is not JSON."""
    kind = response.headers.get("content-type", "none")
    if "event-stream" not in kind:
        raise ProbeError(f"{address} does not stream: content type {_short(kind)} instead of text/event-stream")
    buffer, size = b"", 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > LARGEST_STREAM:
            raise ProbeError(f"{address} sent more than {LARGEST_STREAM} bytes for one answer")
        *lines, buffer = (buffer + chunk).split(b"\n")
        for line in lines:
            field, _, data = line.strip().partition(b":")
            if field == b"data" and data.strip():
                yield DONE if data.strip() == b"[DONE]" else _event(data, address)


def _event(data: bytes, address: str) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise ProbeError(f"{address} sent an event that is not JSON") from error
