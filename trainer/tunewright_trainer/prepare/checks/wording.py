"""Words that the sentences of several checks share."""


def share_of(found: int, rows: int, what: str = "rows") -> str:
    """3 of 1,000 rows (0.3 %)."""
    return f"{found:,} of {rows:,} {what} ({percent(found / rows if rows else 0.0)})"


def percent(share: float) -> str:
    """A share as people read it: 0.04 %, 0.3 %, 12 %."""
    hundredths = 100 * share
    if hundredths >= 10 or hundredths == 0:
        return f"{hundredths:.0f} %"
    return f"{hundredths:.1f} %" if hundredths >= 0.1 else f"{max(hundredths, 0.01):.2f} %"
