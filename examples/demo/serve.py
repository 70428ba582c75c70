"""Serves a published adapter, and its base model beside it, behind OpenAI's chat completions: a server for the demo.

It is the real adapter in a real model, but no server for production: greedy answers only, no authentication, one model in one process.
Use vLLM where there is a GPU; the adapter's folder loads there as it is. What makes this one fit for the demo: it streams, it batches
on a CPU, and it records traffic for an AdapterMonitor (all requests for the adapter but the monitor's own probes).

    python examples/demo/serve.py --model FOLDER --adapter s3://bucket/.../adapter --name support \\
        --storage-endpoint http://127.0.0.1:8333 --traffic s3://bucket/traffic

Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Besides /v1/chat/completions and /v1/models it has /healthz, and
POST /traffic/flush writes the recorded rows that wait for more."""

import argparse
import json
import logging
import queue
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from generation import Finished, Generator, Message, Request
from record import Record, open_record

from tunewright_api.manifest import canonical_digest
from tunewright_api.storage import Storage
from tunewright_api.tuning import Quantization
from tunewright_trainer.shell.errors import StepError
from tunewright_trainer.shell.folders import MANIFEST, download_files, read_manifest
from tunewright_trainer.shell.storage import open_store

MONITOR_AGENT = "tunewright-monitor"
LARGEST_BODY, MOST_NEW_TOKENS, DEFAULT_NEW_TOKENS = 1_000_000, 512, 128
ANSWER_TIMEOUT_SECONDS = 300
logger = logging.getLogger("serve")


class BadRequest(ValueError):
    """A sentence for the client."""


def fetch_adapter(uri: str, endpoint: str | None, folder: Path) -> Path:
    """Download the adapter and verify it: each file against the manifest, and the manifest's digest against the files."""
    store = open_store(Storage(endpoint=endpoint), None)
    manifest = read_manifest(store, f"{uri.rstrip('/')}/{MANIFEST}").model_copy(update={"prefix": uri.rstrip("/")})
    download_files(store, manifest, folder)
    files = canonical_digest((entry.path, entry.sha256) for entry in manifest.files)
    logger.info("Adapter %s verified: %d files, %s", manifest.digest, len(manifest.files), files)
    return folder


def load(model: Path, adapter: Path, name: str, largest_batch: int) -> Generator:
    """Put the adapter on its base, as servers do: unmerged, in bf16."""
    from peft import PeftModel

    from tunewright_trainer.train.model import load_base
    from tunewright_trainer.train.tokenizer import load_tokenizer

    loaded = PeftModel.from_pretrained(load_base(model, Quantization.NONE), str(adapter)).eval()
    return Generator(loaded, load_tokenizer(adapter), name, largest_batch)


def parse(body: bytes, models: list[str], generator: Generator) -> tuple[Request, bool]:
    """The request and whether to stream it. Refuses what this server cannot do, rather than to ignore it."""
    try:
        wanted = json.loads(body)
    except ValueError as error:
        raise BadRequest("the body is not JSON") from error
    if not isinstance(wanted, dict):
        raise BadRequest("the body must be a JSON object")
    if wanted.get("model") not in models:
        raise BadRequest(f"there is no model {wanted.get('model')!r} here; there are {', '.join(models)}")
    if wanted.get("temperature") not in (None, 0) or wanted.get("n") not in (None, 1):
        raise BadRequest("this server answers greedily and once: temperature must be 0 and n must be 1")
    limit = wanted.get("max_completion_tokens") or wanted.get("max_tokens") or DEFAULT_NEW_TOKENS
    if not isinstance(limit, int) or not 1 <= limit <= MOST_NEW_TOKENS:
        raise BadRequest(f"max_tokens must be a number from 1 to {MOST_NEW_TOKENS}")
    messages = _messages(wanted.get("messages"))
    if generator.prompt_tokens(messages) + limit > generator.context:
        raise BadRequest(f"prompt and answer together exceed the model's context of {generator.context} tokens")
    return Request(wanted["model"], messages, limit), bool(wanted.get("stream"))


def _messages(given: Any) -> list[Message]:
    fits = (
        isinstance(given, list)
        and given
        and all(
            isinstance(message, dict)
            and message.get("role") in {"system", "user", "assistant"}
            and isinstance(message.get("content"), str)
            for message in given
        )
    )
    if not fits:
        raise BadRequest("messages must be a list of {role: system|user|assistant, content: text}")
    return [{"role": message["role"], "content": message["content"]} for message in given]


class Service:
    """What handlers share."""

    def __init__(self, generator: Generator, record: Record | None, adapter: str, base: str) -> None:
        self.generator, self.record, self.adapter, self.models = generator, record, adapter, [adapter, base]

    def answer(self, request: Request, *, recorded: bool) -> Iterator[str | Finished]:
        """The pieces of an answer, its end last."""
        self.generator.submit(request)
        try:
            while True:
                try:
                    event = request.events.get(timeout=ANSWER_TIMEOUT_SECONDS)
                except queue.Empty:
                    event = Finished("error", text=f"no token within {ANSWER_TIMEOUT_SECONDS} s")
                if isinstance(event, Finished):
                    if recorded and event.reason != "error" and self.record:
                        self.record.add(request.messages[-1]["content"], event.text)
                    yield event
                    return
                if event:
                    yield event
        finally:
            request.cancelled.set()

    def listing(self) -> dict[str, Any]:
        """The body of /v1/models."""
        adapter, base = self.models
        return {
            "object": "list",
            "data": [
                {"id": adapter, "object": "model", "owned_by": "tunewright", "parent": base},
                {"id": base, "object": "model", "owned_by": "tunewright", "parent": None},
            ],
        }


