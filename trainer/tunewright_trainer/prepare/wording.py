"""Numbers in sentences."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """1 row, 2 rows, 12,345 rows."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def one_or_many(number: int, one: str, many: str) -> str:
    """The verb that goes with a number."""
    return one if number == 1 else many


def percent(share: float) -> str:
    """0.831 as 83 %."""
    return f"{100 * share:.0f} %"
