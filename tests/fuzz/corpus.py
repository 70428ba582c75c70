"""Files to start from: one of each format and each kind of packing, small so that a change of a few bytes goes far."""

import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.5}'}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
ASKED = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
ANSWERED = [*ASKED, {"role": "assistant", "content": "a", "weight": 1}]
CALLED = [
    *ASKED,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "t"},
    {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
]
ROWS: list[dict[str, Any]] = [
    {"messages": ANSWERED},
    {"messages": CALLED, "tools": [TOOL], "parallel_tool_calls": False},
    {"messages": [*ANSWERED, {"role": "user", "content": "u"}, {"role": "assistant", "content": "b", "weight": 0}]},
    {"prompt": "p", "completion": "c", "category": "x", "synthetic": True},
    {"prompt": ASKED, "completion": [{"role": "assistant", "content": "c"}], "tools": json.dumps([TOOL])},
    {"instruction": "i", "input": "n", "output": "o"},
    {"text": "t\u00e9xt \U0001f600 \u2028"},
    {"conversations": [{"from": "human", "value": "h"}, {"from": "gpt", "value": "g"}], "system": "s"},
    {"conversations": [{"from": "human", "value": "h"}, {"from": "function_call", "value": '{"name": "f", "arguments": {}}'}, {"from": "observation", "value": ""}, {"from": "gpt", "value": "g"}]},
    {"prompt": "p", "chosen": "c", "rejected": "r"},
    {"chosen": [*ASKED, {"role": "assistant", "content": "c"}], "rejected": [*ASKED, {"role": "assistant", "content": "r"}]},
    {"input": {"messages": ASKED, "tools": [TOOL]}, "preferred_output": [{"role": "assistant", "content": "c"}], "non_preferred_output": [{"role": "assistant", "content": "r"}]},
    {"prompt": "p", "completion": "c", "label": True},
    {"prompt": "p", "answer": "a"},
]  # fmt: skip
ODD_LINES = [
    b'{"a": NaN}', b'{"a": 1, "a": 2}', b'{"a": "\\ud800"}', b'{"a": "\\u0022"}', b'{"a": 1e999}', b'{"a": 12345678901234567890123}',
    b"[1]", b'{"a": "\xff"}', b"null", b'"x"', b"{", b"[{", b"a,b\n1,2", b"\xff\xfe{\x00", b'{"prompt": "a", "compl',
    b"PK\x03\x04", b"BZh9", b"<html>", b"\r{}\r{}", b"[" * 300, b'{"a":' * 120 + b"1" + b"}" * 120, b" \t\r\x0b", b"\x00",
]  # fmt: skip


def line(row: dict[str, Any]) -> bytes:
    """A row of JSON Lines."""
    return json.dumps(row, ensure_ascii=False).encode()


def table(rows: list[dict[str, Any]]) -> bytes:
    """The same rows as Parquet."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def files() -> list[bytes]:
    """All of it."""
    lines = [line(row) for row in ROWS]
    together = [
        b"\xef\xbb\xbf" + b"\r\n".join(lines[start::5]) + b"\n\n" + b"\n".join(ODD_LINES[start::5])
        for start in range(5)
    ]
    tables = [table([row]) for row in ROWS if "parallel_tool_calls" not in row] + [table([{"text": "a"}] * 70)]
    packed = [gzip.compress(lines[0], mtime=0), pa.compress(lines[0], codec="zstd", asbytes=True)]
    return [
        b"",
        *lines,
        *ODD_LINES,
        *together,
        *tables,
        *packed,
        gzip.compress(tables[3], mtime=0),
        *(each[:-3] for each in packed),
    ]


WORDS = sorted(
    {
        *(key for row in ROWS for key in row),
        *("role", "content", "name", "weight", "tool_calls", "tool_call_id", "function", "arguments", "type", "id", "from", "value"),
        *("system", "user", "assistant", "tool", "developer", "human", "gpt", "function_call", "observation", "text"),
    }
)  # fmt: skip
"""Words of the formats, for a fuzzer's dictionary."""
