"""Which part a row belongs to."""

from tunewright_api.spec import Split
from tunewright_trainer.prepare.split import Part, key_of, part_of

SPLIT = Split()


def prompts(count: int) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": f"question {number}"}] for number in range(count)]


def test_appending_rows_moves_no_row() -> None:
    before = [part_of(key_of(prompt), SPLIT) for prompt in prompts(200)]
    assert [part_of(key_of(prompt), SPLIT) for prompt in prompts(400)][:200] == before


def test_the_parts_have_about_their_shares() -> None:
    parts = [part_of(key_of(prompt), SPLIT) for prompt in prompts(5000)]
    assert 0.08 < parts.count(Part.TEST) / 5000 < 0.12
    assert 0.08 < parts.count(Part.VALIDATION) / 5000 < 0.12


def test_characters_that_cannot_be_seen_do_not_move_a_prompt() -> None:
    plain = key_of([{"role": "user", "content": "Where is caf\u00e9 one?"}])
    for hidden in (
        "Where\u200b is cafe\u0301 one?\ufeff",
        "Wh\x07ere is caf\u00e9\ufe0f one?",
        "Where is cafe\u2060\u0301 on\U000e0041e?",
    ):
        assert key_of([{"role": "user", "content": hidden}]) == plain


def test_case_spacing_and_system_message_do_not_move_a_prompt() -> None:
    plain = [{"role": "user", "content": "What is it?"}]
    dressed = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "  what  IS it? "}]
    assert part_of(key_of(plain), SPLIT) is part_of(key_of(dressed), SPLIT)
