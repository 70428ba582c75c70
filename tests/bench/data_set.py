"""Makes a large chat data set that reads like English and never repeats itself: walks over the word pairs of the standard library's help topics. `python -m bench.data_set FILE BYTES`."""

import json
import random
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from pydoc_data import topics

ROWS_AT_ONCE = 10_000
WORDS_OF_A_QUESTION = (10, 40)
WORDS_OF_AN_ANSWER = (40, 200)


class Writer:
    """Writes rows, each from the same seed onward."""

    def __init__(self, seed: int = 0) -> None:
        self._draw = random.Random(seed)
        self._following: dict[str, list[str]] = defaultdict(list)
        words = " ".join(str(topic) for _, topic in sorted(topics.topics.items())).split()
        for word, following in pairwise(words):
            self._following[word].append(following)
        self._first = sorted({word for word in self._following if word[:1].isupper()})

    def text(self, bounds: tuple[int, int]) -> str:
        """So many words, or a few less at the end of what is known."""
        chance = self._draw.random
        word = self._first[int(chance() * len(self._first))]
        words = [word]
        for _ in range(self._draw.randint(*bounds)):
            choices = self._following.get(word) or self._first
            word = choices[int(chance() * len(choices))]
            words.append(word)
        return " ".join(words)

    def row(self) -> str:
        """One line."""
        messages = [
            {"role": "user", "content": self.text(WORDS_OF_A_QUESTION)},
            {"role": "assistant", "content": self.text(WORDS_OF_AN_ANSWER)},
        ]
        return json.dumps({"messages": messages}, ensure_ascii=False) + "\n"


def write(path: Path, size: int, seed: int = 0) -> int:
    """Write rows until the file has `size` bytes; the number of rows."""
    writer, rows = Writer(seed), 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            file.write("".join(writer.row() for _ in range(ROWS_AT_ONCE)))
            rows += ROWS_AT_ONCE
    return rows


if __name__ == "__main__":
    sys.stdout.write(f"{write(Path(sys.argv[1]), int(sys.argv[2]))} rows\n")
