"""What so many rows can tell about a share."""

from math import sqrt

Z95 = 1.959964
"""Two-sided 95 %."""


def wilson(found: float, rows: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's interval of a share: honest for few rows and for shares near 0 and 1."""
    if not rows:
        return 0.0, 1.0
    share = found / rows
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def half_width(rows: int) -> float:
    """How far off a score of one half may be, measured on so many rows."""
    low, high = wilson(rows / 2, rows)
    return (high - low) / 2
