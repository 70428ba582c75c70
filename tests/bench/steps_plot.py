"""Shares that are reached by a time, as steps in an SVG that any page can show."""

from collections.abc import Mapping, Sequence
from math import log10
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 300, 52, 40, 34
COLOURS = ("#2563eb", "#b45309", "#047857")


def steps_plot(curves: Mapping[str, Sequence[float]], title: str, unit: str) -> str:
    """One curve for each name: over each value, on a logarithmic axis, the share of the values that are not above it."""
    values = [value for curve in curves.values() for value in curve]
    low, high = log10(min(values)), log10(max(values))

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - 20) * (log10(value) - low) / max(high - low, 1e-9)

    def y(share: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/><text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]
    for share in (0, 0.5, 0.99):
        parts.append(f'<path d="M{LEFT} {y(share):.1f}H{WIDTH - 20}" stroke="#d4d4d4"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for mark in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000):
        if low <= log10(mark) <= high:
            parts.append(f'<path d="M{x(mark):.1f} {y(0)}v5" stroke="#737373"/>')
            parts.append(f'<text x="{x(mark):.1f}" y="{y(0) + 18}" text-anchor="middle">{mark} {unit}</text>')
    for curve, colour in zip(curves.values(), COLOURS, strict=False):
        ordered = sorted(curve)
        path = "".join(f"H{x(value):.1f}V{y((index + 1) / len(ordered)):.1f}" for index, value in enumerate(ordered))
        parts.append(f'<path d="M{x(ordered[0]):.1f} {y(0)}{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    for index, (name, colour) in enumerate(zip(curves, COLOURS, strict=False)):
        parts.append(
            f'<text x="{WIDTH - 20}" y="{y(0.4) + 18 * index:.1f}" text-anchor="end" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"
