"""How an object is read: every line is a row or a problem, and what spoils the whole object is said of the whole."""

import gzip
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewright_trainer.prepare.reading import Unreadable, chunks, rows
from tunewright_trainer.prepare.reading.lines import CHUNK_BYTES, LONGEST_ROW
from tunewright_trainer.prepare.records import Problem, RawRow


def read(folder: Path, data: bytes, name: str = "rows.jsonl") -> list[RawRow | Problem]:
    path = folder / name
    path.write_bytes(data)
    return [item for piece in chunks(path) for item in ([piece] if isinstance(piece, Problem) else rows(piece))]


BAD_LINES = [
    pytest.param(b'{"prompt": "a", ', "not valid JSON at column 16 (Expecting property name enclosed in double quotes); each line must be one complete JSON object", id="cut JSON"),
    pytest.param(b'["a"]', "is a JSON array; each line must be one JSON object", id="an array"),
    pytest.param(b"null", "is a JSON null; each line must be one JSON object", id="null"),
    pytest.param(b'{"a": "b", "a": "c"}', "key 'a' stands twice", id="a key twice"),
    pytest.param(b'{"a": {"b": 1, "c": 2, "b": 1}}', "key 'b' stands twice", id="a key twice, further in"),
    pytest.param(b'{"a": 1, "\\u0061": 2}', "key 'a' stands twice", id="a key twice, written differently"),
    pytest.param(b'{"a\\"": 1, "a\\u0022": 2}', "key 'a\"' stands twice", id="a key with a quotation mark twice, written differently"),
    pytest.param(b'{"a": NaN}', "NaN is not JSON; write null or a number", id="NaN"),
    pytest.param(b'{"a": -Infinity}', "-Infinity is not JSON; write null or a number", id="infinity"),
    pytest.param(b'{"a": 1e999}', "holds a number that is too large; write it as a text", id="a number that is too large"),
    pytest.param(b'{"a": ' + b"1" * 5000 + b"}", "holds a number that is too large; write it as a text", id="a number of five thousand digits"),
    pytest.param('{"a": "gr\u00fcn"}'.encode("latin-1"), "byte 10 is not UTF-8; save the file as UTF-8", id="Latin-1"),
    pytest.param(b'{"a": "\\uD83d"}', "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; write the character itself", id="half of a surrogate pair"),
    pytest.param(b'{"a":' * 300 + b"1" + b"}" * 300, "nested too deeply", id="three hundred levels"),
    pytest.param(b'{"a":' + b"[" * 100_000, "nested too deeply", id="a hundred thousand brackets"),
    pytest.param(b'{"a": 1}\r{"a": 2}', "ends its lines with a carriage return alone; save the file with line feeds", id="lines of an old Mac"),
    pytest.param(b'{"a": "' + b"x" * LONGEST_ROW + b'"}', "is 16 MiB long; a row can have 16 MiB at most", id="a line of more than 16 MiB"),
    pytest.param(b'{"a": "' + b"x" * 50_000_000 + b'"}', "is 47 MiB long; a row can have 16 MiB at most", id="a line of 50 MB"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_is_a_problem_and_its_neighbours_are_rows(tmp_path: Path, line: bytes, reason: str) -> None:
    found = read(tmp_path, b'{"n": 1}\n\n' + line + b'\n{"n": 2}')
    assert found == [RawRow(1, {"n": 1}), Problem(3, reason), RawRow(4, {"n": 2})]


GOOD_LINES: list[Any] = [
    pytest.param(b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}\r\n', [RawRow(1, {"a": 1}), RawRow(2, {"a": 2})], id="byte order mark and CRLF"),
    pytest.param(b'\n \t\r\n{"a": 1}\n\n', [RawRow(3, {"a": 1})], id="blank lines"),
    pytest.param(b"", [], id="an empty file"),
    pytest.param(b"\xef\xbb\xbf", [], id="nothing but a byte order mark"),
    pytest.param('{"a": "\u2028\\u0085\\u001c\\ud83d\\ude00 \\u0022"}'.encode(), [RawRow(1, {"a": "\u2028\x85\x1c\U0001f600 \""})], id="characters that other readers take for ends of lines"),
    pytest.param(b'{"a": ' + b"[" * 99 + b"]" * 99 + b"}", [RawRow(1, {"a": json.loads("[" * 99 + "]" * 99)})], id="a hundred levels"),
]  # fmt: skip


@pytest.mark.parametrize("pack", [bytes, lambda data: gzip.compress(data, mtime=0), lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:]), lambda data: pa.compress(data, codec="zstd", asbytes=True)], ids=["plain", "gzip", "two gzip members", "zstd"])  # fmt: skip
@pytest.mark.parametrize(("data", "expected"), GOOD_LINES)
def test_good_lines_are_rows_however_they_are_packed(
    tmp_path: Path, pack: Any, data: bytes, expected: list[RawRow]
) -> None:
    assert read(tmp_path, pack(data), "rows.dat") == expected


