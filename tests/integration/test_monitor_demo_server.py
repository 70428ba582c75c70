"""The demo's server, as a process: what it verifies, serves, streams, records and refuses. A tiny model with real layers stands for the large one."""

import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from devcluster.processes import free_port
from tunewright_api.adapter_monitor import Endpoint, Probe
from tunewright_api.manifest import Manifest, canonical_digest
from tunewright_monitor.probe import probe_round
from tunewright_monitor.storage import FileReader
from tunewright_monitor.traffic import parse
from tunewright_trainer.shell import folders

SCRIPT = Path(__file__).parents[2] / "examples" / "demo" / "serve.py"
TEMPLATE = "{% for m in messages %}{{ m['role'][0] }}:{{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}a:{% endif %}"
PATIENCE_SECONDS = 90
# PEFT 0.21 still asks transformers 5.23 by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
PROMPTS = ["Hello", "What is the Python function os.getcwd for?", "é€😀", "x" * 60]


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Bytes as tokens."""
    vocabulary = {"<eos>": 0} | {
        byte: number for number, byte in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()), 1)
    }
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<eos>"
    )
    fast.chat_template = TEMPLATE
    return fast


def tiny_model() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        eos_token_id=0,
        pad_token_id=0,
    )
    model: Any = LlamaForCausalLM(config)
    return model.to(torch.bfloat16)


def write_model(folder: Path) -> None:
    tiny_model().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)


def write_adapter(folder: Path) -> None:
    """A published adapter's folder. Its B matrices are not zero, so that it answers otherwise than the base."""
    model = get_peft_model(tiny_model(), LoraConfig(r=4, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM"))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=1.0)
    model.save_pretrained(str(folder))
    tiny_tokenizer().save_pretrained(folder)
    entries = folders.file_entries(folder)
    manifest = Manifest(
        kind="Adapter",
        run_id="r1-12345678",
        step="publish",
        attempt=1,
        prefix="s3://elsewhere/adapter",
        files=entries,
        digest=canonical_digest((entry.path, entry.sha256) for entry in entries),
        created_at=folders.now(),
    )
    (folder / "manifest.json").write_bytes(folders.manifest_bytes(manifest))


@dataclass(frozen=True)
class World:
    """A running server and its folders."""

    url: str
    root: Path

    def post(self, path: str, body: Any, agent: str = "test") -> tuple[int, Any]:
        headers = {"Content-Type": "application/json", "User-Agent": agent}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._open(urllib.request.Request(f"{self.url}{path}", data, headers))

    def get(self, path: str) -> tuple[int, Any]:
        return self._open(urllib.request.Request(f"{self.url}{path}"))

    def _open(self, request: urllib.request.Request) -> tuple[int, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as response:
                text = response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        return 200, text if text.startswith("data:") else json.loads(text)

    def answer(self, model: str, prompt: str, agent: str = "test", limit: int = 12) -> str:
        messages = [{"role": "user", "content": prompt}]
        status, body = self.post(
            "/v1/chat/completions", {"model": model, "messages": messages, "max_tokens": limit, "temperature": 0}, agent
        )
        assert status == 200, body
        return str(body["choices"][0]["message"]["content"])

    def recorded(self) -> int:
        """Rows in the record, after a flush."""
        self.post("/traffic/flush", {})
        objects = FileReader().newest(f"file://{self.root}/traffic", 100)
        return sum(len(parse(FileReader().read(info.uri)).rows) for info in objects)


def command(root: Path, port: int) -> list[str]:
    return [
        *(sys.executable, str(SCRIPT), "--model", str(root / "model"), "--adapter", f"file://{root}/adapter"),
        *("--name", "support", "--traffic", f"file://{root}/traffic", "--port", str(port), "--batch", "4"),
    ]


@pytest.fixture(scope="module")
def folders_of_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    write_model(root / "model")
    write_adapter(root / "adapter")
    return root


@pytest.fixture(scope="module")
def world(folders_of_models: Path) -> Iterator[World]:
    port = free_port()
    with subprocess.Popen(command(folders_of_models, port), stderr=subprocess.PIPE, text=True) as process:
        world = World(f"http://127.0.0.1:{port}", folders_of_models)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                world.get("/healthz")
                break
            except OSError:
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < deadline
                time.sleep(0.2)
        yield world
        process.terminate()
        assert process.wait(timeout=20) == 0


def expected(root: Path, prompt: str, *, tuned: bool, limit: int = 12) -> str:
    """The same answer by transformers' own generation, one prompt alone."""
    tokenizer = tiny_tokenizer()
    model: Any = LlamaForCausalLM.from_pretrained(root / "model", dtype=torch.bfloat16)
    model = PeftModel.from_pretrained(model, str(root / "adapter")).eval() if tuned else model.eval()
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
    )
    inputs = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    made = model.generate(
        **{name: inputs[name] for name in ("input_ids", "attention_mask")}, max_new_tokens=limit, do_sample=False
    )
    return str(tokenizer.decode(made[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_answers_are_those_of_the_published_adapter_and_of_its_base(world: World, prompt: str) -> None:
    tuned, base = world.answer("support", prompt), world.answer("base", prompt)
    assert tuned == expected(world.root, prompt, tuned=True)
    assert base == expected(world.root, prompt, tuned=False)
    assert tuned != base


def test_requests_that_come_together_are_answered_each_by_its_own_model(world: World) -> None:
    asked = [
        (model, f"{prompt} {number}") for number, prompt in enumerate(PROMPTS * 3) for model in ("support", "base")
    ]
    with ThreadPoolExecutor(len(asked)) as pool:
        found = list(pool.map(lambda pair: world.answer(pair[0], pair[1], limit=3), asked))
    assert len(found) == 24
    by_model = {
        model: [answer for (name, _), answer in zip(asked, found, strict=True) if name == model] for model, _ in asked
    }
    assert by_model["support"] != by_model["base"]


def test_a_streamed_answer_is_the_whole_one_in_pieces(world: World) -> None:
    body = {"model": "support", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 12, "stream": True}
    status, text = world.post("/v1/chat/completions", body)
    events = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert status == 200
    assert events.pop() == "[DONE]"
    choices = [json.loads(event)["choices"][0] for event in events]
    assert "".join(choice["delta"].get("content", "") for choice in choices) == world.answer("support", "Hello")
    assert choices[-1]["finish_reason"] in {"stop", "length"}


async def test_the_monitors_probes_get_answers_and_leave_no_record(world: World) -> None:
    before = world.recorded()
    endpoint = Endpoint(url=f"{world.url}/v1", adapter_model="support", base_model="base")
    rounds = await probe_round(endpoint, Probe(max_tokens=8), ssl.create_default_context())
    assert [each.errors for each in rounds] == [(), ()]
    assert world.recorded() == before


def test_the_record_holds_what_users_asked_the_adapter(world: World) -> None:
    before = world.recorded()
    world.answer("support", "recorded")
    world.answer("base", "not recorded")
    assert world.recorded() == before + 1


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        pytest.param({"model": "other"}, 400, "there is no model 'other' here; there are support, base", id="model"),
        pytest.param({"temperature": 0.7}, 400, "this server answers greedily and once", id="sampling"),
        pytest.param({"n": 2}, 400, "this server answers greedily and once", id="several answers"),
        pytest.param({"max_tokens": 9999}, 400, "max_tokens must be a number from 1 to 512", id="too many tokens"),
        pytest.param({"max_tokens": "5"}, 400, "max_tokens must be a number", id="tokens as text"),
        pytest.param({"messages": []}, 400, "messages must be a list of", id="no messages"),
        pytest.param({"messages": [{"role": "user", "content": [1]}]}, 400, "messages must be", id="content parts"),
        pytest.param({"messages": [{"role": "user", "content": "x" * 300}]}, 400, "context of 256", id="too long"),
    ],
)
def test_what_it_cannot_do_is_refused(world: World, change: dict[str, Any], status: int, message: str) -> None:
    body = {"model": "support", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4} | change
    found, answer = world.post("/v1/chat/completions", body)
    assert found == status
    assert message in answer["error"]["message"]


def test_broken_bodies_and_unknown_paths(world: World) -> None:
    assert world.post("/v1/chat/completions", b"{")[0] == 400
    assert world.post("/v1/chat/completions", b"[]")[0] == 400
    assert world.get("/v1/nothing")[0] == 404
    assert [(model["id"], model["parent"]) for model in world.get("/v1/models")[1]["data"]] == [
        ("support", "base"),
        ("base", None),
    ]


def test_an_adapter_that_differs_from_its_manifest_is_not_served(folders_of_models: Path, tmp_path: Path) -> None:
    write_adapter(tmp_path / "adapter")
    config = tmp_path / "adapter" / "adapter_config.json"
    config.write_text(config.read_text().replace('"r": 4', '"r": 5'))
    (tmp_path / "model").symlink_to(folders_of_models / "model")
    done = subprocess.run(command(tmp_path, free_port()), capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 1
    assert "adapter_config.json differs from its manifest" in done.stderr
    assert "Traceback" not in done.stderr
