"""The answers that are learned from a record, for checks that look at answers only."""

from collections.abc import Iterator

from tunewright_trainer.prepare.records import Record

LEARNED = ("completion", "chosen")


def answers(record: Record) -> Iterator[tuple[str, str]]:
    """(field, text) of each learned answer that has words: of a pair the better one, of a conversation all of them. Plain texts have none."""
    several = len(record.examples) > 1
    for index, example in enumerate(record.examples):
        for name in LEARNED:
            for message in example.answers.get(name, ()):
                content = message.get("content")
                if isinstance(content, str) and content:
                    yield f"{name} of example {index + 1}" if several else name, content