def completion(request: Request, end: Finished) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": end.text}, "finish_reason": end.reason}],
        "usage": {
            "prompt_tokens": end.prompt_tokens,
            "completion_tokens": end.tokens,
            "total_tokens": end.prompt_tokens + end.tokens,
        },
    }


def chunks(request: Request, events: Iterator[str | Finished]) -> Iterator[dict[str, Any]]:
    """The events of a streamed answer."""
    common = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": request.model,
    }
    for event in events:
        if not isinstance(event, Finished):
            yield {**common, "choices": [{"index": 0, "delta": {"content": event}, "finish_reason": None}]}
        elif event.reason == "error":
            yield error_body(event.text)
        else:
            yield {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": event.reason}]}


def error_body(message: str) -> dict[str, Any]:
    """An error as OpenAI's clients read it."""
    return {"error": {"message": message, "type": "invalid_request_error"}}


class Handler(BaseHTTPRequestHandler):
    """Answers HTTP requests; `service` is set by whoever starts the server."""

    service: Service
    protocol_version = "HTTP/1.1"
    timeout = ANSWER_TIMEOUT_SECONDS

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._reply(self.service.listing())
        elif self.path == "/healthz":
            self._reply({"status": "ok"})
        else:
            self._reply(error_body(f"there is no {self.path} here"), HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        if self.path == "/traffic/flush":
            self.close_connection = True  # whatever body came is not read
            self._reply({"rows": self.service.record.flush() if self.service.record else 0})
        elif self.path == "/v1/chat/completions":
            self._complete()
        else:
            self._reply(error_body(f"there is no {self.path} here"), HTTPStatus.NOT_FOUND)

    def _complete(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if not 0 < size <= LARGEST_BODY:
            self.close_connection = True
            self._reply(error_body(f"a body of 1 to {LARGEST_BODY} bytes is needed"), HTTPStatus.BAD_REQUEST)
            return
        try:
            request, stream = parse(self.rfile.read(size), self.service.models, self.service.generator)
        except BadRequest as error:
            self._reply(error_body(str(error)), HTTPStatus.BAD_REQUEST)
            return
        is_probe = self.headers.get("User-Agent", "").startswith(MONITOR_AGENT)
        events = self.service.answer(request, recorded=request.model == self.service.adapter and not is_probe)
        if stream:
            self._stream(chunks(request, events))
            return
        end = [event for event in events if isinstance(event, Finished)][-1]
        if end.reason == "error":
            self._reply(error_body(end.text), HTTPStatus.INTERNAL_SERVER_ERROR)
        else:
            self._reply(completion(request, end))

    def _stream(self, events: Iterator[dict[str, Any]]) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for event in events:
                self._chunk(f"data: {json.dumps(event)}\n\n".encode())
            self._chunk(b"data: [DONE]\n\n")
            self._chunk(b"")
        except (BrokenPipeError, ConnectionResetError):
            # The client has left; closing the iterator takes its row out of the batch.
            self.close_connection = True

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _reply(self, body: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Silent."""


class Server(ThreadingHTTPServer):
    """Takes a burst of connections; the default of 5 that may wait would refuse some."""

    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no event; the default prints a stack trace."""
        logger.debug("A request broke off", exc_info=True)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="Serve a published adapter and its base model, for the demo.")
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--adapter", required=True, help="folder of the published adapter, s3:// or file://")
    parser.add_argument("--name", default="adapter", help="name to offer the adapter under")
    parser.add_argument("--base-name", default="base", help="name to offer the base model under")
    parser.add_argument("--storage-endpoint", help="address of the S3 server; absent: AWS")
    parser.add_argument("--traffic", help="prefix to record traffic under, s3:// or file://; absent: no record")
    parser.add_argument("--rows-an-object", type=int, default=64, help="rows of recorded traffic in one object")
    parser.add_argument("--batch", type=int, default=32, help="most requests that are answered together")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    return parser.parse_args()


def main() -> int:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            folder = fetch_adapter(options.adapter, options.storage_endpoint, Path(scratch))
            generator = load(options.model, folder, options.base_name, options.batch)
        except StepError as error:
            sys.exit(f"cannot serve {options.adapter}: {error}")
    record = open_record(options.traffic, options.storage_endpoint, options.rows_an_object) if options.traffic else None
    threading.Thread(target=generator.run_forever, name="generator", daemon=True).start()
    Handler.service = Service(generator, record, options.name, options.base_name)
    server = Server((options.host, options.port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    logger.info("Serving %s and %s on http://%s:%d/v1", options.name, options.base_name, *server.server_address[:2])
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    if record:
        record.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
