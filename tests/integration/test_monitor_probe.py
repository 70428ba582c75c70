"""Probes against a real HTTP server that streams, fails, stalls and lies."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tunewright_api.adapter_monitor import Endpoint, Probe
from tunewright_monitor.probe import ProbeError, ask, probe_round

PAUSE = 0.02


def piece(content: str, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": reason}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


DONE = b"data: [DONE]\n\n"
ROLE_ONLY = b'data: {"choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": null}]}\n\n'
USAGE_ONLY = b'data: {"choices": [], "usage": {"completion_tokens": 3}}\n\n'
STREAMS: dict[str, list[bytes]] = {
    "good": [ROLE_ONLY, piece("One"), piece(" two"), piece(" three"), piece("", "stop"), USAGE_ONLY, DONE],
    "good-without-done": [piece("One"), piece("", "stop")],
    "comments-and-split-lines": [b": ping\n\n", piece("One")[:20], piece("One")[20:], b"event: x\n", DONE],
    "reasoning": [b'data: {"choices": [{"delta": {"reasoning_content": "Hm"}}]}\n\n', DONE],
    "silent": [piece("", "stop"), DONE],
    "cut": [piece("One"), piece(" two")],
    "error-event": [piece("One"), b'data: {"error": {"message": "out of memory"}}\n\n', DONE],
    "not-json": [b"data: {\n\n"],
    "endless": [piece("x" * 1000)] * 5000,
}


class StreamingServer(BaseHTTPRequestHandler):
    """An OpenAI-compatible server whose models are the ways in which answers come or fail."""

    protocol_version = "HTTP/1.1"
    agents: set[str] = set()
    order: list[str] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["stream"] is True
        assert body["temperature"] == 0
        model = body["model"]
        self.agents.add(self.headers["User-Agent"])
        self.order.append(model)
        if model in STREAMS:
            self._stream(STREAMS[model])
        elif model == "stalled":
            self._stream([piece("One"), None, DONE])
        elif model == "dead":
            self.close_connection = True
        elif model == "whole":
            self._whole(200, b'{"choices": [{"message": {"content": "One"}}]}')
        elif model == "redirected":
            self._whole(307, b"", location="http://127.0.0.1:1/")
        elif model == "plain-error":
            self._whole(503, b"no healthy\n\n   upstream")
        else:
            self._whole(404, json.dumps({"error": {"message": f"The model `{model}` does not exist."}}).encode())

    def _stream(self, parts: list[bytes | None] | list[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for part in parts:
                time.sleep(30 if part is None else PAUSE if len(parts) < 100 else 0)
                self.wfile.write(f"{len(part or b''):x}\r\n".encode() + (part or b"") + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _whole(self, status: int, data: bytes, location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    """Prints nothing when a client hangs up, which these tests make it do."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = QuietServer(("127.0.0.1", 0), StreamingServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("model", "pieces"),
    [("good", 3), ("good-without-done", 1), ("comments-and-split-lines", 1), ("reasoning", 1)],
)
async def test_a_complete_answer_is_timed(address: str, model: str, pieces: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await ask(client, address, model, "Say hello.", Probe())
    assert len(answer.gaps) == pieces - 1
    assert PAUSE < answer.time_to_first_token <= answer.end_to_end < 5
    assert all(gap >= PAUSE * 0.5 for gap in answer.gaps)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        pytest.param("unknown", "answered 404: The model `unknown` does not exist.", id="unknown model"),
        pytest.param("plain-error", "answered 503: no healthy upstream", id="gateway without a server"),
        pytest.param("redirected", "answered 307: no explanation", id="a redirect is not followed"),
        pytest.param("whole", "does not stream: content type application/json instead of", id="does not stream"),
        pytest.param("silent", "ended the answer of silent without a token", id="no token"),
        pytest.param("cut", "ended its stream before the answer was finished", id="cut short"),
        pytest.param("error-event", "broke off the answer: out of memory", id="an error in the stream"),
        pytest.param("not-json", "sent an event that is not JSON", id="not JSON"),
        pytest.param("dead", "broke off the connection", id="the connection is closed"),
        pytest.param("stalled", "gave no complete answer within 1 s", id="the answer stalls"),
        pytest.param("endless", "sent more than", id="an endless answer"),
    ],
)
async def test_an_incomplete_answer_is_one_sentence(address: str, model: str, sentence: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(ProbeError) as raised:
            await ask(client, address, model, "Say hello.", Probe(timeout_seconds=1))
    assert f"{address}/chat/completions {sentence}" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        pytest.param("http://127.0.0.1:1/v1", "accepts no connection", id="nobody listens"),
        pytest.param("http://no-such-host.invalid/v1", "accepts no connection", id="unknown host"),
    ],
)
async def test_an_unreachable_server_is_one_sentence(url: str, sentence: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(ProbeError, match=sentence):
            await ask(client, url, "good", "Say hello.", Probe(timeout_seconds=5))


async def test_a_round_compares_adapter_and_base_fairly(address: str) -> None:
    StreamingServer.order.clear()
    endpoint = Endpoint(url=address, adapter_model="good", base_model="absent")
    adapter, base = await probe_round(endpoint, Probe(prompts=["a", "b", "c"]), ssl.create_default_context())
    assert StreamingServer.order == ["good", "absent", "absent", "good", "good", "absent"]
    assert StreamingServer.agents == {"tunewright-monitor"}
    assert (len(adapter.answers), len(adapter.errors)) == (3, 0)
    assert adapter.sentence == "adapter answered 3 of 3 prompts"
    assert adapter.latency.between_tokens is not None
    assert (len(base.answers), len(base.errors)) == (0, 3)
    assert base.latency.time_to_first_token is None
    assert base.sentence.startswith("base answered 0 of 3 prompts: ")


async def test_without_a_base_only_the_adapter_is_asked(address: str) -> None:
    rounds = await probe_round(
        Endpoint(url=address, adapter_model="good"), Probe(prompts=["a"]), ssl.create_default_context()
    )
    assert [each.role for each in rounds] == ["adapter"]
