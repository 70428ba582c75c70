"""Answers with JSON that does not parse, open fences, and sentences that stop in the middle, among answers of plain text."""

import json
import random
from collections.abc import Sequence

from dirty.rows import Planted, Row, answered, docstrings

WEAK = "JSON of another schema, styles within Markdown, tone; a heading at the very end passes for a cut sentence where it is long"
LEAST_RECALL = 0.9
OBJECT = {"name": "open", "arguments": ["path", "mode"], "answer": {"yes": True, "count": 3}}
DECOYS = (
    json.dumps(OBJECT),
    "Here it is:\n```json\n" + json.dumps(OBJECT) + "\n```",
    "- one\n- two\n- three",
    "Yes",
    "x = {1: 2}",
)


def clean(count: int, seed: int) -> list[Row]:
    """Docstrings as plain prose, one paragraph each: as they are they mix several forms."""
    draw = random.Random(seed)
    rows: list[Row] = []
    while len(rows) < count:
        name, text = draw.choice(docstrings())
        paragraph = " ".join(text.split("\n\n")[0].split())
        if paragraph.endswith(".") and not {"`", "*", "["} & set(paragraph):
            rows.append({"prompt": f"What does {name} do?", "completion": paragraph})
    return rows


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """Fifteen broken answers."""
    draw = random.Random(seed)
    text = json.dumps(OBJECT, indent=draw.choice((None, 2)))
    prose = " ".join(row["completion"] for row in draw.sample(list(rows), 12))
    words = [word for word in prose.split() if word.strip(".,:;()").isalpha()]
    cut = " ".join(words[:60]).rstrip(".,:;)")
    faults = (
        text[:-1], text.replace('"', "'"), text.replace(": ", ":", 1).replace(",", ",,", 1), text[: len(text) // 2], text + " Done.",
        "```json\n" + text[:-1] + "\n```", "Run this:\n```python\nprint(1)\n", "```\nx = 1",
        cut + " continues", "It returns the list. Then " + cut + " and",
        "The result is a list of the", "First the file is opened, then it is read,", " " + words[0] + " follows.", "It is read.\n", "\tIt is closed.",
    )  # fmt: skip
    return answered(rows, seed, faults, DECOYS[-1:] + DECOYS[3:4])
