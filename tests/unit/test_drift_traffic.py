"""Traffic becomes lengths: which rows count, which objects are read, and that no text survives."""

import json
from pathlib import Path

import pytest

from tunewright_monitor import traffic
from tunewright_monitor.storage import FileReader, ObjectInfo, StorageError, read_credentials
from tunewright_monitor.traffic import TrafficReader, Window, parse

GOOD = b'{"prompt": "ab", "response": "cde"}'


@pytest.mark.parametrize(
    ("data", "rows", "rejected"),
    [
        pytest.param(b"", [], 0, id="empty object"),
        pytest.param(GOOD, [(2, 3)], 0, id="no line break at the end"),
        pytest.param(GOOD + b"\r\n\n  \n" + GOOD + b"\n", [(2, 3), (2, 3)], 0, id="blank lines and carriage returns"),
        pytest.param(b'{"prompt": "\xc3\xa9\xe2\x82\xac", "response": ""}', [(2, 0)], 0, id="characters, not bytes"),
        pytest.param(
            b'{"prompt": " a ", "response": "b\\n", "model": "x"}', [(1, 1)], 0, id="trimmed; more keys are fine"
        ),
        pytest.param(b'{"prompt": "a"}', [], 1, id="no response"),
        pytest.param(b'{"prompt": "a", "response": null}', [], 1, id="a response that is no text"),
        pytest.param(b'{"prompt": ["a"], "response": "b"}', [], 1, id="a prompt that is no text"),
        pytest.param(b"[1]\n3\nnull", [], 3, id="lines that are no objects"),
        pytest.param(b"{" + b"\n" + GOOD, [(2, 3)], 1, id="broken JSON beside a good row"),
        pytest.param(b'{"prompt": "\xff", "response": "b"}', [], 1, id="not UTF-8"),
        pytest.param(b"[" * 100_000, [], 1, id="nested too deeply"),
    ],
)
def test_rows(data: bytes, rows: list[tuple[int, int]], rejected: int) -> None:
    assert parse(data) == Window(rows, rejected)


def test_rows_come_newest_first() -> None:
    data = b"".join(json.dumps({"prompt": "x" * size, "response": ""}).encode() + b"\n" for size in (1, 2, 3))
    assert parse(data).rows == [(3, 0), (2, 0), (1, 0)]


def write(folder: Path, name: str, size: int, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    row = json.dumps({"prompt": "x" * size, "response": "y" * size})
    (folder / name).write_text((row + "\n") * count)


class CountingReader(FileReader):
    """The real reader, with a count."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def read(self, uri: str, start: int = 0) -> bytes:
        self.reads.append(uri.rpartition("/")[2])
        return super().read(uri, start)


def test_the_newest_objects_by_name_fill_the_window(tmp_path: Path) -> None:
    for number in range(1, 6):
        write(tmp_path / "2026", f"{number:02}.jsonl", number, 10)
    write(tmp_path, "2026/99.tmp", 99, 10)
    reader = CountingReader()
    window = TrafficReader(reader, f"file://{tmp_path}").newest(15)
    assert [prompt for prompt, _ in window.rows] == [5] * 10 + [4] * 5
    assert reader.reads == ["05.jsonl", "04.jsonl"]


def test_an_unchanged_object_is_read_once_and_a_changed_one_again(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", 1, 5)
    write(tmp_path, "b.jsonl", 2, 5)
    reader = CountingReader()
    window_of = TrafficReader(reader, f"file://{tmp_path}").newest
    assert len(window_of(10).rows) == 10
    assert len(window_of(10).rows) == 10
    assert reader.reads == ["b.jsonl", "a.jsonl"]
    write(tmp_path, "b.jsonl", 2, 7)
    assert len(window_of(20).rows) == 12
    assert reader.reads == ["b.jsonl", "a.jsonl", "b.jsonl"]


def test_of_a_huge_object_only_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "LARGEST_READ", 1000)
    write(tmp_path, "a.jsonl", 10, 500)
    window = TrafficReader(FileReader(), f"file://{tmp_path}").newest(10_000)
    assert window.rejected == 0
    assert 15 < len(window.rows) < 30


def test_an_object_that_vanished_after_the_listing_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", 1, 5)

    class StaleListing(FileReader):
        def newest(self, prefix: str, limit: int) -> list[ObjectInfo]:
            return [ObjectInfo(f"{prefix}/gone.jsonl", 10, "1"), *super().newest(prefix, limit)]

    assert len(TrafficReader(StaleListing(), f"file://{tmp_path}").newest(10).rows) == 5


def test_no_traffic_yet_is_an_empty_window(tmp_path: Path) -> None:
    assert TrafficReader(FileReader(), f"file://{tmp_path}/nothing").newest(10) == Window()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        pytest.param((), "has no key AWS_ACCESS_KEY_ID and no key AWS_SECRET_ACCESS_KEY", id="both keys missing"),
        pytest.param(("AWS_ACCESS_KEY_ID",), "has no key AWS_SECRET_ACCESS_KEY", id="one key missing"),
    ],
)
def test_a_secret_without_its_keys_is_named(tmp_path: Path, keys: tuple[str, ...], message: str) -> None:
    folder = tmp_path / "s3"
    folder.mkdir()
    for key in keys:
        (folder / key).write_text("value")
    with pytest.raises(StorageError, match=f"Secret s3 {message}"):
        read_credentials(folder)


def test_credentials_are_read_without_the_line_break_of_an_editor(tmp_path: Path) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        (tmp_path / key).write_text(f"{key.lower()}\n")
    assert read_credentials(tmp_path) == {
        "aws_access_key_id": "aws_access_key_id",
        "aws_secret_access_key": "aws_secret_access_key",
        "aws_session_token": "aws_session_token",
    }