def table(*rows: dict[str, Any], **columns: Any) -> bytes:
    """A Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)) if rows else pa.table(columns), sink)
    return sink.getvalue()


LINES = b'{"a": 1}\n' * 3000
ZSTD = pa.compress(LINES, codec="zstd", asbytes=True)
PARQUET = table({"a": "x" * 50}, {"a": "y"})
WHOLE = [
    pytest.param(gzip.compress(LINES)[:-9], "is cut short: it cannot be unpacked as gzip to its end; upload it again", id="gzip that is cut"),
    pytest.param(ZSTD[:-1], "is cut short: it cannot be unpacked as zstd to its end; upload it again", id="zstd that is cut"),
    pytest.param(gzip.compress(LINES) + b"garbage", "is damaged, or has other bytes at its end: it cannot be unpacked as gzip to its end; upload it again", id="gzip with other bytes at its end"),
    pytest.param(ZSTD + b"garbage", "is damaged, or has other bytes at its end: it cannot be unpacked as zstd to its end; upload it again", id="zstd with other bytes at its end"),
    pytest.param(gzip.compress(gzip.compress(LINES)), "is packed twice; pack it once, with gzip or zstd", id="gzip in gzip"),
    pytest.param(gzip.compress(PARQUET), "is a Parquet file inside gzip; Parquet packs its columns itself: upload it as it is", id="Parquet in gzip"),
    pytest.param(PARQUET[:-9], "is a Parquet file that is cut short or damaged; upload it again", id="Parquet without its end"),
    pytest.param(b"PAR1" + b"\x00" * 100 + PARQUET[-200:], "is a Parquet file that is cut short or damaged; upload it again", id="Parquet with the end of another"),
    pytest.param(b'[\n  {"a": 1},\n  {"a": 2}\n]', "is one JSON array; write one object on each line, without brackets and commas: jq -c '.[]'", id="one JSON array"),
    pytest.param(b'{\n  "a": 1\n}\n', "holds JSON objects of several lines; write each object on one line: jq -c .", id="objects over several lines"),
    pytest.param(b"id,prompt,completion\n1,say red,red\n", "is a table with commas (CSV); save it as JSON Lines or Parquet", id="a table with commas"),
    pytest.param(b"id\tprompt\n1\tsay red\n", "is a table with tabs (CSV); save it as JSON Lines or Parquet", id="a table with tabs"),
    pytest.param('{"a": 1}'.encode("utf-16"), "is text in UTF-16; save it as UTF-8", id="UTF-16"),
    pytest.param('{"a": 1}'.encode("utf-16-le"), "is text in UTF-16 or UTF-32, or no text; save it as UTF-8", id="UTF-16 without its mark"),
    pytest.param(b"PK\x03\x04rest", "is a ZIP archive (or a spreadsheet); upload the rows themselves, as JSON Lines or Parquet", id="a ZIP archive"),
    pytest.param(b"<html>", "is a web page or XML; rows are read from JSON Lines or Parquet", id="a web page"),
    pytest.param(table(a=pa.array([datetime(2026, 1, 1)])), "has a column 'a' of type timestamp[us]; rows hold texts, numbers, true or false, lists and structs: cast it to a text, or leave it out", id="a column of times"),
    pytest.param(table(a=pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string()))), "has a column 'a' of type map<string, string ('a')>; rows hold texts, numbers, true or false, lists and structs: cast it to a text, or leave it out", id="a column of maps"),
    pytest.param(table(a=pa.array([[{"b": None}]], pa.list_(pa.struct([("b", pa.decimal128(5))])))), "has a column 'a[].b' of type decimal128(5, 0); rows hold texts, numbers, true or false, lists and structs: cast it to a text, or leave it out", id="decimals further in"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "verdict"), WHOLE)
def test_what_is_no_file_of_rows_is_refused_as_a_whole(tmp_path: Path, data: bytes, verdict: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read(tmp_path, data)
    assert str(raised.value) == verdict


def test_parquet_under_the_name_of_json_lines_is_read_as_what_it_is(tmp_path: Path) -> None:
    rows_in = [{"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a", "weight": 1}], "n": 1.5}, {"messages": [], "n": None}]  # fmt: skip
    found = read(tmp_path, table(*rows_in))
    # A struct has all fields of all rows: those without a value are absent. An empty column stays, for its format to judge.
    assert found == [RawRow(1, rows_in[0]), RawRow(2, rows_in[1])]


PARQUET_ROWS = [
    pytest.param(pa.array([1.0, float("nan"), 2.0]), "column 'a' holds NaN or an infinite number, which are not JSON; write null or a number", id="NaN"),
    pytest.param(pa.array([b"x", b"\xff", b"y"]), "column 'a' is not UTF-8; save the texts as UTF-8", id="bytes that are no text"),
    pytest.param(pa.array([b"x", b"\xff", b"y"]).view(pa.string()), "column 'a' is not UTF-8; save the texts as UTF-8", id="a text that is not UTF-8"),
    pytest.param(pa.array(["x", "z" * (LONGEST_ROW + 1), "y"]), "is 16 MiB long; a row can have 16 MiB at most", id="a row of more than 16 MiB"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "reason"), PARQUET_ROWS)
def test_a_bad_row_of_parquet_is_named_by_its_number(tmp_path: Path, column: pa.Array, reason: str) -> None:
    first, bad, last = read(tmp_path, table(a=column))
    assert (type(first), bad, type(last)) == (RawRow, Problem(2, reason), RawRow)
    assert (first.line, last.line) == (1, 3)


def test_chunks_are_small_and_know_their_lines(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"".join(b'{"n": %d, "t": "%s"}\n' % (n, b"x" * (n % 3000)) for n in range(3000)))
    pieces = [piece for piece in chunks(tmp_path / "rows") if not isinstance(piece, Problem)]
    assert len(pieces) > 3
    assert max(len(piece.data) for piece in pieces) < 2 * CHUNK_BYTES
    found = [item for piece in pieces for item in rows(piece)]
    assert [(item.line, item.value["n"]) for item in found if isinstance(item, RawRow)] == [
        (n + 1, n) for n in range(3000)
    ]


def test_chunks_of_parquet_know_their_rows(tmp_path: Path) -> None:
    data = [{"n": n, "t": "x" * 1000} for n in range(5000)]
    (tmp_path / "rows").write_bytes(table(*data))
    pieces = [piece for piece in chunks(tmp_path / "rows") if not isinstance(piece, Problem)]
    assert len(pieces) > 3
    assert max(len(piece.data) for piece in pieces) < 2 * CHUNK_BYTES
    assert [item for piece in pieces for item in rows(piece)] == [RawRow(n + 1, row) for n, row in enumerate(data)]


def test_problems_never_quote_the_row(tmp_path: Path) -> None:
    for line in (
        b'{"secret": "hunter2", ',
        b'{"secret": "hunter2", "secret": "hunter2"}',
        b'"hunter2"',
        b'{"a": "hunter2\xff"}',
    ):
        (problem,) = read(tmp_path, line)
        assert isinstance(problem, Problem)
        assert "hunter2" not in problem.reason
